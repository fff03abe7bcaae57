package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/tlsscan"
)

// Scan is the role of a pod in its node's network that looks at what the
// node's own TLS servers offer, those at its loopback address among them.
type Scan struct {
	Nonce   string
	Client  string
	Targets []Scanned
	Scanner tlsscan.Scanner
}

// Scanned is a server to look at.
type Scanned struct {
	// Name is one word.
	Name string
	// Addresses, host:port, in the order in which they are tried until one lets
	// the scanner in.
	Addresses []string
}

// ParseScanned reads name=host:port[,host:port].
func ParseScanned(text string) (Scanned, error) {
	name, addresses, ok := strings.Cut(text, "=")
	s := Scanned{name, strings.Split(addresses, ",")}
	for _, a := range s.Addresses {
		if _, _, err := net.SplitHostPort(a); err != nil || !ok || oneWord(name) != nil {
			return s, fmt.Errorf("%q is not of the form name=host:port[,host:port]", text)
		}
	}
	return s, nil
}

// Run looks at every target, one after the other, and waits until ctx ends.
func (s Scan) Run(ctx context.Context, out io.Writer) error {
	if len(s.Targets) == 0 {
		return errors.New("there is nothing to look at")
	}
	if err := oneWord(s.Client); err != nil {
		return fmt.Errorf("client's %w", err)
	}
	w := NewWriter(out, s.Nonce)
	for _, t := range s.Targets {
		result, at := s.first(ctx, t)
		if ctx.Err() != nil {
			break // what was cut off says nothing of the server
		}
		if err := w.Write(Line{Event: LookedAt, Client: s.Client, Target: t.Name, Seq: at, Scan: &result}); err != nil {
			return fmt.Errorf("report a scan: %w", err)
		}
	}
	<-ctx.Done()
	return w.Write(Line{Event: Stopping})
}

// first gives the result at the first address that lets the scanner in, and
// which one that is, counted from 1. Where none does, it is one at which more
// is in the way than that nothing listens, if there is one; a loopback address
// without a way there is of a family that the node does not have.
func (s Scan) first(ctx context.Context, t Scanned) (tlsscan.Result, int64) {
	var shut tlsscan.Result
	var at int64
	for i, address := range t.Addresses {
		r := s.Scanner.Scan(ctx, address, "")
		if r.Reach == tlsscan.Reached {
			return r, int64(i + 1)
		}
		if i == 0 || shut.Reach == tlsscan.ReachRefused && r.Reach != tlsscan.ReachNoRoute {
			shut, at = r, int64(i+1)
		}
	}
	return shut, at
}
