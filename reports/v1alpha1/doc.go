// Package v1alpha1 holds the published formats: what a site gives (Site), what
// a run says (ConformanceReport), what it saw (Evidence), and the catalogue
// that both refer to. The types carry data only; nothing here talks to a
// cluster, reads a clock or opens a file.
//
// Every field has a camelCase JSON tag. A field without omitempty is always
// written. Times are RFC 3339 in UTC, durations are seconds.
package v1alpha1

// APIVersion is the group and version of every document of this package.
const APIVersion = "conformance.opencode.de/v1alpha1"

// Kinds of the documents of this package.
const (
	KindSite              = "Site"
	KindConformanceReport = "ConformanceReport"
	KindEvidence          = "Evidence"
)

// Sizes that a bundle must keep (design.md, "Observations are evidence").
const (
	// MaxReportBytes bounds report.json. Of these, 256 KiB are for what is
	// measured; the rest is for what a site declares in its file.
	MaxReportBytes = 512 << 10
	// MaxEvidenceBytes bounds evidence.json.
	MaxEvidenceBytes = 4 << 20
	// MaxObservationBytes bounds the data of one probe; a larger one makes
	// its checks inconclusive and is never cut.
	MaxObservationBytes = 128 << 10
)

// Names of the files of a report bundle.
const (
	ReportFile   = "report.json"
	EvidenceFile = "evidence.json"
)

// TypeMeta says what a document is.
type TypeMeta struct {
	// APIVersion is always the constant APIVersion.
	APIVersion string `json:"apiVersion"`
	// Kind is one of the Kind constants.
	Kind string `json:"kind"`
}

// Text is one sentence or paragraph in the two languages of a report.
type Text struct {
	De string `json:"de"`
	En string `json:"en"`
}

// T makes a Text.
func T(de, en string) Text { return Text{De: de, En: en} }

// IsZero reports whether neither language says anything.
func (t Text) IsZero() bool { return t.De == "" && t.En == "" }
