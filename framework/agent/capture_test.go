package agent

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inNamespace tells the test's own process in a network namespace from the one
// that starts it.
const inNamespace = "BVC_TEST_IN_NETWORK_NAMESPACE"

// A real packet socket on the loopback of a network namespace of its own, which
// nothing else sends through. As a user it needs user namespaces.
func TestCaptureOnLoopback(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		captureOnLoopback(t)
		return
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestCaptureOnLoopback$", "-test.v")
	c.Env = append(os.Environ(), inNamespace+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	out, err := c.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("this machine lets its users make no network namespace: packet sockets are tried on kind clusters only")
	}
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func captureOnLoopback(t *testing.T) {
	raiseLoopback(t)
	all := canaries(t, 3)
	names := map[string]Canary{ControlCanary: all[0], "a": all[1], "b": all[2]}
	loopback := netip.MustParseAddr("127.0.0.1")
	ctx, cancel := context.WithCancel(t.Context())
	sniffing := lines(t, ctx, func(ctx context.Context, out io.Writer) error {
		links, err := readLinks()
		if err != nil {
			return err
		}
		for _, l := range links {
			if l.name == "lo" {
				s := Sniff{Nonce: runNonce, Peers: map[netip.Addr]string{loopback: "2"}, Canaries: names}
				return s.listen(ctx, NewWriter(out, runNonce), matcher(t, names), []link{l}, nil, []netip.Addr{loopback})
			}
		}
		return errors.New("no loopback")
	})
	receiving := lines(t, ctx, Receive{Nonce: runNonce}.Run)
	address := netip.AddrPortFrom(loopback, uint16(next(t, receiving, Listening).Port)).String()
	for first := next(t, sniffing, Sniffing); first.Sniffed.Control == 0; first = next(t, sniffing, Sniffing) {
		if len(first.Sniffed.Hits) > 0 {
			t.Fatalf("seen before it was sent: %+v", first.Sniffed)
		}
	}
	const size = 4 << 20
	stream, err := Outbound{Name: "a", Protocol: overTCP, Address: address, Canary: all[1], Bytes: size}.send(ctx, runNonce)
	if err != nil || !stream.Confirmed {
		t.Fatalf("%+v, %v", stream, err)
	}
	var last *Sniffed
	for range 4 {
		last = next(t, sniffing, Sniffing).Sniffed
	}
	h := last.Hits["a"]
	// Loopback takes segments of 64 KiB; each is seen once, as it goes out, from the network header on.
	if last.Dropped != 0 || last.Truncated != 0 || len(last.Hits) != 1 || h.Outer != OuterTCP || h.Offset < ipv4Header+20 || h.Frames < size>>17 {
		t.Errorf("%+v", last)
	}
	if carried := last.Peers["2"][OuterTCP].Bytes; carried < size || carried > size*3/2 {
		t.Errorf("%d bytes counted, %d sent", carried, size)
	}
	cancel()
}

// raiseLoopback: a new namespace has it down.
func raiseLoopback(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		t.Fatal(err)
	}
	if _, err := net.InterfaceByName("lo"); err != nil {
		t.Fatal(err)
	}
}
