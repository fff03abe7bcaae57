package main

import (
	"slices"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Every registered check has its place in the measured tables, and the tables
// agree with themselves.
func TestTables(t *testing.T) {
	if len(areas()) == 0 {
		t.Fatal("no check is registered")
	}
	for _, a := range areas() {
		table, err := load(".", a)
		if err != nil {
			t.Errorf("%v: run make matrix AREA=%s", err, a)
			continue
		}
		for _, wrong := range verify(table, a) {
			t.Errorf("%s: %s: run make matrix AREA=%s", fileOf("ci/matrix", a), wrong, a)
		}
	}
}

// Where nothing that checks send arrives, none of them decides anything: a pass
// there would be one that did not look.
func TestBrokenNetworkDecidesNothing(t *testing.T) {
	table, err := load(".", check.Network)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(table.Clusters, func(r Row) bool { return r.Name == "network-broken" })
	if i < 0 {
		t.Fatal("network-broken is not measured")
	}
	for id, outcome := range table.Clusters[i].Outcomes {
		if outcome != v1alpha1.Inconclusive {
			t.Errorf("%s: %s", id, outcome)
		}
	}
}

// What is foretold names registered checks only, each somewhere.
func TestSpecs(t *testing.T) {
	for _, s := range specs {
		for _, id := range s.breaks {
			if !slices.ContainsFunc(check.Default.Checks(), func(c *check.Check) bool { return c.ID == id }) {
				t.Errorf("%s breaks %s, which is no registered check", s.name, id)
			}
		}
	}
}

// A violation that is not reverted shows in the row of the next one.
func TestNextRowShowsTheRevert(t *testing.T) {
	for _, a := range areas() {
		before := map[string]spec{}
		for _, s := range specsOf(a) {
			if s.violation == "" {
				continue
			}
			if last, there := before[s.profile]; there && !slices.ContainsFunc(last.breaks, func(id string) bool { return !slices.Contains(s.breaks, id) }) {
				t.Errorf("%s: %s breaks all that %s breaks, and follows on it", a, s.name, last.name)
			}
			before[s.profile] = s
		}
	}
}

func TestVerify(t *testing.T) {
	a := check.Data
	row := func(name string, o v1alpha1.Outcome, breaks ...string) Row {
		return Row{Name: name, Commit: "c", Date: "d", Kubernetes: "k", Breaks: append([]string{}, breaks...), Recorded: recorded(a),
			Outcomes: map[string]v1alpha1.Outcome{secretsAtRest: o}}
	}
	good := func() Table {
		return Table{Clusters: []Row{row(whole, v1alpha1.Pass), row("identity-first", v1alpha1.Fail, secretsAtRest), row("vanilla", v1alpha1.Fail, secretsAtRest)}}
	}
	if ids := checksOf(a); len(ids) != 1 {
		t.Skipf("this table is of one check, the area has %q", ids)
	}
	if wrong := verify(good(), a); len(wrong) > 0 {
		t.Errorf("a good table: %q", wrong)
	}
	for want, spoil := range map[string]func(*Table){
		"the first cluster is not":       func(t *Table) { t.Clusters = t.Clusters[1:] },
		"is missing":                     func(t *Table) { t.Clusters[1].Outcomes = map[string]v1alpha1.Outcome{} },
		"breaks []":                      func(t *Table) { t.Clusters[1].Breaks = []string{} },
		"no registered check":            func(t *Table) { t.Clusters[1].Outcomes["x"] = v1alpha1.Pass },
		"is not measured":                func(t *Table) { t.Clusters = t.Clusters[:2] },
		"is there twice":                 func(t *Table) { t.Clusters[2] = t.Clusters[1] },
		"no cluster shows fail":          func(t *Table) { *t = Table{Clusters: []Row{row(whole, v1alpha1.Pass)}} },
		`outcome "passed"`:               func(t *Table) { t.Clusters[1] = row("identity-first", "passed", secretsAtRest) },
		"commit, date or version of Kub": func(t *Table) { t.Clusters[1].Commit = "" },
	} {
		table := good()
		spoil(&table)
		if wrong := strings.Join(verify(table, a), "\n"); !strings.Contains(wrong, want) {
			t.Errorf("want %q, got %q", want, wrong)
		}
	}
}
