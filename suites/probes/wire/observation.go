// Package wire observes what leaves a node for another one: streams of a random
// text go from pods to pods, to Services and from node to node, and a sniffer on
// the sending node looks for that text in the frames on its devices.
package wire

import (
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// Observation is what the probe saw.
type Observation struct {
	// Nodes are all nodes of the cluster, SchedulableNodes those on which a probe
	// pod could run, MeasuredNodes those between which streams went.
	Nodes            int `json:"nodes"`
	SchedulableNodes int `json:"schedulableNodes"`
	MeasuredNodes    int `json:"measuredNodes"`
	// StreamBytes is what a stream over TCP was to carry, DatagramBytes one over UDP.
	StreamBytes   int64 `json:"streamBytes"`
	DatagramBytes int64 `json:"datagramBytes"`
	// Trouble is why nothing could be measured, empty when something was.
	Trouble cluster.Trouble `json:"trouble"`
	// ControlPlane is its part in the leg from host to host.
	ControlPlane ControlPlane `json:"controlPlane"`
	// The legs, each for itself.
	PodToPod     Leg `json:"podToPod"`
	PodToService Leg `json:"podToService"`
	HostToHost   Leg `json:"hostToHost"`
}

// ControlPlane says how nodes of the control plane, which take no pods of
// others as a rule, were measured: networks like to exempt them.
type ControlPlane struct {
	// Nodes counts those that bear the role.
	Nodes int  `json:"nodes"`
	Part  Part `json:"part"`
	// Trouble is why the node that was to be added was not measured, empty when it
	// was.
	Trouble cluster.Trouble `json:"trouble"`
}

// Part of the control plane in the measurement.
type Part string

// Parts.
const (
	// NoNode: no node of the cluster bears the role.
	NoNode Part = "none"
	// AmongMeasured: one of the measured nodes bears it.
	AmongMeasured Part = "amongMeasured"
	// Added: one was added for the leg from host to host, by the index after that
	// of the last measured node.
	Added Part = "added"
	// Unavailable: none of them can run our image now.
	Unavailable Part = "unavailable"
)

// Leg is one kind of way between nodes.
type Leg struct {
	// Trouble is why senders or receivers did not run, empty when they did.
	Trouble cluster.Trouble `json:"trouble"`
	// Family is that of the receivers' addresses to which streams went;
	// OtherFamily: they had addresses of the other one, too.
	Family      Family `json:"family"`
	OtherFamily bool   `json:"otherFamily"`
	// Senders has one for each measured node, and on the leg from host to host one
	// for the node of the control plane that was added.
	Senders []Sender `json:"senders"`
}

// Family of IP addresses.
type Family string

// Families. A leg on which they are mixed has none.
const (
	IPv4 Family = "ipv4"
	IPv6 Family = "ipv6"
)

// Protocol of a stream.
type Protocol string

// Protocols.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Protocols lists both, in the order in which they are sent.
func Protocols() []Protocol { return []Protocol{TCP, UDP} }

// Sender is what one node sent, and what left it meanwhile.
type Sender struct {
	// Node by index, from 1.
	Node int `json:"node"`
	// Streams to every peer of the node (Peers, HostPeers) over every protocol.
	Streams []Stream `json:"streams"`
	// ListenedDevices is how many devices the sniffer on the node listened on;
	// there is an element of Devices for each.
	ListenedDevices int      `json:"listenedDevices"`
	Devices         []Device `json:"devices"`
}

// Stream is one payload that was sent.
type Stream struct {
	To       int      `json:"to"`
	Protocol Protocol `json:"protocol"`
	// ReceivedBytes and Confirmed are the receiver's word.
	SentBytes     int64 `json:"sentBytes"`
	ReceivedBytes int64 `json:"receivedBytes"`
	// Confirmed: the digest of what arrived is that of what was sent.
	Confirmed bool `json:"confirmed"`
	// Failure is why the stream ended early (agent.Result), empty when it did not.
	Failure agent.Result `json:"failure"`
}

// Device is what left by one device of the sending node.
type Device struct {
	// Name as the node has it, where it is of a usual form and so says nothing of
	// the site, and else a number.
	Name string `json:"name"`
	// Kind as the kernel calls it, empty for a physical device.
	Kind string `json:"kind"`
	// Offloaded: MACsec over this device is left to the network card, so that
	// frames are in clear here which the cable has encrypted.
	Offloaded bool `json:"offloaded"`
	// The clear control canary was seen so often from the sniffer's start until
	// the leg began, and after its last stream had ended.
	ControlBefore int64 `json:"controlBefore"`
	ControlAfter  int64 `json:"controlAfter"`
	// PeerBytes left for addresses of the peers during the leg; the sum of Carried.
	// Millis is how long the leg took.
	PeerBytes int64     `json:"peerBytes"`
	Carried   []Carried `json:"carried"`
	Millis    int64     `json:"millis"`
	// IdleSealed are bytes of the kind of Carried.Sealed that left in the
	// IdleMillis before the leg: what others send.
	IdleSealed int64 `json:"idleSealed"`
	IdleMillis int64 `json:"idleMillis"`
	// Seen are canaries of the leg's streams that left in clear.
	Seen []Seen `json:"seen"`
	// Dropped frames were not looked at, Truncated ones not whole; both since the
	// sniffer's start.
	Dropped   int64 `json:"dropped"`
	Truncated int64 `json:"truncated"`
}

// Carried is how much left under one outer protocol.
type Carried struct {
	Outer agent.Outer `json:"outer"`
	Bytes int64       `json:"bytes"`
	// Sealed are those of packets that encrypt what they carry, themselves or one
	// inside them. A payload that was not seen can have been in these alone.
	Sealed int64 `json:"sealed"`
}

// IdleTime is how long a sniffer listens before each leg.
const IdleTime = 4 * time.Second

// Foreign is what others would have sent under encryption during the leg, had
// they gone on as before it.
func (d Device) Foreign() int64 {
	if d.IdleMillis <= 0 {
		return 0
	}
	return int64(float64(d.IdleSealed) * float64(d.Millis) / float64(d.IdleMillis))
}

// Sealed is what left under encryption during the leg.
func (d Device) Sealed() int64 {
	var n int64
	for _, c := range d.Carried {
		n += c.Sealed
	}
	return n
}

// Seen is the canary of one stream in clear.
type Seen struct {
	To       int      `json:"to"`
	Protocol Protocol `json:"protocol"`
	Frames   int64    `json:"frames"`
	// Offset in the first such frame, and the protocol that this was wrapped in.
	Offset int         `json:"offset"`
	Outer  agent.Outer `json:"outer"`
}

// Peers are the nodes to which the node sends: its two neighbours when the
// nodes stand in a circle.
func Peers(node, nodes int) []int {
	if nodes < 2 {
		return nil
	}
	next, previous := node%nodes+1, (node+nodes-2)%nodes+1
	if next == previous {
		return []int{next}
	}
	return []int{next, previous}
}

// HostPeers are those on the leg from host to host. The node of the control
// plane comes after the others and takes no place in their circle: it and the
// first of them send to each other besides.
func HostPeers(node, nodes int, controlPlane bool) []int {
	switch {
	case !controlPlane || node > nodes+1:
		return Peers(node, nodes)
	case node == nodes+1:
		return []int{1}
	case node == 1:
		return append(Peers(node, nodes), nodes+1)
	}
	return Peers(node, nodes)
}
