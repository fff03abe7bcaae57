package souvap

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/wire"
)

// wireChecks are the legs by the folder of their recordings.
var wireChecks = map[string]func(*wire.Observation) *wire.Leg{
	"SOUVAP.7.2.5/pod-to-pod-encrypted-between-nodes":         func(o *wire.Observation) *wire.Leg { return &o.PodToPod },
	"SOUVAP.7.3.3.4.1/pod-to-service-encrypted-between-nodes": func(o *wire.Observation) *wire.Leg { return &o.PodToService },
	"SOUVAP.7.3.3.11/host-to-host-encrypted":                  func(o *wire.Observation) *wire.Leg { return &o.HostToHost },
}

// wireVerdict judges through the registered check, as a run does.
func wireVerdict(t *testing.T, id string, o wire.Observation) v1alpha1.Result {
	t.Helper()
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range check.Default.Checks() {
		if c.ID == id {
			return c.Judge([]v1alpha1.Observation{{Probe: wire.Probe.Name, SchemaVersion: wire.Probe.SchemaVersion, Data: data}})
		}
	}
	t.Fatalf("%s is not registered", id)
	return v1alpha1.Result{}
}

func recordedWire(t *testing.T, id, name string) wire.Observation {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../fixtures/recorded", strings.ReplaceAll(id, "/", "_"), name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded v1alpha1.Observation
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	var o wire.Observation
	if err := check.Decode(recorded.Data, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// One thing less or other than in the recorded pass, and there is none.
func TestNoPassWhereAControlIsMissing(t *testing.T) {
	for name, change := range map[string]func(*wire.Observation, *wire.Leg, *wire.Device){
		"no node": func(o *wire.Observation, _ *wire.Leg, _ *wire.Device) {
			o.Nodes, o.SchedulableNodes, o.MeasuredNodes = 0, 0, 0
		},
		"a node not measured":       func(o *wire.Observation, _ *wire.Leg, _ *wire.Device) { o.SchedulableNodes, o.Nodes = 3, 4 },
		"more nodes than there are": func(o *wire.Observation, _ *wire.Leg, _ *wire.Device) { o.MeasuredNodes = 3 },
		"trouble":                   func(o *wire.Observation, _ *wire.Leg, _ *wire.Device) { o.Trouble = cluster.NotPermitted },
		"trouble on the leg":        func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) { l.Trouble = cluster.Quota },
		"one direction":             func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) { l.Senders = l.Senders[:1] },
		"the same direction twice":  func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) { l.Senders[1] = l.Senders[0] },
		"only TCP": func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) {
			l.Senders[0].Streams = l.Senders[0].Streams[:1]
		},
		"TCP twice": func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) {
			l.Senders[0].Streams[1] = l.Senders[0].Streams[0]
		},
		"to itself":            func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) { l.Senders[0].Streams[0].To = 1 },
		"digest not confirmed": func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) { l.Senders[1].Streams[0].Confirmed = false },
		"broken off":           func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) { l.Senders[1].Streams[0].Failure = agent.Reset },
		"not all of TCP": func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) {
			l.Senders[0].Streams[0].ReceivedBytes = 1 << 20
		},
		"less than half of UDP": func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) {
			l.Senders[0].Streams[1].ReceivedBytes = 1 << 18
		},
		"more came than was sent": func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) { l.Senders[0].Streams[1].SentBytes = 1 << 19 },
		"nothing was to be sent":  func(o *wire.Observation, _ *wire.Leg, _ *wire.Device) { o.StreamBytes = 0 },
		"no device": func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) {
			l.Senders[0].Devices, l.Senders[0].ListenedDevices = nil, 0
		},
		"a device of two":   func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) { l.Senders[0].ListenedDevices = 2 },
		"no control before": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) { d.ControlBefore = 0 },
		"no control after":  func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) { d.ControlAfter = 0 },
		"fewer bytes than the load": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) {
			d.PeerBytes, d.Carried = 9<<20, []wire.Carried{{Outer: agent.OuterESP, Bytes: 9 << 20, Sealed: 9 << 20}}
		},
		"other volumes than sealed ones": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) {
			d.Carried[0].Outer, d.Carried[0].Sealed = agent.OuterUDP, 0
		},
		"just too little of it sealed": func(_ *wire.Observation, l *wire.Leg, d *wire.Device) {
			d.Carried = []wire.Carried{{Outer: agent.OuterTCP, Bytes: d.PeerBytes, Sealed: payload(l.Senders[0]) - 1}}
		},
		"more sealed than left": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) { d.Carried[0].Sealed = d.PeerBytes + 1 },
		"others sent as much before": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) {
			d.IdleSealed = d.Sealed() * d.IdleMillis / d.Millis
		},
		"others sent more than half before": func(_ *wire.Observation, l *wire.Leg, d *wire.Device) {
			d.IdleSealed = (d.Sealed() - payload(l.Senders[0])/2 + 1<<10) * d.IdleMillis / d.Millis
		},
		"not listened before": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) { d.IdleMillis = 0 },
		"hardly listened before": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) {
			d.IdleMillis = wire.IdleTime.Milliseconds() - 1
		},
		"the leg took no time":          func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) { d.Millis = 0 },
		"less sent before than nothing": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) { d.IdleSealed = -1 << 40 },
		"families mixed":                func(_ *wire.Observation, l *wire.Leg, _ *wire.Device) { l.Family = "" },
		"seen in clear by MACsec of the card": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) {
			d.Offloaded, d.Seen = true, []wire.Seen{{To: 2, Protocol: wire.TCP, Frames: 1, Outer: agent.OuterTCP}}
		},
		"bytes that do not add up": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) { d.PeerBytes++ },
		"a dropped frame":          func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) { d.Dropped = 1 },
		"a truncated frame":        func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) { d.Truncated = 1 },
		"drops that run backwards": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) { d.Dropped = -1 },
		"clear inside ESP": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) {
			d.Seen = []wire.Seen{{To: 2, Protocol: wire.TCP, Frames: 1, Outer: agent.OuterESP}}
		},
		"clear inside ESP over UDP": func(_ *wire.Observation, _ *wire.Leg, d *wire.Device) {
			d.Seen = []wire.Seen{{To: 2, Protocol: wire.TCP, Frames: 1, Outer: agent.OuterESPInUDP}}
		},
		"control on another device": func(_ *wire.Observation, l *wire.Leg, d *wire.Device) {
			other := *d
			other.Name, other.PeerBytes, other.Carried = "eth1", 0, nil
			d.ControlBefore = 0
			l.Senders[0].Devices, l.Senders[0].ListenedDevices = append(l.Senders[0].Devices, other), 2
		},
	} {
		for id, legOf := range wireChecks {
			o := recordedWire(t, id, "pass-conformant")
			leg := legOf(&o)
			change(&o, leg, &leg.Senders[0].Devices[0])
			if r := wireVerdict(t, id, o); r.Outcome != v1alpha1.Inconclusive || r.Reason.IsZero() {
				t.Errorf("%s, %s: %s (%s), want inconclusive with a reason", name, id, r.Outcome, r.Reason.En)
			}
		}
	}
}

