package cluster

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// Resources that probes make in tenant namespaces. Cleanup looks through all
// of them, whatever a run registered: a killed run registered nothing.
var (
	Deployments     = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	ReplicaSets     = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	StatefulSets    = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	DaemonSets      = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}
	Jobs            = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	CronJobs        = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}
	Pods            = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	Services        = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	Secrets         = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	NetworkPolicies = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}
)

// Resources lists the resources that probes may make, in the order in which
// they are removed: what makes others first, then what runs.
func Resources() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{CronJobs, Jobs, Deployments, ReplicaSets, StatefulSets, DaemonSets, Pods, Services, NetworkPolicies, Secrets}
}

// CreateWorkload creates an object that makes pods, as tenant, and registers
// its removal and that of what it makes. Its templates need Labels as well.
func (e *Env) CreateWorkload(ctx context.Context, resource schema.GroupVersionResource, object metav1.Object) error {
	object.SetLabels(e.Labels(object.GetLabels()))
	made := []schema.GroupVersionResource{resource, Pods}
	switch resource {
	case CronJobs:
		made = append(made, Jobs)
	case Deployments:
		made = append(made, ReplicaSets)
	}
	for _, r := range made {
		e.owned.add(r, object.GetNamespace())
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return fmt.Errorf("write the %s %s: %w", resource.Resource, object.GetName(), err)
	}
	_, err = e.tenantDynamic.Resource(resource).Namespace(object.GetNamespace()).Create(ctx, &unstructured.Unstructured{Object: fields}, metav1.CreateOptions{})
	return err
}

// CreatePod creates the pod as tenant. Its removal is registered before the
// request is sent: an answer that is lost must not leave a pod behind.
func (e *Env) CreatePod(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	e.adopt(Pods, &pod.ObjectMeta)
	return e.Tenant.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
}

// CreateNetworkPolicy creates the policy as tenant and registers its removal.
func (e *Env) CreateNetworkPolicy(ctx context.Context, p *networkingv1.NetworkPolicy) (*networkingv1.NetworkPolicy, error) {
	e.adopt(NetworkPolicies, &p.ObjectMeta)
	return e.Tenant.NetworkingV1().NetworkPolicies(p.Namespace).Create(ctx, p, metav1.CreateOptions{})
}

// CreateService creates the Service as tenant and registers its removal.
func (e *Env) CreateService(ctx context.Context, s *corev1.Service) (*corev1.Service, error) {
	e.adopt(Services, &s.ObjectMeta)
	return e.Tenant.CoreV1().Services(s.Namespace).Create(ctx, s, metav1.CreateOptions{})
}

// CreateSecret creates the Secret through the given client, which acts as
// tenant against one API server, and registers its removal.
func (e *Env) CreateSecret(ctx context.Context, through kubernetes.Interface, s *corev1.Secret) (*corev1.Secret, error) {
	e.adopt(Secrets, &s.ObjectMeta)
	return through.CoreV1().Secrets(s.Namespace).Create(ctx, s, metav1.CreateOptions{})
}

// DeletePod deletes a pod of the run at once and does not wait.
func (e *Env) DeletePod(ctx context.Context, pod *corev1.Pod) error {
	now := int64(0)
	err := e.Tenant.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: metav1.NewUIDPreconditions(string(pod.UID)),
	})
	if err != nil {
		return fmt.Errorf("delete pod %s: %w", pod.Name, err)
	}
	return nil
}

// DeleteAll deletes every object of this probe of the given resource in the
// tenant namespaces and does not wait.
func (e *Env) DeleteAll(ctx context.Context, resource schema.GroupVersionResource) error {
	for _, ns := range e.Namespaces {
		if err := e.DeleteFrom(ctx, ns, resource); err != nil {
			return err
		}
	}
	return nil
}

// DeleteFrom does the same in one namespace, with only those objects that the
// label selectors take as well.
func (e *Env) DeleteFrom(ctx context.Context, namespace string, resource schema.GroupVersionResource, selectors ...string) error {
	return e.deleteFrom(ctx, e.tenantDynamic, namespace, resource, selectors...)
}

func (e *Env) deleteFrom(ctx context.Context, client dynamic.Interface, namespace string, resource schema.GroupVersionResource, selectors ...string) error {
	selector := strings.Join(append([]string{LabelRun + "=" + e.RunID, LabelProbe + "=" + e.probe}, selectors...), ",")
	err := client.Resource(resource).Namespace(namespace).DeleteCollection(ctx, atOnce(), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return fmt.Errorf("delete %s of probe %s: %w", resource.Resource, e.probe, err)
	}
	return nil
}

// atOnce deletes without grace, and with what the object made.
func atOnce() metav1.DeleteOptions {
	background := metav1.DeletePropagationBackground
	return metav1.DeleteOptions{GracePeriodSeconds: new(int64), PropagationPolicy: &background}
}

func (e *Env) adopt(resource schema.GroupVersionResource, meta *metav1.ObjectMeta) {
	meta.Labels = e.Labels(meta.Labels)
	e.owned.add(resource, meta.Namespace)
}
