package rollup

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// claim is one coverage in a table: check ID and how much it decides.
func claim(id string, d v1alpha1.Decides) v1alpha1.Coverage {
	return v1alpha1.Coverage{ID: id, Decides: d}
}

func result(id string, o v1alpha1.Outcome) v1alpha1.Result {
	return v1alpha1.Result{CheckID: id, Outcome: o}
}

// one makes a catalogue of one requirement and one statement.
func one(level v1alpha1.Level, verb v1alpha1.ModalVerb, claims ...v1alpha1.Coverage) v1alpha1.Catalogue {
	cat := v1alpha1.Catalogue{Requirements: []v1alpha1.Requirement{{ID: "R", Level: level,
		Statements: []v1alpha1.Statement{{ID: "R-UA.1", ModalVerb: verb, Checks: claims}}}}}
	for _, c := range claims {
		cat.Checks = append(cat.Checks, v1alpha1.CheckInfo{ID: c.ID, Covers: []string{"R-UA.1"}})
	}
	return cat
}

const (
	pass, fail = v1alpha1.Pass, v1alpha1.Fail
	incon, na  = v1alpha1.Inconclusive, v1alpha1.NotApplicable
	notRun     = v1alpha1.NotRun
	whole      = v1alpha1.Whole
	part       = v1alpha1.Part
)

func TestStateOfAStatement(t *testing.T) {
	ww := []v1alpha1.Coverage{claim("a", whole), claim("b", whole)}
	wp := []v1alpha1.Coverage{claim("a", whole), claim("b", part)}
	pp := []v1alpha1.Coverage{claim("a", part), claim("b", part)}
	for _, c := range []struct {
		name   string
		claims []v1alpha1.Coverage
		a, b   v1alpha1.Outcome // "-" for no result
		want   v1alpha1.State
	}{
		{"no checks", nil, "-", "-", v1alpha1.StateOpen},
		{"whole passes", ww, pass, pass, v1alpha1.StatePass},
		{"one whole fails", ww, pass, fail, v1alpha1.StateFail},
		{"part fails beside whole pass", wp, pass, fail, v1alpha1.StateFail},
		{"fail before inconclusive", wp, incon, fail, v1alpha1.StateFail},
		{"inconclusive before pass", wp, pass, incon, v1alpha1.StateInconclusive},
		{"whole pass, part not run", wp, pass, notRun, v1alpha1.StatePass},
		{"whole not run, part pass", wp, notRun, pass, v1alpha1.StatePartlyObserved},
		{"whole not applicable, part pass", wp, na, pass, v1alpha1.StatePartlyObserved},
		{"both parts pass", pp, pass, pass, v1alpha1.StatePartlyObserved},
		{"all not applicable", ww, na, na, v1alpha1.StateNotApplicable},
		{"whole and part not applicable", wp, na, na, v1alpha1.StateNotApplicable},
		{"parts not applicable leave the rest open", pp, na, na, v1alpha1.StateOpen},
		{"not applicable and not run", pp, na, notRun, v1alpha1.StateOpen},
		{"all not run", pp, notRun, notRun, v1alpha1.StateOpen},
		{"all missing", pp, "-", "-", v1alpha1.StateOpen},
		{"not applicable and missing", pp, na, "-", v1alpha1.StateOpen},
		{"unknown word", ww, pass, "passed", v1alpha1.StateInconclusive},
		{"empty word", ww, pass, "", v1alpha1.StateInconclusive},
		{"capital letters", ww, pass, "Pass", v1alpha1.StateInconclusive},
		{"unknown decides is part", []v1alpha1.Coverage{claim("a", "all")}, pass, "-", v1alpha1.StatePartlyObserved},
	} {
		t.Run(c.name, func(t *testing.T) {
			var results []v1alpha1.Result
			for id, o := range map[string]v1alpha1.Outcome{"a": c.a, "b": c.b} {
				if o != "-" {
					results = append(results, result(id, o))
				}
			}
			if c.claims == nil {
				results = nil
			}
			statements, requirements := Roll(one(v1alpha1.Basis, v1alpha1.Muss, c.claims...), results, v1alpha1.NeedNormal, nil, time.Time{})
			if len(statements) != 1 || statements[0].State != c.want {
				t.Fatalf("statements %v, want state %s", statements, c.want)
			}
			if len(requirements) != 1 || requirements[0].State != c.want {
				t.Fatalf("requirements %v, want state %s", requirements, c.want)
			}
		})
	}
}

