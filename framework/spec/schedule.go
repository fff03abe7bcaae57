// Package spec runs the registered checks: it selects them, schedules their
// probes, and lets Ginkgo tell the story, a Describe per requirement and an It
// per check. It is the only package that imports Ginkgo.
package spec

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sort"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// hangGrace is how long a probe may take to come back after its context ended
// before the run goes on without it.
const hangGrace = 10 * time.Second

// maxProblem bounds the message of a problem in the evidence.
const maxProblem = 400

// schedule runs probes and keeps what they saw. A spec awaits only probes that
// are in it, and every probe that is in it comes to an end, whatever it does:
// that is why no run can deadlock.
type schedule struct {
	probes   []*check.Probe
	env      func(probe string) any
	capacity int64
	grace    time.Duration
	now      func() time.Time
	log      func(format string, args ...any)
	finished map[string]chan struct{}

	mu           sync.Mutex
	observations map[string]v1alpha1.Observation
}

func newSchedule(probes []*check.Probe, o Options) *schedule {
	s := &schedule{
		probes: probes, env: o.Env, capacity: o.Concurrency, grace: cmp.Or(o.grace, hangGrace), now: o.Now, log: o.Logf,
		finished: map[string]chan struct{}{}, observations: map[string]v1alpha1.Observation{},
	}
	for _, p := range probes {
		s.finished[p.Name] = make(chan struct{})
	}
	return s
}

// run runs all probes, first the concurrent ones and then, one by one, those
// that must be alone. It returns when all have ended.
func (s *schedule) run(ctx context.Context) {
	var concurrent, exclusive []*check.Probe
	for _, p := range s.probes {
		if p.Exclusive {
			exclusive = append(exclusive, p)
		} else {
			concurrent = append(concurrent, p)
		}
	}
	// The longest first, so that it does not start when the others are done.
	sort.SliceStable(concurrent, func(i, j int) bool { return concurrent[i].Timeout > concurrent[j].Timeout })
	room := semaphore.NewWeighted(s.capacity)
	var all sync.WaitGroup
	for _, p := range concurrent {
		// A probe heavier than all the room there is takes all of it.
		weight := min(int64(p.Weight), s.capacity)
		if room.Acquire(ctx, weight) != nil {
			s.skip(p, "the run ended before the probe's turn")
			continue
		}
		all.Go(func() {
			defer room.Release(weight)
			s.observe(ctx, p)
		})
	}
	all.Wait()
	for _, p := range exclusive {
		if ctx.Err() != nil {
			s.skip(p, "the run ended before the probe's turn")
			continue
		}
		s.observe(ctx, p)
	}
}

// seen is what came out of a probe.
type seen struct {
	data    json.RawMessage
	problem *v1alpha1.Problem
}

func (s *schedule) observe(ctx context.Context, p *check.Probe) {
	started := s.now()
	limited, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	// Buffered: a probe that comes back after it was given up must not block.
	result := make(chan seen, 1)
	go func() { result <- s.guarded(limited, p) }()
	var got seen
	select {
	case got = <-result:
	case <-s.givenUp(limited):
		got.problem = &v1alpha1.Problem{Kind: check.ProblemTimeout, Phase: "hung",
			Message: fmt.Sprintf("the probe did not come back within %s after its time was over", s.grace)}
	}
	if got.problem != nil && got.problem.Kind == check.ProblemError {
		switch {
		case ctx.Err() != nil:
			got.problem.Kind = check.ProblemInterrupted
		case limited.Err() != nil:
			got.problem.Kind = check.ProblemTimeout
		}
	}
	if len(got.data) > v1alpha1.MaxObservationBytes {
		got = seen{problem: &v1alpha1.Problem{Kind: check.ProblemTooLarge,
			Message: fmt.Sprintf("%d bytes, at most %d", len(got.data), v1alpha1.MaxObservationBytes)}}
	}
	s.finish(p, v1alpha1.Observation{
		Probe: p.Name, SchemaVersion: p.SchemaVersion, StartedAt: started, FinishedAt: s.now(),
		Data: got.data, Problem: got.problem,
	})
}

// givenUp closes the grace after ctx ended.
func (s *schedule) givenUp(ctx context.Context) <-chan struct{} {
	out := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(s.grace, func() { close(out) }) })
	return out
}

// guarded runs the probe and turns a panic into a problem.
func (s *schedule) guarded(ctx context.Context, p *check.Probe) (got seen) {
	defer func() {
		if r := recover(); r != nil {
			s.log("probe %s crashed: %v\n%s", p.Name, r, debug.Stack())
			// The message stays out of the evidence: it may hold anything.
			got = seen{problem: &v1alpha1.Problem{Kind: check.ProblemPanic, Message: "see the log of the run"}}
		}
	}()
	data, err := p.Observe(ctx, s.env(p.Name))
	got.data = data
	if err != nil {
		s.log("probe %s: %v", p.Name, err)
		got.problem = problemOf(err)
	}
	return got
}

func problemOf(err error) *v1alpha1.Problem {
	problem := &v1alpha1.Problem{Kind: check.ProblemError}
	var stopped *check.Stopped
	if errors.As(err, &stopped) {
		problem.Phase, err = stopped.Phase, stopped.Err
	}
	var classified interface{ Cause() string }
	if errors.As(err, &classified) {
		problem.Cause = classified.Cause()
	}
	problem.Message = v1alpha1.Plain(err.Error(), maxProblem)
	return problem
}

// skip ends a probe that was not tried.
func (s *schedule) skip(p *check.Probe, why string) {
	at := s.now()
	s.finish(p, v1alpha1.Observation{
		Probe: p.Name, SchemaVersion: p.SchemaVersion, StartedAt: at, FinishedAt: at, Data: json.RawMessage("null"),
		Problem: &v1alpha1.Problem{Kind: check.ProblemNotScheduled, Message: why},
	})
}

func (s *schedule) finish(p *check.Probe, o v1alpha1.Observation) {
	if len(o.Data) == 0 {
		o.Data = json.RawMessage("null")
	}
	s.mu.Lock()
	s.observations[p.Name] = o
	s.mu.Unlock()
	close(s.finished[p.Name])
}

// evidence returns the observations made so far, sorted by probe.
func (s *schedule) evidence() []v1alpha1.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]v1alpha1.Observation, 0, len(s.observations))
	for _, o := range s.observations {
		out = append(out, o)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Probe < out[j].Probe })
	return out
}

// running returns the names of the probes that have not ended, sorted.
func (s *schedule) running() []string {
	var out []string
	for name, done := range s.finished {
		select {
		case <-done:
		default:
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}
