package agent

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ControlCanary is the name of the canary that the sniffer sends itself, in
// clear, to prove on each device that it would see one.
const ControlCanary = "control"

// controlPort is "discard": nobody answers there, and nobody has to.
const controlPort = 9

// sniffInterval is the time between two control datagrams and two reports.
const sniffInterval = 500 * time.Millisecond

// Sniffed counts what one device let out since the start. No frame is kept.
type Sniffed struct {
	// Devices is how many are listened on.
	Devices int `json:"devices"`
	// Kind of the device as the kernel calls it, empty for a physical one.
	Kind string `json:"kind"`
	// Offloaded: a device over this one leaves its encryption to the card, so that
	// frames are in clear here which the cable has encrypted.
	Offloaded bool `json:"offloaded"`
	// Millis since the start.
	Millis int64 `json:"millis"`
	// Frames of all that left, and the bytes of those to each peer by outer
	// protocol. What hides its destination is under UnknownPeer.
	Frames int64                       `json:"frames"`
	Peers  map[string]map[Outer]Volume `json:"peers"`
	// Control counts control canaries, Hits the others by their names.
	Control int64          `json:"control"`
	Hits    map[string]Hit `json:"hits"`
	// Dropped frames were not looked at, Truncated ones not as a whole.
	Dropped   int64 `json:"dropped"`
	Truncated int64 `json:"truncated"`
}

// UnknownPeer is where MACsec counts: its frames show no address of IP.
const UnknownPeer = ""

// Volume is what left.
type Volume struct {
	Bytes int64 `json:"bytes"`
	// Sealed are those of packets that encrypt what they carry (Packet.Sealed).
	Sealed int64 `json:"sealed"`
}

// Hit is a canary that left in clear.
type Hit struct {
	Frames int64 `json:"frames"`
	// Offset in the first of the frames, and its outer protocol.
	Offset int   `json:"offset"`
	Outer  Outer `json:"outer"`
}

// Sniff is the role of a sniffer in the network of a node.
type Sniff struct {
	Nonce string
	// Peers are the addresses of the other nodes and of the pods there, with the
	// name of each node.
	Peers map[netip.Addr]string
	// Canaries by name, ControlCanary among them.
	Canaries map[string]Canary
}

// ParseSniff reads the options: peers as name=address, and canaries as name=hex.
func ParseSniff(nonce string, peers, canaries []string) (Sniff, error) {
	s := Sniff{Nonce: nonce, Peers: map[netip.Addr]string{}, Canaries: map[string]Canary{}}
	for _, text := range peers {
		name, value, err := parseNamed(text)
		if err != nil {
			return s, err
		}
		a, err := netip.ParseAddr(value)
		if err != nil {
			return s, fmt.Errorf("%q is no address", value)
		}
		s.Peers[a.Unmap()] = name
	}
	for _, text := range canaries {
		name, value, err := parseNamed(text)
		if err != nil {
			return s, err
		}
		if s.Canaries[name], err = ParseCanary(value); err != nil {
			return s, err
		}
	}
	if _, there := s.Canaries[ControlCanary]; !there || len(s.Peers) == 0 {
		return s, fmt.Errorf("a sniffer needs peers, and a canary called %s", ControlCanary)
	}
	return s, nil
}

// tally counts the frames of one device.
type tally struct {
	matcher *Matcher
	peers   map[netip.Addr]string
	began   time.Time
	mu      sync.Mutex
	sniffed Sniffed
}

func newTally(matcher *Matcher, peers map[netip.Addr]string, kind string, offloaded bool, devices int) *tally {
	return &tally{matcher: matcher, peers: peers, began: time.Now(), sniffed: Sniffed{
		Devices: devices, Kind: kind, Offloaded: offloaded, Peers: map[string]map[Outer]Volume{}, Hits: map[string]Hit{},
	}}
}