func TestDeclaredStatements(t *testing.T) {
	at := time.Date(2026, 11, 21, 23, 59, 59, 0, time.UTC)
	answer := func(says v1alpha1.AnswerWord, expires v1alpha1.Date) v1alpha1.Answer {
		return v1alpha1.Answer{Statement: "R-UA.1", Says: says, Expires: expires}
	}
	met := []v1alpha1.Answer{answer(v1alpha1.Met, "2026-11-21")}
	p := []v1alpha1.Coverage{claim("a", part)}
	for _, c := range []struct {
		name    string
		claims  []v1alpha1.Coverage
		outcome v1alpha1.Outcome
		answers []v1alpha1.Answer
		want    v1alpha1.State
	}{
		{"met", nil, "-", met, v1alpha1.StateDeclared},
		{"not applicable", nil, "-", []v1alpha1.Answer{answer(v1alpha1.DeclaredNotApplicable, "2026-11-21")}, v1alpha1.StateDeclared},
		{"partly met", nil, "-", []v1alpha1.Answer{answer(v1alpha1.PartlyMet, "2026-11-21")}, v1alpha1.StateOpen},
		{"not met", nil, "-", []v1alpha1.Answer{answer(v1alpha1.NotMet, "2026-11-21")}, v1alpha1.StateOpen},
		{"an unknown word", nil, "-", []v1alpha1.Answer{answer("yes", "2026-11-21")}, v1alpha1.StateOpen},
		{"expired yesterday", nil, "-", []v1alpha1.Answer{answer(v1alpha1.Met, "2026-11-20")}, v1alpha1.StateOpen},
		{"no expiry", nil, "-", []v1alpha1.Answer{answer(v1alpha1.Met, "")}, v1alpha1.StateOpen},
		{"twice, once not met", nil, "-", []v1alpha1.Answer{met[0], answer(v1alpha1.NotMet, "2026-11-21")}, v1alpha1.StateOpen},
		{"twice, first not met", nil, "-", []v1alpha1.Answer{answer(v1alpha1.NotMet, "2026-11-21"), met[0]}, v1alpha1.StateOpen},
		{"another statement", nil, "-", []v1alpha1.Answer{{Statement: "R-UA.2", Says: v1alpha1.Met, Expires: "2026-11-21"}}, v1alpha1.StateOpen},
		{"a part passed, the rest is declared", p, pass, met, v1alpha1.StateDeclared},
		{"a part does not apply, the rest is declared", p, na, met, v1alpha1.StateDeclared},
		{"outweighs no deviation", p, fail, met, v1alpha1.StateFail},
		{"outweighs no doubt", p, incon, met, v1alpha1.StateInconclusive},
		{"replaces no check that was not run", p, notRun, met, v1alpha1.StateOpen},
		{"replaces no result that is missing", p, "-", met, v1alpha1.StateOpen},
		{"a whole pass stays one", []v1alpha1.Coverage{claim("a", whole)}, pass, met, v1alpha1.StatePass},
	} {
		t.Run(c.name, func(t *testing.T) {
			var results []v1alpha1.Result
			if c.outcome != "-" {
				results = append(results, result("a", c.outcome))
			}
			statements, requirements := Roll(one(v1alpha1.Basis, v1alpha1.Muss, c.claims...), results, v1alpha1.NeedNormal, c.answers, at)
			if statements[0].State != c.want || requirements[0].State != c.want {
				t.Errorf("statement %s, requirement %s, want %s", statements[0].State, requirements[0].State, c.want)
			}
		})
	}
}

