package html

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// view is what the template shows: texts are bounded, order is fixed, and
// anchors are IDs of our catalogue or numbers (see catalogueID).
type view struct {
	CSP    string
	Style  template.CSS
	Script template.JS

	Lang, Title            string
	English                bool
	SiteName, Organisation string
	Need, Tested, AsOf     v1alpha1.Text
	Notices                []v1alpha1.Text

	Conclusion   conclusion
	Figures      []figure
	Expired      []waiverView
	Deviations   []deviationGroup
	Admitted     []answerView // what the site itself says is missing
	MoreAdmitted int
	Leftovers    []leftoverView
	Incomplete   bool // the run was filtered or interrupted
	Unmeasured   []checkView
	OpenWords    v1alpha1.Text // what neither a check nor the site says
	Bars         []bar

	Modules  []moduleView
	MoreReqs int
	Levels   []choice
	States   []choice

	Checks     []checkView
	MoreChecks int

	Site        []row
	Cluster     []row
	Nodes       []v1alpha1.NodeGroup
	Storage     []v1alpha1.StorageClass
	Gaps        []string
	Waivers     []waiverView
	MoreWaivers int
	Answers     []answerGroup
	MoreAnswers int
	Rights      []rightView
	Run         []row
	Arguments   string
	RunID       string
	Digest      string
}

// choice is an option of a filter.
type choice struct {
	Key  string
	Word v1alpha1.Text
}

// deviationGroup holds the deviations that bind alike.
type deviationGroup struct {
	Title  v1alpha1.Text
	Checks []checkView
}

// row is a line of a list of facts.
type row struct {
	Name  v1alpha1.Text
	Value v1alpha1.Text
	Code  bool // Value is written by machines and shown as such
}

// figure is a number of the summary and where the page tells more of it.
type figure struct {
	Class  string
	Value  string
	Name   v1alpha1.Text
	Note   v1alpha1.Text
	Anchor string
}

// bar is a stacked bar of states.
type bar struct {
	ID       string
	Title    v1alpha1.Text
	Sentence v1alpha1.Text
	Segments []segment
}

// segment is one state of a bar; X and Width are in percent. Narrow ones are
// Labelled in the legend only.
type segment struct {
	badge
	Count    int
	X, Width string
	Labelled bool
}

// matrixRow is one expectation beside what was observed.
type matrixRow struct {
	What, Expected, Observed v1alpha1.Text
	Deviates                 bool
}

type checkView struct {
	Anchor   string
	ID       string
	Title    v1alpha1.Text
	Badge    badge
	Failed   bool
	Reason   v1alpha1.Text
	Covers   []coverView
	Filter   filter
	Waivers  []waiverView
	Findings []findingView
	MoreFind int
	Held     []v1alpha1.Text // controls, each with what was seen
	Broken   []v1alpha1.Text
	Figures  []row
	Matrix   []matrixRow
	MoreRows int
	Seen     []seenView
	Facts    []row
}

// filter is what the page's filters look at; the words are ours.
type filter struct {
	Module int // number of the module, 0 for none that is known
	Level  string
	Verbs  string
}

type coverView struct {
	ID, Verb, Anchor string
	Decides          v1alpha1.Text
	Counts           bool
}

type findingView struct {
	Required, Observed, Object, Remedy v1alpha1.Text
}

type seenView struct {
	Probe, SHA256 string
	Trouble       v1alpha1.Text // empty when the evidence is there and its digest matches
	When          v1alpha1.Text
	Problem       string
}

type moduleView struct {
	Number       int
	Title        v1alpha1.Text
	Requirements []requirementView
}

type requirementView struct {
	Anchor, ID string
	Title      v1alpha1.Text
	Level      v1alpha1.Text
	Badge      badge
	Counts     bool
	Tally      string
	Filter     filter
	Statements []statementView
	More       int
}

type statementView struct {
	Anchor, ID, Verb string
	VerbKey          string
	Text             v1alpha1.Text
	Responsible      string
	References       string
	Answers          []answerView
	Badge            badge
	Checks           []linkView
	Question         *v1alpha1.Text
	Note             *v1alpha1.Text
}

type linkView struct {
	ID, Anchor string
	Badge      badge
	Decides    v1alpha1.Text
}

