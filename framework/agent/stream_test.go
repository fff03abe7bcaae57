package agent

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

const runNonce = "5f3a"

// lines runs a role and hands on its lines.
func lines(t *testing.T, ctx context.Context, run func(context.Context, io.Writer) error) <-chan Line {
	t.Helper()
	r, w := io.Pipe()
	out := make(chan Line, 16)
	go func() {
		err := run(ctx, w)
		w.CloseWithError(io.EOF)
		if err != nil {
			t.Error(err)
		}
	}()
	go func() {
		defer close(out)
		if err := Read(r, runNonce, func(l Line) { out <- l }); err != nil {
			t.Error(err)
		}
	}()
	return out
}

func next(t *testing.T, from <-chan Line, want Event) Line {
	t.Helper()
	select {
	case l := <-from:
		if l.Event != want {
			t.Fatalf("%+v, want %s", l, want)
		}
		return l
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s", want)
		return Line{}
	}
}

func TestStreamsAreConfirmed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	receiving := lines(t, ctx, Receive{Nonce: runNonce}.Run)
	port := next(t, receiving, Listening).Port
	all := canaries(t, 2)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	sending := lines(t, ctx, Send{Nonce: runNonce, Streams: []Outbound{
		{Name: "t", Protocol: overTCP, Address: address, Canary: all[0], Bytes: 1 << 20},
		{Name: "u", Protocol: overUDP, Address: address, Canary: all[1], Bytes: 64 << 10},
	}}.Run)
	tcp := next(t, sending, Sent)
	if s := tcp.Stream; tcp.Result != Echo || !s.Confirmed || s.ReceivedBytes < 1<<20 || s.ReceivedBytes != s.SentBytes {
		t.Errorf("TCP: %+v, %+v", tcp, s)
	}
	udp := next(t, sending, Sent)
	if s := udp.Stream; udp.Result != Echo || !s.Confirmed || s.ReceivedBytes < 32<<10 || s.ReceivedBytes > s.SentBytes {
		t.Errorf("UDP: %+v, %+v", udp, s)
	}
	cancel()
	next(t, receiving, Stopping)
	next(t, sending, Stopping)
}

// What is no sender of the run gets no answer, and a receiver that lies is seen.
func TestStreamsOfStrangers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	receiving := lines(t, ctx, Receive{Nonce: runNonce}.Run)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(next(t, receiving, Listening).Port))
	for _, said := range []string{"other s tcp 3\nabc", runNonce + " s tcp -1\n", runNonce + " s sctp 3\nabc", runNonce + " s\n", runNonce + " s tcp 999999999999\n",
		strings.Repeat("x", 70<<10) + "\n"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, said)
		if answer, _ := io.ReadAll(c); len(answer) > 0 {
			t.Errorf("%.20q got %q", said, answer)
		}
		c.Close()
	}
}

func sum(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }

func TestAnswersThatAreNone(t *testing.T) {
	for said, want := range map[string]bool{
		"DIGEST 960\n": true, "DIGEST 961\n": false, "DIGEST 0\n": false, strings.Repeat("0", 64) + " 960\n": false, "DIGEST -1\n": false, "DIGEST\n": false, "": false,
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			in := bufio.NewReader(c)
			_, _ = in.ReadString('\n')
			body := make([]byte, datagramBody)
			_, _ = io.ReadFull(in, body)
			fmt.Fprint(c, strings.Replace(said, "DIGEST", fmt.Sprintf("%x", sum(body)), 1))
		}()
		s, err := Outbound{Name: "s", Protocol: overTCP, Address: listener.Addr().String(), Canary: canaries(t, 1)[0], Bytes: 1}.send(t.Context(), runNonce)
		if s.Confirmed != want || want && err != nil {
			t.Errorf("%q: %+v, %v", said, s, err)
		}
		listener.Close()
	}
}

