package sys16

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultProcMount,
	With:  v1alpha1.T("mit procMount=Unmasked", "with procMount=Unmasked"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine require-default-proc-mount durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch require-default-proc-mount in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A21/unmasked-proc-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Container mit unmaskiertem /proc nicht an",
		"The cluster does not admit containers with an unmasked /proc"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A21-UA.3", Decides: v1alpha1.Part},
	},
	Policies: []string{"027 require-default-proc-mount"},
})...)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultSeccomp,
	With:  v1alpha1.T("mit seccompProfile=Unconfined", "with seccompProfile=Unconfined"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „baseline“ oder „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine die Regel zu seccomp durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"baseline\" or \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch the rule on seccomp in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A21/seccomp-unconfined-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Container ohne seccomp-Filter nicht an",
		"The cluster does not admit containers without a seccomp filter"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A21-UA.3", Decides: v1alpha1.Part},
	},
	Policies: []string{"027 (seccomp)"},
})...)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultAppArmor,
	With:  v1alpha1.T("mit appArmorProfile=Unconfined", "with appArmorProfile=Unconfined"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „baseline“ oder „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine restrict-apparmor durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"baseline\" or \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch restrict-apparmor in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A21/apparmor-unconfined-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Container, die AppArmor abschalten, nicht an",
		"The cluster does not admit containers that turn AppArmor off"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A21-UA.2", Decides: v1alpha1.Part},
	},
	Policies: []string{"026 restrict-apparmor"},
})...)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultSELinux,
	With:  v1alpha1.T("mit dem SELinux-Typ spc_t", "with the SELinux type spc_t"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „baseline“ oder „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine disallow-selinux-options durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"baseline\" or \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch disallow-selinux-options in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A21/selinux-options-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Container mit eigenen SELinux-Angaben nicht an",
		"The cluster does not admit containers with SELinux options of their own"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A21-UA.2", Decides: v1alpha1.Part},
	},
	Policies: []string{"126 disallow-selinux-options"},
})...)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultSysctls,
	With:  v1alpha1.T("mit dem Sysctl kernel.msgmax", "with the sysctl kernel.msgmax"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „baseline“ oder „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine restrict-sysctls durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"baseline\" or \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch restrict-sysctls in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A21/unsafe-sysctls-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Pods mit unsicheren Sysctls nicht an",
		"The cluster does not admit pods with unsafe sysctls"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A21-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"027 restrict-sysctls"},
})...)
