package tls

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/tlsscan"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

const (
	// hostPodsLimit is how long pods in the nodes' networks may take to run,
	// hostScanLimit how long their scans may take.
	hostPodsLimit = 60 * time.Second
	hostScanLimit = 60 * time.Second
	removeLimit   = 10 * time.Second
	nodeLabel     = "conformance.opencode.de/node"
)

// hostRights are for looking at endpoints from their own node.
func hostRights() []check.Right {
	rights := cluster.PrivilegedRights()
	for i := range rights {
		rights[i].Optional = true // what the runner reaches, it scans itself
	}
	return rights
}

// seat is an endpoint of a node that the runner did not reach.
type seat struct {
	group     *Group
	target    int
	name      string
	addresses []string
}

// unreachedOnNodes gives them by the name of their node.
func unreachedOnNodes(endpoints map[Kind][]endpoint, o *Observation) map[string][]seat {
	out := map[string][]seat{}
	for _, k := range Kinds() {
		g := o.group(k)
		for i, t := range g.Targets {
			e := endpoints[k][t.Index-1]
			if e.node == "" || e.address == "" || t.Reach == tlsscan.Reached {
				continue
			}
			s := seat{g, i, fmt.Sprintf("%s-%d", k, t.Index), []string{e.address}}
			s.addresses = append(s.addresses, e.loopback...)
			out[e.node] = append(out[e.node], s)
		}
	}
	return out
}

// fromNodes looks once more at what the runner did not reach, from pods in the
// network of each node concerned. What keeps these pods away is part of the
// observation and stops nothing.
func fromNodes(ctx context.Context, env *cluster.Env, endpoints map[Kind][]endpoint, o *Observation) {
	seats := unreachedOnNodes(endpoints, o)
	nodes := slices.Sorted(maps.Keys(seats))
	o.OwnNodes = OwnNodes{Wanted: len(nodes)}
	if len(nodes) == 0 {
		return
	}
	nonce, err := cluster.NewRunID()
	if err != nil {
		o.OwnNodes.Trouble = cluster.Infrastructure
		return
	}
	for i, node := range nodes {
		args := []string{"scan", "--nonce", nonce, "--client", node, "--connect", connectLimit.String(), "--answer", answerLimit.String(), "--tries", strconv.Itoa(tries)}
		for _, s := range seats[node] {
			args = append(args, "--target", s.name+"="+strings.Join(s.addresses, ","))
		}
		pod := pods.OnHost(pods.Options{
			GenerateName: "bvc-scan-", Namespace: cluster.PrivilegedNamespace, Image: env.Image, Node: node, Args: args,
			Labels: map[string]string{nodeLabel: strconv.Itoa(i + 1)},
		})
		// Control planes keep others away, and a node that is cordoned has servers, too.
		pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		if i == 0 {
			defer remove(ctx, env)
		}
		if _, err := env.CreatePrivileged(ctx, pod); err != nil {
			o.OwnNodes.Trouble = cluster.CreateTrouble(err)
			if o.OwnNodes.Trouble == cluster.NotPermitted { // it is so for all
				return
			}
		}
	}
	following, stop := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer stop()
	var mu sync.Mutex
	seen := map[string]agent.Line{} // by client and target
	for _, pod := range running(ctx, env, nodes, o) {
		streams.Go(func() {
			_ = env.FollowPrivileged(following, pod, nonce, func(l agent.Line) { // what is missing shows
				mu.Lock()
				defer mu.Unlock()
				if l.Event == agent.LookedAt && l.Scan != nil {
					seen[l.Client+" "+l.Target] = l
				}
			})
		})
		o.OwnNodes.Looked++
	}
	want := 0
	for _, node := range nodes {
		want += len(seats[node])
	}
	if o.OwnNodes.Looked > 0 {
		_, _ = wait.For(ctx, hostScanLimit, "the nodes' own scans", // what is missing shows
			func(context.Context) (int, error) { mu.Lock(); defer mu.Unlock(); return len(seen), nil },
			func(n int) (bool, string) { return n >= want, fmt.Sprintf("%d of %d", n, want) })
	}
	stop()
	streams.Wait()
	for _, node := range nodes {
		for _, s := range seats[node] {
			if l, ok := seen[node+" "+s.name]; ok && l.Seq >= 1 && l.Seq <= int64(len(s.addresses)) {
				t := &s.group.Targets[s.target]
				t.Result, t.Via = *l.Scan, ViaOwnNode
				if l.Seq >= 2 {
					t.Via = ViaLoopback
				}
			}
		}
	}
}

// running waits for a pod on each node and gives the names of those that run.
func running(ctx context.Context, env *cluster.Env, nodes []string, o *Observation) []string {
	list, _ := wait.For(ctx, hostPodsLimit, "pods in the nodes' networks", // those that run are enough
		func(ctx context.Context) (*corev1.PodList, error) {
			return env.Runner.CoreV1().Pods(cluster.PrivilegedNamespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: env.Labels(nil)}) + "," + nodeLabel})
		},
		func(l *corev1.PodList) (bool, string) {
			ready := 0
			for i := range l.Items {
				if cluster.PodTrouble(&l.Items[i]) == cluster.NoTrouble {
					ready++
				}
			}
			return ready == len(nodes), fmt.Sprintf("%d of %d ready", ready, len(nodes))
		})
	var out []string
	if list != nil {
		for i := range list.Items {
			p := &list.Items[i]
			index, err := strconv.Atoi(p.Labels[nodeLabel])
			if err != nil || index < 1 || index > len(nodes) || p.Spec.NodeName != nodes[index-1] {
				continue
			}
			if t := cluster.PodTrouble(p); t == cluster.NoTrouble {
				out = append(out, p.Name)
			} else {
				o.OwnNodes.Trouble = t
			}
		}
	}
	if len(out) < len(nodes) {
		o.OwnNodes.Trouble = cmp.Or(o.OwnNodes.Trouble, cluster.Infrastructure)
	}
	return out
}

func remove(ctx context.Context, env *cluster.Env) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	// What fails here, the cleanup of the run does again and reports.
	_ = env.DeletePrivileged(ctx)
}
