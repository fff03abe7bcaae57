package html

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// part gives the section of a page with this heading.
func part(t *testing.T, page, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(page, `<section aria-labelledby="`+heading+`"`)
	if !found {
		t.Fatalf("there is no section %s", heading)
	}
	section, _, _ := strings.Cut(after, "</section>")
	return section
}

// TestWaivers proves that each is shown as what it is at the page's time, and
// that none makes a deviation look smaller.
func TestWaivers(t *testing.T) {
	x := declared(t)
	page := render(t, x.report, x.evidence, x.cat, Options{Now: now})
	for word, n := range map[string]int{"Ausnahme wirksam": 1, "Ausnahme abgelaufen": 2, "Ausnahme nicht nötig": 1, "Ausnahme unentschieden": 1, "Prüfung nicht im Bericht": 1} {
		if got := strings.Count(part(t, page, "waivers"), word); got != n {
			t.Errorf("%q is said %d times among the waivers, want %d", word, got, n)
		}
	}
	if !strings.Contains(part(t, page, "waivers"), "As of</i> <i lang=de>21.11.2026<") {
		t.Error("the page does not say as of when")
	}
	deviations := part(t, page, "deviations")
	for _, w := range []string{"Ausnahme wirksam", "Informationssicherheitsbeauftragte", "31.12.2026", "Die Policy-Engine wird"} {
		if !strings.Contains(deviations, w) {
			t.Errorf("beside the deviation it does not say %q", w)
		}
	}
	// One deviation has another waiver that is effective; of the other one the summary warns.
	summary := part(t, page, "summary")
	if _, warning, _ := strings.Cut(summary, `<div class="expired">`); strings.Count(warning, "<li>") != 1 || !strings.Contains(warning, `href="#SYS.1.6.A8/secrets-encrypted-at-rest"`) {
		t.Errorf("the warning is %q", warning)
	}
	without := x.report
	without.Waivers = nil
	bare := render(t, without, x.evidence, x.cat, Options{Now: now})
	figures := regexp.MustCompile(`<span class="value">\d+</span> <span class="name"><i lang=de>(MUSS|SOLLTE)[^<]*`)
	if a, b := figures.FindAllString(page, -1), figures.FindAllString(bare, -1); len(a) != 2 || a[0] != b[0] || a[1] != b[1] {
		t.Errorf("waivers change figures: %q and %q", a, b)
	}
	if strings.Count(page, `<b class="badge fail"><i lang=de>Abweichung<`) != strings.Count(bare, `<b class="badge fail"><i lang=de>Abweichung<`) {
		t.Error("waivers change badges")
	}
	// The day after the last day of a waiver.
	later := render(t, x.report, x.evidence, x.cat, Options{Now: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)})
	if n := strings.Count(part(t, later, "waivers"), "Ausnahme wirksam"); n != 0 {
		t.Errorf("%d waivers are effective after their last day", n)
	}
	// Without a time it is the end of the run, here the day on which one still holds.
	before := render(t, x.report, x.evidence, x.cat, Options{})
	if n := strings.Count(part(t, before, "waivers"), "Ausnahme wirksam"); n != 2 || !strings.Contains(before, "As of</i> <i lang=de>20.11.2026<") {
		t.Errorf("as of the end of the run %d waivers are effective", n)
	}
}

// TestAnswers proves that what the site declares is shown as declared, and
// what it says is missing in the summary too.
func TestAnswers(t *testing.T) {
	x := declared(t)
	page := render(t, x.report, x.evidence, x.cat, Options{Now: now})
	missing := 0
	for _, a := range x.report.Answers {
		if a.Says == v1alpha1.NotMet || a.Says == v1alpha1.PartlyMet {
			missing++
		}
	}
	deviations := part(t, page, "deviations")
	if n := strings.Count(deviations, "selbst erklärt: nicht umgesetzt") + strings.Count(deviations, "selbst erklärt: teilweise umgesetzt"); n != missing || n == 0 {
		t.Errorf("the summary shows %d of %d", n, missing)
	}
	for _, a := range x.report.Answers {
		_, statement, _ := strings.Cut(page, `<div class="statement" id="`+a.Statement+`"`)
		statement, _, _ = strings.Cut(statement, `<div class="statement"`)
		if !strings.Contains(statement, a.Evidence) || !strings.Contains(statement, a.Role) || strings.Contains(statement, "Erklärung abgelaufen") != a.Expires.Over(now) {
			t.Errorf("%s does not show its answer", a.Statement)
		}
		if !strings.Contains(part(t, page, "answers"), `href="#`+a.Statement+`"`) {
			t.Errorf("%s is not among the declarations", a.Statement)
		}
	}
	// A declaration never outweighs what was measured.
	for i := range x.report.Answers {
		x.report.Answers[i].Says = v1alpha1.Met
	}
	page = render(t, x.report, x.evidence, x.cat, Options{Now: now})
	if strings.Count(page, "die Erklärung ändert daran nichts") != 2 {
		t.Error("it is not said that a deviation was measured where the site says that nothing is missing")
	}
	// What a figure of the run rests on may be over when the page is made.
	for i := range x.report.Statements {
		x.report.Statements[i].State = v1alpha1.StateDeclared
	}
	over := 0
	for _, a := range x.report.Answers {
		if a.Expires.Over(now) {
			over++
		}
	}
	page = render(t, x.report, x.evidence, x.cat, Options{Now: now})
	if !strings.Contains(page, fmt.Sprintf("der Zustand von %d Aussagen beruht", over)) || over == 0 {
		t.Errorf("it is not said that %d declarations have expired since the run", over)
	}
	// More than the summary has room for are counted there and listed below.
	x = big(t)
	page = render(t, x.report, x.evidence, x.cat, Options{Now: now})
	if !strings.Contains(part(t, page, "deviations"), "Weitere bei den Erklärungen</i><i lang=en>More among the declarations</i></a>: 100<") {
		t.Error("what the summary leaves out is not counted")
	}
	if n := strings.Count(part(t, page, "answers"), "<li>"); n != 220 {
		t.Errorf("%d declarations are listed", n)
	}
}
