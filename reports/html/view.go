package html

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// view is what the template shows: texts are bounded, order is fixed, and
// anchors are numbered, so that no text of a report becomes part of a link.
type view struct {
	CSP    string
	Style  template.CSS
	Script template.JS

	Lang, Title string
	English     bool
	Site        []row
	SiteName    string
	Notices     []v1alpha1.Text
	Conclusion  conclusion
	Figures     []figure
	Bars        []bar
	Deviations  []checkView
	Unmeasured  []checkView
	Checks      []checkView
	MoreChecks  int
	Modules     []moduleView
	MoreReqs    int
	Leftovers   []leftoverView
	Cluster     []row
	Nodes       []v1alpha1.NodeGroup
	Storage     []v1alpha1.StorageClass
	Gaps        []string
	Rights      []rightView
	Run         []row
	Arguments   string
	RunID       string
	Digest      string
}

// row is a line of a list of facts.
type row struct {
	Name  v1alpha1.Text
	Value v1alpha1.Text
	Code  bool // Value is written by machines and shown as such
}

type figure struct {
	Class string
	Value string
	Name  v1alpha1.Text
	Note  v1alpha1.Text
}

// bar is a stacked bar of states.
type bar struct {
	ID       string
	Title    v1alpha1.Text
	Sentence v1alpha1.Text
	Segments []segment
}

// segment is one state of a bar; X and Width are of 1000.
type segment struct {
	badge
	Count    int
	X, Width string
}

type checkView struct {
	Anchor   string
	ID       string
	Title    v1alpha1.Text
	Badge    badge
	Failed   bool
	Reason   v1alpha1.Text
	Covers   []coverView
	Findings []findingView
	MoreFind int
	Controls []controlView
	Figures  []row
	Seen     []seenView
	Facts    []row
}

type coverView struct {
	ID, Verb, Anchor string
	Decides          v1alpha1.Text
	Counts           bool
}

type findingView struct {
	Required, Observed, Remedy v1alpha1.Text
	Object                     string
}

type controlView struct {
	Badge        badge
	Name, Detail v1alpha1.Text
}

type seenView struct {
	Probe, SHA256 string
	Badge         badge
	When          v1alpha1.Text
	Problem       string
}

type moduleView struct {
	Title        v1alpha1.Text
	Requirements []requirementView
}

type requirementView struct {
	Anchor, ID string
	Title      v1alpha1.Text
	Level      v1alpha1.Text
	Badge      badge
	Counts     bool
	Tally      v1alpha1.Text
	Statements []statementView
	More       int
}

type statementView struct {
	Anchor, ID, Verb string
	Text             v1alpha1.Text
	Responsible      string
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
	report   v1alpha1.ConformanceReport
	cat      v1alpha1.Catalogue
	seen     map[string]v1alpha1.Observation
	info     map[string]v1alpha1.CheckInfo
	shown    map[string]string // anchors of checks that are on the page
	anchors  map[string]string // anchors of statements that are on the page
	counts   map[string]bool   // requirements
	verbs    map[string]v1alpha1.ModalVerb
	holder   map[string]string // requirement of a statement
	states   map[string]v1alpha1.State
	outcomes map[string]v1alpha1.Outcome
}

