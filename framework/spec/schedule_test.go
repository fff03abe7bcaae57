package spec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

const (
	secret    = "password-of-the-site"
	testGrace = 3 * time.Second
)

// obeying waits for the end of its time and says so, as every probe should.
func obeying(ctx context.Context) (*sight, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("list pods: %w", ctx.Err())
}

// TestTroubleOfOneProbe proves what each kind of trouble becomes, and that it
// stays with the probe that has it: the neighbours run and are judged.
func TestTroubleOfOneProbe(t *testing.T) {
	watchdog(t)
	// Encoded, a sight is its pad and 22 bytes more.
	large := func(bytes int) look {
		return func(context.Context) (*sight, error) {
			return &sight{Good: true, Pad: strings.Repeat("x", bytes-len(`{"good":true,"pad":""}`))}, nil
		}
	}
	for name, c := range map[string]struct {
		look    look
		kind    string
		phase   string
		message string // a part of it
		noData  bool
		outcome v1alpha1.Outcome
		took    time.Duration
		logged  string
	}{
		"none":        {look: good, outcome: v1alpha1.Pass},
		"a deviation": {look: bad, outcome: v1alpha1.Fail},
		"panic": {
			look: func(context.Context) (*sight, error) { panic(secret) },
			kind: check.ProblemPanic, noData: true, outcome: v1alpha1.Inconclusive, logged: secret,
		},
		"panic of the runtime": {
			look: func(context.Context) (*sight, error) { var s *sight; s.Good = true; return s, nil },
			kind: check.ProblemPanic, noData: true, outcome: v1alpha1.Inconclusive, logged: "nil pointer",
		},
		"panic after its time": {
			look: func(ctx context.Context) (*sight, error) { <-ctx.Done(); panic(secret) },
			kind: check.ProblemPanic, noData: true, outcome: v1alpha1.Inconclusive, took: time.Second, logged: secret,
		},
		"error without data": {
			look: func(context.Context) (*sight, error) { return nil, errors.New("no\nanswer") },
			kind: check.ProblemError, message: "no answer", noData: true, outcome: v1alpha1.Inconclusive, logged: "answer",
		},
		"error with a phase": {
			look: func(context.Context) (*sight, error) {
				return nil, fmt.Errorf("around: %w", &check.Stopped{Phase: "wait for servers", Err: errors.New("quota")})
			},
			kind: check.ProblemError, phase: "wait for servers", message: "quota", noData: true, outcome: v1alpha1.Inconclusive,
		},
		"long error": {
			look: func(context.Context) (*sight, error) { return nil, errors.New(strings.Repeat("long ", 1000)) },
			kind: check.ProblemError, message: "long", noData: true, outcome: v1alpha1.Inconclusive,
		},
		// Such as a cleanup that failed: data and problem. Never a pass ...
		"error after good data": {
			look: func(context.Context) (*sight, error) { return &sight{Good: true}, errors.New("cleanup failed") },
			kind: check.ProblemError, message: "cleanup failed", outcome: v1alpha1.Inconclusive,
		},
		// ... and a deviation that was seen stays one (verdict rule 3).
		"error after a deviation": {
			look: func(context.Context) (*sight, error) { return &sight{}, errors.New("cleanup failed") },
			kind: check.ProblemError, message: "cleanup failed", outcome: v1alpha1.Fail,
		},
		"out of time": {
			look: obeying,
			kind: check.ProblemTimeout, message: "list pods", noData: true, outcome: v1alpha1.Inconclusive, took: time.Second,
		},
		"out of time with good data": {
			look: func(ctx context.Context) (*sight, error) { <-ctx.Done(); return &sight{Good: true}, ctx.Err() },
			kind: check.ProblemTimeout, outcome: v1alpha1.Inconclusive, took: time.Second,
		},
		"back within the grace": {
			look: func(ctx context.Context) (*sight, error) {
				<-ctx.Done()
				time.Sleep(testGrace - time.Millisecond)
				return nil, errors.New("late")
			},
			kind: check.ProblemTimeout, message: "late", noData: true, outcome: v1alpha1.Inconclusive, took: time.Second + testGrace - time.Millisecond,
		},
		"back after the grace": {
			look: func(ctx context.Context) (*sight, error) {
				<-ctx.Done()
				time.Sleep(testGrace + time.Millisecond)
				return &sight{Good: true}, nil
			},
			kind: check.ProblemTimeout, phase: "hung", message: testGrace.String(), noData: true, outcome: v1alpha1.Inconclusive, took: time.Second + testGrace,
		},
		"goroutine gone": {
			look: func(context.Context) (*sight, error) { runtime.Goexit(); return nil, nil },
			kind: check.ProblemTimeout, phase: "hung", noData: true, outcome: v1alpha1.Inconclusive, took: time.Second + testGrace,
		},
		"just not too large": {look: large(v1alpha1.MaxObservationBytes), outcome: v1alpha1.Pass},
		"too large": {
			look: large(v1alpha1.MaxObservationBytes + 1),
			kind: check.ProblemTooLarge, message: fmt.Sprint(v1alpha1.MaxObservationBytes + 1), noData: true, outcome: v1alpha1.Inconclusive,
		},
		"too large and an error": {
			look: func(ctx context.Context) (*sight, error) {
				s, _ := large(v1alpha1.MaxObservationBytes + 1)(ctx)
				return s, errors.New("broke off")
			},
			kind: check.ProblemTooLarge, noData: true, outcome: v1alpha1.Inconclusive, logged: "broke off",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log journal
				checks := checksOf(newProbe("before", good), newProbe("it", c.look), newProbe("next", bad), newProbe("then", good, exclusive))
				o := options(&log, checks)
				o.grace = testGrace
				s := conduct(t.Context(), o)
				// What comes after the end must change nothing.
				it := observation(t, s, "it")
				time.Sleep(time.Hour)
				if late := observation(t, s, "it"); !reflect.DeepEqual(late, it) {
					t.Errorf("the observation changed after the end from %+v to %+v", it, late)
				}

				for i, want := range []v1alpha1.Outcome{v1alpha1.Pass, c.outcome, v1alpha1.Fail, v1alpha1.Pass} {
					if r := checks[i].Judge(s.evidence()); r.Outcome != want {
						t.Errorf("%s is %s (%s), want %s", r.CheckID, r.Outcome, r.Reason.En, want)
					}
				}
				if got := kindOf(it); got != c.kind {
					t.Errorf("problem %q, want %q", got, c.kind)
				}
				if p := it.Problem; p != nil {
					if p.Phase != c.phase || !strings.Contains(p.Message, c.message) || len([]rune(p.Message)) > maxProblem || strings.Contains(p.Message, "\n") {
						t.Errorf("problem %+v, want phase %q and a bounded line with %q", *p, c.phase, c.message)
					}
				}
				if none := string(it.Data) == "null"; none != c.noData {
					t.Errorf("data %.60s, want none: %v", it.Data, c.noData)
				}
				if took := it.FinishedAt.Sub(it.StartedAt); took != c.took {
					t.Errorf("took %s, want %s", took, c.took)
				}
				evidence, err := json.Marshal(s.evidence())
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(evidence), secret) {
					t.Error("the message of a panic is in the evidence")
				}
				if c.logged != "" && (!strings.Contains(log.String(), c.logged) || !strings.Contains(log.String(), "probe it")) {
					t.Errorf("log %q, want the probe and %q in it", log.String(), c.logged)
				}
				if c.kind == check.ProblemPanic && !strings.Contains(log.String(), "schedule_test.go") {
					t.Error("the log does not say where the probe panicked")
				}
			})
		})
	}
}

