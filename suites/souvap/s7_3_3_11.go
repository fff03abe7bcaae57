package souvap

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/wire"
)

var _ = check.Register(check.Of(check.Meta{
	ID: "SOUVAP.7.3.3.11/host-to-host-encrypted",
	Title: v1alpha1.T(
		"Was ein Node einem anderen schickt, verlässt ihn verschlüsselt",
		"What a node sends to another leaves it encrypted"),
	Area:   check.Network,
	Covers: []check.Covers{{Statement: "SOUVAP.7.3.3.11-UA.1", Decides: v1alpha1.Part}},
}, wire.Probe, wireLeg{
	of:   func(o wire.Observation) wire.Leg { return o.HostToHost },
	name: v1alpha1.T("von Node zu Node", "from node to node"),
	remedy: v1alpha1.T(
		"Auch den Verkehr der Nodes selbst verschlüsseln: die Node-Verschlüsselung des CNI einschalten, wo es eine hat, oder IPsec oder WireGuard unter dem Cluster einrichten.",
		"Encrypt the traffic of the nodes themselves too: switch on the CNI's encryption of nodes where it has one, or set up IPsec or WireGuard below the cluster."),
}.judge))
