package posture

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// seen is what the cluster's rules are, with names: of it only classes and
// counts go into the observation.
type seen struct {
	rules []Rule
	other int
	// open and closed are names of validating webhooks, by failurePolicy.
	open, closed map[string]bool
	candidates   candidates
}

// scope is whom a rule looks at.
type scope struct {
	rules      []registrationv1.RuleWithOperations
	except     []registrationv1.RuleWithOperations
	namespaces *metav1.LabelSelector
	objects    *metav1.LabelSelector
	conditions []registrationv1.MatchCondition
	// names of objects that it spares.
	names []string
}

// look reads the cluster's webhooks and policies. The namespaces are given by
// their labels, podLabels are those of a pod of the run.
func look(ctx context.Context, env *cluster.Env, namespaces []map[string]string, podLabels map[string]string) (seen, error) {
	s := seen{open: map[string]bool{}, closed: map[string]bool{}}
	registration := env.Runner.AdmissionregistrationV1()
	validating, err := registration.ValidatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return s, fmt.Errorf("list validating webhooks: %s", word(err))
	}
	for _, c := range validating.Items {
		for _, h := range c.Webhooks {
			r := Rule{Kind: ValidatingWebhook, Engine: engine(c.Name, h.Name), Fails: failsOf(h.FailurePolicy), Effect: EffectUnknown}
			if !s.add(r, namespaces, podLabels, scope{rules: h.Rules, namespaces: h.NamespaceSelector, objects: h.ObjectSelector, conditions: h.MatchConditions}) {
				continue
			}
			if r.Fails == FailsOpen {
				s.open[h.Name] = true
			} else {
				s.closed[h.Name] = true
			}
		}
	}
	mutating, err := registration.MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return s, fmt.Errorf("list mutating webhooks: %s", word(err))
	}
	for _, c := range mutating.Items {
		for _, h := range c.Webhooks {
			s.add(Rule{Kind: MutatingWebhook, Engine: engine(c.Name, h.Name), Fails: failsOf(h.FailurePolicy), Effect: EffectUnknown},
				namespaces, podLabels, scope{rules: h.Rules, namespaces: h.NamespaceSelector, objects: h.ObjectSelector, conditions: h.MatchConditions})
		}
	}
	policies, err := registration.ValidatingAdmissionPolicies().List(ctx, metav1.ListOptions{})
	if err != nil {
		return s, fmt.Errorf("list ValidatingAdmissionPolicies: %s", word(err))
	}
	byName := map[string]registrationv1.ValidatingAdmissionPolicy{}
	for _, p := range policies.Items {
		byName[p.Name] = p
	}
	bindings, err := registration.ValidatingAdmissionPolicyBindings().List(ctx, metav1.ListOptions{})
	if err != nil {
		return s, fmt.Errorf("list ValidatingAdmissionPolicyBindings: %s", word(err))
	}
	for _, b := range bindings.Items {
		p, there := byName[b.Spec.PolicyName]
		if !there || p.Spec.MatchConstraints == nil {
			continue // it is never evaluated
		}
		if !denies(b) && slices.ContainsFunc(bindings.Items, func(of registrationv1.ValidatingAdmissionPolicyBinding) bool { return denies(of) && sameObjects(of, b) }) {
			continue // it also reports what another binding denies
		}
		r := Rule{Kind: AdmissionPolicy, Engine: engine(p.Name, b.Name), Fails: failsOf(p.Spec.FailurePolicy), Effect: Reports}
		if denies(b) {
			r.Effect = Denies
		}
		scopes := []scope{scopeOf(p.Spec.MatchConstraints, p.Spec.MatchConditions)}
		if b.Spec.MatchResources != nil {
			scopes = append(scopes, scopeOf(b.Spec.MatchResources, nil))
		}
		s.add(r, namespaces, podLabels, scopes...)
	}
	s.rules = grouped(s.rules)
	return s, nil
}

func denies(b registrationv1.ValidatingAdmissionPolicyBinding) bool {
	return slices.Contains(b.Spec.ValidationActions, registrationv1.Deny)
}

// sameObjects reports whether two bindings hold the same objects against the
// same policy with the same parameters.
func sameObjects(a, b registrationv1.ValidatingAdmissionPolicyBinding) bool {
	return a.Spec.PolicyName == b.Spec.PolicyName && equality.Semantic.DeepEqual(a.Spec.MatchResources, b.Spec.MatchResources) &&
		equality.Semantic.DeepEqual(a.Spec.ParamRef, b.Spec.ParamRef)
}

