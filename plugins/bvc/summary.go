package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// summaryLines bounds what is printed after a run, however many checks there
// are: it has to fit on a screen together with where the report lies.
const summaryLines = 17

// summary prints a report for people, in one of its two languages.
type summary struct {
	report  v1alpha1.ConformanceReport
	cat     v1alpha1.Catalogue
	english bool
	now     time.Time // as of which waivers and answers count
}

// printSummary tells the same as the HTML report, deviations first.
func printSummary(w io.Writer, r v1alpha1.ConformanceReport, cat v1alpha1.Catalogue, english bool, now time.Time) {
	s := summary{r, cat, english, now}
	head, tail := s.head(), s.tail()
	room := summaryLines - len(head) - len(tail)
	deviations, unmeasured := s.deviations(), s.unmeasured()
	// What was not measured keeps three lines, or fewer when it needs no more.
	least := min(len(unmeasured), 3)
	lines := append(head, s.shorten(deviations, room-least)...)
	lines = append(lines, s.shorten(unmeasured, summaryLines-len(lines)-len(tail))...)
	for _, l := range append(lines, tail...) {
		fmt.Fprintln(w, l)
	}
}

// say picks the language.
func (s summary) say(t v1alpha1.Text) string {
	if s.english && t.En != "" || t.De == "" {
		return t.En
	}
	return t.De
}

// line writes one line in the language of the summary.
func (s summary) line(de, en string, args ...any) string {
	return fmt.Sprintf(s.say(v1alpha1.T(de, en)), args...)
}

// shorten leaves a heading and as many entries as there is room for, and
// counts the others.
func (s summary) shorten(lines []string, room int) []string {
	if len(lines) <= room {
		return lines
	}
	kept := max(room-1, 1)
	return append(slices.Clone(lines[:kept]), s.line("  … und %d weitere", "  … and %d more", len(lines)-kept))
}

func (s summary) head() []string {
	words := map[v1alpha1.ConclusionWord]v1alpha1.Text{
		v1alpha1.MussDeviations:   v1alpha1.T("Abweichungen bei MUSS", "deviations at MUSS (must)"),
		v1alpha1.SollteDeviations: v1alpha1.T("Abweichungen bei SOLLTE", "deviations at SOLLTE (should)"),
		v1alpha1.ConclInconcl:     v1alpha1.T("nicht entschieden", "inconclusive"),
		v1alpha1.NoDeviation:      v1alpha1.T("keine Abweichung festgestellt", "no deviation found"),
	}
	r := s.report
	result := s.say(words[r.Conclusion.Result])
	if result == "" {
		result = s.line("unbekanntes Wort %q", "unknown word %q", v1alpha1.Plain(string(r.Conclusion.Result), 40))
	}
	if !r.Run.Complete() {
		result += s.line(" (der Lauf war nicht vollständig: Filter oder Abbruch)", " (the run was not complete: filtered or interrupted)")
	}
	return []string{
		s.line("%s (%s), Kubernetes %s, Lauf %s", "%s (%s), Kubernetes %s, run %s", v1alpha1.Plain(r.Site.Name, 60), v1alpha1.Plain(r.Site.Organisation, 60),
			v1alpha1.Plain(r.Cluster.KubernetesVersion, 30), v1alpha1.Plain(r.Run.ID, 30)),
		s.line("Ergebnis: %s", "Result: %s", result),
	}
}

// deviations are one line each, the most binding first.
func (s summary) deviations() []string {
	verbs := []string{"MUSS", "SOLLTE", s.line("zählt nicht", "does not count"), s.line("unbekannt", "unknown")}
	groups := make([][]string, len(verbs))
	n := 0
	for _, r := range s.report.Results {
		if r.Outcome != v1alpha1.Fail {
			continue
		}
		n++
		at := s.binding(r.CheckID)
		text := ""
		if len(r.Findings) > 0 {
			text = v1alpha1.Plain(s.say(r.Findings[0].Observed), 100)
		}
		groups[at] = append(groups[at], fmt.Sprintf("  %-7s %s: %s%s", verbs[at], v1alpha1.Plain(r.CheckID, 80), text, s.waived(r)))
	}
	if n == 0 {
		return nil
	}
	return append([]string{s.line("Abweichungen bei %d von %d Prüfungen:", "Deviations at %d of %d checks:", n, len(s.report.Results))}, slices.Concat(groups...)...)
}

