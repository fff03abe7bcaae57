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

// Outer protocols. Those over UDP are told by their usual ports.
const (
	OuterTCP       Outer = "tcp"
	OuterUDP       Outer = "udp"
	OuterWireGuard Outer = "wireguard"
	OuterESP       Outer = "esp"
	OuterESPInUDP  Outer = "espInUdp"
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
	protoTCP, protoUDP, protoESP, protoGRE                = 6, 17, 50, 47
	protoIPv4, protoIPv6                                  = 4, 41
	protoHopByHop, protoRouting, protoFragment, protoDest = 0, 43, 44, 60
	protoAH                                               = 51
	etherHeader, vlanTag, ipv4Header, ipv6Header          = 14, 4, 20, 40
)

// ParseEthernet gives the destination and the outer protocol of an Ethernet
// frame; without IP in it the destination is the zero Addr.
func ParseEthernet(frame []byte) (netip.Addr, Outer) {
	if len(frame) < etherHeader {
		return netip.Addr{}, OuterOther
	}
	kind, rest := binary.BigEndian.Uint16(frame[12:]), frame[etherHeader:]
	for (kind == etherVLAN || kind == etherQinQ) && len(rest) >= vlanTag {
		kind, rest = binary.BigEndian.Uint16(rest[2:]), rest[vlanTag:]
	}
	return ParsePacket(rest, kind)
}

// ParsePacket does the same from the network header on, with the frame's
// EtherType.
func ParsePacket(packet []byte, etherType uint16) (netip.Addr, Outer) {
	switch {
	case etherType == etherIPv4 && len(packet) >= ipv4Header && packet[0]>>4 == 4:
		to := netip.AddrFrom4([4]byte(packet[16:20]))
		length := int(packet[0]&0x0f) * 4
		// Only a first fragment has the ports.
		if length < ipv4Header || len(packet) < length || binary.BigEndian.Uint16(packet[6:])&0x1fff != 0 {
			return to, OuterOther
		}
		return to, outerOf(packet[9], packet[length:])
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
					return to, OuterOther
				}
				length = 8
			}
			if length == 0 || length > len(rest) {
				return to, outerOf(proto, rest)
			}
			proto, rest = rest[0], rest[length:]
		}
	}
	return netip.Addr{}, OuterOther
}

// udpPorts tell what UDP carries.
var udpPorts = map[uint16]Outer{
	51820: OuterWireGuard, 51871: OuterWireGuard, 4500: OuterESPInUDP, 4789: OuterVXLAN, 8472: OuterVXLAN, 6081: OuterGeneve,
}

func outerOf(proto byte, payload []byte) Outer {
	switch proto {
	case protoTCP:
		return OuterTCP
	case protoESP:
		return OuterESP
	case protoGRE:
		return OuterGRE
	case protoIPv4, protoIPv6:
		return OuterIPIP
	case protoUDP:
		if len(payload) < 8 {
			return OuterUDP
		}
		// Overlays use the port as the destination and any as the source.
		if outer, known := udpPorts[binary.BigEndian.Uint16(payload[2:])]; known {
			return outer
		}
		if outer := udpPorts[binary.BigEndian.Uint16(payload)]; outer == OuterWireGuard || outer == OuterESPInUDP {
			return outer
		}
		return OuterUDP
	}
	return OuterOther
}

// parseNamed reads name=value.
func parseNamed(text string) (name, value string, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || strings.ContainsAny(name, " ,") {
		return "", "", fmt.Errorf("%q is not of the form name=value", text)
	}
	return name, value, nil
}