func TestDoubledAndForeignResultsNeverHelp(t *testing.T) {
	cat := one(v1alpha1.Basis, v1alpha1.Muss, claim("a", whole))
	for _, c := range []struct {
		name    string
		results []v1alpha1.Result
		want    v1alpha1.State
	}{
		{"pass twice", []v1alpha1.Result{result("a", pass), result("a", pass)}, v1alpha1.StateInconclusive},
		{"fail then pass", []v1alpha1.Result{result("a", fail), result("a", pass)}, v1alpha1.StateFail},
		{"pass then fail", []v1alpha1.Result{result("a", pass), result("a", fail)}, v1alpha1.StateFail},
		{"not run then pass", []v1alpha1.Result{result("a", notRun), result("a", pass)}, v1alpha1.StateInconclusive},
	} {
		t.Run(c.name, func(t *testing.T) {
			statements, _ := Roll(cat, c.results, v1alpha1.NeedNormal, nil, time.Time{})
			if statements[0].State != c.want {
				t.Errorf("state %s, want %s", statements[0].State, c.want)
			}
		})
	}
	t.Run("pass of a check that is not registered", func(t *testing.T) {
		cat := one(v1alpha1.Basis, v1alpha1.Muss, claim("a", whole))
		cat.Checks = nil
		if statements, _ := Roll(cat, []v1alpha1.Result{result("a", pass)}, v1alpha1.NeedNormal, nil, time.Time{}); statements[0].State != v1alpha1.StateInconclusive {
			t.Errorf("state %s, want inconclusive", statements[0].State)
		}
	})
	t.Run("claim that only the check's side makes", func(t *testing.T) {
		cat := one(v1alpha1.Basis, v1alpha1.Muss, claim("a", whole))
		cat.Requirements[0].Statements[0].Checks = nil
		if statements, _ := Roll(cat, []v1alpha1.Result{result("a", pass)}, v1alpha1.NeedNormal, nil, time.Time{}); statements[0].State != v1alpha1.StatePartlyObserved {
			t.Errorf("pass: state %s, want partlyObserved", statements[0].State)
		}
		if statements, _ := Roll(cat, []v1alpha1.Result{result("a", fail)}, v1alpha1.NeedNormal, nil, time.Time{}); statements[0].State != v1alpha1.StateFail {
			t.Errorf("fail: state %s, want fail", statements[0].State)
		}
	})
}

func TestWorstStateOfARequirement(t *testing.T) {
	p, n, d := v1alpha1.StatePass, v1alpha1.StateNotApplicable, v1alpha1.StateDeclared
	for _, c := range []struct {
		states []v1alpha1.State
		want   v1alpha1.State
	}{
		{nil, v1alpha1.StateOpen},
		{[]v1alpha1.State{"great"}, v1alpha1.StateOpen},
		{[]v1alpha1.State{p, p}, p},
		{[]v1alpha1.State{p, n}, p},
		{[]v1alpha1.State{n, n}, n},
		{[]v1alpha1.State{p, d}, d},
		{[]v1alpha1.State{n, d}, d},
		{[]v1alpha1.State{p, v1alpha1.StatePartlyObserved}, v1alpha1.StatePartlyObserved},
		{[]v1alpha1.State{p, v1alpha1.StatePartlyObserved, v1alpha1.StateOpen}, v1alpha1.StateOpen},
		{[]v1alpha1.State{v1alpha1.StateOpen, v1alpha1.StateInconclusive}, v1alpha1.StateInconclusive},
		{[]v1alpha1.State{v1alpha1.StateInconclusive, v1alpha1.StateFail, p}, v1alpha1.StateFail},
	} {
		if got := worst(c.states); got != c.want {
			t.Errorf("worst(%v) = %s, want %s", c.states, got, c.want)
		}
	}
	// Whatever the states: pass needs each to be settled and one to be pass.
	for _, a := range v1alpha1.States() {
		for _, b := range v1alpha1.States() {
			got := worst([]v1alpha1.State{a, b})
			if got == p && (!settled(a) || !settled(b) || a != p && b != p) {
				t.Errorf("worst(%s, %s) = pass", a, b)
			}
		}
	}
}

