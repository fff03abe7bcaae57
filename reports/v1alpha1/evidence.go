package v1alpha1

import (
	"encoding/json"
	"time"
)

// Evidence holds each observation of a run once.
type Evidence struct {
	TypeMeta `json:",inline"`
	// RunID is the run's ID of the report that belongs to it.
	RunID string `json:"runID"`
	// Observations, sorted by probe.
	Observations []Observation `json:"observations"`
}

// Observation is what one probe saw.
type Observation struct {
	// Probe is the probe's name.
	Probe string `json:"probe"`
	// SchemaVersion of Data, counted up with every change of its shape.
	SchemaVersion int       `json:"schemaVersion"`
	StartedAt     time.Time `json:"startedAt"`
	FinishedAt    time.Time `json:"finishedAt"`
	// Data is the probe's own observation type, null when there is none.
	Data json.RawMessage `json:"data"`
	// Problem says why the probe stopped before its end, nil when it did not;
	// a check over such an observation can not pass.
	Problem *Problem `json:"problem,omitempty"`
}

// Problem is trouble that kept a probe from looking.
type Problem struct {
	// Phase in which it stopped.
	Phase string `json:"phase"`
	// Kind: error, timeout, panic, interrupted, tooLarge, notScheduled or missingRight.
	Kind string `json:"kind"`
	// Cause is the class of what stood in the way, such as quota or
	// imageNotPulled, where the probe knows it.
	Cause string `json:"cause,omitempty"`
	// Message is one bounded line, without names of the site's objects.
	Message string `json:"message"`
}
