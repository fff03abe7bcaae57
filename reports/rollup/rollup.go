// Package rollup goes from results of checks to states of statements and
// requirements and to the conclusion of a run (design.md, verdict rules 4 to
// 6). Its functions are total: whatever they are given, they answer, and a
// word they do not know never makes anything better.
package rollup

import (
	"slices"
	"sort"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Words in Conclusion.Because that are no check IDs (v1alpha1.Conclusion).
const (
	// BecauseStatements says that statements are open.
	BecauseStatements = "statements"
	// BecauseRun says that the run itself, or the set of its results, was not
	// complete, or that nothing in it passed.
	BecauseRun = "run"
)

// Roll gives the state of every statement and of every requirement of the
// catalogue, in its order. Requirements of level hoch do not count when the
// protection need is normal; they are shown and tallied all the same. The
// site's answers count as of a time, the start of the run.
func Roll(cat v1alpha1.Catalogue, results []v1alpha1.Result, need v1alpha1.ProtectionNeed, answers []v1alpha1.Answer, at time.Time) ([]v1alpha1.StatementState, []v1alpha1.RequirementState) {
	outcomes := outcomesOf(cat, results)
	claims := claimsOf(cat)
	declared := declaredBy(answers, at)
	statements := []v1alpha1.StatementState{}
	requirements := make([]v1alpha1.RequirementState, 0, len(cat.Requirements))
	for _, q := range cat.Requirements {
		// A need that is not known counts hoch as well: the stricter reading.
		rs := v1alpha1.RequirementState{ID: q.ID, Counts: q.Level != v1alpha1.Hoch || need != v1alpha1.NeedNormal}
		states := make([]v1alpha1.State, 0, len(q.Statements))
		for _, s := range q.Statements {
			state := stateOf(claims[s.ID], outcomes, declared[s.ID])
			statements = append(statements, v1alpha1.StatementState{ID: s.ID, State: state})
			states = append(states, state)
			tally := &rs.Sollte
			if s.ModalVerb.Binding() {
				tally = &rs.Muss
			}
			tally.Total++
			if settled(state) {
				tally.Settled++
			}
			if state == v1alpha1.StateFail {
				tally.Failed++
			}
		}
		rs.State = worst(states)
		requirements = append(requirements, rs)
	}
	return statements, requirements
}

// outcomesOf gives one outcome per check: the registered ones, and whatever
// else the results speak of. A registered check without a result is notRun.
// Two results of one check, a word that is no outcome and good news from a
// check that nobody registered are inconclusive; a fail among them stays.
func outcomesOf(cat v1alpha1.Catalogue, results []v1alpha1.Result) map[string]v1alpha1.Outcome {
	registered := make(map[string]bool, len(cat.Checks))
	outcomes := make(map[string]v1alpha1.Outcome, len(cat.Checks))
	for _, k := range cat.Checks {
		registered[k.ID] = true
		outcomes[k.ID] = v1alpha1.NotRun
	}
	seen := make(map[string]bool, len(results))
	for _, r := range results {
		o := r.Outcome
		if o != v1alpha1.Fail && (!registered[r.CheckID] || seen[r.CheckID] || o.Validate() != nil) {
			o = v1alpha1.Inconclusive
		}
		if outcomes[r.CheckID] != v1alpha1.Fail {
			outcomes[r.CheckID] = o
		}
		seen[r.CheckID] = true
	}
	return outcomes
}

// claimsOf gives the coverage of every statement: what the statement lists,
// and as part what only the check's own side lists, so that a catalogue whose
// sides disagree loses no deviation and gains no pass.
func claimsOf(cat v1alpha1.Catalogue) map[string][]v1alpha1.Coverage {
	claims := map[string][]v1alpha1.Coverage{}
	listed := map[[2]string]bool{}
	for _, q := range cat.Requirements {
		for _, s := range q.Statements {
			for _, c := range s.Checks {
				claims[s.ID] = append(claims[s.ID], c)
				listed[[2]string{s.ID, c.ID}] = true
			}
		}
	}
	for _, k := range cat.Checks {
		for _, id := range k.Covers {
			if !listed[[2]string{id, k.ID}] {
				claims[id] = append(claims[id], v1alpha1.Coverage{ID: k.ID, Decides: v1alpha1.Part})
			}
		}
	}
	return claims
}

// declaredBy gives the statements that an answer settles as far as no check
// decides them. Two answers to one statement settle nothing unless both do.
func declaredBy(answers []v1alpha1.Answer, at time.Time) map[string]bool {
	declared := map[string]bool{}
	for _, a := range answers {
		before, twice := declared[a.Statement]
		declared[a.Statement] = a.Counts(at) && (before || !twice)
	}
	return declared
}

// stateOf gives the state of a statement. A declaration fills what the checks
// leave open and nothing else: it outweighs no deviation, no doubt and no
// check that was not run.
func stateOf(claims []v1alpha1.Coverage, outcomes map[string]v1alpha1.Outcome, declared bool) v1alpha1.State {
	var fail, inconclusive, whole, part, absent, other bool
	for _, c := range claims {
		switch outcomes[c.ID] {
		case v1alpha1.Fail:
			fail = true
		case v1alpha1.Inconclusive:
			inconclusive = true
		case v1alpha1.Pass:
			if c.Decides == v1alpha1.Whole {
				whole = true
			} else {
				part = true
			}
		case v1alpha1.NotApplicable:
			// That a part does not apply says nothing of the rest.
			absent = absent || c.Decides == v1alpha1.Whole
		default: // notRun, or a check that nobody registered and that has no result
			other = true
		}
	}
	switch {
	case fail:
		return v1alpha1.StateFail
	case inconclusive:
		return v1alpha1.StateInconclusive
	case whole:
		return v1alpha1.StatePass
	case absent && !part && !other:
		return v1alpha1.StateNotApplicable
	case declared && !other:
		return v1alpha1.StateDeclared
	case part:
		return v1alpha1.StatePartlyObserved
	}
	return v1alpha1.StateOpen
}

func settled(s v1alpha1.State) bool {
	return s == v1alpha1.StatePass || s == v1alpha1.StateDeclared || s == v1alpha1.StateNotApplicable
}

// worst gives the worst state by v1alpha1.States(), with one exception: when
// some statements passed and the others are not applicable, the requirement
// passed, because calling it not applicable would deny what was observed.
func worst(states []v1alpha1.State) v1alpha1.State {
	if len(states) == 0 {
		return v1alpha1.StateOpen
	}
	for _, s := range v1alpha1.States() {
		if !slices.Contains(states, s) {
			continue
		}
		if s == v1alpha1.StateNotApplicable && slices.Contains(states, v1alpha1.StatePass) {
			return v1alpha1.StatePass
		}
		return s
	}
	return v1alpha1.StateOpen
}

// Conclude gives the conclusion of a run: the first that holds of
// mussDeviations (a failing check covers a binding statement of a requirement
// that counts), sollteDeviations (the same, not binding), inconclusive and
// noDeviation (verdict rule 6). complete says whether the run itself set out
// for every check and came to its end.
//
// It is inconclusive when a registered check is inconclusive or notRun, when
// results, statements or requirements do not match the catalogue one to one,
// when a word is unknown, when no check passed, when the run was not complete,
// and when a failing check covers nothing that the catalogue knows. A failing
// check whose requirements all do not count is no deviation that counts, but
// it is named in Because even when the conclusion is noDeviation.
func Conclude(cat v1alpha1.Catalogue, results []v1alpha1.Result, statements []v1alpha1.StatementState, requirements []v1alpha1.RequirementState, complete bool) v1alpha1.Conclusion {
	outcomes := outcomesOf(cat, results)
	c := v1alpha1.Conclusion{Checks: countOutcomes(outcomes)}
	countStates(&c, cat, statements, requirements)

	muss, sollte, uncounted, unknown := failing(cat, outcomes, requirements)
	doubts := append([]string{}, unknown...)
	for id, o := range outcomes {
		if o == v1alpha1.Inconclusive || o == v1alpha1.NotRun {
			doubts = append(doubts, id)
		}
	}
	if !complete || c.Checks.Pass == 0 || !oneToOne(cat, results) || !statesMatch(cat, statements, requirements) {
		doubts = append(doubts, BecauseRun)
	}
	switch {
	case len(muss) > 0:
		c.Result, c.Because = v1alpha1.MussDeviations, sorted(muss)
	case len(sollte) > 0:
		c.Result, c.Because = v1alpha1.SollteDeviations, sorted(sollte)
	case len(doubts) > 0:
		if c.Muss.Open+c.Sollte.Open > 0 {
			doubts = append(doubts, BecauseStatements)
		}
		c.Result, c.Because = v1alpha1.ConclInconcl, sorted(append(doubts, uncounted...))
	default:
		c.Result, c.Because = v1alpha1.NoDeviation, sorted(uncounted)
	}
	return c
}

// failing sorts the failing checks by the heaviest thing each covers.
func failing(cat v1alpha1.Catalogue, outcomes map[string]v1alpha1.Outcome, requirements []v1alpha1.RequirementState) (muss, sollte, uncounted, unknown []string) {
	counts := map[string]bool{}
	for _, q := range cat.Requirements {
		counts[q.ID] = true // unless said otherwise
	}
	for _, q := range requirements {
		counts[q.ID] = q.Counts
	}
	claims := claimsOf(cat)
	const covers, countsIt, binds = 1, 2, 3
	weight := map[string]int{}
	for _, q := range cat.Requirements {
		for _, s := range q.Statements {
			w := covers
			if counts[q.ID] {
				w = countsIt
				if s.ModalVerb.Binding() {
					w = binds
				}
			}
			for _, c := range claims[s.ID] {
				weight[c.ID] = max(weight[c.ID], w)
			}
		}
	}
	for id, o := range outcomes {
		if o != v1alpha1.Fail {
			continue
		}
		switch weight[id] {
		case binds:
			muss = append(muss, id)
		case countsIt:
			sollte = append(sollte, id)
		case covers:
			uncounted = append(uncounted, id)
		default:
			unknown = append(unknown, id)
		}
	}
	return muss, sollte, uncounted, unknown
}

func sorted(ids []string) []string {
	ids = append([]string{}, ids...)
	sort.Strings(ids)
	return slices.Compact(ids)
}

// oneToOne reports whether the results are exactly one known outcome for each
// registered check and nothing else.
func oneToOne(cat v1alpha1.Catalogue, results []v1alpha1.Result) bool {
	waiting := make(map[string]bool, len(cat.Checks))
	for _, k := range cat.Checks {
		if waiting[k.ID] {
			return false
		}
		waiting[k.ID] = true
	}
	for _, r := range results {
		if !waiting[r.CheckID] || r.Outcome.Validate() != nil {
			return false
		}
		delete(waiting, r.CheckID)
	}
	return len(waiting) == 0
}

// statesMatch reports whether statements and requirements are those of the
// catalogue, in its order, with known states.
func statesMatch(cat v1alpha1.Catalogue, statements []v1alpha1.StatementState, requirements []v1alpha1.RequirementState) bool {
	n := 0
	for i, q := range cat.Requirements {
		if i >= len(requirements) || requirements[i].ID != q.ID || requirements[i].State.Validate() != nil {
			return false
		}
		for _, s := range q.Statements {
			if n >= len(statements) || statements[n].ID != s.ID || statements[n].State.Validate() != nil {
				return false
			}
			n++
		}
	}
	return n == len(statements) && len(requirements) == len(cat.Requirements)
}

func countOutcomes(outcomes map[string]v1alpha1.Outcome) v1alpha1.OutcomeCounts {
	var n v1alpha1.OutcomeCounts
	for _, o := range outcomes {
		switch o {
		case v1alpha1.Pass:
			n.Pass++
		case v1alpha1.Fail:
			n.Fail++
		case v1alpha1.NotApplicable:
			n.NotApplicable++
		case v1alpha1.NotRun:
			n.NotRun++
		default:
			n.Inconclusive++
		}
	}
	return n
}

// countStates fills the counts of requirements and statements. A statement of
// the catalogue that has no state counts as open, so that the denominators
// are always the catalogue's (verdict rule 4).
func countStates(c *v1alpha1.Conclusion, cat v1alpha1.Catalogue, statements []v1alpha1.StatementState, requirements []v1alpha1.RequirementState) {
	ofStatement := map[string]v1alpha1.State{}
	for _, s := range statements {
		ofStatement[s.ID] = s.State
	}
	ofRequirement := map[string]v1alpha1.State{}
	for _, q := range requirements {
		ofRequirement[q.ID] = q.State
	}
	for _, q := range cat.Requirements {
		countState(&c.Requirements, ofRequirement, q.ID)
		for _, s := range q.Statements {
			if s.ModalVerb.Binding() {
				countState(&c.Muss, ofStatement, s.ID)
			} else {
				countState(&c.Sollte, ofStatement, s.ID)
			}
		}
	}
}

func countState(n *v1alpha1.StateCounts, states map[string]v1alpha1.State, id string) {
	state, there := states[id]
	if !there {
		state = v1alpha1.StateOpen
	}
	switch state {
	case v1alpha1.StatePass:
		n.Pass++
	case v1alpha1.StateFail:
		n.Fail++
	case v1alpha1.StatePartlyObserved:
		n.PartlyObserved++
	case v1alpha1.StateNotApplicable:
		n.NotApplicable++
	case v1alpha1.StateDeclared:
		n.Declared++
	case v1alpha1.StateOpen:
		n.Open++
	default:
		n.Inconclusive++
	}
}
