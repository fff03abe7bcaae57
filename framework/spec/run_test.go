package spec

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// childVariable names the test that a child process is to run.
const childVariable = "BVC_SPEC_CHILD"

// inChild reports whether this is the child process of the test. Elsewhere it
// runs the test in one: Ginkgo runs once in a process.
func inChild(t *testing.T, arguments ...string) bool {
	t.Helper()
	if os.Getenv(childVariable) == t.Name() {
		watchdog(t)
		return true
	}
	pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	command := exec.CommandContext(t.Context(), os.Args[0], append([]string{"-test.v", "-test.run=" + pattern}, arguments...)...)
	// A process under the race detector else sleeps a second before it exits.
	command.Env = append(os.Environ(), childVariable+"="+t.Name(), "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	out, err := command.CombinedOutput()
	// A child that found no test would end well, too.
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("child process: %v\n%s", err, out)
	} else if strings.Contains(string(out), "Ran ") {
		t.Errorf("Ginkgo's report is on the terminal, not in the log:\n%s", out)
	}
	return false
}

// outcomes gives the outcome of each check by the name after the slash, and
// fails unless every check has exactly one result, in the order of o.Checks.
func outcomes(t *testing.T, o Options, results []v1alpha1.Result) map[string]v1alpha1.Outcome {
	t.Helper()
	got := map[string]v1alpha1.Outcome{}
	var ids, want []string
	for _, r := range results {
		_, name, _ := strings.Cut(r.CheckID, "/")
		got[name] = r.Outcome
		ids = append(ids, r.CheckID)
		if r.Outcome != v1alpha1.Fail && (r.Reason.De == "" || r.Reason.En == "") {
			t.Errorf("%s is %s without a reason", r.CheckID, r.Outcome)
		}
	}
	for _, c := range o.Checks {
		want = append(want, c.ID)
	}
	if !slices.Equal(ids, want) {
		t.Errorf("results of %v, want one of each of %v", ids, want)
	}
	return got
}

func compareOutcomes(t *testing.T, got, want map[string]v1alpha1.Outcome) {
	t.Helper()
	for name, outcome := range want {
		if got[name] != outcome {
			t.Errorf("%s is %q, want %q", name, got[name], outcome)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d outcomes, want %d: %v", len(got), len(want), got)
	}
}

// reportLog takes Ginkgo's report and tells when it has ended.
type reportLog struct {
	strings.Builder
	ended chan struct{}
	told  bool
}

func (l *reportLog) Write(p []byte) (int, error) {
	n, err := l.Builder.Write(p)
	if !l.told && strings.Contains(l.String(), "\nRan ") {
		l.told = true
		close(l.ended)
	}
	return n, err
}

// TestRun proves that every registered check has one result, whatever its own
// and other probes do, and that this is also what was told on the way.
func TestRun(t *testing.T) {
	if !inChild(t) {
		return
	}
	release := make(chan struct{})
	defer close(release)
	crashing := check.Of(check.Meta{ID: "SYS.1.6.A1/crashing-judge", Title: v1alpha1.T("Titel", "Title of the crash"), Area: check.Nodes},
		newProbe("c-good", good), func(*sight) check.Verdict { panic(secret) })
	probes := []*check.Probe{
		newProbe("passes", good),
		newProbe("fails", bad),
		newProbe("crashes", func(context.Context) (*sight, error) { panic(secret) }),
		newProbe("hangs", func(context.Context) (*sight, error) { <-release; return nil, nil }, timeout(10*time.Millisecond), weight(100)),
		newProbe("times-out", obeying, timeout(10*time.Millisecond)),
		newProbe("partial", func(context.Context) (*sight, error) { return &sight{Good: true}, errors.New("cleanup failed") }),
		newProbe("alone", good, exclusive),
		newProbe("without-right", good),
		newProbe("left-out", func(context.Context) (*sight, error) { t.Error("observed, but not selected"); return nil, nil }),
	}
	checks := append(checksOf(probes...), crashing, newCheck("SYS.1.6.A1/second-look", probes[0]))
	var log journal
	ginkgoLog := &reportLog{ended: make(chan struct{})}
	told := map[string]v1alpha1.Outcome{}
	o := options(&log, checks)
	o.Selected = slices.DeleteFunc(slices.Clone(checks), func(c *check.Check) bool { return c.ID == "APP.4.4.A1/left-out" })
	o.Levels = map[string]v1alpha1.Level{"APP.4.4.A1": v1alpha1.Basis, "SYS.1.6.A1": v1alpha1.Standard}
	o.Missing = map[string][]string{"without-right": {"runner: list nodes"}}
	o.grace = 10 * time.Millisecond
	o.Log = ginkgoLog
	o.Progress = func(p Progress) {
		// Run must wait for readers that are slower than Ginkgo. That it does not
		// return can not be awaited, only given the time to go wrong.
		<-ginkgoLog.ended
		time.Sleep(5 * time.Millisecond)
		_, name, _ := strings.Cut(p.Result.CheckID, "/")
		told[name] = p.Result.Outcome
		if p.Completed != len(told) || p.Total != len(o.Selected) {
			t.Errorf("progress %d of %d, want %d of %d", p.Completed, p.Total, len(told), len(o.Selected))
		}
	}
	out, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]v1alpha1.Outcome{
		"passes": v1alpha1.Pass, "second-look": v1alpha1.Pass, "alone": v1alpha1.Pass, "fails": v1alpha1.Fail,
		"crashes": v1alpha1.Inconclusive, "hangs": v1alpha1.Inconclusive, "times-out": v1alpha1.Inconclusive,
		"partial": v1alpha1.Inconclusive, "crashing-judge": v1alpha1.Inconclusive,
		"without-right": v1alpha1.NotRun, "left-out": v1alpha1.NotRun,
	}
	compareOutcomes(t, outcomes(t, o, out.Results), want)
	delete(want, "left-out")
	compareOutcomes(t, told, want)
	if out.Interrupted {
		t.Error("a run that nobody interrupted says that it was")
	}
	var names []string
	for _, o := range out.Observations {
		names = append(names, o.Probe)
	}
	if want := strings.Fields("alone c-good crashes fails hangs partial passes times-out without-right"); !slices.Equal(names, want) {
		t.Errorf("observations of %v, want %v", names, want)
	}
	all, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(all), secret) {
		t.Error("the message of a panic is in the documents")
	}
	if message := "probe crashes crashed: " + secret; !strings.Contains(log.String(), message) {
		t.Errorf("log %q, want %q in it", log.String(), message)
	}
	// What is not selected is not even declared.
	for _, part := range []string{"10/10 specs", "Title APP.4.4.A1/fails", "req:APP.4.4.A1", "level:basis", "area:admission"} {
		if !strings.Contains(ginkgoLog.String(), part) {
			t.Errorf("Ginkgo's report has no %q:\n%s", part, ginkgoLog.String())
		}
	}
}

