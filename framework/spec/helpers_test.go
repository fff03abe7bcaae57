package spec

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// sight is what the probes of these tests see; a pointer, as nil is no data.
type sight struct {
	Good bool   `json:"good"`
	Pad  string `json:"pad"`
}

type look func(context.Context) (*sight, error)

func good(context.Context) (*sight, error) { return &sight{Good: true}, nil }
func bad(context.Context) (*sight, error)  { return &sight{}, nil }

// newProbe makes a probe of weight 1 with a second of time.
func newProbe(name string, l look, change ...func(*check.ProbeMeta)) *check.Probe {
	meta := check.ProbeMeta{Name: name, SchemaVersion: 1, Timeout: time.Second, Weight: 1}
	for _, c := range change {
		c(&meta)
	}
	return check.NewProbe(meta, func(ctx context.Context, _ string) (*sight, error) { return l(ctx) })
}

func exclusive(m *check.ProbeMeta) { m.Exclusive = true }

func weight(n int) func(*check.ProbeMeta) { return func(m *check.ProbeMeta) { m.Weight = n } }

func timeout(d time.Duration) func(*check.ProbeMeta) {
	return func(m *check.ProbeMeta) { m.Timeout = d }
}

// newCheck passes exactly when the sight is good.
func newCheck(id string, p *check.Probe) *check.Check {
	return check.Of(check.Meta{ID: id, Title: v1alpha1.T("Titel "+id, "Title "+id), Area: check.Admission}, p, func(o *sight) check.Verdict {
		if !o.Good {
			return check.Verdict{Outcome: v1alpha1.Fail, Findings: []v1alpha1.Finding{{Observed: v1alpha1.T("schlecht", "bad"), Required: v1alpha1.T("gut", "good")}}}
		}
		return check.Verdict{Outcome: v1alpha1.Pass, Reason: v1alpha1.T("gut", "good"), Controls: []v1alpha1.Control{{Held: true}}}
	})
}

// checksOf makes one check per probe, named after it.
func checksOf(probes ...*check.Probe) []*check.Check {
	var out []*check.Check
	for _, p := range probes {
		out = append(out, newCheck("APP.4.4.A1/"+p.Name, p))
	}
	return out
}

// journal is a log that many may write to.
type journal struct {
	mu sync.Mutex
	b  strings.Builder
}

func (j *journal) logf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(&j.b, format+"\n", args...)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

func options(j *journal, checks []*check.Check) Options {
	return Options{
		Checks: checks, Selected: checks, Concurrency: 4, Timeout: time.Minute,
		Env: func(probe string) any { return probe }, Logf: j.logf, Now: time.Now,
	}
}

// conduct does what Run does, without Ginkgo, which runs once in a process.
func conduct(ctx context.Context, o Options) *schedule {
	s := newSchedule(check.Probes(o.Selected), o)
	var all sync.WaitGroup
	o.tell(s, &all)
	all.Go(func() { s.runAllowed(ctx, o.Missing) })
	all.Wait()
	return s
}

// observation returns the one observation of a probe.
func observation(t *testing.T, s *schedule, probe string) v1alpha1.Observation {
	t.Helper()
	var found []v1alpha1.Observation
	for _, o := range s.evidence() {
		if o.Probe == probe {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d observations of probe %s, want one", len(found), probe)
	}
	return found[0]
}

func kindOf(o v1alpha1.Observation) string {
	if o.Problem == nil {
		return ""
	}
	return o.Problem.Kind
}

// watchdog ends the process, with all stacks, when a test hangs: a deadlock
// must be a failure with a place, not a CI job that is killed after an hour.
func watchdog(t *testing.T) {
	t.Helper()
	name := t.Name()
	timer := time.AfterFunc(time.Minute, func() { panic(name + " hangs") })
	t.Cleanup(func() { timer.Stop() })
}
