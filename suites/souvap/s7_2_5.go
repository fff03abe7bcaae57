package souvap

import (
	"cmp"
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
	of func(wire.Observation) wire.Leg
	// hosts: the leg of the nodes themselves, which the control plane is a part of.
	hosts  bool
	name   v1alpha1.Text
	remedy v1alpha1.Text
}

func (w wireLeg) judge(o wire.Observation) check.Verdict {
	leg := w.of(o)
	v := check.Verdict{Controls: w.controls(o, leg), Attempts: confirmed(leg), Figures: wireFigures(o, leg)}
	undecided := func(reason v1alpha1.Text) check.Verdict {
		v.Outcome, v.Reason = v1alpha1.Inconclusive, reason
		return v
	}
	if findings := w.findings(o, leg); len(findings) > 0 {
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
			if len(d.Seen) == 0 { // else only those that are no finding are left
				continue
			}
			node := nodeText(o, s.Node)
			if d.Offloaded {
				return undecided(v1alpha1.T(
					fmt.Sprintf("Auf dem Gerät %s von %s war die Nutzlast offen zu sehen; darüber liegt MACsec, das erst die Netzkarte verschlüsselt. Was von da ausgeht und was an MACsec vorbei, ist von hier nicht zu unterscheiden.", d.Name, node.De),
					fmt.Sprintf("On device %s of %s the payload could be seen in clear; over it lies MACsec, which the network card alone encrypts. What leaves by that and what passes it by can not be told from here.", d.Name, node.En)))
			}
			return undecided(v1alpha1.T(
				fmt.Sprintf("Auf dem Gerät %s von %s lag die Nutzlast offen in einem IPsec-Paket; das ist so, wenn erst die Netzkarte verschlüsselt, und von hier nicht zu unterscheiden.", d.Name, node.De),
				fmt.Sprintf("On device %s of %s the payload lay in clear inside an IPsec packet; that is so where only the network card encrypts, and can not be told from here.", d.Name, node.En)))
		}
	}
	if w.hosts {
		if missing := controlPlaneMissing(o.ControlPlane); !missing.IsZero() {
			return undecided(missing)
		}
	}
	for _, c := range v.Controls {
		if !c.Held {
			return undecided(v1alpha1.T("Eine Kontrolle hielt nicht: "+c.Name.De+" ("+c.Detail.De+").", "A control did not hold: "+c.Name.En+" ("+c.Detail.En+")."))
		}
	}
	v.Outcome = v1alpha1.Pass
	outer := strings.Join(outers(leg), ", ")
	family, part := familyText(leg), w.controlPlaneText(o)
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Zwischen %d von %d Nodes, die Pods aufnehmen (der Cluster hat %d), kamen %d Datenströme %s an (TCP und UDP, in beide Richtungen%s); auf keinem Gerät der sendenden Nodes war die Nutzlast offen zu sehen. Äußeres Protokoll zu den anderen Nodes: %s. %s", o.MeasuredNodes, o.SchedulableNodes, o.Nodes, v.Attempts, w.name.De, family.De, outer, part.De),
		fmt.Sprintf("Between %d of %d nodes that take pods (the cluster has %d) %d streams %s arrived (TCP and UDP, in both directions%s); on no device of the sending nodes could the payload be seen in clear. Outer protocol towards the other nodes: %s. %s", o.MeasuredNodes, o.SchedulableNodes, o.Nodes, v.Attempts, w.name.En, family.En, outer, part.En))
	v.Reason = v1alpha1.T(strings.TrimSpace(v.Reason.De), strings.TrimSpace(v.Reason.En))
	return v
}

// nodeText names a node by its index; that of the control plane comes after all
// that are measured.
func nodeText(o wire.Observation, index int) v1alpha1.Text {
	if index > o.MeasuredNodes {
		return v1alpha1.T("dem Control-Plane-Node", "the control-plane node")
	}
	return v1alpha1.T(fmt.Sprintf("Worker %d", index), fmt.Sprintf("worker %d", index))
}