func TestHochCountsByProtectionNeed(t *testing.T) {
	for _, c := range []struct {
		level v1alpha1.Level
		need  v1alpha1.ProtectionNeed
		want  bool
	}{
		{v1alpha1.Hoch, v1alpha1.NeedNormal, false},
		{v1alpha1.Hoch, v1alpha1.NeedHigh, true},
		{v1alpha1.Hoch, v1alpha1.NeedVeryHigh, true},
		{v1alpha1.Hoch, "", true},
		{v1alpha1.Hoch, "low", true},
		{v1alpha1.Basis, v1alpha1.NeedNormal, true},
		{v1alpha1.Standard, v1alpha1.NeedNormal, true},
		{v1alpha1.SouvAP, v1alpha1.NeedNormal, true},
		{"", v1alpha1.NeedNormal, true},
	} {
		_, requirements := Roll(one(c.level, v1alpha1.Muss, claim("a", whole)), []v1alpha1.Result{result("a", fail)}, c.need, nil, time.Time{})
		q := requirements[0]
		if q.Counts != c.want {
			t.Errorf("level %q at need %q: counts %t, want %t", c.level, c.need, q.Counts, c.want)
		}
		if q.Muss != (v1alpha1.Tally{Failed: 1, Total: 1}) {
			t.Errorf("level %q at need %q: tally %+v", c.level, c.need, q.Muss)
		}
	}
}

// two is a catalogue with a binding and a not binding statement and a
// requirement of level hoch, with one check each.
func two() v1alpha1.Catalogue {
	q := func(id string, level v1alpha1.Level, verb v1alpha1.ModalVerb, check string) v1alpha1.Requirement {
		return v1alpha1.Requirement{ID: id, Level: level, Statements: []v1alpha1.Statement{{ID: id + "-UA.1", ModalVerb: verb, Checks: []v1alpha1.Coverage{claim(check, whole)}}}}
	}
	return v1alpha1.Catalogue{
		Requirements: []v1alpha1.Requirement{
			q("M", v1alpha1.Basis, v1alpha1.Muss, "m"), q("S", v1alpha1.Standard, v1alpha1.Sollte, "s"), q("H", v1alpha1.Hoch, v1alpha1.Muss, "h")},
		Checks: []v1alpha1.CheckInfo{
			{ID: "h", Covers: []string{"H-UA.1"}}, {ID: "m", Covers: []string{"M-UA.1"}}, {ID: "s", Covers: []string{"S-UA.1"}}},
	}
}

