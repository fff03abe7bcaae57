package agent

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
)

func canaries(t testing.TB, n int) []Canary {
	t.Helper()
	all, err := NewCanaries(n)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func matcher(t testing.TB, c map[string]Canary) *Matcher {
	t.Helper()
	m, err := NewMatcher(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ipv4 is an Ethernet frame with a packet to 10.0.0.7.
func ipv4(proto byte, payload []byte) []byte {
	frame := make([]byte, etherHeader+ipv4Header, etherHeader+ipv4Header+len(payload))
	binary.BigEndian.PutUint16(frame[12:], etherIPv4)
	frame[14], frame[23] = 0x45, proto
	copy(frame[30:], []byte{10, 0, 0, 7})
	return append(frame, payload...)
}

// ports is the begin of a UDP or TCP header.
func ports(from, to uint16) []byte {
	p := make([]byte, 8)
	binary.BigEndian.PutUint16(p, from)
	binary.BigEndian.PutUint16(p[2:], to)
	return p
}

func TestOuterProtocols(t *testing.T) {
	for want, frames := range map[Outer][][]byte{
		OuterTCP:       {ipv4(protoTCP, ports(1, 51820))},
		OuterUDP:       {ipv4(protoUDP, ports(40000, 53)), ipv4(protoUDP, nil), ipv4(protoUDP, ports(4789, 53))},
		OuterWireGuard: {ipv4(protoUDP, ports(40000, 51820)), ipv4(protoUDP, ports(51871, 40000))},
		OuterESP:       {ipv4(protoESP, nil)},
		OuterESPInUDP:  {ipv4(protoUDP, ports(4500, 4500))},
		OuterVXLAN:     {ipv4(protoUDP, ports(40000, 4789)), ipv4(protoUDP, ports(40000, 8472))},
		OuterGeneve:    {ipv4(protoUDP, ports(40000, 6081))},
		OuterIPIP:      {ipv4(protoIPv4, nil), ipv4(protoIPv6, nil)},
		OuterGRE:       {ipv4(protoGRE, nil)},
		OuterOther:     {ipv4(1, nil)},
	} {
		for i, f := range frames {
			if got := ParseEthernet(f); got.Outer != want || got.To != netip.MustParseAddr("10.0.0.7") {
				t.Errorf("%s, frame %d: %+v", want, i, got)
			}
		}
	}
}

// wireGuard is a packet of WireGuard's that carries another, counted so far.
func wireGuard(kind byte, counter uint64) []byte {
	p := make([]byte, 48)
	p[0] = kind
	binary.BigEndian.PutUint32(p[4:], 0xdecafbad)
	binary.LittleEndian.PutUint64(p[8:], counter)
	return p
}

func inEthernet(kind uint16, packet []byte) []byte {
	f := make([]byte, etherHeader)
	binary.BigEndian.PutUint16(f[12:], kind)
	return joined(f, packet)
}

// Only what encrypts can have carried a payload that was not seen: for the
// control it counts, and nothing else does.
func TestSealed(t *testing.T) {
	esp := joined([]byte{0, 0, 1, 2}, make([]byte, 40))
	in := func(to uint16, payload []byte) []byte { return ipv4(protoUDP, joined(ports(40000, to), payload)) }
	vxlan, geneve := []byte{8, 0, 0, 0, 0, 0, 1, 0}, []byte{1, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 9}
	geneveIP := []byte{0, 0, 8, 0, 0, 0, 1, 0}
	gre, greKey := []byte{0, 0, 8, 0}, []byte{0x20, 0, 0x65, 0x58, 1, 2, 3, 4}
	fragment := func(proto byte, payload []byte) []byte {
		f := ipv4(proto, payload)
		f[21] = 8
		return f
	}
	group := inEthernet(etherMACsec, []byte{0x0c, 0})
	group[0] = 1
	deep := esp
	for range maxLayers + 1 {
		deep = joined(ipv4(protoIPv4, nil)[etherHeader:], deep)
	}
	for _, c := range []struct {
		name   string
		frame  []byte
		outer  Outer
		sealed bool
	}{
		{"ESP", ipv4(protoESP, esp), OuterESP, true},
		{"a later fragment of ESP", fragment(protoESP, esp), OuterESP, true},
		{"ESP over UDP", in(4500, esp), OuterESPInUDP, true},
		{"WireGuard", in(51820, wireGuard(4, 9)), OuterWireGuard, true},
		{"WireGuard on another port", in(4711, wireGuard(4, 9)), OuterWireGuard, true},
		{"VXLAN in WireGuard", in(51871, joined(wireGuard(4, 9), vxlan, ipv4(protoTCP, ports(1, 2)))), OuterWireGuard, true},
		{"ESP in VXLAN", in(8472, joined(vxlan, ipv4(protoESP, esp))), OuterVXLAN, true},
		{"ESP in Geneve with an option", in(6081, joined(geneve, ipv4(protoESP, esp))), OuterGeneve, true},
		{"WireGuard in Geneve without Ethernet", in(6081, joined(geneveIP, in(51820, wireGuard(4, 1))[etherHeader:])), OuterGeneve, true},
		{"ESP in IPIP", ipv4(protoIPv4, ipv4(protoESP, esp)[etherHeader:]), OuterIPIP, true},
		{"ESP in GRE", ipv4(protoGRE, joined(gre, ipv4(protoESP, esp)[etherHeader:])), OuterGRE, true},
		{"ESP in GRE with a key", ipv4(protoGRE, joined(greKey, ipv4(protoESP, esp))), OuterGRE, true},
		{"MACsec", inEthernet(etherMACsec, []byte{0x2c, 0}), OuterMACsec, true},
		{"MACsec in a VLAN", inEthernet(etherVLAN, []byte{0, 7, 0x88, 0xe5, 0x0c, 0}), OuterMACsec, true},

		{"MACsec that only authenticates", inEthernet(etherMACsec, []byte{0x20, 0}), OuterMACsec, false},
		{"MACsec to a group", group, OuterMACsec, false},
		{"MACsec cut", inEthernet(etherMACsec, nil), OuterMACsec, false},
		{"TCP", ipv4(protoTCP, joined(ports(1, 51820), wireGuard(4, 9))), OuterTCP, false},
		{"UDP", in(53, esp), OuterUDP, false},
		{"UDP of the form of another version", in(4711, wireGuard(5, 9)), OuterUDP, false},
		{"UDP that begins alike", in(4711, wireGuard(4, 1<<40)), OuterUDP, false},
		{"a handshake of WireGuard", in(51820, wireGuard(1, 9)), OuterWireGuard, false},
		{"a negotiation of keys", in(4500, make([]byte, 40)), OuterESPInUDP, false},
		{"that a way is kept open", in(4500, []byte{0xff}), OuterESPInUDP, false},
		{"VXLAN", in(4789, joined(vxlan, ipv4(protoTCP, ports(1, 2)))), OuterVXLAN, false},
		{"VXLAN cut", in(4789, vxlan[:7]), OuterVXLAN, false},
		{"Geneve", in(6081, joined(geneve, ipv4(protoUDP, ports(1, 2)))), OuterGeneve, false},
		{"Geneve cut in an option", in(6081, geneve[:10]), OuterGeneve, false},
		{"IPIP", ipv4(protoIPv4, ipv4(protoTCP, ports(1, 2))[etherHeader:]), OuterIPIP, false},
		{"GRE", ipv4(protoGRE, gre), OuterGRE, false},
		{"a later fragment of UDP", fragment(protoUDP, esp), OuterOther, false},
		{"deeper than is read", inEthernet(etherIPv4, deep), OuterIPIP, false},
	} {
		if got := ParseEthernet(c.frame); got.Outer != c.outer || got.Sealed != c.sealed {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestOuterInOtherFrames(t *testing.T) {
	tagged := ipv4(protoESP, nil)
	tagged = append(append(bytes.Clone(tagged[:12]), 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2), tagged[12:]...)
	fragment := ipv4(protoUDP, ports(1, 51820))
	fragment[21] = 8
	options := ipv4(protoUDP, append([]byte{1, 1, 1, 1}, ports(1, 51820)...))
	options[14] = 0x46
	v6 := make([]byte, ipv6Header)
	v6[0], v6[6] = 0x60, protoHopByHop
	peer := netip.MustParseAddr("fd00::7")
	address := peer.As16()
	copy(v6[24:], address[:])
	v6 = joined(v6, []byte{protoFragment, 0, 0, 0, 0, 0, 0, 0, protoUDP, 0, 0, 1, 0, 0, 0, 0}, ports(9, 8472))
	later := bytes.Clone(v6)
	later[ipv6Header+8+3] = 8
	v4 := netip.MustParseAddr("10.0.0.7")
	for _, c := range []struct {
		name  string
		frame []byte
		to    netip.Addr
		outer Outer
	}{
		{"two VLAN tags", tagged, v4, OuterESP},
		{"a later fragment", fragment, v4, OuterOther},
		{"IP options", options, v4, OuterWireGuard},
		{"IPv6 with extension headers", inEthernet(etherIPv6, v6), peer, OuterVXLAN},
		{"a later fragment of IPv6", inEthernet(etherIPv6, later), peer, OuterOther},
		{"ARP", inEthernet(0x0806, make([]byte, 28)), netip.Addr{}, OuterOther},
		{"IPv4 that is none", inEthernet(etherIPv4, v6), netip.Addr{}, OuterOther},
		{"cut in the header", inEthernet(etherIPv4, []byte{0x45, 0}), netip.Addr{}, OuterOther},
		{"nothing", nil, netip.Addr{}, OuterOther},
	} {
		if got := ParseEthernet(c.frame); got.To != c.to || got.Outer != c.outer {
			t.Errorf("%s: %+v, want %s to %s", c.name, got, c.outer, c.to)
		}
	}
}

func TestMatcherFindsTheWholeCanaryOnly(t *testing.T) {
	all := canaries(t, 3)
	m := matcher(t, map[string]Canary{"a": all[0], "b": all[1]})
	b := all[1][:]
	for _, c := range []struct {
		name   string
		frame  []byte
		want   string
		offset int
	}{
		{"at the begin", b, "b", 0},
		{"behind a part of itself", joined(b[5:], b), "b", CanarySize - 5},
		{"behind another run's end", joined(all[2][:], b), "b", CanarySize},
		{"cut", b[:CanarySize-1], "", 0},
		{"only what the run's canaries share", all[2][:], "", 0},
		{"nothing", nil, "", 0},
	} {
		name, offset, found := m.Find(c.frame)
		if name != c.want || offset != c.offset || found != (c.want != "") {
			t.Errorf("%s: %q at %d, want %q at %d", c.name, name, offset, c.want, c.offset)
		}
	}
}

func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestMatcherTakesCanariesOfOneRun(t *testing.T) {
	one, other := canaries(t, 2), canaries(t, 1)
	for name, c := range map[string]map[string]Canary{
		"none": {}, "the same twice": {"a": one[0], "b": one[0]}, "of two runs": {"a": one[0], "b": other[0]},
	} {
		if _, err := NewMatcher(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if read, err := ParseCanary(one[1].String()); err != nil || read != one[1] {
		t.Errorf("%v: %v", read, err)
	}
	for _, text := range []string{"", "zz", one[0].String()[2:], one[0].String() + "00", strings.Repeat("x", 2*CanarySize)} {
		if _, err := ParseCanary(text); err == nil {
			t.Errorf("%q is taken for a canary", text)
		}
	}
}

// FuzzFrame: no frame crashes the parser, what is found is there, and a canary
// that is put into a frame is found.
func FuzzFrame(f *testing.F) {
	f.Add(ipv4(protoUDP, ports(1, 51820)), uint16(20))
	f.Add([]byte{}, uint16(0))
	f.Add(ipv4(protoUDP, joined(ports(1, 8472), []byte{8, 0, 0, 0, 0, 0, 1, 0}, ipv4(protoESP, make([]byte, 8)))), uint16(20))
	f.Add(ipv4(protoGRE, joined([]byte{0xb0, 0, 0x65, 0x58}, make([]byte, 12), inEthernet(etherMACsec, []byte{0x0c}))), uint16(20))
	f.Add(bytes.Repeat([]byte{7}, CanarySize), uint16(3))
	var c Canary
	for i := range c {
		c[i] = byte(7 + i/sharedSize)
	}
	m := matcher(f, map[string]Canary{"a": c})
	f.Fuzz(func(t *testing.T, frame []byte, at uint16) {
		ParseEthernet(frame)
		for _, kind := range []uint16{etherIPv4, etherIPv6, 0} {
			ParsePacket(frame, kind)
		}
		if name, offset, found := m.Find(frame); found != bytes.Contains(frame, c[:]) ||
			found && (name != "a" || offset != bytes.Index(frame, c[:])) {
			t.Fatalf("found %q at %d: %t", name, offset, found)
		}
		cut := min(int(at), len(frame))
		with := joined(frame[:cut], c[:], frame[cut:])
		if _, offset, found := m.Find(with); !found || offset > cut {
			t.Fatalf("put in at %d, found at %d: %t", cut, offset, found)
		}
	})
}
