package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// Ephemeral adds containers without and with a fault to golden pods that are
// there already (kubectl debug). The pods wait at a scheduling gate, so that
// nothing that is admitted ever runs.
//
// Kubernetes' role edit does not hold the right to it; sites give it to
// tenants for debugging. That edit is refused says nothing on rules.
var Ephemeral = check.NewProbe[*cluster.Env, Surfaces](check.ProbeMeta{
	Name: "ephemeral-containers", SchemaVersion: 1, Timeout: 4 * time.Minute, Weight: 1,
	Needs: []check.Right{
		{As: check.Tenant, Verb: "create", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "delete", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "deletecollection", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "patch", Resource: "pods/ephemeralcontainers", Scope: check.TenantNamespaces, BeyondEdit: true},
	},
}, observeEphemeral)

// InEphemeral reports whether the API lets an ephemeral container have the fault.
func InEphemeral(fault string) bool {
	for _, m := range mutants() {
		if m.fault == fault && ephemeralMutant(m) {
			return true
		}
	}
	return false
}

// asEphemeral is the first container of a pod as an ephemeral one: image,
// pull policy and security context are what the API lets it have.
// The number tells it from others in its pod.
func asEphemeral(pod *corev1.Pod, number int) corev1.EphemeralContainer {
	c := pod.Spec.Containers[0]
	return corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: fmt.Sprintf("debug-%d", number), Image: c.Image, ImagePullPolicy: c.ImagePullPolicy, SecurityContext: c.SecurityContext, Args: []string{"version"},
	}}
}

// ephemeralMutant reports whether the whole fault is in what asEphemeral takes
// over, beside the pod's user namespace.
func ephemeralMutant(m mutant) bool {
	env := &cluster.Env{Namespaces: []string{"n"}, Image: "i@sha256:0", PodAccounts: map[string]bool{"n": true}}
	plain, faulty := golden(env, ""), golden(env, "")
	m.apply(faulty)
	if equality.Semantic.DeepEqual(asEphemeral(plain, 0), asEphemeral(faulty, 0)) {
		return false
	}
	to, from := &faulty.Spec.Containers[0], plain.Spec.Containers[0]
	to.Image, to.ImagePullPolicy, to.SecurityContext = from.Image, from.ImagePullPolicy, from.SecurityContext
	faulty.Spec.HostUsers = plain.Spec.HostUsers
	return equality.Semantic.DeepEqual(plain.Spec, faulty.Spec)
}

// carrier is a golden pod at its gate to which containers are added.
type carrier struct {
	pod *corev1.Pod
	// count of containers that were added to it.
	count int
}

func observeEphemeral(ctx context.Context, env *cluster.Env) (Surfaces, error) {
	o := Surfaces{OwnServiceAccount: env.PodAccount(env.Namespaces[0]) != "", Surfaces: []Surface{{Name: SurfaceEphemeralContainer, Tries: []Try{}}}}
	s := &o.Surfaces[0]
	stopped := func(phase string, err error) (Surfaces, error) {
		return o, &check.Stopped{Phase: phase, Err: err}
	}
	var err error
	if s.Allowed, err = may(ctx, env, "patch", "", "pods", "ephemeralcontainers"); err != nil {
		return stopped("ask whether the tenant may add ephemeral containers", err)
	}
	if !s.Allowed {
		return o, nil
	}
	if err := GateHolds(ctx, env); err != nil {
		return stopped("see whether pods keep their gate", err)
	}
	start := time.Now()
	carriers := map[string]*carrier{}
	add := func(m *mutant, variant string) error {
		t := newTry(m, variant, start)
		t.Attempt, err = addContainer(ctx, env, carriers, m, variant)
		t.Learnt = LearntRequest
		s.Tries = append(s.Tries, t)
		return err
	}
	if err := add(nil, ""); err != nil {
		return stopped("ephemeral container without fault", err)
	}
	if err := add(nil, VariantUserNamespace); err != nil {
		return stopped("ephemeral container without fault", err)
	}
	for _, m := range mutantsFor(ephemeralMutant) {
		if err := add(&m, ""); err != nil {
			return stopped("ephemeral container with "+m.fault, err)
		}
	}
	if err := add(nil, ""); err != nil {
		return stopped("ephemeral container without fault", err)
	}
	if err := env.DeleteFrom(ctx, env.Namespaces[0], cluster.Pods); err != nil {
		return stopped("delete pods", Classify(err).trouble())
	}
	return o, nil
}

// addContainer adds one to the carrier of its kind. An error means that there
// is no pod to add it to.
func addContainer(ctx context.Context, env *cluster.Env, carriers map[string]*carrier, m *mutant, variant string) (Attempt, error) {
	scratch := golden(env, "")
	switch {
	case m != nil:
		m.apply(scratch)
	case variant == VariantUserNamespace:
		userNamespaced(scratch)
	}
	kind := ""
	if scratch.Spec.HostUsers != nil {
		kind = VariantUserNamespace
	}
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	if carriers[kind] == nil {
		pod := golden(env, "bvc-carrier-")
		pod.Spec.HostUsers = scratch.Spec.HostUsers
		stored, err := env.CreatePod(limited, pod)
		if err != nil {
			return Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseNoCarrier}, Classify(err).trouble()
		}
		carriers[kind] = &carrier{pod: stored}
	}
	c := carriers[kind]
	c.count++
	stored, a, err := asked(limited, env, m, func() (*corev1.Pod, error) {
		return addEphemeral(limited, env, c.pod, asEphemeral(scratch, c.count))
	})
	if err != nil {
		return a, ctx.Err()
	}
	a.HTTPStatus = http.StatusOK
	a = settled(a, stored, m)
	if m != nil {
		// An ephemeral container stays as long as its pod: the next try must
		// not see this one's fault.
		delete(carriers, kind)
		_ = env.DeletePod(limited, c.pod) // what stays is removed at the end
	}
	return a, ctx.Err()
}

func addEphemeral(ctx context.Context, env *cluster.Env, pod *corev1.Pod, container corev1.EphemeralContainer) (*corev1.Pod, error) {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []corev1.EphemeralContainer{container}}})
	if err != nil {
		return nil, fmt.Errorf("write the patch: %w", err)
	}
	return env.Tenant.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "ephemeralcontainers")
}
