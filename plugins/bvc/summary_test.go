package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/html"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// fullReport is a report on the catalogue of today as a full run will make it:
// 100 checks, every third of them with a deviation, every statement answered,
// and 20 waivers.
func fullReport(t *testing.T) (v1alpha1.ConformanceReport, v1alpha1.Catalogue) {
	t.Helper()
	cat, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 20, 22, 0, 0, 0, time.UTC)
	r := v1alpha1.ConformanceReport{Site: v1alpha1.SiteSummary{Name: "Cluster Nord 1", Organisation: "Rechenzentrum", ProtectionNeed: v1alpha1.NeedNormal},
		Cluster: v1alpha1.ClusterFacts{KubernetesVersion: "v1.36.3"}, Run: v1alpha1.Run{ID: "r-1", StartedAt: start, FinishedAt: start.Add(time.Hour)}}
	r.Suite.CatalogueDigest = cat.Digest
	r.Conclusion.Result = v1alpha1.MussDeviations
	sentence := func(n int) v1alpha1.Text {
		return v1alpha1.T(strings.Repeat("Ein Satz über den Zustand, den der Cluster zeigt. ", 10)[:n], strings.Repeat("A sentence about the state that the cluster shows. ", 10)[:n])
	}
	for i := range cat.Requirements {
		q := &cat.Requirements[i]
		r.Requirements = append(r.Requirements, v1alpha1.RequirementState{ID: q.ID, State: v1alpha1.StateDeclared, Counts: q.Level != v1alpha1.Hoch})
		for j := range q.Statements {
			s := &q.Statements[j]
			state := v1alpha1.StateDeclared
			says := v1alpha1.Met
			if j%3 == 2 {
				says = v1alpha1.NotMet
			}
			r.Answers = append(r.Answers, v1alpha1.Answer{Statement: s.ID, Says: says, Text: sentence(150).De, Evidence: "Betriebshandbuch 4.2, Abschnitt 7", Role: "Leitung Plattformbetrieb", Date: "2026-01-10", Expires: "2027-01-09"})
			if j == 0 && i < 100 {
				id := q.ID + "/check-of-the-requirement"
				covers := []string{s.ID}
				s.Checks = []v1alpha1.Coverage{{ID: id, Decides: v1alpha1.Part}}
				cat.Checks = append(cat.Checks, v1alpha1.CheckInfo{ID: id, Title: sentence(60), Requirement: q.ID, Covers: covers, Policies: []string{"IG BvC 014"}})
				k := v1alpha1.Result{CheckID: id, DurationSeconds: 12.5, Observations: []v1alpha1.ObservationRef{{Probe: "probe", SHA256: "sha256:" + strings.Repeat("0", 64)}}}
				for range 5 {
					k.Controls = append(k.Controls, v1alpha1.Control{Name: sentence(55), Held: true, Detail: sentence(40)})
				}
				switch i % 3 {
				case 0:
					state, k.Outcome = v1alpha1.StateFail, v1alpha1.Fail
					k.Findings = []v1alpha1.Finding{{Required: sentence(90), Observed: sentence(220), Object: sentence(40), Remedy: sentence(230)}}
				case 1:
					state, k.Outcome, k.Reason = v1alpha1.StatePartlyObserved, v1alpha1.Pass, sentence(150)
				case 2:
					state, k.Outcome, k.Reason = v1alpha1.StateInconclusive, v1alpha1.Inconclusive, sentence(150)
				}
				if len(r.Waivers) < 20 {
					r.Waivers = append(r.Waivers, v1alpha1.Waiver{Check: id, Scope: sentence(60).De, Reason: sentence(200).De, Owner: "Betrieb", Approver: "Informationssicherheit", Expires: v1alpha1.Date(fmt.Sprintf("2026-11-%02d", 11+len(r.Waivers)))})
				}
				r.Results = append(r.Results, k)
			}
			r.Statements = append(r.Statements, v1alpha1.StatementState{ID: s.ID, State: state})
		}
	}
	return r, cat
}

func summaryOf(r v1alpha1.ConformanceReport, cat v1alpha1.Catalogue, english bool) string {
	var b bytes.Buffer
	printSummary(&b, r, cat, english, r.Run.FinishedAt)
	return b.String()
}

