package wire

import (
	"reflect"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// Every node sends to its neighbours, no node to itself, and each receives as
// often as it sends.
func TestPeers(t *testing.T) {
	for nodes := range NodeLimit + 1 {
		received := map[int]int{}
		for node := 1; node <= nodes; node++ {
			peers := Peers(node, nodes)
			for _, p := range peers {
				if p == node || p < 1 || p > nodes || !slices.Contains(Peers(p, nodes), node) {
					t.Errorf("%d of %d sends to %d, which is no neighbour", node, nodes, p)
				}
				received[p]++
			}
			if want := min(2, nodes-1); len(peers) != want || len(slices.Compact(slices.Sorted(slices.Values(peers)))) != want {
				t.Errorf("%d of %d sends to %v", node, nodes, peers)
			}
		}
		for node := 1; node <= nodes; node++ {
			if received[node] != min(2, nodes-1) {
				t.Errorf("%d of %d receives from %d", node, nodes, received[node])
			}
		}
	}
}

func TestNamesOfStreams(t *testing.T) {
	for _, p := range legs() {
		to, protocol, ok := p.parse(1, p.name(1, 12, UDP))
		if !ok || to != 12 || protocol != UDP {
			t.Errorf("%s: %d %s %t", p, to, protocol, ok)
		}
	}
	if got := hostToHost.peers(3, 2, true); !slices.Equal(got, []int{1}) || podToPod.peers(3, 2, true) != nil {
		t.Errorf("the control plane sends to %v, or as a pod", got)
	}
	for _, name := range []string{"", "pod-1-2", "pod-1-x-tcp", "service-1-2-tcp", "pod-11-2-tcp", "pod-1-02-tcp", agent.ControlCanary} {
		if _, _, ok := podToPod.parse(1, name); ok {
			t.Errorf("%q is taken for a stream from node 1", name)
		}
	}
}

// The control plane takes part by two directions with one worker, and what the
// others do is the same without it: so it can be left out at any time.
func TestHostPeers(t *testing.T) {
	for nodes := 2; nodes <= NodeLimit; nodes++ {
		for node := 1; node <= nodes; node++ {
			want := Peers(node, nodes)
			if node == 1 {
				want = append(want, nodes+1)
			}
			if got := HostPeers(node, nodes, true); !slices.Equal(got, want) {
				t.Errorf("%d of %d: %v, want %v", node, nodes, got, want)
			}
			if got := HostPeers(node, nodes, false); !slices.Equal(got, Peers(node, nodes)) {
				t.Errorf("%d of %d, no control plane: %v", node, nodes, got)
			}
		}
		if got := HostPeers(nodes+1, nodes, true); !slices.Equal(got, []int{1}) {
			t.Errorf("the control plane beside %d sends to %v", nodes, got)
		}
	}
}

func TestCanariesOfANode(t *testing.T) {
	for _, c := range []struct {
		node         int
		controlPlane bool
		want         int
		some         []string
	}{
		{2, false, 1 + 3*2*2, []string{agent.ControlCanary, "pod-2-1-tcp", "service-2-3-udp", "host-2-1-udp"}},
		{1, true, 1 + 3*2*2 + 2, []string{"host-1-4-tcp", "host-1-4-udp"}},
		{4, true, 1 + 2, []string{agent.ControlCanary, "host-4-1-tcp", "host-4-1-udp"}},
	} {
		all, err := canariesOf(c.node, 3, c.controlPlane)
		if err != nil || len(all) != c.want {
			t.Errorf("node %d: %d canaries, want %d (%v)", c.node, len(all), c.want, err)
		}
		if _, err := agent.NewMatcher(all); err != nil {
			t.Error(err)
		}
		for _, name := range c.some {
			if _, there := all[name]; !there {
				t.Errorf("node %d: no canary %s", c.node, name)
			}
		}
	}
}

func node(name string, change ...func(*corev1.Node)) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	n.Status.NodeInfo.OperatingSystem, n.Status.NodeInfo.Architecture = "linux", "amd64"
	for _, c := range change {
		c(&n)
	}
	return n
}

