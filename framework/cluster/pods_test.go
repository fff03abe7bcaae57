package cluster

import (
	"maps"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func probePod(e *Env, name, index, node string, change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", Labels: e.Labels(map[string]string{NodeLabel: index, "role": "server"})},
		Spec:       corev1.PodSpec{NodeName: node},
		Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	if change != nil {
		change(pod)
	}
	return pod
}

func TestReadyPods(t *testing.T) {
	e := &Env{RunID: "r1", probe: "p1"}
	nodes := []Node{{Index: 1, Name: "a"}, {Index: 2, Name: "b"}}
	first := probePod(e, "first", "1", "a", nil)
	waiting := func(p *corev1.Pod) {
		p.Status = corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}}}}}
	}
	for name, c := range map[string]struct {
		second  *corev1.Pod
		trouble Trouble
	}{
		"all are ready":                {probePod(e, "second", "2", "b", nil), NoTrouble},
		"one has no image":             {probePod(e, "second", "2", "b", waiting), ImageNotPulled},
		"one runs elsewhere":           {probePod(e, "second", "2", "c", nil), Infrastructure},
		"one is of another probe":      {probePod(&Env{RunID: "r1", probe: "p2"}, "second", "2", "b", nil), Infrastructure},
		"one is of another run":        {probePod(&Env{RunID: "r2", probe: "p1"}, "second", "2", "b", nil), Infrastructure},
		"one has another role":         {probePod(e, "second", "2", "b", func(p *corev1.Pod) { p.Labels["role"] = "client" }), Infrastructure},
		"one is of a node not asked":   {probePod(e, "second", "3", "b", nil), Infrastructure},
		"both are of the same node":    {probePod(e, "second", "1", "a", nil), Infrastructure},
		"one is there and is to leave": {probePod(e, "second", "2", "b", func(p *corev1.Pod) { p.Status.Conditions = nil; p.Status.Reason = "Evicted" }), Evicted},
	} {
		ready, lacking := e.ReadyPods(t.Context(), fake.NewClientset(first, c.second), "ns", nodes, 20*time.Millisecond, "role=server")
		want, missing := []int{1}, Lacking{2: c.trouble}
		if c.trouble == NoTrouble {
			want, missing = []int{1, 2}, Lacking{}
		}
		if got := slices.Sorted(maps.Keys(ready)); !slices.Equal(got, want) || !maps.Equal(lacking, missing) || lacking.Trouble() != c.trouble {
			t.Errorf("%s: ready on %v, lacking %v", name, got, lacking)
		}
	}
	if ready, lacking := e.ReadyPods(t.Context(), fake.NewClientset(first), "ns", nil, time.Hour); len(ready) != 0 || len(lacking) != 0 {
		t.Errorf("no nodes: %v, %v", ready, lacking)
	}
}
