package cluster

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
)

func TestPodTrouble(t *testing.T) {
	waiting := func(reason string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}
		}
	}
	reason := func(r string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = corev1.PodFailed, r }
	}
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   Trouble
	}{
		"running":       {func(*corev1.Pod) {}, NotReady},
		"unscheduled":   {func(p *corev1.Pod) { p.Spec.NodeName = "" }, Unschedulable},
		"creating":      {waiting("ContainerCreating"), NotReady},
		"backoff":       {waiting("ImagePullBackOff"), ImageNotPulled},
		"pull":          {waiting("ErrImagePull"), ImageNotPulled},
		"never":         {waiting("ErrImageNeverPull"), ImageNotPulled},
		"inspect":       {waiting("ImageInspectError"), ImageNotPulled},
		"run error":     {waiting("RunContainerError"), Crash},
		"evicted":       {reason("Evicted"), Evicted},
		"out of cpu":    {reason("OutOfcpu"), Infrastructure},
		"node affinity": {reason("NodeAffinity"), Infrastructure},
		"node lost":     {reason("NodeLost"), Infrastructure},
		"failed":        {reason(""), Crash},
		"deleted":       {func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} }, Evicted},
		"ended": {func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}}
		}, Crash},
		"ready": {func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}, NoTrouble},
	} {
		p := &corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}}
		c.change(p)
		if got := PodTrouble(p); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestTroubleIsExplained: a reader of a report learns from each class what to do.
func TestTroubleIsExplained(t *testing.T) {
	for _, class := range []Trouble{Unschedulable, ImageNotPulled, Quota, Rejected, Crash, NotReady, Evicted, NodeNotReady, Infrastructure, NotPermitted, NotAdmitted} {
		if text, known := check.CauseText(class.Cause()); !known || text.De == "" || text.En == "" {
			t.Errorf("%s has no text", class)
		}
	}
	if _, known := check.CauseText(NoTrouble.Cause()); known {
		t.Error("no trouble has a text")
	}
}

func TestCreateTrouble(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Trouble
	}{
		{nil, NoTrouble},
		{apierrors.NewForbidden(Pods.GroupResource(), "p", errors.New("exceeded quota: q, requested: pods=1")), Quota},
		{apierrors.NewForbidden(Pods.GroupResource(), "p", errors.New("violates PodSecurity")), Rejected},
		{apierrors.NewBadRequest("admission webhook denied the request"), Rejected},
		{apierrors.NewTooManyRequests("slow down", 1), Infrastructure},
		{apierrors.NewInternalError(errors.New("failed calling webhook")), Infrastructure},
		{errors.New("connection refused"), Infrastructure},
	} {
		if got := CreateTrouble(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
