package junit

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"math"
	"os"
	"strings"
	"testing"

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

// parsed is what a reader that is not ours sees.
type parsed struct {
	XMLName  xml.Name `xml:"testsuites"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Suites   []struct {
		Name  string `xml:"name,attr"`
		Cases []struct {
			Name    string    `xml:"name,attr"`
			Failure *struct{} `xml:"failure"`
			Error   *struct{} `xml:"error"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func parse(t *testing.T, data []byte) parsed {
	t.Helper()
	if !bytes.HasPrefix(data, []byte(`<?xml version="1.0" encoding="UTF-8"?>`)) {
		t.Errorf("no header: %.60s", data)
	}
	var p parsed
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = true
	if err := d.Decode(&p); err != nil {
		t.Fatalf("not XML: %v", err)
	}
	return p
}

func TestGolden(t *testing.T) {
	report, cat := sample[v1alpha1.ConformanceReport](t, "report.json"), sample[v1alpha1.Catalogue](t, "catalogue.json")
	for _, language := range []Language{German, English} {
		name := "testdata/junit." + string(language) + ".xml"
		for range 2 {
			var b bytes.Buffer
			if err := Write(&b, report, cat, language); err != nil {
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
			p := parse(t, b.Bytes())
			if p.Tests != 6 || p.Failures != 2 || p.Errors != 2 || p.Skipped != 0 || len(p.Suites) != 5 {
				t.Errorf("%+v", p)
			}
		}
	}
}

func TestEveryOutcomeHasItsElement(t *testing.T) {
	for outcome, want := range map[v1alpha1.Outcome]string{
		v1alpha1.Pass: "", v1alpha1.Fail: "failure", v1alpha1.Inconclusive: "error", v1alpha1.NotRun: "error",
		v1alpha1.NotApplicable: "skipped", "": "error", "passed": "error",
	} {
		var b bytes.Buffer
		report := v1alpha1.ConformanceReport{Results: []v1alpha1.Result{{CheckID: "R/c", Outcome: outcome}}}
		if err := Write(&b, report, v1alpha1.Catalogue{}, German); err != nil {
			t.Fatal(err)
		}
		got := ""
		switch c := parse(t, b.Bytes()).Suites[0].Cases[0]; {
		case c.Failure != nil:
			got = "failure"
		case c.Error != nil:
			got = "error"
		case c.Skipped != nil:
			got = "skipped"
		}
		if got != want {
			t.Errorf("outcome %q gives %q, want %q", outcome, got, want)
		}
	}
}

func TestAllSkippedIsNotGreen(t *testing.T) {
	var b bytes.Buffer
	report := v1alpha1.ConformanceReport{Results: []v1alpha1.Result{{CheckID: "R/c", Outcome: v1alpha1.NotApplicable}}}
	cat := v1alpha1.Catalogue{Checks: []v1alpha1.CheckInfo{{ID: "R/c"}}}
	if err := Write(&b, report, cat, German); err != nil {
		t.Fatal(err)
	}
	if p := parse(t, b.Bytes()); p.Errors != 1 || p.Skipped != 1 {
		t.Errorf("%+v", p)
	}
}

func TestWhatIsAbsentIsAnError(t *testing.T) {
	report, cat := sample[v1alpha1.ConformanceReport](t, "report.json"), sample[v1alpha1.Catalogue](t, "catalogue.json")
	report.Results = append(report.Results[:1:1], report.Results[0])
	report.Run.Filter = "network"
	var b bytes.Buffer
	if err := Write(&b, report, cat, English); err != nil {
		t.Fatal(err)
	}
	p := parse(t, b.Bytes())
	last := p.Suites[len(p.Suites)-1]
	if last.Name != "run" || len(last.Cases) != 6 || p.Errors != 5 {
		t.Errorf("%+v", p)
	}
}

func TestHostileText(t *testing.T) {
	bad := "\x1b[31m]]><script>\x00\x0b\xff\ufffe\u202e&" + strings.Repeat("x", 1<<20)
	text := v1alpha1.T(bad, bad)
	r := v1alpha1.Result{CheckID: bad, Outcome: v1alpha1.Outcome(bad), Reason: text, DurationSeconds: math.Inf(1)}
	for range 200 {
		r.Findings = append(r.Findings, v1alpha1.Finding{Required: text, Observed: text, Object: text, Remedy: text})
	}
	failing := r
	failing.Outcome = v1alpha1.Fail
	report := v1alpha1.ConformanceReport{Site: v1alpha1.SiteSummary{Name: bad}, Results: []v1alpha1.Result{r, failing}}
	cat := v1alpha1.Catalogue{Requirements: []v1alpha1.Requirement{{ID: bad, Title: text}}, Checks: []v1alpha1.CheckInfo{{ID: bad, Title: text}}}
	var b bytes.Buffer
	if err := Write(&b, report, cat, German); err != nil {
		t.Fatal(err)
	}
	parse(t, b.Bytes())
	if b.Len() > 1<<20 {
		t.Errorf("%d bytes", b.Len())
	}
	if bytes.ContainsAny(b.Bytes(), "\x1b\x00\x0b") || bytes.Contains(b.Bytes(), []byte("\u202e")) {
		t.Error("control characters were written")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteErrorIsReturned(t *testing.T) {
	if err := Write(full{}, v1alpha1.ConformanceReport{}, v1alpha1.Catalogue{}, German); err == nil {
		t.Error("a write error was lost")
	}
}
