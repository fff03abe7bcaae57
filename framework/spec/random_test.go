package spec

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// ledger is told by the probes themselves when they begin and end.
type ledger struct {
	capacity int64

	mu      sync.Mutex
	weights map[string]int64 // of the concurrent probes now running
	alone   string           // the exclusive probe now running
	peak    int64
	began   map[string]int // how often, by probe
	trouble []string
}

func (l *ledger) enter(p check.ProbeMeta) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began[p.Name]++
	if l.alone != "" || p.Exclusive && len(l.weights) > 0 {
		l.trouble = append(l.trouble, fmt.Sprintf("%s began beside %q and %v", p.Name, l.alone, l.weights))
	}
	if p.Exclusive {
		l.alone = p.Name
		return
	}
	l.weights[p.Name] = min(int64(p.Weight), l.capacity)
	var sum int64
	for _, w := range l.weights {
		sum += w
	}
	l.peak = max(l.peak, sum)
	if sum > l.capacity {
		l.trouble = append(l.trouble, fmt.Sprintf("weight %d, capacity %d: %v", sum, l.capacity, l.weights))
	}
}

func (l *ledger) leave(p check.ProbeMeta) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.weights, p.Name)
	if l.alone == p.Name {
		l.alone = ""
	}
}

// plan is one probe of a random schedule.
type plan struct {
	meta    check.ProbeMeta
	does    string
	after   time.Duration // how long it works when it is let
	missing bool
	probe   *check.Probe
}

// Times have fractions of their own, so that no two ends coincide and what
// must come out of each plan is certain: works are whole milliseconds and
// 100 µs, timeouts are whole milliseconds, and the run ends 50 µs after one.
const (
	workFraction = 100 * time.Microsecond
	endFraction  = 50 * time.Microsecond
	randomGrace  = 7 * time.Millisecond
)

func (p *plan) look(l *ledger, release <-chan struct{}) look {
	return func(ctx context.Context) (*sight, error) {
		l.enter(p.meta)
		if p.does == "hang" || p.does == "exit" {
			// Up to the moment in which it is given up, it counts as running.
			<-ctx.Done()
			time.Sleep(randomGrace - time.Nanosecond)
			l.leave(p.meta)
			if p.does == "exit" {
				runtime.Goexit()
			}
			<-release
			return &sight{Good: true}, nil
		}
		defer l.leave(p.meta)
		select {
		case <-ctx.Done():
			return &sight{Good: true}, ctx.Err()
		case <-time.After(p.after):
		}
		switch p.does {
		case "panic":
			panic(secret)
		case "error":
			return &sight{Good: true}, errors.New("cleanup failed")
		case "large":
			return &sight{Good: true, Pad: strings.Repeat("x", v1alpha1.MaxObservationBytes)}, nil
		}
		return &sight{Good: true}, nil
	}
}

// want says what must come out of a plan whose probe started at start, in a
// run that ends at end.
func (p *plan) want(start, end time.Duration) (kind string, finish time.Duration) {
	over, why := start+p.meta.Timeout, check.ProblemTimeout
	if end < over {
		over, why = end, check.ProblemInterrupted
	}
	switch {
	case p.does == "hang" || p.does == "exit":
		return check.ProblemTimeout, over + randomGrace
	case start+p.after > over:
		return why, over
	case p.does == "panic":
		return check.ProblemPanic, start + p.after
	case p.does == "error":
		return check.ProblemError, start + p.after
	case p.does == "large":
		return check.ProblemTooLarge, start + p.after
	}
	return "", start + p.after
}

// TestRandomSchedules proves, for schedules of every mixture, that they
// terminate, that every probe is observed at most once and has one observation
// of the kind that its fate calls for, that weights stay within the capacity,
// that exclusive probes are alone, and that only what was seen whole passes.
func TestRandomSchedules(t *testing.T) {
	watchdog(t)
	kinds := map[string]int{} // so that no kind is missing by accident
	full := 0                 // runs that used all the room, so that the bound means something
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { randomSchedule(t, seed, kinds, &full) })
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
	for _, kind := range []string{"", check.ProblemError, check.ProblemTimeout, check.ProblemPanic, check.ProblemInterrupted,
		check.ProblemTooLarge, check.ProblemNotScheduled, check.ProblemMissingRight} {
		if kinds[kind] < 20 {
			t.Errorf("problem %q came about %d times: the schedules prove little of it", kind, kinds[kind])
		}
	}
	if full < 100 {
		t.Errorf("only %d runs used all the room", full)
	}
}