// TestHangingProbe proves that a probe that ignores its context for ever costs
// the run its timeout and the grace, 10 s where nothing else is said.
func TestHangingProbe(t *testing.T) {
	watchdog(t)
	for set, grace := range map[time.Duration]time.Duration{0: 10 * time.Second, 5 * time.Millisecond: 5 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			hang := func(context.Context) (*sight, error) { <-release; return &sight{Good: true}, nil }
			var log journal
			// It also holds all the room there is, and an exclusive one hangs too.
			checks := checksOf(newProbe("hangs", hang, weight(9)), newProbe("next", good, timeout(time.Millisecond)),
				newProbe("stuck", hang, exclusive), newProbe("last", good, exclusive))
			o := options(&log, checks)
			o.grace = set
			began := time.Now()
			s := conduct(t.Context(), o)
			if took, want := time.Since(began), 2*(time.Second+grace); took != want {
				t.Errorf("grace %s: the run took %s, want %s", set, took, want)
			}
			for _, name := range []string{"hangs", "stuck"} {
				if p := observation(t, s, name).Problem; p == nil || p.Kind != check.ProblemTimeout || p.Phase != "hung" {
					t.Errorf("problem of %s %+v, want a timeout of phase hung", name, p)
				}
			}
			for _, name := range []string{"next", "last"} {
				if o := observation(t, s, name); o.Problem != nil {
					t.Errorf("%s has the problem %+v", name, o.Problem)
				}
			}
		})
	}
}

