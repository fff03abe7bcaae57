package sonobuoy

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

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

// read parses a results file the way Sonobuoy's own type is laid out, and
// refuses what that would drop.
func read(t *testing.T, data []byte) Item {
	t.Helper()
	var i Item
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&i); err != nil {
		t.Fatal(err)
	}
	return i
}

func leaves(i Item) []Item {
	if len(i.Items) == 0 {
		return []Item{i}
	}
	var all []Item
	for _, c := range i.Items {
		all = append(all, leaves(c)...)
	}
	return all
}

func find(t *testing.T, i Item, name string) Item {
	t.Helper()
	for _, l := range leaves(i) {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("no leaf %s", name)
	return Item{}
}

func TestGolden(t *testing.T) {
	report, cat := sample[v1alpha1.ConformanceReport](t, "report.json"), sample[v1alpha1.Catalogue](t, "catalogue.json")
	const name = "testdata/sonobuoy_results.yaml"
	for range 2 {
		var b bytes.Buffer
		if err := Write(&b, report, cat); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s is not current; run with -update", name)
		}
		root := read(t, b.Bytes())
		if root.Status != Failed || len(leaves(root)) != 6 {
			t.Errorf("status %s, %d leaves", root.Status, len(leaves(root)))
		}
	}
}

// TestAggregated proves what Sonobuoy would show for a run.
func TestAggregated(t *testing.T) {
	cat := v1alpha1.Catalogue{Checks: []v1alpha1.CheckInfo{{ID: "R/a"}, {ID: "R/b"}, {ID: "S/c"}}}
	pass, fail, incon, na, notRun := v1alpha1.Pass, v1alpha1.Fail, v1alpha1.Inconclusive, v1alpha1.NotApplicable, v1alpha1.NotRun
	for _, c := range []struct {
		name     string
		a, b, c  v1alpha1.Outcome // "-" for no result
		run      v1alpha1.Run
		want     Status
		coverage Status
	}{
		{"all pass", pass, pass, pass, v1alpha1.Run{}, Passed, Passed},
		{"one fails", pass, pass, fail, v1alpha1.Run{}, Failed, Passed},
		{"fail before unknown", incon, pass, fail, v1alpha1.Run{}, Failed, Passed},
		{"inconclusive", pass, incon, pass, v1alpha1.Run{}, Unknown, Passed},
		{"not run", pass, notRun, pass, v1alpha1.Run{}, Unknown, Passed},
		{"one not applicable", pass, na, pass, v1alpha1.Run{}, Passed, Passed},
		{"all not applicable", na, na, na, v1alpha1.Run{}, Unknown, Unknown},
		{"all not run", notRun, notRun, notRun, v1alpha1.Run{}, Unknown, Unknown},
		{"unknown word", pass, "great", pass, v1alpha1.Run{}, Unknown, Passed},
		{"missing result", pass, pass, "-", v1alpha1.Run{}, Failed, Failed},
		{"no results", "-", "-", "-", v1alpha1.Run{}, Failed, Failed},
		{"interrupted", pass, pass, pass, v1alpha1.Run{Interrupted: true}, Failed, Failed},
		{"filtered", pass, pass, pass, v1alpha1.Run{Filter: "x"}, Failed, Failed},
		{"leftovers", pass, pass, pass, v1alpha1.Run{Leftovers: []v1alpha1.Leftover{{Resource: "pods", Count: 1}}}, Failed, Passed},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := v1alpha1.ConformanceReport{Run: c.run}
			for i, o := range []v1alpha1.Outcome{c.a, c.b, c.c} {
				if o != "-" {
					report.Results = append(report.Results, v1alpha1.Result{CheckID: cat.Checks[i].ID, Outcome: o})
				}
			}
			root := Results(report, cat)
			if root.Status != c.want || Aggregate(root.Items) != c.want {
				t.Errorf("status %s, want %s", root.Status, c.want)
			}
			if got := find(t, root, "run/coverage").Status; got != c.coverage {
				t.Errorf("coverage %s, want %s", got, c.coverage)
			}
			if got := find(t, root, "run/cleanup").Status; (got == Failed) != (len(c.run.Leftovers) > 0) {
				t.Errorf("cleanup %s", got)
			}
			for _, l := range leaves(root) {
				if l.Status != Passed && l.Status != Failed && l.Status != Unknown && l.Status != Skipped {
					t.Errorf("%s has the word %q", l.Name, l.Status)
				}
			}
		})
	}
	t.Run("doubled and foreign", func(t *testing.T) {
		report := v1alpha1.ConformanceReport{}
		for _, id := range []string{"R/a", "R/b", "S/c", "S/c"} {
			report.Results = append(report.Results, v1alpha1.Result{CheckID: id, Outcome: pass})
		}
		if got := Results(report, cat).Status; got != Failed {
			t.Errorf("doubled: %s", got)
		}
		report.Results[3].CheckID = "X/y"
		if got := Results(report, cat).Status; got != Failed {
			t.Errorf("foreign: %s", got)
		}
	})
	t.Run("nothing at all", func(t *testing.T) {
		if got := Results(v1alpha1.ConformanceReport{}, v1alpha1.Catalogue{}).Status; got != Failed {
			t.Errorf("%s", got)
		}
		if got := Aggregate(nil); got != Unknown {
			t.Errorf("%s", got)
		}
	})
}

func TestHostileText(t *testing.T) {
	bad := "\x1b[31m: {[&a *a !!x #\x00\xff\n---\n" + strings.Repeat("x", 1<<20)
	report := v1alpha1.ConformanceReport{
		Results: []v1alpha1.Result{{CheckID: bad, Outcome: v1alpha1.Outcome(bad), Reason: v1alpha1.T(bad, bad)}},
		Run:     v1alpha1.Run{Filter: bad, Leftovers: []v1alpha1.Leftover{{Resource: bad, Reason: bad}}},
	}
	var b bytes.Buffer
	if err := Write(&b, report, v1alpha1.Catalogue{Requirements: []v1alpha1.Requirement{{ID: bad, Level: v1alpha1.Level(bad)}}}); err != nil {
		t.Fatal(err)
	}
	if root := read(t, b.Bytes()); b.Len() > 8<<10 || root.Status != Failed {
		t.Errorf("%d bytes, %s", b.Len(), root.Status)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteErrorIsReturned(t *testing.T) {
	if err := Write(full{}, v1alpha1.ConformanceReport{}, v1alpha1.Catalogue{}); err == nil {
		t.Error("a write error was lost")
	}
}