func newView(report v1alpha1.ConformanceReport, evidence v1alpha1.Evidence, cat v1alpha1.Catalogue, options Options, l limits) view {
	v := viewer{limits: l, report: report, cat: cat, seen: map[string]v1alpha1.Observation{}, info: map[string]v1alpha1.CheckInfo{}, shown: map[string]string{}, anchors: map[string]string{},
		counts: map[string]bool{}, verbs: map[string]v1alpha1.ModalVerb{}, holder: map[string]string{}, states: map[string]v1alpha1.State{}, outcomes: map[string]v1alpha1.Outcome{}}
	for _, o := range evidence.Observations {
		v.seen[o.Probe] = o
	}
	for _, k := range cat.Checks {
		v.info[k.ID] = k
	}
	for i, r := range report.Results {
		if _, twice := v.shown[r.CheckID]; !twice && i < v.rows {
			v.shown[r.CheckID] = checkAnchor(i)
		}
		v.outcomes[r.CheckID] = r.Outcome
	}
	for _, q := range report.Requirements {
		v.counts[q.ID] = q.Counts
	}
	for _, s := range report.Statements {
		v.states[s.ID] = s.State
	}
	for i, q := range cat.Requirements {
		for j, s := range q.Statements {
			if _, twice := v.anchors[s.ID]; !twice && i < v.rows && j < v.items {
				v.anchors[s.ID] = statementAnchor(i, j)
			}
			v.verbs[s.ID], v.holder[s.ID] = s.ModalVerb, q.ID
		}
	}
	out := view{Lang: "de", SiteName: v.plain(report.Site.Name), RunID: v.plain(report.Run.ID), Digest: v.plain(report.Suite.CatalogueDigest)}
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
	v.site(&out)
	v.checks(&out)
	v.requirements(&out)
	v.summary(&out)
	v.cluster(&out)
	v.run(&out)
	return out
}

// Anchors are numbers: nothing of a report's text becomes part of a link.
func checkAnchor(i int) string        { return "check-" + strconv.Itoa(i+1) }
func statementAnchor(i, j int) string { return fmt.Sprintf("statement-%d-%d", i+1, j+1) }

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
		{Name: v1alpha1.T("Geprüft am", "Tested on"), Value: when(v.report.Run.StartedAt)},
		v.fact("Lauf", "Run", v.report.Run.ID, true),
	}
}

func (v viewer) checks(out *view) {
	for i, r := range v.report.Results {
		if i == v.rows {
			out.MoreChecks = len(v.report.Results) - i
			break
		}
		c := v.check(r, checkAnchor(i))
		out.Checks = append(out.Checks, c)
		switch r.Outcome {
		case v1alpha1.Fail:
			out.Deviations = append(out.Deviations, c)
		case v1alpha1.Pass, v1alpha1.NotApplicable:
		default:
			out.Unmeasured = append(out.Unmeasured, c)
		}
	}
}