// binding gives how binding a check is: 0 MUSS, 1 SOLLTE, 2 only what does not
// count at the protection need, 3 not in the catalogue.
func (s summary) binding(check string) int {
	counts := map[string]bool{}
	for _, q := range s.report.Requirements {
		counts[q.ID] = q.Counts
	}
	at := 3
	for _, q := range s.cat.Requirements {
		for _, st := range q.Statements {
			covered := slices.ContainsFunc(st.Checks, func(k v1alpha1.Coverage) bool { return k.ID == check })
			switch {
			case !covered:
			case !counts[q.ID]:
				at = min(at, 2)
			case !st.ModalVerb.Binding():
				at = min(at, 1)
			default:
				at = 0
			}
		}
	}
	return at
}

// waived says what becomes of the waivers of a deviation: a deviation with an
// effective one stays a deviation.
func (s summary) waived(r v1alpha1.Result) string {
	said := ""
	for _, w := range s.report.Waivers {
		if w.Check != r.CheckID {
			continue
		}
		switch w.Status(r.Outcome, s.now) {
		case v1alpha1.WaiverEffective:
			return s.line(" [Ausnahme bis %s]", " [waiver until %s]", v1alpha1.Plain(string(w.Expires), 20))
		case v1alpha1.WaiverExpired:
			said = s.line(" [AUSNAHME ABGELAUFEN]", " [WAIVER EXPIRED]")
		}
	}
	return said
}

func (s summary) unmeasured() []string {
	var entries []string
	for _, r := range s.report.Results {
		if r.Outcome == v1alpha1.Fail || r.Outcome == v1alpha1.Pass || r.Outcome == v1alpha1.NotApplicable {
			continue
		}
		entries = append(entries, fmt.Sprintf("  %s: %s", v1alpha1.Plain(r.CheckID, 80), v1alpha1.Plain(s.say(r.Reason), 100)))
	}
	if len(entries) == 0 {
		return nil
	}
	return append([]string{s.line("Nicht gemessen bei %d von %d Prüfungen:", "Not measured at %d of %d checks:", len(entries), len(s.report.Results))}, entries...)
}

// tail are counts and what else has to be known.
func (s summary) tail() []string {
	c := s.report.Conclusion
	counts := func(verb string, n v1alpha1.StateCounts) string {
		total := n.Pass + n.Fail + n.PartlyObserved + n.Inconclusive + n.NotApplicable + n.Declared + n.Open
		return s.line("%-6s %d Aussagen: %d mit Abweichung, %d beobachtet (davon %d ganz), %d erklärt, %d nicht entschieden, %d offen",
			"%-6s %d statements: %d with a deviation, %d observed (%d of them whole), %d declared, %d inconclusive, %d open",
			verb, total, n.Fail, n.Pass+n.PartlyObserved, n.Pass, n.Declared, n.Inconclusive, n.Open)
	}
	lines := []string{counts("MUSS", c.Muss), counts("SOLLTE", c.Sollte)}
	if text := s.declared(); text != "" {
		lines = append(lines, text)
	}
	if text := s.waivers(); text != "" {
		lines = append(lines, text)
	}
	if len(s.report.Run.Leftovers) > 0 {
		lines = append(lines, s.line("Es blieben Objekte des Laufs im Cluster: bvc cleanup entfernt sie.", "Objects of the run are still in the cluster: bvc cleanup removes them."))
	}
	return lines
}

func (s summary) declared() string {
	none, partly := 0, 0
	for _, a := range s.report.Answers {
		switch a.Says {
		case v1alpha1.NotMet:
			none++
		case v1alpha1.PartlyMet:
			partly++
		}
	}
	if none+partly == 0 {
		return ""
	}
	return s.line("Selbst erklärt: %d Aussagen nicht, %d teilweise umgesetzt", "Self-declared: %d statements not, %d partly put into practice", none, partly)
}

func (s summary) waivers() string {
	outcomes := map[string]v1alpha1.Outcome{}
	for _, r := range s.report.Results {
		outcomes[r.CheckID] = r.Outcome
	}
	counts := map[v1alpha1.WaiverStatus]int{}
	for _, w := range s.report.Waivers {
		counts[w.Status(outcomes[w.Check], s.now)]++
	}
	var parts []string
	for _, p := range []struct {
		status v1alpha1.WaiverStatus
		word   v1alpha1.Text
	}{
		{v1alpha1.WaiverExpired, v1alpha1.T("ABGELAUFEN", "EXPIRED")}, {v1alpha1.WaiverEffective, v1alpha1.T("wirksam", "effective")},
		{v1alpha1.WaiverUndecided, v1alpha1.T("unentschieden", "undecided")}, {v1alpha1.WaiverNotNeeded, v1alpha1.T("nicht nötig", "not needed")},
	} {
		if n := counts[p.status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s.say(p.word)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return s.line("Ausnahmen (Stand %s): %s", "Waivers (as of %s): %s", s.now.UTC().Format(time.DateOnly), strings.Join(parts, ", "))
}
