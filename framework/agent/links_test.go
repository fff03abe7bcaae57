package agent

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func addresses(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, t := range texts {
		out = append(out, netip.MustParseAddr(t))
	}
	return out
}

func by(table uint32, prefix string, device int, gateway ...string) way {
	w := way{table: table, prefix: netip.MustParsePrefix(prefix), device: device}
	if len(gateway) > 0 {
		w.gateway = netip.MustParseAddr(gateway[0])
	}
	return w
}

// nodes are what the devices and routes of some networks look like.
func TestExits(t *testing.T) {
	ether := func(index int, name, kind string) link {
		return link{index: index, name: name, kind: kind, hardware: unix.ARPHRD_ETHER, up: true}
	}
	lo := link{index: 1, name: "lo", hardware: unix.ARPHRD_LOOPBACK, up: true}
	eth0, eth1 := ether(2, "eth0", ""), ether(3, "eth1", "")
	down := ether(4, "eth2", "")
	down.up = false
	part := func(l link, of int) link { l.master = of; return l }
	on := func(l link, lower int) link { l.lower = lower; return l }
	away := func(l link) link { l.elsewhere = true; return l }
	pod := part(away(ether(20, "veth1", "veth")), 10)
	tunnel := link{index: 30, name: "wg0", kind: "tun", hardware: unix.ARPHRD_NONE, up: true}
	for _, c := range []struct {
		name  string
		links []link
		ways  []way
		want  []string
	}{
		{"plain", []link{lo, eth0, down}, []way{by(254, "0.0.0.0/0", 2, "10.0.0.1"), by(254, "10.0.0.0/24", 2)}, []string{"eth0"}},
		{"a container as node", []link{lo, away(ether(2, "eth0", "veth")), pod}, []way{by(254, "10.0.0.0/24", 2), by(254, "10.1.0.9/32", 20)}, []string{"eth0"}},
		{"WireGuard before it", []link{lo, away(ether(2, "eth0", "veth")), tunnel},
			[]way{by(254, "10.0.0.0/24", 2), by(51820, "10.0.0.7/32", 30), by(51820, "10.1.7.0/24", 30)}, []string{"eth0"}},
		{"overlay over eth0", []link{lo, eth0, ether(31, "flannel.1", "vxlan"), ether(10, "cni0", "bridge"), pod},
			[]way{by(254, "10.0.0.0/24", 2), by(254, "10.1.7.0/24", 31), by(254, "10.1.0.0/24", 10)}, []string{"eth0"}},
		{"a bond, a VLAN on it and a bridge on that", []link{lo, part(eth0, 5), part(eth1, 5), ether(5, "bond0", "bond"), part(on(ether(6, "bond0.7", "vlan"), 5), 10), ether(10, "br0", "bridge"), pod},
			[]way{by(254, "10.0.0.0/24", 10)}, []string{"eth0", "eth1", "bond0"}},
		{"a bond over devices that encrypt", []link{lo, eth0, part(on(ether(7, "macsec0", "macsec"), 2), 5), ether(5, "bond0", "bond")},
			[]way{by(254, "10.0.0.0/24", 5)}, []string{"eth0"}},
		{"MACsec", []link{lo, eth0, on(ether(7, "macsec0", "macsec"), 2)}, []way{by(254, "10.0.0.0/24", 7)}, []string{"eth0"}},
		{"a node on a macvlan of its host", []link{lo, away(on(ether(2, "eth0", "macvlan"), 9))}, []way{by(254, "10.0.0.0/24", 2)}, []string{"eth0"}},
		{"past the routes", []link{lo, eth0, ether(40, "br-ex", "openvswitch")}, []way{by(254, "10.0.0.0/24", 40)}, []string{"eth0"}},
		{"a pair within the node", []link{lo, eth0, ether(41, "cilium_host", "veth")}, []way{by(254, "10.1.7.0/24", 41), by(254, "10.0.0.0/24", 2)}, []string{"eth0"}},
		{"two devices share the load", []link{lo, away(ether(2, "eth0", "veth")), away(ether(3, "eth1", "veth"))},
			[]way{by(254, "10.0.0.0/24", 2), by(254, "10.0.0.0/24", 3)}, []string{"eth0", "eth1"}},
		{"InfiniBand and a child of it", []link{lo, {index: 50, name: "ib0", kind: ipoib, hardware: unix.ARPHRD_INFINIBAND, up: true}, {index: 51, name: "ib0.8001", kind: ipoib, hardware: unix.ARPHRD_INFINIBAND, up: true, lower: 50}},
			[]way{by(254, "10.0.0.0/24", 51)}, []string{"ib0", "ib0.8001"}},
		{"no way", []link{lo, tunnel}, []way{by(254, "0.0.0.0/0", 30)}, nil},
		{"a device under itself", []link{lo, on(ether(8, "a", "vlan"), 9), on(ether(9, "b", "vlan"), 8)}, []way{by(254, "10.0.0.0/24", 8)}, nil},
	} {
		var got []string
		for _, l := range exits(c.links, c.ways, addresses("10.0.0.7", "10.1.7.3")) {
			got = append(got, l.name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// What lies under MACsec that is left to the card shows in clear what the cable
// does not; nothing else is excused.
func TestOffloaded(t *testing.T) {
	ether := func(index int, kind string) link {
		return link{index: index, kind: kind, hardware: unix.ARPHRD_ETHER, up: true}
	}
	card := func(l link, lower int) link { l.kind, l.lower, l.offloads = macsec, lower, true; return l }
	soft := ether(9, macsec)
	soft.lower = 3
	part, away := ether(4, ""), card(ether(12, ""), 2)
	part.master, away.elsewhere = 5, true
	vlan := ether(6, "vlan")
	vlan.lower = 2
	for _, c := range []struct {
		name  string
		links []link
		want  []int
	}{
		{"none", []link{ether(2, ""), ether(3, ""), soft}, nil},
		{"of one card", []link{ether(2, ""), ether(3, ""), soft, card(ether(8, ""), 2)}, []int{2}},
		{"over a VLAN", []link{ether(2, ""), vlan, card(ether(8, ""), 6)}, []int{2, 6}},
		{"over several cards", []link{part, ether(5, "bond"), card(ether(8, ""), 5)}, []int{4, 5}},
		{"of another namespace's card", []link{ether(2, ""), away}, nil},
		{"over itself", []link{card(ether(8, ""), 8)}, []int{8}},
	} {
		if got := slices.Sorted(maps.Keys(offloaded(c.links))); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// attribute of netlink, padded.
func attribute(kind uint16, value ...byte) []byte {
	a := make([]byte, unix.SizeofRtAttr, unix.SizeofRtAttr+len(value)+3)
	binary.NativeEndian.PutUint16(a, uint16(unix.SizeofRtAttr+len(value)))
	binary.NativeEndian.PutUint16(a[2:], kind)
	a = append(a, value...)
	return append(a, make([]byte, -len(a)&3)...)
}

func TestLinkInfo(t *testing.T) {
	named := func(kind string) []byte { return attribute(unix.IFLA_INFO_KIND, append([]byte(kind), 0)...) }
	data := func(parts ...[]byte) []byte {
		return attribute(unix.IFLA_INFO_DATA|unix.NLA_F_NESTED, joined(parts...)...)
	}
	encrypts, not := attribute(unix.IFLA_MACSEC_ENCRYPT, 1), attribute(unix.IFLA_MACSEC_ENCRYPT, 0)
	card, software := attribute(unix.IFLA_MACSEC_OFFLOAD, 2), attribute(unix.IFLA_MACSEC_OFFLOAD, 0)
	for _, c := range []struct {
		name     string
		nested   []byte
		kind     string
		offloads bool
	}{
		{"nothing", nil, "", false},
		{"another kind", joined(named("vlan"), data(encrypts, card)), "vlan", false},
		{"MACsec by the card", joined(named("macsec"), data(encrypts, card)), "macsec", true},
		{"in another order", joined(data(card, encrypts), named("macsec")), "macsec", true},
		{"by the card, whether it encrypts is not said", joined(named("macsec"), data(card)), "macsec", true},
		{"that only authenticates", joined(named("macsec"), data(not, card)), "macsec", false},
		{"in software", joined(named("macsec"), data(encrypts, software)), "macsec", false},
		{"of an older kernel", joined(named("macsec"), data(encrypts)), "macsec", false},
		{"without a value", joined(named("macsec"), data(attribute(unix.IFLA_MACSEC_OFFLOAD))), "macsec", false},
		{"cut", joined(named("macsec"), data(card))[:14], "macsec", false},
	} {
		if kind, offloads := linkInfo(c.nested); kind != c.kind || offloads != c.offloads {
			t.Errorf("%s: %q, %t", c.name, kind, offloads)
		}
	}
}

func FuzzLinkInfo(f *testing.F) {
	f.Add(joined(attribute(unix.IFLA_INFO_KIND, []byte("macsec")...), attribute(unix.IFLA_INFO_DATA, attribute(unix.IFLA_MACSEC_OFFLOAD, 2)...)))
	f.Add([]byte{3, 0, 1, 0})
	f.Fuzz(func(t *testing.T, nested []byte) {
		if kind, offloads := linkInfo(nested); offloads && kind != macsec {
			t.Fatalf("%q encrypts by the card", kind)
		}
		nextHops(nested)
	})
}

func TestControlTargets(t *testing.T) {
	eth0 := link{index: 2, name: "eth0"}
	for _, c := range []struct {
		name string
		ways []way
		want []string
	}{
		{"the gateway", []way{by(254, "0.0.0.0/0", 2, "10.0.0.1"), by(254, "10.0.0.0/24", 2)}, []string{"10.0.0.1"}},
		{"no gateway", []way{by(254, "10.0.0.0/22", 2)}, []string{"10.0.3.255"}},
		{"a peer as gateway", []way{by(254, "0.0.0.0/0", 2, "10.0.0.7")}, nil},
		{"a gateway of another prefix is a node", []way{by(254, "10.1.7.0/24", 2, "10.0.0.8"), by(254, "10.0.0.0/24", 2)}, []string{"10.0.0.255"}},
		{"of IPv6, by the device", []way{by(254, "::/0", 2, "fe80::1")}, []string{"fe80::1%eth0"}},
		{"another device", []way{by(254, "10.0.0.0/24", 3)}, nil},
		{"two nodes and no more", []way{by(254, "10.0.0.6/31", 2)}, nil},
	} {
		got := controlTargets(c.ways, addresses("10.0.0.7"), []link{eth0})
		if !slices.Equal(got, addresses(c.want...)) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestLongestPrefixInEachTable(t *testing.T) {
	ways := []way{by(254, "0.0.0.0/0", 1), by(254, "10.0.0.0/8", 2), by(254, "10.0.0.0/24", 3), by(254, "10.0.0.0/24", 4), by(7, "0.0.0.0/0", 5), by(254, "::/0", 6)}
	var got []int
	for _, w := range longest(ways, netip.MustParseAddr("10.0.0.7")) {
		got = append(got, w.device)
	}
	if !slices.Equal(got, []int{3, 4, 5}) {
		t.Errorf("%v", got)
	}
}

// The kernel of this machine tells of its own devices and routes what is so.
func TestReadFromTheKernel(t *testing.T) {
	links, err := readLinks()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(links, func(l link) bool { return l.name == "lo" && l.hardware == unix.ARPHRD_LOOPBACK && l.index > 0 }) {
		t.Errorf("no loopback in %+v", links)
	}
	ways, err := readWays()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range ways {
		if !w.prefix.IsValid() || !slices.ContainsFunc(links, func(l link) bool { return l.index == w.device }) {
			t.Errorf("a route by no device: %+v", w)
		}
	}
}