// engine gives a word for each object: of a product that is known, or other.
func engine(words ...string) string {
	if name := cluster.Engine(words...); name != "" {
		return name
	}
	return EngineOther
}

func failsOf(p *registrationv1.FailurePolicyType) Fails {
	if p != nil && *p == registrationv1.Ignore {
		return FailsOpen
	}
	return FailsClosed
}

func scopeOf(m *registrationv1.MatchResources, conditions []registrationv1.MatchCondition) scope {
	s := scope{rules: unnamed(m.ResourceRules), except: unnamed(m.ExcludeResourceRules), namespaces: m.NamespaceSelector, objects: m.ObjectSelector, conditions: conditions}
	for _, r := range m.ExcludeResourceRules {
		s.names = append(s.names, r.ResourceNames...)
	}
	return s
}

// unnamed leaves out rules that are for objects of certain names: a pod is none
// of them unless it chooses to be.
func unnamed(rules []registrationv1.NamedRuleWithOperations) []registrationv1.RuleWithOperations {
	var out []registrationv1.RuleWithOperations
	for _, r := range rules {
		if len(r.ResourceNames) == 0 {
			out = append(out, r.RuleWithOperations)
		}
	}
	return out
}

// add takes the rule in when all its scopes hold pods of the tenant that are
// created, and reports whether they do.
func (s *seen) add(r Rule, namespaces []map[string]string, podLabels map[string]string, scopes ...scope) bool {
	created, podsInScope := true, true
	r.Update, r.Ephemeral = true, true
	for _, c := range scopes {
		created = created && c.takes(registrationv1.Create, "pods", "")
		r.Update = r.Update && c.takes(registrationv1.Update, "pods", "")
		r.Ephemeral = r.Ephemeral && c.takes(registrationv1.Update, "pods", "ephemeralcontainers")
		podsInScope = podsInScope && selects(c.objects, podLabels)
		r.ObjectSelector = r.ObjectSelector || c.objects != nil && len(c.objects.MatchLabels)+len(c.objects.MatchExpressions) > 0
		r.MatchConditions = r.MatchConditions || len(c.conditions) > 0
	}
	if !created {
		return false
	}
	for _, ns := range namespaces {
		if !slices.ContainsFunc(scopes, func(c scope) bool { return !selects(c.namespaces, ns) }) {
			r.Namespaces++
		}
	}
	if !podsInScope || r.Namespaces == 0 {
		s.other++
		return false
	}
	r.Count = 1
	s.rules = append(s.rules, r)
	if r.Kind != MutatingWebhook {
		for _, c := range scopes {
			s.candidates.leave(c)
		}
	}
	return true
}

// takes reports whether the scope holds an operation on pods.
func (c scope) takes(op registrationv1.OperationType, resource, sub string) bool {
	in := func(rules []registrationv1.RuleWithOperations) bool {
		return slices.ContainsFunc(rules, func(r registrationv1.RuleWithOperations) bool { return ruleTakes(r, op, resource, sub) })
	}
	return in(c.rules) && !in(c.except)
}

// ruleTakes follows the API server's own rules: "*" is every resource without
// its subresources, "*/*" every one with them, "pods/*" all subresources.
func ruleTakes(r registrationv1.RuleWithOperations, op registrationv1.OperationType, resource, sub string) bool {
	if r.Scope != nil && *r.Scope == registrationv1.ClusterScope {
		return false
	}
	if !slices.Contains(r.Operations, op) && !slices.Contains(r.Operations, registrationv1.OperationAll) ||
		!slices.Contains(r.APIGroups, "") && !slices.Contains(r.APIGroups, "*") ||
		!slices.Contains(r.APIVersions, "v1") && !slices.Contains(r.APIVersions, "*") {
		return false
	}
	return slices.ContainsFunc(r.Resources, func(of string) bool {
		base, ofSub, _ := strings.Cut(of, "/")
		return (base == "*" || base == resource) && (ofSub == "*" || ofSub == sub) && (of != resource+"/*" || sub != "")
	})
}

// selects reports whether a selector matches; none matches all. One that can
// not be read matches as well: the API server would not have taken it.
func selects(selector *metav1.LabelSelector, of map[string]string) bool {
	if selector == nil {
		return true
	}
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err != nil || s.Matches(labels.Set(of))
}

// grouped makes one entry of rules with the same facts.
func grouped(rules []Rule) []Rule {
	count := map[Rule]int{}
	for _, r := range rules {
		r.Count = 0
		count[r]++
	}
	out := make([]Rule, 0, len(count))
	for r, n := range count {
		r.Count = n
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return fmt.Sprint(out[i]) < fmt.Sprint(out[j]) })
	return out
}
