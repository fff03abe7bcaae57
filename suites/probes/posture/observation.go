package posture

import (
	"slices"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

// Observation is who looks at the pods of the tenant, what became of pods with
// faults, and what the tenant can do to lift the rules.
type Observation struct {
	// MayCreatePods is the authoriser's answer for the tenant: only with it
	// does a refusal come from a rule on pods.
	MayCreatePods bool `json:"mayCreatePods"`
	// OwnServiceAccount: pods ran under an account of their own.
	OwnServiceAccount bool `json:"ownServiceAccount"`
	// Expected is how many namespaces the tenant has.
	Expected   int         `json:"expected"`
	Namespaces []Namespace `json:"namespaces"`
	// Rules that look at pods of the tenant; those with the same facts are one
	// entry. RuleCount is how many there are, OtherRules how many look at pods
	// of others only, or at pods that ask for it by a label.
	Rules      []Rule `json:"rules"`
	RuleCount  int    `json:"ruleCount"`
	OtherRules int    `json:"otherRules"`
	// Engines has one entry for each of EngineResources.
	Engines []EnginePolicies `json:"engines"`
	// Exceptions has one entry for each of ExceptionResources.
	Exceptions []Exceptions `json:"exceptions"`
	// ServersListed is how many addresses of API servers the cluster names;
	// Servers has one entry for each of them.
	ServersListed int      `json:"serversListed"`
	Servers       []Server `json:"servers"`
	// Faults are tries in the tenant's first namespace.
	Faults []FaultTry `json:"faults"`
	// After is the golden pod after everything else.
	After admission.Attempt `json:"after"`
	// Escape is the try to leave the scope of rules by labels or names of a pod.
	Escape Escape `json:"escape"`
	// Lifts has one entry for each of LiftResources.
	Lifts []Lift `json:"lifts"`
}

// Namespace is one namespace of the tenant; it has no name here.
type Namespace struct {
	// Index counts from 1 in the order of the run's namespaces.
	Index int `json:"index"`
	// Enforce, Audit and Warn are the levels that the labels of Pod Security
	// name, LevelNone without the label. A default of the API server's is not
	// visible here.
	Enforce Level `json:"enforce"`
	Audit   Level `json:"audit"`
	Warn    Level `json:"warn"`
	// Golden is the pod without fault, Privileged the privileged one.
	Golden     admission.Attempt `json:"golden"`
	Privileged admission.Attempt `json:"privileged"`
}

// Level of Pod Security.
type Level string

// Levels. LevelOther is a word that is none.
const (
	LevelNone       Level = "none"
	LevelPrivileged Level = "privileged"
	LevelBaseline   Level = "baseline"
	LevelRestricted Level = "restricted"
	LevelOther      Level = "other"
)

// Rule is a webhook, or a ValidatingAdmissionPolicy with one of its bindings,
// that looks at pods of the tenant when they are created.
type Rule struct {
	Kind Kind `json:"kind"`
	// Engine is a product that is known by its name, or EngineOther.
	Engine string `json:"engine"`
	// Fails is what becomes of a pod when the rule can not be asked.
	Fails Fails `json:"fails"`
	// Effect of a violation.
	Effect Effect `json:"effect"`
	// Update and Ephemeral: it looks at changes and at ephemeral containers as well.
	Update    bool `json:"update"`
	Ephemeral bool `json:"ephemeral"`
	// Namespaces of the tenant that are in its scope.
	Namespaces int `json:"namespaces"`
	// ObjectSelector and MatchConditions bound the scope further.
	ObjectSelector  bool `json:"objectSelector"`
	MatchConditions bool `json:"matchConditions"`
	// Count of rules with these facts.
	Count int `json:"count"`
}

// Kind of a rule.
type Kind string

// Kinds.
const (
	ValidatingWebhook Kind = "validatingWebhook"
	MutatingWebhook   Kind = "mutatingWebhook"
	AdmissionPolicy   Kind = "validatingAdmissionPolicy"
)

// EngineOther is an engine that is not known by its name.
const EngineOther = "other"

// Fails is a failurePolicy.
type Fails string

// Failure policies.
const (
	FailsClosed Fails = "fail"
	FailsOpen   Fails = "ignore"
)

// Effect of a violation.
type Effect string

// Effects. What a webhook does only its engine knows.
const (
	Denies        Effect = "denies"
	Reports       Effect = "reports"
	EffectUnknown Effect = "unknown"
)

// EnginePolicies counts the policies on pods of the tenant of one resource of an
// engine.
type EnginePolicies struct {
	Group    string `json:"group"`
	Resource string `json:"resource"`
	// State says whether they could be read.
	State State `json:"state"`
	// Enforcing and Reporting policies on pods; a policy with both kinds of
	// rules reports. Conditional ones report, and conditions that are not solved
	// here decide whether they look at pods of the tenant.
	Enforcing   int `json:"enforcing"`
	Reporting   int `json:"reporting"`
	Conditional int `json:"conditional"`
}

// Exceptions counts the objects of one resource that spare pods.
type Exceptions struct {
	Group    string `json:"group"`
	Resource string `json:"resource"`
	// State says whether they could be read.
	State State `json:"state"`
	// Count of them, whomever they spare.
	Count int `json:"count"`
}

// State of an engine's policies.
type State string

// States.
const (
	StateRead        State = "read"
	StateAbsent      State = "absent"
	StateNotReadable State = "notReadable"
)

// Unread reports whether an engine is there whose policies could not be read:
// its resources are served, or its webhook looks at pods of the tenant.
func (o Observation) Unread() bool {
	return slices.ContainsFunc(o.Engines, func(e EnginePolicies) bool { return e.State == StateNotReadable }) ||
		slices.ContainsFunc(o.Rules, func(r Rule) bool { return r.Engine != EngineOther && o.Unknown(r) })
}

// ExceptionsUnread reports whether there are objects that spare pods and could
// not be read.
func (o Observation) ExceptionsUnread() bool {
	return slices.ContainsFunc(o.Exceptions, func(e Exceptions) bool { return e.State == StateNotReadable })
}

// Unknown reports whether the rule is a validating webhook of which nobody
// says whether it denies: no policies of its engine were read.
func (o Observation) Unknown(r Rule) bool {
	if r.Kind != ValidatingWebhook || r.Effect != EffectUnknown {
		return false
	}
	return r.Engine != engineOfPolicies || !slices.ContainsFunc(o.Engines, func(e EnginePolicies) bool { return e.State == StateRead })
}

// engineOfPolicies is the one of which EngineResources are.
const engineOfPolicies = "Kyverno"

// Server is one API server.
type Server struct {
	Via cluster.Via `json:"via"`
	// Trouble of the server or its metrics.
	Trouble cluster.ServerTrouble `json:"trouble"`
	// Golden and Privileged were tried through this server, in the tenant's
	// first namespace.
	Golden     admission.Attempt `json:"golden"`
	Privileged admission.Attempt `json:"privileged"`
	// SameProcess says that both readings of the counters saw the same process;
	// without it their growth means nothing.
	SameProcess bool `json:"sameProcess"`
	// FailOpenShown says that the server shows the counter of webhooks that
	// failed open, or has no reason to: it switched no metric off.
	FailOpenShown bool `json:"failOpenShown"`
	// Open and Closed count the validating webhooks that look at pods of the
	// tenant, by their failurePolicy Ignore and Fail.
	Open   Counters `json:"open"`
	Closed Counters `json:"closed"`
}

// Counters of webhooks: what they were at the first reading and by how much
// they grew until the last, over all requests to the server.
type Counters struct {
	CallsBefore      int64 `json:"callsBefore"`
	Calls            int64 `json:"calls"`
	RejectionsBefore int64 `json:"rejectionsBefore"`
	Rejections       int64 `json:"rejections"`
	FailedOpenBefore int64 `json:"failedOpenBefore"`
	FailedOpen       int64 `json:"failedOpen"`
}

// FaultTry is one try of a pod with a fault.
type FaultTry struct {
	Fault string `json:"fault"`
	admission.Attempt
}

// Escape is what became of pods with labels or names by which rules choose whom
// to spare.
type Escape struct {
	// Candidates are labels, each with one value, and names, by which a pod may
	// leave the scope of a rule; Protected of them are refused on a pod without
	// fault, NotTried are more than are tried, or the run's own.
	Candidates int `json:"candidates"`
	Protected  int `json:"protected"`
	NotTried   int `json:"notTried"`
	// Unsolved are conditions that look at labels, annotations or names of which
	// nothing could be read that a pod might set.
	Unsolved int `json:"unsolved"`
	// Rounds are the sets of labels and names that were tried on faults: each
	// that is not protected alone, and one of each key together.
	Rounds int `json:"rounds"`
	// Golden is the pod without fault with such labels: the first that was not
	// admitted, or the last.
	Golden admission.Attempt `json:"golden"`
	// Expected is how many tries there were to be: in each round the faults that
	// were refused without labels.
	Expected int         `json:"expected"`
	Tries    []EscapeTry `json:"tries"`
}

// EscapeTry is a pod with a fault that was refused without the labels or the
// name. Where it was admitted with them, both are tried once more: a moment at
// which a rule was not in force must not look like an exemption.
type EscapeTry struct {
	Fault string `json:"fault"`
	// Named: the set holds a name.
	Named        bool              `json:"named"`
	With         admission.Attempt `json:"with"`
	WithoutAgain admission.Attempt `json:"withoutAgain"`
	WithAgain    admission.Attempt `json:"withAgain"`
}

// Spared reports whether the set, and nothing else, brought the pod in.
func (t EscapeTry) Spared() bool {
	return t.With.Class == admission.Admitted && t.WithoutAgain.Kept() && t.WithAgain.Class == admission.Admitted
}

// Lift is what the authoriser says of the tenant and one resource with which
// rules can be lifted.
type Lift struct {
	Group    string `json:"group"`
	Resource string `json:"resource"`
	// Served says that the cluster knows the resource.
	Served bool `json:"served"`
	// Asked is how many verbs were asked about, Allowed which of them are allowed.
	Asked   int      `json:"asked"`
	Allowed []string `json:"allowed"`
}

// Complete reports whether everything that has to be there is: absent never
// means good.
func (o Observation) Complete() bool {
	if o.Expected == 0 || len(o.Namespaces) != o.Expected || o.ServersListed == 0 || len(o.Servers) != o.ServersListed ||
		len(o.Escape.Tries) != o.Escape.Expected {
		return false
	}
	for i, n := range o.Namespaces {
		if n.Index != i+1 {
			return false
		}
	}
	count := 0
	for _, r := range o.Rules {
		count += r.Count
	}
	if count != o.RuleCount {
		return false
	}
	engines := EngineResources()
	if len(o.Engines) != len(engines) {
		return false
	}
	for i, e := range o.Engines {
		if e.Group != engines[i].Group || e.Resource != engines[i].Resource {
			return false
		}
	}
	exceptions := ExceptionResources()
	if len(o.Exceptions) != len(exceptions) {
		return false
	}
	for i, e := range o.Exceptions {
		if e.Group != exceptions[i].Group || e.Resource != exceptions[i].Resource {
			return false
		}
	}
	lifts := LiftResources()
	if len(o.Lifts) != len(lifts) {
		return false
	}
	for i, l := range o.Lifts {
		if l.Group != lifts[i].Group || l.Resource != lifts[i].Resource || l.Served && l.Asked != len(lifts[i].Verbs) {
			return false
		}
	}
	faults := faultsToTry(o.OwnServiceAccount)
	if len(o.Faults) != len(faults) {
		return false
	}
	for i, f := range o.Faults {
		if f.Fault != faults[i] {
			return false
		}
	}
	return true
}