// TestRunEnds proves that a run that is cut short still has all results, says
// that it was cut short, and keeps what it had seen.
func TestRunEnds(t *testing.T) {
	for name, c := range map[string]struct {
		before, within bool // when the caller cancels
		limit          time.Duration
		want           map[string]v1alpha1.Outcome
	}{
		"cancelled-before": {before: true, limit: time.Minute, want: map[string]v1alpha1.Outcome{
			"a-seen": v1alpha1.NotRun, "b-waits": v1alpha1.NotRun, "c-alone": v1alpha1.NotRun}},
		"cancelled-within": {within: true, limit: time.Minute, want: map[string]v1alpha1.Outcome{
			"a-seen": v1alpha1.Fail, "b-waits": v1alpha1.Inconclusive, "c-alone": v1alpha1.NotRun}},
		"out-of-time": {limit: 100 * time.Millisecond, want: map[string]v1alpha1.Outcome{
			"a-seen": v1alpha1.Fail, "b-waits": v1alpha1.Inconclusive, "c-alone": v1alpha1.NotRun}},
	} {
		t.Run(name, func(t *testing.T) {
			if !inChild(t) {
				return
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.before {
				cancel()
			}
			// The longest first, and room for one: a-seen has ended when b-waits begins.
			checks := checksOf(newProbe("a-seen", bad, timeout(2*time.Hour)), newProbe("b-waits", func(ctx context.Context) (*sight, error) {
				if c.within {
					cancel()
				}
				<-ctx.Done()
				return &sight{Good: true}, ctx.Err()
			}, timeout(time.Hour)), newProbe("c-alone", good, exclusive))
			var log journal
			o := options(&log, checks)
			o.Levels = map[string]v1alpha1.Level{"APP.4.4.A1": v1alpha1.Basis}
			o.Concurrency, o.Timeout = 1, c.limit
			out, err := Run(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			compareOutcomes(t, outcomes(t, o, out.Results), c.want)
			if !out.Interrupted || len(out.Observations) != len(checks) {
				t.Errorf("interrupted %v, %d observations, want true and %d", out.Interrupted, len(out.Observations), len(checks))
			}
		})
	}
}

// TestRunRefuses proves that Ginkgo's own ways of leaving out or repeating
// specs are refused before anything is observed. Must-pass-repeatedly has no
// flag and can not be set from outside.
func TestRunRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		flags   string
		accepts bool
	}{
		// Neither the child process nor any flag of Ginkgo is what is refused.
		"no-flag":        {"", true},
		"harmless":       {"-ginkgo.seed=7 -ginkgo.no-color", true},
		"dry-run":        {"-ginkgo.dry-run", false},
		"focus":          {"-ginkgo.focus=looked", false},
		"skip":           {"-ginkgo.skip=nothing", false},
		"focus-file":     {"-ginkgo.focus-file=run.go", false},
		"skip-file":      {"-ginkgo.skip-file=run.go", false},
		"label-filter":   {"-ginkgo.label-filter=level:basis", false},
		"sem-ver-filter": {"-ginkgo.sem-ver-filter=1.0.0", false},
		"flake-attempts": {"-ginkgo.flake-attempts=2", false},
		"one-attempt":    {"-ginkgo.flake-attempts=1", false},
		"parallel":       {"-ginkgo.parallel.total=2 -ginkgo.parallel.process=1 -ginkgo.parallel.host=127.0.0.1:1", false},
		"other-process":  {"-ginkgo.parallel.total=2 -ginkgo.parallel.process=2 -ginkgo.parallel.host=127.0.0.1:1", false},
	} {
		t.Run(name, func(t *testing.T) {
			if !inChild(t, strings.Fields(c.flags)...) {
				return
			}
			looked, told := false, false
			var log journal
			o := options(&log, checksOf(newProbe("looked", func(context.Context) (*sight, error) { looked = true; return &sight{Good: true}, nil })))
			o.Levels = map[string]v1alpha1.Level{"APP.4.4.A1": v1alpha1.Basis}
			o.Progress = func(Progress) { told = true }
			o.Log = io.Discard
			out, err := Run(t.Context(), o)
			if (err == nil) != c.accepts || looked != c.accepts || told != c.accepts || (len(out.Results) == 1) != c.accepts {
				t.Errorf("error %v, looked %v, told %v, results %v; want a run: %v", err, looked, told, out.Results, c.accepts)
			}
		})
	}
}
