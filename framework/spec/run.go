package spec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/formatter"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Options say what to run and how.
type Options struct {
	// Checks are all registered checks; each gets a result.
	Checks []*check.Check
	// Selected are the checks to run (see Select).
	Selected []*check.Check
	// Levels of the requirements, by ID, for labels.
	Levels map[string]v1alpha1.Level
	// Missing names, by probe, the declared rights that the run lacks; such a
	// probe is not run.
	Missing map[string][]string
	// Env gives the environment of a probe.
	Env func(probe string) any
	// Concurrency is the weight of probes that may run at once, from 1.
	Concurrency int64
	// Timeout of the whole suite.
	Timeout time.Duration
	// Progress is called when a check has its result, one call at a time; may be nil.
	Progress func(Progress)
	// Log takes Ginkgo's own report; nil discards it.
	Log io.Writer
	// Logf takes messages for people that do not belong into a report.
	Logf func(format string, args ...any)
	// Now is the clock.
	Now func() time.Time

	// grace replaces hangGrace when it is not zero; tests do not have 10 s.
	grace time.Duration
}

// Progress is how far a run is.
type Progress struct {
	// Result that was just made.
	Result v1alpha1.Result
	// Completed of Total selected checks.
	Completed, Total int
	// Failed are the IDs of the checks that failed so far.
	Failed []string
	// Running are the probes that have not ended.
	Running []string
}

// Outcome is what a run gives.
type Outcome struct {
	// Results has one result for every check of Options.Checks, in its order.
	Results []v1alpha1.Result
	// Observations, sorted by probe.
	Observations []v1alpha1.Observation
	// Interrupted says that the context or the timeout ended the run.
	Interrupted bool
}

// failing is Ginkgo's view of the process; the verdict is not its exit code.
type failing struct{}

func (failing) Fail() {}

// Run runs the selected checks. It may be called once in a process, as Ginkgo
// allows one suite. It refuses Ginkgo settings that would make a report of
// something that was not looked at.
func Run(ctx context.Context, o Options) (Outcome, error) {
	suite, reporter := ginkgo.GinkgoConfiguration()
	if suite.DryRun || suite.FlakeAttempts > 0 || suite.MustPassRepeatedly > 0 || len(suite.FocusStrings)+len(suite.SkipStrings)+len(suite.FocusFiles)+len(suite.SkipFiles) > 0 ||
		suite.LabelFilter != "" || suite.SemVerFilter != "" || suite.ParallelTotal > 1 {
		return Outcome{}, errors.New("dry run, focus, skip, flake attempts and parallel processes of Ginkgo are refused: they would report on what was not looked at")
	}
	suite.Timeout, suite.FailOnEmpty, suite.OutputInterceptorMode = o.Timeout+time.Minute, true, "none"
	suite.GracePeriod = hangGrace
	reporter.NoColor, reporter.Succinct = true, true
	formatter.ColorableStdOut, formatter.ColorableStdErr = io.Discard, io.Discard
	if o.Log != nil {
		formatter.ColorableStdOut, formatter.ColorableStdErr = o.Log, o.Log
	}

	selected := map[string]bool{}
	for _, c := range o.Selected {
		selected[c.ID] = true
	}
	s := newSchedule(check.Probes(o.Selected), o)
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	var all sync.WaitGroup
	o.tell(s, &all)
	o.describe(s)
	all.Go(func() { s.runAllowed(limited, o.Missing) })
	ginkgo.RunSpecs(failing{}, "BSI IT-Grundschutz APP.4.4, SYS.1.6 and Souveräner Arbeitsplatz", suite, reporter)
	all.Wait()

	out := Outcome{Observations: s.evidence(), Interrupted: limited.Err() != nil}
	for _, c := range o.Checks {
		if selected[c.ID] {
			out.Results = append(out.Results, c.Judge(out.Observations))
			continue
		}
		out.Results = append(out.Results, v1alpha1.Result{CheckID: c.ID, Outcome: v1alpha1.NotRun, Reason: v1alpha1.T(
			"Vom Filter des Laufs ausgeschlossen.", "Left out by the filter of the run.")})
	}
	return out, nil
}

// runAllowed ends the probes that lack a right and runs the others.
func (s *schedule) runAllowed(ctx context.Context, missing map[string][]string) {
	var allowed []*check.Probe
	for _, p := range s.probes {
		rights := missing[p.Name]
		if len(rights) == 0 {
			allowed = append(allowed, p)
			continue
		}
		at := s.now()
		s.finish(p, v1alpha1.Observation{
			Probe: p.Name, SchemaVersion: p.SchemaVersion, StartedAt: at, FinishedAt: at,
			Problem: &v1alpha1.Problem{Kind: check.ProblemMissingRight, Message: v1alpha1.Plain(strings.Join(rights, "; "), maxProblem)},
		})
	}
	s.probes = allowed
	s.run(ctx)
}

// tell reports every check's result as soon as its probes have ended.
func (o Options) tell(s *schedule, all *sync.WaitGroup) {
	if o.Progress == nil {
		return
	}
	var mu sync.Mutex
	progress := Progress{Total: len(o.Selected)}
	for _, c := range o.Selected {
		all.Go(func() {
			for _, p := range c.Probes {
				<-s.finished[p.Name]
			}
			r := c.Judge(s.evidence())
			mu.Lock()
			defer mu.Unlock()
			progress.Result, progress.Completed, progress.Running = r, progress.Completed+1, s.running()
			if r.Outcome == v1alpha1.Fail {
				progress.Failed = append(progress.Failed, r.CheckID)
			}
			o.Progress(progress)
		})
	}
}

// describe declares the specs: they await and judge, and nothing else.
func (o Options) describe(s *schedule) {
	byRequirement := map[string][]*check.Check{}
	var order []string
	for _, c := range o.Selected {
		if byRequirement[c.Requirement()] == nil {
			order = append(order, c.Requirement())
		}
		byRequirement[c.Requirement()] = append(byRequirement[c.Requirement()], c)
	}
	for _, requirement := range order {
		ginkgo.Describe(requirement, func() {
			for _, c := range byRequirement[requirement] {
				ginkgo.It(c.Title.En, ginkgo.Label(Labels(c, o.Levels[requirement])...), func(own ginkgo.SpecContext) {
					for _, p := range c.Probes {
						select {
						case <-s.finished[p.Name]:
						case <-own.Done():
							ginkgo.Fail("interrupted while awaiting probe " + p.Name)
						}
					}
					tellGinkgo(c.Judge(s.evidence()))
				})
			}
		})
	}
}

// tellGinkgo says a result in Ginkgo's words.
func tellGinkgo(r v1alpha1.Result) {
	switch r.Outcome {
	case v1alpha1.Pass:
	case v1alpha1.NotApplicable, v1alpha1.NotRun:
		ginkgo.Skip(fmt.Sprintf("%s: %s", r.Outcome, r.Reason.En))
	case v1alpha1.Fail:
		for _, f := range r.Findings {
			ginkgo.GinkgoWriter.Printf("%s: required: %s; observed: %s\n", f.Object.En, f.Required.En, f.Observed.En)
		}
		ginkgo.Fail(fmt.Sprintf("%d findings, the first: %s", len(r.Findings), r.Findings[0].Observed.En))
	default:
		ginkgo.Fail(fmt.Sprintf("%s: %s", r.Outcome, r.Reason.En))
	}
}