// Seen in clear is a deviation, whatever else held, and of its own leg only.
func TestSeenInClearIsADeviation(t *testing.T) {
	for id, legOf := range wireChecks {
		o := recordedWire(t, id, "pass-conformant")
		leg := legOf(&o)
		d := &leg.Senders[1].Devices[0]
		d.Seen, d.ControlBefore, d.Dropped, leg.Trouble = []wire.Seen{
			{To: 1, Protocol: wire.UDP, Frames: 3, Offset: 96, Outer: agent.OuterVXLAN}, {To: 1, Protocol: wire.TCP, Frames: 1, Outer: agent.OuterESP},
		}, 0, 5, cluster.Crash
		r := wireVerdict(t, id, o)
		if r.Outcome != v1alpha1.Fail || len(r.Findings) != 1 {
			t.Fatalf("%s: %s, %d findings", id, r.Outcome, len(r.Findings))
		}
		f := r.Findings[0]
		for _, word := range []string{"UDP", "worker 1", "3 frames", "byte 96", "vxlan"} {
			if !strings.Contains(f.Observed.En, word) {
				t.Errorf("%s: %q does not say %q", id, f.Observed.En, word)
			}
		}
		if strings.Contains(f.Observed.En, "esp") || !strings.Contains(f.Object.De, "eth0 von Worker 2") {
			t.Errorf("%s: %q, %q", id, f.Observed.En, f.Object.De)
		}
		for other := range wireChecks {
			if r := wireVerdict(t, other, o); other != id && r.Outcome != v1alpha1.Pass {
				t.Errorf("%s: %s (%s) by what was seen on the leg of %s", other, r.Outcome, r.Reason.En, id)
			}
		}
	}
}