type leftoverView struct {
	Resource, Reason string
	Count            int
}

type rightView struct {
	Right string
	Badge badge
}

// viewer makes a view within its limits.
type viewer struct {
	limits
	now        time.Time
	report     v1alpha1.ConformanceReport
	cat        v1alpha1.Catalogue
	seen       map[string]v1alpha1.Observation
	info       map[string]v1alpha1.CheckInfo
	shown      map[string]string // anchors of checks that are on the page
	anchors    map[string]string // anchors of statements and requirements that are on the page
	counts     map[string]bool   // requirements
	statements map[string]statement
	places     map[string]filter // of requirements
	modules    map[string]int    // numbers from 1
	states     map[string]v1alpha1.State
	outcomes   map[string]v1alpha1.Outcome
	answersOf  map[string][]v1alpha1.Answer
	waived     map[string][]v1alpha1.Waiver
}

// statement is what the catalogue says of a statement.
type statement struct {
	requirement string
	verb        v1alpha1.ModalVerb
	text        v1alpha1.Text
	whole       map[string]bool // checks that decide all of it
}

func newViewer(report v1alpha1.ConformanceReport, evidence v1alpha1.Evidence, cat v1alpha1.Catalogue, now time.Time, l limits) viewer {
	v := viewer{limits: l, now: now, report: report, cat: cat, seen: map[string]v1alpha1.Observation{}, info: map[string]v1alpha1.CheckInfo{}, shown: map[string]string{}, anchors: map[string]string{},
		counts: map[string]bool{}, statements: map[string]statement{}, places: map[string]filter{}, modules: map[string]int{}, states: map[string]v1alpha1.State{},
		outcomes: map[string]v1alpha1.Outcome{}, answersOf: map[string][]v1alpha1.Answer{}, waived: map[string][]v1alpha1.Waiver{}}
	for _, o := range evidence.Observations {
		v.seen[o.Probe] = o
	}
	for _, k := range cat.Checks {
		v.info[k.ID] = k
	}
	taken := anchors{}
	for i, r := range report.Results {
		if _, twice := v.shown[r.CheckID]; !twice && i < v.rows {
			v.shown[r.CheckID] = taken.of(r.CheckID, "check-"+strconv.Itoa(i+1))
		}
		v.outcomes[r.CheckID] = r.Outcome
	}
	for _, q := range report.Requirements {
		v.counts[q.ID] = q.Counts
	}
	for _, s := range report.Statements {
		v.states[s.ID] = s.State
	}
	for _, a := range report.Answers {
		v.answersOf[a.Statement] = append(v.answersOf[a.Statement], a)
	}
	for _, w := range report.Waivers {
		v.waived[w.Check] = append(v.waived[w.Check], w)
	}
	for i, q := range cat.Requirements {
		if v.modules[q.Module] == 0 {
			v.modules[q.Module] = len(v.modules) + 1
		}
		v.places[q.ID] = filter{Module: v.modules[q.Module], Level: levelKey(q.Level)}
		if _, twice := v.anchors[q.ID]; !twice && i < v.rows {
			v.anchors[q.ID] = taken.of(q.ID, "requirement-"+strconv.Itoa(i+1))
		}
		for j, s := range q.Statements {
			if _, twice := v.anchors[s.ID]; !twice && i < v.rows && j < v.items {
				v.anchors[s.ID] = taken.of(s.ID, fmt.Sprintf("statement-%d-%d", i+1, j+1))
			}
			whole := map[string]bool{}
			for _, k := range s.Checks {
				whole[k.ID] = k.Decides == v1alpha1.Whole
			}
			v.statements[s.ID] = statement{requirement: q.ID, verb: s.ModalVerb, text: s.Text, whole: whole}
		}
	}
	return v
}

