package agent

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// link is a network device of the node.
type link struct {
	index int
	name  string
	// kind is what the kernel calls a virtual device, empty for a physical one.
	kind string
	// hardware is the ARPHRD number.
	hardware uint16
	up       bool
	// lower is the device under this one, master the one that it is a part of; 0
	// for none. Of a pair, elsewhere says that the other end is in another
	// network namespace.
	lower, master int
	elsewhere     bool
	// offloads: it encrypts, and leaves that to the network card below.
	offloads bool
}

// way is one route: whatever goes to the prefix leaves by the device.
type way struct {
	table   uint32
	prefix  netip.Prefix
	gateway netip.Addr
	device  int
}

// readLinks asks the kernel for all devices.
func readLinks() ([]link, error) {
	messages, err := netlink(syscall.RTM_GETLINK, syscall.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("list network devices: %w", err)
	}
	var links []link
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWLINK || len(m.Data) < syscall.SizeofIfInfomsg {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return nil, fmt.Errorf("read a network device: %w", err)
		}
		l := link{
			hardware: binary.NativeEndian.Uint16(m.Data[2:]), index: int(int32(binary.NativeEndian.Uint32(m.Data[4:]))),
			up: binary.NativeEndian.Uint32(m.Data[8:])&syscall.IFF_UP != 0,
		}
		for _, a := range attributes {
			switch a.Attr.Type &^ unix.NLA_F_NESTED {
			case unix.IFLA_IFNAME:
				l.name = unix.ByteSliceToString(a.Value)
			case unix.IFLA_LINK:
				l.lower = number(a.Value)
			case unix.IFLA_MASTER:
				l.master = number(a.Value)
			case unix.IFLA_LINK_NETNSID:
				l.elsewhere = true
			case unix.IFLA_LINKINFO:
				l.kind, l.offloads = linkInfo(a.Value)
			}
		}
		links = append(links, l)
	}
	return links, nil
}

// linkInfo finds the name of the kind among the nested attributes, and whether
// such a device encrypts by the network card.
func linkInfo(nested []byte) (kind string, offloads bool) {
	var data []byte
	eachAttribute(nested, func(attribute uint16, value []byte) {
		switch attribute {
		case unix.IFLA_INFO_KIND:
			kind = unix.ByteSliceToString(value)
		case unix.IFLA_INFO_DATA:
			data = value
		}
	})
	if kind != macsec {
		return kind, false
	}
	// A kernel that does not say whether it encrypts is taken to.
	encrypts, offload := true, false
	eachAttribute(data, func(attribute uint16, value []byte) {
		switch {
		case len(value) == 0:
		case attribute == unix.IFLA_MACSEC_ENCRYPT:
			encrypts = value[0] != 0
		case attribute == unix.IFLA_MACSEC_OFFLOAD:
			offload = value[0] != 0
		}
	})
	return kind, encrypts && offload
}

// eachAttribute reads nested attributes, as far as they are whole.
func eachAttribute(nested []byte, do func(attribute uint16, value []byte)) {
	for len(nested) >= unix.SizeofRtAttr {
		length := int(binary.NativeEndian.Uint16(nested))
		if length < unix.SizeofRtAttr || length > len(nested) {
			return
		}
		do(binary.NativeEndian.Uint16(nested[2:])&^unix.NLA_F_NESTED, nested[unix.SizeofRtAttr:length])
		nested = nested[min(len(nested), (length+3)&^3):]
	}
}

// readWays asks the kernel for the routes of every table.
func readWays() ([]way, error) {
	var ways []way
	for _, family := range []int{syscall.AF_INET, syscall.AF_INET6} {
		messages, err := netlink(syscall.RTM_GETROUTE, family)
		if err != nil {
			return nil, fmt.Errorf("list routes: %w", err)
		}
		for _, m := range messages {
			if m.Header.Type != syscall.RTM_NEWROUTE || len(m.Data) < syscall.SizeofRtMsg {
				continue
			}
			attributes, err := syscall.ParseNetlinkRouteAttr(&m)
			if err != nil {
				return nil, fmt.Errorf("read a route: %w", err)
			}
			ways = append(ways, waysOf(m.Data, attributes)...)
		}
	}
	return ways, nil
}

