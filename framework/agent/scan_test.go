package agent

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/tlsscan"
)

// TestScan: of two addresses the one that lets in counts, whatever comes first;
// where none does, it is said which stood in the way. The lines can be read.
func TestScan(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	open := server.Listener.Addr().String()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shut := l.Addr().String()
	l.Close()

	s := Scan{Nonce: "n", Client: "node", Scanner: tlsscan.Scanner{Connect: time.Second, Answer: time.Second, Tries: 2, Now: time.Now()}}
	for _, text := range []string{"second=" + shut + "," + open, "first=" + open + "," + shut, "none=" + shut + "," + shut} {
		target, err := ParseScanned(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Targets = append(s.Targets, target)
	}
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, writer) }()
	got := map[string]Line{}
	go func() {
		_ = Read(reader, "n", func(l Line) { // the pipe ends it
			if l.Event == Stopping {
				writer.Close()
				return
			}
			got[l.Target] = l
			if len(got) == len(s.Targets) {
				cancel()
			}
		})
		cancel()
	}()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		at    int64
		reach tlsscan.Reach
	}{"second": {2, tlsscan.Reached}, "first": {1, tlsscan.Reached}, "none": {2, tlsscan.ReachRefused}} {
		l := got[name]
		if l.Event != LookedAt || l.Client != "node" || l.Seq != want.at || l.Scan == nil || l.Scan.Reach != want.reach {
			t.Errorf("%s: %+v", name, l)
		}
		if want.reach == tlsscan.Reached && (l.Scan.Before.Verdict != tlsscan.Offered || l.Scan.Versions.TLS10.Verdict != tlsscan.Refused) {
			t.Errorf("%s: %+v", name, l.Scan)
		}
	}
}

func TestParseScanned(t *testing.T) {
	for _, wrong := range []string{"", "x", "x=", "=10.0.0.1:1", "x=10.0.0.1", "x=10.0.0.1:1,", "a b=10.0.0.1:1"} {
		if _, err := ParseScanned(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

// TestLongestScanFits: the longest line of a scan can be read again.
func TestLongestScanFits(t *testing.T) {
	r := tlsscan.Unreached(tlsscan.Reached)
	long := tlsscan.Answer{Verdict: tlsscan.Undecided, How: "0x0303 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Tries: 3}
	r.Before, r.After, r.Plaintext = long, long, long
	r.Versions = tlsscan.Versions{SSL30: long, TLS10: long, TLS11: long, TLS12: long, TLS13: long}
	r.Classes = tlsscan.Classes{Null: long, Anonymous: long, Export: long, RC4: long, DES: long}
	for range 64 {
		r.Suites.Names = append(r.Suites.Names, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")
	}
	var out bytes.Buffer
	if err := NewWriter(&out, "n").Write(Line{Event: LookedAt, Client: "a-node-with-a-name-of-some-length.example.org", Target: "controllerManager-10", Seq: 2, Scan: &r}); err != nil {
		t.Fatal(err)
	}
	read := 0
	if err := Read(&out, "n", func(Line) { read++ }); err != nil || read != 1 {
		t.Errorf("%d lines were read: %v", read, err)
	}
}
