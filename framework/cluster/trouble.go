package cluster

import (
	"errors"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Trouble is the class of cause for which a pod did not become ready. The
// site's own words stay in the cluster.
type Trouble string

// The classes. Only NotReady and Crash say anything about the container; all
// others are trouble of the infrastructure (verdict rule 2).
const (
	NoTrouble      Trouble = ""
	Unschedulable  Trouble = "unschedulable"
	ImageNotPulled Trouble = "imageNotPulled"
	Quota          Trouble = "quota"
	Rejected       Trouble = "rejected"
	Crash          Trouble = "crash"
	NotReady       Trouble = "notReady"
	Evicted        Trouble = "evicted"
	NodeNotReady   Trouble = "nodeNotReady"
	Infrastructure Trouble = "infrastructure"
	NotFenced      Trouble = "notFenced"    // the site did not opt in to fresh namespaces
	NotPermitted   Trouble = "notPermitted" // nor to the privileged namespace
	NotAdmitted    Trouble = "notAdmitted"  // it did, and something refuses the pods there
)

// Error and Cause let a probe wrap the class into what it says about where it
// stopped; the class itself gets into the evidence (v1alpha1.Problem.Cause).
func (t Trouble) Error() string { return string(t) }

// Everywhere reports whether the class is the same for every pod in
// PrivilegedNamespace, on whatever node.
func (t Trouble) Everywhere() bool { return t == NotPermitted || t == NotAdmitted }

// Cause is the class.
func (t Trouble) Cause() string { return string(t) }

// PodReady reports whether the pod says that it is ready.
func PodReady(p *corev1.Pod) bool { return podCondition(p, corev1.PodReady) }

// PodScheduled reports whether the pod has a node.
func PodScheduled(p *corev1.Pod) bool {
	return p.Spec.NodeName != "" || podCondition(p, corev1.PodScheduled)
}

func podCondition(p *corev1.Pod, condition corev1.PodConditionType) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == condition {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// PodTrouble classifies why the pod is not ready now; NoTrouble when it is.
func PodTrouble(p *corev1.Pod) Trouble {
	switch {
	case PodReady(p):
		return NoTrouble
	case p.Status.Reason == "Evicted" || p.DeletionTimestamp != nil:
		return Evicted
	case strings.HasPrefix(p.Status.Reason, "OutOf") || strings.HasPrefix(p.Status.Reason, "Node") || p.Status.Reason == "Preempting":
		return Infrastructure
	case !PodScheduled(p):
		return Unschedulable
	}
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Terminated != nil {
			return Crash
		}
		if c.State.Waiting != nil {
			switch reason := c.State.Waiting.Reason; {
			case strings.Contains(reason, "Image") || strings.Contains(reason, "ErrPull") || reason == "RegistryUnavailable":
				return ImageNotPulled
			case reason == "CrashLoopBackOff" || reason == "RunContainerError" || reason == "CreateContainerError" || reason == "CreateContainerConfigError":
				return Crash
			}
		}
	}
	if p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded {
		return Crash
	}
	return NotReady
}

// CreateTrouble classifies why the API server did not take an object.
func CreateTrouble(err error) Trouble {
	var known Trouble
	switch {
	case errors.As(err, &known):
		return known
	case err == nil:
		return NoTrouble
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota"):
		return Quota
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return Rejected
	default:
		return Infrastructure
	}
}
