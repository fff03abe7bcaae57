// Package junit writes a report as JUnit XML for CI systems. It loses
// statements, states, figures and the difference between inconclusive and
// notRun except for a word; what decides is always the report itself.
package junit

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Bounds of text in characters; a CI system shows it in one page.
const (
	maxLine     = 500
	maxFindings = 50
)

const header = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// Write writes a testsuite for each requirement that has checks and a testcase
// for each result: fail is a failure, inconclusive, notRun and any unknown
// word are errors, notApplicable is skipped. Titles come from the catalogue;
// a result that it does not know is still written. The suite "run" holds one
// error for each registered check without a result, for an incomplete run and
// for one that observed nothing, and a failure for objects left behind, so that
// what is absent can not look good. Text is in the given language.
func Write(w io.Writer, report v1alpha1.ConformanceReport, cat v1alpha1.Catalogue, language Language) error {
	all := junit.Testsuites{Name: line("bvc " + report.Site.Name)}
	b := builder{report: report, language: language, checks: map[string]v1alpha1.CheckInfo{}, titles: map[string]v1alpha1.Text{}}
	for _, k := range cat.Checks {
		b.checks[k.ID] = k
	}
	var order []string
	groups := map[string][]v1alpha1.Result{}
	for _, q := range cat.Requirements {
		b.titles[q.ID] = q.Title
		order = append(order, q.ID)
		groups[q.ID] = nil
	}
	for _, r := range report.Results {
		id, _, _ := strings.Cut(r.CheckID, "/")
		if _, there := groups[id]; !there {
			order = append(order, id)
		}
		groups[id] = append(groups[id], r)
	}
	seconds := 0.0
	for _, id := range order {
		if len(groups[id]) == 0 {
			continue
		}
		suite, took := b.suite(id, groups[id], len(all.Suites))
		seconds += took
		all.AddSuite(suite)
	}
	all.AddSuite(b.run(cat, len(all.Suites)))
	all.Time = decimal(seconds)

	var out bytes.Buffer
	out.WriteString(header)
	if err := all.WriteXML(&out); err != nil {
		return fmt.Errorf("encode the JUnit report: %w", err)
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	return nil
}

// Language of the text in an export.
type Language string

// The two languages of a report.
const (
	German  Language = "de"
	English Language = "en"
)

type builder struct {
	report   v1alpha1.ConformanceReport
	language Language
	checks   map[string]v1alpha1.CheckInfo
	titles   map[string]v1alpha1.Text
}

// say gives a text in the language of the export, in the other one when there
// is none.
func (b builder) say(t v1alpha1.Text) string {
	first, second := t.De, t.En
	if b.language == English {
		first, second = second, first
	}
	if first == "" {
		first = second
	}
	return line(first)
}

func line(s string) string { return v1alpha1.Plain(s, maxLine) }

// decimal gives seconds; what is no duration is 0.
func decimal(seconds float64) string {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) || seconds < 0 {
		seconds = 0
	}
	return strconv.FormatFloat(seconds, 'f', 3, 64)
}

func (b builder) suite(id string, results []v1alpha1.Result, number int) (junit.Testsuite, float64) {
	suite := junit.Testsuite{Name: line(strings.TrimSpace(id + " " + b.say(b.titles[id]))), Package: line(id), ID: number}
	if !b.report.Run.StartedAt.IsZero() {
		suite.SetTimestamp(b.report.Run.StartedAt.UTC())
	}
	seconds := 0.0
	for _, r := range results {
		suite.AddTestcase(b.testcase(r))
		if r.DurationSeconds > 0 && !math.IsInf(r.DurationSeconds, 0) {
			seconds += r.DurationSeconds
		}
	}
	suite.Time = decimal(seconds)
	return suite, seconds
}

