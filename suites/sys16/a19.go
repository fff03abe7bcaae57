package sys16

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultHostPath,
	With:  v1alpha1.T("mit einem hostPath-Volume", "with a hostPath volume"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „baseline“ oder „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine die Regel zu hostPath durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"baseline\" or \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch the rule on hostPath in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A19/host-path-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Pods mit hostPath-Volumes nicht an",
		"The cluster does not admit pods with hostPath volumes"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A19-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.10-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"009 (hostPath)"},
})...)