func randomSchedule(t *testing.T, seed uint64, kinds map[string]int, full *int) {
	r := rand.New(rand.NewPCG(seed, 4404))
	release := make(chan struct{})
	defer close(release)
	var log journal
	book := &ledger{capacity: 1 + r.Int64N(5), weights: map[string]int64{}, began: map[string]int{}}
	plans := map[string]*plan{}
	var checks []*check.Check
	missing := map[string][]string{}
	for i := range r.IntN(14) {
		p := &plan{
			meta: check.ProbeMeta{
				Name: fmt.Sprintf("p%02d", i), SchemaVersion: 1, Weight: 1 + r.IntN(8), Exclusive: r.IntN(4) == 0,
				Timeout: time.Duration(1+r.IntN(30)) * time.Millisecond,
			},
			does:    []string{"see", "see", "see", "error", "panic", "large", "hang", "exit"}[r.IntN(8)],
			after:   time.Duration(r.IntN(25))*time.Millisecond + workFraction,
			missing: r.IntN(8) == 0,
		}
		if p.missing {
			missing[p.meta.Name] = []string{"runner: list nodes"}
		}
		p.probe = check.NewProbe(p.meta, func(ctx context.Context, _ string) (*sight, error) { return p.look(book, release)(ctx) })
		plans[p.meta.Name] = p
		for j := range 1 + r.IntN(3) {
			checks = append(checks, newCheck(fmt.Sprintf("APP.4.4.A%d/%s", j, p.meta.Name), p.probe))
		}
	}
	r.Shuffle(len(checks), func(i, j int) { checks[i], checks[j] = checks[j], checks[i] })

	o := options(&log, checks)
	o.Concurrency, o.Missing, o.grace = book.capacity, missing, randomGrace
	results := map[string]v1alpha1.Result{}
	o.Progress = func(p Progress) {
		results[p.Result.CheckID] = p.Result
		if p.Completed != len(results) || p.Total != len(checks) {
			t.Errorf("progress %d of %d, want %d of %d", p.Completed, p.Total, len(results), len(checks))
		}
	}
	began := time.Now()
	end := 24 * time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	switch r.IntN(4) {
	case 0: // cancelled before the start
		end = 0
		cancel()
	case 1: // cancelled in the middle
		end = time.Duration(1+r.IntN(120))*time.Millisecond + endFraction
		time.AfterFunc(end, cancel)
	case 2: // out of time in the middle
		end = time.Duration(1+r.IntN(120))*time.Millisecond + endFraction
		cancel()
		ctx, cancel = context.WithTimeout(t.Context(), end)
	}
	defer cancel()
	s := conduct(ctx, o)

	book.mu.Lock() // nothing else orders us after a probe that was given up
	defer book.mu.Unlock()
	for _, trouble := range book.trouble {
		t.Error(trouble)
	}
	if book.peak == book.capacity {
		*full++
	}
	var names []string
	for _, o := range s.evidence() {
		names = append(names, o.Probe)
		p, kind := plans[o.Probe], kindOf(o)
		kinds[kind]++
		start, finish := o.StartedAt.Sub(began), o.FinishedAt.Sub(began)
		wantKind, wantFinish, wantBegan := check.ProblemMissingRight, start, 0
		switch {
		case p.missing:
		case start >= end:
			wantKind = check.ProblemNotScheduled
		default:
			wantKind, wantFinish = p.want(start, end)
			wantBegan = 1
		}
		if kind != wantKind || finish != wantFinish || book.began[o.Probe] != wantBegan {
			t.Errorf("%s (%+v, %s after %s, end at %s), started at %s: problem %q at %s, begun %d times; want %q at %s, %d",
				o.Probe, p.meta, p.does, p.after, end, start, kind, finish, book.began[o.Probe], wantKind, wantFinish, wantBegan)
		}
	}
	if want := slices.Sorted(maps.Keys(plans)); !slices.Equal(names, want) {
		t.Errorf("observations of %v, want one of each of %v", names, want)
	}
	if len(s.running()) > 0 {
		t.Errorf("still running: %v", s.running())
	}
	for _, c := range checks {
		want := map[string]v1alpha1.Outcome{
			"": v1alpha1.Pass, check.ProblemMissingRight: v1alpha1.NotRun, check.ProblemNotScheduled: v1alpha1.NotRun,
		}[kindOf(observation(t, s, c.Probes[0].Name))]
		if want == "" {
			want = v1alpha1.Inconclusive
		}
		if got := results[c.ID].Outcome; got != want {
			t.Errorf("%s is %s (%s), want %s", c.ID, got, results[c.ID].Reason.En, want)
		}
	}
}
