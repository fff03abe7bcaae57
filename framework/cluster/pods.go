package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

// NodeLabel carries Node.Index of the node that a pod was made for.
const NodeLabel = "bvc-node"

// Lacking is why there is no ready pod on a node, by Node.Index.
type Lacking map[int]Trouble

// Trouble is that of the first of the nodes, NoTrouble when none lacks its pod.
func (l Lacking) Trouble() Trouble {
	if len(l) == 0 {
		return NoTrouble
	}
	return l[slices.Min(slices.Collect(maps.Keys(l)))]
}

// ReadyPods waits until each of the nodes has a ready pod of this probe that bears
// its index in NodeLabel and that the selectors take as well. It gives those
// that are ready when all are, or at the limit, by Node.Index, and what keeps
// the others. A pod on another node than it was made for is none.
func (e *Env) ReadyPods(ctx context.Context, client kubernetes.Interface, namespace string, nodes []Node, limit time.Duration, selectors ...string) (map[int]*corev1.Pod, Lacking) {
	var indices []string
	lacking, names := Lacking{}, map[string]Node{}
	for _, n := range nodes {
		index := strconv.Itoa(n.Index)
		indices, names[index], lacking[n.Index] = append(indices, index), n, Infrastructure
	}
	selectors = append(slices.Clone(selectors), labels.FormatLabels(e.Labels(nil)), NodeLabel+" in ("+strings.Join(indices, ",")+")")
	ready := map[int]*corev1.Pod{}
	if len(nodes) == 0 {
		return ready, lacking
	}
	_, _ = wait.For(ctx, limit, "pods to be ready", // what is lacking says why
		func(ctx context.Context) (*corev1.PodList, error) {
			return client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: strings.Join(selectors, ",")})
		},
		func(l *corev1.PodList) (bool, string) {
			ready = map[int]*corev1.Pod{}
			for i := range l.Items {
				pod := &l.Items[i]
				node, asked := names[pod.Labels[NodeLabel]]
				switch trouble := PodTrouble(pod); {
				case !asked:
				case trouble != NoTrouble:
					lacking[node.Index] = trouble
				case pod.Spec.NodeName != node.Name:
					lacking[node.Index] = Infrastructure
				default:
					ready[node.Index] = pod
				}
			}
			return len(ready) == len(nodes), fmt.Sprintf("%d of %d ready", len(ready), len(nodes))
		})
	for index := range ready {
		delete(lacking, index)
	}
	return ready, lacking
}
