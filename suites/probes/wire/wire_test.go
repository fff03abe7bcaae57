package wire

import (
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

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
	for _, name := range []string{"", "pod-1-2", "pod-1-x-tcp", "service-1-2-tcp", "pod-11-2-tcp", "pod-1-02-tcp", agent.ControlCanary} {
		if _, _, ok := podToPod.parse(1, name); ok {
			t.Errorf("%q is taken for a stream from node 1", name)
		}
	}
}

func TestCanariesOfANode(t *testing.T) {
	fresh, err := agent.NewCanaries(25)
	if err != nil {
		t.Fatal(err)
	}
	all := canariesOf(2, 3, func() agent.Canary {
		one := fresh[0]
		fresh = fresh[1:]
		return one
	})
	if want := 1 + len(legs())*2*len(Protocols()); len(all) != want {
		t.Errorf("%d canaries, want %d", len(all), want)
	}
	if _, err := agent.NewMatcher(all); err != nil {
		t.Error(err)
	}
	for _, name := range []string{agent.ControlCanary, "pod-2-1-tcp", "service-2-3-udp", "host-2-1-udp"} {
		if _, there := all[name]; !there {
			t.Errorf("no canary %s", name)
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
	if want := map[string]string{cluster.LabelRun: "run1", roleLabel: receiverRole, nodeLabel: "2"}; !reflect.DeepEqual(s.Spec.Selector, want) {
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
	l := newLedger()
	l.fromSniffer(1, sniffed("eth0", 1, agent.Sniffed{Devices: 2, Control: 3, Peers: map[agent.Outer]int64{agent.OuterTCP: 100}}))
	l.fromSniffer(1, sniffed("eth1", 1, agent.Sniffed{Devices: 2}))
	l.fromSniffer(2, sniffed("eth0", 1, agent.Sniffed{Devices: 1, Control: 9}))
	l.fromSniffer(1, agent.Line{Event: agent.Sniffing, Target: "eth9"}) // says nothing
	before := l.snapshot()
	l.fromSniffer(1, sniffed("eth0", 2, agent.Sniffed{Devices: 2, Control: 5, Peers: map[agent.Outer]int64{agent.OuterTCP: 100, agent.OuterESP: 7}}))
	ended := l.snapshot()
	l.fromSniffer(1, sniffed("eth0", 3, agent.Sniffed{Devices: 2, Control: 6, Dropped: 4, Peers: map[agent.Outer]int64{agent.OuterTCP: 150, agent.OuterESP: 9},
		Hits: map[string]agent.Hit{"pod-1-2-udp": {Frames: 2, Offset: 5, Outer: agent.OuterVXLAN}, "service-1-2-tcp": {Frames: 1}, "pod-2-1-tcp": {Frames: 1}}}))
	want := []Device{
		{
			Name: "eth0", ControlBefore: 3, ControlAfter: 1, PeerBytes: 59, Dropped: 4,
			Carried: []Carried{{agent.OuterESP, 9}, {agent.OuterTCP, 50}}, Seen: []Seen{{2, UDP, 2, 5, agent.OuterVXLAN}},
		},
		{Name: "eth1", Carried: []Carried{}, Seen: []Seen{}},
	}
	if got := devicesOf(1, podToPod, before, ended, l.snapshot()); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
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