func TestPartOfTheControlPlane(t *testing.T) {
	role := func(n *corev1.Node) { n.Labels["node-role.kubernetes.io/control-plane"] = "" }
	tainted := func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}}
	}
	cordoned := func(n *corev1.Node) { n.Spec.Unschedulable = true }
	away := func(n *corev1.Node) { n.Status.Conditions = nil }
	arm := func(n *corev1.Node) { n.Status.NodeInfo.Architecture = "arm64" }
	workers := []corev1.Node{node("w1"), node("w2")}
	for _, c := range []struct {
		name  string
		more  []corev1.Node
		want  ControlPlane
		added string
	}{
		{"elsewhere", nil, ControlPlane{Part: NoNode}, ""},
		{"one", []corev1.Node{node("c1", role, tainted)}, ControlPlane{Nodes: 1, Part: Added}, "c1"},
		{"the first that is ready", []corev1.Node{node("c3", role, tainted), node("c1", role, tainted, away), node("c2", role, tainted, cordoned)}, ControlPlane{Nodes: 3, Part: Added}, "c2"},
		{"none ready", []corev1.Node{node("c1", role, tainted, away)}, ControlPlane{Nodes: 1, Part: Unavailable}, ""},
		{"of another architecture", []corev1.Node{node("c1", role, tainted, arm)}, ControlPlane{Nodes: 1, Part: Unavailable}, ""},
		{"one takes pods", []corev1.Node{node("c1", role), node("c2", role, tainted)}, ControlPlane{Nodes: 2, Part: AmongMeasured}, ""},
	} {
		all := append(slices.Clone(workers), c.more...)
		got, added := controlPlaneOf(all, cluster.SelectWorkers(all, NodeLimit).Nodes)
		if got != c.want || (added == nil) != (c.added == "") || added != nil && *added != (cluster.Node{Index: 3, Name: c.added}) {
			t.Errorf("%s: %+v, %v", c.name, got, added)
		}
	}
	// More take pods than are measured, and the control plane is not among the chosen.
	var many []corev1.Node
	for i := range 8 {
		many = append(many, node("w"+string(rune('0'+i))))
	}
	many = append(many, node("x", role))
	if got, added := controlPlaneOf(many, cluster.SelectWorkers(many, NodeLimit).Nodes); got.Part != Added || added == nil || *added != (cluster.Node{Index: 5, Name: "x"}) {
		t.Errorf("%+v, %v", got, added)
	}
}

func TestFamilyOfALeg(t *testing.T) {
	for want, all := range map[Family][]map[int]string{
		IPv4: {{1: "10.0.0.1:80", 2: "10.0.0.2:80"}, {1: "[::ffff:10.0.0.1]:80"}},
		IPv6: {{1: "[fd00::1]:80"}},
		"":   {{}, {1: "10.0.0.1:80", 2: "[fd00::1]:80"}, {1: ":80"}, {1: "None:80"}},
	} {
		for _, to := range all {
			if got := familyOf(to); got != want {
				t.Errorf("%v: %q, want %q", to, got, want)
			}
		}
	}
}

// A name that may say whose the machine is does not leave it.
func TestNamesOfDevices(t *testing.T) {
	for _, name := range []string{"eth0", "eth0.100", "ens192", "eno1np0", "enp129s0f1np1", "enP2p1s0", "enP12345s1", "ib0", "ib0.8001", "ibp5s0f0", "bond0.7", "wg0", "veth12", "team1", "em2"} {
		if got := deviceName(name, 3); got != name {
			t.Errorf("%s is called %s", name, got)
		}
	}
	for _, name := range []string{"", "lo", "enx0242ac110002", "bond-kunde", "eth0customer", "eth0.acme1", "ens192\n", "eth\x1b[31m0", "eth0-ä", "eth1234567890123", "rechenzentrum0", "eth0 "} {
		if got := deviceName(name, 3); got != "device-3" {
			t.Errorf("%q is called %q", name, got)
		}
	}
	for kind, want := range map[string]string{"": "", "veth": "veth", "ip6_vti": "ip6_vti", "A": "other", "abcdefghijklmnopq": "other", "v\x1b": "other"} {
		if got := deviceKind(kind); got != want {
			t.Errorf("kind %q is called %q", kind, got)
		}
	}
}

// The default deny of a site must let in nobody else because of us, and a
// Service leads to the receiver of this run on its node alone.
func TestPoliciesAndServices(t *testing.T) {
	for _, p := range policies("ns", "run1") {
		if len(p.Spec.PodSelector.MatchLabels) != 2 || p.Spec.PodSelector.MatchLabels[cluster.LabelRun] != "run1" {
			t.Errorf("selects %v", p.Spec.PodSelector)
		}
		for _, rule := range p.Spec.Ingress {
			if len(rule.Ports) == 0 || len(rule.From) == 0 && len(rule.Ports) != 1 {
				t.Errorf("lets in %+v", rule)
			}
		}
	}
	s := service("ns", "run1", 2)
	if want := map[string]string{cluster.LabelRun: "run1", roleLabel: receiverRole, cluster.NodeLabel: "2"}; !reflect.DeepEqual(s.Spec.Selector, want) {
		t.Errorf("selects %v, want %v", s.Spec.Selector, want)
	}
	if len(s.Spec.Ports) != 2 || s.Spec.Ports[0].Protocol != corev1.ProtocolTCP || s.Spec.Ports[1].Protocol != corev1.ProtocolUDP {
		t.Errorf("ports %+v", s.Spec.Ports)
	}
}

func sniffed(device string, seq int64, s agent.Sniffed) agent.Line {
	return agent.Line{Event: agent.Sniffing, Target: device, Seq: seq, Sniffed: &s}
}

