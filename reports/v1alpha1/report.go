package v1alpha1

import "time"

// ConformanceReport is what one run says of one site.
type ConformanceReport struct {
	TypeMeta `json:",inline"`
	Suite    Suite        `json:"suite"`
	Site     SiteSummary  `json:"site"`
	Cluster  ClusterFacts `json:"cluster"`
	Run      Run          `json:"run"`
	// Results holds exactly one result for every registered check, sorted by
	// check ID.
	Results []Result `json:"results"`
	// Statements holds every statement of the catalogue, in its order.
	Statements []StatementState `json:"statements"`
	// Requirements holds every requirement of the catalogue, in its order.
	Requirements []RequirementState `json:"requirements"`
	Conclusion   Conclusion         `json:"conclusion"`
	// Answers are the site's, from its file, in its order. Each counts as of
	// the start of the run.
	Answers []Answer `json:"answers,omitempty"`
	// Waivers are the site's, from its file, in its order.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// Suite says which program and which catalogue made the report.
type Suite struct {
	// Version of bvc, such as v0.1.0 or "devel".
	Version string `json:"version"`
	// Commit is the hex commit, with "-dirty" when the tree was changed.
	Commit          string `json:"commit"`
	CatalogueDigest string `json:"catalogueDigest"`
	// Image is the reference by digest of the probes' image as it ran.
	Image string `json:"image"`
}

// SiteSummary is what the report repeats of the site file.
type SiteSummary struct {
	Name           string         `json:"name"`
	Organisation   string         `json:"organisation"`
	Contact        string         `json:"contact,omitempty"`
	ProtectionNeed ProtectionNeed `json:"protectionNeed"`
	// FileDigest is "sha256:" and the hash of the site file's bytes.
	FileDigest string `json:"fileDigest"`
}

// ClusterFacts is the cluster as it was observed; a field that could not be
// observed holds "unknown", never a guess.
type ClusterFacts struct {
	// Distribution such as kubeadm, openshift, rke2, k3s, tkgi, kind, unknown.
	Distribution string `json:"distribution"`
	// KubernetesVersion is the API server's gitVersion.
	KubernetesVersion string      `json:"kubernetesVersion"`
	Nodes             []NodeGroup `json:"nodes"`
	// CNI, PolicyEngines and so on are recognised products, sorted.
	CNI           []string       `json:"cni"`
	PolicyEngines []string       `json:"policyEngines"`
	Storage       []StorageClass `json:"storage"`
	// TenantIdentity: serviceAccount (token of the tenant ServiceAccount) or
	// self (the run's own user acted as tenant).
	TenantIdentity string `json:"tenantIdentity"`
	// Rights lists each right that a check or the tool declares and whether
	// the run had it, sorted.
	Rights []RightState `json:"rights"`
	// Gaps lists the facts that could not be observed and why, sorted.
	Gaps []string `json:"gaps,omitempty"`
}

// NodeGroup counts nodes that are alike; nodes have no names in a report.
type NodeGroup struct {
	// Role: control-plane or worker.
	Role             string `json:"role"`
	OS               string `json:"os"`
	Kernel           string `json:"kernel"`
	Architecture     string `json:"architecture"`
	ContainerRuntime string `json:"containerRuntime"`
	Kubelet          string `json:"kubelet"`
	Schedulable      bool   `json:"schedulable"`
	Count            int    `json:"count"`
}

// StorageClass is one class by provisioner; its name stays in the cluster.
type StorageClass struct {
	Provisioner string `json:"provisioner"`
	Default     bool   `json:"default"`
	Count       int    `json:"count"`
}

// RightState is one declared right and whether the run had it.
type RightState struct {
	// Right such as "runner: list nodes" or "tenant: create pods in tenant namespaces".
	Right   string `json:"right"`
	Granted bool   `json:"granted"`
}

// Run says how the run went, so that another can repeat it.
type Run struct {
	// ID is on every object of the run.
	ID         string    `json:"id"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	// Via: sonobuoy or direct.
	Via string `json:"via"`
	// Mode of the namespaces: prepared or fresh.
	Mode string `json:"mode"`
	// Filter is the label filter, empty for all checks.
	Filter string `json:"filter"`
	// Arguments are the command line's words after the program's name.
	Arguments []string `json:"arguments"`
	// Interrupted says that the run was cut short by a signal or its timeout.
	Interrupted bool `json:"interrupted"`
	// APIRequests counts the requests that the run sent to API servers.
	APIRequests int64 `json:"apiRequests"`
	// PeakMemoryBytes is the highest resident set of the runner, 0 where the
	// system does not tell.
	PeakMemoryBytes int64 `json:"peakMemoryBytes"`
	// Leftovers counts objects of the run by resource that cleanup could not
	// remove; empty after a clean run.
	Leftovers []Leftover `json:"leftovers,omitempty"`
}

// Leftover is a finding of its own: objects that the run made and that are still there.
type Leftover struct {
	// Resource such as pods.
	Resource string `json:"resource"`
	Count    int    `json:"count"`
	// Reason is the last error or state.
	Reason string `json:"reason"`
}

// Result is what one check says.
type Result struct {
	// CheckID such as SYS.1.6.A17/privileged-pod-rejected.
	CheckID string  `json:"checkID"`
	Outcome Outcome `json:"outcome"`
	// Reason says in one sentence why the outcome is what it is; always
	// there unless the outcome is fail, whose findings say it.
	Reason Text `json:"reason"`
	// Findings are the deviations; at least one when the outcome is fail, none otherwise.
	Findings []Finding `json:"findings,omitempty"`
	// Controls are the conditions under which the observation means anything.
	Controls []Control `json:"controls,omitempty"`
	// Figures are measured values that do not decide.
	Figures []Figure `json:"figures,omitempty"`
	// Matrix sets what was expected beside what was observed, for checks that
	// look at many things alike.
	Matrix []MatrixRow `json:"matrix,omitempty"`
	// Observations the check judged.
	Observations []ObservationRef `json:"observations,omitempty"`
	// Attempts is how often the deciding observation was repeated.
	Attempts int `json:"attempts,omitempty"`
	// DurationSeconds of the check's probes.
	DurationSeconds float64 `json:"durationSeconds"`
}

// Finding is one difference between required and observed.
type Finding struct {
	Required Text `json:"required"`
	Observed Text `json:"observed"`
	// Object on which it was observed, such as "pod of the run on worker 2";
	// objects of the site have no names here.
	Object Text `json:"object"`
	Remedy Text `json:"remedy"`
}

// Control is one condition and whether it held.
type Control struct {
	Name Text `json:"name"`
	Held bool `json:"held"`
	// Detail says what was seen.
	Detail Text `json:"detail"`
}

// MatrixRow is one thing that was looked at.
type MatrixRow struct {
	What     Text `json:"what"`
	Expected Text `json:"expected"`
	Observed Text `json:"observed"`
	// Deviates says that the observation is a deviation. What was not observed
	// as expected otherwise is a control that did not hold.
	Deviates bool `json:"deviates"`
}

// Figure is a measured value.
type Figure struct {
	Name  Text    `json:"name"`
	Value float64 `json:"value"`
	// Unit such as s, or 1 for counts.
	Unit string `json:"unit"`
}

// ObservationRef names an observation in the evidence.
type ObservationRef struct {
	Probe string `json:"probe"`
	// SHA256 is "sha256:" and the hash of the observation's data as it is
	// written in the evidence.
	SHA256 string `json:"sha256"`
}

// StatementState is what is known of one statement.
type StatementState struct {
	ID    string `json:"id"`
	State State  `json:"state"`
}

// RequirementState is what is known of one requirement.
type RequirementState struct {
	ID string `json:"id"`
	// State is the worst of its statements.
	State State `json:"state"`
	// Counts says whether the requirement counts at the site's protection need.
	Counts bool `json:"counts"`
	// Muss and Sollte are kept apart.
	Muss   Tally `json:"muss"`
	Sollte Tally `json:"sollte"`
}

// Tally is n of m statements.
type Tally struct {
	// Settled: pass, declared or notApplicable.
	Settled int `json:"settled"`
	// Failed: a deviation was observed.
	Failed int `json:"failed"`
	// Total statements.
	Total int `json:"total"`
}

// Conclusion is the run in one word and the figures behind it.
type Conclusion struct {
	Result ConclusionWord `json:"result"`
	// Because lists the check IDs that made it so, sorted; for inconclusive
	// also "statements" when statements are open, and "run" when the run
	// itself was not complete.
	Because []string `json:"because"`
	// Checks counts results by outcome.
	Checks OutcomeCounts `json:"checks"`
	// Requirements counts requirements by state, hoch included.
	Requirements StateCounts `json:"requirements"`
	// Statements counts statements by state, MUSS and SOLLTE apart.
	Muss   StateCounts `json:"muss"`
	Sollte StateCounts `json:"sollte"`
}

// OutcomeCounts counts results by outcome.
type OutcomeCounts struct {
	Pass          int `json:"pass"`
	Fail          int `json:"fail"`
	Inconclusive  int `json:"inconclusive"`
	NotApplicable int `json:"notApplicable"`
	NotRun        int `json:"notRun"`
}

// StateCounts counts statements or requirements by state.
type StateCounts struct {
	Pass           int `json:"pass"`
	Fail           int `json:"fail"`
	PartlyObserved int `json:"partlyObserved"`
	Inconclusive   int `json:"inconclusive"`
	NotApplicable  int `json:"notApplicable"`
	Declared       int `json:"declared"`
	Open           int `json:"open"`
}
