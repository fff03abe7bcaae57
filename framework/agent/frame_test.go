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
			if to, got := ParseEthernet(f); got != want || to != netip.MustParseAddr("10.0.0.7") {
				t.Errorf("%s, frame %d: %s to %s", want, i, got, to)
			}
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
	ethernet := func(kind uint16, packet []byte) []byte {
		f := make([]byte, etherHeader)
		binary.BigEndian.PutUint16(f[12:], kind)
		return joined(f, packet)
	}
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
		{"IPv6 with extension headers", ethernet(etherIPv6, v6), peer, OuterVXLAN},
		{"a later fragment of IPv6", ethernet(etherIPv6, later), peer, OuterOther},
		{"ARP", ethernet(0x0806, make([]byte, 28)), netip.Addr{}, OuterOther},
		{"IPv4 that is none", ethernet(etherIPv4, v6), netip.Addr{}, OuterOther},
		{"cut in the header", ethernet(etherIPv4, []byte{0x45, 0}), netip.Addr{}, OuterOther},
		{"nothing", nil, netip.Addr{}, OuterOther},
	} {
		if to, outer := ParseEthernet(c.frame); to != c.to || outer != c.outer {
			t.Errorf("%s: %s to %s, want %s to %s", c.name, outer, to, c.outer, c.to)
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
