package cluster

import (
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	kubetesting "k8s.io/client-go/testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
)

// What the runner made the runner removes; the tenant has no right there.
func TestPlacesAreSplit(t *testing.T) {
	o := newOwned()
	for _, ns := range []string{"bvc-tenant-b", PrivilegedNamespace, "bvc-tenant-a"} {
		o.add(Pods, ns)
	}
	tenants, privileged := split(o.list())
	if len(tenants) != 2 || len(privileged) != 1 || privileged[0] != (place{Pods, PrivilegedNamespace}) {
		t.Errorf("%v and %v", tenants, privileged)
	}
}

func podIn(namespace, name string, labels map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"namespace": namespace, "name": name, "labels": labels},
	}}
}

func TestSweepPrivileged(t *testing.T) {
	ours := map[string]any{LabelManagedBy: ManagedBy, LabelRun: "r1"}
	client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{Pods: "PodList"},
		podIn(PrivilegedNamespace, "ours", ours), podIn(PrivilegedNamespace, "foreign", nil), podIn("bvc-tenant-a", "elsewhere", ours))
	var deleted []string
	client.PrependReactor("delete-collection", "pods", func(a kubetesting.Action) (bool, runtime.Object, error) {
		deleted = append(deleted, a.GetNamespace()+" "+a.(kubetesting.DeleteCollectionAction).GetListRestrictions().Labels.String())
		return true, nil, client.Tracker().Delete(Pods, PrivilegedNamespace, "ours")
	})
	if left := SweepPrivileged(t.Context(), client); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if want := fmt.Sprintf("[%s %s=%s,%s]", PrivilegedNamespace, LabelManagedBy, ManagedBy, LabelRun); fmt.Sprint(deleted) != want {
		t.Errorf("deleted %v, want %s", deleted, want)
	}
	client.PrependReactor("list", "pods", func(kubetesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(Pods.GroupResource(), "", nil)
	})
	if left := SweepPrivileged(t.Context(), client); left != nil || len(deleted) != 1 {
		t.Errorf("who may not look: %v, %v", left, deleted)
	}
}

func TestPrivilegedRightsAreOptIn(t *testing.T) {
	for _, r := range PrivilegedRights() {
		if r.OptIn != PrivilegedManifest || r.Scope != PrivilegedNamespace || r.As != check.Runner {
			t.Errorf("%s", r)
		}
	}
	for _, class := range []Trouble{NotPermitted, NotAdmitted} {
		if got := CreateTrouble(fmt.Errorf("make a pod: %w", class)); got != class || !class.Everywhere() {
			t.Errorf("%s is taken for %s", class, got)
		}
	}
}

// A manifest that is not applied is something else than a policy in its way.
func TestPrivilegedTrouble(t *testing.T) {
	refused := func(why string) error { return apierrors.NewForbidden(Pods.GroupResource(), "bvc-x", errors.New(why)) }
	for _, c := range []struct {
		err  error
		want Trouble
	}{
		{nil, NoTrouble},
		{apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, PrivilegedNamespace), NotPermitted},
		{apierrors.NewForbidden(Pods.GroupResource(), "", errors.New(`User "system:serviceaccount:sonobuoy:bvc-runner" cannot create resource "pods" in API group "" in the namespace "bvc-privileged"`)), NotPermitted},
		{refused(`unable to validate against any security context constraint: [provider "restricted-v2": Forbidden: not usable by user or serviceaccount]`), NotAdmitted},
		{refused(`violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`), NotAdmitted},
		{apierrors.NewBadRequest("admission webhook denied the request"), NotAdmitted},
		{refused("exceeded quota: q, requested: pods=1"), Quota},
		{apierrors.NewInternalError(errors.New("failed calling webhook")), Infrastructure},
	} {
		if got := privilegedTrouble(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
