package relabel

// Observation is what became of each of the tenant's namespaces.
type Observation struct {
	// Expected is how many namespaces the tenant has.
	Expected   int         `json:"expected"`
	Namespaces []Namespace `json:"namespaces"`
}

// Namespace is one namespace of the tenant; it has no name here.
type Namespace struct {
	// Index counts from 1 in the order of the run's namespaces.
	Index int `json:"index"`
	// MayPatch and MayUpdate are the authoriser's answers for this namespace.
	MayPatch  bool `json:"mayPatch"`
	MayUpdate bool `json:"mayUpdate"`
	// Control is the answer to the same patch of a pod of the tenant's own.
	Control Answer `json:"control"`
	// Patch and Update are the answers for the namespace; an update is tried
	// only where the authoriser would allow it and the patch changed nothing.
	Patch  Answer `json:"patch"`
	Update Answer `json:"update"`
	// Restored says that a label that was set, or may have been, has been taken back.
	Restored bool `json:"restored"`
	// Lifts are changes of labels on which rules depend; they are tried, without
	// effect (server-side dry run), where the authoriser lets the tenant change
	// the namespace. LiftsKnown says that they are all that there are.
	Lifts      []Lift `json:"lifts"`
	LiftsKnown bool   `json:"liftsKnown"`
}

// Lift is a change of a label that would take the namespace out of the scope of
// a rule. The label has no name here.
type Lift struct {
	// PodSecurity: the label is Pod Security's; else a rule selects by it.
	PodSecurity bool `json:"podSecurity"`
	// Answer is what would become of it; Changed means that it was accepted.
	Answer Answer `json:"answer"`
}

// Answer is what a request led to.
type Answer string

// Answers.
const (
	// Changed: the label was set.
	Changed Answer = "changed"
	// Neutralised: the request was taken, and the label is not there.
	Neutralised Answer = "neutralised"
	// RefusedByAuthoriser: the account has no right to it.
	RefusedByAuthoriser Answer = "refusedByAuthoriser"
	// RefusedByRule: an admission rule refused it.
	RefusedByRule Answer = "refusedByRule"
	// Trouble: no answer, or one that says nothing on the request.
	Trouble Answer = "trouble"
	// NotTried: it did not come to the request.
	NotTried Answer = "notTried"
)
