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
	"fmt"
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
	Timeout:       4 * time.Minute,
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
		o.Rounds = append(o.Rounds, round(ctx, env, start))
		if err := ctx.Err(); err != nil {
			return o, &check.Stopped{Phase: fmt.Sprintf("round %d", i+1), Err: err}
		}
	}
	// A pod whose create answer was lost has no name that could be deleted.
	if err := env.DeleteAll(ctx, cluster.Pods); err != nil {
		return o, &check.Stopped{Phase: "delete pods", Err: Classify(err).trouble()}
	}
	return o, nil
}

// trouble is an error that says no more than the classes do: messages of API
// servers name objects of the site.
func (a Attempt) trouble() error {
	return fmt.Errorf("%s, HTTP status %d", a.Cause, a.HTTPStatus)
}

func round(ctx context.Context, env *cluster.Env, start time.Time) Round {
	r := Round{Mutants: []Mutant{}}
	r.Before = tryGolden(ctx, env, golden(env, "bvc-golden-"))
	apart := golden(env, "bvc-golden-")
	userNamespaced(apart)
	r.UserNamespace = tryGolden(ctx, env, apart)
	for _, m := range mutants() {
		if m.fault == FaultServiceAccount && env.PodAccount(env.Namespaces[0]) == "" {
			continue // every pod has that fault
		}
		at := time.Since(start)
		r.Mutants = append(r.Mutants, Mutant{
			Fault: m.fault, Variant: m.variant, Surface: SurfacePod, AtSeconds: at.Round(time.Millisecond).Seconds(), Attempt: tryMutant(ctx, env, m),
		})
	}
	r.After = tryGolden(ctx, env, golden(env, "bvc-golden-"))
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

func tryGolden(ctx context.Context, env *cluster.Env, pod *corev1.Pod) Golden {
	sent := pod.DeepCopy()
	stored, a := try(ctx, env, pod)
	g := Golden{Attempt: a}
	if stored != nil {
		g.Altered = compare(sent, stored)
	}
	return g
}

func tryMutant(ctx context.Context, env *cluster.Env, m mutant) Attempt {
	pod := golden(env, "bvc-mutant-")
	m.apply(pod)
	stored, a := try(ctx, env, pod)
	if stored != nil && !m.present(stored) {
		a.Class, a.By = Neutralised, ByOther
	}
	return a
}

// try creates the pod and deletes it at once. The stored pod is nil when it
// was not admitted.
func try(ctx context.Context, env *cluster.Env, pod *corev1.Pod) (*corev1.Pod, Attempt) {
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	stored, err := env.CreatePod(limited, pod)
	a := Classify(err)
	if err != nil {
		return nil, a
	}
	// What stays because this fails is removed by DeleteAll, and after that by
	// the run's cleanup, which reports what it can not remove.
	_ = env.DeletePod(limited, stored)
	return stored, a
}