// enter counts one frame.
func (t *tally) enter(f frame) {
	packet := ParsePacket(f.data, f.etherType)
	if !f.cooked {
		packet = ParseEthernet(f.data)
	}
	peer, known := t.peers[packet.To]
	if packet.Outer == OuterMACsec {
		peer, known = UnknownPeer, true
	}
	name, offset, found := t.matcher.Find(f.data)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sniffed.Frames++
	if len(f.data) < f.length {
		t.sniffed.Truncated++
	}
	if known {
		if t.sniffed.Peers[peer] == nil {
			t.sniffed.Peers[peer] = map[Outer]Volume{}
		}
		v := t.sniffed.Peers[peer][packet.Outer]
		v.Bytes += int64(f.length)
		if packet.Sealed {
			v.Sealed += int64(f.length)
		}
		t.sniffed.Peers[peer][packet.Outer] = v
	}
	switch {
	case !found:
	case name == ControlCanary:
		t.sniffed.Control++
	default:
		h, seen := t.sniffed.Hits[name]
		if !seen {
			h.Offset, h.Outer = offset, packet.Outer
		}
		h.Frames++
		t.sniffed.Hits[name] = h
	}
}

func (t *tally) read() Sniffed {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sniffed
	s.Millis, s.Hits, s.Peers = time.Since(t.began).Milliseconds(), maps.Clone(s.Hits), map[string]map[Outer]Volume{}
	for peer, volumes := range t.sniffed.Peers {
		s.Peers[peer] = maps.Clone(volumes)
	}
	return s
}

// tap is a device that is listened on.
type tap struct {
	link    link
	capture *capture
	tally   *tally
}

// Run listens until ctx ends.
func (s Sniff) Run(ctx context.Context, out io.Writer) error {
	w := NewWriter(out, s.Nonce)
	matcher, err := NewMatcher(s.Canaries)
	if err != nil {
		return err
	}
	links, err := readLinks()
	if err != nil {
		return err
	}
	ways, err := readWays()
	if err != nil {
		return err
	}
	peers := slices.Collect(maps.Keys(s.Peers))
	devices := exits(links, ways, peers)
	if len(devices) == 0 || len(devices) > maxDevices {
		return fmt.Errorf("%d devices carry routes to peers: want 1 to %d", len(devices), maxDevices)
	}
	return s.listen(ctx, w, matcher, devices, offloaded(links), controlTargets(ways, peers, devices))
}

func (s Sniff) listen(ctx context.Context, w *Writer, matcher *Matcher, devices []link, offloaded map[int]bool, targets []netip.Addr) error {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	var taps []tap
	defer func() {
		cancel()
		reading.Wait()
		for _, t := range taps {
			t.capture.close()
		}
	}()
	failed := make(chan error, len(devices))
	for _, l := range devices {
		c, err := openCapture(l, min(ringBlocks, maxBlocks/len(devices)))
		if err != nil {
			return err
		}
		t := tap{link: l, capture: c, tally: newTally(matcher, s.Peers, l.kind, offloaded[l.index], len(devices))}
		taps = append(taps, t)
		reading.Go(func() {
			if err := c.read(ctx, t.tally.enter); err != nil {
				failed <- err
				cancel()
			}
		})
	}
	tick := time.NewTicker(sniffInterval)
	defer tick.Stop()
	for seq := int64(1); ; seq++ {
		for _, target := range targets {
			// What can not be sent is not seen either, and that is counted.
			_ = sendControl(ctx, target, s.Canaries[ControlCanary])
		}
		select {
		case <-ctx.Done():
			select {
			case err := <-failed:
				return err
			default:
				return w.Write(Line{Event: Stopping})
			}
		case <-tick.C:
		}
		for _, t := range taps {
			sniffed := t.tally.read()
			var err error
			if sniffed.Dropped, err = t.capture.dropped(); err != nil {
				return err
			}
			if err := w.Write(Line{Event: Sniffing, Target: t.link.name, Seq: seq, Sniffed: &sniffed}); err != nil {
				return fmt.Errorf("report what was sniffed: %w", err)
			}
		}
	}
}

// sendControl sends one datagram from a new port, so that of several devices
// that share the load each gets some.
func sendControl(ctx context.Context, to netip.Addr, c Canary) error {
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		if err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 1) }); err != nil {
			return err
		}
		return failed
	}}
	conn, err := dialer.DialContext(ctx, "udp", net.JoinHostPort(to.String(), strconv.Itoa(controlPort)))
	if err != nil {
		return fmt.Errorf("send the control datagram: %w", err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.Repeat(string(c[:]), 2)); err != nil {
		return fmt.Errorf("send the control datagram: %w", err)
	}
	return nil
}

// The kernel and this program hand blocks to each other by their status.
func loadStatus(status *uint32) uint32      { return atomic.LoadUint32(status) }
func storeStatus(status *uint32, to uint32) { atomic.StoreUint32(status, to) }
