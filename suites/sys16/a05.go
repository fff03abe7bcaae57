package sys16

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

var _ = check.Register(reachability.Dimension{
	Default: true,
	Of: func(e reachability.Expectation) bool {
		return e.Stage == reachability.StageBareClients
	},
	Required: v1alpha1.T(
		"Von Pods, für die niemand eine NetworkPolicy angelegt hat, geht keine Verbindung aus, auch nicht zu Servern, die jedem offen stehen.",
		"From pods for which nobody made a NetworkPolicy no connection goes out, not even to servers that are open to everybody."),
	Remedy: v1alpha1.T(
		"Jedem Namespace der Mandanten bei seiner Anlage eine NetworkPolicy geben, die auch ausgehenden Verkehr sperrt (podSelector: {}, policyTypes: [Ingress, Egress]), und benötigte Verbindungen (DNS, eigene Dienste) einzeln freigeben.",
		"Give each namespace of tenants at its making a NetworkPolicy that closes outgoing traffic as well (podSelector: {}, policyTypes: [Ingress, Egress]), and allow needed connections (DNS, own services) one by one."),
}.Check(check.Meta{
	ID: "SYS.1.6.A5/default-deny-outgoing",
	Title: v1alpha1.T(
		"Ausgehender Verkehr der Pods ist von vornherein gesperrt",
		"Outgoing traffic of pods is closed from the outset"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A5-UA.3", Decides: v1alpha1.Part},
		{Statement: "APP.4.4.A18-UA.2", Decides: v1alpha1.Part},
	},
}))
