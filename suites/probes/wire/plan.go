package wire

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// prefix begins the names of a leg's streams and canaries.
type prefix string

// The legs.
const (
	podToPod     prefix = "pod"
	podToService prefix = "service"
	hostToHost   prefix = "host"
)

func legs() []prefix { return []prefix{podToPod, podToService, hostToHost} }

// name of the stream from one node to another, and of its canary.
func (p prefix) name(from, to int, protocol Protocol) string {
	return fmt.Sprintf("%s-%d-%d-%s", p, from, to, protocol)
}

// parse undoes name for streams of the node.
func (p prefix) parse(from int, name string) (to int, protocol Protocol, ok bool) {
	rest, ours := strings.CutPrefix(name, fmt.Sprintf("%s-%d-", p, from))
	number, last, two := strings.Cut(rest, "-")
	to, err := strconv.Atoi(number)
	protocol = Protocol(last)
	return to, protocol, ours && two && err == nil && p.name(from, to, protocol) == name
}

// peers of the node on the leg.
func (p prefix) peers(node, nodes int, controlPlane bool) []int {
	switch {
	case p == hostToHost:
		return HostPeers(node, nodes, controlPlane)
	case node > nodes:
		return nil // pods have no business on the control plane
	}
	return Peers(node, nodes)
}

// canaries of all streams that the node sends.
func canariesOf(node, nodes int, controlPlane bool) (map[string]agent.Canary, error) {
	names := []string{agent.ControlCanary}
	for _, p := range legs() {
		for _, to := range p.peers(node, nodes, controlPlane) {
			for _, protocol := range Protocols() {
				names = append(names, p.name(node, to, protocol))
			}
		}
	}
	fresh, err := agent.NewCanaries(len(names))
	if err != nil {
		return nil, err
	}
	out := map[string]agent.Canary{}
	for i, n := range names {
		out[n] = fresh[i]
	}
	return out, nil
}

// controlPlaneOf says which part the control plane has beside the measured
// nodes, and gives the node to add, if any.
func controlPlaneOf(all []corev1.Node, measured []cluster.Node) (ControlPlane, *cluster.Node) {
	c := ControlPlane{Part: NoNode}
	var names []string
	among := false
	for _, n := range all {
		if !cluster.ControlPlane(n) {
			continue
		}
		c.Nodes++
		among = among || slices.ContainsFunc(measured, func(m cluster.Node) bool { return m.Name == n.Name })
		if cluster.RunsImages(n) {
			names = append(names, n.Name)
		}
	}
	switch {
	case c.Nodes == 0:
		return c, nil
	case among:
		c.Part = AmongMeasured
		return c, nil
	case len(names) == 0:
		c.Part = Unavailable
		return c, nil
	}
	c.Part = Added
	return c, &cluster.Node{Index: len(measured) + 1, Name: slices.Min(names)}
}

// familyOf gives the family of all these addresses, none when they are mixed.
func familyOf(hostPorts map[int]string) Family {
	families := map[Family]bool{}
	for _, text := range hostPorts {
		switch a, err := netip.ParseAddrPort(text); {
		case err != nil:
			return ""
		case a.Addr().Unmap().Is4():
			families[IPv4] = true
		default:
			families[IPv6] = true
		}
	}
	if len(families) != 1 {
		return ""
	}
	if families[IPv4] {
		return IPv4
	}
	return IPv6
}

// usualName are names that the kernel and systemd give to devices by their place
// in the machine. Others may say whose machine it is, or hold a card's address.
var usualName = regexp.MustCompile(`^(?:eth|eno|ens|enp|enP|em|ib|ibs|ibp|bond|team|vlan|veth|vxlan|wg)[0-9]+(?:[.dfinpsuv]{1,2}[0-9]+)*$`)

// usualKind is the form of all kinds that the kernel has.
var usualKind = regexp.MustCompile(`^[a-z0-9_]{0,15}$`)

// deviceName and deviceKind are what the evidence calls a device, which the node
// may call anything.
func deviceName(name string, ordinal int) string {
	if len(name) < 16 && usualName.MatchString(name) {
		return name
	}
	return fmt.Sprintf("device-%d", ordinal)
}

func deviceKind(kind string) string {
	if usualKind.MatchString(kind) {
		return kind
	}
	return "other"
}

// Labels of the probe's pods. Receivers of pods are told by their node, for
// each has a Service of its own.
const roleLabel = "bvc-role"

const (
	receiverRole     = "wire-receiver"
	senderRole       = "wire-sender"
	hostReceiverRole = "wire-host-receiver"
	hostSenderRole   = "wire-host-sender"
	snifferRole      = "wire-sniffer"
)

func labelsOf(role string, node int) map[string]string {
	return map[string]string{roleLabel: role, cluster.NodeLabel: strconv.Itoa(node)}
}

func selector(runID, role string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{cluster.LabelRun: runID, roleLabel: role}}
}

// service in front of the receiver on one node.
func service(namespace, runID string, node int) *corev1.Service {
	labels := labelsOf(receiverRole, node)
	labels[cluster.LabelRun] = runID
	port := func(name string, protocol corev1.Protocol) corev1.ServicePort {
		return corev1.ServicePort{Name: name, Protocol: protocol, Port: pods.EchoPort, TargetPort: intstr.FromInt32(pods.EchoPort)}
	}
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-wire-", Namespace: namespace, Labels: labelsOf(receiverRole, node)},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, Selector: labels,
			Ports: []corev1.ServicePort{port("tcp", corev1.ProtocolTCP), port("udp", corev1.ProtocolUDP)},
		},
	}
}

// policies let senders reach receivers at a site with a default deny, and
// everybody the readiness port: some networks count the kubelet's probes as
// traffic of others.
func policies(namespace, runID string) []*networkingv1.NetworkPolicy {
	tcp, udp, echo, ready := corev1.ProtocolTCP, corev1.ProtocolUDP, intstr.FromInt32(pods.EchoPort), intstr.FromInt32(pods.ReadyPort)
	streams := []networkingv1.NetworkPolicyPort{{Protocol: &tcp, Port: &echo}, {Protocol: &udp, Port: &echo}}
	probes := []networkingv1.NetworkPolicyIngressRule{{Ports: []networkingv1.NetworkPolicyPort{{Protocol: &tcp, Port: &ready}}}}
	receivers, senders := selector(runID, receiverRole), selector(runID, senderRole)
	meta := metav1.ObjectMeta{GenerateName: "bvc-wire-", Namespace: namespace}
	in, out := networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress
	return []*networkingv1.NetworkPolicy{
		{ObjectMeta: meta, Spec: networkingv1.NetworkPolicySpec{
			PodSelector: receivers, PolicyTypes: []networkingv1.PolicyType{in},
			Ingress: append([]networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{PodSelector: &senders}}, Ports: streams}}, probes...),
		}},
		{ObjectMeta: meta, Spec: networkingv1.NetworkPolicySpec{
			PodSelector: senders, PolicyTypes: []networkingv1.PolicyType{in, out}, Ingress: probes,
			Egress: []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{PodSelector: &receivers}}, Ports: streams}},
		}},
	}
}
