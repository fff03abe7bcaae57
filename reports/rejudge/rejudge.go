// Package rejudge judges a report's evidence again and lists where the report
// says something else. It proves that outcomes follow from the evidence; it
// does not prove that the evidence is of an honest run.
package rejudge

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Rules are what the program that judges knows and a report does not hold.
// Every field is needed.
type Rules struct {
	// Catalogue of the program that judges now.
	Catalogue v1alpha1.Catalogue
	// Judge gives the result of a registered check over the observations of
	// its probes.
	Judge func(checkID string, observations []v1alpha1.Observation) (v1alpha1.Result, error)
	// Roll is rollup.Roll.
	Roll func(v1alpha1.Catalogue, []v1alpha1.Result, v1alpha1.ProtectionNeed, []v1alpha1.Answer, time.Time) ([]v1alpha1.StatementState, []v1alpha1.RequirementState)
	// Conclude is rollup.Conclude.
	Conclude func(v1alpha1.Catalogue, []v1alpha1.Result, []v1alpha1.StatementState, []v1alpha1.RequirementState, bool) v1alpha1.Conclusion
}

// Difference is one place where the report and its evidence do not agree.
type Difference struct {
	// Subject is the ID of a check, a statement or a requirement, the name of
	// a probe, or "run" or "conclusion".
	Subject string
	// Field that differs, such as outcome, findings or state.
	Field string
	// Reported and Recomputed are one bounded line each.
	Reported, Recomputed string
}

// String gives the difference in one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s: reported %s, recomputed %s", d.Subject, d.Field, d.Reported, d.Recomputed)
}

// Outcome of a comparison.
type Outcome struct {
	// SameCatalogue says whether the report was made with the catalogue that
	// judges now. When it was not, differences show what would change.
	SameCatalogue bool
	// Differences, sorted by subject and field; empty when the report follows
	// from its evidence.
	Differences []Difference
	// Results, Statements, Requirements and Conclusion as recomputed.
	Results      []v1alpha1.Result
	Statements   []v1alpha1.StatementState
	Requirements []v1alpha1.RequirementState
	Conclusion   v1alpha1.Conclusion
}

// maxShown bounds what a difference repeats of a document, in characters.
const maxShown = 300

// Words for what has no value.
const (
	missing = "missing"
	nothing = "nothing"
)

// Compare judges the evidence again. It answers for every report, evidence
// and catalogue; an error of Judge, or its crash over an observation that was
// tampered with, is a difference.
//
// A reported notRun claims nothing good, so it differs only when the evidence
// holds a deviation. Every other result must follow from all observations of
// its probes that the evidence has, and name each with its digest.
func Compare(report v1alpha1.ConformanceReport, evidence v1alpha1.Evidence, rules Rules) Outcome {
	c := &comparison{rules: rules, observations: map[string]v1alpha1.Observation{}}
	out := Outcome{SameCatalogue: report.Suite.CatalogueDigest == rules.Catalogue.Digest}
	if report.Run.ID != evidence.RunID {
		c.add("run", "id", report.Run.ID, evidence.RunID)
	}
	for _, o := range evidence.Observations {
		if _, twice := c.observations[o.Probe]; twice {
			c.add(o.Probe, "observation", "once", "twice")
		}
		c.observations[o.Probe] = o
	}
	reported := c.index(report.Results)
	for _, k := range rules.Catalogue.Checks {
		r, there := reported[k.ID]
		if !there {
			c.add(k.ID, "result", missing, "one result for each check")
			r = v1alpha1.Result{CheckID: k.ID, Outcome: v1alpha1.NotRun, Reason: v1alpha1.T("Im Bericht fehlt das Ergebnis.", "The report lacks the result.")}
		}
		out.Results = append(out.Results, c.check(k, r))
	}
	out.Statements, out.Requirements = rules.Roll(rules.Catalogue, out.Results, report.Site.ProtectionNeed, report.Answers, report.Run.StartedAt)
	// As the run concluded: what it left in the cluster keeps it from being complete.
	complete := report.Run.Complete() && len(report.Run.Leftovers) == 0
	out.Conclusion = rules.Conclude(rules.Catalogue, out.Results, out.Statements, out.Requirements, complete)
	c.states(report, out)
	sort.SliceStable(c.differences, func(i, j int) bool {
		a, b := c.differences[i], c.differences[j]
		return a.Subject < b.Subject || a.Subject == b.Subject && a.Field < b.Field
	})
	out.Differences = c.differences
	return out
}

