package sys16

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

// Traffic within a namespace is for APP.4.4.A18, which counts at a higher
// protection need only: a site that lets the pods of a namespace talk to each
// other does not deviate from a basic requirement by that.
var _ = check.Register(reachability.Dimension{
	Default: true,
	Of: func(e reachability.Expectation) bool {
		return e.Stage == reachability.StageBareClients && (e.Who == reachability.Good || e.Who == reachability.Other)
	},
	Required: v1alpha1.T(
		"Von Pods, für die niemand eine NetworkPolicy angelegt hat, geht keine Verbindung in einen anderen Namespace, auch nicht zu Servern, die jedem offen stehen.",
		"From pods for which nobody made a NetworkPolicy no connection goes to another namespace, not even to servers that are open to everybody."),
	Remedy: v1alpha1.T(
		"Jedem Namespace der Mandanten bei seiner Anlage eine NetworkPolicy geben, die auch ausgehenden Verkehr sperrt (podSelector: {}, policyTypes: [Ingress, Egress]), und benötigte Verbindungen (DNS, eigene Dienste) einzeln freigeben. Verkehr innerhalb des Namespace sperren zu lassen, verlangt erst APP.4.4.A18.",
		"Give each namespace of tenants at its making a NetworkPolicy that closes outgoing traffic as well (podSelector: {}, policyTypes: [Ingress, Egress]), and allow needed connections (DNS, own services) one by one. To have traffic within the namespace closed is asked for by APP.4.4.A18 only."),
}.Check(check.Meta{
	ID: "SYS.1.6.A5/default-deny-outgoing",
	Title: v1alpha1.T(
		"Verkehr der Pods aus ihrem Namespace hinaus ist von vornherein gesperrt",
		"Traffic of pods out of their namespace is closed from the outset"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A5-UA.3", Decides: v1alpha1.Part},
	},
}))