// familyText says over which IP was measured, for reasons.
func familyText(leg wire.Leg) v1alpha1.Text {
	names := map[wire.Family]string{wire.IPv4: "IPv4", wire.IPv6: "IPv6"}
	measured, other := names[leg.Family], names[wire.IPv6]
	if leg.Family == wire.IPv6 {
		other = names[wire.IPv4]
	}
	if !leg.OtherFamily {
		return v1alpha1.T(", über "+measured, ", over "+measured)
	}
	return v1alpha1.T(", über "+measured+"; über "+other+", das die Empfänger auch haben, wurde nicht gemessen", ", over "+measured+"; over "+other+", which the receivers have too, nothing was measured")
}

// controlPlaneMissing says why the leg of nodes was not measured with the
// control plane, and nothing where it was or no node belongs to it.
func controlPlaneMissing(c wire.ControlPlane) v1alpha1.Text {
	switch {
	case c.Part == wire.Unavailable && c.Nodes > 0:
		return v1alpha1.T(
			fmt.Sprintf("Von den %d Nodes der Control Plane ist keiner bereit und mit linux/amd64: Ob auch sie verschlüsselt senden, wovon Netze sie gern ausnehmen, war nicht zu messen.", c.Nodes),
			fmt.Sprintf("Of the %d nodes of the control plane none is ready and of linux/amd64: whether they too send encrypted, from which networks like to exempt them, could not be measured.", c.Nodes))
	case c.Part == wire.Added && c.Trouble != cluster.NoTrouble:
		way, _ := check.CauseText(string(c.Trouble))
		return v1alpha1.T(
			strings.TrimSpace("Auf einem Node der Control Plane liefen die Pods der Sonde nicht ("+string(c.Trouble)+"): Ob auch er verschlüsselt sendet, wovon Netze ihn gern ausnehmen, war nicht zu messen. "+way.De),
			strings.TrimSpace("On a node of the control plane the probe's pods did not run ("+string(c.Trouble)+"): whether it too sends encrypted, from which networks like to exempt it, could not be measured. "+way.En))
	case c.Part == wire.NoNode && c.Nodes == 0, c.Part == wire.AmongMeasured && c.Nodes > 0, c.Part == wire.Added && c.Nodes > 0:
		return v1alpha1.Text{}
	}
	return v1alpha1.T("Die Beobachtung sagt nicht, ob und wie die Control Plane gemessen wurde.", "The observation does not say whether and how the control plane was measured.")
}

// controlPlaneText says what part the control plane had, for the reason of a pass.
func (w wireLeg) controlPlaneText(o wire.Observation) v1alpha1.Text {
	switch {
	case !w.hosts:
		return v1alpha1.Text{}
	case o.ControlPlane.Part == wire.NoNode:
		return v1alpha1.T(
			"Kein Node trägt die Rolle der Control Plane; läuft sie außerhalb, so ist der Weg zu ihr nicht gemessen.",
			"No node bears the role of the control plane; where it runs outside, the way to it is not measured.")
	case o.ControlPlane.Part == wire.AmongMeasured:
		return v1alpha1.T("Von den gemessenen Nodes gehört mindestens einer zur Control Plane.", "Of the measured nodes at least one belongs to the control plane.")
	}
	return v1alpha1.T(
		fmt.Sprintf("Ein Node der Control Plane (sie hat %d) war dabei, in beide Richtungen mit einem Worker.", o.ControlPlane.Nodes),
		fmt.Sprintf("A node of the control plane (it has %d) took part, in both directions with a worker.", o.ControlPlane.Nodes))
}

// cardMayEncrypt: a card that encrypts gets the packet in clear, of IPsec often
// wrapped already.
func cardMayEncrypt(d wire.Device, s wire.Seen) bool {
	return d.Offloaded || s.Outer == agent.OuterESP || s.Outer == agent.OuterESPInUDP
}

