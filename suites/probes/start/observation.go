// Package start observes how long a pod takes from the request to create it
// until it is ready, on every node.
package start

import "gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"

// Observation is what the probe saw.
type Observation struct {
	// SchedulableNodes are all nodes on which a probe pod could run,
	// MeasuredNodes those on which pods were started.
	SchedulableNodes int `json:"schedulableNodes"`
	MeasuredNodes    int `json:"measuredNodes"`
	// Rounds of warm starts that were planned.
	Rounds int `json:"rounds"`
	// LimitSeconds is the time after which a look says whether a start is late,
	// WaitSeconds how long each start was awaited.
	LimitSeconds float64 `json:"limitSeconds"`
	WaitSeconds  float64 `json:"waitSeconds"`
	// Priming starts bring the image to each node; they are not judged.
	Priming []Start `json:"priming"`
	// Warm starts find the image on the node.
	Warm []Start `json:"warm"`
	// ColdGiven says that the site named an image that no node has; Cold are
	// its starts.
	ColdGiven bool    `json:"coldGiven"`
	Cold      []Start `json:"cold"`
	// Specimen opens its readiness port only SpecimenSeconds after its start:
	// it proves that the measurement notices a late one.
	Specimen        Start   `json:"specimen"`
	SpecimenSeconds float64 `json:"specimenSeconds"`
}

// Image says where a start had its image from, read from the pod's events.
type Image string

// Where an image was from.
const (
	// ImagePresent: it was on the node, and nothing was pulled.
	ImagePresent Image = "present"
	// ImagePulled: the kubelet asked the registry, for the layers or, where
	// every start must, only for their names.
	ImagePulled Image = "pulled"
	// ImageUnknown: no event told.
	ImageUnknown Image = "unknown"
)

// Start is one start of a pod. All times are seconds of the runner's monotonic
// clock since just before the request.
type Start struct {
	// Node by index; Round counts from 1, 0 for starts outside of rounds.
	Node  int `json:"node"`
	Round int `json:"round"`
	// Accepted says that the API server took the pod.
	Accepted bool `json:"accepted"`
	// Scheduled says that the pod got its node, after ScheduledSeconds.
	Scheduled        bool    `json:"scheduled"`
	ScheduledSeconds float64 `json:"scheduledSeconds"`
	// Image, and for a pull how long it took together with its waiting.
	Image       Image   `json:"image"`
	PullSeconds float64 `json:"pullSeconds"`
	// Ready says that the pod was seen ready after Seconds; if not, Seconds is
	// how long it was awaited.
	Ready   bool    `json:"ready"`
	Seconds float64 `json:"seconds"`
	// NotReadyAfterLimit says that a look at the pod which began LimitSeconds or
	// more after it was seen scheduled showed it not ready. It is what makes a
	// start late: a watch that lags makes only Seconds too long.
	NotReadyAfterLimit bool `json:"notReadyAfterLimit"`
	// Trouble is why the pod was not ready when the waiting ended.
	Trouble cluster.Trouble `json:"trouble"`
}
