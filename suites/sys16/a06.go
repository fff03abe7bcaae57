package sys16

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultRegistry,
	With:  v1alpha1.T("mit einem Image aus der Registry registry.invalid", "with an image from the registry registry.invalid"),
	Remedy: v1alpha1.T(
		"Pod Security kennt diese Regel nicht: In der Policy-Engine oder als ValidatingAdmissionPolicy restrict-image-registries durchsetzend schalten (nicht nur „Audit“ oder „warn“), für alle Arten von Containern.",
		"Pod Security does not know this rule: switch restrict-image-registries to enforcing (not merely \"Audit\" or \"warn\") in the policy engine or as a ValidatingAdmissionPolicy, for every kind of container."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A6/foreign-registry-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Images aus fremden Registries nicht an",
		"The cluster does not admit images from foreign registries"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A6-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"004 restrict-image-registries"},
})...)