// What the control plane has to do with is the leg of nodes alone.
func TestPartOfTheControlPlane(t *testing.T) {
	host := "SOUVAP.7.3.3.11/host-to-host-encrypted"
	alone := func(l *wire.Leg) { l.Senders, l.Senders[0].Streams = l.Senders[:2], l.Senders[0].Streams[:2] }
	for _, c := range []struct {
		name   string
		change func(*wire.Observation, *wire.Leg)
		want   v1alpha1.Outcome
		word   string
	}{
		{"measured", func(*wire.Observation, *wire.Leg) {}, v1alpha1.Pass, "node of the control plane (it has 1) took part"},
		{"no node", func(o *wire.Observation, l *wire.Leg) {
			alone(l)
			o.ControlPlane = wire.ControlPlane{Part: wire.NoNode}
		}, v1alpha1.Pass, "where it runs outside"},
		{"among the workers", func(o *wire.Observation, l *wire.Leg) { alone(l); o.ControlPlane.Part = wire.AmongMeasured }, v1alpha1.Pass, "at least one belongs"},
		{"none ready", func(o *wire.Observation, l *wire.Leg) { alone(l); o.ControlPlane.Part = wire.Unavailable }, v1alpha1.Inconclusive, "none is ready"},
		{"no pod there", func(o *wire.Observation, l *wire.Leg) { alone(l); o.ControlPlane.Trouble = cluster.ImageNotPulled }, v1alpha1.Inconclusive, "did not run (imageNotPulled)"},
		{"nothing is said", func(o *wire.Observation, l *wire.Leg) { alone(l); o.ControlPlane.Part = "" }, v1alpha1.Inconclusive, "does not say"},
		{"no node and yet one", func(o *wire.Observation, l *wire.Leg) { alone(l); o.ControlPlane.Part = wire.NoNode }, v1alpha1.Inconclusive, "does not say"},
		{"added and yet none", func(o *wire.Observation, _ *wire.Leg) { o.ControlPlane.Nodes = 0 }, v1alpha1.Inconclusive, "does not say"},
		{"said to be added, not measured", func(_ *wire.Observation, l *wire.Leg) { alone(l) }, v1alpha1.Inconclusive, "complete in itself"},
		{"measured and said to be no node", func(o *wire.Observation, _ *wire.Leg) { o.ControlPlane = wire.ControlPlane{Part: wire.NoNode} }, v1alpha1.Inconclusive, "complete in itself"},
		{"to it only", func(_ *wire.Observation, l *wire.Leg) { l.Senders = l.Senders[:2] }, v1alpha1.Inconclusive, "complete in itself"},
		{"from it only", func(_ *wire.Observation, l *wire.Leg) { l.Senders[0].Streams = l.Senders[0].Streams[:2] }, v1alpha1.Inconclusive, "complete in itself"},
		{"it could not be reached", func(_ *wire.Observation, l *wire.Leg) {
			l.Senders[0].Streams[2].Confirmed, l.Senders[0].Streams[2].Failure = false, agent.TimedOut
		}, v1alpha1.Inconclusive, "on 2 of 3 nodes"},
	} {
		o := recordedWire(t, host, "pass-conformant")
		c.change(&o, &o.HostToHost)
		if r := wireVerdict(t, host, o); r.Outcome != c.want || !strings.Contains(r.Reason.En, c.word) {
			t.Errorf("%s: %s (%s), want %s with %q", c.name, r.Outcome, r.Reason.En, c.want, c.word)
		}
		for id := range wireChecks {
			// An observation that contradicts itself is one for no leg.
			if r := wireVerdict(t, id, o); id != host && r.Outcome != v1alpha1.Pass && c.word != "complete in itself" && c.name != "nothing is said" {
				t.Errorf("%s: %s, %s (%s)", c.name, id, r.Outcome, r.Reason.En)
			}
		}
	}
	// Without it, what others send in clear is still a deviation; and so is what it sends.
	for _, sender := range []int{1, 2} {
		o := recordedWire(t, host, "pass-conformant")
		o.HostToHost.Senders[sender].Devices[0].Seen = []wire.Seen{{To: 1, Protocol: wire.UDP, Frames: 3, Outer: agent.OuterUDP}}
		if sender == 1 {
			alone(&o.HostToHost)
			o.ControlPlane.Trouble = cluster.Rejected
		}
		r := wireVerdict(t, host, o)
		if r.Outcome != v1alpha1.Fail || len(r.Findings) != 1 {
			t.Fatalf("%s, %d findings", r.Outcome, len(r.Findings))
		}
		if controlPlane := strings.Contains(r.Findings[0].Object.En, "control-plane node"); controlPlane != (sender == 2) {
			t.Errorf("sender %d: %s", sender+1, r.Findings[0].Object.En)
		}
	}
}