func newView(report v1alpha1.ConformanceReport, evidence v1alpha1.Evidence, cat v1alpha1.Catalogue, options Options, l limits) view {
	now := options.Now
	if now.IsZero() {
		now = report.Run.FinishedAt
	}
	v := newViewer(report, evidence, cat, now, l)
	out := view{Lang: "de", SiteName: v.plain(report.Site.Name), Organisation: v.plain(report.Site.Organisation), Need: needWord(report.Site.ProtectionNeed), Tested: when(report.Run.StartedAt),
		AsOf: dayOf(now), RunID: v.plain(report.Run.ID), Digest: v.plain(report.Suite.CatalogueDigest)}
	out.Title = "Prüfbericht " + out.SiteName
	if options.Language == English {
		out.Lang, out.English, out.Title = "en", true, "Test report "+out.SiteName
	}
	if report.Suite.CatalogueDigest != cat.Digest {
		out.Notices = append(out.Notices, v1alpha1.T(
			"Der Bericht entstand mit einem anderen Katalog als dem, mit dem diese Seite erzeugt wurde. Titel, Aussagen und Zahlen können abweichen.",
			"The report was made with another catalogue than this page. Titles, statements and figures may differ."))
	}
	if report.Run.ID != evidence.RunID {
		out.Notices = append(out.Notices, v1alpha1.T("Bericht und Belege gehören zu verschiedenen Läufen.", "Report and evidence belong to different runs."))
	}
	for i, t := range options.Notices {
		if i < v.items {
			out.Notices = append(out.Notices, v.text(t))
		}
	}
	out.Conclusion = conclusionOf(report.Conclusion.Result)
	out.Incomplete = !report.Run.Complete()
	for _, s := range v1alpha1.States() {
		b := stateBadge(s)
		out.States = append(out.States, choice{b.Class, b.Word})
	}
	for _, level := range []v1alpha1.Level{v1alpha1.Basis, v1alpha1.Standard, v1alpha1.Hoch, v1alpha1.SouvAP} {
		out.Levels = append(out.Levels, choice{levelKey(level), levelWord(level)})
	}
	v.site(&out)
	v.checks(&out)
	v.waivers(&out)
	v.answers(&out)
	v.requirements(&out)
	v.summary(&out)
	v.cluster(&out)
	v.run(&out)
	return out
}

func (v viewer) plain(s string) string { return v1alpha1.Plain(s, v.limits.text) }

func (v viewer) text(t v1alpha1.Text) v1alpha1.Text {
	return v1alpha1.T(v.plain(t.De), v.plain(t.En))
}

// fact is a value that is the same in both languages.
func (v viewer) fact(de, en, value string, code bool) row {
	value = v.plain(value)
	if value == "" {
		value, code = "–", false
	}
	return row{Name: v1alpha1.T(de, en), Value: v1alpha1.T(value, value), Code: code}
}

func (v viewer) list(words []string) string {
	var out []string
	for i, w := range words {
		if i == v.items {
			out = append(out, fmt.Sprintf("… (+%d)", len(words)-i))
			break
		}
		out = append(out, v.plain(w))
	}
	return strings.Join(out, ", ")
}

func when(t time.Time) v1alpha1.Text {
	if t.IsZero() {
		return v1alpha1.T("unbekannt", "unknown")
	}
	t = t.UTC()
	return v1alpha1.T(t.Format("02.01.2006, 15:04:05")+" Uhr (UTC)", t.Format("2006-01-02 15:04:05")+" (UTC)")
}

// number writes a value with the decimal sign of each language.
func number(f float64) v1alpha1.Text {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return v1alpha1.T("–", "–")
	}
	en := strconv.FormatFloat(f, 'f', -1, 64)
	if len(en) > 16 {
		en = strconv.FormatFloat(f, 'g', 6, 64)
	}
	return v1alpha1.T(strings.Replace(en, ".", ",", 1), en)
}

func (v viewer) site(out *view) {
	s := v.report.Site
	out.Site = []row{
		v.fact("Cluster", "Cluster", s.Name, false),
		v.fact("Organisation", "Organisation", s.Organisation, false),
		v.fact("Kontakt", "Contact", s.Contact, false),
		{Name: v1alpha1.T("Schutzbedarf", "Protection need"), Value: needWord(s.ProtectionNeed)},
	}
}