// TestEnvironment proves that a probe gets the environment of its name, and
// that an environment that can not be made is the probe's trouble alone.
func TestEnvironment(t *testing.T) {
	var log journal
	asked := map[string]string{}
	var mu sync.Mutex
	probe := func(name string) *check.Probe {
		return check.NewProbe(check.ProbeMeta{Name: name, SchemaVersion: 1, Timeout: time.Second, Weight: 1},
			func(_ context.Context, env string) (*sight, error) {
				mu.Lock()
				defer mu.Unlock()
				asked[name] = env
				return &sight{Good: true}, nil
			})
	}
	o := options(&log, checksOf(probe("a"), probe("b"), probe("crashes"), probe("wrong")))
	o.Env = func(probe string) any {
		switch probe {
		case "crashes":
			panic(secret)
		case "wrong":
			return 1
		}
		return "env of " + probe
	}
	s := conduct(t.Context(), o)
	if want := map[string]string{"a": "env of a", "b": "env of b"}; !reflect.DeepEqual(asked, want) {
		t.Errorf("environments %v, want %v", asked, want)
	}
	if got := kindOf(observation(t, s, "crashes")); got != check.ProblemPanic {
		t.Errorf("problem %q of an environment that crashes", got)
	}
	if got := kindOf(observation(t, s, "wrong")); got != check.ProblemError {
		t.Errorf("problem %q of an environment of another type", got)
	}
}

// TestOrder proves that the longest probe starts first, and exclusive ones
// only when all others are done, whatever their names.
func TestOrder(t *testing.T) {
	watchdog(t)
	for _, c := range []struct {
		capacity int64
		want     string
	}{
		{1, "z3 b2 a1 e5 f9"},
		{2, "z3 b2 a1 e5 f9"},
		{100, "z3 b2 a1 e5 f9"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var order []string
			var mu sync.Mutex
			probe := func(name string, seconds int, change ...func(*check.ProbeMeta)) *check.Probe {
				change = append(change, timeout(time.Duration(seconds)*time.Second))
				return newProbe(name, func(context.Context) (*sight, error) {
					// Those that start together tell in the order of their time.
					time.Sleep(time.Duration(10-seconds) * time.Millisecond)
					mu.Lock()
					defer mu.Unlock()
					order = append(order, name)
					return &sight{Good: true}, nil
				}, change...)
			}
			var log journal
			o := options(&log, checksOf(probe("a1", 1), probe("b2", 2), probe("e5", 5, exclusive), probe("f9", 9, exclusive), probe("z3", 3)))
			o.Concurrency = c.capacity
			conduct(t.Context(), o)
			if got := strings.Join(order, " "); got != c.want {
				t.Errorf("capacity %d: order %s, want %s", c.capacity, got, c.want)
			}
		})
	}
}

