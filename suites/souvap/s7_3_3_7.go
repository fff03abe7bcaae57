package souvap

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

// nodeEnforcement says why one kind of pass can not be produced here.
const nodeEnforcement = "enforcement on the nodes (CRI-O's policy.json, containerd's image verifier) is only recorded: " +
	"the nodes of the test clusters run containerd 1.6, which has no verifier"

var _ = check.Register(admission.Rule{
	Fault: admission.FaultUnsigned,
	With:  v1alpha1.T("mit einem Image ohne Signatur", "with an image without signature"),
	Remedy: v1alpha1.T(
		"Signaturen vor der Ausführung prüfen und durchsetzen, für alle Images in den Namensräumen der Mandanten und nicht nur für einzelne Pfade der Registry: mit einem Admission Controller oder in der Container-Runtime auf jedem Node.",
		"Verify signatures before images run and enforce it, for all images in the tenants' namespaces and not only for single paths of the registry: by an admission controller or in the container runtime on each node."),
}.SignatureChecks(check.Meta{
	ID:    "SOUVAP.7.3.3.7/unsigned-image-never-runs",
	Title: v1alpha1.T("Container ohne Signatur kommen nicht zur Ausführung", "Containers without signature do not run"),
	Area:  check.Admission,
	Covers: []check.Covers{
		{Statement: "SOUVAP.7.3.3.7-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.14.4-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.14.5-UA.1", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A12-UA.4", Decides: v1alpha1.Part},
	},
	Policies: []string{},
	Recorded: nodeEnforcement,
})...)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultWrongKey,
	With:  v1alpha1.T("mit einem Image, das ein fremder Schlüssel signiert hat", "with an image that a foreign key signed"),
	Remedy: v1alpha1.T(
		"Nicht nur verlangen, dass es eine Signatur gibt, sondern sie mit den Schlüsseln oder Identitäten prüfen, denen der Standort vertraut.",
		"Do not only demand that there is a signature: verify it with the keys or identities that the site trusts."),
}.SignatureChecks(check.Meta{
	ID:    "SOUVAP.7.3.3.7/foreign-signature-never-runs",
	Title: v1alpha1.T("Container mit fremder Signatur kommen nicht zur Ausführung", "Containers with a foreign signature do not run"),
	Area:  check.Admission,
	Covers: []check.Covers{
		{Statement: "SOUVAP.7.3.3.7-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.14.5-UA.1", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A6-UA.2", Decides: v1alpha1.Part},
	},
	Policies: []string{},
	Recorded: nodeEnforcement,
})...)
