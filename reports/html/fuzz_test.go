package html

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	nethtml "golang.org/x/net/html"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// skeleton is what a page may be made of: which attributes an element has, and
// for attributes whose values are words of ours, which ones.
type skeleton map[string]map[string]map[string]bool

// open are the attributes whose values may differ from page to page: numbers,
// anchors and words of ours.
var open = map[string]*regexp.Regexp{
	"id":          regexp.MustCompile(`^(` + anchor + `|[a-z]+(-[a-z]+)*)$`),
	"href":        regexp.MustCompile(`^#(` + anchor + `|[a-z]+)$`),
	"x":           regexp.MustCompile(`^[0-9.]+%?$`),
	"width":       regexp.MustCompile(`^[0-9.]+%?$`),
	"data-module": regexp.MustCompile(`^[0-9]+$`),
	"value":       regexp.MustCompile(`^([0-9]+|[a-z]*)$`),
	"data-verb":   regexp.MustCompile(`^((muss|sollte|kann|other) ?)*$`),
	"data-level":  regexp.MustCompile(`^(basis|standard|hoch|souvap|other)$`),
	"data-state":  regexp.MustCompile(`^(fail|pass|inconclusive|open|partly|none|declared)$`),
	"class":       regexp.MustCompile(`^[a-z]+( [a-z]+)?$`),
	"lang":        regexp.MustCompile(`^(de|en)$`),
	"aria-hidden": regexp.MustCompile(`^true$`),
}

// anchor is a number or an ID of the catalogue.
const anchor = `(check|requirement)-[0-9]+|statement-[0-9]+-[0-9]+|[A-Z]{2,8}(\.[0-9]{1,3}){1,6}(\.A[0-9]{1,3})?(-UA\.[0-9]{1,3})?(/[a-z0-9-]+)?`

// elements parses a page as a browser does and gives its elements.
func elements(t testing.TB, page string) []nethtml.Token {
	t.Helper()
	root, err := nethtml.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var out []nethtml.Token
	for n := range root.Descendants() {
		switch n.Type {
		case nethtml.ElementNode:
			out = append(out, nethtml.Token{Data: n.Data, Attr: n.Attr})
		case nethtml.CommentNode:
			t.Errorf("a comment: %.80q", n.Data)
		}
	}
	return out
}

// learn is the skeleton of pages that hold nothing hostile.
func learn(t testing.TB, pages ...string) skeleton {
	t.Helper()
	s := skeleton{}
	for _, page := range pages {
		for _, e := range elements(t, page) {
			if s[e.Data] == nil {
				s[e.Data] = map[string]map[string]bool{}
			}
			for _, a := range e.Attr {
				if s[e.Data][a.Key] == nil {
					s[e.Data][a.Key] = map[string]bool{}
				}
				s[e.Data][a.Key][a.Val] = true
			}
		}
	}
	return s
}

// holds proves that a page is made of nothing else.
func (s skeleton) holds(t testing.TB, page string) {
	t.Helper()
	single := map[string]int{}
	ids, links := map[string]bool{}, []string{}
	for _, e := range elements(t, page) {
		single[e.Data]++
		known, there := s[e.Data]
		if !there {
			t.Fatalf("element <%s>", e.Data)
		}
		for _, a := range e.Attr {
			values, there := known[a.Key]
			pattern, patterned := open[a.Key]
			switch {
			case !there:
				t.Fatalf("attribute %s of <%s>: %.80q", a.Key, e.Data, a.Val)
			case values[a.Val]:
			case !patterned || !pattern.MatchString(a.Val):
				t.Fatalf("<%s %s=%.80q>", e.Data, a.Key, a.Val)
			}
			switch a.Key {
			case "id":
				if ids[a.Val] {
					t.Errorf("id %q is there twice", a.Val)
				}
				ids[a.Val] = true
			case "href":
				links = append(links, a.Val[1:])
			}
		}
	}
	for _, e := range []string{"html", "head", "body", "main", "script", "style", "title", "h1"} {
		if single[e] != 1 {
			t.Errorf("%d <%s>", single[e], e)
		}
	}
	for _, l := range links {
		if !ids[l] {
			t.Errorf("link to %q, and there is no such anchor", l)
		}
	}
}

// FuzzRender puts any text into every field of a report, its evidence and the
// catalogue: once into the texts, once into identifiers and words too. The
// page parses, no element, attribute, script or link comes from the data, and
// it is bounded.
func FuzzRender(f *testing.F) {
	f.Add("Prüfung", "APP.4.4.A7/x", uint8(0))
	plain := declared(f)
	s := learn(f, render(f, plain.report, plain.evidence, plain.cat, Options{Now: now}),
		render(f, plain.report, plain.evidence, plain.cat, Options{Now: now, Language: English}),
		render(f, v1alpha1.ConformanceReport{}, v1alpha1.Evidence{}, v1alpha1.Catalogue{}, Options{Notices: []v1alpha1.Text{v1alpha1.T("a", "b")}}))
	f.Fuzz(func(t *testing.T, text, id string, where uint8) {
		x := hostile(t, text)
		switch where % 8 {
		case 1:
			x.report.Results[0].CheckID = id
		case 2:
			x.cat.Requirements[0].ID, x.report.Requirements[0].ID = id, id
		case 3:
			x.cat.Requirements[0].Statements[0].ID, x.report.Statements[0].ID = id, id
		case 4:
			x.report.Results[0].Outcome, x.report.Statements[0].State, x.report.Conclusion.Result = v1alpha1.Outcome(id), v1alpha1.State(id), v1alpha1.ConclusionWord(id)
		case 5:
			x.report.Waivers[0].Check, x.report.Waivers[0].Expires, x.report.Answers[0].Says, x.report.Answers[0].Expires = id, v1alpha1.Date(id), v1alpha1.AnswerWord(id), v1alpha1.Date(id)
		case 6:
			for i := range x.report.Results {
				x.report.Results[i].CheckID = id
			}
			for i := range x.cat.Checks {
				x.cat.Checks[i].ID, x.cat.Checks[i].Requirement = id, id
			}
		case 7:
			x.cat.Requirements[0].Module, x.cat.Requirements[0].Level, x.cat.Requirements[0].Statements[0].ModalVerb = id, v1alpha1.Level(id), v1alpha1.ModalVerb(id)
		}
		var b bytes.Buffer
		if err := Render(&b, x.report, x.evidence, x.cat, Options{Now: now, Language: Language(id), Notices: []v1alpha1.Text{v1alpha1.T(text, id)}}); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		if len(page) > MaxBytes || !utf8.ValidString(page) {
			t.Errorf("%d bytes, valid UTF-8 %t", len(page), utf8.ValidString(page))
		}
		if strings.ContainsAny(page, "\x00\x1b\u202e\u2066\u200f") {
			t.Error("control or direction characters on the page")
		}
		s.holds(t, page)
	})
}
