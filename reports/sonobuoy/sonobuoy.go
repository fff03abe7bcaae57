// Package sonobuoy writes a report as the results file that Sonobuoy's
// aggregator reads in its format "manual". It uses Sonobuoy's four words
// only, because any other switches the whole tree to counts
// (research/sonobuoy.md, 1.8); our outcome stands in the details.
package sonobuoy

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Status is one of the words that Sonobuoy aggregates.
type Status string

// The four words that are written.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Unknown Status = "unknown"
	Skipped Status = "skipped"
)

// Item is one node of a results file.
type Item struct {
	Name    string            `yaml:"name"`
	Status  Status            `yaml:"status"`
	Meta    map[string]string `yaml:"meta,omitempty"`
	Details map[string]string `yaml:"details,omitempty"`
	Items   []Item            `yaml:"items,omitempty"`
}

// Bounds: the aggregator keeps results in memory, and people read them in a
// terminal.
const (
	maxName   = 200
	maxDetail = 300
)

// Write writes Results as YAML.
func Write(w io.Writer, report v1alpha1.ConformanceReport, cat v1alpha1.Catalogue) error {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(Results(report, cat)); err != nil {
		return fmt.Errorf("encode the results for Sonobuoy: %w", err)
	}
	if err := e.Close(); err != nil {
		return fmt.Errorf("encode the results for Sonobuoy: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the results for Sonobuoy: %w", err)
	}
	return nil
}

// Results gives the tree: one item for each requirement that has results, with
// a leaf for each check, and the item "run" with the leaves run/coverage and
// run/cleanup.
//
// pass is passed, fail is failed whether waived or not, notApplicable is
// skipped, and inconclusive, notRun and any unknown word are unknown. Sonobuoy
// calls a tree passed in which everything was skipped; run/coverage stands
// against that.
func Results(report v1alpha1.ConformanceReport, cat v1alpha1.Catalogue) Item {
	levels := map[string]v1alpha1.Level{}
	var order []string
	groups := map[string][]Item{}
	for _, q := range cat.Requirements {
		levels[q.ID] = q.Level
		order = append(order, q.ID)
		groups[q.ID] = nil
	}
	for _, r := range report.Results {
		id, _, _ := strings.Cut(r.CheckID, "/")
		if _, there := groups[id]; !there {
			order = append(order, id)
		}
		groups[id] = append(groups[id], leaf(r))
	}
	root := Item{Name: "bvc"}
	for _, id := range order {
		if len(groups[id]) == 0 {
			continue
		}
		item := Item{Name: plain(id, maxName), Status: Aggregate(groups[id]), Items: groups[id], Meta: map[string]string{"requirement": plain(id, maxName)}}
		if levels[id] != "" {
			item.Meta["level"] = plain(string(levels[id]), maxName)
		}
		root.Items = append(root.Items, item)
	}
	run := Item{Name: "run", Items: []Item{coverage(report, cat), cleanup(report.Run)}}
	run.Status = Aggregate(run.Items)
	root.Items = append(root.Items, run)
	root.Status = Aggregate(root.Items)
	return root
}

// Aggregate is Sonobuoy's rule over the leaves below items: any failed is
// failed, else any unknown is unknown, else passed; nothing at all is unknown.
func Aggregate(items []Item) Status {
	if len(items) == 0 {
		return Unknown
	}
	worst := Passed
	for _, i := range items {
		status := i.Status
		if len(i.Items) > 0 {
			status = Aggregate(i.Items)
		}
		switch {
		case status == Failed:
			return Failed
		case status != Passed && status != Skipped:
			worst = Unknown
		}
	}
	return worst
}

func plain(s string, most int) string { return v1alpha1.Plain(s, most) }

// details are in both languages: the file has no reader's language.
func details(outcome string, why v1alpha1.Text) map[string]string {
	d := map[string]string{"outcome": plain(outcome, maxName)}
	if de := plain(why.De, maxDetail); de != "" {
		d["reason-de"] = de
	}
	if en := plain(why.En, maxDetail); en != "" {
		d["reason-en"] = en
	}
	return d
}

