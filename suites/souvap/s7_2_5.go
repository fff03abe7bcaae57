package souvap

import (
	"fmt"
	"slices"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/wire"
)

var _ = check.Register(check.Of(check.Meta{
	ID: "SOUVAP.7.2.5/pod-to-pod-encrypted-between-nodes",
	Title: v1alpha1.T(
		"Was ein Pod einem Pod auf einem anderen Node schickt, verlässt den Node verschlüsselt",
		"What a pod sends to a pod on another node leaves the node encrypted"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "SOUVAP.7.2.5-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.4.1-UA.1", Decides: v1alpha1.Part},
	},
}, wire.Probe, wireLeg{
	of:   func(o wire.Observation) wire.Leg { return o.PodToPod },
	name: v1alpha1.T("von Pod zu Pod", "from pod to pod"),
	remedy: v1alpha1.T(
		"Im CNI die Verschlüsselung zwischen Nodes einschalten (WireGuard oder IPsec) und Ausnahmen (Namensräume, Nodes, Ports, Protokolle) streichen; nicht verschlüsselter Verkehr soll verworfen, nicht offen gesendet werden.",
		"Switch on the encryption between nodes in the CNI (WireGuard or IPsec) and remove exemptions (namespaces, nodes, ports, protocols); what is not encrypted should be dropped, not sent in clear."),
}.judge))

// wireLeg judges one leg of the observation.
type wireLeg struct {
	of     func(wire.Observation) wire.Leg
	name   v1alpha1.Text
	remedy v1alpha1.Text
}

func (w wireLeg) judge(o wire.Observation) check.Verdict {
	leg := w.of(o)
	v := check.Verdict{Controls: wireControls(o, leg), Attempts: confirmed(leg), Figures: wireFigures(o, leg)}
	undecided := func(reason v1alpha1.Text) check.Verdict {
		v.Outcome, v.Reason = v1alpha1.Inconclusive, reason
		return v
	}
	if findings := w.findings(leg); len(findings) > 0 {
		v.Outcome, v.Findings = v1alpha1.Fail, findings
		return v
	}
	switch {
	case o.Nodes == 1:
		v.Outcome = v1alpha1.NotApplicable
		v.Reason = v1alpha1.T("Der Cluster hat nur einen Node.", "The cluster has only one node.")
		return v
	case o.MeasuredNodes < 2:
		return undecided(v1alpha1.T(
			fmt.Sprintf("Von %d Nodes nehmen nur %d Pods auf; zwischen zweien war nichts zu messen.", o.Nodes, o.SchedulableNodes),
			fmt.Sprintf("Of %d nodes only %d take pods; between two of them nothing could be measured.", o.Nodes, o.SchedulableNodes)))
	case o.Trouble != cluster.NoTrouble || leg.Trouble != cluster.NoTrouble:
		trouble := o.Trouble
		if trouble == cluster.NoTrouble {
			trouble = leg.Trouble
		}
		way, _ := check.CauseText(string(trouble))
		return undecided(v1alpha1.T(strings.TrimSpace("Die Pods der Sonde liefen nicht ("+string(trouble)+"). "+way.De), strings.TrimSpace("The probe's pods did not run ("+string(trouble)+"). "+way.En)))
	}
	for _, s := range leg.Senders {
		for _, d := range s.Devices {
			if len(d.Seen) > 0 { // only those that are no finding are left
				return undecided(v1alpha1.T(
					fmt.Sprintf("Auf dem Gerät %s von Worker %d lag die Nutzlast offen in einem IPsec-Paket; das ist so, wenn erst die Netzkarte verschlüsselt, und von hier nicht zu unterscheiden.", d.Name, s.Node),
					fmt.Sprintf("On device %s of worker %d the payload lay in clear inside an IPsec packet; that is so where only the network card encrypts, and can not be told from here.", d.Name, s.Node)))
			}
		}
	}
	for _, c := range v.Controls {
		if !c.Held {
			return undecided(v1alpha1.T("Eine Kontrolle hielt nicht: "+c.Name.De+" ("+c.Detail.De+").", "A control did not hold: "+c.Name.En+" ("+c.Detail.En+")."))
		}
	}
	v.Outcome = v1alpha1.Pass
	outer := strings.Join(outers(leg), ", ")
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Zwischen %d von %d Nodes, die Pods aufnehmen (der Cluster hat %d), kamen %d Datenströme %s an (TCP und UDP, in beide Richtungen); auf keinem Gerät der sendenden Nodes war die Nutzlast offen zu sehen. Äußeres Protokoll zu den anderen Nodes: %s.", o.MeasuredNodes, o.SchedulableNodes, o.Nodes, v.Attempts, w.name.De, outer),
		fmt.Sprintf("Between %d of %d nodes that take pods (the cluster has %d) %d streams %s arrived (TCP and UDP, in both directions); on no device of the sending nodes could the payload be seen in clear. Outer protocol towards the other nodes: %s.", o.MeasuredNodes, o.SchedulableNodes, o.Nodes, v.Attempts, w.name.En, outer))
	return v
}