// TestOneProbeOfManyChecks proves that checks that share a probe judge one
// observation, and that each of them gets a result.
func TestOneProbeOfManyChecks(t *testing.T) {
	looked := 0 // one goroutine at most may write it: the race detector watches
	shared := newProbe("shared", func(context.Context) (*sight, error) { looked++; return &sight{Good: true}, nil })
	var checks []*check.Check
	for i := range 5 {
		checks = append(checks, newCheck(fmt.Sprintf("APP.4.4.A1/check-%d", i), shared))
	}
	var log journal
	o := options(&log, checks)
	results := map[string]v1alpha1.Result{}
	o.Progress = func(p Progress) { results[p.Result.CheckID] = p.Result }
	s := conduct(t.Context(), o)
	if looked != 1 || len(s.evidence()) != 1 {
		t.Errorf("looked %d times, %d observations, want 1 and 1", looked, len(s.evidence()))
	}
	digest := s.evidence()[0].Digest()
	for _, c := range checks {
		if r := results[c.ID]; r.Outcome != v1alpha1.Pass || len(r.Observations) != 1 || r.Observations[0].SHA256 != digest {
			t.Errorf("result %+v of %s, want a pass over the one observation", r, c.ID)
		}
	}
}

// TestMissingRight proves that a probe without its rights is never asked.
func TestMissingRight(t *testing.T) {
	for _, change := range []func(*check.ProbeMeta){weight(1), exclusive} {
		var log journal
		checks := checksOf(newProbe("may", good), newProbe("may-not", func(context.Context) (*sight, error) {
			t.Error("observed without its rights")
			return &sight{Good: true}, nil
		}, change))
		o := options(&log, checks)
		o.Missing = map[string][]string{"may-not": {"tenant: get pods", "runner: list nodes"}, "unknown": {"x"}, "may": {}}
		s := conduct(t.Context(), o)
		got := observation(t, s, "may-not")
		if kindOf(got) != check.ProblemMissingRight || string(got.Data) != "null" || got.Problem.Message != "tenant: get pods; runner: list nodes" {
			t.Errorf("observation %+v, problem %+v, want no data and both rights named", got, got.Problem)
		}
		if r := checks[0].Judge(s.evidence()); r.Outcome != v1alpha1.Pass {
			t.Errorf("the other check is %s", r.Outcome)
		}
		if r := checks[1].Judge(s.evidence()); r.Outcome != v1alpha1.NotRun || !strings.Contains(r.Reason.En, "runner: list nodes") {
			t.Errorf("the check is %s (%s), want notRun with the right", r.Outcome, r.Reason.En)
		}
	}
}

// TestEndOfTheRun proves what becomes of probes when the run is cancelled or
// out of time: what was not tried says so, what was broken off says so, what
// was seen before stays.
func TestEndOfTheRun(t *testing.T) {
	watchdog(t)
	cancelled := func(after time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			if after == 0 {
				cancel()
			} else {
				time.AfterFunc(after, cancel)
			}
			return ctx, cancel
		}
	}
	limited := func(after time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, after)
		}
	}
	kinds := func(names ...string) string { return strings.Join(names, " ") }
	none, broken, untried := "-", check.ProblemInterrupted, check.ProblemNotScheduled
	for name, c := range map[string]struct {
		end  func(context.Context) (context.Context, context.CancelFunc)
		want string // kinds of short, long, queued and alone
	}{
		"before the start":      {cancelled(0), kinds(untried, untried, untried, untried)},
		"no time at all":        {limited(0), kinds(untried, untried, untried, untried)},
		"cancelled at first":    {cancelled(50 * time.Millisecond), kinds(broken, broken, untried, untried)},
		"cancelled later":       {cancelled(150 * time.Millisecond), kinds(none, broken, untried, untried)},
		"out of time":           {limited(150 * time.Millisecond), kinds(none, broken, untried, untried)},
		"cancelled in the last": {cancelled(950 * time.Millisecond), kinds(none, none, none, broken)},
		"cancelled afterwards":  {cancelled(time.Minute), kinds(none, none, none, none)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				work := func(d time.Duration) look {
					return func(ctx context.Context) (*sight, error) {
						select {
						case <-time.After(d):
							return &sight{Good: true}, nil
						case <-ctx.Done():
							return nil, ctx.Err()
						}
					}
				}
				// Queued starts at 500 ms, when long has left its room, and alone at 900 ms.
				checks := checksOf(
					newProbe("short", work(100*time.Millisecond), timeout(5*time.Second)),
					newProbe("long", work(500*time.Millisecond), timeout(4*time.Second), weight(3)),
					newProbe("queued", work(400*time.Millisecond), timeout(3*time.Second), weight(4)),
					newProbe("alone", work(100*time.Millisecond), timeout(2*time.Second), exclusive))
				var log journal
				ctx, cancel := c.end(t.Context())
				defer cancel()
				s := conduct(ctx, options(&log, checks))
				var got []string
				for _, c := range checks {
					o := observation(t, s, c.Probes[0].Name)
					kind := kindOf(o)
					want := map[string]v1alpha1.Outcome{"": v1alpha1.Pass, broken: v1alpha1.Inconclusive, untried: v1alpha1.NotRun}[kind]
					if r := c.Judge(s.evidence()); r.Outcome != want {
						t.Errorf("%s is %s (%s), want %s", c.ID, r.Outcome, r.Reason.En, want)
					}
					if kind == "" {
						kind = none
					}
					got = append(got, kind)
				}
				if kinds(got...) != c.want {
					t.Errorf("problems %q, want %q", kinds(got...), c.want)
				}
			})
		})
	}
}

