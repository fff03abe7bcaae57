package admission

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// mutant is the golden pod with one fault.
type mutant struct {
	fault string
	apply func(*corev1.Pod)
	// present says of the pod as stored whether the fault is in it.
	present func(*corev1.Pod) bool
}

// mutants are tried in this order in each round.
func mutants() []mutant {
	return []mutant{{
		fault: FaultPrivileged,
		apply: func(pod *corev1.Pod) {
			yes := true
			sc := pod.Spec.Containers[0].SecurityContext
			sc.Privileged = &yes
			// The API refuses privileged with allowPrivilegeEscalation=false
			// before any rule of the site sees the pod. Every privileged pod has
			// this second fault, so a site that refuses the second refuses the
			// first in every form.
			sc.AllowPrivilegeEscalation = nil
		},
		present: func(pod *corev1.Pod) bool {
			return anyContext(pod, func(sc *corev1.SecurityContext) bool { return sc.Privileged != nil && *sc.Privileged })
		},
	}}
}

// anyContext asks every container of the pod.
func anyContext(pod *corev1.Pod, is func(*corev1.SecurityContext) bool) bool {
	contexts := make([]*corev1.SecurityContext, 0, 2)
	for _, c := range pod.Spec.InitContainers {
		contexts = append(contexts, c.SecurityContext)
	}
	for _, c := range pod.Spec.Containers {
		contexts = append(contexts, c.SecurityContext)
	}
	for _, c := range pod.Spec.EphemeralContainers {
		contexts = append(contexts, c.SecurityContext)
	}
	for _, sc := range contexts {
		if sc != nil && is(sc) {
			return true
		}
	}
	return false
}

// compare says what the stored golden pod has otherwise than what was sent.
func compare(sent, stored *corev1.Pod) Altered {
	differ := func(a, b any) bool { return !equality.Semantic.DeepEqual(a, b) }
	s, t := &sent.Spec, &stored.Spec
	a := Altered{
		Containers:          len(s.Containers) != len(t.Containers) || len(s.InitContainers) != len(t.InitContainers),
		PodSecurityContext:  differ(s.SecurityContext, t.SecurityContext),
		HostNamespaces:      s.HostNetwork != t.HostNetwork || s.HostPID != t.HostPID || s.HostIPC != t.HostIPC || differ(s.HostUsers, t.HostUsers),
		ServiceAccountToken: differ(s.AutomountServiceAccountToken, t.AutomountServiceAccountToken),
		SchedulingGates:     differ(s.SchedulingGates, t.SchedulingGates),
	}
	own := containerNamed(t.Containers, s.Containers[0].Name)
	if own == nil {
		// Nothing to compare it with: everything of the container is gone.
		a.Containers, a.Image, a.PullPolicy, a.SecurityContext, a.Resources, a.HealthProbes = true, true, true, true, true, true
		return a
	}
	golden := s.Containers[0]
	a.Image = golden.Image != own.Image
	a.PullPolicy = golden.ImagePullPolicy != own.ImagePullPolicy
	a.SecurityContext = differ(golden.SecurityContext, own.SecurityContext)
	a.Resources = differ(golden.Resources, own.Resources)
	// Presence only: the API server fills in fields of a probe.
	a.HealthProbes = own.ReadinessProbe == nil || own.LivenessProbe == nil
	return a
}

func containerNamed(containers []corev1.Container, name string) *corev1.Container {
	for i := range containers {
		if containers[i].Name == name {
			return &containers[i]
		}
	}
	return nil
}
