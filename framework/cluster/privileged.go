package cluster

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// PrivilegedManifest makes PrivilegedNamespace, the one namespace in which pods
// may have a view of their node, and lets the runner make pods there.
const (
	PrivilegedManifest  = "privileged-namespace.yaml"
	PrivilegedNamespace = "bvc-privileged"
)

// PrivilegedRights are what a probe needs to run pods in PrivilegedNamespace.
func PrivilegedRights() []check.Right {
	var rights []check.Right
	for _, verb := range []string{"create", "list", "deletecollection"} {
		rights = append(rights, check.Right{As: check.Runner, Verb: verb, Resource: "pods", Scope: PrivilegedNamespace, OptIn: PrivilegedManifest})
	}
	return append(rights, check.Right{As: check.Runner, Verb: "get", Resource: "pods/log", Scope: PrivilegedNamespace, OptIn: PrivilegedManifest})
}

// CreatePrivileged creates the pod in PrivilegedNamespace, as the runner, and
// registers its removal before the request is sent.
func (e *Env) CreatePrivileged(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	pod.Namespace, pod.Spec.ServiceAccountName = PrivilegedNamespace, PodServiceAccount
	e.adopt(Pods, &pod.ObjectMeta)
	e.privileged.Add(1)
	created, err := e.Runner.CoreV1().Pods(PrivilegedNamespace).Create(ctx, pod, metav1.CreateOptions{})
	if trouble := privilegedTrouble(err); trouble.Everywhere() {
		e.privileged.Add(-1)
		return nil, trouble
	}
	return created, err
}

// privilegedTrouble tells a site without the namespace from one where policies,
// or an SCC of OpenShift, refuse the pod.
func privilegedTrouble(err error) Trouble {
	trouble := CreateTrouble(err)
	switch {
	// In the words of Kubernetes for whoever has no right; all others are about the pod.
	case apierrors.IsNotFound(err), trouble == Rejected && strings.Contains(err.Error(), "cannot create resource"):
		return NotPermitted
	case trouble == Rejected:
		return NotAdmitted
	}
	return trouble
}

// DeletePrivileged deletes the pods of this probe in PrivilegedNamespace that
// the selectors take as well, and does not wait.
func (e *Env) DeletePrivileged(ctx context.Context, selectors ...string) error {
	return e.deleteFrom(ctx, e.runnerDynamic, PrivilegedNamespace, Pods, selectors...)
}

// SweepPrivileged removes the pods of every run from PrivilegedNamespace. Who
// may not look there has made none.
func SweepPrivileged(ctx context.Context, client dynamic.Interface) []v1alpha1.Leftover {
	selector := LabelManagedBy + "=" + ManagedBy + "," + LabelRun
	pods := client.Resource(Pods).Namespace(PrivilegedNamespace)
	if list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: selector}); apierrors.IsForbidden(err) || err == nil && len(list.Items) == 0 {
		return nil
	}
	return remove(ctx, client, []place{{Pods, PrivilegedNamespace}}, selector)
}
