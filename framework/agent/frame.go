package agent

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// CanarySize is the length of a canary. A stream is its canary back to back, so
// that every frame of twice this length holds a whole one.
const CanarySize = 32

// sharedSize is what the canaries of a run have in common: one search finds all.
const sharedSize = 24

// Canary is the random text that a sniffer looks for.
type Canary [CanarySize]byte

// NewCanaries makes canaries of one run.
func NewCanaries(n int) ([]Canary, error) {
	all := make([]Canary, n)
	var shared [sharedSize]byte
	if _, err := rand.Read(shared[:]); err != nil {
		return nil, fmt.Errorf("make canaries: %w", err)
	}
	for i := range all {
		copy(all[i][:], shared[:])
		if _, err := rand.Read(all[i][sharedSize:]); err != nil {
			return nil, fmt.Errorf("make canaries: %w", err)
		}
	}
	return all, nil
}

// String is the canary as the agent's options take it.
func (c Canary) String() string { return hex.EncodeToString(c[:]) }

// ParseCanary reads what String writes.
func ParseCanary(text string) (Canary, error) {
	var c Canary
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != CanarySize {
		return c, fmt.Errorf("a canary has %d hexadecimal digits", 2*CanarySize)
	}
	return Canary(raw), nil
}

// Matcher finds the canaries of a run in frames.
type Matcher struct {
	shared []byte
	names  map[[CanarySize - sharedSize]byte]string
}

// NewMatcher takes canaries by name.
func NewMatcher(canaries map[string]Canary) (*Matcher, error) {
	m := &Matcher{names: map[[CanarySize - sharedSize]byte]string{}}
	for name, c := range canaries {
		if m.shared == nil {
			m.shared = bytes.Clone(c[:sharedSize])
		}
		own := [CanarySize - sharedSize]byte(c[sharedSize:])
		if _, there := m.names[own]; there || !bytes.Equal(m.shared, c[:sharedSize]) {
			return nil, errors.New("the canaries are not different ones of one run")
		}
		m.names[own] = name
	}
	if m.shared == nil {
		return nil, errors.New("there is no canary to look for")
	}
	return m, nil
}

// Find gives the name of the first canary in the frame and where it begins.
func (m *Matcher) Find(frame []byte) (name string, offset int, found bool) {
	for from := 0; ; {
		at := bytes.Index(frame[from:], m.shared)
		if at < 0 || len(frame)-from-at < CanarySize {
			return "", 0, false
		}
		offset = from + at
		if name, found = m.names[[CanarySize - sharedSize]byte(frame[offset+sharedSize:offset+CanarySize])]; found {
			return name, offset, true
		}
		from = offset + 1
	}
}

// Outer is the outermost protocol above IP in which a frame left.
type Outer string

// Outer protocols. Those over UDP are told by their usual ports, WireGuard also
// by the form of its packets: its port is often another.
const (
	OuterTCP       Outer = "tcp"
	OuterUDP       Outer = "udp"
	OuterWireGuard Outer = "wireguard"
	OuterESP       Outer = "esp"
	OuterESPInUDP  Outer = "espInUdp"
	OuterMACsec    Outer = "macsec"
	OuterVXLAN     Outer = "vxlan"
	OuterGeneve    Outer = "geneve"
	OuterIPIP      Outer = "ipip"
	OuterGRE       Outer = "gre"
	OuterOther     Outer = "other"
)

// Protocol numbers.
const (
	etherIPv4, etherIPv6                                  = 0x0800, 0x86dd
	etherVLAN, etherQinQ                                  = 0x8100, 0x88a8
	etherMACsec, etherBridged                             = 0x88e5, 0x6558
	protoTCP, protoUDP, protoESP, protoGRE                = 6, 17, 50, 47
	protoIPv4, protoIPv6                                  = 4, 41
	protoHopByHop, protoRouting, protoFragment, protoDest = 0, 43, 44, 60
	protoAH                                               = 51
	etherHeader, vlanTag, ipv4Header, ipv6Header          = 14, 4, 20, 40
	udpHeader, overlayHeader                              = 8, 8
)

// Packet is what the headers of a frame say.
type Packet struct {
	// To is the outermost destination: the zero Addr where there is no IP to read.
	To    netip.Addr
	Outer Outer
	// Sealed: the innermost header that can be read is that of a protocol that
	// encrypts what follows. Only such a packet can have carried a payload that
	// was not seen in it; TCP, other UDP and an overlay around them carry what is
	// somebody else's.
	Sealed bool
}

// maxLayers bounds packets in packets.
const maxLayers = 4

// ParseEthernet reads the headers of an Ethernet frame.
func ParseEthernet(frame []byte) Packet { return ethernet(frame, maxLayers) }

// ParsePacket does the same from the network header on, with the frame's
// EtherType.
func ParsePacket(packet []byte, etherType uint16) Packet {
	return network(packet, etherType, maxLayers)
}

func ethernet(frame []byte, layers int) Packet {
	if len(frame) < etherHeader {
		return Packet{Outer: OuterOther}
	}
	kind, rest := binary.BigEndian.Uint16(frame[12:]), frame[etherHeader:]
	for (kind == etherVLAN || kind == etherQinQ) && len(rest) >= vlanTag {
		kind, rest = binary.BigEndian.Uint16(rest[2:]), rest[vlanTag:]
	}
	if kind == etherMACsec {
		// E and C of the tag: encrypted, and not only authenticated. What goes to a group is no payload of one peer.
		const encrypted = 0x0c
		return Packet{Outer: OuterMACsec, Sealed: len(rest) > 0 && rest[0]&encrypted == encrypted && frame[0]&1 == 0}
	}
	return network(rest, kind, layers)
}

