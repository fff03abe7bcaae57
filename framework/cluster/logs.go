package cluster

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

// FollowAgent reads the agent's lines from the pod's log while they are
// written and hands each to each exactly once, until ctx ends; then it returns
// nil. A stream that breaks is opened again from the start of the log, which
// loses nothing, and what was handed over before is left out.
func (e *Env) FollowAgent(ctx context.Context, namespace, pod, nonce string, each func(agent.Line)) error {
	return followAgent(ctx, e.Tenant, namespace, pod, nonce, each)
}

// FollowPrivileged does the same for a pod in PrivilegedNamespace.
func (e *Env) FollowPrivileged(ctx context.Context, pod, nonce string, each func(agent.Line)) error {
	return followAgent(ctx, e.Runner, PrivilegedNamespace, pod, nonce, each)
}

// fruitless is how many streams in a row may end without a new line.
const fruitless = 40

func followAgent(ctx context.Context, client kubernetes.Interface, namespace, pod, nonce string, each func(agent.Line)) error {
	once := newOnce(each)
	tick := time.NewTicker(wait.Interval)
	defer tick.Stop()
	failures := 0
	for {
		before := once.count()
		err := readAgent(ctx, client, namespace, pod, nonce, once.line)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !wait.Transient(err) && !apierrors.IsBadRequest(err) {
			// Bad request: the container has no log yet, or its log was just rotated.
			return fmt.Errorf("follow an agent's log: %w", err)
		}
		failures++
		if once.count() > before {
			failures = 0
		}
		if failures >= fruitless {
			return fmt.Errorf("follow an agent's log: %d streams in a row ended without a line: %w", failures, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// agentContainer is the name of the agent's container in every probe pod; some
// clusters put containers of their own beside it.
const agentContainer = "agent"

func readAgent(ctx context.Context, client kubernetes.Interface, namespace, pod, nonce string, each func(agent.Line)) error {
	stream, err := client.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Container: agentContainer, Follow: true}).Stream(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	return agent.Read(stream, nonce, each)
}

// onceEach hands over each line once. A line is known by what it says: the
// agent never says the same twice, because its attempts are counted.
type onceEach struct {
	each func(agent.Line)
	seen map[lineKey]bool
}

type lineKey struct {
	event          agent.Event
	client, target string
	seq            int64
}

func newOnce(each func(agent.Line)) *onceEach { return &onceEach{each: each, seen: map[lineKey]bool{}} }

func (o *onceEach) count() int { return len(o.seen) }

func (o *onceEach) line(l agent.Line) {
	key := lineKey{l.Event, l.Client, l.Target, l.Seq}
	if o.seen[key] {
		return
	}
	o.seen[key] = true
	o.each(l)
}