func TestDevicesBetweenTwoSnapshots(t *testing.T) {
	type volumes = map[agent.Outer]agent.Volume
	l := newLedger()
	l.fromSniffer(1, sniffed("eth0", 1, agent.Sniffed{Devices: 2, Millis: 1000, Peers: map[string]volumes{"2": {agent.OuterESP: {Bytes: 20, Sealed: 10}}}}))
	l.fromSniffer(1, sniffed("storage-acme", 1, agent.Sniffed{Devices: 2, Millis: 900}))
	idle := l.snapshot()
	l.fromSniffer(1, sniffed("eth0", 2, agent.Sniffed{Devices: 2, Millis: 5000, Control: 3, Peers: map[string]volumes{
		"2": {agent.OuterTCP: {Bytes: 100}, agent.OuterESP: {Bytes: 24, Sealed: 14}}, "3": {agent.OuterESP: {Bytes: 900, Sealed: 900}}, agent.UnknownPeer: {agent.OuterMACsec: {Bytes: 3, Sealed: 2}},
	}}))
	l.fromSniffer(1, agent.Line{Event: agent.Sniffing, Target: "eth9"}) // says nothing
	before := l.snapshot()
	for want, c := range map[int]struct {
		nodes int
		long  time.Duration
	}{0: {1, 0}, 1: {1, 4 * time.Second}, 2: {2, 4 * time.Second}} { // the second device, and a node that says nothing
		if got := l.quiet(c.nodes, idle, c.long); got != want {
			t.Errorf("%d nodes have not listened for %s, want %d", got, c.long, want)
		}
	}
	l.fromSniffer(2, sniffed("eth0", 1, agent.Sniffed{Devices: 1, Control: 9}))
	l.fromSniffer(1, sniffed("eth0", 3, agent.Sniffed{Devices: 2, Millis: 9000, Control: 5}))
	ended := l.snapshot()
	l.fromSniffer(1, sniffed("eth0", 4, agent.Sniffed{
		Devices: 2, Millis: 13000, Control: 6, Dropped: 4, Kind: "veth", Offloaded: true, Peers: map[string]volumes{
			"2": {agent.OuterTCP: {Bytes: 150}, agent.OuterESP: {Bytes: 33, Sealed: 21}}, "3": {agent.OuterESP: {Bytes: 9000, Sealed: 9000}}, agent.UnknownPeer: {agent.OuterMACsec: {Bytes: 8, Sealed: 7}},
		},
		Hits: map[string]agent.Hit{"pod-1-2-udp": {Frames: 2, Offset: 5, Outer: agent.OuterVXLAN}, "service-1-2-tcp": {Frames: 1}, "pod-2-1-tcp": {Frames: 1}},
	}))
	want := []Device{
		{
			Name: "eth0", Kind: "veth", Offloaded: true, ControlBefore: 3, ControlAfter: 1, PeerBytes: 64, Dropped: 4, Millis: 8000, IdleMillis: 4000, IdleSealed: 6,
			Carried: []Carried{{agent.OuterESP, 9, 7}, {agent.OuterMACsec, 5, 5}, {agent.OuterTCP, 50, 0}}, Seen: []Seen{{2, UDP, 2, 5, agent.OuterVXLAN}},
		},
		{Name: "device-2", Carried: []Carried{}, Seen: []Seen{}},
	}
	got := devicesOf(1, podToPod, []int{2}, moments{idle, before, ended, l.snapshot()})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got[0].Foreign() != 12 || got[0].Sealed() != 12 || got[1].Foreign() != 0 {
		t.Errorf("%d of %d bytes are of others", got[0].Foreign(), got[0].Sealed())
	}
	if got := l.behind(2, ended, 1); got != 1 {
		t.Errorf("%d nodes behind, want the second", got)
	}
	if got := l.behind(2, nil, 6); got != 0 {
		t.Errorf("%d nodes behind, want none", got)
	}
}

func TestStreamsThatEnded(t *testing.T) {
	l := newLedger()
	l.fromSender(agent.Line{Event: agent.Sent, Target: "pod-1-2-tcp", Stream: &agent.Stream{ReceivedBytes: 5}})
	l.fromSender(agent.Line{Event: agent.Sent, Target: "pod-1-2-udp"}) // says nothing
	l.fromReceiver(2, agent.Line{Event: agent.Stopping, Port: 7})
	l.fromReceiver(1, agent.Line{Event: agent.Listening, Port: 8})
	if got := l.unsent([]string{"pod-1-2-tcp", "pod-1-2-udp"}); got != 1 {
		t.Errorf("%d to go, want 1", got)
	}
	if line, ended := l.stream("pod-1-2-tcp"); !ended || line.Stream.ReceivedBytes != 5 {
		t.Errorf("%+v", line)
	}
	if l.port(1) != 8 || l.port(2) != 0 {
		t.Error("the ports are not those of the receivers that listen")
	}
}
