package html

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// pages asks for the example pages as files: ci/browser.sh looks at them in a
// real browser.
var pages = flag.String("pages", "", "folder into which the example pages are written")

// now is the time of the examples; some waivers and answers are over by then.
var now = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// example is what a page is made of.
type example struct {
	report   v1alpha1.ConformanceReport
	evidence v1alpha1.Evidence
	cat      v1alpha1.Catalogue
}

// examples are the reports that every property of a page is tried on.
func examples(t *testing.T) map[string]example {
	t.Helper()
	return map[string]example{"declared": declared(t), "big": big(t), "hostile": hostile(t, attack), "empty": {}}
}

// attack would do something wherever it is not escaped, and is as wide as it
// is hostile.
const attack = `</style></script><script>window.attacked=1</script><img src=x onerror=window.attacked=1> " onmouseover="window.attacked=1" autofocus onfocus="window.attacked=1" x='javascript:window.attacked=1` + "\u202e\x1b[31m{{.Site}}${1}"

// declared is a report with every kind of waiver and answer.
func declared(t testing.TB) example {
	t.Helper()
	r, e, c := samples(t)
	// A deviation at MUSS beside the one at SOLLTE.
	const encrypted, reading = "SYS.1.6.A8/secrets-encrypted-at-rest", "SYS.1.6.A8-UA.1"
	for i := range r.Results {
		if r.Results[i].CheckID == encrypted {
			r.Results[i].Outcome, r.Results[i].Reason = v1alpha1.Fail, v1alpha1.Text{}
			r.Results[i].Findings = []v1alpha1.Finding{{Required: v1alpha1.T("Secrets sind verschlüsselt, bevor sie gespeichert werden.", "Secrets are encrypted before they are stored."),
				Observed: v1alpha1.T("Ein Secret wurde unverschlüsselt gespeichert.", "A Secret was stored unencrypted."), Object: v1alpha1.T("API-Server 1 von 1", "API server 1 of 1"),
				Remedy: v1alpha1.T("Verschlüsselung im API-Server einschalten.", "Turn encryption on in the API server.")}}
		}
	}
	for i := range r.Statements {
		if r.Statements[i].ID == reading {
			r.Statements[i].State = v1alpha1.StateFail
		}
	}
	r.Conclusion.Result = v1alpha1.MussDeviations
	waiver := func(check string, expires v1alpha1.Date) v1alpha1.Waiver {
		return v1alpha1.Waiver{Check: check, Scope: "Worker der alten Reihe", Reason: "Die Policy-Engine wird bis zum Jahresende ersetzt; bis dahin laufen dort keine Mandanten.",
			Owner: "Betrieb Plattform", Approver: "Informationssicherheitsbeauftragte", Expires: expires}
	}
	r.Waivers = []v1alpha1.Waiver{
		waiver("SYS.1.6.A17/privileged-pod-rejected", "2026-12-31"),
		waiver("SYS.1.6.A17/privileged-pod-rejected", "2026-10-31"),
		waiver(encrypted, "2026-11-20"),
		waiver("APP.4.4.A7/network-policy-enforced", "2026-12-31"),
		waiver("SOUVAP.7.2.2.2/container-start-60s", "2026-12-31"),
		waiver("APP.4.4.A7/no-such-check", "2026-12-31"),
	}
	words := []v1alpha1.AnswerWord{v1alpha1.NotMet, v1alpha1.Met, v1alpha1.PartlyMet, v1alpha1.DeclaredNotApplicable}
	n := 0
	for _, q := range c.Requirements {
		for _, s := range q.Statements {
			a := v1alpha1.Answer{Statement: s.ID, Says: words[n%len(words)], Evidence: "Trennungskonzept 3.1, Abschnitt 4", Role: "Leitung Plattformbetrieb", Date: "2026-01-10", Expires: "2027-01-09"}
			if a.Says != v1alpha1.Met {
				a.Text = "Die Netzzonen des alten Rechenzentrums fehlen noch."
			}
			if n%3 == 1 {
				a.Expires = "2026-11-20"
			}
			r.Answers = append(r.Answers, a)
			n++
		}
	}
	return example{r, e, c}
}