// checks fills the list of checks, and out of it what deviates and what was
// not measured.
func (v viewer) checks(out *view) {
	groups, anchored := make([]deviationGroup, len(bindings)), map[string]bool{}
	for i, r := range v.report.Results {
		if i == v.rows {
			out.MoreChecks = len(v.report.Results) - i
			break
		}
		anchor := v.shown[r.CheckID]
		if anchored[r.CheckID] {
			anchor = "check-" + strconv.Itoa(i+1) // twice in a broken report
		}
		anchored[r.CheckID] = true
		c := v.check(r, anchor)
		out.Checks = append(out.Checks, c)
		switch r.Outcome {
		case v1alpha1.Fail:
			at := v.binding(r.CheckID)
			groups[at].Checks = append(groups[at].Checks, c)
		case v1alpha1.Pass, v1alpha1.NotApplicable:
		default:
			out.Unmeasured = append(out.Unmeasured, c)
		}
	}
	for i, g := range groups {
		if len(g.Checks) > 0 {
			g.Title = bindings[i]
			out.Deviations = append(out.Deviations, g)
		}
	}
}

// bindings are the groups of deviations, the most binding first.
var bindings = []v1alpha1.Text{
	v1alpha1.T("Bei MUSS", "At MUSS (must)"),
	v1alpha1.T("Bei SOLLTE", "At SOLLTE (should)"),
	v1alpha1.T("Bei Anforderungen, die bei diesem Schutzbedarf nicht zählen", "At requirements that do not count at this protection need"),
	v1alpha1.T("An Prüfungen, die nicht im Katalog stehen", "At checks that are not in the catalogue"),
}

// binding gives the group of a check that deviates: that of the most binding
// statement that it covers.
func (v viewer) binding(check string) int {
	at := 3
	for _, id := range v.info[check].Covers {
		s, there := v.statements[id]
		switch {
		case !there:
		case !v.counts[s.requirement]:
			at = min(at, 2)
		case !s.verb.Binding():
			at = min(at, 1)
		default:
			at = 0
		}
	}
	return at
}

func (v viewer) check(r v1alpha1.Result, anchor string) checkView {
	c := checkView{Anchor: anchor, ID: v.plain(r.CheckID), Badge: outcomeBadge(r.Outcome), Failed: r.Outcome == v1alpha1.Fail, Reason: v.text(r.Reason),
		Filter: filter{Level: "other"}, Waivers: v.waiversOf(r.CheckID)}
	if k, there := v.info[r.CheckID]; there {
		c.Title = v.text(k.Title)
		if place, there := v.places[k.Requirement]; there {
			c.Filter = place
		}
		var verbs []string
		for i, id := range k.Covers {
			if i == v.items {
				break
			}
			c.Covers = append(c.Covers, v.cover(id, r.CheckID))
			if key := verbKey(v.statements[id].verb); !slices.Contains(verbs, key) {
				verbs = append(verbs, key)
			}
		}
		c.Filter.Verbs = strings.Join(verbs, " ")
		if len(k.Policies) > 0 {
			c.Facts = append(c.Facts, v.fact("Richtlinien der IG BvC", "IG BvC policies", v.list(k.Policies), false))
		}
	} else {
		c.Title = v1alpha1.T("Diese Prüfung steht nicht im Katalog.", "This check is not in the catalogue.")
	}
	for i, f := range r.Findings {
		if i == v.items {
			c.MoreFind = len(r.Findings) - i
			break
		}
		c.Findings = append(c.Findings, findingView{Required: v.text(f.Required), Observed: v.text(f.Observed), Remedy: v.text(f.Remedy), Object: v.text(f.Object)})
	}
	for i, k := range r.Controls {
		if i == v.items {
			break
		}
		group := &c.Broken
		if k.Held {
			group = &c.Held
		}
		name, detail := v.text(k.Name), v.text(k.Detail)
		*group = append(*group, v1alpha1.T(name.De+": "+detail.De, name.En+": "+detail.En))
	}
	for i, f := range r.Figures {
		if i == v.items {
			break
		}
		value := number(f.Value)
		if f.Unit != "1" && f.Unit != "" {
			unit := "\u00a0" + v1alpha1.Plain(f.Unit, 20)
			value.De, value.En = value.De+unit, value.En+unit
		}
		c.Figures = append(c.Figures, row{Name: v.text(f.Name), Value: value})
	}
	for i, m := range r.Matrix {
		if i == v.items {
			c.MoreRows = len(r.Matrix) - i
			break
		}
		c.Matrix = append(c.Matrix, matrixRow{What: v.text(m.What), Expected: v.text(m.Expected), Observed: v.text(m.Observed), Deviates: m.Deviates})
	}
	for i, o := range r.Observations {
		if i == v.items {
			break
		}
		c.Seen = append(c.Seen, v.observation(o))
	}
	if r.Attempts > 1 {
		c.Facts = append(c.Facts, v.fact("Versuche", "Attempts", strconv.Itoa(r.Attempts), false))
	}
	seconds := number(math.Round(r.DurationSeconds*10) / 10)
	c.Facts = append(c.Facts, row{Name: v1alpha1.T("Dauer", "Duration"), Value: v1alpha1.T(seconds.De+"\u00a0s", seconds.En+"\u00a0s")})
	return c
}