func (v viewer) check(r v1alpha1.Result, anchor string) checkView {
	c := checkView{Anchor: anchor, ID: v.plain(r.CheckID), Badge: outcomeBadge(r.Outcome), Failed: r.Outcome == v1alpha1.Fail, Reason: v.text(r.Reason)}
	if k, there := v.info[r.CheckID]; there {
		c.Title = v.text(k.Title)
		for i, id := range k.Covers {
			if i == v.items {
				break
			}
			c.Covers = append(c.Covers, v.cover(id, r.CheckID))
		}
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
		c.Findings = append(c.Findings, findingView{Required: v.text(f.Required), Observed: v.text(f.Observed), Remedy: v.text(f.Remedy), Object: v.plain(f.Object)})
	}
	for i, k := range r.Controls {
		if i == v.items {
			break
		}
		b := badge{"inconclusive", "✕", v1alpha1.T("hielt nicht", "did not hold")}
		if k.Held {
			b = badge{"pass", "✓", v1alpha1.T("hielt", "held")}
		}
		c.Controls = append(c.Controls, controlView{Badge: b, Name: v.text(k.Name), Detail: v.text(k.Detail)})
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

func (v viewer) cover(statement, check string) coverView {
	c := coverView{ID: v.plain(statement), Verb: v.plain(string(v.verbs[statement])), Counts: v.counts[v.holder[statement]], Anchor: v.anchors[statement]}
	c.Decides = v1alpha1.T("entscheidet einen Teil", "decides a part")
	for _, q := range v.cat.Requirements {
		if q.ID != v.holder[statement] {
			continue
		}
		for _, s := range q.Statements {
			for _, k := range s.Checks {
				if s.ID == statement && k.ID == check && k.Decides == v1alpha1.Whole {
					c.Decides = v1alpha1.T("entscheidet die ganze Aussage", "decides the whole statement")
				}
			}
		}
	}
	return c
}

func (v viewer) observation(ref v1alpha1.ObservationRef) seenView {
	s := seenView{Probe: v.plain(ref.Probe), SHA256: v.plain(ref.SHA256)}
	o, there := v.seen[ref.Probe]
	switch {
	case !there:
		s.Badge = badge{"inconclusive", "?", v1alpha1.T("fehlt in den Belegen", "missing in the evidence")}
		return s
	case o.Digest() != ref.SHA256:
		s.Badge = badge{"fail", "✕", v1alpha1.T("Prüfsumme stimmt nicht mit dem Beleg überein", "digest differs from the evidence")}
	default:
		s.Badge = badge{"pass", "✓", v1alpha1.T("Prüfsumme stimmt mit dem Beleg überein", "digest matches the evidence")}
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
	modules := map[string]int{}
	for i, q := range v.cat.Requirements {
		if i == v.rows {
			out.MoreReqs = len(v.cat.Requirements) - i
			break
		}
		state, there := of[q.ID]
		if !there {
			state = v1alpha1.RequirementState{State: v1alpha1.StateOpen}
		}
		r := requirementView{Anchor: "requirement-" + strconv.Itoa(i+1), ID: v.plain(q.ID), Title: v.text(q.Title), Level: v.text(levelWord(q.Level)),
			Badge: stateBadge(state.State), Counts: state.Counts, Tally: tally(state)}
		for j, s := range q.Statements {
			if j == v.items {
				r.More = len(q.Statements) - j
				break
			}
			r.Statements = append(r.Statements, v.statement(s, statementAnchor(i, j)))
		}
		at, there := modules[q.Module]
		if !there {
			at = len(out.Modules)
			modules[q.Module] = at
			out.Modules = append(out.Modules, moduleView{Title: v.text(moduleTitle(q.Module))})
		}
		out.Modules[at].Requirements = append(out.Modules[at].Requirements, r)
	}
}

// tally says n of m, MUSS and SOLLTE apart.
func tally(q v1alpha1.RequirementState) v1alpha1.Text {
	var de, en []string
	for _, t := range []struct {
		word string
		v1alpha1.Tally
	}{{"MUSS", q.Muss}, {"SOLLTE", q.Sollte}} {
		if t.Total > 0 {
			de = append(de, fmt.Sprintf("%s: %d von %d geklärt", t.word, t.Settled, t.Total))
			en = append(en, fmt.Sprintf("%s: %d of %d settled", t.word, t.Settled, t.Total))
		}
	}
	return v1alpha1.T(strings.Join(de, " · "), strings.Join(en, " · "))
}

func (v viewer) statement(s v1alpha1.Statement, anchor string) statementView {
	state, there := v.states[s.ID]
	if !there {
		state = v1alpha1.StateOpen
	}
	out := statementView{Anchor: anchor, ID: v.plain(s.ID), Verb: v.plain(string(s.ModalVerb)), Text: v.text(s.Text), Responsible: v.list(s.Responsible), Badge: stateBadge(state)}
	for i, k := range s.Checks {
		if i == v.items {
			break
		}
		l := linkView{ID: v.plain(k.ID), Badge: outcomeBadge(v1alpha1.NotRun), Decides: v1alpha1.T("Teil", "part")}
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

// summary counts what the page shows: deviations by the statements they are
// at, what was not measured, and how much of the norm was looked at.
func (v viewer) summary(out *view) {
	muss, sollte, uncounted := 0, 0, 0
	norm, architecture, statements := map[v1alpha1.State]int{}, map[v1alpha1.State]int{}, map[v1alpha1.State]int{}
	seenNorm, seenArchitecture, seenStatements, nNorm, nArchitecture, nStatements := 0, 0, 0, 0, 0, 0
	of := map[string]v1alpha1.State{}
	for _, q := range v.report.Requirements {
		of[q.ID] = q.State
	}
	for _, q := range v.cat.Requirements {
		looked := false
		for _, s := range q.Statements {
			state := known(v.states, s.ID)
			statements[state]++
			nStatements++
			switch state {
			case v1alpha1.StateFail, v1alpha1.StatePass, v1alpha1.StatePartlyObserved:
				looked = true
				seenStatements++
			}
			if state != v1alpha1.StateFail {
				continue
			}
			switch {
			case !v.counts[q.ID]:
				uncounted++
			case s.ModalVerb.Binding():
				muss++
			default:
				sollte++
			}
		}
		states, seen, total := norm, &seenNorm, &nNorm
		if q.Level == v1alpha1.SouvAP {
			states, seen, total = architecture, &seenArchitecture, &nArchitecture
		}
		states[known(of, q.ID)]++
		*total++
		if looked {
			*seen++
		}
	}
	unmeasured := 0
	for _, r := range v.report.Results {
		if r.Outcome != v1alpha1.Pass && r.Outcome != v1alpha1.Fail && r.Outcome != v1alpha1.NotApplicable {
			unmeasured++
		}
	}
	class := func(n int, bad string) string {
		if n > 0 {
			return bad
		}
		return "quiet"
	}
	out.Figures = []figure{
		{class(muss, "fail"), strconv.Itoa(muss), v1alpha1.T("MUSS-Aussagen mit Abweichung", "MUSS statements with a deviation"), v1alpha1.Text{}},
		{class(sollte, "fail"), strconv.Itoa(sollte), v1alpha1.T("SOLLTE-Aussagen mit Abweichung", "SOLLTE statements with a deviation"), v1alpha1.Text{}},
		{class(unmeasured, "inconclusive"), strconv.Itoa(unmeasured), v1alpha1.T("Prüfungen ohne Messung", "checks without a measurement"),
			v1alpha1.T(fmt.Sprintf("von %d", len(v.report.Results)), fmt.Sprintf("of %d", len(v.report.Results)))},
	}
	if uncounted > 0 {
		out.Figures = append(out.Figures, figure{"open", strconv.Itoa(uncounted), v1alpha1.T("Aussagen mit Abweichung, die nicht zählen", "statements with a deviation that do not count"),
			v1alpha1.T("Anforderungen bei erhöhtem Schutzbedarf", "requirements for a high protection need")})
	}
	add := func(id string, title v1alpha1.Text, de, en string, seen, total int, states map[v1alpha1.State]int) {
		if total > 0 {
			out.Bars = append(out.Bars, bar{ID: id, Title: title, Segments: segments(states, total),
				Sentence: v1alpha1.T(fmt.Sprintf("Beobachtet wurde an %d von %d %s.", seen, total, de), fmt.Sprintf("Observed at %d of %d %s.", seen, total, en))})
		}
	}
	add("bar-norm", v1alpha1.T("Anforderungen des IT-Grundschutzes", "Requirements of IT-Grundschutz"), "Anforderungen", "requirements", seenNorm, nNorm, norm)
	add("bar-souvap", v1alpha1.T("Regeln des Souveränen Arbeitsplatzes", "Rules of the Souveräner Arbeitsplatz"), "Regeln", "rules", seenArchitecture, nArchitecture, architecture)
	add("bar-statements", v1alpha1.T("Alle einzelnen Aussagen", "All single statements"), "Aussagen", "statements", seenStatements, nStatements, statements)
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

func segments(states map[v1alpha1.State]int, total int) []segment {
	var out []segment
	x := 0.0
	for _, s := range v1alpha1.States() {
		n := states[s]
		if n == 0 {
			continue
		}
		width := 1000 * float64(n) / float64(total)
		out = append(out, segment{badge: stateBadge(s), Count: n, X: strconv.FormatFloat(x, 'f', 1, 64), Width: strconv.FormatFloat(width, 'f', 1, 64)})
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