func TestOutboundIsReadAsWritten(t *testing.T) {
	o := Outbound{Name: "pod-1-2-tcp", Protocol: overUDP, Address: "[fd00::7]:18080", Canary: canaries(t, 1)[0], Bytes: 8 << 20}
	if read, err := ParseOutbound(o.String()); err != nil || read != o {
		t.Errorf("%+v: %v", read, err)
	}
	for _, text := range []string{"", "a,tcp,h:1,1", "a,sctp,h:1,1," + o.Canary.String(), "a,tcp,h:1,0," + o.Canary.String(), "a b,tcp,h:1,1," + o.Canary.String(),
		"a,tcp,h:1,1,00", ",tcp,h:1,1," + o.Canary.String()} {
		if _, err := ParseOutbound(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// A way that never opens is tried again and again, and the last answer is said.
func TestNoWay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*connectPause)
	defer cancel()
	_, err := Outbound{Name: "s", Protocol: overTCP, Address: "127.0.0.1:1", Canary: canaries(t, 1)[0], Bytes: 1}.send(ctx, runNonce)
	if result, _ := classify(err); result != Refused {
		t.Errorf("%v", err)
	}
	if ctx.Err() == nil {
		t.Error("given up before the time")
	}
}

func TestTally(t *testing.T) {
	all := canaries(t, 2)
	peers := map[netip.Addr]string{netip.MustParseAddr("10.0.0.7"): "2", netip.MustParseAddr("10.0.0.8"): "3"}
	tally := newTally(matcher(t, map[string]Canary{ControlCanary: all[0], "a": all[1]}), peers, "veth", true, 3)
	enter := func(data []byte, length int) { tally.enter(frame{data: data, etherType: etherIPv4, length: length}) }
	hit := ipv4(protoUDP, joined(ports(1, 4789), all[1][:]))
	enter(hit, len(hit))
	again := ipv4(protoTCP, bytes.Repeat(all[1][:], 3))
	enter(again, len(again))
	other := ipv4(protoUDP, joined(ports(1, 9), all[0][:]))
	other[33] = 1 // not to the peer
	enter(other, len(other))
	enter(ipv4(protoESP, nil), 4000) // cut
	tally.enter(frame{data: ipv4(protoUDP, ports(1, 51820))[etherHeader:], etherType: etherIPv4, cooked: true, length: 28})
	sealed := ipv4(protoUDP, joined(ports(1, 51820), wireGuard(4, 9)))
	enter(sealed, len(sealed))
	second := ipv4(protoESP, nil)
	second[33] = 8 // to the other peer
	enter(second, 70)
	enter(inEthernet(etherMACsec, []byte{0x0c}), 50)
	got := tally.read()
	if got.Devices != 3 || got.Kind != "veth" || !got.Offloaded || got.Millis < 0 || got.Frames != 8 || got.Control != 1 || got.Truncated != 3 || len(got.Hits) != 1 {
		t.Errorf("%+v", got)
	}
	if h := got.Hits["a"]; h.Frames != 2 || h.Offset != 42 || h.Outer != OuterVXLAN {
		t.Errorf("%+v", h)
	}
	wireGuards := int64(len(sealed))
	want := map[string]map[Outer]Volume{
		"2": {OuterVXLAN: {int64(len(hit)), 0}, OuterTCP: {int64(len(again)), 0}, OuterESP: {4000, 4000}, OuterWireGuard: {28 + wireGuards, wireGuards}},
		"3": {OuterESP: {70, 70}}, UnknownPeer: {OuterMACsec: {50, 50}},
	}
	if !reflect.DeepEqual(got.Peers, want) {
		t.Errorf("got  %+v\nwant %+v", got.Peers, want)
	}
	got.Peers["2"][OuterESP] = Volume{}
	got.Hits["b"] = Hit{}
	if now := tally.read(); len(now.Hits) != 1 || now.Peers["2"][OuterESP].Bytes != 4000 {
		t.Error("what was read is what is counted in")
	}
}

// What a sniffer writes at most is a line that Read takes, and no frame is in it.
func TestLongestLineOfASniffer(t *testing.T) {
	s := Sniffed{Devices: 99, Kind: "openvswitch", Offloaded: true, Millis: 1 << 62, Frames: 1 << 62, Control: 1 << 62, Dropped: 1 << 62, Truncated: 1 << 62, Peers: map[string]map[Outer]Volume{UnknownPeer: {OuterMACsec: {1 << 62, 1 << 62}}}, Hits: map[string]Hit{}}
	// Two neighbours and the control plane.
	for _, peer := range []string{"1", "2", "3"} {
		s.Peers[peer] = map[Outer]Volume{}
		for _, o := range []Outer{OuterTCP, OuterUDP, OuterWireGuard, OuterESP, OuterESPInUDP, OuterVXLAN, OuterGeneve, OuterIPIP, OuterGRE, OuterOther} {
			s.Peers[peer][o] = Volume{1 << 62, 1 << 62}
		}
	}
	// Three legs to two peers, one of them to a third, over two protocols (suites/probes/wire).
	for i := range 14 {
		s.Hits[fmt.Sprintf("service-10-10-tcp-%02d", i)] = Hit{Frames: 1 << 62, Offset: 65535, Outer: OuterWireGuard}
	}
	var out bytes.Buffer
	if err := NewWriter(&out, runNonce).Write(Line{Event: Sniffing, Target: "abcdefghijklmno", Seq: 1 << 62, Sniffed: &s}); err != nil {
		t.Fatal(err)
	}
	count := 0
	if err := Read(&out, runNonce, func(Line) { count++ }); err != nil || count != 1 {
		t.Errorf("%d lines read, %v", count, err)
	}
}

func TestParseSniff(t *testing.T) {
	c := canaries(t, 2)
	control, other := ControlCanary+"="+c[0].String(), "a="+c[1].String()
	s, err := ParseSniff(runNonce, []string{"2=10.0.0.7", "2=::ffff:10.0.0.8", "3=fd00::7"}, []string{control, other})
	want := map[netip.Addr]string{netip.MustParseAddr("10.0.0.7"): "2", netip.MustParseAddr("10.0.0.8"): "2", netip.MustParseAddr("fd00::7"): "3"}
	if err != nil || !maps.Equal(s.Peers, want) || s.Canaries["a"] != c[1] {
		t.Errorf("%+v: %v", s, err)
	}
	peer := []string{"2=10.0.0.7"}
	for _, bad := range [][2][]string{{peer, {other}}, {{}, {control}}, {{"2=here"}, {control}}, {{"10.0.0.7"}, {control}}, {{"=10.0.0.7"}, {control}}, {peer, {control, "a"}}, {peer, {control, "a=1"}}} {
		if _, err := ParseSniff(runNonce, bad[0], bad[1]); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
