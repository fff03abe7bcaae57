package html

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// waiverView is a waiver as of the page's time. It stands beside a deviation
// and never in its place.
type waiverView struct {
	Badge                          badge
	Status                         v1alpha1.WaiverStatus
	ID, Anchor                     string
	Title                          v1alpha1.Text
	Scope, Reason, Owner, Approver string
	Expires                        v1alpha1.Text
}

// answerView is what the site declares about a statement.
type answerView struct {
	Badge                badge
	Expired              bool // as of the page's time
	Against              bool // a check found a deviation where the site says that nothing is missing
	Counts               bool // the requirement counts at the protection need
	ID, Anchor, Verb     string
	Statement            v1alpha1.Text
	Text, Evidence, Role string
	Period               v1alpha1.Text
}

// answerGroup holds the answers that say the same.
type answerGroup struct {
	Badge   badge
	Answers []answerView
}

// admits reports whether the site itself says that something is missing.
func admits(w v1alpha1.AnswerWord) bool {
	return w == v1alpha1.NotMet || w == v1alpha1.PartlyMet
}

func (v viewer) waiver(w v1alpha1.Waiver) waiverView {
	outcome, there := v.outcomes[w.Check]
	status := w.Status(outcome, v.now)
	out := waiverView{Badge: waiverBadge(status), Status: status, ID: v.plain(w.Check), Anchor: v.shown[w.Check], Title: v.text(v.info[w.Check].Title),
		Scope: v.plain(w.Scope), Reason: v.plain(w.Reason), Owner: v.plain(w.Owner), Approver: v.plain(w.Approver), Expires: v.date(w.Expires)}
	if !there {
		out.Badge.Word = v1alpha1.T("Prüfung nicht im Bericht", "check not in the report")
	}
	return out
}

// waivers shows the expired first: there a deviation stands that nobody
// accepts any more.
func (v viewer) waivers(out *view) {
	order := []v1alpha1.WaiverStatus{v1alpha1.WaiverExpired, v1alpha1.WaiverUndecided, v1alpha1.WaiverEffective, v1alpha1.WaiverNotNeeded}
	for i, w := range v.report.Waivers {
		if i == v.items {
			out.MoreWaivers = len(v.report.Waivers) - i
			break
		}
		out.Waivers = append(out.Waivers, v.waiver(w))
	}
	slices.SortStableFunc(out.Waivers, func(a, b waiverView) int {
		return slices.Index(order, a.Status) - slices.Index(order, b.Status)
	})
	for _, w := range v.report.Waivers {
		if v.lapsed(w) && len(out.Expired) < v.items {
			out.Expired = append(out.Expired, v.waiver(w))
		}
	}
}

// lapsed reports whether the deviation of an expired waiver is accepted by no
// other one.
func (v viewer) lapsed(w v1alpha1.Waiver) bool {
	outcome := v.outcomes[w.Check]
	return w.Status(outcome, v.now) == v1alpha1.WaiverExpired && !slices.ContainsFunc(v.waived[w.Check], func(other v1alpha1.Waiver) bool {
		return other.Status(outcome, v.now) == v1alpha1.WaiverEffective
	})
}

// waiversOf gives the waivers of one check.
func (v viewer) waiversOf(check string) []waiverView {
	var out []waiverView
	for i, w := range v.waived[check] {
		if i < v.items {
			out = append(out, v.waiver(w))
		}
	}
	return out
}

func (v viewer) answer(a v1alpha1.Answer) answerView {
	s, from, until := v.statements[a.Statement], v.date(a.Date), v.date(a.Expires)
	return answerView{Badge: answerBadge(a.Says), Expired: a.Expires.Over(v.now), Against: !admits(a.Says) && v.states[a.Statement] == v1alpha1.StateFail,
		Counts: v.counts[s.requirement], ID: v.plain(a.Statement), Anchor: v.anchors[a.Statement], Verb: v.plain(string(s.verb)), Statement: v.text(s.text),
		Text: v.plain(a.Text), Evidence: v.plain(a.Evidence), Role: v.plain(a.Role), Period: v1alpha1.T(from.De+" bis "+until.De, from.En+" until "+until.En)}
}

// answers lists what the site declares, and first of all what it says is
// missing: binding statements that count before the others.
func (v viewer) answers(out *view) {
	groups, lapsed := map[badge]int{}, 0
	for _, w := range []v1alpha1.AnswerWord{v1alpha1.NotMet, v1alpha1.PartlyMet, v1alpha1.DeclaredNotApplicable, v1alpha1.Met} {
		groups[answerBadge(w)] = len(out.Answers)
		out.Answers = append(out.Answers, answerGroup{Badge: answerBadge(w)})
	}
	for i, a := range v.report.Answers {
		if i == v.rows {
			out.MoreAnswers = len(v.report.Answers) - i
			break
		}
		view := v.answer(a)
		if view.Expired && v.states[a.Statement] == v1alpha1.StateDeclared {
			lapsed++
		}
		at, there := groups[view.Badge]
		if !there {
			at = len(out.Answers)
			groups[view.Badge] = at
			out.Answers = append(out.Answers, answerGroup{Badge: view.Badge})
		}
		out.Answers[at].Answers = append(out.Answers[at].Answers, view)
		if admits(a.Says) {
			out.Admitted = append(out.Admitted, view)
		}
	}
	if lapsed > 0 {
		out.Notices = append(out.Notices, v1alpha1.T(
			fmt.Sprintf("Seit dem Lauf sind Erklärungen abgelaufen, auf denen der Zustand von %d Aussagen beruht. Die Zahlen sind die des Laufs.", lapsed),
			fmt.Sprintf("Since the run declarations have expired on which the state of %d statements rests. The figures are those of the run.", lapsed)))
	}
	out.Answers = slices.DeleteFunc(out.Answers, func(g answerGroup) bool { return len(g.Answers) == 0 })
	rank := func(a answerView) int {
		switch {
		case !a.Counts:
			return 2
		case v1alpha1.ModalVerb(a.Verb).Binding():
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out.Admitted, func(a, b answerView) int { return rank(a) - rank(b) })
	// The summary shows the first; all of them are listed further down.
	const most = 10
	if len(out.Admitted) > most {
		out.MoreAdmitted, out.Admitted = len(out.Admitted)-most, out.Admitted[:most]
	}
}

// date writes a day the way each language does.
func (v viewer) date(d v1alpha1.Date) v1alpha1.Text {
	day, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		s := v.plain(strings.TrimSpace(string(d)))
		if s == "" {
			s = "–"
		}
		return v1alpha1.T(s, s)
	}
	return dayOf(day)
}

func dayOf(t time.Time) v1alpha1.Text {
	t = t.UTC()
	return v1alpha1.T(t.Format("02.01.2006"), t.Format(time.DateOnly))
}