func (v viewer) cover(id, check string) coverView {
	s := v.statements[id]
	c := coverView{ID: v.plain(id), Verb: v.plain(string(s.verb)), Counts: v.counts[s.requirement], Anchor: v.anchors[id]}
	c.Decides = v1alpha1.T("zum Teil", "in part")
	if s.whole[check] {
		c.Decides = v1alpha1.T("ganz", "whole")
	}
	return c
}

func (v viewer) observation(ref v1alpha1.ObservationRef) seenView {
	s := seenView{Probe: v.plain(ref.Probe), SHA256: v.plain(ref.SHA256)}
	o, there := v.seen[ref.Probe]
	switch {
	case !there:
		s.Trouble = v1alpha1.T("fehlt in den Belegen", "missing in the evidence")
		return s
	case o.Digest() != ref.SHA256:
		s.Trouble = v1alpha1.T("Prüfsumme stimmt nicht mit dem Beleg überein", "digest differs from the evidence")
	}
	s.When = when(o.StartedAt)
	if o.Problem != nil {
		s.Problem = v.plain(strings.TrimSpace(o.Problem.Kind + " " + o.Problem.Phase + ": " + o.Problem.Message))
	}
	return s
}

func (v viewer) requirements(out *view) {
	of := map[string]v1alpha1.RequirementState{}
	for _, q := range v.report.Requirements {
		of[q.ID] = q
	}
	anchored := map[string]bool{}
	for i, q := range v.cat.Requirements {
		if i == v.rows {
			out.MoreReqs = len(v.cat.Requirements) - i
			break
		}
		state, there := of[q.ID]
		if !there {
			state = v1alpha1.RequirementState{State: v1alpha1.StateOpen}
		}
		place := v.places[q.ID]
		r := requirementView{Anchor: v.anchors[q.ID], ID: v.plain(q.ID), Title: v.text(q.Title), Level: v.text(levelWord(q.Level)),
			Badge: stateBadge(state.State), Counts: state.Counts, Tally: tally(state), Filter: place}
		if anchored[q.ID] {
			r.Anchor = "requirement-" + strconv.Itoa(i+1) // twice in a broken catalogue
		}
		anchored[q.ID] = true
		for j, s := range q.Statements {
			if j == v.items {
				r.More = len(q.Statements) - j
				break
			}
			anchor := v.anchors[s.ID]
			if anchored[s.ID] {
				anchor = fmt.Sprintf("statement-%d-%d", i+1, j+1)
			}
			anchored[s.ID] = true
			r.Statements = append(r.Statements, v.statement(s, anchor))
		}
		if place.Module > len(out.Modules) {
			out.Modules = append(out.Modules, moduleView{Number: place.Module, Title: v.text(moduleTitle(q.Module))})
		}
		out.Modules[place.Module-1].Requirements = append(out.Modules[place.Module-1].Requirements, r)
	}
}

// tally says how many of the statements are settled, MUSS and SOLLTE apart.
func tally(q v1alpha1.RequirementState) string {
	var out []string
	if q.Muss.Total > 0 {
		out = append(out, fmt.Sprintf("MUSS %d/%d", q.Muss.Settled, q.Muss.Total))
	}
	if q.Sollte.Total > 0 {
		out = append(out, fmt.Sprintf("SOLLTE %d/%d", q.Sollte.Settled, q.Sollte.Total))
	}
	return strings.Join(out, " · ")
}

