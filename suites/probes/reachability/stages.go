package reachability

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// Who is a client of the segmentation probe. Good and GoodLocal carry one
// label, Other and OtherLocal another; the local ones run in the servers'
// namespace. Every policy of the stages lets the Keeper in: it shows that a
// server is there while others are shut out.
type Who string

// The clients.
const (
	Keeper     Who = "keeper"
	Good       Who = "good"
	Other      Who = "other"
	GoodLocal  Who = "goodLocal"
	OtherLocal Who = "otherLocal"
)

// Way is by which address, port and protocol a client tries a server.
type Way string

// The ways. NodePort and HostPort go to the address of the server's node,
// OtherNodePort to that of the client's, where it is another.
const (
	TCP           Way = "tcp"
	OtherTCP      Way = "otherTcp"
	UDP           Way = "udp"
	OtherUDP      Way = "otherUdp"
	Service       Way = "service"
	NodePort      Way = "nodePort"
	OtherNodePort Way = "otherNodePort"
	HostPort      Way = "hostPort"
)

// StageName names a stage.
type StageName string

// The stages, in the order in which they are run.
const (
	// StageOpen: everybody may reach the servers on every port.
	StageOpen StageName = "open"
	// StageDenied: the policy that opened is deleted, only the Keeper may.
	StageDenied StageName = "denied"
	// StagePodLabel: pods of the servers' namespace with the label of Good may,
	// on the TCP port.
	StagePodLabel StageName = "byPodLabel"
	// StageNamespaceLabel: pods of the other namespace may, on the TCP and the
	// UDP port.
	StageNamespaceLabel StageName = "byNamespaceLabel"
	// StageBothLabels: pods of the other namespace with the label of Good may,
	// on the TCP port.
	StageBothLabels StageName = "byBothLabels"
	// StageUpdated: the same on the other TCP port.
	StageUpdated StageName = "updated"
	// StageRelabelled: Good and Other have swapped their labels.
	StageRelabelled StageName = "relabelled"
	// StageEgress: the servers are open, but the pods of the other namespace may
	// leave only with the label of Good, to the servers' TCP port.
	StageEgress StageName = "egress"
	// StageOpenAgain is as StageOpen, but for the labels.
	StageOpenAgain StageName = "openAgain"
	// StageBareServers: no policy of the run selects the servers, clients may leave.
	StageBareServers StageName = "bareServers"
	// StageBareClients: no policy of the run selects the clients, the servers are open.
	StageBareClients StageName = "bareClients"
	// StageOpenLast is as StageOpenAgain.
	StageOpenLast StageName = "openLast"
)

// StageNames lists the stages in their order.
func StageNames() []StageName {
	return []StageName{StageOpen, StageDenied, StagePodLabel, StageNamespaceLabel, StageBothLabels, StageUpdated, StageRelabelled,
		StageEgress, StageOpenAgain, StageBareServers, StageBareClients, StageOpenLast}
}

// Expectation is what the policies of a stage, or the absence of any, ask of
// a client's way to a server.
type Expectation struct {
	Stage StageName
	Who   Who
	Way   Way
	Open  bool
}

