package catalogue

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

var update = flag.Bool("update", false, "write testdata/sample.md anew")

func TestMarkdown(t *testing.T) {
	const check = "APP.4.4.A1/something-done"
	c, err := loadSample(sample,
		[]v1alpha1.CheckInfo{
			{ID: check, Title: v1alpha1.T("Etwas | getan", "Something done"), Area: "nodes", Requirement: "APP.4.4.A1",
				Covers: []string{"APP.4.4.A1-UA.1"}, Policies: []string{"IG BvC 001"}, Exclusive: true, Needs: []string{"get nodes"}},
			{ID: "APP.4.4.A1/more", Title: v1alpha1.T("Mehr", "More"), Area: "network", Requirement: "APP.4.4.A1", Covers: []string{"APP.4.4.A1-UA.2"}},
		},
		map[string][]v1alpha1.Coverage{
			"APP.4.4.A1-UA.1": {{ID: check, Decides: v1alpha1.Whole, Why: "It looks at all of it."}},
			"APP.4.4.A1-UA.2": {{ID: "APP.4.4.A1/more", Decides: v1alpha1.Part}},
		})
	if err != nil {
		t.Fatal(err)
	}
	got := Markdown(c)
	const file = "testdata/sample.md"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("Markdown differs from %s; look at it and run the test with -update.\n%s", file, got)
	}
}

// TestMarkdownTablesHold: a cell that breaks out of its table would show the
// text of one statement as that of another.
func TestMarkdownTablesHold(t *testing.T) {
	c := norm(t)
	columns, rows := 0, 0
	for i, line := range strings.Split(string(Markdown(c)), "\n") {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if columns != 0 && n != columns {
			t.Errorf("line %d has %d bars, want %d: %s", i+1, n, columns, line)
		}
		columns = n
		if strings.HasPrefix(line, "| `") {
			rows++
		}
	}
	statements := 0
	for _, r := range c.Requirements {
		statements += len(r.Statements)
	}
	if rows != statements {
		t.Errorf("%d rows for %d statements", rows, statements)
	}
}

func TestMarkdownSaysWhoseTextItIs(t *testing.T) {
	text := strings.Join(strings.Fields(string(Markdown(norm(t)))), " ")
	for _, want := range []string{"eigenen Worten", "own words", "Edition 2023", "weder ein Produkt noch ein Zertifikat des BSI", "neither a product nor a certificate of BSI", "ordinals `-UA.n` are our own"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
}