// TestProgress proves one call per selected check, each saying no more and no
// less than what is known by then.
func TestProgress(t *testing.T) {
	watchdog(t)
	synctest.Test(t, func(t *testing.T) {
		after := func(d time.Duration, l look) look {
			return func(ctx context.Context) (*sight, error) { time.Sleep(d); return l(ctx) }
		}
		var log journal
		o := options(&log, checksOf(newProbe("one", after(10*time.Millisecond, bad)), newProbe("two", after(20*time.Millisecond, good)),
			newProbe("three", after(30*time.Millisecond, bad), exclusive), newProbe("without-right", good)))
		o.Missing = map[string][]string{"without-right": {"runner: list nodes"}}
		var got []string
		o.Progress = func(p Progress) {
			_, name, _ := strings.Cut(p.Result.CheckID, "/")
			got = append(got, fmt.Sprintf("%d/%d %s %s, %d failed, running %v", p.Completed, p.Total, name, p.Result.Outcome, len(p.Failed), p.Running))
		}
		conduct(t.Context(), o)
		want := []string{
			"1/4 without-right notRun, 0 failed, running [one three two]",
			"2/4 one fail, 1 failed, running [three two]",
			"3/4 two pass, 1 failed, running [three]",
			"4/4 three fail, 2 failed, running []",
		}
		if !slices.Equal(got, want) {
			t.Errorf("progress\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestProgressIsSlow proves that a slow reader is never called twice at a
// time, misses nothing, and does not hold up the probes.
func TestProgressIsSlow(t *testing.T) {
	watchdog(t)
	last := make(chan struct{})
	var probes []*check.Probe
	for i := range 5 {
		probes = append(probes, newProbe(fmt.Sprint("p", i), good, exclusive))
	}
	probes = append(probes, newProbe("p9", func(context.Context) (*sight, error) { close(last); return &sight{Good: true}, nil }, exclusive))
	var log journal
	o := options(&log, checksOf(probes...))
	var completed []int
	var calls atomic.Int32
	o.Progress = func(p Progress) {
		if calls.Add(1) > 1 {
			t.Error("two calls at a time")
		}
		completed = append(completed, p.Completed) // without a lock: the race detector watches, too
		<-last                                     // for ever, if probes waited for readers
		for range 100 {
			runtime.Gosched() // others must have their chance to come in
		}
		calls.Add(-1)
	}
	conduct(t.Context(), o)
	if !slices.Equal(completed, []int{1, 2, 3, 4, 5, 6}) {
		t.Errorf("completed %v, want 1 to 6", completed)
	}
}

// TestNoProgress proves that the reader may be left out.
func TestNoProgress(t *testing.T) {
	var log journal
	s := conduct(t.Context(), options(&log, checksOf(newProbe("a", good))))
	if kindOf(observation(t, s, "a")) != "" || len(s.running()) != 0 {
		t.Errorf("evidence %+v, running %v", s.evidence(), s.running())
	}
}
