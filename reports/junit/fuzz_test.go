package junit

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// everywhere gives a report and a catalogue with the text in every field.
func everywhere(text, outcome string, seconds float64, findings int) (v1alpha1.ConformanceReport, v1alpha1.Catalogue) {
	both := v1alpha1.T(text, text)
	hostile := v1alpha1.Result{CheckID: text, Outcome: v1alpha1.Outcome(outcome), Reason: both, DurationSeconds: seconds}
	for range findings {
		hostile.Findings = append(hostile.Findings, v1alpha1.Finding{Required: both, Observed: both, Remedy: both})
	}
	known := hostile
	known.CheckID, known.Reason = "R/"+text, v1alpha1.Text{}
	report := v1alpha1.ConformanceReport{
		Site:    v1alpha1.SiteSummary{Name: text},
		Run:     v1alpha1.Run{Filter: text, Leftovers: []v1alpha1.Leftover{{Resource: text, Count: 1, Reason: text}}},
		Results: []v1alpha1.Result{hostile, known},
	}
	cat := v1alpha1.Catalogue{
		Requirements: []v1alpha1.Requirement{{ID: "R", Title: both}, {ID: text, Title: both}},
		Checks:       []v1alpha1.CheckInfo{{ID: "R/" + text, Title: both}, {ID: "R/missing" + text, Title: both}},
	}
	return report, cat
}

// attacks are texts that break out of XML, or that XML can not hold.
func attacks() []string {
	return []string{
		"", " ", "plain", "Prüfung „ä“ 😀",
		"]]>", "]]]]>>", "]]><failure/><![CDATA[", "<![CDATA[", "</testsuites>", `"/><testcase name="`, "'", "&", "&amp;", "&#0;", "&#x1b;", "&bomb;",
		"<!DOCTYPE a [<!ENTITY bomb \"x\">]>", "<?xml version=\"1.1\"?>", "<!-- -- -->",
		"\x00", "\x01\x1f", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x7f", "\u009b31m", "a\nb\r\nc\td", "\u0085\u2028\u2029",
		"\u202egpj.exe", "\u2066\u2069\u061c", "\ufeff", "\ufffe\uffff", "\U0001fffe", "\ufffd",
		"\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82",
		"a/b/c", "/", "pass", strings.Repeat("x", 1<<12), strings.Repeat("]]>", 400), strings.Repeat("ä", 600),
	}
}

// FuzzWrite proves of any text in any field that what is written is XML that a
// strict reader takes, that nothing but pass looks like one, that its counts
// are those of its elements, and that it can be shown.
func FuzzWrite(f *testing.F) {
	for _, text := range attacks() {
		f.Add(text, text, 1.5, uint8(2))
	}
	f.Add("x", "fail", math.Inf(1), uint8(255))
	f.Add("x", "pass", math.NaN(), uint8(0))
	f.Add("x", "notApplicable", math.MaxFloat64, uint8(0))
	f.Add("x", "notRun", -1.0, uint8(1))
	f.Fuzz(func(t *testing.T, text, outcome string, seconds float64, findings uint8) {
		report, cat := everywhere(text, outcome, seconds, int(findings))
		language := []Language{German, English, "xx"}[findings%3]
		var b, again bytes.Buffer
		if err := errors.Join(Write(&b, report, cat, language), Write(&again, report, cat, language)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Error("written twice, other bytes")
		}
		// Four parts of a finding, each of a line of four-byte characters at most.
		if most := (len(report.Results)*maxFindings*4 + 50) * (4*maxLine + 20); b.Len() > most {
			t.Errorf("%d bytes, more than %d", b.Len(), most)
		}
		check(t, b.Bytes(), v1alpha1.Outcome(outcome))
	})
}

var figure = regexp.MustCompile(`^[0-9]+\.[0-9]{3}$`)

