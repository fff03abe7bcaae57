package cluster

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Base are the rights that the tool itself needs beside those of the probes:
// the tenant's token, the cluster facts, and cleanup.
func Base() []check.Right {
	rights := []check.Right{
		{As: check.Runner, Verb: "create", Resource: "serviceaccounts/token", Name: TenantServiceAccount, Scope: check.TenantNamespaces},
		{As: check.Runner, Verb: "list", Resource: "nodes"},
		{As: check.Runner, Verb: "list", Group: "storage.k8s.io", Resource: "storageclasses"},
		{As: check.Runner, Verb: "list", Group: "apps", Resource: "daemonsets", Scope: "kube-system"},
		{As: check.Runner, Verb: "list", Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations"},
		{As: check.Runner, Verb: "list", Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicybindings"},
	}
	for _, r := range Resources() {
		for _, verb := range []string{"list", "deletecollection"} {
			rights = append(rights, check.Right{As: check.Tenant, Verb: verb, Group: r.Group, Resource: r.Resource, Scope: check.TenantNamespaces})
		}
	}
	return rights
}

// Effective finds out which of the rights the run has and returns them sorted.
// The rules of each identity in each namespace are asked for once; what they do
// not grant beyond doubt is asked one by one.
func (e *Env) Effective(ctx context.Context, rights []check.Right) ([]v1alpha1.RightState, error) {
	states := map[string]bool{}
	known := map[holder]authorizationv1.SubjectRulesReviewStatus{}
	for _, r := range rights {
		name := r.String()
		if _, asked := states[name]; asked {
			continue
		}
		granted, err := e.granted(ctx, r, known)
		if err != nil {
			return nil, fmt.Errorf("ask whether the run has the right %q: %w", name, err)
		}
		states[name] = granted
	}
	out := make([]v1alpha1.RightState, 0, len(states))
	for name, granted := range states {
		out = append(out, v1alpha1.RightState{Right: name, Granted: granted})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Right < out[j].Right })
	return out, nil
}

// holder is who holds rules, and where.
type holder struct {
	as        check.Identity
	namespace string
}

// granted reports whether the right holds everywhere it is needed.
func (e *Env) granted(ctx context.Context, r check.Right, known map[holder]authorizationv1.SubjectRulesReviewStatus) (bool, error) {
	client := e.Runner
	if r.As == check.Tenant {
		client = e.Tenant
	}
	for _, ns := range e.namespacesOf(r) {
		if r.NonResource == "" && ns != "" {
			at := holder{r.As, ns}
			if _, asked := known[at]; !asked {
				review, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
					Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: ns},
				}, metav1.CreateOptions{})
				if err != nil {
					review = &authorizationv1.SelfSubjectRulesReview{Status: authorizationv1.SubjectRulesReviewStatus{Incomplete: true}}
				}
				known[at] = review.Status
			}
			if grants(known[at], r) {
				continue
			}
		}
		ok, err := allowed(ctx, client, attributes(r, ns))
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// grants reports whether rules grant the right beyond doubt. Of incomplete
// rules an authoriser is missing, which may deny what the others allow.
func grants(rules authorizationv1.SubjectRulesReviewStatus, r check.Right) bool {
	has := func(list []string, one string) bool { return slices.Contains(list, one) || slices.Contains(list, "*") }
	return !rules.Incomplete && slices.ContainsFunc(rules.ResourceRules, func(rule authorizationv1.ResourceRule) bool {
		return has(rule.Verbs, r.Verb) && has(rule.APIGroups, r.Group) && has(rule.Resources, r.Resource) &&
			(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, r.Name))
	})
}

func (e *Env) namespacesOf(r check.Right) []string {
	switch {
	case r.Scope != check.TenantNamespaces:
		return []string{string(r.Scope)}
	case r.Name == TenantServiceAccount:
		return e.Namespaces[:1] // the one tenant lives in the first
	default:
		return e.Namespaces
	}
}

func attributes(r check.Right, ns string) authorizationv1.SelfSubjectAccessReviewSpec {
	if r.NonResource != "" {
		return authorizationv1.SelfSubjectAccessReviewSpec{NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: r.NonResource, Verb: r.Verb}}
	}
	resource, sub, _ := strings.Cut(r.Resource, "/")
	return authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
		Namespace: ns, Verb: r.Verb, Group: r.Group, Resource: resource, Subresource: sub, Name: r.Name,
	}}
}

// Administrator reports whether whoever acts as tenant rules the whole cluster.
// Engines and security context constraints let administrators do what they
// refuse tenants.
func (e *Env) Administrator(ctx context.Context) (bool, error) {
	for _, a := range []authorizationv1.ResourceAttributes{
		{Verb: "*", Group: "*", Resource: "*"},
		{Verb: "patch", Resource: "nodes"},
		{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings"},
	} {
		if may, err := e.TenantMay(ctx, a); may || err != nil {
			return may, err
		}
	}
	return false, nil
}

// TenantMay asks the authoriser about the tenant.
func (e *Env) TenantMay(ctx context.Context, a authorizationv1.ResourceAttributes) (bool, error) {
	return MayOf(ctx, e.Tenant, a)
}

// MayOf asks the authoriser about the client's own identity, which every
// authenticated account may do.
func MayOf(ctx context.Context, client kubernetes.Interface, a authorizationv1.ResourceAttributes) (bool, error) {
	return allowed(ctx, client, authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a})
}

func allowed(ctx context.Context, client kubernetes.Interface, about authorizationv1.SelfSubjectAccessReviewSpec) (bool, error) {
	answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: about}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}

// MissingNamespaces returns the tenant namespaces that do not exist. Where the
// runner may not look, a namespace counts as there: its use will tell.
func (e *Env) MissingNamespaces(ctx context.Context) []string {
	var missing []string
	for _, ns := range e.Namespaces {
		if !namespaceExists(ctx, e.Runner, ns) {
			missing = append(missing, ns)
		}
	}
	return missing
}
