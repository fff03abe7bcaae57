package fresh

import "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"

// Observation is what became of pods in a namespace that nobody prepared.
type Observation struct {
	// ReadySeconds is how long it took until the tenant could create pods.
	ReadySeconds float64 `json:"readySeconds"`
	// Rounds in the order in which they ran.
	Rounds []Round `json:"rounds"`
	// Gone says that the namespace was removed.
	Gone bool `json:"gone"`
}

// Round is the golden pod, each fault in its first variant, and the golden pod
// again. Faults that were admitted in an earlier round are left out.
type Round struct {
	// AtSeconds since the tenant could create pods.
	AtSeconds float64           `json:"atSeconds"`
	Before    admission.Attempt `json:"before"`
	// UserNamespace is the golden pod in a user namespace of its own, which the
	// pod with FaultProcMount is made from.
	UserNamespace admission.Attempt `json:"userNamespace"`
	Faults        []FaultTry        `json:"faults"`
	After         admission.Attempt `json:"after"`
}

// FaultTry is one try of a pod with a fault.
type FaultTry struct {
	Fault string `json:"fault"`
	admission.Attempt
}