// cardMayEncrypt: a card that encrypts gets the packet wrapped, but in clear.
func cardMayEncrypt(s wire.Seen) bool {
	return s.Outer == agent.OuterESP || s.Outer == agent.OuterESPInUDP
}

func (w wireLeg) findings(leg wire.Leg) []v1alpha1.Finding {
	var findings []v1alpha1.Finding
	for _, s := range leg.Senders {
		for _, d := range s.Devices {
			seen := slices.DeleteFunc(slices.Clone(d.Seen), cardMayEncrypt)
			if len(seen) == 0 {
				continue
			}
			var de, en []string
			for _, c := range seen {
				de = append(de, fmt.Sprintf("%s zu Worker %d: in %d Frames, zuerst ab Byte %d, äußeres Protokoll %s", strings.ToUpper(string(c.Protocol)), c.To, c.Frames, c.Offset, c.Outer))
				en = append(en, fmt.Sprintf("%s to worker %d: in %d frames, first from byte %d on, outer protocol %s", strings.ToUpper(string(c.Protocol)), c.To, c.Frames, c.Offset, c.Outer))
			}
			findings = append(findings, v1alpha1.Finding{
				Required: v1alpha1.T(
					"Was "+w.name.De+" auf einen anderen Node geht, verlässt den sendenden Node verschlüsselt.",
					"What goes "+w.name.En+" to another node leaves the sending node encrypted."),
				Observed: v1alpha1.T("Abweichung: Die gesendete Nutzlast war offen zu sehen ("+strings.Join(de, "; ")+").",
					"Deviation: the payload that was sent could be seen in clear ("+strings.Join(en, "; ")+")."),
				Object: v1alpha1.T(fmt.Sprintf("Gerät %s von Worker %d, ausgehend", d.Name, s.Node), fmt.Sprintf("device %s of worker %d, outgoing", d.Name, s.Node)),
				Remedy: v1alpha1.T(
					w.remedy.De+" Wo erst Netzkarte, Switch oder Unterlage verschlüsseln, ist das von einem Node aus nicht zu sehen und anders nachzuweisen.",
					w.remedy.En+" Where only the network card, the switch or what lies below encrypts, that can not be seen from a node and has to be shown otherwise."),
			})
		}
	}
	return findings
}

// confirmed counts the streams that arrived whole, or as datagrams for the most part.
func confirmed(leg wire.Leg) int {
	n := 0
	for _, s := range leg.Senders {
		for _, t := range s.Streams {
			if t.Confirmed && t.Failure == "" {
				n++
			}
		}
	}
	return n
}

