package reachability

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// pod is what NetworkPolicies see of one.
type pod struct {
	namespace string
	labels    labels.Set
	address   string
}

// simulated says what NetworkPolicies let through by the documentation of
// Kubernetes: a pod that a policy selects is closed in that direction but for
// what some policy allows.
func simulated(policies []*networkingv1.NetworkPolicy, from, to pod, protocol corev1.Protocol, number int32) bool {
	matches := func(s metav1.LabelSelector, l labels.Set) bool {
		selector, err := metav1.LabelSelectorAsSelector(&s)
		return err == nil && selector.Matches(l)
	}
	onPort := func(ports []networkingv1.NetworkPolicyPort) bool {
		return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
			return *p.Protocol == protocol && p.Port.IntVal == number
		})
	}
	isPeer := func(p *networkingv1.NetworkPolicy, peers []networkingv1.NetworkPolicyPeer, who pod) bool {
		return len(peers) == 0 || slices.ContainsFunc(peers, func(peer networkingv1.NetworkPolicyPeer) bool {
			switch {
			case peer.IPBlock != nil:
				return false // none of ours
			case peer.NamespaceSelector == nil && p.Namespace != who.namespace,
				peer.NamespaceSelector != nil && !matches(*peer.NamespaceSelector, labels.Set{corev1.LabelMetadataName: who.namespace}):
				return false
			}
			return peer.PodSelector == nil || matches(*peer.PodSelector, who.labels)
		})
	}
	direction := func(kind networkingv1.PolicyType, subject, other pod) bool {
		selected := false
		for _, p := range policies {
			if p.Namespace != subject.namespace || !matches(p.Spec.PodSelector, subject.labels) || !slices.Contains(p.Spec.PolicyTypes, kind) {
				continue
			}
			selected = true
			if kind == networkingv1.PolicyTypeIngress && slices.ContainsFunc(p.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool {
				return onPort(r.Ports) && isPeer(p, r.From, other)
			}) || kind == networkingv1.PolicyTypeEgress && slices.ContainsFunc(p.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
				return onPort(r.Ports) && isPeer(p, r.To, other)
			}) {
				return true
			}
		}
		return !selected
	}
	return direction(networkingv1.PolicyTypeEgress, from, to) && direction(networkingv1.PolicyTypeIngress, to, from)
}

// atStages are the policies that stand in each stage.
func atStages(crossNamespace bool) map[StageName]standing {
	out := map[StageName]standing{}
	at := allOpen(Groups(crossNamespace)...)
	for _, r := range rounds() {
		at = at.after(r)
		for _, stage := range r {
			out[stage] = at
		}
	}
	return out
}

func round(s StageName) int {
	return slices.IndexFunc(rounds(), func(r []StageName) bool { return slices.Contains(r, s) })
}

// What is expected in each stage is what its policies say, together with a
// default deny in each namespace; and without one, but for the bare stages.
func TestExpectationsFollowFromPolicies(t *testing.T) {
	deny := func(namespace string) *networkingv1.NetworkPolicy {
		return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}, Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		}}
	}
	for _, c := range []struct {
		name      string
		clientNS  string
		defaulted bool
	}{{"default deny", "b", true}, {"no default deny", "b", false}, {"one namespace, default deny", "a", true}, {"one namespace", "a", false}} {
		t.Run(c.name, func(t *testing.T) {
			s := segments{runID: "run", serverNS: "a", clientNS: c.clientNS}
			of := func(namespace, segment string) pod {
				return pod{namespace, labels.Set{cluster.LabelRun: "run", segmentLabel: segment}, ""}
			}
			checked := 0
			standing := atStages(s.crossNamespace())
			for _, e := range Expectations(s.crossNamespace()) {
				var policies []*networkingv1.NetworkPolicy
				for _, p := range s.policies(standing[e.Stage]) {
					policies = append(policies, p)
				}
				if c.defaulted {
					policies = append(policies, deny("a"), deny("b"))
				}
				from := of(c.clientNS, e.Who.label())
				if e.Who == GoodLocal || e.Who == OtherLocal {
					from.namespace = "a"
				}
				if round(e.Stage) >= round(StageRelabelled) {
					switch e.Who {
					case Good:
						from.labels[segmentLabel] = segmentOther
					case Other:
						from.labels[segmentLabel] = segmentGood
					}
				}
				way, there := map[Way]struct {
					protocol corev1.Protocol
					port     int32
				}{TCP: {corev1.ProtocolTCP, pods.EchoPort}, Service: {corev1.ProtocolTCP, pods.EchoPort}, OtherTCP: {corev1.ProtocolTCP, otherPort},
					UDP: {corev1.ProtocolUDP, udpPort}, OtherUDP: {corev1.ProtocolUDP, otherUDPPort}}[e.Way]
				if !there {
					continue
				}
				want := e.Open
				if !c.defaulted && (e.Stage == StageBareServers || e.Stage == StageBareClients) {
					want = true
				}
				if got := simulated(policies, from, of("a", e.Group.label()), way.protocol, way.port); got != want {
					t.Errorf("%+v: the policies say %t", e, got)
				}
				checked++
			}
			if checked < 40 {
				t.Errorf("%d expectations were looked at", checked)
			}
		})
	}
}

