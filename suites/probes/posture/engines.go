package posture

import (
	"context"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// EngineResource is a resource of a policy engine whose objects say whether
// they are enforced.
type EngineResource struct {
	Group, Resource string
	// Namespaced objects bind pods of their own namespace: they are read in those
	// of the tenant.
	Namespaced bool
}

// EngineResources are those that are read, where the runner may. Gatekeeper's
// constraints are not among them: each has a kind of its own, and to read them
// all the runner would need a wildcard.
func EngineResources() []EngineResource {
	return []EngineResource{
		{"kyverno.io", "clusterpolicies", false},
		{"policies.kyverno.io", "validatingpolicies", false},
		{"policies.kyverno.io", "imagevalidatingpolicies", false},
		{"kyverno.io", "policies", true},
		{"policies.kyverno.io", "namespacedvalidatingpolicies", true},
		{"policies.kyverno.io", "namespacedimagevalidatingpolicies", true},
	}
}

// ExceptionResources are objects that spare pods from an engine's policies; one
// may spare pods of other namespaces than its own, so all are read.
func ExceptionResources() []EngineResource {
	return []EngineResource{{"kyverno.io", "policyexceptions", false}, {"policies.kyverno.io", "policyexceptions", false}}
}

func engineRights() []check.Right {
	var out []check.Right
	for _, r := range slices.Concat(EngineResources(), ExceptionResources()) {
		right := check.Right{As: check.Runner, Verb: "list", Group: r.Group, Resource: r.Resource, Optional: true}
		if r.Namespaced {
			right.Scope = check.TenantNamespaces
		}
		out = append(out, right)
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
		{"kyverno.io", "policies", change, true},
		{"policies.kyverno.io", "namespacedvalidatingpolicies", change, true},
		{"policies.kyverno.io", "namespacedimagevalidatingpolicies", change, true},
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
				allowed, err := env.TenantMay(ctx, attributes)
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
