package admission

import (
	"context"
	"slices"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Specimen is a pod that another probe tries once.
type Specimen struct {
	// Namespace in which the tenant of the environment may create pods.
	Namespace string
	// Fault of the pod in the first of its variants; empty is the golden pod.
	Fault string
	// UserNamespace gives a golden pod a user namespace of its own, which the
	// specimen of FaultProcMount is made from.
	UserNamespace bool
	// Labels that the pod has beside those of the run.
	Labels map[string]string
	// Name of the pod; empty for one that the API server makes.
	Name string
}

// Faults lists every fault, in the order in which they are tried.
func Faults() []string {
	var all []string
	for _, m := range mutants() {
		if len(all) == 0 || all[len(all)-1] != m.fault {
			all = append(all, m.fault)
		}
	}
	return all
}

// Send creates the pod, with a scheduling gate, and deletes it at once.
func (s Specimen) Send(ctx context.Context, env *cluster.Env) Attempt {
	pod := golden(env, "bvc-specimen-")
	pod.Namespace, pod.Labels, pod.Spec.ServiceAccountName = s.Namespace, s.Labels, env.PodAccount(s.Namespace)
	if s.Name != "" {
		pod.Name, pod.GenerateName = s.Name, ""
	}
	if s.UserNamespace {
		userNamespaced(pod)
	}
	var fault *mutant
	if s.Fault != "" {
		all := mutants()
		fault = &all[slices.IndexFunc(all, func(m mutant) bool { return m.fault == s.Fault })]
		fault.apply(pod)
	}
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	stored, err := env.CreatePod(limited, pod)
	if err != nil {
		return classifyFor(fault, err)
	}
	// What stays because this fails is removed by the run's cleanup, which
	// reports what it can not remove.
	_ = env.DeletePod(limited, stored)
	return settled(Classify(nil), stored, fault)
}

// Kept reports whether a rule kept the fault out of the cluster, whichever it is.
func (a Attempt) Kept() bool { return a.Class == Policy || a.Class == Neutralised }

// KeptOut reports whether a rule kept this fault out of the cluster. A quota
// that wants figures, and a LimitRange, are rules on resources and on nothing
// else. A quota that is used up is asked last, after every rule let the pod
// through: it is none.
func (a Attempt) KeptOut(fault string) bool {
	return a.Kept() || a.Class == Quota && fault == FaultResources && (a.Cause == CauseQuotaUnspecified || a.Cause == CauseLimitRange)
}

// Trouble says what kept the attempt from meaning anything, and what to do.
func (a Attempt) Trouble() v1alpha1.Text {
	if a.Class == Policy {
		by, remedy := refuserText(a.By), allow(a, true)
		return v1alpha1.T("Abgelehnt von "+by.De+". "+remedy.De, "Refused by "+by.En+". "+remedy.En)
	}
	return attemptTrouble(a)
}

// Text names who refused.
func (b By) Text() v1alpha1.Text { return refuserText(b) }
