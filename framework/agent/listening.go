package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scope is where a port listens, as far as it matters to others.
type Scope string

// Scopes. Each hides those after it.
const (
	// OnNode: on the address that was asked about, or on any.
	OnNode Scope = "node"
	// OnOther: on other addresses, none of them loopback only.
	OnOther Scope = "other"
	// OnLoopback: for the node itself.
	OnLoopback Scope = "loopback"
	// NotListening: nothing listens on the port.
	NotListening Scope = "none"
)

// Listeners is the role of a pod in its node's network: it says again and again
// what listens on the asked ports, and knocks at them from within.
type Listeners struct {
	// Knock at the node's own ports, and at what else is to be reached from it.
	Knock
	// Own are the names of those targets that are the node's own.
	Own []string
	// Again is the time between two looks.
	Again time.Duration
	// Canaries are knocked at in rounds of their own; there may be none.
	Canaries []Knocked
	// CanaryRounds, CanaryEvery and CanarySpan are as those of Knock.
	CanaryRounds            int
	CanaryEvery, CanarySpan time.Duration
	// Tables is the folder with tcp and tcp6, /proc/net.
	Tables string
}

// Run looks and knocks until ctx ends.
func (l Listeners) Run(ctx context.Context, out io.Writer) error {
	if l.Again <= 0 || l.Rounds < 1 || l.Every <= 0 || l.Timeout <= 0 {
		return fmt.Errorf("again %s, %d rounds, every %s, timeout %s: want all above zero", l.Again, l.Rounds, l.Every, l.Timeout)
	}
	if len(l.Canaries) > 0 && (l.CanaryRounds < 1 || l.CanaryEvery <= 0) {
		return fmt.Errorf("%d rounds at the canaries, every %s: want both above zero", l.CanaryRounds, l.CanaryEvery)
	}
	if err := oneWord(l.Client); err != nil {
		return fmt.Errorf("client's %w", err)
	}
	w := NewWriter(out, l.Nonce)
	if err := l.look(w, 1); err != nil {
		return err
	}
	if err := l.knock(ctx, w); err != nil {
		return err
	}
	if len(l.Canaries) > 0 {
		k := l.Knock
		k.Targets, k.Rounds, k.Every, k.Span = l.Canaries, l.CanaryRounds, l.CanaryEvery, l.CanarySpan
		if err := k.knock(ctx, w); err != nil {
			return err
		}
	}
	if ctx.Err() == nil {
		if err := w.Write(Line{Event: Finished, Client: l.Client}); err != nil {
			return err
		}
	}
	tick := time.NewTicker(l.Again)
	defer tick.Stop()
	for seq := int64(2); ; seq++ {
		select {
		case <-ctx.Done():
			return w.Write(Line{Event: Stopping})
		case <-tick.C:
		}
		if err := l.look(w, seq); err != nil {
			return err
		}
	}
}

// look writes for each own target where its port listens.
func (l Listeners) look(w *Writer, seq int64) error {
	var rows []netip.AddrPort
	for _, name := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile(filepath.Join(l.Tables, name))
		if os.IsNotExist(err) && name == "tcp6" {
			continue // a node without IPv6
		}
		if err != nil {
			return fmt.Errorf("read what listens: %w", err)
		}
		found, err := listenRows(data)
		if err != nil {
			return fmt.Errorf("read what listens in %s: %w", name, err)
		}
		rows = append(rows, found...)
	}
	own := l.ownAddresses()
	for _, t := range l.Targets {
		if !slices.Contains(l.Own, t.Name) {
			continue
		}
		host, port, err := net.SplitHostPort(t.Address)
		if err != nil {
			return fmt.Errorf("target %s: %w", t.Name, err)
		}
		address, err := netip.ParseAddr(host)
		if err != nil {
			return fmt.Errorf("target %s: %w", t.Name, err)
		}
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return fmt.Errorf("target %s: %w", t.Name, err)
		}
		if err := w.Write(Line{Event: Listener, Client: l.Client, Target: t.Name, Seq: seq, Scope: scopeOf(rows, own, address.Unmap(), uint16(number))}); err != nil {
			return err
		}
	}
	return nil
}

// ownAddresses are all of the node's that are knocked at.
func (l Listeners) ownAddresses() []netip.Addr {
	var out []netip.Addr
	for _, t := range l.Targets {
		if !slices.Contains(l.Own, t.Name) {
			continue
		}
		if a, err := netip.ParseAddrPort(t.Address); err == nil {
			out = append(out, a.Addr().Unmap())
		}
	}
	return out
}

// scopeOf finds the widest scope of a port. A socket on any address of IPv6
// usually takes IPv4 as well, so it counts for both. What listens on another
// of the node's own addresses is found where that one is looked for.
func scopeOf(rows []netip.AddrPort, own []netip.Addr, address netip.Addr, port uint16) Scope {
	scope := NotListening
	for _, r := range rows {
		if r.Port() != port {
			continue
		}
		a := r.Addr()
		switch {
		case a == address, a.IsUnspecified() && (a.Is6() || address.Is4()):
			return OnNode
		case a.IsLoopback():
			if scope == NotListening {
				scope = OnLoopback
			}
		case a.IsUnspecified(), slices.Contains(own, a): // of the other family, or another target
		default:
			scope = OnOther
		}
	}
	return scope
}

// listenState is TCP_LISTEN in the kernel's tables.
const listenState = "0A"

// listenRows reads the addresses of listening sockets from a table of the
// kernel (proc_net_tcp(5)).
func listenRows(table []byte) ([]netip.AddrPort, error) {
	var out []netip.AddrPort
	lines := bufio.NewScanner(bytes.NewReader(table))
	for first := true; lines.Scan(); first = false {
		words := strings.Fields(lines.Text())
		if first || len(words) == 0 {
			continue // the heading
		}
		if len(words) < 4 {
			return nil, fmt.Errorf("a row has %d words", len(words))
		}
		if words[3] != listenState {
			continue
		}
		address, port, ok := strings.Cut(words[1], ":")
		if !ok {
			return nil, fmt.Errorf("local address %q has no port", words[1])
		}
		number, err := strconv.ParseUint(port, 16, 16)
		if err != nil {
			return nil, fmt.Errorf("port %q is not hexadecimal", port)
		}
		raw, err := hex.DecodeString(address)
		if err != nil || len(raw) != 4 && len(raw) != 16 {
			return nil, fmt.Errorf("address %q is neither four nor sixteen bytes", address)
		}
		// Words of four bytes in the order of the machine, which is amd64.
		for i := 0; i < len(raw); i += 4 {
			slices.Reverse(raw[i : i+4])
		}
		parsed, _ := netip.AddrFromSlice(raw)
		out = append(out, netip.AddrPortFrom(parsed.Unmap(), uint16(number)))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	return out, nil
}