// Expectations lists what is measured, between two nodes where there are two:
// what holds on one node, and on every node, is the other probe's. Ways of the
// clients in the other namespace are among it only where there is one.
func Expectations(crossNamespace bool) []Expectation {
	locals, remotes := []Who{GoodLocal, OtherLocal}, []Who{Good, Other}
	var all []Expectation
	add := func(stage StageName, open bool, who []Who, ways ...Way) {
		if !crossNamespace && slices.Contains([]StageName{StageNamespaceLabel, StageBothLabels, StageUpdated, StageRelabelled, StageEgress}, stage) {
			return // what they let in from the other namespace is then all there is
		}
		for _, w := range who {
			if !crossNamespace && (w == Good || w == Other) {
				continue
			}
			for _, way := range ways {
				all = append(all, Expectation{stage, w, way, open})
			}
		}
	}
	everybody := append(append([]Who{}, locals...), remotes...)
	for _, s := range []StageName{StageOpen, StageOpenAgain, StageOpenLast} {
		add(s, true, []Who{Keeper}, TCP, OtherTCP, UDP, OtherUDP, Service)
		add(s, true, everybody, TCP, OtherTCP, UDP, OtherUDP, Service, NodePort, OtherNodePort, HostPort)
	}
	add(StageDenied, true, []Who{Keeper}, TCP, OtherTCP, UDP, OtherUDP, Service)
	add(StageDenied, false, everybody, UDP, OtherUDP, Service, NodePort, OtherNodePort, HostPort)
	add(StagePodLabel, true, []Who{GoodLocal}, TCP)
	add(StagePodLabel, false, []Who{GoodLocal}, OtherTCP)
	add(StagePodLabel, false, []Who{OtherLocal, Good}, TCP)
	add(StageNamespaceLabel, true, remotes, TCP, UDP)
	add(StageNamespaceLabel, false, remotes, OtherTCP, OtherUDP)
	add(StageNamespaceLabel, false, locals, TCP)
	add(StageBothLabels, true, []Who{Good}, TCP)
	add(StageBothLabels, false, []Who{Other, GoodLocal}, TCP)
	add(StageUpdated, true, []Who{Good}, OtherTCP)
	add(StageUpdated, false, []Who{Good}, TCP)
	add(StageRelabelled, true, []Who{Other}, OtherTCP)
	add(StageRelabelled, false, []Who{Good}, OtherTCP)
	// Other now has the label of Good.
	add(StageEgress, true, []Who{Other}, TCP)
	add(StageEgress, false, []Who{Other}, OtherTCP, UDP)
	add(StageEgress, false, []Who{Good}, TCP, UDP)
	add(StageBareServers, false, everybody, TCP, UDP)
	add(StageBareClients, false, everybody, TCP, UDP)
	for _, s := range []StageName{StagePodLabel, StageNamespaceLabel, StageBothLabels, StageUpdated, StageRelabelled, StageEgress} {
		add(s, true, []Who{Keeper}, TCP)
	}
	return all
}

// segmentLabel tells the policies of the stages which pods they are about.
const segmentLabel = "bvc-segment"

// Values of the label.
const (
	segmentServer = "server"
	segmentKeeper = "keeper"
	segmentGood   = "good"
	segmentOther  = "other"
)

// label is the value that a client starts with.
func (w Who) label() string {
	switch w {
	case Good, GoodLocal:
		return segmentGood
	case Other, OtherLocal:
		return segmentOther
	}
	return segmentKeeper
}

// Ports of the servers, beside pods.EchoPort and pods.ReadyPort.
const (
	otherPort    = 18082
	udpPort      = 18083
	otherUDPPort = 18084
)

// segments is who runs where.
type segments struct {
	runID string
	// serverNS holds the servers and the local clients, clientNS the others; it
	// is the same where the tenant has one namespace.
	serverNS, clientNS string
	// nodePorts are the addresses of nodes, and the ports on them, by which the
	// servers can be tried.
	nodePorts []nodePort
}

type nodePort struct {
	address string
	port    int32
}

func (s segments) crossNamespace() bool { return s.serverNS != s.clientNS }

func (s segments) selector(values ...string) metav1.LabelSelector {
	return metav1.LabelSelector{
		MatchLabels:      map[string]string{cluster.LabelRun: s.runID},
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: segmentLabel, Operator: metav1.LabelSelectorOpIn, Values: values}},
	}
}

func (s segments) from(values ...string) []networkingv1.NetworkPolicyPeer {
	selector := s.selector(values...)
	return []networkingv1.NetworkPolicyPeer{{PodSelector: &selector}}
}

func port(protocol corev1.Protocol, number int32) networkingv1.NetworkPolicyPort {
	n := intstr.FromInt32(number)
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &n}
}

var (
	onTCP      = port(corev1.ProtocolTCP, pods.EchoPort)
	onOtherTCP = port(corev1.ProtocolTCP, otherPort)
	onUDP      = port(corev1.ProtocolUDP, udpPort)
	onOtherUDP = port(corev1.ProtocolUDP, otherUDPPort)
)

