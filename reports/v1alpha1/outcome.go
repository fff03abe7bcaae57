package v1alpha1

// Outcome is what a check found. The zero value is no outcome at all, and no
// reader may take it for a pass.
type Outcome string

// The five outcomes (design.md, "Words").
const (
	// Pass: every control held and everything observed was as required.
	Pass Outcome = "pass"
	// Fail: something observed was not as required; a deviation.
	Fail Outcome = "fail"
	// Inconclusive: it was tried, and the observations do not decide.
	Inconclusive Outcome = "inconclusive"
	// NotApplicable: what the rule is about does not exist on this cluster.
	NotApplicable Outcome = "notApplicable"
	// NotRun: it was not tried; the reason says why.
	NotRun Outcome = "notRun"
)

// Outcomes lists every outcome, worst first.
func Outcomes() []Outcome {
	return []Outcome{Fail, Inconclusive, NotRun, NotApplicable, Pass}
}

// State is what is known of a statement or of a requirement.
type State string

// The states (design.md, "Words"). Pass needs a check that decides the whole
// statement; PartlyObserved means that what was looked at was as required,
// and that it is not the whole statement.
const (
	StatePass           State = "pass"
	StateFail           State = "fail"
	StatePartlyObserved State = "partlyObserved"
	StateInconclusive   State = "inconclusive"
	StateNotApplicable  State = "notApplicable"
	StateDeclared       State = "declared"
	StateOpen           State = "open"
)

// States lists every state, worst first: the order in which a requirement
// takes the worst of its statements.
func States() []State {
	return []State{StateFail, StateInconclusive, StateOpen, StatePartlyObserved, StateDeclared, StateNotApplicable, StatePass}
}

// ConclusionWord is the one word a run ends with.
type ConclusionWord string

// The conclusions, in the order in which the first that holds is taken
// (design.md, verdict rule 6).
const (
	MussDeviations   ConclusionWord = "mussDeviations"
	SollteDeviations ConclusionWord = "sollteDeviations"
	ConclInconcl     ConclusionWord = "inconclusive"
	NoDeviation      ConclusionWord = "noDeviation"
)

// Level is the level of a requirement.
type Level string

// Levels of IT-Grundschutz, and the level of rules that the Souveräner
// Arbeitsplatz architecture adds, which knows no levels.
const (
	Basis    Level = "basis"
	Standard Level = "standard"
	Hoch     Level = "hoch"
	SouvAP   Level = "souvap"
)

// ModalVerb is how binding a statement is, read from the German sentence.
type ModalVerb string

// Modal verbs. MUSS, DARF NUR and DARF NICHT bind alike.
const (
	Muss        ModalVerb = "MUSS"
	DarfNur     ModalVerb = "DARF NUR"
	DarfNicht   ModalVerb = "DARF NICHT"
	Sollte      ModalVerb = "SOLLTE"
	SollteNicht ModalVerb = "SOLLTE NICHT"
	SollteNur   ModalVerb = "SOLLTE NUR"
	Kann        ModalVerb = "KANN"
)

// Binding reports whether the verb leaves no choice (MUSS, DARF NUR, DARF NICHT).
func (v ModalVerb) Binding() bool { return v == Muss || v == DarfNur || v == DarfNicht }

// ProtectionNeed is what the site says its data needs.
type ProtectionNeed string

// Protection needs of IT-Grundschutz.
const (
	NeedNormal   ProtectionNeed = "normal"
	NeedHigh     ProtectionNeed = "high"
	NeedVeryHigh ProtectionNeed = "veryHigh"
)

// Decides says how much of a statement a check can decide.
type Decides string

// Whole and Part: only a Whole check can make a statement pass; both can make
// it fail.
const (
	Whole Decides = "whole"
	Part  Decides = "part"
)
