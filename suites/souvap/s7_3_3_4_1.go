package souvap

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/wire"
)

var _ = check.Register(check.Of(check.Meta{
	ID: "SOUVAP.7.3.3.4.1/pod-to-service-encrypted-between-nodes",
	Title: v1alpha1.T(
		"Was ein Pod über einen Service auf einen anderen Node schickt, verlässt den Node verschlüsselt",
		"What a pod sends through a Service to another node leaves the node encrypted"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "SOUVAP.7.3.3.4.1-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.2.5-UA.1", Decides: v1alpha1.Part},
	},
}, wire.Probe, wireLeg{
	of:   func(o wire.Observation) wire.Leg { return o.PodToService },
	name: v1alpha1.T("von Pod zu Service (ClusterIP)", "from pod to Service (ClusterIP)"),
	remedy: v1alpha1.T(
		"Die Verschlüsselung zwischen Nodes im CNI (WireGuard oder IPsec) auch für Verkehr durchsetzen, der über die ClusterIP eines Service geht; den Ersatz von kube-proxy durch das CNI und dessen Ausnahmen prüfen.",
		"Enforce the CNI's encryption between nodes (WireGuard or IPsec) for traffic through the ClusterIP of a Service too; look at the CNI's replacement of kube-proxy and its exemptions."),
}.judge))
