package ports

import (
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
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

// A connection is a deviation by itself: nothing else needs to have worked.
func TestReachedWithoutControls(t *testing.T) {
	r := Reach{Kinds: []Kind{SSH}, Required: v1alpha1.T("a", "a"), Remedy: v1alpha1.T("b", "b"), None: v1alpha1.T("c", "c")}
	o := Observation{Targets: []Target{{Kind: SSH, Node: 1, Index: 1, Port: 22, Knocks: []Knock{{Pod: 1, Attempts: 1, Connected: 1}}}}}
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
		if v := r.judge(Observation{Targets: c.targets}); v.Outcome != c.want || len(v.Findings) != c.objects {
			t.Errorf("%s: %s with %d findings, want %s with %d", name, v.Outcome, len(v.Findings), c.want, c.objects)
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
		o := Observation{AllowedPortsDeclared: c.declared, Targets: []Target{{Kind: APIServer, Index: 1, Port: 6443, Allowed: c.allowed,
			Knocks: []Knock{{Pod: 1, Attempts: 5, Connected: c.connected, Timeout: 5 - c.connected}}}}}
		if v := judgeDeclared(o); v.Outcome != c.want {
			t.Errorf("%s: %s, want %s", name, v.Outcome, c.want)
		}
	}
}