type comparison struct {
	rules        Rules
	observations map[string]v1alpha1.Observation
	differences  []Difference
}

func (c *comparison) add(subject, field, reported, recomputed string) {
	c.differences = append(c.differences, Difference{
		Subject: v1alpha1.Plain(subject, maxShown), Field: field,
		Reported: v1alpha1.Plain(reported, maxShown), Recomputed: v1alpha1.Plain(recomputed, maxShown)})
}

// index gives the results by check ID and names what is doubled or foreign.
// Of two results the worse is taken, so that doubling hides nothing.
func (c *comparison) index(results []v1alpha1.Result) map[string]v1alpha1.Result {
	registered := map[string]bool{}
	for _, k := range c.rules.Catalogue.Checks {
		registered[k.ID] = true
	}
	all := map[string]v1alpha1.Result{}
	for _, r := range results {
		first, twice := all[r.CheckID]
		switch {
		case twice:
			c.add(r.CheckID, "result", "more than one", "one result for each check")
			if first.Outcome == v1alpha1.Fail {
				continue
			}
		case !registered[r.CheckID]:
			c.add(r.CheckID, "result", string(r.Outcome), "no such check")
		}
		all[r.CheckID] = r
	}
	return all
}

// check compares one result and gives the one that holds.
func (c *comparison) check(k v1alpha1.CheckInfo, reported v1alpha1.Result) v1alpha1.Result {
	var seen []v1alpha1.Observation
	for _, p := range k.Probes {
		if o, there := c.observations[p]; there {
			seen = append(seen, o)
		}
	}
	c.references(k, reported, seen)
	recomputed, err := c.judge(k.ID, seen)
	recomputed.CheckID = k.ID
	switch {
	case err != nil:
		c.add(k.ID, "outcome", string(reported.Outcome), "could not be judged: "+err.Error())
		return withReason(recomputed, v1alpha1.Inconclusive, v1alpha1.T("Die Belege ließen sich nicht beurteilen.", "The evidence could not be judged."))
	case recomputed.Outcome == v1alpha1.Pass && len(seen) == 0:
		c.add(k.ID, "outcome", string(reported.Outcome), "pass without any observation, which is a mistake of the check")
		return withReason(recomputed, v1alpha1.Inconclusive, v1alpha1.T("Es liegt keine Beobachtung vor.", "There is no observation."))
	case reported.Outcome == v1alpha1.NotRun && recomputed.Outcome != v1alpha1.Fail:
		return reported
	case reported.Outcome == v1alpha1.Pass && len(reported.Observations) == 0:
		c.add(k.ID, "observations", nothing, "a pass needs at least one observation")
	}
	if reported.Outcome != recomputed.Outcome {
		c.add(k.ID, "outcome", string(reported.Outcome), string(recomputed.Outcome))
	}
	c.value(k.ID, "reason", reported.Reason, recomputed.Reason)
	c.value(k.ID, "findings", reported.Findings, recomputed.Findings)
	c.value(k.ID, "controls", reported.Controls, recomputed.Controls)
	c.value(k.ID, "figures", reported.Figures, recomputed.Figures)
	c.value(k.ID, "matrix", reported.Matrix, recomputed.Matrix)
	return recomputed
}

