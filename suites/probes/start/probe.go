package start

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

const name = "start"

const (
	rounds = 3
	// limit is the norm's; waiting goes on beyond it to tell late from never.
	limit     = 60 * time.Second
	waitLimit = 90 * time.Second
	// specimenAfter is later than the limit.
	specimenAfter = 65 * time.Second
	removeLimit   = 10 * time.Second
)

func needs() []check.Right {
	rights := []check.Right{{As: check.Runner, Verb: "list", Resource: "nodes"}}
	for _, verb := range []string{"create", "get", "list", "watch", "delete", "deletecollection"} {
		rights = append(rights, check.Right{As: check.Tenant, Verb: verb, Resource: "pods", Scope: check.TenantNamespaces})
	}
	return append(rights, check.Right{As: check.Tenant, Verb: "list", Resource: "events", Scope: check.TenantNamespaces})
}

// Probe is the registered probe. It runs alone, for it measures time.
var Probe = check.NewProbe(check.ProbeMeta{
	Name: name, SchemaVersion: 1, Timeout: 8 * time.Minute, Weight: 1, Exclusive: true, Needs: needs(),
}, Observe)

// Observe starts pods on every node and measures each start.
func Observe(ctx context.Context, env *cluster.Env) (Observation, error) {
	o := Observation{
		Rounds: rounds, LimitSeconds: limit.Seconds(), WaitSeconds: waitLimit.Seconds(), SpecimenSeconds: specimenAfter.Seconds(),
		Priming: []Start{}, Warm: []Start{}, Cold: []Start{}, ColdGiven: env.ColdImage != "",
	}
	stopped := func(phase string, err error) (Observation, error) { return o, &check.Stopped{Phase: phase, Err: err} }
	selection, err := env.Workers(ctx)
	if err != nil {
		return stopped("select nodes", errors.New("the nodes could not be listed"))
	}
	o.SchedulableNodes, o.MeasuredNodes = selection.Schedulable, len(selection.Nodes)
	if len(selection.Nodes) == 0 {
		return stopped("select nodes", errors.New("there is no schedulable linux/amd64 node"))
	}
	defer removeAll(ctx, env)

	// The specimen takes longest and disturbs nothing: it runs beside all others.
	// It ends early when there is nothing left that it could prove.
	proving, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var specimen sync.WaitGroup
	defer specimen.Wait()
	var late Start
	specimen.Go(func() {
		late = measure(proving, env, request{node: selection.Nodes[0], image: env.Image, label: "specimen", readyAfter: specimenAfter})
	})

	o.Priming = all(ctx, env, selection.Nodes, env.Image, "priming", 0)
	if s, bad := firstUnfit(o.Priming); bad && s.Trouble != cluster.NotReady && s.Trouble != cluster.Crash {
		giveUp()
		return stopped("bring the image to the nodes", fmt.Errorf("worker %d: %w", s.Node, s.Trouble))
	}
	for round := 1; round <= rounds; round++ {
		o.Warm = append(o.Warm, all(ctx, env, selection.Nodes, env.Image, "warm", round)...)
		if _, bad := firstUnfit(o.Warm); bad {
			break // one start that never was ready decides; more would only wait
		}
	}
	if o.ColdGiven && ctx.Err() == nil {
		o.Cold = all(ctx, env, selection.Nodes, env.ColdImage, "cold", 0)
	}
	specimen.Wait()
	o.Specimen = late
	if ctx.Err() != nil {
		return stopped("measure starts", ctx.Err())
	}
	return o, nil
}

func removeAll(ctx context.Context, env *cluster.Env) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	// What fails here, the cleanup of the run does again and reports.
	_ = env.DeleteAll(ctx, cluster.Pods)
}

func firstUnfit(starts []Start) (Start, bool) {
	for _, s := range starts {
		if !s.Ready {
			return s, true
		}
	}
	return Start{}, false
}

// all starts one pod on each node at once.
func all(ctx context.Context, env *cluster.Env, nodes []cluster.Node, image, what string, round int) []Start {
	starts := make([]Start, len(nodes))
	var group sync.WaitGroup
	for i, node := range nodes {
		group.Go(func() {
			label := what + "-" + strconv.Itoa(round) + "-" + strconv.Itoa(node.Index)
			starts[i] = measure(ctx, env, request{node: node, round: round, image: image, label: label})
		})
	}
	group.Wait()
	return starts
}

// request is one start to measure.
type request struct {
	node       cluster.Node
	round      int
	image      string
	label      string
	readyAfter time.Duration
}

// startLabel is on each pod with a value of its own, so that its watch can be
// opened before the pod has a name.
const startLabel = "bvc-start"