func waysOf(header []byte, attributes []syscall.NetlinkRouteAttr) []way {
	w := way{table: uint32(header[4])}
	to := netip.IPv4Unspecified()
	if header[0] == syscall.AF_INET6 {
		to = netip.IPv6Unspecified()
	}
	var several []way
	for _, a := range attributes {
		switch a.Attr.Type &^ unix.NLA_F_NESTED {
		case unix.RTA_TABLE:
			w.table = uint32(number(a.Value))
		case unix.RTA_DST:
			to, _ = netip.AddrFromSlice(a.Value)
		case unix.RTA_GATEWAY:
			w.gateway, _ = netip.AddrFromSlice(a.Value)
		case unix.RTA_OIF:
			w.device = number(a.Value)
		case unix.RTA_MULTIPATH:
			several = nextHops(a.Value)
		}
	}
	prefix, err := to.Prefix(int(header[1]))
	if header[7] != unix.RTN_UNICAST || w.table == unix.RT_TABLE_LOCAL || err != nil {
		return nil
	}
	w.prefix = prefix
	if len(several) == 0 {
		return []way{w}
	}
	for i := range several {
		several[i].table, several[i].prefix = w.table, w.prefix
	}
	return several
}

// nextHops reads the devices and gateways of a route that has several.
func nextHops(data []byte) []way {
	var out []way
	for len(data) >= unix.SizeofRtNexthop {
		length := int(binary.NativeEndian.Uint16(data))
		if length < unix.SizeofRtNexthop || length > len(data) {
			break
		}
		w := way{device: int(int32(binary.NativeEndian.Uint32(data[4:])))}
		eachAttribute(data[unix.SizeofRtNexthop:length], func(attribute uint16, value []byte) {
			if attribute == unix.RTA_GATEWAY {
				w.gateway, _ = netip.AddrFromSlice(value)
			}
		})
		out = append(out, w)
		data = data[min(len(data), (length+3)&^3):]
	}
	return out
}

func netlink(request, family int) ([]syscall.NetlinkMessage, error) {
	raw, err := syscall.NetlinkRIB(request, family)
	if err != nil {
		return nil, err
	}
	return syscall.ParseNetlinkMessage(raw)
}

func number(value []byte) int {
	if len(value) < 4 {
		return 0
	}
	return int(int32(binary.NativeEndian.Uint32(value)))
}

// longest gives, for each table, the ways with the longest prefix that hold the
// address: which table decides is up to rules that need not be known here.
func longest(ways []way, to netip.Addr) []way {
	best := map[uint32]int{}
	for _, w := range ways {
		if bits, there := best[w.table]; w.prefix.Contains(to) && (!there || w.prefix.Bits() > bits) {
			best[w.table] = w.prefix.Bits()
		}
	}
	var out []way
	for _, w := range ways {
		if bits, there := best[w.table]; there && w.prefix.Contains(to) && w.prefix.Bits() == bits {
			out = append(out, w)
		}
	}
	return out
}

// exits gives the devices by which frames to the peers leave the node, as the
// cable sees them: physical ones, the devices under those that carry a route,
// and the node's end of a pair where the node itself is a container. What only
// hands packets on to be wrapped or encrypted (wireguard, tun, vxlan, bridge...)
// is none: in it everything is in clear.
func exits(links []link, ways []way, peers []netip.Addr) []link {
	byIndex := map[int]link{}
	for _, l := range links {
		byIndex[l.index] = l
	}
	found := map[int]bool{}
	for _, l := range links {
		// Some networks lead frames past the routes (Open vSwitch, eBPF).
		if l.up && physical(l) {
			found[l.index] = true
		}
	}
	for _, peer := range peers {
		for _, w := range longest(ways, peer) {
			for _, l := range under(links, byIndex, byIndex[w.device], 0) {
				found[l.index] = true
			}
		}
	}
	// One that several physical ones make up is as good as these, and sees what
	// each of them would see a part of.
	for _, l := range links {
		if l.kind != "bond" && l.kind != "team" {
			continue
		}
		parts := slices.DeleteFunc(slices.Clone(links), func(part link) bool { return part.master != l.index })
		if len(parts) > 0 && !slices.ContainsFunc(parts, func(part link) bool { return !found[part.index] || !physical(part) }) {
			found[l.index] = true
		}
	}
	var out []link
	for _, l := range links {
		if found[l.index] && l.up {
			out = append(out, l)
		}
	}
	return out
}