func (v viewer) statement(s v1alpha1.Statement, anchor string) statementView {
	state, there := v.states[s.ID]
	if !there {
		state = v1alpha1.StateOpen
	}
	out := statementView{Anchor: anchor, ID: v.plain(s.ID), Verb: v.plain(string(s.ModalVerb)), VerbKey: verbKey(s.ModalVerb), Text: v.text(s.Text), Responsible: v.list(s.Responsible),
		References: v.list(s.References), Badge: stateBadge(state)}
	for i, a := range v.answersOf[s.ID] {
		if i < v.items {
			out.Answers = append(out.Answers, v.answer(a))
		}
	}
	for i, k := range s.Checks {
		if i == v.items {
			break
		}
		l := linkView{ID: v.plain(k.ID), Badge: outcomeBadge(v1alpha1.NotRun), Decides: v1alpha1.T("zum Teil", "in part")}
		if o, there := v.outcomes[k.ID]; there {
			l.Badge, l.Anchor = outcomeBadge(o), v.shown[k.ID]
		}
		if k.Decides == v1alpha1.Whole {
			l.Decides = v1alpha1.T("ganz", "whole")
		}
		out.Checks = append(out.Checks, l)
	}
	if s.Question != nil {
		q := v.text(*s.Question)
		out.Question = &q
	}
	if s.Note != nil {
		n := v.text(*s.Note)
		out.Note = &n
	}
	return out
}

// counter counts states, and at how many of all something was observed.
type counter struct {
	states      map[v1alpha1.State]int
	seen, total int
}

func (c *counter) add(s v1alpha1.State, seen bool) {
	if c.states == nil {
		c.states = map[v1alpha1.State]int{}
	}
	c.states[s]++
	c.total++
	if seen {
		c.seen++
	}
}

