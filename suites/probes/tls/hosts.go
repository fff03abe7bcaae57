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
	var seated []cluster.Node
	for i, node := range nodes {
		args := []string{"scan", "--nonce", nonce, "--client", node, "--connect", connectLimit.String(), "--answer", answerLimit.String(), "--tries", strconv.Itoa(tries)}
		for _, s := range seats[node] {
			args = append(args, "--target", s.name+"="+strings.Join(s.addresses, ","))
		}
		pod := pods.OnHost(pods.Options{
			GenerateName: "bvc-scan-", Namespace: cluster.PrivilegedNamespace, Image: env.Image, Node: node, Args: args,
			Labels: map[string]string{cluster.NodeLabel: strconv.Itoa(i + 1)},
		})
		// Control planes keep others away, and a node that is cordoned has servers, too.
		pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		if i == 0 {
			defer remove(ctx, env)
		}
		if _, err := env.CreatePrivileged(ctx, pod); err != nil {
			o.OwnNodes.Trouble = cluster.CreateTrouble(err)
			if o.OwnNodes.Trouble.Everywhere() {
				return
			}
			continue
		}
		seated = append(seated, cluster.Node{Index: i + 1, Name: node})
	}
	following, stop := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer stop()
	var mu sync.Mutex
	seen := map[string]agent.Line{} // by client and target
	// Those that run are enough.
	found, lacking := env.ReadyPods(ctx, env.Runner, cluster.PrivilegedNamespace, seated, hostPodsLimit)
	o.OwnNodes.Trouble = cmp.Or(o.OwnNodes.Trouble, lacking.Trouble())
	for _, pod := range found {
		streams.Go(func() {
			_ = env.FollowPrivileged(following, pod.Name, nonce, func(l agent.Line) { // what is missing shows
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

func remove(ctx context.Context, env *cluster.Env) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	// What fails here, the cleanup of the run does again and reports.
	_ = env.DeletePrivileged(ctx)
}