// One that takes the payload in clear by a plain device is a deviation, whatever
// MACsec there is on another.
func TestPlainDeviceBesideMACsecOfTheCard(t *testing.T) {
	for id, legOf := range wireChecks {
		o := recordedWire(t, id, "pass-conformant")
		s := &legOf(&o).Senders[0]
		plain, card := s.Devices[0], s.Devices[0]
		plain.Seen, card.Seen, card.Offloaded, card.Name = []wire.Seen{{To: 2, Protocol: wire.TCP, Frames: 1, Outer: agent.OuterTCP}}, plain.Seen, true, "eth1"
		card.Seen = plain.Seen
		s.Devices, s.ListenedDevices = []wire.Device{card, plain}, 2
		r := wireVerdict(t, id, o)
		if r.Outcome != v1alpha1.Fail || len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Object.En, "eth0") {
			t.Errorf("%s: %s, %v", id, r.Outcome, r.Findings)
		}
	}
}

// The reason says which IP was measured, and which was not.
func TestFamilyInTheReason(t *testing.T) {
	for id, legOf := range wireChecks {
		for _, c := range []struct {
			family wire.Family
			other  bool
			want   string
		}{
			{wire.IPv4, false, "directions, over IPv4)"}, {wire.IPv6, false, "directions, over IPv6)"},
			{wire.IPv4, true, "over IPv4; over IPv6, which the receivers have too, nothing was measured)"}, {wire.IPv6, true, "over IPv6; over IPv4, which"},
		} {
			o := recordedWire(t, id, "pass-conformant")
			legOf(&o).Family, legOf(&o).OtherFamily = c.family, c.other
			if r := wireVerdict(t, id, o); r.Outcome != v1alpha1.Pass || !strings.Contains(r.Reason.En, c.want) {
				t.Errorf("%s: %s (%s), want %q", id, r.Outcome, r.Reason.En, c.want)
			}
		}
	}
}

func TestOneNodeIsNotApplicable(t *testing.T) {
	empty := wire.Leg{Senders: []wire.Sender{}}
	for id := range wireChecks {
		o := wire.Observation{Nodes: 1, SchedulableNodes: 1, StreamBytes: 1, DatagramBytes: 1, PodToPod: empty, PodToService: empty, HostToHost: empty}
		if r := wireVerdict(t, id, o); r.Outcome != v1alpha1.NotApplicable {
			t.Errorf("%s, one node: %s", id, r.Outcome)
		}
		o.Nodes = 3
		if r := wireVerdict(t, id, o); r.Outcome != v1alpha1.Inconclusive {
			t.Errorf("%s, one worker of three nodes: %s", id, r.Outcome)
		}
	}
}

// Where only what the tenant was to send did not run, nodes are judged all the same.
func TestTroubleOfOneLeg(t *testing.T) {
	host := "SOUVAP.7.3.3.11/host-to-host-encrypted"
	o := recordedWire(t, host, "pass-conformant")
	o.PodToPod, o.PodToService = wire.Leg{Trouble: cluster.Quota, Senders: []wire.Sender{}}, wire.Leg{Trouble: cluster.Quota, Senders: []wire.Sender{}}
	for id := range wireChecks {
		want := v1alpha1.Inconclusive
		if id == host {
			want = v1alpha1.Pass
		}
		if r := wireVerdict(t, id, o); r.Outcome != want {
			t.Errorf("%s: %s (%s), want %s", id, r.Outcome, r.Reason.En, want)
		}
	}
}

// What others send under encryption comes and goes; it does not keep a leg from
// being decided as long as most of what left must be the payload.
func TestOthersMaySendMeanwhile(t *testing.T) {
	for id, legOf := range wireChecks {
		o := recordedWire(t, id, "pass-conformant")
		for i := range legOf(&o).Senders {
			s := &legOf(&o).Senders[i]
			d := &s.Devices[0]
			d.IdleSealed = (d.Sealed() - payload(*s)*2/3) * d.IdleMillis / d.Millis
		}
		if r := wireVerdict(t, id, o); r.Outcome != v1alpha1.Pass {
			t.Errorf("%s: %s (%s)", id, r.Outcome, r.Reason.En)
		}
	}
}