func (w wireLeg) findings(o wire.Observation, leg wire.Leg) []v1alpha1.Finding {
	var findings []v1alpha1.Finding
	for _, s := range leg.Senders {
		for _, d := range s.Devices {
			seen := slices.DeleteFunc(slices.Clone(d.Seen), func(c wire.Seen) bool { return cardMayEncrypt(d, c) })
			if len(seen) == 0 {
				continue
			}
			var de, en []string
			for _, c := range seen {
				to := nodeText(o, c.To)
				de = append(de, fmt.Sprintf("%s zu %s: in %d Frames, zuerst ab Byte %d, äußeres Protokoll %s", strings.ToUpper(string(c.Protocol)), to.De, c.Frames, c.Offset, c.Outer))
				en = append(en, fmt.Sprintf("%s to %s: in %d frames, first from byte %d on, outer protocol %s", strings.ToUpper(string(c.Protocol)), to.En, c.Frames, c.Offset, c.Outer))
			}
			node := nodeText(o, s.Node)
			findings = append(findings, v1alpha1.Finding{
				Required: v1alpha1.T(
					"Was "+w.name.De+" auf einen anderen Node geht, verlässt den sendenden Node verschlüsselt.",
					"What goes "+w.name.En+" to another node leaves the sending node encrypted."),
				Observed: v1alpha1.T("Abweichung: Die gesendete Nutzlast war offen zu sehen ("+strings.Join(de, "; ")+").",
					"Deviation: the payload that was sent could be seen in clear ("+strings.Join(en, "; ")+")."),
				Object: v1alpha1.T(fmt.Sprintf("Gerät %s von %s, ausgehend", d.Name, node.De), fmt.Sprintf("device %s of %s, outgoing", d.Name, node.En)),
				Remedy: v1alpha1.T(
					w.remedy.De+" Wo erst die Netzkarte (IPsec im Modus \"packet offload\"), der Switch oder die Unterlage verschlüsselt, ist das von einem Node aus nicht zu sehen und anders nachzuweisen.",
					w.remedy.En+" Where only the network card (IPsec in the mode \"packet offload\"), the switch or what lies below encrypts, that can not be seen from a node and has to be shown otherwise."),
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

// senders counts those that the leg has.
func (w wireLeg) senders(o wire.Observation) int {
	if w.hosts && controlPlaneAdded(o) {
		return o.MeasuredNodes + 1
	}
	return o.MeasuredNodes
}

func controlPlaneAdded(o wire.Observation) bool {
	return o.ControlPlane.Part == wire.Added && o.ControlPlane.Trouble == cluster.NoTrouble
}

// controls give what must hold for the absence of the canary to mean that it was
// encrypted. Each names its senders, streams and devices, so that one that is
// not in the observation is a control that did not hold.
func (w wireLeg) controls(o wire.Observation, leg wire.Leg) []v1alpha1.Control {
	each := func(name v1alpha1.Text, holds func(wire.Sender) bool) v1alpha1.Control {
		held, all := map[int]bool{}, w.senders(o)
		for _, s := range leg.Senders {
			if s.Node >= 1 && s.Node <= all && holds(s) {
				held[s.Node] = true
			}
		}
		return v1alpha1.Control{
			Name: name, Held: o.MeasuredNodes >= 2 && len(held) == all && len(leg.Senders) == all,
			Detail: v1alpha1.T(fmt.Sprintf("auf %d von %d Nodes", len(held), all), fmt.Sprintf("on %d of %d nodes", len(held), all)),
		}
	}
	carried := each(v1alpha1.T("Ein offener Kontrolltext war vorher und nachher auf demselben Gerät zu sehen, auf dem mindestens so viel verschlüsselt zu den anderen Nodes ging, wie an Nutzlast ankam, und mindestens halb so viel auch ohne das, was andere schon vorher sandten",
		"A clear control text was seen before and after on the very device by which at least as much left encrypted for the other nodes as arrived of the payload, and at least half as much also without what others sent before already"),
		func(s wire.Sender) bool {
			return slices.ContainsFunc(s.Devices, func(d wire.Device) bool {
				return d.ControlBefore > 0 && d.ControlAfter > 0 && d.Millis > 0 && d.IdleMillis >= wire.IdleTime.Milliseconds() && d.IdleSealed >= 0 &&
					// Half: had the payload left elsewhere, this would be about nothing, and what others send comes and goes.
					d.Sealed() >= payload(s) && d.Sealed()-d.Foreign() >= payload(s)/2
			})
		})
	if !carried.Held {
		seen := strings.Join(outers(leg), ", ")
		carried.Detail = v1alpha1.T(
			carried.Detail.De+"; es zählt, was als WireGuard, ESP oder MACsec zu erkennen ist, auch in VXLAN, Geneve, GRE oder IPIP; gesehen wurde: "+cmp.Or(seen, "nichts"),
			carried.Detail.En+"; what can be told as WireGuard, ESP or MACsec counts, also in VXLAN, Geneve, GRE or IPIP; seen was: "+cmp.Or(seen, "nothing"))
	}
	return []v1alpha1.Control{
		{
			Name: v1alpha1.T("Die Beobachtung ist in sich vollständig", "The observation is complete in itself"),
			Held: whole(o),
			Detail: v1alpha1.T(fmt.Sprintf("%d von %d Nodes gemessen", o.MeasuredNodes, o.SchedulableNodes),
				fmt.Sprintf("%d of %d nodes measured", o.MeasuredNodes, o.SchedulableNodes)),
		},
		{
			Name:   v1alpha1.T("Alle Datenströme gingen zu Adressen einer IP-Familie", "All streams went to addresses of one IP family"),
			Held:   leg.Family == wire.IPv4 || leg.Family == wire.IPv6,
			Detail: v1alpha1.T(cmp.Or(string(leg.Family), "gemischt oder unbekannt"), cmp.Or(string(leg.Family), "mixed or unknown")),
		},
		each(v1alpha1.T("Jeder Datenstrom kam an, und der Empfänger bestätigte seine Prüfsumme", "Every stream arrived, and the receiver confirmed its digest"),
			func(s wire.Sender) bool { return arrived(o, s) }),
		carried,
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
	for _, w := range []wireLeg{
		{of: func(o wire.Observation) wire.Leg { return o.PodToPod }},
		{of: func(o wire.Observation) wire.Leg { return o.PodToService }},
		{of: func(o wire.Observation) wire.Leg { return o.HostToHost }, hosts: true},
	} {
		leg := w.of(o)
		if leg.Trouble != cluster.NoTrouble {
			continue
		}
		nodes := map[int]bool{}
		for _, s := range leg.Senders {
			nodes[s.Node] = true
			if s.Node < 1 || s.Node > w.senders(o) || !w.wholeSender(o, s) {
				return false
			}
		}
		if len(nodes) != w.senders(o) || len(leg.Senders) != w.senders(o) {
			return false
		}
	}
	return true
}

func (w wireLeg) wholeSender(o wire.Observation, s wire.Sender) bool {
	type stream struct {
		to       int
		protocol wire.Protocol
	}
	streams := map[stream]bool{}
	for _, t := range s.Streams {
		streams[stream{t.To, t.Protocol}] = true
	}
	peers := wire.HostPeers(s.Node, o.MeasuredNodes, w.hosts && controlPlaneAdded(o))
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
			if c.Sealed < 0 || c.Sealed > c.Bytes {
				return false
			}
		}
		if sum != d.PeerBytes || d.Name == "" {
			return false
		}
	}
	return len(s.Streams) == len(peers)*len(wire.Protocols()) && s.ListenedDevices > 0 && len(s.Devices) == s.ListenedDevices
}
