package sys16

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultWritableRoot,
	With:  v1alpha1.T("ohne readOnlyRootFilesystem=true", "without readOnlyRootFilesystem=true"),
	Remedy: v1alpha1.T(
		"Pod Security kennt diese Regel nicht: In der Policy-Engine oder als ValidatingAdmissionPolicy require-ro-rootfs durchsetzend schalten (nicht nur „Audit“ oder „warn“), für alle Arten von Containern.",
		"Pod Security does not know this rule: switch require-ro-rootfs to enforcing (not merely \"Audit\" or \"warn\") in the policy engine or as a ValidatingAdmissionPolicy, for every kind of container."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A23/writable-root-filesystem-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Container mit beschreibbarem Wurzeldateisystem nicht an",
		"The cluster does not admit containers with a writable root file system"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A23-UA.1", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A23-UA.2", Decides: v1alpha1.Part},
	},
	Policies: []string{"012 require-ro-rootfs"},
})...)
