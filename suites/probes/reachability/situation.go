package reachability

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// Situation is a stage of the segmentation probe for another tool that is to
// measure the same by its own means: its policies, and who has which labels.
type Situation struct {
	Stage StageName
	// Policies, each with a name that it keeps from stage to stage.
	Policies []*networkingv1.NetworkPolicy
	// Servers are the labels of the servers, which run in the servers' namespace:
	// one group is enough where stages come one after the other.
	Servers map[string]string
	Clients map[Who]Participant
}

// Participant says where a client of a Situation runs, and by which labels policies
// know it.
type Participant struct {
	Namespace string
	Labels    map[string]string
}

// Situations are all stages between two namespaces. Node ports are not among
// the ways out: they are known only where their Services are.
func Situations(runID, serverNS, clientNS string) []Situation {
	s := segments{runID: runID, serverNS: serverNS, clientNS: clientNS}
	labels := func(value string) map[string]string {
		return map[string]string{segmentLabel: value, cluster.LabelRun: runID}
	}
	clients := map[Who]Participant{}
	for _, w := range []Who{Keeper, Good, Other, GoodLocal, OtherLocal} {
		clients[w] = Participant{s.namespace(w), labels(w.label())}
	}
	at := allOpen(GroupEvery)
	var all []Situation
	for _, stage := range StageNames() {
		at = at.after([]StageName{stage})
		if group := stage.Group(); group != "" && group != GroupEvery {
			at.servers = map[Group]StageName{GroupEvery: stage}
		}
		if stage == StageRelabelled {
			good, other := clients[Good], clients[Other]
			clients = maps.Clone(clients)
			clients[Good], clients[Other] = Participant{good.Namespace, other.Labels}, Participant{other.Namespace, good.Labels}
		}
		situation := Situation{Stage: stage, Servers: labels(GroupEvery.label()), Clients: clients}
		policies := s.policies(at)
		for _, name := range slices.Sorted(maps.Keys(policies)) {
			p := policies[name]
			p.GenerateName, p.Name = "", strings.ReplaceAll(name, " ", "-")
			situation.Policies = append(situation.Policies, p)
		}
		all = append(all, situation)
	}
	return all
}

// namespace is where a client runs.
func (s segments) namespace(w Who) string {
	if w == GoodLocal || w == OtherLocal {
		return s.serverNS
	}
	return s.clientNS
}

// Port is what a way asks of a server: false for a node port, whose number is
// the cluster's choice.
func (w Way) Port() (corev1.Protocol, int32, bool) {
	switch w {
	case TCP, Service:
		return corev1.ProtocolTCP, pods.EchoPort, true
	case OtherTCP:
		return corev1.ProtocolTCP, otherPort, true
	case UDP:
		return corev1.ProtocolUDP, udpPort, true
	case OtherUDP:
		return corev1.ProtocolUDP, otherUDPPort, true
	}
	return "", 0, false
}
