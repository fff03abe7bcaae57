package cluster

import (
	"context"
	"fmt"
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

// Effective asks the API server for each right, once, and returns them sorted.
func (e *Env) Effective(ctx context.Context, rights []check.Right) ([]v1alpha1.RightState, error) {
	states := map[string]bool{}
	for _, r := range rights {
		name := r.String()
		if _, asked := states[name]; asked {
			continue
		}
		granted, err := e.granted(ctx, r)
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

// granted reports whether the right holds everywhere it is needed.
func (e *Env) granted(ctx context.Context, r check.Right) (bool, error) {
	client := e.Runner
	if r.As == check.Tenant {
		client = e.Tenant
	}
	for _, ns := range e.namespacesOf(r) {
		ok, err := allowed(ctx, client, r, ns)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
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

func allowed(ctx context.Context, client kubernetes.Interface, r check.Right, ns string) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{}
	if r.NonResource != "" {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: r.NonResource, Verb: r.Verb}
	} else {
		resource, sub, _ := strings.Cut(r.Resource, "/")
		review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Namespace: ns, Verb: r.Verb, Group: r.Group, Resource: resource, Subresource: sub, Name: r.Name,
		}
	}
	answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
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
