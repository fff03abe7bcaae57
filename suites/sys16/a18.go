package sys16

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultRootUser,
	With:  v1alpha1.T("unter dem Benutzer root oder ohne Angabe, die das verhindert", "under the user root, or without anything that keeps it from that"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine require-run-as-non-root durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch require-run-as-non-root in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A18/root-user-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Pods nicht an, die als root laufen können",
		"The cluster does not admit pods that may run as root"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A18-UA.1", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A17-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"013 require-run-as-non-root"},
})...)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultRootGroup,
	With:  v1alpha1.T("mit der Gruppe 0 (runAsGroup, fsGroup oder supplementalGroups)", "with the group 0 (runAsGroup, fsGroup or supplementalGroups)"),
	Remedy: v1alpha1.T(
		"Pod Security kennt diese Regel nicht: In der Policy-Engine oder als ValidatingAdmissionPolicy require-non-root-groups durchsetzend schalten (nicht nur „Audit“ oder „warn“), für alle Arten von Containern.",
		"Pod Security does not know this rule: switch require-non-root-groups to enforcing (not merely \"Audit\" or \"warn\") in the policy engine or as a ValidatingAdmissionPolicy, for every kind of container."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A18/root-group-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Pods mit der Gruppe root nicht an",
		"The cluster does not admit pods with the group root"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A18-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"018 require-non-root-groups"},
})...)