// TestSummaryFitsOnAScreen proves that a full run is told in as many lines as
// a short one, deviations at MUSS first, and that nothing left out is uncounted.
func TestSummaryFitsOnAScreen(t *testing.T) {
	r, cat := fullReport(t)
	for _, leftovers := range [][]v1alpha1.Leftover{nil, {{Resource: "pods", Count: 1}}} {
		r.Run.Leftovers = leftovers
		text := summaryOf(r, cat, false)
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(lines) != summaryLines {
			t.Errorf("%d lines:\n%s", len(lines), text)
		}
		for _, l := range lines {
			if len([]rune(l)) > 240 {
				t.Errorf("a line of %d characters: %s", len([]rune(l)), l)
			}
		}
	}
	text := summaryOf(r, cat, false)
	at := -1
	for _, w := range []string{"Ergebnis: Abweichungen bei MUSS", "Abweichungen bei 34 von 100 Prüfungen", "\n  MUSS ", "weitere", "Nicht gemessen bei 33 von 100 Prüfungen", "weitere", "MUSS   ", "SOLLTE ", "Selbst erklärt: ", "Ausnahmen (Stand 2026-11-20): 3 ABGELAUFEN, 4 wirksam, 6 unentschieden, 7 nicht nötig", "bvc cleanup"} {
		next := strings.Index(text[max(at, 0):], w)
		if next < 0 {
			t.Fatalf("%q is not said where it should be:\n%s", w, text)
		}
		at = max(at, 0) + next + 1
	}
	if strings.Contains(text, "weitere\n  … ") || !strings.Contains(text, "[AUSNAHME ABGELAUFEN]") {
		t.Errorf("the summary is\n%s", text)
	}
}

// TestSummaryTellsAll proves that a short report is told without gaps, in both
// languages, and that the page in HTML says the same.
func TestSummaryTellsAll(t *testing.T) {
	r, cat := fullReport(t)
	r.Results = r.Results[:4]
	r.Waivers = r.Waivers[:4]
	r.Waivers[3].Expires = "2027-01-31"
	german, english := summaryOf(r, cat, false), summaryOf(r, cat, true)
	for _, x := range r.Results {
		if x.Outcome != v1alpha1.Pass && (!strings.Contains(german, x.CheckID) || !strings.Contains(english, x.CheckID)) {
			t.Errorf("%s is not named:\n%s", x.CheckID, german)
		}
	}
	for text, words := range map[string][]string{
		german:  {"Ein Satz über den Zustand", "[AUSNAHME ABGELAUFEN]", "[Ausnahme bis 2027-01-31]", "1 ABGELAUFEN, 1 wirksam"},
		english: {"Result: deviations at MUSS (must)", "A sentence about the state", "[WAIVER EXPIRED]", "[waiver until 2027-01-31]", "Not measured at 1 of 4 checks", "Self-declared: "},
	} {
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%q is not said:\n%s", w, text)
			}
		}
	}
	for _, w := range []string{"Abweichung", "erklärt", "Ausnahme", "weitere"} {
		if strings.Contains(english, w) {
			t.Errorf("in English it says %q:\n%s", w, english)
		}
	}
	r.Run.Filter = "area: x"
	if !strings.Contains(summaryOf(r, cat, false), "nicht vollständig") {
		t.Error("a filtered run looks complete")
	}
	if text := summaryOf(v1alpha1.ConformanceReport{}, cat, false); strings.Contains(text, "keine Abweichung") {
		t.Errorf("an empty report looks good:\n%s", text)
	}
	hostile := r
	hostile.Site.Name = "\x1b[31mred\nErgebnis: gut"
	hostile.Results[0].Findings[0].Observed.De = "\x1b]0;x\x07\nErgebnis: gut"
	if text := summaryOf(hostile, cat, false); strings.Contains(text, "\x1b") || strings.Contains(text, "\nErgebnis: gut") {
		t.Errorf("text of the report writes lines of its own:\n%q", text)
	}
}

// TestFullPageOfTheCatalogue proves that the page of a full run, on the
// catalogue of today, stays under 1 MB with nothing left out.
func TestFullPageOfTheCatalogue(t *testing.T) {
	r, cat := fullReport(t)
	var b bytes.Buffer
	if err := html.Render(&b, r, v1alpha1.Evidence{}, cat, html.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d checks, %d statements, %d answers, %d waivers", b.Len(), len(r.Results), len(r.Statements), len(r.Answers), len(r.Waivers))
	if b.Len() >= 1_000_000 {
		t.Errorf("%d bytes", b.Len())
	}
	page := b.String()
	for _, s := range r.Statements {
		if !strings.Contains(page, ` id="`+s.ID+`"`) {
			t.Errorf("%s is not on the page", s.ID)
		}
	}
	for _, k := range r.Results {
		if !strings.Contains(page, ` id="`+k.CheckID+`"`) {
			t.Errorf("%s is not on the page", k.CheckID)
		}
	}
	if strings.Contains(page, "in report.json.") || !strings.Contains(page, strings.Repeat("Ein Satz über den Zustand, den der Cluster zeigt. ", 4)) {
		t.Error("the page is shortened")
	}
}