func TestConclude(t *testing.T) {
	cat := two()
	set := func(h, m, s v1alpha1.Outcome) []v1alpha1.Result {
		return []v1alpha1.Result{result("h", h), result("m", m), result("s", s)}
	}
	uncovered := two()
	uncovered.Checks = append(uncovered.Checks, v1alpha1.CheckInfo{ID: "x", Covers: []string{"Z-UA.9"}})
	doubled := two()
	doubled.Checks = append(doubled.Checks, doubled.Checks[0])
	run, none := []string{BecauseRun}, []string{}
	for _, c := range []struct {
		name    string
		cat     v1alpha1.Catalogue
		results []v1alpha1.Result
		need    v1alpha1.ProtectionNeed
		cut     bool
		want    v1alpha1.ConclusionWord
		because []string
	}{
		{"all pass", cat, set(pass, pass, pass), "normal", false, v1alpha1.NoDeviation, none},
		{"one not applicable", cat, set(pass, pass, na), "normal", false, v1alpha1.NoDeviation, none},
		{"muss", cat, set(pass, fail, pass), "normal", false, v1alpha1.MussDeviations, []string{"m"}},
		{"muss wins over sollte and doubt", cat, set(incon, fail, fail), "normal", true, v1alpha1.MussDeviations, []string{"m"}},
		{"sollte", cat, set(pass, pass, fail), "normal", false, v1alpha1.SollteDeviations, []string{"s"}},
		{"sollte wins over doubt", cat, set(notRun, pass, fail), "normal", true, v1alpha1.SollteDeviations, []string{"s"}},
		{"hoch does not count", cat, set(fail, pass, pass), "normal", false, v1alpha1.NoDeviation, []string{"h"}},
		{"hoch counts", cat, set(fail, pass, pass), "high", false, v1alpha1.MussDeviations, []string{"h"}},
		{"hoch counts at an unknown need", cat, set(fail, pass, pass), "", false, v1alpha1.MussDeviations, []string{"h"}},
		{"hoch does not count but is named", cat, set(fail, incon, pass), "normal", false, v1alpha1.ConclInconcl, []string{"h", "m"}},
		{"inconclusive", cat, set(pass, incon, pass), "normal", false, v1alpha1.ConclInconcl, []string{"m"}},
		{"inconclusive at hoch", cat, set(incon, pass, pass), "normal", false, v1alpha1.ConclInconcl, []string{"h"}},
		{"not run", cat, set(pass, notRun, pass), "normal", false, v1alpha1.ConclInconcl, []string{"m", BecauseStatements}},
		{"cut short", cat, set(pass, pass, pass), "normal", true, v1alpha1.ConclInconcl, run},
		{"unknown word", cat, set(pass, "ok", pass), "normal", false, v1alpha1.ConclInconcl, []string{"m", BecauseRun}},
		{"empty word", cat, set(pass, "", pass), "normal", false, v1alpha1.ConclInconcl, []string{"m", BecauseRun}},
		{"nothing passed", cat, set(na, na, na), "normal", false, v1alpha1.ConclInconcl, run},
		{"missing result", cat, set(pass, pass, pass)[:2], "normal", false, v1alpha1.ConclInconcl, []string{BecauseRun, "s", BecauseStatements}},
		{"no results", cat, nil, "normal", false, v1alpha1.ConclInconcl, []string{"h", "m", BecauseRun, "s", BecauseStatements}},
		{"doubled pass", cat, append(set(pass, pass, pass), result("m", pass)), "normal", false, v1alpha1.ConclInconcl, []string{"m", BecauseRun}},
		{"doubled, one fails", cat, append(set(pass, pass, pass), result("m", fail)), "normal", false, v1alpha1.MussDeviations, []string{"m"}},
		{"foreign pass", cat, append(set(pass, pass, pass), result("y", pass)), "normal", false, v1alpha1.ConclInconcl, []string{BecauseRun, "y"}},
		{"foreign fail", cat, append(set(pass, pass, pass), result("y", fail)), "normal", false, v1alpha1.ConclInconcl, []string{BecauseRun, "y"}},
		{"registered, covers nothing known, fails", uncovered, append(set(pass, pass, pass), result("x", fail)), "normal", false, v1alpha1.ConclInconcl, []string{"x"}},
		{"registered, covers nothing known, passes", uncovered, append(set(pass, pass, pass), result("x", pass)), "normal", false, v1alpha1.NoDeviation, none},
		{"check registered twice", doubled, set(pass, pass, pass), "normal", false, v1alpha1.ConclInconcl, run},
		{"empty catalogue", v1alpha1.Catalogue{}, nil, "normal", false, v1alpha1.ConclInconcl, run},
		{"empty catalogue, a pass", v1alpha1.Catalogue{}, []v1alpha1.Result{result("a", pass)}, "normal", false, v1alpha1.ConclInconcl, []string{"a", BecauseRun}},
		{"empty check ID", cat, append(set(pass, pass, pass), result("", pass)), "normal", false, v1alpha1.ConclInconcl, []string{"", BecauseRun}},
	} {
		t.Run(c.name, func(t *testing.T) {
			statements, requirements := Roll(c.cat, c.results, c.need, nil, time.Time{})
			got := Conclude(c.cat, c.results, statements, requirements, !c.cut)
			if got.Result != c.want || !slices.Equal(got.Because, c.because) || got.Because == nil {
				t.Errorf("got %s because %q, want %s because %q", got.Result, got.Because, c.want, c.because)
			}
		})
	}
}