// No policy ever leaves the Keeper out, but where there is to be none.
func TestKeeperIsNeverShutOut(t *testing.T) {
	s := segments{runID: "run", serverNS: "a", clientNS: "b"}
	keeper := pod{"b", labels.Set{cluster.LabelRun: "run", segmentLabel: segmentKeeper}, ""}
	for stage, at := range atStages(true) {
		var policies []*networkingv1.NetworkPolicy
		for _, p := range s.policies(at) {
			policies = append(policies, p)
		}
		for _, group := range Groups(true) {
			server := pod{"a", labels.Set{cluster.LabelRun: "run", segmentLabel: group.label()}, ""}
			if !simulated(policies, keeper, server, corev1.ProtocolTCP, pods.EchoPort) {
				t.Errorf("%s: the Keeper is shut out of %s", stage, group)
			}
		}
	}
}

// Stages of one round are about servers of their own, and what opens is made
// anew or goes away: a network that overlooks changes is for its own stage.
func TestRounds(t *testing.T) {
	for _, r := range rounds() {
		about := map[Group]StageName{}
		for _, stage := range r {
			if other, twice := about[stage.Group()]; twice {
				t.Errorf("%s and %s are about the same servers at the same time", stage, other)
			}
			about[stage.Group()] = stage
			if len(r) > 1 && slices.Contains([]StageName{StageOpen, StageOpenAgain, StageOpenLast, StageEgress, StageBareClients}, stage) {
				t.Errorf("%s is not alone in its round", stage)
			}
		}
	}
	s := segments{runID: "run", serverNS: "a", clientNS: "b"}
	for _, cross := range []bool{true, false} {
		if !cross {
			s.clientNS = "a"
		}
		before := s.policies(allOpen(Groups(cross)...))
		at := atStages(cross)
		for _, r := range rounds() {
			now := s.policies(at[r[0]])
			for name, p := range now {
				if was, there := before[name]; there && !equality.Semantic.DeepEqual(was.Spec, p.Spec) && (name != "podLabel under test" || r[0] != StageUpdated) {
					t.Errorf("%v: %q is changed", r, name)
				}
			}
			before = now
		}
	}
}

// Node ports may be tried at the address of any node, and no other port.
func TestNodePortsMayBeTried(t *testing.T) {
	s := segments{runID: "run", serverNS: "a", clientNS: "b", nodePorts: []int32{30001}}
	var policies []*networkingv1.NetworkPolicy
	for _, p := range s.policies(atStages(true)[StageDenied]) {
		policies = append(policies, p)
	}
	from := pod{"b", labels.Set{cluster.LabelRun: "run", segmentLabel: segmentGood}, ""}
	for _, address := range []string{"192.0.2.1", "2001:db8::1"} {
		for number, want := range map[int32]bool{30001: true, 30002: false, 22: false} {
			if got := simulated(policies, from, pod{"", nil, address}, corev1.ProtocolTCP, number); got != want {
				t.Errorf("%s, port %d: %t", address, number, got)
			}
		}
	}
	for _, p := range policies {
		for _, rule := range p.Spec.Egress {
			for _, to := range rule.To {
				if to.IPBlock != nil {
					t.Errorf("%q: a range of addresses, which some networks do not take those of nodes for", p.GenerateName)
				}
			}
		}
	}
}