func withReason(r v1alpha1.Result, o v1alpha1.Outcome, why v1alpha1.Text) v1alpha1.Result {
	return v1alpha1.Result{CheckID: r.CheckID, Outcome: o, Reason: why}
}

// judge calls the Judge. Evidence comes from outside, so a crash over it is
// an answer and not the end of the program.
func (c *comparison) judge(id string, seen []v1alpha1.Observation) (r v1alpha1.Result, err error) {
	defer func() {
		if crash := recover(); crash != nil {
			err = fmt.Errorf("the check crashed: %v", crash)
		}
	}()
	if r, err = c.rules.Judge(id, seen); err != nil {
		return r, fmt.Errorf("judge %s: %w", id, err)
	}
	return r, nil
}

// references compares the observations that a result names with the evidence.
func (c *comparison) references(k v1alpha1.CheckInfo, reported v1alpha1.Result, seen []v1alpha1.Observation) {
	named := map[string]bool{}
	for _, ref := range reported.Observations {
		field := "observation " + v1alpha1.Plain(ref.Probe, 80)
		o, there := c.observations[ref.Probe]
		switch {
		case named[ref.Probe]:
			c.add(k.ID, field, "twice", "once")
		case !there:
			c.add(k.ID, field, ref.SHA256, missing)
		case o.Digest() != ref.SHA256:
			c.add(k.ID, field, ref.SHA256, o.Digest())
		case !slices.Contains(k.Probes, ref.Probe):
			c.add(k.ID, field, ref.SHA256, "the check does not look through this probe")
		}
		named[ref.Probe] = true
	}
	if reported.Outcome == v1alpha1.NotRun {
		return
	}
	for _, o := range seen {
		if !named[o.Probe] {
			c.add(k.ID, "observation "+o.Probe, missing, o.Digest())
		}
	}
}

// value compares by what would be written, so that an absent and an empty
// list are the same.
func (c *comparison) value(subject, field string, reported, recomputed any) {
	a, b := written(reported), written(recomputed)
	if a == b {
		return
	}
	// Long values differ somewhere; show the place.
	if at := firstDifference(a, b); at > maxShown/2 {
		a, b = "…"+a[at-maxShown/4:], "…"+b[at-maxShown/4:]
	}
	c.add(subject, field, a, b)
}

func firstDifference(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func written(v any) string {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice && r.Len() == 0 {
		return nothing
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprintf("can not be written: %v", err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// states compares statements, requirements and the conclusion.
func (c *comparison) states(report v1alpha1.ConformanceReport, out Outcome) {
	lists(c, "statement", report.Statements, out.Statements, func(s v1alpha1.StatementState) string { return s.ID })
	lists(c, "requirement", report.Requirements, out.Requirements, func(q v1alpha1.RequirementState) string { return q.ID })
	a, b := report.Conclusion, out.Conclusion
	c.value("conclusion", "result", a.Result, b.Result)
	c.value("conclusion", "because", a.Because, b.Because)
	c.value("conclusion", "checks", a.Checks, b.Checks)
	c.value("conclusion", "requirements", a.Requirements, b.Requirements)
	c.value("conclusion", "muss", a.Muss, b.Muss)
	c.value("conclusion", "sollte", a.Sollte, b.Sollte)
}

// lists compares two lists of things with IDs: missing, doubled and foreign
// ones, and what they say.
func lists[T comparable](c *comparison, field string, reported, recomputed []T, id func(T) string) {
	waiting := map[string]T{}
	for _, v := range recomputed {
		waiting[id(v)] = v
	}
	for _, r := range reported {
		want, there := waiting[id(r)]
		if !there {
			c.add(id(r), field, written(r), "no such "+field+", or twice")
			continue
		}
		delete(waiting, id(r))
		if r != want {
			c.add(id(r), field, written(r), written(want))
		}
	}
	for _, v := range recomputed {
		if want, left := waiting[id(v)]; left {
			c.add(id(v), field, missing, written(want))
		}
	}
}
