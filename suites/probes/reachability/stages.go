package reachability

import (
	"maps"
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

// The stages. Those of one round are run at the same time, about different
// servers; see rounds.
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
	// StageBareServers: no policy of the run selects the servers, clients may leave.
	StageBareServers StageName = "bareServers"
	// StageUpdated: the policy of StagePodLabel, on the other TCP port.
	StageUpdated StageName = "updated"
	// StageRelabelled: that of StageBothLabels, after Good and Other have swapped
	// their labels.
	StageRelabelled StageName = "relabelled"
	// StageEgress: the servers are open, but the pods of the other namespace may
	// leave only with the label of Good, to the servers' TCP port.
	StageEgress StageName = "egress"
	// StageBareClients: no policy of the run selects the clients, the servers are open.
	StageBareClients StageName = "bareClients"
	// StageOpenAgain is as StageOpen, but for the labels, between what shuts the
	// servers' end and what shuts the clients'; StageOpenLast comes after it.
	StageOpenAgain StageName = "openAgain"
	StageOpenLast  StageName = "openLast"
)

// rounds are the stages in the order in which they are run. No stage changes
// what another of its round expects: what lets clients in is changed for the
// servers of one group, and what lets clients out, for all, has its own round.
// A way that one stage shuts is open before another shuts it by other means, and
// seen to be: what opens takes effect when it likes, and would look like a leak.
func rounds() [][]StageName {
	return [][]StageName{
		{StageOpen},
		{StageDenied, StagePodLabel, StageNamespaceLabel, StageBothLabels, StageBareServers},
		{StageUpdated, StageRelabelled},
		{StageOpenAgain},
		{StageEgress},
		{StageBareClients},
		{StageOpenLast},
	}
}

// StageNames lists the stages, those of one round beside each other.
func StageNames() []StageName { return slices.Concat(rounds()...) }

// Group is a set of servers, one on each node, with policies of its own.
type Group string

// The groups. Every way leads to the servers of GroupEvery, to the others those
// that their stages need.
const (
	GroupEvery          Group = "every"
	GroupPodLabel       Group = "podLabel"
	GroupNamespaceLabel Group = "namespaceLabel"
	GroupBothLabels     Group = "bothLabels"
	GroupBare           Group = "bare"
)

// Groups lists those whose servers are measured.
func Groups(crossNamespace bool) []Group {
	var out []Group
	for _, e := range Expectations(crossNamespace) {
		if !slices.Contains(out, e.Group) {
			out = append(out, e.Group)
		}
	}
	return out
}

// Group is the one that the stage is about; empty in the stages in which
// everything is open.
func (s StageName) Group() Group {
	switch s {
	case StageDenied, StageEgress, StageBareClients:
		return GroupEvery
	case StagePodLabel, StageUpdated:
		return GroupPodLabel
	case StageNamespaceLabel:
		return GroupNamespaceLabel
	case StageBothLabels, StageRelabelled:
		return GroupBothLabels
	case StageBareServers:
		return GroupBare
	}
	return ""
}

// standing says which policies are in force: those of which stage on the
// servers of each group, and on the clients.
type standing struct {
	servers map[Group]StageName
	clients StageName
}

// allOpen is how it begins, with these groups.
func allOpen(groups ...Group) standing {
	s := standing{map[Group]StageName{}, StageOpen}
	for _, g := range groups {
		s.servers[g] = StageOpen
	}
	return s
}

// after is what stands in the round after this one. Groups that a round is not
// about stay as they are; where it is about the clients, or all is to be open,
// all servers are.
func (s standing) after(round []StageName) standing {
	next := standing{maps.Clone(s.servers), StageOpen}
	for _, stage := range round {
		switch stage {
		case StageOpen, StageOpenAgain, StageOpenLast, StageEgress, StageBareClients:
			return standing{allOpen(slices.Collect(maps.Keys(s.servers))...).servers, stage}
		}
		if _, there := next.servers[stage.Group()]; there {
			next.servers[stage.Group()] = stage
		}
	}
	return next
}

