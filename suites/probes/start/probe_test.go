package start

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

type state struct {
	after     time.Duration
	scheduled bool
	ready     bool
	crashed   bool
	// hidden states are in the API but do not reach the watch.
	hidden bool
	uid    string
}

func (s state) pod() *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u"}}
	if s.uid != "" {
		p.UID = "another"
	}
	if s.scheduled {
		p.Spec.NodeName = "n"
	}
	if s.ready {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	}
	if s.crashed {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}}
	}
	return p
}

func TestAwait(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		states []state
		want   Start
	}{
		"in time": {
			[]state{{after: 1 * s, scheduled: true}, {after: 3 * s, scheduled: true, ready: true}},
			Start{Scheduled: true, ScheduledSeconds: 1, Ready: true, Seconds: 3},
		},
		"late": {
			[]state{{after: 1 * s, scheduled: true}, {after: 63 * s, scheduled: true, ready: true}},
			Start{Scheduled: true, ScheduledSeconds: 1, Ready: true, Seconds: 63, NotReadyAfterLimit: true},
		},
		"never": {
			[]state{{after: 1 * s, scheduled: true}},
			Start{Scheduled: true, ScheduledSeconds: 1, Seconds: 90, NotReadyAfterLimit: true, Trouble: cluster.Infrastructure},
		},
		"ready in time, but the watch lags": {
			[]state{{after: 1 * s, scheduled: true}, {after: 50 * s, scheduled: true, ready: true, hidden: true}, {after: 70 * s, scheduled: true, ready: true}},
			Start{Scheduled: true, ScheduledSeconds: 1, Ready: true, Seconds: 61},
		},
		"scheduled too late for a look at its limit": {
			[]state{{after: 40 * s, scheduled: true}},
			Start{Scheduled: true, ScheduledSeconds: 40, Seconds: 90, Trouble: cluster.Infrastructure},
		},
		"never scheduled": {nil, Start{Seconds: 90, Trouble: cluster.Infrastructure}},
		"ends": {
			[]state{{after: 1 * s, scheduled: true}, {after: 4 * s, scheduled: true, crashed: true}},
			Start{Scheduled: true, ScheduledSeconds: 1, Seconds: 4, Trouble: cluster.Infrastructure},
		},
		"another pod of the same name": {
			[]state{{after: 1 * s, scheduled: true}, {after: 2 * s, scheduled: true, ready: true, uid: "another"}, {after: 5 * s, scheduled: true, ready: true}},
			Start{Scheduled: true, ScheduledSeconds: 1, Ready: true, Seconds: 5},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				created := state{}.pod()
				client := fake.NewClientset(created.DeepCopy())
				env := &cluster.Env{Tenant: client}
				ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
				defer cancel()
				seen := make(chan *corev1.Pod)
				go func() {
					begin := time.Now()
					for _, next := range c.states {
						timer := time.NewTimer(next.after - time.Since(begin))
						select {
						case <-timer.C:
						case <-ctx.Done():
							return
						}
						if next.uid == "" {
							if _, err := client.CoreV1().Pods("ns").Update(ctx, next.pod(), metav1.UpdateOptions{}); err != nil {
								return // the test has its result
							}
						}
						if next.hidden {
							continue
						}
						select {
						case seen <- next.pod():
						case <-ctx.Done():
						}
					}
				}()
				got := Start{Trouble: cluster.Infrastructure}
				await(ctx, env, created, seen, time.Now(), &got)
				if got != c.want {
					t.Errorf("got  %+v\nwant %+v", got, c.want)
				}
				cancel()
			})
		})
	}
}

func TestReadPulled(t *testing.T) {
	for _, c := range []struct {
		message string
		image   Image
		pull    float64
	}{
		{`Container image "r/a@sha256:1" already present on machine`, ImagePresent, 0},
		{`Container image "r/a@sha256:1" already present on machine and can be accessed by the pod`, ImagePresent, 0},
		{`Successfully pulled image "r/a" in 422ms (1.422s including waiting). Image size: 3 bytes.`, ImagePulled, 1.422},
		{`Successfully pulled image "r/a" in 1m2.5s (1m3s including waiting)`, ImagePulled, 63},
		{`Successfully pulled image "r/a" in 2.25s`, ImagePulled, 2.25},
		{`Successfully pulled image "r/a"`, ImagePulled, 0},
		{`Successfully pulled image "r/a" in many (moons including waiting)`, ImagePulled, 0},
		{`Pulling image "r/a"`, ImageUnknown, 0},
		{``, ImageUnknown, 0},
	} {
		if image, pull := readPulled(c.message); image != c.image || pull != c.pull {
			t.Errorf("%q is %s after %v s, want %s after %v s", c.message, image, pull, c.image, c.pull)
		}
	}
}
