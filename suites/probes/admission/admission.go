// Package admission creates pods as a tenant would and records what became of
// them: a golden pod that keeps every rule, each mutant of it with one fault,
// and the golden pod again, in rounds that are spread over time because
// admission controllers fail open for moments and differ between API servers.
//
// The golden pod is the positive control. A mutant that is refused says
// something on a rule only while the golden pod is admitted right before and
// after it; a mutant that is admitted says so by itself.
//
// Pods are created for real, with a scheduling gate so that they never run:
// with dry run, webhooks may answer otherwise than they do for tenants.
package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// Rounds and Span are what a pass needs: each mutant refused in so many
// rounds, the last so long after the first.
const (
	Rounds = 5
	Span   = 10 * time.Second
)

// interval gives 10.4 s from the first to the last of five rounds.
const interval = 2600 * time.Millisecond

// requestLimit bounds one request: a webhook may take up to 30 s by its own
// timeout, and its answer still counts.
const requestLimit = 35 * time.Second

// Probe creates golden and mutant pods. To ask the authoriser about oneself
// (SelfSubjectAccessReview) every authenticated account has the right.
var Probe = check.NewProbe[*cluster.Env, Observation](check.ProbeMeta{
	Name:          "admission",
	SchemaVersion: 2,
	Timeout:       8 * time.Minute,
	Weight:        1,
	Needs: []check.Right{
		{As: check.Tenant, Verb: "create", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "delete", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "deletecollection", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "list", Resource: "pods", Scope: check.TenantNamespaces},
	},
}, Observe)

// Observe runs the rounds in the first tenant namespace.
func Observe(ctx context.Context, env *cluster.Env) (Observation, error) {
	return observe(ctx, env, interval)
}

func observe(ctx context.Context, env *cluster.Env, every time.Duration) (Observation, error) {
	o := Observation{Rounds: []Round{}}
	allowed, err := may(ctx, env, "create", "", "pods", "")
	if err != nil {
		return o, &check.Stopped{Phase: "ask whether the tenant may create pods", Err: err}
	}
	o.MayCreatePods, o.OwnServiceAccount = allowed, env.PodAccount(env.Namespaces[0]) != ""
	if !allowed {
		return o, nil // every refusal would be the authoriser's
	}
	if err := GateHolds(ctx, env); err != nil {
		return o, &check.Stopped{Phase: "see whether pods keep their gate", Err: err}
	}
	m := maker{env: env}
	start := time.Now()
	for i := range Rounds {
		if i > 0 {
			// Counted from the first tries and not from the first round: a
			// slow answer before them must not shorten what they span.
			select {
			case <-ctx.Done():
				return o, &check.Stopped{Phase: fmt.Sprintf("round %d", i+1), Err: ctx.Err()}
			case <-time.After(time.Until(start.Add(o.Rounds[0].lastTry() + time.Duration(i)*every))):
			}
		}
		o.Rounds = append(o.Rounds, m.round(ctx, start))
		err := ctx.Err()
		if m.ungated {
			err = errGateTaken
		}
		if err != nil {
			return o, &check.Stopped{Phase: fmt.Sprintf("round %d", i+1), Err: err}
		}
	}
	if err := env.DeleteFrom(ctx, env.Namespaces[0], cluster.Pods); err != nil {
		return o, &check.Stopped{Phase: "delete pods", Err: Classify(err).trouble()}
	}
	return o, nil
}

// trouble is an error that says no more than the classes do: messages of API
// servers name objects of the site.
func (a Attempt) trouble() error {
	return fmt.Errorf("%s, HTTP status %d", a.Cause, a.HTTPStatus)
}

// maker creates pods and removes what was stored a few at a time: one request
// for each would be as many again, and a namespace has room for a few.
type maker struct {
	env    *cluster.Env
	stored int
	// ungated says that a pod lost the gate it should have.
	ungated bool
}

const removeAfter = 10

func (k *maker) round(ctx context.Context, start time.Time) Round {
	env := k.env
	r := Round{Mutants: []Mutant{}}
	r.Before = k.golden(ctx, golden(env, "bvc-golden-"))
	apart := golden(env, "bvc-golden-")
	userNamespaced(apart)
	r.UserNamespace = k.golden(ctx, apart)
	for _, m := range mutants() {
		if k.ungated {
			return r // the round is cut short, and the run of them stops
		}
		if m.fault == FaultServiceAccount && env.PodAccount(env.Namespaces[0]) == "" {
			continue // every pod has that fault
		}
		at := time.Since(start)
		r.Mutants = append(r.Mutants, Mutant{
			Fault: m.fault, Variant: m.variant, Surface: SurfacePod, AtSeconds: at.Round(time.Millisecond).Seconds(), Attempt: k.mutant(ctx, m),
		})
	}
	r.After = k.golden(ctx, golden(env, "bvc-golden-"))
	return r
}

// lastTry is when the last mutant of the round was sent, since the start.
func (r Round) lastTry() time.Duration {
	var last float64
	for _, m := range r.Mutants {
		last = max(last, m.AtSeconds)
	}
	return time.Duration(last * float64(time.Second))
}

func goldenOptions(env *cluster.Env, name string) pods.Options {
	return pods.Options{
		GenerateName: name, Namespace: env.Namespaces[0], Image: env.Image, Args: []string{"serve"},
		Gated: true, Init: true, ServiceAccount: env.PodAccount(env.Namespaces[0]),
	}
}

func golden(env *cluster.Env, name string) *corev1.Pod { return pods.Golden(goldenOptions(env, name)) }

func (k *maker) golden(ctx context.Context, pod *corev1.Pod) Golden {
	sent := pod.DeepCopy()
	stored, a := k.try(ctx, nil, pod)
	g := Golden{Attempt: a}
	if stored != nil {
		g.Altered = compare(sent, stored)
	}
	return g
}

func (k *maker) mutant(ctx context.Context, m mutant) Attempt {
	pod := golden(k.env, "bvc-mutant-")
	m.apply(pod)
	stored, a := k.try(ctx, &m, pod)
	return settled(a, stored, &m)
}

// try creates the pod. The stored pod is nil when it was not admitted.
func (k *maker) try(ctx context.Context, m *mutant, pod *corev1.Pod) (*corev1.Pod, Attempt) {
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	stored, a, err := asked(limited, k.env, m, func() (*corev1.Pod, error) { return k.env.CreatePod(limited, pod) })
	if err != nil {
		return nil, a
	}
	k.ungated = k.ungated || !gated(stored)
	if k.stored++; k.stored%removeAfter == 0 || k.ungated {
		// What stays because this fails is removed at the end, and after that
		// by the run's cleanup, which reports what it can not remove.
		_ = k.env.DeleteFrom(limited, pod.Namespace, cluster.Pods)
	}
	return stored, a
}

// GateHolds returns an error where the cluster takes the scheduling gate from a pod. Webhooks built on
// an old API drop fields that they do not know; without the gate, pods with a
// fault would run.
func GateHolds(ctx context.Context, env *cluster.Env) error {
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	stored, err := env.CreatePod(limited, golden(env, "bvc-gate-"))
	if err != nil {
		return nil // what keeps the golden pod out is seen and said by the probe itself
	}
	_ = env.DeletePod(limited, stored) // what stays, the run's cleanup removes
	if !gated(stored) {
		return errGateTaken
	}
	return nil
}

var errGateTaken = errors.New("the cluster takes the scheduling gate from pods (a mutating webhook that does not know the field?), so nothing with a fault is sent")

func gated(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.SchedulingGates, func(g corev1.PodSchedulingGate) bool { return g.Name == pods.Gate })
}