// summary counts what the page shows: deviations by the statements they are
// at, what the site declares, what was not measured, and how much of the norm
// was looked at.
func (v viewer) summary(out *view) {
	var norm, architecture, mussAll, sollteAll counter
	muss, sollte, uncounted, open, openCounts := 0, 0, 0, 0, 0
	of := map[string]v1alpha1.State{}
	for _, q := range v.report.Requirements {
		of[q.ID] = q.State
	}
	for _, q := range v.cat.Requirements {
		looked := false
		for _, s := range q.Statements {
			state := known(v.states, s.ID)
			seen := state == v1alpha1.StateFail || state == v1alpha1.StatePass || state == v1alpha1.StatePartlyObserved
			looked = looked || seen
			group, deviations := &sollteAll, &sollte
			if s.ModalVerb.Binding() {
				group, deviations = &mussAll, &muss
			}
			group.add(state, seen)
			switch {
			case state == v1alpha1.StateOpen:
				open++
				if v.counts[q.ID] {
					openCounts++
				}
			case state == v1alpha1.StateFail && !v.counts[q.ID]:
				uncounted++
			case state == v1alpha1.StateFail:
				*deviations++
			}
		}
		if q.Level == v1alpha1.SouvAP {
			architecture.add(known(of, q.ID), looked)
		} else {
			norm.add(known(of, q.ID), looked)
		}
	}
	unmeasured := 0
	for _, r := range v.report.Results {
		if r.Outcome != v1alpha1.Pass && r.Outcome != v1alpha1.Fail && r.Outcome != v1alpha1.NotApplicable {
			unmeasured++
		}
	}
	admitted, expired := 0, 0
	for _, a := range v.report.Answers {
		if admits(a.Says) {
			admitted++
		}
	}
	for _, w := range v.report.Waivers {
		if v.lapsed(w) {
			expired++
		}
	}
	add := func(n, of int, bad, anchor string, name, note v1alpha1.Text) {
		if n == 0 {
			bad = "quiet"
		}
		if of > 0 {
			note = v1alpha1.T(strings.TrimSpace(fmt.Sprintf("von %d ", of)+note.De), strings.TrimSpace(fmt.Sprintf("of %d ", of)+note.En))
		}
		out.Figures = append(out.Figures, figure{Class: bad, Value: strconv.Itoa(n), Name: name, Note: note, Anchor: anchor})
	}
	add(muss, mussAll.total, "fail", "deviations", v1alpha1.T("MUSS-Aussagen mit Abweichung", "MUSS statements with a deviation"), v1alpha1.Text{})
	add(sollte, sollteAll.total, "fail", "deviations", v1alpha1.T("SOLLTE-Aussagen mit Abweichung", "SOLLTE statements with a deviation"), v1alpha1.Text{})
	add(unmeasured, len(v.report.Results), "inconclusive", "unmeasured", v1alpha1.T("Prüfungen ohne Messung", "checks without a measurement"), v1alpha1.Text{})
	add(norm.seen, norm.total, "partly", "coverage", v1alpha1.T("Anforderungen mit Beobachtung", "requirements with an observation"), v1alpha1.T("des IT-Grundschutzes", "of IT-Grundschutz"))
	if expired > 0 {
		add(expired, 0, "fail", "waivers", v1alpha1.T("Ausnahmen abgelaufen", "waivers expired"), v1alpha1.Text{})
	}
	if admitted > 0 {
		add(admitted, 0, "fail", "admitted", v1alpha1.T("Aussagen, selbst erklärt: nicht oder teilweise umgesetzt", "statements, self-declared: not or partly put into practice"), v1alpha1.Text{})
	}
	if uncounted > 0 {
		add(uncounted, 0, "open", "deviations", v1alpha1.T("Aussagen mit Abweichung, die nicht zählen", "statements with a deviation that do not count"),
			v1alpha1.T("Anforderungen bei erhöhtem Schutzbedarf", "requirements for a high protection need"))
	}
	if open > 0 {
		all := mussAll.total + sollteAll.total
		out.OpenWords = v1alpha1.T(
			fmt.Sprintf("%d von %d Aussagen sind offen: Keine Prüfung hat sie beobachtet, und der Standort erklärt nichts dazu, was zählt. Davon zählen %d bei diesem Schutzbedarf.", open, all, openCounts),
			fmt.Sprintf("%d of %d statements are open: no check has observed them, and the site declares nothing about them that counts. Of these, %d count at this protection need.", open, all, openCounts))
	}
	bars := func(id string, c counter, title v1alpha1.Text, de, en string) {
		if c.total > 0 {
			out.Bars = append(out.Bars, bar{ID: id, Title: title, Segments: segments(c.states, c.total),
				Sentence: v1alpha1.T(fmt.Sprintf("Beobachtet wurde an %d von %d %s.", c.seen, c.total, de), fmt.Sprintf("Observed at %d of %d %s.", c.seen, c.total, en))})
		}
	}
	bars("bar-norm", norm, v1alpha1.T("Anforderungen des IT-Grundschutzes", "Requirements of IT-Grundschutz"), "Anforderungen", "requirements")
	bars("bar-muss", mussAll, v1alpha1.T("MUSS-Aussagen", "MUSS statements"), "Aussagen", "statements")
	bars("bar-sollte", sollteAll, v1alpha1.T("SOLLTE-Aussagen", "SOLLTE statements"), "Aussagen", "statements")
	bars("bar-souvap", architecture, v1alpha1.T("Regeln des Souveränen Arbeitsplatzes", "Rules of the Souveräner Arbeitsplatz"), "Regeln", "rules")
}

// known gives a state of the list, open where there is none, and inconclusive
// for a word that nobody knows.
func known(states map[string]v1alpha1.State, id string) v1alpha1.State {
	s, there := states[id]
	switch {
	case !there:
		return v1alpha1.StateOpen
	case s.Validate() != nil:
		return v1alpha1.StateInconclusive
	}
	return s
}

// segments are the states of a bar in their order, the worst first.
func segments(states map[v1alpha1.State]int, total int) []segment {
	var out []segment
	x := 0.0
	percent := func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) + "%" }
	for _, s := range v1alpha1.States() {
		n := states[s]
		if n == 0 {
			continue
		}
		width := 100 * float64(n) / float64(total)
		out = append(out, segment{badge: stateBadge(s), Count: n, X: percent(x), Width: percent(width), Labelled: width >= 12})
		x += width
	}
	return out
}