func everyPort() []networkingv1.NetworkPolicyPort {
	return []networkingv1.NetworkPolicyPort{onTCP, onOtherTCP, onUDP, onOtherUDP}
}

// policies are those of a stage, by name.
func (s segments) policies(stage StageName) map[string]*networkingv1.NetworkPolicy {
	out := map[string]*networkingv1.NetworkPolicy{}
	ingress := func(name, namespace string, of metav1.LabelSelector, rules ...networkingv1.NetworkPolicyIngressRule) {
		out[name] = &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-segment-", Namespace: namespace},
			Spec:       networkingv1.NetworkPolicySpec{PodSelector: of, PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, Ingress: rules},
		}
	}
	egress := func(name, namespace string, of metav1.LabelSelector, rules ...networkingv1.NetworkPolicyEgressRule) {
		out[name] = &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-segment-", Namespace: namespace},
			Spec:       networkingv1.NetworkPolicySpec{PodSelector: of, PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}, Egress: rules},
		}
	}
	server, clients := s.selector(segmentServer), s.selector(segmentGood, segmentOther)
	toServers := func(ports ...networkingv1.NetworkPolicyPort) networkingv1.NetworkPolicyEgressRule {
		return networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{peer(s.serverNS, server)}, Ports: ports}
	}
	open := func(name string) { // from anywhere: what comes by a node port has a node's address
		ingress(name, s.serverNS, server, networkingv1.NetworkPolicyIngressRule{Ports: everyPort()})
	}
	leave := func(namespace string) {
		rules := []networkingv1.NetworkPolicyEgressRule{toServers(everyPort()...)}
		for _, n := range s.nodePorts {
			rules = append(rules, networkingv1.NetworkPolicyEgressRule{
				To:    []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: single(n.address)}}},
				Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, n.port)},
			})
		}
		egress("leave "+namespace, namespace, clients, rules...)
	}
	// Everybody may ask the readiness port: some networks count the kubelet's
	// probes as traffic of others.
	ready := func(namespace string, of metav1.LabelSelector, name string) {
		ingress(name, namespace, of, networkingv1.NetworkPolicyIngressRule{Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, pods.ReadyPort)}})
	}
	if stage != StageBareServers {
		ready(s.serverNS, server, "servers ready")
		ingress("keeper in", s.serverNS, server, networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{peer(s.clientNS, s.selector(segmentKeeper))}, Ports: everyPort()})
	}
	if stage != StageBareClients {
		all := s.selector(segmentKeeper, segmentGood, segmentOther)
		ready(s.serverNS, all, "local clients ready")
		if s.crossNamespace() {
			ready(s.clientNS, all, "clients ready")
		}
		egress("keeper out", s.clientNS, s.selector(segmentKeeper), toServers(everyPort()...))
		leave(s.serverNS)
		if s.crossNamespace() && stage != StageEgress {
			leave(s.clientNS)
		}
	}
	allow := func(from []networkingv1.NetworkPolicyPeer, ports ...networkingv1.NetworkPolicyPort) {
		ingress("under test", s.serverNS, server, networkingv1.NetworkPolicyIngressRule{From: from, Ports: ports})
	}
	both := []networkingv1.NetworkPolicyPeer{peer(s.clientNS, s.selector(segmentGood))}
	switch stage {
	case StageOpen, StageOpenAgain, StageOpenLast, StageBareClients:
		open("open")
	case StagePodLabel:
		allow(s.from(segmentGood), onTCP)
	case StageNamespaceLabel:
		allow([]networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.clientNS}}}}, onTCP, onUDP)
	case StageBothLabels:
		allow(both, onTCP)
	case StageUpdated, StageRelabelled:
		allow(both, onOtherTCP)
	case StageEgress:
		open("open")
		if s.crossNamespace() {
			egress("out denied", s.clientNS, clients)
			egress("out under test", s.clientNS, s.selector(segmentGood), toServers(onTCP))
		}
	}
	return out
}
