package app44

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultHealth,
	With:  v1alpha1.T("ohne Liveness- oder ohne Readiness-Probe", "without a liveness or without a readiness probe"),
	Remedy: v1alpha1.T(
		"Pod Security kennt diese Regel nicht: In der Policy-Engine oder als ValidatingAdmissionPolicy require-health-and-liveness-check durchsetzend schalten (nicht nur „Audit“ oder „warn“), für alle Arten von Containern.",
		"Pod Security does not know this rule: switch require-health-and-liveness-check to enforcing (not merely \"Audit\" or \"warn\") in the policy engine or as a ValidatingAdmissionPolicy, for every kind of container."),
}.Checks(check.Meta{
	ID: "APP.4.4.A11/missing-health-probes-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Container ohne Liveness- und Readiness-Probe nicht an",
		"The cluster does not admit containers without liveness and readiness probes"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A11-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"029 require-health-and-liveness-check"},
})...)
