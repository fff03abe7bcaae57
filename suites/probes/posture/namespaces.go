package posture

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// NamespaceChange is a change of one label of a namespace that takes its pods
// out of the scope of a rule.
type NamespaceChange struct {
	Key string
	// Value to set; without Set the label is removed.
	Value string
	Set   bool
}

// podSecurityEnforce is the label by which Pod Security chooses what it enforces.
const podSecurityEnforce = "pod-security.kubernetes.io/enforce"

// PodSecurity reports whether it is the label of Pod Security that is changed.
func (c NamespaceChange) PodSecurity() bool { return c.Key == podSecurityEnforce }

// maxNamespaceChanges bounds what one namespace is worth.
const maxNamespaceChanges = 12

// LookRights are what it takes to read the rules, where the site grants it.
func LookRights() []check.Right {
	rights := engineRights()
	for _, resource := range []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings"} {
		rights = append(rights, check.Right{As: check.Runner, Verb: "list", Group: registrationGroup, Resource: resource, Optional: true})
	}
	return rights
}

// NamespaceChanges gives, for each of the tenant's namespaces with these labels,
// the changes by which its pods would leave the scope of a rule that holds them
// now. Pod Security's own label is always among them, unless it lifts
// everything already. It is not complete where rules can not be read, or where
// there are more changes than are worth a try.
func NamespaceChanges(ctx context.Context, env *cluster.Env, labels []map[string]string) (changes [][]NamespaceChange, complete bool) {
	rules, err := look(ctx, env, labels, env.Labels(nil))
	complete = err == nil
	o := Observation{Rules: rules.rules}
	known, err := discover(env)
	complete = complete && err == nil
	for _, r := range EngineResources() {
		o.Engines = append(o.Engines, enginePolicies(ctx, env, known, r, labels, &rules.candidates))
	}
	if o.Unread() || slices.ContainsFunc(o.Rules, o.Unknown) || rules.candidates.unsolvedNamespaces > 0 {
		complete = false
	}
	for _, namespace := range labels {
		all := rules.candidates.namespaceChanges(namespace)
		if len(all) > maxNamespaceChanges {
			all, complete = all[:maxNamespaceChanges], false
		}
		changes = append(changes, all)
	}
	return changes, complete
}

// namespaceChanges are those of a namespace with these labels.
func (c candidates) namespaceChanges(namespace map[string]string) []NamespaceChange {
	var all []NamespaceChange
	if namespace[podSecurityEnforce] != string(LevelPrivileged) {
		all = append(all, NamespaceChange{Key: podSecurityEnforce, Value: string(LevelPrivileged), Set: true})
	}
	add := func(change NamespaceChange) {
		// The API server itself holds the label that is the namespace's name, and
		// what is so already every rule on changes lets pass.
		value, there := namespace[change.Key]
		same := there == change.Set && value == change.Value
		if change.Key != corev1.LabelMetadataName && !same && !slices.Contains(all, change) {
			all = append(all, change)
		}
	}
	for _, selector := range c.bounds {
		if selector == nil || !selects(selector, namespace) {
			continue
		}
		for key := range selector.MatchLabels {
			add(NamespaceChange{Key: key})
		}
		for _, e := range selector.MatchExpressions {
			switch e.Operator {
			case metav1.LabelSelectorOpIn, metav1.LabelSelectorOpExists:
				add(NamespaceChange{Key: e.Key})
			case metav1.LabelSelectorOpNotIn:
				for _, value := range e.Values {
					add(NamespaceChange{e.Key, value, true})
				}
			case metav1.LabelSelectorOpDoesNotExist:
				add(NamespaceChange{e.Key, anyValue, true})
			}
		}
	}
	for _, selector := range c.exempts {
		// One label alone may not be enough for an exemption that wants several;
		// whoever may set one may set the next.
		if selector == nil || selects(selector, namespace) {
			continue
		}
		for key, value := range selector.MatchLabels {
			add(NamespaceChange{key, value, true})
		}
		for _, e := range selector.MatchExpressions {
			switch e.Operator {
			case metav1.LabelSelectorOpIn:
				for _, value := range e.Values {
					add(NamespaceChange{e.Key, value, true})
				}
			case metav1.LabelSelectorOpExists:
				add(NamespaceChange{e.Key, anyValue, true})
			case metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpDoesNotExist:
				add(NamespaceChange{Key: e.Key})
			}
		}
	}
	// Pod Security first, the rest in an order that does not change.
	slices.SortStableFunc(all, func(a, b NamespaceChange) int {
		if a.PodSecurity() != b.PodSecurity() {
			if a.PodSecurity() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
	return all
}