// Expectation is what the policies of a stage, or the absence of any, ask of
// a client's way to the servers of a group.
type Expectation struct {
	Stage StageName
	Group Group
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
		if !crossNamespace && slices.Contains([]StageName{StageNamespaceLabel, StageBothLabels, StageRelabelled, StageEgress}, stage) {
			return // what they let in from the other namespace is then all there is
		}
		for _, w := range who {
			if !crossNamespace && (w == Good || w == Other) {
				continue
			}
			for _, way := range ways {
				all = append(all, Expectation{stage, stage.Group(), w, way, open})
			}
		}
	}
	everybody := append(append([]Who{}, locals...), remotes...)
	add(StageDenied, true, []Who{Keeper}, TCP, OtherTCP, UDP, OtherUDP, Service)
	// That a deletion takes effect is seen by TCP: UDP, Services and ports of nodes
	// may fail for reasons of their own.
	add(StageDenied, false, everybody, TCP, UDP, OtherUDP, Service, NodePort, OtherNodePort, HostPort)
	add(StagePodLabel, true, []Who{GoodLocal}, TCP)
	add(StagePodLabel, false, []Who{GoodLocal}, OtherTCP)
	add(StagePodLabel, false, []Who{OtherLocal, Good}, TCP)
	add(StageNamespaceLabel, true, remotes, TCP, UDP)
	add(StageNamespaceLabel, false, remotes, OtherTCP, OtherUDP)
	add(StageNamespaceLabel, false, locals, TCP)
	add(StageBothLabels, true, []Who{Good}, TCP)
	add(StageBothLabels, false, []Who{Other, GoodLocal}, TCP)
	add(StageUpdated, true, []Who{GoodLocal}, OtherTCP)
	add(StageUpdated, false, []Who{GoodLocal}, TCP)
	add(StageRelabelled, true, []Who{Other}, TCP)
	add(StageRelabelled, false, []Who{Good}, TCP)
	// Other now has the label of Good.
	add(StageEgress, true, []Who{Other}, TCP)
	add(StageEgress, false, []Who{Other}, OtherTCP, UDP)
	add(StageEgress, false, []Who{Good}, TCP, UDP)
	add(StageBareServers, false, everybody, TCP, UDP)
	// No check demands the local clients' ways: within a namespace one closed end
	// shuts a way, and StageBareServers tells of the servers'.
	add(StageBareClients, false, everybody, TCP, UDP)
	for _, s := range []StageName{StagePodLabel, StageNamespaceLabel, StageBothLabels, StageUpdated, StageRelabelled, StageEgress} {
		add(s, true, []Who{Keeper}, TCP)
	}
	// Every way that a stage is about is open before and after.
	var open []Expectation
	for _, s := range []StageName{StageOpen, StageOpenAgain, StageOpenLast} {
		known := map[Expectation]bool{}
		for _, e := range all {
			if e.Stage, e.Open = s, true; !known[e] {
				known[e] = true
				open = append(open, e)
			}
		}
	}
	return append(open, all...)
}

// segmentLabel tells the policies of the stages which pods they are about.
const segmentLabel = "bvc-segment"

// Values of the label.
const (
	segmentKeeper = "keeper"
	segmentGood   = "good"
	segmentOther  = "other"
)

// label is the value of the group's servers.
func (g Group) label() string { return "server-" + string(g) }

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
	// nodePorts are the ports of nodes by which the servers can be tried.
	nodePorts []int32
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

// policies are those that stand, by name.
func (s segments) policies(at standing) map[string]*networkingv1.NetworkPolicy {
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
	// Everybody may ask the readiness port: some networks count the kubelet's
	// probes as traffic of others.
	ready := networkingv1.NetworkPolicyIngressRule{Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, pods.ReadyPort)}}
	// What no stage changes for one group alone, one policy does for all. That of
	// GroupBare is its own, so that it goes away and is not just changed.
	var servers, open, kept, bare []string
	for _, group := range slices.Sorted(maps.Keys(at.servers)) {
		label, stage := group.label(), at.servers[group]
		servers = append(servers, label)
		switch {
		case stage == StageBareServers:
		case group == GroupBare:
			bare = append(bare, label)
		default:
			kept = append(kept, label)
		}
		allow := func(from []networkingv1.NetworkPolicyPeer, ports ...networkingv1.NetworkPolicyPort) {
			ingress(string(group)+" under test", s.serverNS, s.selector(label), networkingv1.NetworkPolicyIngressRule{From: from, Ports: ports})
		}
		switch stage {
		case StageOpen:
			open = append(open, label)
		case StagePodLabel:
			allow(s.from(segmentGood), onTCP)
		case StageUpdated:
			allow(s.from(segmentGood), onOtherTCP)
		case StageNamespaceLabel:
			allow([]networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.clientNS}}}}, onTCP, onUDP)
		case StageBothLabels, StageRelabelled:
			allow([]networkingv1.NetworkPolicyPeer{peer(s.clientNS, s.selector(segmentGood))}, onTCP)
		}
	}
	for name, labels := range map[string][]string{"keeper in": kept, "keeper in bare": bare} {
		if len(labels) > 0 {
			ingress(name, s.serverNS, s.selector(labels...), ready,
				networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{peer(s.clientNS, s.selector(segmentKeeper))}, Ports: everyPort()})
		}
	}
	if len(open) > 0 { // from anywhere: what comes by a node port has a node's address
		ingress("open", s.serverNS, s.selector(open...), networkingv1.NetworkPolicyIngressRule{Ports: everyPort()})
	}
	if at.clients == StageBareClients {
		return out
	}
	toServers := func(ports ...networkingv1.NetworkPolicyPort) networkingv1.NetworkPolicyEgressRule {
		return networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{peer(s.serverNS, s.selector(servers...))}, Ports: ports}
	}
	everybody, clients := s.selector(segmentKeeper, segmentGood, segmentOther), s.selector(segmentGood, segmentOther)
	leave := func(namespace string) {
		rules := []networkingv1.NetworkPolicyEgressRule{toServers(everyPort()...)}
		// To any address: some networks do not take those of nodes for a range of
		// addresses, and a port of a node would seem closed that we did not open.
		for _, n := range s.nodePorts {
			rules = append(rules, networkingv1.NetworkPolicyEgressRule{Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, n)}})
		}
		egress("leave "+namespace, namespace, clients, rules...)
	}
	ingress("local clients ready", s.serverNS, everybody, ready)
	egress("keeper out", s.clientNS, s.selector(segmentKeeper), toServers(everyPort()...))
	leave(s.serverNS)
	if !s.crossNamespace() {
		return out
	}
	ingress("clients ready", s.clientNS, everybody, ready)
	if at.clients == StageEgress {
		egress("out denied", s.clientNS, clients)
		egress("out under test", s.clientNS, s.selector(segmentGood), toServers(onTCP))
	} else {
		leave(s.clientNS)
	}
	return out
}
