package souvap

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/tls"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/wire"
)

// What nodes say to each other they say through these endpoints. That nothing
// else passes between them unencrypted is not for these checks.
func trafficBetweenNodes() []check.Covers {
	return []check.Covers{
		{Statement: "SOUVAP.7.3.3.11-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.14.1-UA.1", Decides: v1alpha1.Part},
	}
}

var _ = check.Register(check.Of(check.Meta{
	ID: "SOUVAP.7.3.3.11/api-server-tls",
	Title: v1alpha1.T(
		"Jeder API-Server spricht nur zeitgemäßes TLS",
		"Every API server speaks modern TLS only"),
	Area:     check.Network,
	Covers:   trafficBetweenNodes(),
	Policies: []string{},
}, tls.Probe, tls.Rule{
	Kinds: []tls.Kind{tls.APIServer},
	Remedy: v1alpha1.T(
		"Bei jedem API-Server --tls-min-version auf VersionTLS12 oder höher setzen und --tls-cipher-suites weglassen oder auf Suites nach BSI TR-02102-2 beschränken. Steht ein Proxy oder Loadbalancer davor, der TLS selbst spricht, dort ebenso.",
		"Set --tls-min-version of every API server to VersionTLS12 or higher, and leave --tls-cipher-suites away or restrict it to suites of BSI TR-02102-2. If a proxy or load balancer in front speaks TLS itself, do the same there."),
}.Judge))

var _ = check.Register(check.Of(check.Meta{
	ID: "SOUVAP.7.3.3.11/kubelet-tls",
	Title: v1alpha1.T(
		"Jedes Kubelet spricht nur zeitgemäßes TLS",
		"Every kubelet speaks modern TLS only"),
	Area:     check.Network,
	Covers:   trafficBetweenNodes(),
	Policies: []string{},
}, tls.Probe, tls.Rule{
	Kinds: []tls.Kind{tls.Kubelet},
	Remedy: v1alpha1.T(
		"In der KubeletConfiguration jedes Nodes tlsMinVersion auf VersionTLS12 oder höher setzen und tlsCipherSuites weglassen oder auf Suites nach BSI TR-02102-2 beschränken.",
		"In the KubeletConfiguration of every node set tlsMinVersion to VersionTLS12 or higher, and leave tlsCipherSuites away or restrict it to suites of BSI TR-02102-2."),
}.Judge))

var _ = check.Register(check.Of(check.Meta{
	ID: "SOUVAP.7.3.3.11/control-plane-tls",
	Title: v1alpha1.T(
		"Jeder etcd, Controller Manager und Scheduler spricht nur zeitgemäßes TLS",
		"Every etcd, controller manager and scheduler speaks modern TLS only"),
	Area:     check.Network,
	Covers:   trafficBetweenNodes(),
	Policies: []string{},
}, tls.Probe, tls.Rule{
	Kinds: []tls.Kind{tls.Etcd, tls.ControllerManager, tls.Scheduler},
	Remedy: v1alpha1.T(
		"etcd nur mit https in --listen-client-urls betreiben, --tls-min-version auf TLS1.2 oder höher setzen und --cipher-suites weglassen oder auf Suites nach BSI TR-02102-2 beschränken; bei Controller Manager und Scheduler --tls-min-version und --tls-cipher-suites ebenso.",
		"Run etcd with https only in --listen-client-urls, set --tls-min-version to TLS1.2 or higher, and leave --cipher-suites away or restrict it to suites of BSI TR-02102-2; do the same with --tls-min-version and --tls-cipher-suites of controller manager and scheduler."),
}.Judge))

var _ = check.Register(check.Of(check.Meta{
	ID: "SOUVAP.7.3.3.11/host-to-host-encrypted",
	Title: v1alpha1.T(
		"Was ein Node einem anderen schickt, verlässt ihn verschlüsselt",
		"What a node sends to another leaves it encrypted"),
	Area:   check.Network,
	Covers: []check.Covers{{Statement: "SOUVAP.7.3.3.11-UA.1", Decides: v1alpha1.Part}},
}, wire.Probe, wireLeg{
	of:    func(o wire.Observation) wire.Leg { return o.HostToHost },
	hosts: true,
	name:  v1alpha1.T("von Node zu Node", "from node to node"),
	remedy: v1alpha1.T(
		"Auch den Verkehr der Nodes selbst verschlüsseln: die Node-Verschlüsselung des CNI einschalten, wo es eine hat, und Nodes der Control Plane nicht davon ausnehmen (bei Cilium node-encryption-opt-out-labels); oder IPsec oder WireGuard unter dem Cluster einrichten.",
		"Encrypt the traffic of the nodes themselves too: switch on the CNI's encryption of nodes where it has one, and do not exempt nodes of the control plane from it (with Cilium node-encryption-opt-out-labels); or set up IPsec or WireGuard below the cluster."),
}.judge))