func check(t *testing.T, data []byte, outcome v1alpha1.Outcome) {
	t.Helper()
	p := parse(t, data)
	var tests, failures, errs, skipped int
	for _, s := range p.Suites {
		for _, c := range s.Cases {
			tests++
			green := true
			for count, there := range map[*int]bool{&failures: c.Failure != nil, &errs: c.Error != nil, &skipped: c.Skipped != nil} {
				if there {
					*count++
					green = false
				}
			}
			if green && s.Name != "run" && outcome != v1alpha1.Pass {
				t.Errorf("outcome %q looks like a pass", outcome)
			}
		}
	}
	if p.Tests != tests || p.Failures != failures || p.Errors != errs || p.Skipped != skipped {
		t.Errorf("counts %d, %d, %d, %d; elements %d, %d, %d, %d", p.Tests, p.Failures, p.Errors, p.Skipped, tests, failures, errs, skipped)
	}
	// Two results, the incomplete run, the leftovers and the missing result, at least.
	if tests < 5 || errs < 2 || failures < 1 {
		t.Errorf("%d cases, %d errors, %d failures: something is absent", tests, errs, failures)
	}
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			for _, a := range x.Attr {
				shown(t, a.Value)
				if a.Name.Local == "time" && !figure.MatchString(a.Value) {
					t.Errorf("%q is no time", a.Value)
				}
			}
		case xml.CharData:
			if n := strings.Count(string(x), "\n- "); n > maxFindings {
				t.Errorf("%d findings", n)
			}
			for text := range strings.SplitSeq(strings.ReplaceAll(string(x), "\t", " "), "\n") {
				shown(t, text)
			}
		case xml.ProcInst: // the header
		case xml.Comment, xml.Directive:
			t.Errorf("%T %q came from a text", x, x)
		}
	}
}

func shown(t *testing.T, line string) {
	t.Helper()
	if v1alpha1.Plain(line, len(line)+1) != line || utf8.RuneCountInString(line) > 4*maxLine+20 {
		t.Errorf("can not be shown: %.200q", line)
	}
}

// TestTextSurvives proves that escaping takes nothing from a text that is plain.
func TestTextSurvives(t *testing.T) {
	for _, text := range attacks() {
		if text == "" || v1alpha1.Plain(text, maxLine) != text {
			continue
		}
		report := v1alpha1.ConformanceReport{Results: []v1alpha1.Result{{CheckID: "R/c", Outcome: v1alpha1.Inconclusive, Reason: v1alpha1.T(text, text)}}}
		var b bytes.Buffer
		if err := Write(&b, report, v1alpha1.Catalogue{}, German); err != nil {
			t.Fatal(err)
		}
		var p struct {
			Suites []struct {
				Cases []struct {
					Error struct {
						Message string `xml:"message,attr"`
						Data    string `xml:",chardata"`
					} `xml:"error"`
				} `xml:"testcase"`
			} `xml:"testsuite"`
		}
		if err := xml.Unmarshal(b.Bytes(), &p); err != nil {
			t.Fatalf("%.50q: %v", text, err)
		}
		if got := p.Suites[0].Cases[0].Error; got.Message != text || got.Data != text+"\n" {
			t.Errorf("%.50q became %.50q and %.50q", text, got.Message, got.Data)
		}
	}
}

// TestEveryLeftoverIsNamed proves that a long reason leaves room for the others.
func TestEveryLeftoverIsNamed(t *testing.T) {
	var report v1alpha1.ConformanceReport
	for _, resource := range []string{"pods", "secrets", "networkpolicies"} {
		report.Run.Leftovers = append(report.Run.Leftovers, v1alpha1.Leftover{Resource: resource, Count: 1, Reason: strings.Repeat("x", 1<<20)})
	}
	var b bytes.Buffer
	if err := Write(&b, report, v1alpha1.Catalogue{}, English); err != nil {
		t.Fatal(err)
	}
	for _, l := range report.Run.Leftovers {
		if !strings.Contains(b.String(), "1 "+l.Resource+" (xxx") {
			t.Errorf("%s is not named", l.Resource)
		}
	}
}
