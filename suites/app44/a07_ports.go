package app44

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/ports"
)

var _ = check.Register(ports.Reach{
	Kinds: []ports.Kind{ports.SSH, ports.Kubelet, ports.KubeletReadOnly, ports.ControllerManager, ports.Scheduler, ports.Runtime, ports.RuntimeTLS, ports.Management},
	// A node without a kubelet is none.
	Always: []ports.Kind{ports.Kubelet},
	None: v1alpha1.T(
		"An keinem der Ports lauscht jemand; damit ist nichts bewiesen.",
		"Nobody listens on any of the ports; that proves nothing."),
	Required: v1alpha1.T(
		"Ports, über die Nodes, Runtime und Kubernetes verwaltet werden, nehmen keine Verbindung aus Pods der Mandanten an.",
		"Ports by which nodes, runtime and Kubernetes are administered take no connection from pods of tenants."),
	Remedy: v1alpha1.T(
		"Den Port auf jedem Node für das Netz der Pods sperren: durch die Firewall der Nodes (auf dem Node des Pods und auf dem Ziel) oder eine clusterweite Policy des CNI, die Mandanten nicht aufheben können. Dienste, die nur der Node selbst braucht, an 127.0.0.1 binden. Pods der Plattform, die den Port brauchen, einzeln zulassen.",
		"Close the port on each node to the pods' network: by the nodes' firewall (on the pod's node and on the target) or a cluster-wide policy of the CNI that tenants can not lift. Bind services that only the node itself needs to 127.0.0.1. Allow pods of the platform that need the port one by one."),
}.Check(check.Meta{
	ID: "APP.4.4.A7/management-ports-unreachable-from-pods",
	Title: v1alpha1.T(
		"Verwaltungsports der Nodes sind aus Pods der Mandanten nicht erreichbar",
		"Management ports of nodes can not be reached from pods of tenants"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.4", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A5-UA.1", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A5-UA.2", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(ports.Reach{
	Kinds:        []ports.Kind{ports.EtcdClient, ports.EtcdPeer, ports.EtcdMetrics},
	Certificates: true,
	None: v1alpha1.T(
		"Auf keinem der Nodes lauscht etcd für andere. Läuft es anderswo, seine Ports in der Site-Datei unter managementTargets nennen; lauscht es nur für den Node selbst, ist nichts zu sperren.",
		"On none of the nodes etcd listens for others. Where it runs elsewhere, name its ports in the site file under managementTargets; where it listens for the node itself only, there is nothing to close."),
	Required: v1alpha1.T(
		"etcd nimmt keine Verbindung aus Pods der Mandanten an.",
		"etcd takes no connection from pods of tenants."),
	Remedy: v1alpha1.T(
		"Die Ports von etcd nur für API-Server und andere etcd öffnen (Firewall der Nodes, auf dem Node des Pods und auf dem Ziel), Client-Zertifikate verlangen (client-cert-auth, peer-client-cert-auth) und die Metriken an 127.0.0.1 binden.",
		"Open etcd's ports only to API servers and other etcds (the nodes' firewall, on the pod's node and on the target), demand client certificates (client-cert-auth, peer-client-cert-auth) and bind the metrics to 127.0.0.1."),
}.Check(check.Meta{
	ID: "APP.4.4.A7/etcd-unreachable-from-pods",
	Title: v1alpha1.T(
		"etcd ist aus Pods der Mandanten nicht erreichbar",
		"etcd can not be reached from pods of tenants"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.4", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A5-UA.1", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(ports.Credentials(check.Meta{
	ID: "APP.4.4.A7/kubelet-refuses-without-credentials",
	Title: v1alpha1.T(
		"Das Kubelet antwortet niemandem ohne Zugangsdaten oder ohne Recht",
		"The kubelet answers nobody without credentials or without the right"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.4", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A5-UA.2", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.10-UA.1", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(ports.Declared(check.Meta{
	ID: "APP.4.4.A7/api-server-reachable-as-declared",
	Title: v1alpha1.T(
		"Pods der Mandanten erreichen API-Server nur, wo die Site es begründet",
		"Pods of tenants reach API servers only where the site gives a reason"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.4", Decides: v1alpha1.Part},
	},
}))
