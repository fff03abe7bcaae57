package rejudge

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

func sample[T any](t *testing.T, name string) T {
	t.Helper()
	data, err := os.ReadFile("../v1alpha1/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// wholeReport is the sample without its leftovers, which would keep it from
// being complete.
func wholeReport(t *testing.T) v1alpha1.ConformanceReport {
	t.Helper()
	r := sample[v1alpha1.ConformanceReport](t, "report.json")
	r.Run.Leftovers = nil
	return r
}

// honest are rules over the sample: the Judge says what the sample says as
// long as the observation is the sample's, and fail when "deviation" is in it.
// Roll and Conclude only carry outcomes on: the real ones have tests of their
// own, and packages of reports/ do not import each other.
func honest(t *testing.T) Rules {
	t.Helper()
	report := wholeReport(t)
	byID := map[string]v1alpha1.Result{}
	for _, r := range report.Results {
		byID[r.CheckID] = r
	}
	return Rules{
		Catalogue: sample[v1alpha1.Catalogue](t, "catalogue.json"),
		Judge: func(id string, seen []v1alpha1.Observation) (v1alpha1.Result, error) {
			r := byID[id]
			if len(seen) == 0 {
				return v1alpha1.Result{Outcome: v1alpha1.NotRun, Reason: v1alpha1.T("x", "x")}, nil
			}
			for _, o := range seen {
				if strings.Contains(string(o.Data), "deviation") {
					r.Outcome, r.Findings = v1alpha1.Fail, []v1alpha1.Finding{{Object: v1alpha1.T("x", "x")}}
				}
			}
			return r, nil
		},
		Roll: func(_ v1alpha1.Catalogue, results []v1alpha1.Result, _ v1alpha1.ProtectionNeed, _ []v1alpha1.Answer, _ time.Time) ([]v1alpha1.StatementState, []v1alpha1.RequirementState) {
			statements := slices.Clone(report.Statements)
			for i := range results {
				if results[i].Outcome != byID[results[i].CheckID].Outcome {
					statements[0].State = v1alpha1.StateFail
				}
			}
			return statements, report.Requirements
		},
		Conclude: func(_ v1alpha1.Catalogue, results []v1alpha1.Result, _ []v1alpha1.StatementState, _ []v1alpha1.RequirementState, complete bool) v1alpha1.Conclusion {
			c := report.Conclusion
			if !complete {
				c.Result = v1alpha1.ConclInconcl
			}
			return c
		},
	}
}

const (
	policy  = "APP.4.4.A7/network-policy-enforced"
	start   = "SOUVAP.7.2.2.2/container-start-60s"
	admit   = "SYS.1.6.A17/privileged-pod-rejected"
	secrets = "SYS.1.6.A8/secrets-encrypted-at-rest"
)

func TestHonestReportHasNoDifference(t *testing.T) {
	out := Compare(wholeReport(t), sample[v1alpha1.Evidence](t, "evidence.json"), honest(t))
	if len(out.Differences) > 0 || !out.SameCatalogue || len(out.Results) != 4 {
		t.Errorf("same catalogue %t, %d results, differences %v", out.SameCatalogue, len(out.Results), out.Differences)
	}
}

func TestEveryTamperingIsADifference(t *testing.T) {
	type change func(*v1alpha1.ConformanceReport, *v1alpha1.Evidence, *Rules)
	forge := func(id string, o v1alpha1.Outcome) change {
		return func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) {
			for i := range r.Results {
				if r.Results[i].CheckID == id {
					r.Results[i].Outcome, r.Results[i].Findings = o, nil
				}
			}
		}
	}
	for _, c := range []struct {
		name   string
		change change
		want   []string // each is the start of one difference, in order
	}{
		{"fail made pass", forge(admit, v1alpha1.Pass), []string{admit + ": findings: reported nothing", admit + ": outcome: reported pass, recomputed fail"}},
		{"fail made notRun", forge(admit, v1alpha1.NotRun), []string{admit + ": findings", admit + ": outcome: reported notRun, recomputed fail"}},
		{"pass made notRun claims less", forge(policy, v1alpha1.NotRun), []string{"APP.4.4.A2-UA.1: statement"}},
		{"notRun made pass", forge(secrets, v1alpha1.Pass), []string{secrets + ": outcome: reported pass, recomputed notRun"}},
		{"pass without observation", func(r *v1alpha1.ConformanceReport, e *v1alpha1.Evidence, _ *Rules) {
			r.Results[0].Observations = nil
			e.Observations = slices.Delete(e.Observations, 2, 3)
		}, []string{"APP.4.4.A2-UA.1: statement", policy + ": controls", policy + ": figures", policy + ": observations: reported nothing", policy + ": outcome: reported pass, recomputed notRun", policy + ": reason"}},
		{"reference dropped", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) { r.Results[0].Observations = nil },
			[]string{policy + ": observation reachability: reported missing", policy + ": observations: reported nothing"}},
		{"evidence dropped", func(_ *v1alpha1.ConformanceReport, e *v1alpha1.Evidence, _ *Rules) {
			e.Observations = e.Observations[:3]
		},
			[]string{secrets + ": observation secret-storage: reported sha256:"}},
		{"evidence changed", func(_ *v1alpha1.ConformanceReport, e *v1alpha1.Evidence, _ *Rules) {
			e.Observations[2].Data = json.RawMessage(`{"nodesCrossed":3}`)
		}, []string{policy + ": observation reachability: reported sha256:"}},
		{"evidence with a deviation", func(r *v1alpha1.ConformanceReport, e *v1alpha1.Evidence, _ *Rules) {
			e.Observations[2].Data = json.RawMessage(`"deviation"`)
			r.Results[0].Observations[0].SHA256 = e.Observations[2].Digest()
		}, []string{"APP.4.4.A2-UA.1: statement", policy + ": findings", policy + ": outcome: reported pass, recomputed fail"}},
		{"schema version changed", func(_ *v1alpha1.ConformanceReport, e *v1alpha1.Evidence, _ *Rules) {
			e.Observations[2].SchemaVersion = 2
		},
			[]string{policy + ": observation reachability"}},
		{"observation twice", func(_ *v1alpha1.ConformanceReport, e *v1alpha1.Evidence, _ *Rules) {
			e.Observations = append(e.Observations, e.Observations[0])
		}, []string{"container-start: observation: reported once, recomputed twice"}},
		{"another run", func(_ *v1alpha1.ConformanceReport, e *v1alpha1.Evidence, _ *Rules) { e.RunID = "other" }, []string{"run: id: reported r-7f3k2q, recomputed other"}},
		{"finding softened", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) {
			r.Results[2].Findings = slices.Clone(r.Results[2].Findings)
			r.Results[2].Findings[1].Observed.De = "Fast abgelehnt."
		}, []string{admit + ": findings"}},
		{"control held", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) {
			r.Results[1].Controls[0].Held = true
		}, []string{start + ": controls"}},
		{"figure", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) { r.Results[1].Figures[0].Value = 1 }, []string{start + ": figures"}},
		{"result missing", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) { r.Results = r.Results[1:] },
			[]string{"APP.4.4.A2-UA.1", policy + ": result: reported missing"}},
		{"failing result missing", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) {
			r.Results = slices.Delete(r.Results, 2, 3)
		},
			[]string{admit + ": controls", admit + ": findings", admit + ": outcome: reported notRun, recomputed fail", admit + ": reason", admit + ": result: reported missing"}},
		{"result twice", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) {
			r.Results = append(r.Results, r.Results[0])
		},
			[]string{policy + ": result: reported more than one"}},
		{"foreign result", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) {
			r.Results = append(r.Results, v1alpha1.Result{CheckID: "X/y", Outcome: v1alpha1.Pass})
		}, []string{"X/y: result: reported pass, recomputed no such check"}},
		{"statement", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) {
			r.Statements[0].State = v1alpha1.StatePass
		},
			[]string{"APP.4.4.A2-UA.1: statement"}},
		{"statement missing and twice", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) { r.Statements[0] = r.Statements[1] },
			[]string{"APP.4.4.A2-UA.1: statement: reported missing", "APP.4.4.A2-UA.2: statement"}},
		{"requirement", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) { r.Requirements[2].Counts = true }, []string{"APP.4.4.A18: requirement"}},
		{"conclusion", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) {
			r.Conclusion.Result = v1alpha1.NoDeviation
		}, []string{"conclusion: result: reported"}},
		{"interrupted run that claims more", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) { r.Run.Interrupted = true }, []string{"conclusion: result"}},
		{"leftovers of a run that claims more", func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, _ *Rules) {
			r.Run.Leftovers = []v1alpha1.Leftover{{Resource: "pods", Count: 1}}
		}, []string{"conclusion: result"}},
		{"judge that passes over nothing", func(r *v1alpha1.ConformanceReport, e *v1alpha1.Evidence, rules *Rules) {
			e.Observations = e.Observations[:3]
			r.Results[3].Observations = nil
			rules.Judge = with(rules.Judge, secrets, func() (v1alpha1.Result, error) { return v1alpha1.Result{Outcome: v1alpha1.Pass}, nil })
		}, []string{"APP.4.4.A2-UA.1", secrets + ": outcome: reported notRun, recomputed pass without any observation"}},
		{"judge with an error", func(_ *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, rules *Rules) {
			rules.Judge = with(rules.Judge, policy, func() (v1alpha1.Result, error) { return v1alpha1.Result{}, errors.New("no") })
		}, []string{"APP.4.4.A2-UA.1", policy + ": outcome: reported pass, recomputed could not be judged"}},
		{"judge that crashes", func(_ *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence, rules *Rules) {
			rules.Judge = with(rules.Judge, policy, func() (v1alpha1.Result, error) { panic("crash") })
		}, []string{"APP.4.4.A2-UA.1", policy + ": outcome: reported pass, recomputed could not be judged"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, evidence, rules := wholeReport(t), sample[v1alpha1.Evidence](t, "evidence.json"), honest(t)
			c.change(&report, &evidence, &rules)
			out := Compare(report, evidence, rules)
			var got []string
			for _, d := range out.Differences {
				got = append(got, d.String())
			}
			ok := len(got) == len(c.want)
			for i := range c.want {
				ok = ok && strings.HasPrefix(got[i], c.want[i])
			}
			if !ok {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

type judge = func(string, []v1alpha1.Observation) (v1alpha1.Result, error)

// with replaces the Judge of one check.
func with(rest judge, id string, one func() (v1alpha1.Result, error)) judge {
	return func(check string, seen []v1alpha1.Observation) (v1alpha1.Result, error) {
		if check == id {
			return one()
		}
		return rest(check, seen)
	}
}

func TestAnotherCatalogueIsSaid(t *testing.T) {
	rules := honest(t)
	rules.Catalogue.Digest = "sha256:other"
	out := Compare(wholeReport(t), sample[v1alpha1.Evidence](t, "evidence.json"), rules)
	if out.SameCatalogue || len(out.Differences) > 0 {
		t.Errorf("same %t, differences %v", out.SameCatalogue, out.Differences)
	}
}

func TestHostileTextIsBounded(t *testing.T) {
	report := wholeReport(t)
	report.Results[2].Findings = []v1alpha1.Finding{{Object: v1alpha1.T("", "\x1b[31m"+strings.Repeat("x", 1<<20))}}
	report.Results = append(report.Results, v1alpha1.Result{CheckID: strings.Repeat("y\n", 1<<18)})
	for _, d := range Compare(report, sample[v1alpha1.Evidence](t, "evidence.json"), honest(t)).Differences {
		if s := d.String(); len(s) > 4*maxShown+100 || strings.ContainsAny(s, "\n\x1b") {
			t.Errorf("%d bytes: %.100q", len(s), s)
		}
	}
	empty := Compare(v1alpha1.ConformanceReport{}, v1alpha1.Evidence{}, honest(t))
	if len(empty.Differences) == 0 || reflect.DeepEqual(empty.Conclusion, v1alpha1.Conclusion{}) {
		t.Error("an empty report follows from an empty evidence")
	}
}
