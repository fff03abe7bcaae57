package browser

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// finding is what axe-core says of one rule.
type finding struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// audit is the result of a run of axe-core.
type audit struct {
	Violations []finding `json:"violations"`
	Incomplete []finding `json:"incomplete"`
	Rules      int       `json:"rules"`
	Passed     int       `json:"passed"`
}

// axe runs the rules of WCAG 2.0 to 2.2, A and AA, and the best practices.
func axe(b *tab) audit {
	b.t.Helper()
	source, err := os.ReadFile(need("BVC_AXE"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.eval(string(source))
	return value[audit](b, `axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]}}).then(r => {
		const short = list => list.map(f => ({id: f.id, help: f.help, nodes: f.nodes.slice(0, 3).map(n => ({html: n.html.slice(0, 200), failureSummary: n.failureSummary}))}));
		return {violations: short(r.violations), incomplete: short(r.incomplete), passed: r.passes.length,
			rules: r.violations.length + r.passes.length + r.incomplete.length + r.inapplicable.length};
	})`)
}

func TestAxe(t *testing.T) {
	for _, name := range examples {
		for _, l := range looks(name) {
			t.Run(fmt.Sprintf("%s/%s", name, l), func(t *testing.T) {
				t.Parallel()
				a := axe(show(t, file(name), l))
				if a.Rules < 80 || a.Passed < 40 {
					t.Errorf("only %d rules, %d with something to look at", a.Rules, a.Passed)
				}
				for _, v := range a.Violations {
					t.Errorf("%s: %s", v.ID, v.Help)
					for _, n := range v.Nodes {
						t.Errorf("  %s\n  %s", n.HTML, n.Summary)
					}
				}
				for _, v := range a.Incomplete {
					// Text in an SVG over a rectangle; reports/html computes its contrast itself.
					if v.ID != "color-contrast" || !strings.HasPrefix(v.Nodes[0].HTML, "<text") {
						t.Errorf("not decided by axe: %s: %.300s", v.ID, fmt.Sprint(v.Nodes))
					}
				}
				t.Logf("%d rules, %d passed", a.Rules, a.Passed)
			})
		}
	}
}

// looks are both widths, palettes and languages, with all closed and with all
// open. The big page takes half a minute each, and differs from the others in
// size alone: there each of the values is looked at twice.
func looks(name string) []look {
	if name == "big" {
		return []look{{width: 360, dark: true, language: "en", open: true}, {width: 1280, language: "de", open: true}, {width: 360, language: "de"}, {width: 1280, dark: true, language: "en"}}
	}
	var all []look
	for n := range 16 {
		l := look{width: 360, language: "de", dark: n&1 != 0, open: n&2 != 0}
		if n&4 != 0 {
			l.language = "en"
		}
		if n&8 != 0 {
			l.width = 1280
		}
		all = append(all, l)
	}
	return all
}

// TestAxeSees proves that axe-core would find what is wrong.
func TestAxeSees(t *testing.T) {
	b := show(t, file("declared"), look{})
	b.eval(`document.querySelector("h1").style.color = "#eee";
		document.querySelector("main").append(document.createElement("button"));
		document.querySelectorAll("h2")[1].id = document.querySelectorAll("h2")[0].id;`)
	var found []string
	for _, v := range axe(b).Violations {
		found = append(found, v.ID)
	}
	for _, rule := range []string{"button-name", "color-contrast"} {
		if !strings.Contains(strings.Join(found, " "), rule) {
			t.Errorf("%s was broken and not found; found was %q", rule, found)
		}
	}
}