func (v viewer) cluster(out *view) {
	c := v.report.Cluster
	out.Cluster = []row{
		v.fact("Distribution", "Distribution", c.Distribution, false),
		v.fact("Kubernetes", "Kubernetes", c.KubernetesVersion, true),
		v.fact("Netz (CNI)", "Network (CNI)", v.list(c.CNI), false),
		v.fact("Policy-Engines", "Policy engines", v.list(c.PolicyEngines), false),
		v.fact("Identität als Mandant", "Identity as tenant", c.TenantIdentity, true),
	}
	for i, n := range c.Nodes {
		if i == v.items {
			break
		}
		n.Role, n.OS, n.Kernel, n.Architecture = v.plain(n.Role), v.plain(n.OS), v.plain(n.Kernel), v.plain(n.Architecture)
		n.ContainerRuntime, n.Kubelet = v.plain(n.ContainerRuntime), v.plain(n.Kubelet)
		out.Nodes = append(out.Nodes, n)
	}
	for i, s := range c.Storage {
		if i == v.items {
			break
		}
		s.Provisioner = v.plain(s.Provisioner)
		out.Storage = append(out.Storage, s)
	}
	for i, g := range c.Gaps {
		if i < v.items {
			out.Gaps = append(out.Gaps, v.plain(g))
		}
	}
	for i, r := range c.Rights {
		if i == v.items {
			break
		}
		b := badge{"open", "○", v1alpha1.T("nicht erteilt", "not granted")}
		if r.Granted {
			b = badge{"pass", "✓", v1alpha1.T("erteilt", "granted")}
		}
		out.Rights = append(out.Rights, rightView{Right: v.plain(r.Right), Badge: b})
	}
}

func (v viewer) run(out *view) {
	r, s := v.report.Run, v.report.Suite
	seconds := number(math.Round(r.FinishedAt.Sub(r.StartedAt).Seconds()))
	filter := v.fact("Filter", "Filter", r.Filter, true)
	if r.Filter == "" {
		filter.Value, filter.Code = v1alpha1.T("keiner, alle Prüfungen", "none, all checks"), false
	}
	out.Run = []row{
		v.fact("Lauf", "Run", r.ID, true),
		{Name: v1alpha1.T("Beginn", "Started"), Value: when(r.StartedAt)},
		{Name: v1alpha1.T("Ende", "Finished"), Value: when(r.FinishedAt)},
		{Name: v1alpha1.T("Dauer", "Duration"), Value: v1alpha1.T(seconds.De+"\u00a0s", seconds.En+"\u00a0s")},
		v.fact("Gestartet über", "Started through", r.Via, false),
		v.fact("Namespaces", "Namespaces", r.Mode, false),
		filter,
		{Name: v1alpha1.T("Unterbrochen", "Interrupted"), Value: yesNo(r.Interrupted)},
		v.fact("Anfragen an API-Server", "Requests to API servers", strconv.FormatInt(r.APIRequests, 10), false),
		v.fact("Version von bvc", "Version of bvc", s.Version, true),
		v.fact("Commit", "Commit", s.Commit, true),
		v.fact("Image", "Image", s.Image, true),
		v.fact("Katalog", "Catalogue", s.CatalogueDigest, true),
		v.fact("Standortdatei", "Site file", v.report.Site.FileDigest, true),
	}
	if r.PeakMemoryBytes > 0 {
		mib := number(math.Round(float64(r.PeakMemoryBytes) / (1 << 20)))
		out.Run = append(out.Run, row{Name: v1alpha1.T("Höchster Speicherbedarf", "Peak memory"), Value: v1alpha1.T(mib.De+"\u00a0MiB", mib.En+"\u00a0MiB")})
	}
	words := make([]string, 0, len(r.Arguments))
	for i, a := range r.Arguments {
		if i == v.items {
			words = append(words, "…")
			break
		}
		words = append(words, v.plain(a))
	}
	out.Arguments = strings.Join(append([]string{"bvc"}, words...), " ")
	for i, l := range r.Leftovers {
		if i == v.items {
			break
		}
		out.Leftovers = append(out.Leftovers, leftoverView{Resource: v.plain(l.Resource), Reason: v.plain(l.Reason), Count: l.Count})
	}
}
