package app44

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultHostNamespaces,
	With:  v1alpha1.T("mit hostPID, hostIPC oder hostNetwork", "with hostPID, hostIPC or hostNetwork"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „baseline“ oder „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine disallow-host-namespaces durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"baseline\" or \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch disallow-host-namespaces in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "APP.4.4.A4/host-namespaces-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Pods in Namespaces des Hosts nicht an",
		"The cluster does not admit pods in the host's namespaces"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A4-UA.2", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.10-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"102 disallow-host-namespaces"},
})...)