// TestConcludeIsTotal tries every combination of outcomes, unknown words and
// missing results over three checks: there is always one of the four words,
// and noDeviation only where nothing speaks against it.
func TestConcludeIsTotal(t *testing.T) {
	words := append(v1alpha1.Outcomes(), "", "unknown", "-")
	cat := two()
	for _, need := range []v1alpha1.ProtectionNeed{"normal", "high", "veryHigh", "", "?"} {
		for _, h := range words {
			for _, m := range words {
				for _, s := range words {
					for _, complete := range []bool{true, false} {
						var results []v1alpha1.Result
						for _, r := range []v1alpha1.Result{result("h", h), result("m", m), result("s", s)} {
							if r.Outcome != "-" {
								results = append(results, r)
							}
						}
						statements, requirements := Roll(cat, results, need, nil, time.Time{})
						got := Conclude(cat, results, statements, requirements, complete)
						if got.Result.Validate() != nil {
							t.Fatalf("%s %s %s: word %q", h, m, s, got.Result)
						}
						good := func(o v1alpha1.Outcome) bool { return o == pass || o == na }
						fine := complete && good(m) && good(s) && (good(h) || h == fail && need == "normal") && (h == pass || m == pass || s == pass)
						if (got.Result == v1alpha1.NoDeviation) != fine {
							t.Errorf("need %q, h %q m %q s %q complete %t: %s", need, h, m, s, complete, got.Result)
						}
						if got.Result != v1alpha1.NoDeviation && len(got.Because) == 0 {
							t.Errorf("h %q m %q s %q: %s because of nothing", h, m, s, got.Result)
						}
						n := got.Checks
						if n.Pass+n.Fail+n.Inconclusive+n.NotApplicable+n.NotRun != 3 {
							t.Errorf("h %q m %q s %q: counts %+v do not add up", h, m, s, n)
						}
					}
				}
			}
		}
	}
}

func TestConcludeRefusesForeignStates(t *testing.T) {
	cat := two()
	results := []v1alpha1.Result{result("h", pass), result("m", pass), result("s", pass)}
	statements, requirements := Roll(cat, results, "normal", nil, time.Time{})
	for name, change := range map[string]func() ([]v1alpha1.StatementState, []v1alpha1.RequirementState){
		"no statements":     func() ([]v1alpha1.StatementState, []v1alpha1.RequirementState) { return nil, requirements },
		"no requirements":   func() ([]v1alpha1.StatementState, []v1alpha1.RequirementState) { return statements, nil },
		"statement missing": func() ([]v1alpha1.StatementState, []v1alpha1.RequirementState) { return statements[:2], requirements },
		"statement too many": func() ([]v1alpha1.StatementState, []v1alpha1.RequirementState) {
			return append(slices.Clone(statements), statements[0]), requirements
		},
		"requirement too many": func() ([]v1alpha1.StatementState, []v1alpha1.RequirementState) {
			return statements, append(slices.Clone(requirements), requirements[0])
		},
		"unknown word": func() ([]v1alpha1.StatementState, []v1alpha1.RequirementState) {
			s := slices.Clone(statements)
			s[1].State = "fine"
			return s, requirements
		},
		"other order": func() ([]v1alpha1.StatementState, []v1alpha1.RequirementState) {
			s := slices.Clone(statements)
			s[0], s[1] = s[1], s[0]
			return s, requirements
		},
		"requirement's unknown": func() ([]v1alpha1.StatementState, []v1alpha1.RequirementState) {
			r := slices.Clone(requirements)
			r[0].State = ""
			return statements, r
		},
	} {
		s, r := change()
		if got := Conclude(cat, results, s, r, true); got.Result != v1alpha1.ConclInconcl || !slices.Contains(got.Because, BecauseRun) {
			t.Errorf("%s: %s because %q", name, got.Result, got.Because)
		}
	}
}

// TestSample proves that the sample report of all packages follows from its
// own results, and that the order of results plays no part.
func TestSample(t *testing.T) {
	var cat v1alpha1.Catalogue
	var report v1alpha1.ConformanceReport
	for name, into := range map[string]any{"catalogue.json": &cat, "report.json": &report} {
		data, err := os.ReadFile("../v1alpha1/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for range 2 {
		statements, requirements := Roll(cat, report.Results, report.Site.ProtectionNeed, nil, time.Time{})
		if !reflect.DeepEqual(statements, report.Statements) {
			t.Errorf("statements %v\nwant %v", statements, report.Statements)
		}
		if !reflect.DeepEqual(requirements, report.Requirements) {
			t.Errorf("requirements %v\nwant %v", requirements, report.Requirements)
		}
		if c := Conclude(cat, report.Results, statements, requirements, report.Run.Complete()); !reflect.DeepEqual(c, report.Conclusion) {
			t.Errorf("conclusion %+v\nwant %+v", c, report.Conclusion)
		}
		slices.Reverse(report.Results)
	}
}
