package app44

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

var _ = check.Register(reachability.Dimension{
	Of: func(e reachability.Expectation) bool {
		if e.Way != reachability.TCP {
			return false
		}
		switch e.Stage {
		case reachability.StagePodLabel:
			return e.Who == reachability.GoodLocal || e.Who == reachability.OtherLocal
		case reachability.StageBothLabels:
			return e.Who == reachability.Good || e.Who == reachability.Other
		}
		return false
	},
	Required: v1alpha1.T(
		"Eine NetworkPolicy, die Pods mit einem Label zulässt, lässt keine anderen Pods desselben Namespace zu.",
		"A NetworkPolicy that lets pods with a label in lets in no other pods of the same namespace."),
	Remedy: networkRemedy(),
}.Check(check.Meta{
	ID: "APP.4.4.A18/network-policy-tells-pods",
	Title: v1alpha1.T(
		"NetworkPolicies unterscheiden Pods desselben Namespace nach Labels",
		"NetworkPolicies tell pods of the same namespace apart by labels"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A18-UA.1", Decides: v1alpha1.Part},
		{Statement: "APP.4.4.A18-UA.3", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(reachability.Dimension{
	Default: true,
	Of: func(e reachability.Expectation) bool {
		return e.Stage == reachability.StageBareServers && (e.Who == reachability.GoodLocal || e.Who == reachability.OtherLocal)
	},
	Required: v1alpha1.T(
		"Pods, für die niemand eine NetworkPolicy angelegt hat, sind auch von Pods desselben Namespace nicht zu erreichen.",
		"Pods for which nobody made a NetworkPolicy can not be reached by pods of the same namespace either."),
	Remedy: v1alpha1.T(
		"Jedem Namespace der Mandanten bei seiner Anlage eine NetworkPolicy geben, die jeden Verkehr sperrt (podSelector: {}, policyTypes: [Ingress, Egress]), und benötigte Verbindungen einzeln freigeben.",
		"Give each namespace of tenants at its making a NetworkPolicy that closes all traffic (podSelector: {}, policyTypes: [Ingress, Egress]), and allow needed connections one by one."),
}.Check(check.Meta{
	ID: "APP.4.4.A18/default-deny-within-namespace",
	Title: v1alpha1.T(
		"Auch innerhalb eines Namespace ist Verkehr von vornherein gesperrt",
		"Traffic within a namespace is closed from the outset, too"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A18-UA.1", Decides: v1alpha1.Part},
		{Statement: "APP.4.4.A18-UA.2", Decides: v1alpha1.Part},
	},
}))
