package admission

import (
	"context"
	"slices"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// Surfaces is what became of golden pods and of mutants that came into the
// cluster by another way than as a pod that a tenant creates.
type Surfaces struct {
	// OwnServiceAccount says that golden pods ran under an account of their
	// own and not under the namespace's default.
	OwnServiceAccount bool `json:"ownServiceAccount"`
	// Surfaces in the order in which they were begun.
	Surfaces []Surface `json:"surfaces"`
}

// Surface is one way into the cluster.
type Surface struct {
	// Name is one of the Surface constants.
	Name string `json:"name"`
	// Allowed is the authoriser's answer for the tenant: only with it does a
	// refusal come from a rule on pods.
	Allowed bool `json:"allowed"`
	// Tries in the order in which they were sent.
	Tries []Try `json:"tries"`
}

// Try is one attempt over a surface.
type Try struct {
	// Fault is one of the Fault constants, empty for the golden pod. Variant
	// is one of Variants(Fault); for the golden pod empty or
	// VariantUserNamespace.
	Fault   string `json:"fault"`
	Variant string `json:"variant"`
	// AtSeconds since the probe began.
	AtSeconds float64 `json:"atSeconds"`
	// Learnt is what showed the outcome.
	Learnt Learnt `json:"learnt"`
	Attempt
}

// VariantUserNamespace is the golden pod in a user namespace of its own, which
// mutants of FaultProcMount are made from.
const VariantUserNamespace = "userNamespace"

// Learnt is what showed the outcome of a try.
type Learnt string

// What can show it.
const (
	// LearntRequest: the answer to the tenant's own request.
	LearntRequest Learnt = "request"
	// LearntPod: the pod that a controller made.
	LearntPod Learnt = "pod"
	// LearntEvent: the event by which a controller says why it could not.
	LearntEvent Learnt = "event"
	// LearntNode: what the node says of the container.
	LearntNode Learnt = "node"
	// LearntNothing: neither came within the time.
	LearntNothing Learnt = "nothing"
)

// Surfaces other than the pod itself.
const (
	SurfaceDeployment         = "deployment"
	SurfaceReplicaSet         = "replicaSet"
	SurfaceStatefulSet        = "statefulSet"
	SurfaceDaemonSet          = "daemonSet"
	SurfaceJob                = "job"
	SurfaceCronJob            = "cronJob"
	SurfaceEphemeralContainer = "ephemeralContainer"
	SurfaceImageUpdate        = "imageUpdate"
)

// WorkloadSurfaces are the controllers over which a fault is tried. What runs
// to its end needs no health probes: no rule that a site could keep asks for
// them there.
func WorkloadSurfaces(fault string) []string {
	all := []string{SurfaceDeployment, SurfaceReplicaSet, SurfaceStatefulSet, SurfaceDaemonSet}
	if fault == FaultHealth {
		return all
	}
	return append(all, SurfaceJob, SurfaceCronJob)
}

// Repeats is how often a fault is tried over each surface: once shows that the
// rule knows the surface; where the most depends on it, three times.
func Repeats(fault string) int {
	switch fault {
	case FaultPrivileged, FaultRootUser, FaultRegistry, FaultUnsigned, FaultWrongKey:
		return 3
	}
	return 1
}

// of gives the tries over the surface; nil and false where it was not begun.
func (o Surfaces) of(name string) (Surface, bool) {
	i := slices.IndexFunc(o.Surfaces, func(s Surface) bool { return s.Name == name })
	if i < 0 {
		return Surface{}, false
	}
	return o.Surfaces[i], true
}

// mutantsFor lists what is tried over a surface, Repeats times by fault: the
// variants in turn, so that repeats look at other places as well.
func mutantsFor(fits func(mutant) bool) []mutant {
	byFault := map[string][]mutant{}
	var order []string
	for _, m := range mutants() {
		if !fits(m) {
			continue
		}
		if byFault[m.fault] == nil {
			order = append(order, m.fault)
		}
		byFault[m.fault] = append(byFault[m.fault], m)
	}
	var all []mutant
	for i := range 3 {
		for _, fault := range order {
			if i < Repeats(fault) {
				all = append(all, byFault[fault][i%len(byFault[fault])])
			}
		}
	}
	return all
}

// settled takes the fault's presence in what was stored into the attempt.
func settled(a Attempt, stored *corev1.Pod, m *mutant) Attempt {
	if a.Class == Admitted && m != nil && stored != nil && !m.present(stored) {
		a.Class, a.By = Neutralised, ByOther
	}
	return a
}

func newTry(m *mutant, variant string, start time.Time) Try {
	t := Try{Variant: variant, AtSeconds: time.Since(start).Round(time.Millisecond).Seconds(), Learnt: LearntNothing,
		Attempt: Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseNotFollowed}}
	if m != nil {
		t.Fault, t.Variant = m.fault, m.variant
	}
	return t
}

// may asks the authoriser for the tenant.
func may(ctx context.Context, env *cluster.Env, verb, group, resource, subresource string) (bool, error) {
	allowed, err := env.TenantMay(ctx, authorizationv1.ResourceAttributes{
		Namespace: env.Namespaces[0], Verb: verb, Group: group, Resource: resource, Subresource: subresource,
	})
	if err != nil {
		return false, Classify(err).trouble()
	}
	return allowed, nil
}