func network(packet []byte, etherType uint16, layers int) Packet {
	if layers == 0 {
		return Packet{Outer: OuterOther}
	}
	of := func(to netip.Addr, proto byte, payload []byte) Packet {
		outer, sealed := outerOf(proto, payload, layers-1)
		return Packet{To: to, Outer: outer, Sealed: sealed}
	}
	// Only a first fragment has what follows IP's own header; that one is of ESP, every fragment says.
	later := func(to netip.Addr, proto byte) Packet {
		if proto == protoESP {
			return Packet{To: to, Outer: OuterESP, Sealed: true}
		}
		return Packet{To: to, Outer: OuterOther}
	}
	switch {
	case etherType == etherIPv4 && len(packet) >= ipv4Header && packet[0]>>4 == 4:
		to := netip.AddrFrom4([4]byte(packet[16:20]))
		length := int(packet[0]&0x0f) * 4
		switch {
		case length < ipv4Header || len(packet) < length:
			return Packet{To: to, Outer: OuterOther}
		case binary.BigEndian.Uint16(packet[6:])&0x1fff != 0:
			return later(to, packet[9])
		}
		return of(to, packet[9], packet[length:])
	case etherType == etherIPv6 && len(packet) >= ipv6Header && packet[0]>>4 == 6:
		to := netip.AddrFrom16([16]byte(packet[24:40]))
		proto, rest := packet[6], packet[ipv6Header:]
		for {
			length := 0
			switch {
			case len(rest) < 8:
			case proto == protoHopByHop, proto == protoRouting, proto == protoDest:
				length = (int(rest[1]) + 1) * 8
			case proto == protoAH:
				length = (int(rest[1]) + 2) * 4
			case proto == protoFragment:
				if binary.BigEndian.Uint16(rest[2:])&0xfff8 != 0 {
					return later(to, rest[0])
				}
				length = 8
			}
			if length == 0 || length > len(rest) {
				return of(to, proto, rest)
			}
			proto, rest = rest[0], rest[length:]
		}
	}
	return Packet{Outer: OuterOther}
}

// udpPorts tell what UDP carries.
var udpPorts = map[uint16]Outer{
	51820: OuterWireGuard, 51821: OuterWireGuard, 51871: OuterWireGuard, 4500: OuterESPInUDP, 4789: OuterVXLAN, 8472: OuterVXLAN, 6081: OuterGeneve,
}

// outerOf gives the protocol above IP, and whether it or one inside it encrypts.
func outerOf(proto byte, payload []byte, layers int) (outer Outer, sealed bool) {
	switch proto {
	case protoTCP:
		return OuterTCP, false
	case protoESP:
		return OuterESP, true
	case protoGRE:
		return OuterGRE, insideGRE(payload, layers).Sealed
	case protoIPv4:
		return OuterIPIP, network(payload, etherIPv4, layers).Sealed
	case protoIPv6:
		return OuterIPIP, network(payload, etherIPv6, layers).Sealed
	case protoUDP:
		return overUDPOf(payload, layers)
	}
	return OuterOther, false
}

func overUDPOf(packet []byte, layers int) (outer Outer, sealed bool) {
	if len(packet) < udpHeader {
		return OuterUDP, false
	}
	payload := packet[udpHeader:]
	outer, known := udpPorts[binary.BigEndian.Uint16(packet[2:])]
	if !known {
		// Overlays use the port as the destination and any as the source.
		outer = udpPorts[binary.BigEndian.Uint16(packet)]
		if outer != OuterWireGuard && outer != OuterESPInUDP {
			outer = OuterUDP
		}
	}
	switch outer {
	case OuterVXLAN:
		return outer, len(payload) >= overlayHeader && ethernet(payload[overlayHeader:], layers).Sealed
	case OuterGeneve:
		return outer, insideGeneve(payload, layers).Sealed
	case OuterESPInUDP:
		// Four zeros where ESP has its number: the keys are negotiated.
		return outer, len(payload) >= 8 && binary.BigEndian.Uint32(payload) != 0
	case OuterWireGuard:
		return outer, wireGuardData(payload)
	}
	if wireGuardData(payload) {
		return OuterWireGuard, true
	}
	return OuterUDP, false
}

// wireGuardData knows a packet of WireGuard that carries another by its type, by
// the three reserved zeros after that and by a counter far below its end.
func wireGuardData(payload []byte) bool {
	return len(payload) >= 32 && binary.LittleEndian.Uint32(payload) == 4 && binary.LittleEndian.Uint64(payload[8:])>>40 == 0
}

func insideGeneve(payload []byte, layers int) Packet {
	if len(payload) < overlayHeader {
		return Packet{Outer: OuterOther}
	}
	return inside(payload, overlayHeader+4*int(payload[0]&0x3f), layers)
}

func insideGRE(payload []byte, layers int) Packet {
	if len(payload) < 4 {
		return Packet{Outer: OuterOther}
	}
	length := 4
	for _, flag := range [...]byte{0x80, 0x20, 0x10} { // checksum, key, number
		if payload[0]&flag != 0 {
			length += 4
		}
	}
	return inside(payload, length, layers)
}

// inside reads what follows a header that names its content at its third byte.
func inside(payload []byte, length, layers int) Packet {
	if len(payload) < length {
		return Packet{Outer: OuterOther}
	}
	if kind := binary.BigEndian.Uint16(payload[2:]); kind != etherBridged {
		return network(payload[length:], kind, layers)
	}
	return ethernet(payload[length:], layers)
}

// parseNamed reads name=value.
func parseNamed(text string) (name, value string, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || strings.ContainsAny(name, " ,") {
		return "", "", fmt.Errorf("%q is not of the form name=value", text)
	}
	return name, value, nil
}
