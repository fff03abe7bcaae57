package ports

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

func node(name string, controlPlane bool, addresses ...string) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	if controlPlane {
		n.Labels["node-role.kubernetes.io/control-plane"] = ""
	}
	for _, a := range addresses {
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a})
	}
	n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeHostName, Address: name})
	return n
}

func TestMachinesOf(t *testing.T) {
	var nodes []corev1.Node
	for i := range 20 {
		nodes = append(nodes, node(fmt.Sprintf("n%02d", i), i == 18 || i == 19, fmt.Sprintf("10.0.0.%d", i)))
	}
	nodes[0].Status.DaemonEndpoints.KubeletEndpoint.Port = 10350
	got := machinesOf(nodes, nil, 5)
	want := []string{"n18", "n19", "n00", "n06", "n12"}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, m := range got {
		if m.name != want[i] || m.index != i+1 || m.controlPlane != (i < 2) || len(m.addresses) != 1 {
			t.Errorf("%d: %+v", i, m)
		}
	}
	if got[2].port(Kubelet) != 10350 || got[3].port(Kubelet) != 10250 {
		t.Error("the kubelet's port is not the one that the node names")
	}
	// Where pods knock from is always among them.
	for _, from := range []string{"n00", "n07", "n19"} {
		some := machinesOf(nodes, []cluster.Node{{Name: from}}, 5)
		if len(some) != 5 || !slices.ContainsFunc(some, func(m machine) bool { return m.name == from }) {
			t.Errorf("knocking from %s: %+v", from, some)
		}
	}
	if many := machinesOf(nodes, nil, 1); len(many) != 1 || many[0].name != "n18" {
		t.Errorf("%+v", many)
	}
	if none := machinesOf(nil, nil, 5); len(none) != 0 {
		t.Errorf("%+v", none)
	}
}

func TestPlan(t *testing.T) {
	machines := machinesOf([]corev1.Node{node("a", true, "10.0.0.1", "fd00::1"), node("b", false, "10.0.0.2")}, nil, 5)
	p := newPlan(machines, []string{"10.0.0.1:6443", "[fd00::9]:443"}, []string{"192.0.2.7:443"}, cluster.PlatformPorts{Allowed: []int{6443}})
	if want := 3*len(NodeKinds()) + 3; len(p.aims) != want {
		t.Fatalf("%d targets, want %d", len(p.aims), want)
	}
	seen := map[string]bool{}
	for i, a := range p.aims {
		if k, err := agent.ParseKnocked(p.argument(i)); err != nil || k.Address != a.address || k.Ask != ask(a.Kind) || seen[k.Name] {
			t.Errorf("%s: %+v, %v", p.argument(i), k, err)
		}
		seen[p.name(i)] = true
		// Only what pods may need can be allowed by the site.
		if a.Allowed != (a.address == "10.0.0.1:6443") {
			t.Errorf("%s: allowed %t", a.address, a.Allowed)
		}
	}
	own, beyond := p.from(machines[0])
	if len(own) != 2*len(NodeKinds()) || len(beyond) != 3 {
		t.Errorf("machine 1 looks at %d of its own and %d others", len(own), len(beyond))
	}
	if own, beyond := p.from(machines[1]); len(own) != len(NodeKinds()) || len(beyond) != 0 {
		t.Errorf("machine 2 looks at %d of its own and %d others", len(own), len(beyond))
	}
}

// The knocking pods may go everywhere, as a tenant can decide for itself; their
// control lets nobody else in.
func TestPolicies(t *testing.T) {
	all := policies("ns", "run")
	if len(all) != 2 || len(all[0].Spec.Egress) != 1 || len(all[0].Spec.Egress[0].To) != 0 || len(all[0].Spec.Egress[0].Ports) != 0 {
		t.Errorf("%+v", all)
	}
	// A decoy that a policy keeps away would be silent where nobody listens, too.
	if ports := all[1].Spec.Ingress[1].Ports; len(ports) != 2 || ports[1].Port.IntValue() != decoyPort || decoyPort == pods.EchoPort || decoyPort == pods.ReadyPort {
		t.Errorf("%+v", ports)
	}
	from := all[1].Spec.Ingress[1].From
	if len(from) != 1 || from[0].PodSelector.MatchLabels[roleLabel] != knockerRole || from[0].PodSelector.MatchLabels[cluster.LabelRun] != "run" {
		t.Errorf("%+v", from)
	}
}

func TestNowhere(t *testing.T) {
	for canary, want := range map[string]string{
		"198.51.100.7:443": "192.0.2.1:443", "[2001:db8:7::7]:8443": "[2001:db8::1]:8443", "[::ffff:198.51.100.7]:443": "192.0.2.1:443", "": "",
	} {
		if got := nowhere(canary); got != want {
			t.Errorf("%s: %s, want %s", canary, got, want)
		}
	}
}

func TestLedger(t *testing.T) {
	l, s := newLedger(), seat{"k1", "t1"}
	for seq, r := range []agent.Result{agent.Connected, agent.TimedOut, agent.Refused, agent.Reset, agent.Unreachable, agent.Other} {
		l.enter(agent.Line{Event: agent.Attempt, Client: "k1", Target: "t1", Seq: int64(seq + 1), Result: r})
	}
	l.enter(agent.Line{Event: agent.Asked, Client: "k1", Target: "t1", Seq: 1, Question: agent.Anonymous, Result: agent.Answered, Status: 401})
	k := l.knock(1, s, 7)
	if k.Attempts != 6 || k.Missing != 1 || k.Connected != 1 || k.Timeout != 1 || k.Refused != 1 || k.Reset != 1 || k.Unreachable != 1 || k.Other != 1 || k.Questions != 1 {
		t.Errorf("%+v", k)
	}
	for seq := range int64(3) {
		l.enter(agent.Line{Event: agent.Attempt, Client: "k1", Target: agent.ControlName, Seq: seq + 1, Result: agent.Echo})
	}
	if c := l.control(1, "k1", 2); c != (Control{1, 3, 3, true, true}) {
		t.Errorf("%+v", c)
	}
	if c := l.control(1, "k1", 3); c.Last {
		t.Errorf("%+v: the last attempt is not there", c)
	}
	w := seat{"w1", "t1"}
	look := func(seq int64, scope agent.Scope) {
		l.enter(agent.Line{Event: agent.Listener, Client: "w1", Target: "t1", Seq: seq, Scope: scope})
	}
	look(1, agent.OnNode)
	before := l.looks()
	if h := l.host(w, before); h.LookedAfter || h.Looks != 1 || h.OnNode != 1 {
		t.Errorf("%+v", h)
	}
	if l.unlooked([]seat{w}, before, 1) != 1 {
		t.Error("looked again without a look")
	}
	look(2, agent.OnLoopback)
	if h := l.host(w, before); !h.LookedAfter || h.Looks != 2 || h.OnNode != 1 || h.OnLoopback != 1 {
		t.Errorf("%+v", h)
	}
	if l.unfinished([]string{"k1"}) != 1 {
		t.Error("finished without saying so")
	}
	l.enter(agent.Line{Event: agent.Finished, Client: "k1"})
	if l.unfinished([]string{"k1"}) != 0 {
		t.Error("not finished")
	}
}