// outers lists what carried at least a hundredth of the bytes to the peers.
func outers(leg wire.Leg) []string {
	sums, all := map[string]int64{}, int64(0)
	for _, s := range leg.Senders {
		for _, d := range s.Devices {
			for _, c := range d.Carried {
				sums[string(c.Outer)] += c.Bytes
				all += c.Bytes
			}
		}
	}
	var names []string
	for name, bytes := range sums {
		if bytes*100 >= all {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func wireFigures(o wire.Observation, leg wire.Leg) []v1alpha1.Figure {
	var sent, received int64
	for _, s := range leg.Senders {
		for _, t := range s.Streams {
			sent, received = sent+t.SentBytes, received+t.ReceivedBytes
		}
	}
	return []v1alpha1.Figure{
		{Name: v1alpha1.T("Gemessene Nodes", "Measured nodes"), Value: float64(o.MeasuredNodes), Unit: "1"},
		{Name: v1alpha1.T("Gesendete Nutzlast", "Payload sent"), Value: float64(sent), Unit: "By"},
		{Name: v1alpha1.T("Angekommene Nutzlast", "Payload that arrived"), Value: float64(received), Unit: "By"},
	}
}

// wireControls give what must hold for the absence of the canary to mean that
// it was encrypted. Each names its senders, streams and devices, so that one
// that is not in the observation is a control that did not hold.
func wireControls(o wire.Observation, leg wire.Leg) []v1alpha1.Control {
	each := func(name v1alpha1.Text, holds func(wire.Sender) bool) v1alpha1.Control {
		held := map[int]bool{}
		for _, s := range leg.Senders {
			if s.Node >= 1 && s.Node <= o.MeasuredNodes && holds(s) {
				held[s.Node] = true
			}
		}
		return v1alpha1.Control{
			Name: name, Held: o.MeasuredNodes >= 2 && len(held) == o.MeasuredNodes && len(leg.Senders) == o.MeasuredNodes,
			Detail: v1alpha1.T(fmt.Sprintf("auf %d von %d Nodes", len(held), o.MeasuredNodes), fmt.Sprintf("on %d of %d nodes", len(held), o.MeasuredNodes)),
		}
	}
	return []v1alpha1.Control{
		{
			Name: v1alpha1.T("Die Beobachtung ist in sich vollständig", "The observation is complete in itself"),
			Held: whole(o),
			Detail: v1alpha1.T(fmt.Sprintf("%d von %d Nodes gemessen", o.MeasuredNodes, o.SchedulableNodes),
				fmt.Sprintf("%d of %d nodes measured", o.MeasuredNodes, o.SchedulableNodes)),
		},
		each(v1alpha1.T("Jeder Datenstrom kam an, und der Empfänger bestätigte seine Prüfsumme", "Every stream arrived, and the receiver confirmed its digest"),
			func(s wire.Sender) bool { return arrived(o, s) }),
		each(v1alpha1.T("Ein offener Kontrolltext war vorher und nachher auf demselben Gerät zu sehen, das die Nutzlast zu den anderen Nodes trug",
			"A clear control text was seen before and after on the very device that carried the payload to the other nodes"),
			func(s wire.Sender) bool {
				return slices.ContainsFunc(s.Devices, func(d wire.Device) bool {
					return d.ControlBefore > 0 && d.ControlAfter > 0 && d.PeerBytes >= payload(s)
				})
			}),
		each(v1alpha1.T("Auf jedem Gerät wurde jeder Frame ganz durchsucht", "On every device every frame was searched as a whole"),
			func(s wire.Sender) bool {
				return len(s.Devices) > 0 && !slices.ContainsFunc(s.Devices, func(d wire.Device) bool { return d.Dropped != 0 || d.Truncated != 0 })
			}),
	}
}

// payload that provably left the sender.
func payload(s wire.Sender) int64 {
	var n int64
	for _, t := range s.Streams {
		n += t.ReceivedBytes
	}
	return n
}

// arrived: all that was to be sent over TCP, and most of what was over UDP.
func arrived(o wire.Observation, s wire.Sender) bool {
	return len(s.Streams) > 0 && !slices.ContainsFunc(s.Streams, func(t wire.Stream) bool {
		least := o.StreamBytes
		if t.Protocol == wire.UDP {
			least = o.DatagramBytes / 2
		}
		return least <= 0 || !t.Confirmed || t.Failure != "" || t.ReceivedBytes < least || t.SentBytes < t.ReceivedBytes
	})
}

// whole reports whether every leg that ran has all its parts: each measured
// node with each of its streams and each device that was listened on.
func whole(o wire.Observation) bool {
	if o.MeasuredNodes < 2 || o.MeasuredNodes != min(o.SchedulableNodes, wire.NodeLimit) || o.SchedulableNodes > o.Nodes {
		return false
	}
	for _, leg := range []wire.Leg{o.PodToPod, o.PodToService, o.HostToHost} {
		if leg.Trouble != cluster.NoTrouble {
			continue
		}
		nodes := map[int]bool{}
		for _, s := range leg.Senders {
			nodes[s.Node] = true
			if !wholeSender(o, s) {
				return false
			}
		}
		if len(nodes) != o.MeasuredNodes || len(leg.Senders) != o.MeasuredNodes {
			return false
		}
	}
	return true
}

func wholeSender(o wire.Observation, s wire.Sender) bool {
	type stream struct {
		to       int
		protocol wire.Protocol
	}
	streams := map[stream]bool{}
	for _, t := range s.Streams {
		streams[stream{t.To, t.Protocol}] = true
	}
	peers := wire.Peers(s.Node, o.MeasuredNodes)
	for _, to := range peers {
		for _, protocol := range wire.Protocols() {
			if !streams[stream{to, protocol}] {
				return false
			}
		}
	}
	for _, d := range s.Devices {
		var sum int64
		for _, c := range d.Carried {
			sum += c.Bytes
		}
		if sum != d.PeerBytes || d.Name == "" {
			return false
		}
	}
	return len(s.Streams) == len(peers)*len(wire.Protocols()) && s.ListenedDevices > 0 && len(s.Devices) == s.ListenedDevices
}
