// Package fresh makes a namespace that nobody prepared, with a tenant of its
// own, and tries there what a pod may be: the golden pod, each fault once, and
// the golden pod again, in two rounds; the second leaves out what was admitted
// in the first. It shows what holds by default, without
// the labels and objects that a site gives a namespace when it hands it over.
package fresh

import (
	"context"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

// Rounds and Span are what a pass needs.
const (
	Rounds = 2
	Span   = 10 * time.Second
)

// interval is from the end of one round to the next, so that every pod of the
// second is tried so long after that of the first.
const interval = Span + 500*time.Millisecond

// settle is what the site's controllers get to equip the namespace before the
// first pod: that they need a moment is no default without rules.
const settle = 10 * time.Second

// Probe needs the opt-in rights. To ask the authoriser about oneself every
// authenticated account has the right.
var Probe = check.NewProbe[*cluster.Env, Observation](check.ProbeMeta{
	Name:          "fresh",
	SchemaVersion: 1,
	Timeout:       5 * time.Minute,
	Weight:        1,
	Needs:         cluster.FreshRights(),
}, Observe)

// Observe makes the namespace, tries the rounds, and removes it.
func Observe(ctx context.Context, env *cluster.Env) (Observation, error) {
	return observe(ctx, env, settle, interval)
}

func observe(ctx context.Context, env *cluster.Env, first, every time.Duration) (Observation, error) {
	o := Observation{Rounds: []Round{}}
	start := time.Now()
	tenant, err := env.Fresh(ctx, "pods")
	if err != nil {
		// What was made of it is removed by the run's cleanup.
		return o, err
	}
	o.ReadySeconds = time.Since(start).Round(time.Millisecond).Seconds()
	if err := admission.GateHolds(ctx, tenant); err != nil {
		return o, &check.Stopped{Phase: "see whether pods keep their gate", Err: err}
	}
	begin := time.Now()
	pause, faults := first, admission.Faults()
	for range Rounds {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return o, &check.Stopped{Phase: "try pods", Err: ctx.Err()}
		case <-timer.C:
		}
		r := round(ctx, tenant, faults, time.Since(begin))
		o.Rounds = append(o.Rounds, r)
		pause, faults = every, r.notAdmitted()
	}
	if err := tenant.RemoveFresh(ctx); err != nil {
		return o, &check.Stopped{Phase: "remove the namespace", Err: cluster.CreateTrouble(err)}
	}
	o.Gone = true
	return o, nil
}

// notAdmitted are the faults that are worth a second try: one that was admitted
// is a deviation by itself.
func (r Round) notAdmitted() []string {
	var out []string
	for _, f := range r.Faults {
		if f.Class != admission.Admitted {
			out = append(out, f.Fault)
		}
	}
	return out
}

func round(ctx context.Context, env *cluster.Env, faults []string, at time.Duration) Round {
	try := func(s admission.Specimen) admission.Attempt {
		s.Namespace = env.Namespaces[0]
		return s.Send(ctx, env)
	}
	r := Round{AtSeconds: at.Round(time.Millisecond).Seconds(), Faults: []FaultTry{}}
	r.Before = try(admission.Specimen{})
	if r.Before.Class == admission.Infrastructure {
		// A webhook that does not answer may take half a minute for each pod.
		r.UserNamespace, r.After = r.Before, r.Before
		return r
	}
	r.UserNamespace = try(admission.Specimen{UserNamespace: true})
	for _, fault := range faults {
		r.Faults = append(r.Faults, FaultTry{fault, try(admission.Specimen{Fault: fault})})
	}
	r.After = try(admission.Specimen{})
	return r
}