// big is a report of the size that is planned: 100 checks, 220 statements with
// texts as long as those of the catalogue of today, all of them answered at
// length, and 20 waivers.
func big(t *testing.T) example {
	t.Helper()
	r, e, c := samples(t)
	sentence := func(characters int) v1alpha1.Text {
		return v1alpha1.T(strings.Repeat("Ein Satz, der einen Zustand beschreibt. ", 20)[:characters], strings.Repeat("A sentence that describes a state. ", 20)[:characters])
	}
	deviates := slices.IndexFunc(r.Results, func(r v1alpha1.Result) bool { return r.Outcome == v1alpha1.Fail })
	info, result := c.Checks[0], r.Results[deviates]
	result.Controls = nil
	for range 5 {
		result.Controls = append(result.Controls, v1alpha1.Control{Name: sentence(55), Held: true, Detail: sentence(40)})
	}
	result.Figures = []v1alpha1.Figure{{Name: sentence(50), Value: 2.5, Unit: "s"}, {Name: sentence(50), Value: 2, Unit: "1"}}
	result.Findings = []v1alpha1.Finding{{Required: sentence(90), Observed: sentence(220), Object: v1alpha1.T("Pod des Laufs auf Worker 2", "pod of the run on worker 2"), Remedy: sentence(230)}}
	c.Checks, c.Requirements, r.Results, r.Statements, r.Requirements = nil, nil, nil, nil, nil
	for i := range 110 {
		q := v1alpha1.Requirement{ID: fmt.Sprintf("APP.4.4.A%d", i+1), Module: "APP.4.4", Title: sentence(30), Level: []v1alpha1.Level{v1alpha1.Basis, v1alpha1.Standard, v1alpha1.Hoch}[i%3]}
		if i >= 50 {
			q.ID, q.Module, q.Level = fmt.Sprintf("SOUVAP.7.2.%d", i), "SOUVAP", v1alpha1.SouvAP
		}
		for j := range 2 {
			question := sentence(120)
			s := v1alpha1.Statement{ID: fmt.Sprintf("%s-UA.%d", q.ID, j+1), ModalVerb: []v1alpha1.ModalVerb{v1alpha1.Muss, v1alpha1.Sollte}[j], Text: sentence(115), Responsible: []string{"Plattformbetreiber"}, Question: &question}
			state := v1alpha1.StateDeclared
			if i < 100 {
				s.Checks = []v1alpha1.Coverage{{ID: fmt.Sprintf("%s/check-of-the-requirement-%d", q.ID, i), Decides: v1alpha1.Part}}
				state = []v1alpha1.State{v1alpha1.StateFail, v1alpha1.StatePartlyObserved, v1alpha1.StateInconclusive}[i%3]
			}
			q.Statements = append(q.Statements, s)
			r.Statements = append(r.Statements, v1alpha1.StatementState{ID: s.ID, State: state})
			r.Answers = append(r.Answers, v1alpha1.Answer{Statement: s.ID, Says: []v1alpha1.AnswerWord{v1alpha1.Met, v1alpha1.PartlyMet}[j], Text: sentence(200).De, Evidence: "Betriebshandbuch 4.2, Abschnitt 7",
				Role: "Leitung Plattformbetrieb", Date: "2026-01-10", Expires: "2027-01-09"})
		}
		c.Requirements = append(c.Requirements, q)
		r.Requirements = append(r.Requirements, v1alpha1.RequirementState{ID: q.ID, State: r.Statements[len(r.Statements)-1].State, Counts: q.Level != v1alpha1.Hoch, Muss: v1alpha1.Tally{Total: 1}, Sollte: v1alpha1.Tally{Total: 1}})
		if i >= 100 {
			continue
		}
		k, one := info, result
		k.ID = q.Statements[0].Checks[0].ID
		k.Requirement, k.Covers, k.Title = q.ID, []string{q.Statements[0].ID, q.Statements[1].ID}, sentence(60)
		one.CheckID = k.ID
		one.Reason = v1alpha1.Text{}
		if i%3 > 0 {
			one.Reason = sentence(150)
		}
		switch i % 3 {
		case 1:
			one.Outcome, one.Findings = v1alpha1.Pass, nil
		case 2:
			one.Outcome, one.Findings = v1alpha1.Inconclusive, nil
		}
		c.Checks, r.Results = append(c.Checks, k), append(r.Results, one)
		if i < 20 {
			r.Waivers = append(r.Waivers, v1alpha1.Waiver{Check: k.ID, Scope: sentence(60).De, Reason: sentence(200).De, Owner: "Betrieb Plattform", Approver: "Informationssicherheit", Expires: v1alpha1.Date(fmt.Sprintf("2026-11-%02d", i+11))})
		}
	}
	return example{r, e, c}
}

// hostile is a report with s in every text that does not decide which parts
// of a page there are.
func hostile(t testing.TB, s string) example {
	t.Helper()
	x := declared(t)
	for i := range x.report.Results {
		for _, f := range []any{&x.report.Results[i].Reason, &x.report.Results[i].Findings, &x.report.Results[i].Controls, &x.report.Results[i].Figures, &x.report.Results[i].Observations} {
			poison(reflect.ValueOf(f).Elem(), s)
		}
	}
	for _, f := range []any{&x.report.Site, &x.report.Suite, &x.report.Cluster, &x.report.Run} {
		poison(reflect.ValueOf(f).Elem(), s)
	}
	for i := range x.report.Waivers {
		w := &x.report.Waivers[i]
		w.Scope, w.Reason, w.Owner, w.Approver = s, s, s, s
	}
	for i := range x.report.Answers {
		a := &x.report.Answers[i]
		a.Text, a.Evidence, a.Role, a.Date = s, s, s, v1alpha1.Date(s)
	}
	for i := range x.cat.Checks {
		k := &x.cat.Checks[i]
		k.Title = v1alpha1.T(s, s+" ")
		poison(reflect.ValueOf(&k.Policies).Elem(), s)
	}
	for i := range x.cat.Requirements {
		q := &x.cat.Requirements[i]
		q.Title = v1alpha1.T(s, s+" ")
		if i == 0 {
			q.Module, q.Level = s, v1alpha1.Level(s)
		}
		for j := range q.Statements {
			st := &q.Statements[j]
			for _, f := range []any{&st.Text, &st.Question, &st.Responsible, &st.References, &st.Note} {
				poison(reflect.ValueOf(f).Elem(), s)
			}
		}
	}
	return x
}

// TestExamples proves for each of them that the page is inert, and writes it
// where the flag says.
func TestExamples(t *testing.T) {
	for name, x := range examples(t) {
		page := render(t, x.report, x.evidence, x.cat, Options{Now: now})
		inert(t, page)
		if *pages != "" {
			if err := os.WriteFile(filepath.Join(*pages, name+".html"), []byte(page), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFullReportIsShownWhole proves that a report of the planned size fits
// without being shortened.
func TestFullReportIsShownWhole(t *testing.T) {
	x := big(t)
	page, err := execute(x.report, x.evidence, x.cat, Options{Now: now}, steps()[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", len(page))
	if len(page) > MaxBytes {
		t.Errorf("%d bytes: a full report would be shortened", len(page))
	}
}
