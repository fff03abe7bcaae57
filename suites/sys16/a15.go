package sys16

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultResources,
	With:  v1alpha1.T("ohne Speichergrenze oder ohne angeforderte Rechenzeit oder angeforderten Speicher", "without a memory limit, or without requested CPU or memory"),
	Remedy: v1alpha1.T(
		"In den Namensräumen der Mandanten ein LimitRange mit Vorgaben oder eine ResourceQuota einrichten oder in der Policy-Engine require-limits-and-requests durchsetzend schalten.",
		"Set up a LimitRange with defaults or a ResourceQuota in the tenants' namespaces, or switch require-limits-and-requests in the policy engine to enforcing."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A15/missing-resources-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Container ohne zugesicherte und begrenzte Ressourcen nicht an",
		"The cluster does not admit containers without assured and capped resources"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A15-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"001 require-limits-and-requests"},
})...)
