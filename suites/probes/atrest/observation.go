package atrest

import "gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"

// Observation is how each API server stored Secrets that the probe made.
type Observation struct {
	// Listed is how many addresses of API servers the cluster names.
	Listed int `json:"listed"`
	// Servers has one entry for each of them, in no order that means anything.
	Servers []Server `json:"servers"`
}

// Server is one API server.
type Server struct {
	// Via is one of the Via constants.
	Via Via `json:"via"`
	// Trouble is TroubleNone, or why the windows are not all there.
	Trouble Trouble `json:"trouble"`
	// StorageMetrics says that the server publishes the family of metrics to
	// which the one that is counted here belongs: a counter with labels
	// is not shown before its first count, and absent is not zero.
	StorageMetrics bool `json:"storageMetrics"`
	// DisabledMetrics is how many metrics an administrator switched off; -1
	// when the server does not tell.
	DisabledMetrics int64 `json:"disabledMetrics"`
	// Windows in the order in which they ran.
	Windows []Window `json:"windows"`
}

// Via is how a server was reached.
type Via = cluster.Via

// Ways.
const (
	ViaNothing        = cluster.ViaNothing
	ViaEndpoint       = cluster.ViaEndpoint
	ViaConfiguredHost = cluster.ViaConfiguredHost
)

// Trouble that kept the probe from looking: that of the cluster package, and
// that of creating Secrets.
type Trouble string

// Kinds of trouble.
const (
	TroubleNone                   = Trouble(cluster.ServerFine)
	TroubleUnreachable            = Trouble(cluster.ServerUnreachable)
	TroubleCertificate            = Trouble(cluster.ServerCertificate)
	TroubleUnauthorised           = Trouble(cluster.ServerUnauthorised)
	TroubleForbidden              = Trouble(cluster.ServerForbidden)
	TroubleNoMetrics              = Trouble(cluster.ServerNoMetrics)
	TroubleTooLarge               = Trouble(cluster.ServerTooLarge)
	TroubleNotParsed              = Trouble(cluster.ServerNotParsed)
	TroubleTimeout                = Trouble(cluster.ServerTimeout)
	TroubleServer                 = Trouble(cluster.ServerError)
	TroubleSecretQuota    Trouble = "secretsQuota"
	TroubleSecretRefused  Trouble = "secretsRefused"
	TroubleSecretNoAnswer Trouble = "secretsNoAnswer"
)

// Window is what a server counted between two looks, while the probe created
// Dose Secrets through it. A window of dose 0 is the baseline.
type Window struct {
	Dose    int     `json:"dose"`
	Seconds float64 `json:"seconds"`
	// SameProcess says that both looks saw the same start time of the process;
	// without it the growth means nothing.
	SameProcess bool `json:"sameProcess"`
	// Requests is the growth of the server's own count of Secrets created.
	Requests int64 `json:"requests"`
	// PerResource says whether the counts below are of Secrets alone
	// (Kubernetes 1.34 and later) or of every resource.
	PerResource PerResource `json:"perResource"`
	// Growth of the count of values written to storage.
	Growth Growth `json:"growth"`
}

// PerResource tells whose values are counted.
type PerResource string

// Values of PerResource.
const (
	SecretsOnly  PerResource = "secretsOnly"
	AllResources PerResource = "allResources"
	// NoSeries: the server showed no count of values at all.
	NoSeries PerResource = "noSeries"
)

// Growth by the provider that transformed the value, known by its prefix.
type Growth struct {
	// Identity: stored in clear by an explicit "identity" provider.
	Identity       int64 `json:"identity"`
	Secretbox      int64 `json:"secretbox"`
	AESCBC         int64 `json:"aescbc"`
	AESGCM         int64 `json:"aesgcm"`
	KMS            int64 `json:"kms"`
	OtherEncrypted int64 `json:"otherEncrypted"`
	// Unknown are prefixes of no provider. With secretbox, aescbc and aesgcm
	// each value is counted here once more, under the name of its key, which
	// is the site's and stays there.
	Unknown int64 `json:"unknown"`
}

// Encrypted is the sum over all providers that encrypt.
func (g Growth) Encrypted() int64 {
	return g.Secretbox + g.AESCBC + g.AESGCM + g.KMS + g.OtherEncrypted
}

// IsZero reports whether nothing at all was counted.
func (g Growth) IsZero() bool { return g == Growth{} }
