package sys16

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultPrivileged,
	With:  v1alpha1.T("mit privileged=true", "with privileged=true"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „baseline“ oder „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine disallow-privileged-containers durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"baseline\" or \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch disallow-privileged-containers in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A17/privileged-pod-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt privilegierte Pods von Mandanten nicht an",
		"The cluster does not admit privileged pods of tenants"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A17-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.10-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"015 disallow-privileged-containers"},
})...)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultCapabilities,
	With:  v1alpha1.T("mit der zusätzlichen Capability NET_ADMIN", "with the added capability NET_ADMIN"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „baseline“ oder „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine disallow-add-capabilities durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"baseline\" or \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch disallow-add-capabilities in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A17/added-capabilities-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Pods mit zusätzlichen Capabilities nicht an",
		"The cluster does not admit pods with added capabilities"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A17-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"014 disallow-add-capabilities"},
})...)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultEscalation,
	With:  v1alpha1.T("mit erlaubter Rechteausweitung (allowPrivilegeEscalation)", "with privilege escalation allowed (allowPrivilegeEscalation)"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine die Regel zu allowPrivilegeEscalation durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch the rule on allowPrivilegeEscalation in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A17/privilege-escalation-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Pods nicht an, deren Prozesse Rechte hinzugewinnen können",
		"The cluster does not admit pods whose processes can gain privileges"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A17-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"016 (allowPrivilegeEscalation)"},
})...)
