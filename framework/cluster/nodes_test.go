package cluster

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func node(name string, change func(*corev1.Node)) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	n.Status.NodeInfo.OperatingSystem, n.Status.NodeInfo.Architecture = "linux", "amd64"
	if change != nil {
		change(&n)
	}
	return n
}

func tainted(effect corev1.TaintEffect) func(*corev1.Node) {
	return func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "k", Effect: effect}} }
}

func TestSchedulable(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*corev1.Node)
		want   bool
	}{
		"plain":            {nil, true},
		"preferNoSchedule": {tainted(corev1.TaintEffectPreferNoSchedule), true},
		"noSchedule":       {tainted(corev1.TaintEffectNoSchedule), false},
		"noExecute":        {tainted(corev1.TaintEffectNoExecute), false},
		"cordoned":         {func(n *corev1.Node) { n.Spec.Unschedulable = true }, false},
		"not ready":        {func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown }, false},
		"no condition":     {func(n *corev1.Node) { n.Status.Conditions = nil }, false},
		"arm64":            {func(n *corev1.Node) { n.Status.NodeInfo.Architecture = "arm64" }, false},
		"windows":          {func(n *corev1.Node) { n.Status.NodeInfo.OperatingSystem = "windows" }, false},
	} {
		if got := Schedulable(node("n", c.change)); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

func TestControlPlane(t *testing.T) {
	label := func(key string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Labels = map[string]string{key: ""} }
	}
	for name, c := range map[string]struct {
		change func(*corev1.Node)
		want   bool
	}{
		"plain":            {nil, false},
		"label":            {label("node-role.kubernetes.io/control-plane"), true},
		"older label":      {label("node-role.kubernetes.io/master"), true},
		"taint alone":      {func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane"}} }, true},
		"another role":     {label("node-role.kubernetes.io/worker"), false},
		"another's taint":  {tainted(corev1.TaintEffectNoSchedule), false},
		"role of etcd":     {label("node-role.kubernetes.io/etcd"), false},
		"a name like that": {label("control-plane"), false},
	} {
		if got := ControlPlane(node("n", c.change)); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
	if cordoned := node("n", func(n *corev1.Node) { n.Spec.Unschedulable = true }); !RunsImages(cordoned) {
		t.Error("a cordoned node runs no pod that tolerates it")
	}
}

func TestSelectWorkersIsEvenAndStable(t *testing.T) {
	var nodes []corev1.Node
	for i := 29; i >= 0; i-- {
		nodes = append(nodes, node(fmt.Sprintf("n%02d", i), nil))
	}
	nodes = append(nodes, node("a-tainted", tainted(corev1.TaintEffectNoSchedule)))
	s := SelectWorkers(nodes, 10)
	if s.Schedulable != 30 || len(s.Nodes) != 10 {
		t.Fatalf("selected %d of %d, want 10 of 30", len(s.Nodes), s.Schedulable)
	}
	for i, n := range s.Nodes {
		if want := (Node{i + 1, fmt.Sprintf("n%02d", i*3)}); n != want {
			t.Errorf("node %d is %v, want %v", i, n, want)
		}
	}
	if s := SelectWorkers(nodes[:3], 10); len(s.Nodes) != 3 || s.Nodes[0].Name != "n27" {
		t.Errorf("few nodes: %v, want all of them", s)
	}
	if s := SelectWorkers(nil, 10); s.Schedulable != 0 || s.Nodes != nil {
		t.Errorf("no nodes: %v", s)
	}
}
