package wire

import (
	"fmt"
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

// canaries of all streams that the node sends.
func canariesOf(node, nodes int, fresh func() agent.Canary) map[string]agent.Canary {
	out := map[string]agent.Canary{agent.ControlCanary: fresh()}
	for _, p := range legs() {
		for _, to := range Peers(node, nodes) {
			for _, protocol := range Protocols() {
				out[p.name(node, to, protocol)] = fresh()
			}
		}
	}
	return out
}

// Labels of the probe's pods. Receivers of pods are told by their node, for
// each has a Service of its own.
const (
	roleLabel = "bvc-role"
	nodeLabel = "bvc-node"
)

const (
	receiverRole     = "wire-receiver"
	senderRole       = "wire-sender"
	hostReceiverRole = "wire-host-receiver"
	hostSenderRole   = "wire-host-sender"
	snifferRole      = "wire-sniffer"
)

func labelsOf(role string, node int) map[string]string {
	return map[string]string{roleLabel: role, nodeLabel: strconv.Itoa(node)}
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