// maxDepth bounds devices on devices.
const maxDepth = 8

// under gives the lowest devices that carry the frames of l.
func under(links []link, byIndex map[int]link, l link, depth int) []link {
	if depth > maxDepth || l.index == 0 {
		return nil
	}
	switch l.kind {
	case "", ipoib:
		if physical(l) {
			return []link{l}
		}
	case "veth":
		// Both ends here: part of some network's plumbing.
		if l.elsewhere {
			return []link{l}
		}
	case "vlan", "macvlan", "ipvlan", macsec:
		if l.elsewhere && l.kind != macsec {
			return []link{l}
		}
		return under(links, byIndex, byIndex[l.lower], depth+1)
	case "bond", "team", "bridge":
		var out []link
		for _, part := range links {
			// Pods hang on a bridge by pairs; nothing leaves the node there.
			if part.master == l.index && part.kind != "veth" {
				out = append(out, under(links, byIndex, part, depth+1)...)
			}
		}
		return out
	}
	return nil
}

// Kinds that more than one place tells from others.
const (
	macsec = "macsec"
	// ipoib is IP over InfiniBand: frames can be read on it as on a card, a child
	// of it has a queue of its own.
	ipoib = "ipoib"
)

func physical(l link) bool {
	return l.kind == "" && l.hardware == unix.ARPHRD_ETHER || (l.kind == "" || l.kind == ipoib) && l.hardware == unix.ARPHRD_INFINIBAND
}

// offloaded gives the devices, by index, below one that leaves its encryption to
// the card: there frames that the cable has encrypted are still in clear. IPsec
// can be left to the card too, but only who may change the node's network may
// read where.
func offloaded(links []link) map[int]bool {
	byIndex := map[int]link{}
	for _, l := range links {
		byIndex[l.index] = l
	}
	out := map[int]bool{}
	for _, l := range links {
		if !l.offloads || l.elsewhere {
			continue
		}
		for _, lowest := range under(links, byIndex, l, 0) {
			out[lowest.index] = true
		}
		for below, depth := l.lower, 0; below != 0 && depth < maxDepth; below, depth = byIndex[below].lower, depth+1 {
			out[below] = true
		}
	}
	return out
}

// controlTargets gives where the clear control datagram goes: gateways of
// default routes, and the broadcast address of networks that a device is on and
// that no gateway covers. No peer: what goes to it may be encrypted rightly.
func controlTargets(ways []way, peers []netip.Addr, exits []link) []netip.Addr {
	names := map[int]string{}
	for _, l := range exits {
		names[l.index] = l.name
	}
	var out []netip.Addr
	add := func(a netip.Addr) {
		if !slices.Contains(out, a) && !slices.Contains(peers, a.WithZone("")) {
			out = append(out, a)
		}
	}
	covered := map[int]bool{}
	for _, w := range ways {
		if w.prefix.Bits() != 0 || !w.gateway.IsValid() {
			continue
		}
		gateway := w.gateway
		if gateway.IsLinkLocalUnicast() && gateway.Is6() {
			gateway = gateway.WithZone(names[w.device])
		}
		covered[w.device] = true
		add(gateway)
	}
	for _, w := range ways {
		if names[w.device] != "" && !covered[w.device] && w.table == unix.RT_TABLE_MAIN && !w.gateway.IsValid() &&
			w.prefix.Addr().Is4() && w.prefix.Bits() > 0 && w.prefix.Bits() < 31 {
			add(lastOf(w.prefix))
		}
	}
	return out
}

// lastOf is the last address of an IPv4 prefix.
func lastOf(p netip.Prefix) netip.Addr {
	first := p.Masked().Addr().As4()
	last := binary.BigEndian.Uint32(first[:]) | (1<<(32-p.Bits()) - 1)
	binary.BigEndian.PutUint32(first[:], last)
	return netip.AddrFrom4(first)
}
