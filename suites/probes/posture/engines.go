package posture

import (
	"context"
	"encoding/json"
	"slices"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// EngineResource is a resource of a policy engine whose objects say whether
// they are enforced.
type EngineResource struct{ Group, Resource string }

// EngineResources are those that are read, where the runner may. Gatekeeper's
// constraints are not among them: each has a kind of its own, and to read them
// all the runner would need a wildcard.
func EngineResources() []EngineResource {
	return []EngineResource{{"kyverno.io", "clusterpolicies"}, {"policies.kyverno.io", "validatingpolicies"}, {"policies.kyverno.io", "imagevalidatingpolicies"}}
}

func engineRights() []check.Right {
	var out []check.Right
	for _, r := range EngineResources() {
		out = append(out, check.Right{As: check.Runner, Verb: "list", Group: r.Group, Resource: r.Resource, Optional: true})
	}
	return out
}

// LiftResource is a resource with which rules on pods can be lifted, and the
// verbs that do it.
type LiftResource struct {
	Group, Resource string
	Verbs           []string
	// Namespaced resources are asked about in the tenant's first namespace.
	Namespaced bool
}

// LiftResources are those of Kubernetes and of well-known engines. Without an
// exemption in its hand and without a rule that it may change or delete, a
// tenant stays under the rules.
func LiftResources() []LiftResource {
	change, exempt := []string{"update", "patch", "delete"}, []string{"create", "update", "patch"}
	const registration = "admissionregistration.k8s.io"
	return []LiftResource{
		{registration, "validatingwebhookconfigurations", change, false},
		{registration, "mutatingwebhookconfigurations", change, false},
		{registration, "validatingadmissionpolicies", change, false},
		{registration, "validatingadmissionpolicybindings", change, false},
		{"kyverno.io", "clusterpolicies", change, false},
		{"kyverno.io", "policyexceptions", exempt, true},
		{"policies.kyverno.io", "validatingpolicies", change, false},
		{"policies.kyverno.io", "imagevalidatingpolicies", change, false},
		{"policies.kyverno.io", "policyexceptions", exempt, true},
		{"templates.gatekeeper.sh", "constrainttemplates", change, false},
		{"config.gatekeeper.sh", "configs", exempt, true},
		{"policies.kubewarden.io", "clusteradmissionpolicies", change, false},
		{"policy.sigstore.dev", "clusterimagepolicies", change, false},
	}
}

// served tells which version of a group the cluster prefers, and whether it
// knows a resource.
type served struct {
	versions  map[string]string
	resources map[string]bool
}

// discover asks for the groups, and for the resources of those that matter.
func discover(env *cluster.Env) (served, error) {
	s := served{versions: map[string]string{}, resources: map[string]bool{}}
	discovery := env.Tenant.Discovery()
	groups, err := discovery.ServerGroups()
	if err != nil {
		return s, err
	}
	wanted := map[string]bool{}
	for _, r := range LiftResources() {
		wanted[r.Group] = true
	}
	for _, g := range groups.Groups {
		if !wanted[g.Name] {
			continue
		}
		// A resource may be in one version of its group only.
		for _, v := range g.Versions {
			list, err := discovery.ServerResourcesForGroupVersion(v.GroupVersion)
			if err != nil {
				return s, err
			}
			for _, r := range list.APIResources {
				key := g.Name + "/" + r.Name
				s.resources[key] = true
				if s.versions[key] == "" || v.Version == g.PreferredVersion.Version {
					s.versions[key] = v.Version
				}
			}
		}
	}
	return s, nil
}

// lifts asks the authoriser about the tenant.
func lifts(ctx context.Context, env *cluster.Env, s served) ([]Lift, error) {
	out := []Lift{}
	for _, r := range LiftResources() {
		l := Lift{Group: r.Group, Resource: r.Resource, Served: s.resources[r.Group+"/"+r.Resource], Allowed: []string{}}
		if l.Served {
			for _, verb := range r.Verbs {
				attributes := authorizationv1.ResourceAttributes{Group: r.Group, Resource: r.Resource, Verb: verb}
				if r.Namespaced {
					attributes.Namespace = env.Namespaces[0]
				}
				allowed, err := may(ctx, env, attributes)
				if err != nil {
					return append(out, l), err
				}
				l.Asked++
				if allowed {
					l.Allowed = append(l.Allowed, verb)
				}
			}
		}
		out = append(out, l)
	}
	return out, nil
}

func may(ctx context.Context, env *cluster.Env, a authorizationv1.ResourceAttributes) (bool, error) {
	review, err := env.Tenant.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// policy is what is read of the policies of both generations of Kyverno.
type policy struct {
	Spec struct {
		// Of kyverno.io.
		ValidationFailureAction string       `json:"validationFailureAction"`
		Rules                   []policyRule `json:"rules"`
		// Of policies.kyverno.io.
		ValidationActions []registrationv1.ValidationAction `json:"validationActions"`
		MatchConstraints  *registrationv1.MatchResources    `json:"matchConstraints"`
		MatchConditions   []registrationv1.MatchCondition   `json:"matchConditions"`
	} `json:"spec"`
}

type policyRule struct {
	Match    resourceFilter `json:"match"`
	Exclude  resourceFilter `json:"exclude"`
	Validate *struct {
		FailureAction string `json:"failureAction"`
	} `json:"validate"`
}

type resourceFilter struct {
	Any       []resourceFilter `json:"any"`
	All       []resourceFilter `json:"all"`
	Resources struct {
		Kinds    []string              `json:"kinds"`
		Selector *metav1.LabelSelector `json:"selector"`
	} `json:"resources"`
}

func (f resourceFilter) every() []resourceFilter {
	return slices.Concat([]resourceFilter{f}, f.Any, f.All)
}

// enforced reports what a policy does with pods: applies is false when it does
// not look at their creation.
func (p policy) enforced() (applies, enforcing bool) {
	if m := p.Spec.MatchConstraints; m != nil {
		applies = scopeOf(m, nil).takes(registrationv1.Create, "pods", "")
		return applies, len(p.Spec.ValidationActions) == 0 || slices.Contains(p.Spec.ValidationActions, registrationv1.Deny)
	}
	enforcing = true
	for _, r := range p.Spec.Rules {
		if r.Validate == nil || !slices.ContainsFunc(r.Match.every(), func(f resourceFilter) bool {
			return slices.ContainsFunc(f.Resources.Kinds, func(kind string) bool { return kind == "Pod" || kind == "*" || kind == "v1/Pod" })
		}) {
			continue
		}
		applies = true
		action := r.Validate.FailureAction
		if action == "" {
			action = p.Spec.ValidationFailureAction
		}
		// Older versions write it in lower case; without a word it is Audit.
		enforcing = enforcing && (action == "Enforce" || action == "enforce")
	}
	return applies, enforcing
}

// exemptions adds the labels by which the policy spares pods.
func (p policy) exemptions(c *candidates) {
	if m := p.Spec.MatchConstraints; m != nil {
		c.escape(m.ObjectSelector)
	}
	for _, condition := range p.Spec.MatchConditions {
		c.named(condition.Expression)
	}
	for _, r := range p.Spec.Rules {
		for _, f := range r.Match.every() {
			c.escape(f.Resources.Selector)
		}
		for _, f := range r.Exclude.every() {
			c.spared(f.Resources.Selector)
		}
	}
}

// enginePolicies counts the policies of one resource, and adds the labels by
// which they spare pods.
func enginePolicies(ctx context.Context, env *cluster.Env, s served, r EngineResource, c *candidates) EnginePolicies {
	e := EnginePolicies{Group: r.Group, Resource: r.Resource, State: StateAbsent}
	key := r.Group + "/" + r.Resource
	if !s.resources[key] {
		return e
	}
	e.State = StateNotReadable
	data, err := env.Runner.CoreV1().RESTClient().Get().AbsPath("/apis", r.Group, s.versions[key], r.Resource).DoRaw(ctx)
	if err != nil {
		return e
	}
	var list struct {
		Items []policy `json:"items"`
	}
	if json.Unmarshal(data, &list) != nil {
		return e
	}
	e.State = StateRead
	for _, p := range list.Items {
		applies, enforcing := p.enforced()
		switch {
		case !applies:
			continue
		case enforcing:
			e.Enforcing++
		default:
			e.Reporting++
		}
		p.exemptions(c)
	}
	return e
}