func (b builder) testcase(r v1alpha1.Result) junit.Testcase {
	requirement, _, _ := strings.Cut(r.CheckID, "/")
	c := junit.Testcase{Name: line(r.CheckID), Classname: line(requirement), Time: decimal(r.DurationSeconds), Status: line(string(r.Outcome))}
	var detail strings.Builder
	if k, there := b.checks[r.CheckID]; there {
		detail.WriteString(b.say(k.Title) + "\n")
	}
	if reason := b.say(r.Reason); reason != "" {
		detail.WriteString(reason + "\n")
	}
	for i, f := range r.Findings {
		if i == maxFindings {
			fmt.Fprintf(&detail, "… %d more\n", len(r.Findings)-i)
			break
		}
		fmt.Fprintf(&detail, "- %s | %s | %s | %s\n", b.say(f.Object), b.say(f.Required), b.say(f.Observed), b.say(f.Remedy))
	}
	result := &junit.Result{Message: b.message(r), Type: line(string(r.Outcome)), Data: detail.String()}
	switch r.Outcome {
	case v1alpha1.Pass:
		c.SystemOut = &junit.Output{Data: detail.String()}
	case v1alpha1.Fail:
		c.Failure = result
	case v1alpha1.NotApplicable:
		c.Skipped = result
	default:
		c.Error = result
	}
	return c
}

// message is the line that a CI system shows in its overview.
func (b builder) message(r v1alpha1.Result) string {
	if r.Outcome == v1alpha1.Fail && len(r.Findings) > 0 {
		f := r.Findings[0]
		return line(b.say(f.Required) + " " + b.say(f.Observed))
	}
	if reason := b.say(r.Reason); reason != "" {
		return reason
	}
	return line(string(r.Outcome))
}

// run says what is absent.
func (b builder) run(cat v1alpha1.Catalogue, number int) junit.Testsuite {
	suite := junit.Testsuite{Name: "run", Package: "run", ID: number, Time: decimal(0)}
	complete := junit.Testcase{Name: "run/complete", Classname: "run", Time: decimal(0)}
	if !b.report.Run.Complete() {
		complete.Error = &junit.Result{Type: string(v1alpha1.Inconclusive), Message: b.say(v1alpha1.T(
			"Der Lauf war gefiltert oder wurde unterbrochen.", "The run was filtered or interrupted."))}
	}
	observed := false
	for _, r := range b.report.Results {
		observed = observed || r.Outcome == v1alpha1.Pass || r.Outcome == v1alpha1.Fail
	}
	if !observed && complete.Error == nil {
		complete.Error = &junit.Result{Type: string(v1alpha1.Inconclusive), Message: b.say(v1alpha1.T(
			"Keine Prüfung hat etwas beobachtet.", "No check observed anything."))}
	}
	suite.AddTestcase(complete)
	if len(b.report.Run.Leftovers) > 0 {
		suite.AddTestcase(junit.Testcase{Name: "run/cleanup", Classname: "run", Time: decimal(0), Failure: &junit.Result{Type: "leftovers", Message: b.leftovers()}})
	}
	there := map[string]int{}
	for _, r := range b.report.Results {
		there[r.CheckID]++
	}
	for _, k := range cat.Checks {
		if there[k.ID] == 1 {
			continue
		}
		suite.AddTestcase(junit.Testcase{Name: line(k.ID), Classname: "run", Time: decimal(0), Error: &junit.Result{Type: "missing", Message: b.say(v1alpha1.T(
			fmt.Sprintf("Der Bericht enthält %d Ergebnisse dieser Prüfung statt eines.", there[k.ID]),
			fmt.Sprintf("The report holds %d results of this check instead of one.", there[k.ID])))}})
	}
	return suite
}

func (b builder) leftovers() string {
	var list []string
	for i, l := range b.report.Run.Leftovers {
		if i == 10 {
			list = append(list, "…")
			break
		}
		list = append(list, fmt.Sprintf("%d %s (%s)", l.Count, v1alpha1.Plain(l.Resource, 80), v1alpha1.Plain(l.Reason, 80)))
	}
	all := strings.Join(list, ", ")
	return b.say(v1alpha1.T("Zurückgeblieben: "+all, "Left behind: "+all))
}
