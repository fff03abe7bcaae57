package posture

import (
	"context"
	"encoding/json"
	"path"
	"slices"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// policy is what is read of the policies and exceptions of both generations of
// Kyverno.
type policy struct {
	Spec struct {
		// Of kyverno.io; Match is that of an exception.
		ValidationFailureAction string         `json:"validationFailureAction"`
		Rules                   []policyRule   `json:"rules"`
		Match                   resourceFilter `json:"match"`
		// Of policies.kyverno.io.
		ValidationActions []registrationv1.ValidationAction `json:"validationActions"`
		MatchConstraints  *registrationv1.MatchResources    `json:"matchConstraints"`
		MatchConditions   []registrationv1.MatchCondition   `json:"matchConditions"`
	} `json:"spec"`
}

type policyRule struct {
	Match         resourceFilter  `json:"match"`
	Exclude       resourceFilter  `json:"exclude"`
	Preconditions json.RawMessage `json:"preconditions"`
	Validate      *struct {
		FailureAction string `json:"failureAction"`
	} `json:"validate"`
}

type resourceFilter struct {
	Any       []resourceFilter `json:"any"`
	All       []resourceFilter `json:"all"`
	Resources struct {
		Kinds             []string              `json:"kinds"`
		Name              string                `json:"name"`
		Names             []string              `json:"names"`
		Namespaces        []string              `json:"namespaces"`
		NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector"`
		Selector          *metav1.LabelSelector `json:"selector"`
	} `json:"resources"`
}

func (f resourceFilter) every() []resourceFilter {
	return slices.Concat([]resourceFilter{f}, f.Any, f.All)
}

// takes reports whether a filter holds pods in a namespace with these labels,
// whatever they are called and labelled.
func (f resourceFilter) takes(namespace map[string]string) bool {
	one := func(f resourceFilter) bool {
		return f.pods() && f.in(namespace)
	}
	if len(f.Any) > 0 {
		return slices.ContainsFunc(f.Any, one)
	}
	if len(f.All) > 0 { // the kinds may be in one of them, the namespaces in another
		return slices.ContainsFunc(f.All, resourceFilter.pods) && !slices.ContainsFunc(f.All, func(f resourceFilter) bool { return !f.in(namespace) })
	}
	return one(f)
}

// narrows reports whether the filter says anything of objects.
func (f resourceFilter) narrows() bool {
	r := f.Resources
	return len(r.Kinds)+len(r.Names)+len(r.Namespaces)+len(r.Name) > 0 || r.NamespaceSelector != nil || r.Selector != nil
}

func (f resourceFilter) pods() bool {
	return slices.ContainsFunc(f.Resources.Kinds, func(kind string) bool { return kind == "Pod" || kind == "*" || kind == "v1/Pod" })
}

func (f resourceFilter) in(namespace map[string]string) bool {
	named := len(f.Resources.Namespaces) == 0 || slices.ContainsFunc(f.Resources.Namespaces, func(pattern string) bool {
		matched, err := path.Match(pattern, namespace[corev1.LabelMetadataName])
		return matched || err != nil
	})
	return named && selects(f.Resources.NamespaceSelector, namespace)
}

// does is what a policy does with pods of the tenant when they are created;
// what is greater counts for a policy whose rules differ.
type does int

const (
	nothing does = iota
	enforces
	// reportsPerhaps: a condition decides on whom it looks.
	reportsPerhaps
	reports
)

// on says what the policy does with pods in namespaces with these labels.
func (p policy) on(namespaces []map[string]string) does {
	if m := p.Spec.MatchConstraints; m != nil {
		if !scopeOf(m, nil).takes(registrationv1.Create, "pods", "") ||
			!slices.ContainsFunc(namespaces, func(ns map[string]string) bool { return selects(m.NamespaceSelector, ns) }) {
			return nothing
		}
		switch {
		case len(p.Spec.ValidationActions) == 0 || slices.Contains(p.Spec.ValidationActions, registrationv1.Deny):
			return enforces
		case len(p.Spec.MatchConditions) > 0:
			return reportsPerhaps
		}
		return reports
	}
	worst := nothing
	for _, r := range p.Spec.Rules {
		if r.Validate == nil || !slices.ContainsFunc(namespaces, r.Match.takes) {
			continue
		}
		action := r.Validate.FailureAction
		if action == "" {
			action = p.Spec.ValidationFailureAction
		}
		// Older versions write it in lower case; without a word it is Audit.
		one := reports
		switch {
		case action == "Enforce" || action == "enforce":
			one = enforces
		case len(r.Preconditions) > 0 || slices.ContainsFunc(namespaces, func(ns map[string]string) bool {
			return slices.ContainsFunc(r.Exclude.every(), func(f resourceFilter) bool { return f.narrows() && f.in(ns) })
		}):
			one = reportsPerhaps
		}
		worst = max(worst, one)
	}
	return worst
}

// exemptions adds the labels and names by which the policy spares pods.
func (p policy) exemptions(c *candidates) {
	if m := p.Spec.MatchConstraints; m != nil {
		c.leave(scopeOf(m, p.Spec.MatchConditions))
	}
	for _, r := range p.Spec.Rules {
		for _, f := range r.Match.every() {
			c.bounds = append(c.bounds, f.Resources.NamespaceSelector)
			c.escape(f.Resources.Selector)
		}
		for _, f := range r.Exclude.every() {
			c.exempts = append(c.exempts, f.Resources.NamespaceSelector)
			c.sparedBy(f)
		}
	}
}

// spares adds the labels and names by which an exception takes pods of the
// tenant in.
func (p policy) spares(namespaces []map[string]string, c *candidates) {
	for _, condition := range p.Spec.MatchConditions {
		c.named(condition.Expression)
	}
	for _, f := range p.Spec.Match.every() {
		if slices.ContainsFunc(namespaces, f.in) {
			c.sparedBy(f)
		}
	}
}

func (c *candidates) sparedBy(f resourceFilter) {
	c.spared(f.Resources.Selector)
	for _, name := range append(slices.Clone(f.Resources.Names), f.Resources.Name) {
		c.add(byName, name)
	}
}

// list reads the policies or exceptions of one resource, in one namespace or, without, in all.
func list(ctx context.Context, env *cluster.Env, s served, r EngineResource, namespace string) ([]policy, State) {
	key := r.Group + "/" + r.Resource
	if !s.resources[key] {
		return nil, StateAbsent
	}
	where := []string{"/apis", r.Group, s.versions[key], r.Resource}
	if namespace != "" {
		where = slices.Insert(where, 3, "namespaces", namespace)
	}
	data, err := env.Runner.CoreV1().RESTClient().Get().AbsPath(where...).DoRaw(ctx)
	if err != nil {
		return nil, StateNotReadable
	}
	var all struct {
		Items []policy `json:"items"`
	}
	if json.Unmarshal(data, &all) != nil {
		return nil, StateNotReadable
	}
	return all.Items, StateRead
}

// enginePolicies counts the policies of one resource, and adds the labels and
// names by which they spare pods.
func enginePolicies(ctx context.Context, env *cluster.Env, s served, r EngineResource, namespaces []map[string]string, c *candidates) EnginePolicies {
	e := EnginePolicies{Group: r.Group, Resource: r.Resource}
	if !r.Namespaced {
		var policies []policy
		policies, e.State = list(ctx, env, s, r, "")
		e.count(policies, namespaces, c)
		return e
	}
	for i, namespace := range env.Namespaces {
		policies, state := list(ctx, env, s, r, namespace)
		if e.State = state; state != StateRead {
			return e
		}
		e.count(policies, namespaces[i:i+1], c)
	}
	return e
}

func (e *EnginePolicies) count(policies []policy, namespaces []map[string]string, c *candidates) {
	for _, p := range policies {
		switch p.on(namespaces) {
		case nothing:
			continue
		case enforces:
			e.Enforcing++
		case reports:
			e.Reporting++
		case reportsPerhaps:
			e.Conditional++
		}
		p.exemptions(c)
	}
}

// exceptions counts the exceptions of one resource, and adds the labels and
// names by which they spare pods.
func exceptions(ctx context.Context, env *cluster.Env, s served, r EngineResource, namespaces []map[string]string, c *candidates) Exceptions {
	all, state := list(ctx, env, s, r, "")
	for _, p := range all {
		p.spares(namespaces, c)
	}
	return Exceptions{Group: r.Group, Resource: r.Resource, State: state, Count: len(all)}
}
