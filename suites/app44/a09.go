package app44

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultServiceAccount,
	With:  v1alpha1.T("unter dem ServiceAccount „default“", "under the ServiceAccount \"default\""),
	Remedy: v1alpha1.T(
		"Pod Security kennt diese Regel nicht: In der Policy-Engine oder als ValidatingAdmissionPolicy die Regel zum ServiceAccount „default“ durchsetzend schalten (nicht nur „Audit“ oder „warn“), für alle Arten von Containern.",
		"Pod Security does not know this rule: switch the rule on the ServiceAccount \"default\" to enforcing (not merely \"Audit\" or \"warn\") in the policy engine or as a ValidatingAdmissionPolicy, for every kind of container."),
}.Checks(check.Meta{
	ID: "APP.4.4.A9/default-service-account-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Pods unter dem ServiceAccount „default“ nicht an",
		"The cluster does not admit pods under the ServiceAccount \"default\""),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A9-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"019 (default ServiceAccount)"},
})...)