func leaf(r v1alpha1.Result) Item {
	status := Unknown
	switch r.Outcome {
	case v1alpha1.Pass:
		status = Passed
	case v1alpha1.Fail:
		status = Failed
	case v1alpha1.NotApplicable:
		status = Skipped
	}
	why := r.Reason
	if why.IsZero() && len(r.Findings) > 0 {
		f := r.Findings[0]
		why = v1alpha1.T(f.Required.De+" "+f.Observed.De, f.Required.En+" "+f.Observed.En)
	}
	return Item{Name: plain(r.CheckID, maxName), Status: status, Details: details(string(r.Outcome), why)}
}

// coverage is the leaf that fails when the results are not one for each
// registered check, or when the run was filtered or interrupted. It is
// unknown when no check passed and none failed: nothing was observed then.
func coverage(report v1alpha1.ConformanceReport, cat v1alpha1.Catalogue) Item {
	item := Item{Name: "run/coverage", Status: Failed}
	missing, foreign, doubled := unmatched(report.Results, cat)
	observed := false
	for _, r := range report.Results {
		observed = observed || r.Outcome == v1alpha1.Pass || r.Outcome == v1alpha1.Fail
	}
	why := v1alpha1.T("Jede Prüfung hat genau ein Ergebnis.", "Every check has exactly one result.")
	switch {
	case missing+foreign+doubled > 0:
		why = v1alpha1.T(
			fmt.Sprintf("Ergebnisse und Prüfungen stimmen nicht überein: %d fehlen, %d doppelt, %d unbekannt.", missing, doubled, foreign),
			fmt.Sprintf("Results and checks do not match: %d missing, %d twice, %d unknown.", missing, doubled, foreign))
	case len(cat.Checks) == 0:
		why = v1alpha1.T("Es gibt keine Prüfungen.", "There are no checks.")
	case report.Run.Interrupted:
		why = v1alpha1.T("Der Lauf wurde unterbrochen.", "The run was interrupted.")
	case report.Run.Filter != "":
		why = v1alpha1.T("Der Lauf war gefiltert: "+report.Run.Filter, "The run was filtered: "+report.Run.Filter)
	case !report.Run.Complete():
		why = v1alpha1.T("Der Lauf war nicht vollständig.", "The run was not complete.")
	case !observed:
		item.Status = Unknown
		why = v1alpha1.T("Keine Prüfung hat etwas beobachtet.", "No check observed anything.")
	default:
		item.Status = Passed
	}
	item.Details = details(string(item.Status), why)
	return item
}

func unmatched(results []v1alpha1.Result, cat v1alpha1.Catalogue) (missing, foreign, doubled int) {
	there := map[string]int{}
	for _, k := range cat.Checks {
		there[k.ID] = 0
	}
	for _, r := range results {
		n, registered := there[r.CheckID]
		switch {
		case !registered:
			foreign++
			continue
		case n > 0:
			doubled++
		}
		there[r.CheckID]++
	}
	for _, n := range there {
		if n == 0 {
			missing++
		}
	}
	return missing, foreign, doubled
}

// cleanup is the leaf that fails when the run left objects behind.
func cleanup(run v1alpha1.Run) Item {
	item := Item{Name: "run/cleanup", Status: Passed}
	why := v1alpha1.T("Nichts blieb zurück.", "Nothing was left behind.")
	if len(run.Leftovers) > 0 {
		item.Status = Failed
		var list []string
		for i, l := range run.Leftovers {
			if i == 10 {
				list = append(list, "…")
				break
			}
			list = append(list, fmt.Sprintf("%d %s (%s)", l.Count, plain(l.Resource, 80), plain(l.Reason, 80)))
		}
		why = v1alpha1.T("Zurückgeblieben: "+strings.Join(list, ", "), "Left behind: "+strings.Join(list, ", "))
	}
	item.Details = details(string(item.Status), why)
	return item
}
