package sys16

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(admission.Rule{
	Fault: admission.FaultPullPolicy,
	With:  v1alpha1.T("mit dem Tag latest und einer anderen imagePullPolicy als Always", "with the tag latest and another imagePullPolicy than Always"),
	Remedy: v1alpha1.T(
		"Das Admission-Plugin AlwaysPullImages in den API-Servern einschalten oder in der Policy-Engine imagepullpolicy-always durchsetzend schalten.",
		"Turn on the admission plugin AlwaysPullImages in the API servers, or switch imagepullpolicy-always in the policy engine to enforcing."),
}.Checks(check.Meta{
	ID: "SYS.1.6.A14/image-pull-always",
	Title: v1alpha1.T(
		"Der Cluster nimmt Container mit dem Tag latest, die ihr Image nicht bei jedem Start prüfen, nicht an",
		"The cluster does not admit containers with the tag latest that do not check their image at every start"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A14-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"imagepullpolicy-always"},
})...)