// measure makes the pod, watches it until it is ready or the waiting ends, and
// removes it.
func measure(ctx context.Context, env *cluster.Env, r request) Start {
	s := Start{Node: r.node.Index, Round: r.round, Image: ImageUnknown, Trouble: cluster.Infrastructure}
	namespace := env.Namespaces[0]
	// A pod that is scheduled later than waitLimit-limit is not looked at at its
	// limit and so never proven late.
	limited, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	seen := watchPod(limited, env, namespace, startLabel+"="+r.label)
	args := []string{"serve", "--nonce", env.RunID, "--port", strconv.Itoa(pods.EchoPort), "--ready-port", strconv.Itoa(pods.ReadyPort)}
	if r.readyAfter > 0 {
		args = append(args, "--ready-after", r.readyAfter.String())
	}
	policy := corev1.PullAlways
	if r.image == env.ColdImage {
		// Asked for always, an image that the node has counts as pulled too,
		// and only a pull proves that the start was cold.
		policy = corev1.PullIfNotPresent
	}
	pod := pods.Golden(pods.Options{
		GenerateName: "bvc-start-", ServiceAccount: env.PodAccount(namespace), PullPolicy: policy, Namespace: namespace, Image: r.image, Node: r.node.Name, Serving: true,
		Labels: map[string]string{startLabel: r.label}, Args: args,
	})
	if !opened(limited, seen) {
		return s
	}
	t0 := time.Now()
	created, err := env.CreatePod(limited, pod)
	if err != nil {
		s.Trouble, s.Seconds = cluster.CreateTrouble(err), seconds(time.Since(t0))
		return s
	}
	s.Accepted = true
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
		defer cancel()
		_ = env.DeletePod(ctx, created) // the run's cleanup does it again
	}()
	last := await(limited, env, created, seen, t0, &s)
	// The events tell of the image; they and the node are asked about after the
	// clock stopped.
	after, cancelAfter := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancelAfter()
	if ctx.Err() != nil {
		s.Trouble = cluster.Infrastructure
		return s
	}
	if s.Scheduled {
		s.Image, s.PullSeconds = imageOf(after, env, created)
	}
	if !s.Ready {
		s.Trouble = troubleOf(after, env, r.node, last)
	}
	return s
}

// await follows the pod and enters into s what it sees; it returns the pod as
// seen last.
func await(ctx context.Context, env *cluster.Env, pod *corev1.Pod, seen <-chan *corev1.Pod, t0 time.Time, s *Start) *corev1.Pod {
	last := pod
	var limitLook <-chan time.Time
	enter := func(p *corev1.Pod) {
		last = p
		now := time.Since(t0)
		if cluster.PodScheduled(p) && !s.Scheduled {
			s.Scheduled, s.ScheduledSeconds = true, seconds(now)
			// Not stopped: it ends with the process at the latest a minute after.
			limitLook = time.After(limit)
		}
		if cluster.PodReady(p) && !s.Ready {
			s.Ready, s.Seconds, s.Trouble = true, seconds(now), cluster.NoTrouble
		}
	}
	enter(pod)
	for !s.Ready {
		select {
		case <-ctx.Done():
			s.Seconds = seconds(time.Since(t0))
			return last
		case p := <-seen:
			if p != nil && p.UID == pod.UID {
				enter(p)
			}
			if t := cluster.PodTrouble(last); t == cluster.Crash || t == cluster.Evicted {
				s.Seconds = seconds(time.Since(t0))
				// It will not be ready any more (restart policy Never): waiting
				// for the limit would not tell more.
				return last
			}
		case <-limitLook:
			limitLook = nil
			p, err := env.Tenant.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
			if err != nil {
				continue // not proven late
			}
			s.NotReadyAfterLimit = p.UID == pod.UID && !cluster.PodReady(p)
			enter(p)
		}
	}
	return last
}

// troubleOf classifies why the pod is not ready. A node that is not ready, or
// can not be asked about, explains everything else.
func troubleOf(ctx context.Context, env *cluster.Env, node cluster.Node, last *corev1.Pod) cluster.Trouble {
	nodes, err := env.Runner.CoreV1().Nodes().List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + node.Name})
	switch {
	case err != nil || len(nodes.Items) != 1:
		return cluster.Infrastructure
	case !cluster.NodeReady(nodes.Items[0]):
		return cluster.NodeNotReady
	}
	if t := cluster.PodTrouble(last); t != cluster.NoTrouble {
		return t
	}
	return cluster.Infrastructure
}

// seconds rounds to milliseconds: more digits would be noise in the evidence.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}
