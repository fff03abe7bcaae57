package cluster

import (
	"context"
	"fmt"
	"slices"
	"sort"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NodeLimit bounds the nodes that a probe measures, for the load it puts on a
// large cluster.
const NodeLimit = 10

// Node is a node that a probe measures.
type Node struct {
	// Index counts from 1 and stands for the node in observations.
	Index int
	// Name is for the API only and never goes into an observation.
	Name string
}

// Selection is the nodes on which a probe pod without tolerations can run.
type Selection struct {
	// Schedulable counts all of them, Nodes are those to measure.
	Schedulable int
	Nodes       []Node
}

// Workers selects at most NodeLimit schedulable nodes, evenly over the sorted
// list. It needs the runner's right to list nodes.
func (e *Env) Workers(ctx context.Context) (Selection, error) {
	nodes, err := e.Runner.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return Selection{}, fmt.Errorf("list nodes: %w", err)
	}
	return SelectWorkers(nodes.Items, NodeLimit), nil
}

// SelectWorkers is the choice that Workers makes.
func SelectWorkers(nodes []corev1.Node, limit int) Selection {
	var names []string
	for _, n := range nodes {
		if Schedulable(n) {
			names = append(names, n.Name)
		}
	}
	sort.Strings(names)
	s := Selection{Schedulable: len(names)}
	for i := range min(limit, len(names)) {
		s.Nodes = append(s.Nodes, Node{Index: i + 1, Name: names[i*len(names)/min(limit, len(names))]})
	}
	return s
}

// Schedulable reports whether a pod without tolerations, and our image, can
// run on the node.
func Schedulable(n corev1.Node) bool {
	return !n.Spec.Unschedulable && RunsImages(n) &&
		!slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool {
			return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
		})
}

// RunsImages reports whether a pod with tolerations, and our image, can run on
// the node: cordons and taints do not count.
func RunsImages(n corev1.Node) bool {
	return NodeReady(n) && n.Status.NodeInfo.OperatingSystem == "linux" && n.Status.NodeInfo.Architecture == "amd64"
}

// controlPlaneRoles are labels, and keys of taints, of nodes that run the
// control plane; all but the first are older ones.
var controlPlaneRoles = [...]string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master", "node-role.kubernetes.io/controlplane"}

// ControlPlane reports whether the node bears the role of the control plane.
func ControlPlane(n corev1.Node) bool {
	return slices.ContainsFunc(controlPlaneRoles[:], func(role string) bool {
		_, labelled := n.Labels[role]
		return labelled || slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == role })
	})
}

// NodeReady reports whether the node says that it is ready.
func NodeReady(n corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}
