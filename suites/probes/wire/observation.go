// Package wire observes what leaves a node for another one: streams of a random
// text go from pods to pods, to Services and from node to node, and a sniffer on
// the sending node looks for that text in the frames on its devices.
package wire

import (
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
	// The legs, each for itself.
	PodToPod     Leg `json:"podToPod"`
	PodToService Leg `json:"podToService"`
	HostToHost   Leg `json:"hostToHost"`
}

// Leg is one kind of way between nodes.
type Leg struct {
	// Trouble is why senders or receivers did not run, empty when they did.
	Trouble cluster.Trouble `json:"trouble"`
	// Senders has one for each measured node.
	Senders []Sender `json:"senders"`
}

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
	// Streams to every peer of the node (Peers) over every protocol.
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
	Name string `json:"name"`
	// Kind as the kernel calls it, empty for a physical device.
	Kind string `json:"kind"`
	// The clear control canary was seen so often from the sniffer's start until
	// the leg began, and after its last stream had ended.
	ControlBefore int64 `json:"controlBefore"`
	ControlAfter  int64 `json:"controlAfter"`
	// PeerBytes left for addresses of the peers during the leg; the sum of Carried.
	PeerBytes int64     `json:"peerBytes"`
	Carried   []Carried `json:"carried"`
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
