package ports

import (
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// What a node says of a port decides whether silence proves anything.
func TestServed(t *testing.T) {
	for name, c := range map[string]struct {
		kind             Kind
		host             Host
		served, unserved bool
	}{
		"listens":                     {Kubelet, Host{Looks: 3, OnNode: 3, LookedAfter: true, Dialled: agent.Connected}, true, false},
		"listens behind a filter":     {Kubelet, Host{Looks: 3, OnNode: 3, LookedAfter: true, Dialled: agent.TimedOut}, true, false},
		"listened once":               {Kubelet, Host{Looks: 3, OnNode: 1, LookedAfter: true, Dialled: agent.Connected}, false, false},
		"not looked afterwards":       {Kubelet, Host{Looks: 3, OnNode: 3, Dialled: agent.Connected}, false, false},
		"one look":                    {Kubelet, Host{Looks: 1, OnNode: 1, LookedAfter: true, Dialled: agent.Connected}, false, false},
		"nobody listens":              {SSH, Host{Looks: 3, LookedAfter: true, Dialled: agent.Refused}, false, true},
		"loopback":                    {Scheduler, Host{Looks: 3, OnLoopback: 3, LookedAfter: true, Dialled: agent.Refused}, false, true},
		"listens elsewhere":           {SSH, Host{Looks: 3, OnOther: 3, LookedAfter: true, Dialled: agent.Refused}, false, false},
		"nobody listens, yet answers": {SSH, Host{Looks: 3, LookedAfter: true, Dialled: agent.Connected}, false, false},
		"not dialled":                 {SSH, Host{Looks: 3, LookedAfter: true}, false, false},
		"no pod there":                {SSH, Host{}, false, false},
		"API server answers":          {APIServer, Host{Dialled: agent.Connected}, true, false},
		"API server does not":         {APIServer, Host{Dialled: agent.TimedOut}, false, false},
	} {
		target := Target{Kind: c.kind, Host: c.host}
		if target.served() != c.served || target.unserved() != c.unserved {
			t.Errorf("%s: served %t, unserved %t", name, target.served(), target.unserved())
		}
	}
}

// quiet are decoys of pod 1 that took nothing.
func quiet() []Knock { return []Knock{{Pod: 1, Attempts: 5, Refused: 5}} }

// A connection is a deviation by itself: nothing else needs to have worked but
// the decoy.
func TestReachedWithoutControls(t *testing.T) {
	r := Reach{Kinds: []Kind{SSH}, Required: v1alpha1.T("a", "a"), Remedy: v1alpha1.T("b", "b"), None: v1alpha1.T("c", "c")}
	o := Observation{Decoys: quiet(), Targets: []Target{{Kind: SSH, Node: 1, Index: 1, Port: 22, Knocks: []Knock{{Pod: 1, Attempts: 1, Connected: 1}}}}}
	v := r.judge(o)
	if v.Outcome != v1alpha1.Fail || len(v.Findings) != 1 || !v.Matrix[0].Deviates {
		t.Errorf("%+v", v)
	}
	o.Targets[0].Knocks[0].Connected = 0
	if v := r.judge(o); v.Outcome != v1alpha1.Inconclusive {
		t.Errorf("%+v", v)
	}
	if v := r.judge(Observation{}); v.Outcome != v1alpha1.Inconclusive || v.Reason.IsZero() {
		t.Errorf("%+v", v)
	}
}

// Who takes every connection on the way says nothing of those behind; and what
// nobody on the node took is not the node's port.
func TestInterposed(t *testing.T) {
	r := Reach{Kinds: []Kind{Kubelet, SSH, Runtime}, Required: v1alpha1.T("a", "a"), Remedy: v1alpha1.T("b", "b"), None: v1alpha1.T("c", "c")}
	target := func(kind Kind, listens bool, connected int) Target {
		t := Target{Kind: kind, Node: 1, Index: 1, Knocks: []Knock{{Pod: 1, Attempts: 5, Connected: connected, Timeout: 5 - connected}}, Host: Host{Looks: 3, LookedAfter: true, Dialled: agent.Refused}}
		if listens {
			t.Host.OnNode = 3
		}
		return t
	}
	for name, c := range map[string]struct {
		targets []Target
		want    v1alpha1.Outcome
		objects int
	}{
		"a mesh":                      {[]Target{target(Kubelet, true, 5), target(SSH, false, 5), target(Runtime, false, 5)}, v1alpha1.Inconclusive, 0},
		"a host port beside the rest": {[]Target{target(Kubelet, true, 5), target(SSH, false, 5), target(Runtime, false, 0), target(Runtime, false, 0)}, v1alpha1.Fail, 1},
		"only a host port":            {[]Target{target(Kubelet, true, 0), target(SSH, false, 5), target(Runtime, false, 0)}, v1alpha1.Inconclusive, 0},
	} {
		if v := r.judge(Observation{Decoys: quiet(), Targets: c.targets}); v.Outcome != c.want || len(v.Findings) != c.objects {
			t.Errorf("%s: %s with %d findings, want %s with %d", name, v.Outcome, len(v.Findings), c.want, c.objects)
		}
	}
}

// Without a word from nodes the decoy alone tells a mesh, and without a decoy a
// bare connection says nothing. What the server itself said stays.
func TestDecoy(t *testing.T) {
	answered := func(status int) []Answer { return []Answer{{agent.Anonymous, agent.Answered, status}} }
	text := v1alpha1.T("a", "a")
	judges := map[string]func(Observation) check.Verdict{
		"reach":    Reach{Kinds: []Kind{EtcdClient}, Required: text, Remedy: text, None: text, Certificates: true}.judge,
		"declared": judgeDeclared,
	}
	for _, c := range []struct {
		name    string
		decoys  []Knock
		answers []Answer
		// outcomes of the two.
		reach, declared v1alpha1.Outcome
		says            string
	}{
		{"refused", quiet(), nil, v1alpha1.Fail, v1alpha1.Fail, ""},
		{"silent", []Knock{{Pod: 1, Attempts: 5, Timeout: 5}}, nil, v1alpha1.Fail, v1alpha1.Fail, ""},
		{"connected", []Knock{{Pod: 1, Attempts: 5, Connected: 5}}, nil, v1alpha1.Inconclusive, v1alpha1.Inconclusive, "service mesh"},
		{"connected once", []Knock{{Pod: 1, Attempts: 5, Connected: 1, Timeout: 4}}, nil, v1alpha1.Inconclusive, v1alpha1.Inconclusive, "service mesh"},
		{"that of another pod connected", []Knock{{Pod: 1, Attempts: 5, Refused: 5}, {Pod: 2, Attempts: 5, Connected: 5}}, nil, v1alpha1.Inconclusive, v1alpha1.Inconclusive, "service mesh"},
		{"none", nil, nil, v1alpha1.Inconclusive, v1alpha1.Inconclusive, "control"},
		{"not tried", []Knock{{Pod: 1, Missing: 5}}, nil, v1alpha1.Inconclusive, v1alpha1.Inconclusive, "control"},
		{"could not be tried", []Knock{{Pod: 1, Attempts: 5, Other: 5}}, nil, v1alpha1.Inconclusive, v1alpha1.Inconclusive, "control"},
		{"only that of another pod", []Knock{{Pod: 2, Attempts: 5, Refused: 5}}, nil, v1alpha1.Inconclusive, v1alpha1.Inconclusive, "control"},
		{"connected, but etcd answered", []Knock{{Pod: 1, Attempts: 5, Connected: 5, Questions: 1, Answers: answered(503)}}, answered(200), v1alpha1.Fail, v1alpha1.Inconclusive, ""},
		{"none, but etcd answered", nil, answered(200), v1alpha1.Fail, v1alpha1.Inconclusive, ""},
		{"answers like etcd", []Knock{{Pod: 1, Attempts: 5, Connected: 5, Questions: 1, Answers: answered(200)}}, answered(200), v1alpha1.Inconclusive, v1alpha1.Inconclusive, "service mesh"},
	} {
		for name, judge := range judges {
			o := Observation{AllowedPortsDeclared: true, Decoys: c.decoys}
			for _, kind := range []Kind{EtcdClient, APIServer} {
				o.Targets = append(o.Targets, Target{Kind: kind, Node: 1, Index: 1, Knocks: []Knock{{Pod: 1, Attempts: 5, Connected: 5, Answers: c.answers}}})
			}
			want := map[string]v1alpha1.Outcome{"reach": c.reach, "declared": c.declared}[name]
			v := judge(o)
			if v.Outcome != want || !strings.Contains(v.Reason.En, c.says) {
				t.Errorf("%s, %s: %s (%s), want %s", c.name, name, v.Outcome, v.Reason.En, want)
			}
			if v.Matrix[0].Deviates && v.Outcome != v1alpha1.Fail {
				t.Errorf("%s, %s: the matrix shows a deviation", c.name, name)
			}
		}
	}
}

// A connection counts only where an address that no server has takes none:
// proxies and firewalls may take all and decide afterwards.
func TestInternet(t *testing.T) {
	knock := func(attempts, connected int) []Knock {
		return []Knock{{Pod: 1, Attempts: attempts, Connected: connected, Timeout: attempts - connected}}
	}
	whole := func(nodes, nodesNowhere, tenantsNowhere []Knock, runnerNowhere agent.Result) Observation {
		o := Observation{
			Nodes: 1, ControlPlanes: 1, MachineCount: 1, Machines: []Machine{{Node: 1, ControlPlane: true, Addresses: 1}}, SchedulableNodes: 1, KnockingPods: 1, APIServers: 1,
			Controls: []Control{{Pod: 1}}, Decoys: quiet(),
			Canary: Canary{Given: true, RunnerBefore: agent.Connected, RunnerAfter: agent.Connected, RunnerNowhere: runnerNowhere,
				Tenants: knock(5, 5), TenantsNowhere: tenantsNowhere, Nodes: nodes, NodesNowhere: nodesNowhere},
		}
		for _, k := range NodeKinds() {
			o.Targets = append(o.Targets, Target{Kind: k, Node: 1, Index: 1, Knocks: knock(5, 0)})
		}
		o.Targets = append(o.Targets, Target{Kind: APIServer, Index: 1, Knocks: knock(5, 0)})
		return o
	}
	for name, c := range map[string]struct {
		o    Observation
		want v1alpha1.Outcome
		says string
	}{
		"closed":                            {whole(knock(9, 0), knock(9, 0), knock(5, 0), agent.TimedOut), v1alpha1.Pass, ""},
		"open":                              {whole(knock(9, 9), knock(9, 0), knock(5, 0), agent.TimedOut), v1alpha1.Fail, ""},
		"open once, nothing else known":     {Observation{Canary: Canary{Given: true, Nodes: knock(9, 1), NodesNowhere: knock(1, 0)}}, v1alpha1.Fail, ""},
		"somebody takes everything":         {whole(knock(9, 9), knock(9, 9), knock(5, 0), agent.TimedOut), v1alpha1.Inconclusive, "RFC 5737"},
		"somebody took once":                {whole(knock(9, 9), knock(9, 1), knock(5, 0), agent.TimedOut), v1alpha1.Inconclusive, "RFC 5737"},
		"took from nowhere only":            {whole(knock(9, 0), knock(9, 1), knock(5, 0), agent.TimedOut), v1alpha1.Inconclusive, "RFC 5737"},
		"nowhere not tried":                 {whole(knock(9, 9), nil, knock(5, 0), agent.TimedOut), v1alpha1.Inconclusive, "control"},
		"nowhere could not be tried":        {whole(knock(9, 9), []Knock{{Pod: 1, Attempts: 9, Other: 9}}, knock(5, 0), agent.TimedOut), v1alpha1.Inconclusive, "control"},
		"closed, nowhere tried once":        {whole(knock(9, 0), knock(1, 0), knock(5, 0), agent.TimedOut), v1alpha1.Inconclusive, "control"},
		"a proxy answers tenants, bvc not":  {whole(knock(9, 0), knock(9, 0), knock(5, 5), agent.TimedOut), v1alpha1.Pass, ""},
		"a proxy answers bvc, tenants not":  {whole(knock(9, 0), knock(9, 0), knock(5, 0), agent.Connected), v1alpha1.Pass, ""},
		"a proxy answers everybody else":    {whole(knock(9, 0), knock(9, 0), knock(5, 5), agent.Connected), v1alpha1.Inconclusive, "answers somebody"},
		"whether one answers was not tried": {whole(knock(9, 0), knock(9, 0), knock(5, 5), ""), v1alpha1.Inconclusive, "answers somebody"},
	} {
		v := judgeInternet(c.o)
		if v.Outcome != c.want || !strings.Contains(v.Reason.En, c.says) {
			t.Errorf("%s: %s (%s), want %s", name, v.Outcome, v.Reason.En, c.want)
		}
		if len(v.Matrix) > 0 && v.Matrix[0].Deviates != (c.want == v1alpha1.Fail) {
			t.Errorf("%s: %+v", name, v.Matrix)
		}
	}
}

// A pass says how many of the nodes it is about.
func TestSomeOfManyNodes(t *testing.T) {
	text := v1alpha1.T("a", "a")
	refused := []Answer{{agent.Anonymous, agent.Answered, 401}, {agent.WithToken, agent.Answered, 403}}
	closed := func(attempts int) Knock { return Knock{Pod: 1, Attempts: attempts, Timeout: attempts} }
	o := Observation{
		Nodes: 12, ControlPlanes: 1, MachineCount: cluster.NodeLimit, SchedulableNodes: 1, KnockingPods: 1, APIServers: 1, WindowSeconds: 60,
		Controls: []Control{{Pod: 1, Attempts: 6, Echoed: 6, First: true, Last: true}}, Decoys: quiet(),
		Targets: []Target{{Kind: APIServer, Index: 1, Knocks: []Knock{closed(5)}}},
		Canary:  Canary{Given: true, RunnerBefore: agent.Connected, RunnerAfter: agent.Connected, RunnerNowhere: agent.TimedOut, Tenants: []Knock{closed(5)}, TenantsNowhere: []Knock{closed(5)}},
	}
	for i := range cluster.NodeLimit {
		o.Machines = append(o.Machines, Machine{Node: i + 1, ControlPlane: i == 0, Addresses: 1})
		for _, k := range NodeKinds() {
			target := Target{Kind: k, Node: i + 1, Index: 1, Knocks: []Knock{closed(5)}, Host: Host{Looks: 3, LookedAfter: true, Dialled: agent.Refused}}
			if k == Kubelet {
				target.Host = Host{Looks: 3, OnNode: 3, LookedAfter: true, Dialled: agent.Connected, Questions: len(refused), Answers: refused}
			}
			o.Targets = append(o.Targets, target)
		}
		node := closed(9)
		node.Pod = i + 1
		o.Canary.Nodes, o.Canary.NodesNowhere = append(o.Canary.Nodes, node), append(o.Canary.NodesNowhere, node)
	}
	for name, judge := range map[string]func(Observation) check.Verdict{
		"reach": Reach{Kinds: []Kind{Kubelet}, Required: text, Remedy: text, None: text}.judge, "credentials": judgeCredentials, "internet": judgeInternet,
	} {
		if v := judge(o); v.Outcome != v1alpha1.Pass || !strings.Contains(v.Reason.En, "10 of 12 nodes") || !strings.Contains(v.Reason.De, "10 von 12 Nodes") {
			t.Errorf("%s: %s (%s)", name, v.Outcome, v.Reason.De)
		}
	}
}

// The site decides about API servers, and where it says nothing, nothing follows.
func TestDeclared(t *testing.T) {
	for name, c := range map[string]struct {
		connected         int
		allowed, declared bool
		want              v1alpha1.Outcome
	}{
		"reached, allowed, controls failed": {5, true, true, v1alpha1.Inconclusive},
		"reached, not allowed":              {1, false, true, v1alpha1.Fail},
		"reached, nothing declared":         {5, false, false, v1alpha1.Inconclusive},
		"not reached":                       {0, false, true, v1alpha1.Inconclusive},
	} {
		o := Observation{Decoys: quiet(), AllowedPortsDeclared: c.declared, Targets: []Target{{Kind: APIServer, Index: 1, Port: 6443, Allowed: c.allowed,
			Knocks: []Knock{{Pod: 1, Attempts: 5, Connected: c.connected, Timeout: 5 - c.connected}}}}}
		if v := judgeDeclared(o); v.Outcome != c.want {
			t.Errorf("%s: %s, want %s", name, v.Outcome, c.want)
		}
	}
}
