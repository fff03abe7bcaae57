package tlsscan

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func scanner() Scanner {
	return Scanner{Connect: time.Second, Answer: 300 * time.Millisecond, Tries: 2, Now: time.Now()}
}

func scan(t *testing.T, address string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s := scanner()
	s.Answer = 2 * time.Second // none of these is silent, and the machine may be busy
	return s.Scan(ctx, address, "a.example")
}

// offered lists what a result says is offered, in a fixed order.
func offered(r Result) string {
	var out []string
	for _, a := range []struct {
		name   string
		answer Answer
	}{
		{"SSL3.0", r.Versions.SSL30}, {"TLS1.0", r.Versions.TLS10}, {"TLS1.1", r.Versions.TLS11}, {"TLS1.2", r.Versions.TLS12}, {"TLS1.3", r.Versions.TLS13},
		{"null", r.Classes.Null}, {"anonymous", r.Classes.Anonymous}, {"export", r.Classes.Export}, {"rc4", r.Classes.RC4}, {"des", r.Classes.DES}, {"plaintext", r.Plaintext},
	} {
		switch a.answer.Verdict {
		case Offered:
			out = append(out, a.name)
		case Refused:
		default:
			out = append(out, a.name+"?")
		}
	}
	return strings.Join(out, " ")
}

// TestGoServers scans Go's own server for every version and class that it has.
func TestGoServers(t *testing.T) {
	now := time.Now()
	ofRSA := certificateOf(t, rsaKey(t, 2048), now.Add(-time.Hour), now.Add(10*24*time.Hour+time.Hour))
	ofECDSA := certificateOf(t, curveKey(t, elliptic.P256()), now.Add(-time.Hour), now.Add(time.Hour))
	for _, c := range []struct {
		name     string
		config   *tls.Config
		offered  string
		controls Verdict
		suites   int // -1: not compared
	}{
		{"TLS 1.0 only", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, "TLS1.0", Refused, 0},
		{"TLS 1.1 only", &tls.Config{MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}, "TLS1.1", Refused, 0},
		{"TLS 1.2 only", &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}, "TLS1.2", Offered, -1},
		{"TLS 1.3 only", &tls.Config{MinVersion: tls.VersionTLS13}, "TLS1.3", Offered, 3},
		{"TLS 1.0 to 1.3", &tls.Config{MinVersion: tls.VersionTLS10}, "TLS1.0 TLS1.1 TLS1.2 TLS1.3", Offered, -1},
		{"today's default", &tls.Config{}, "TLS1.2 TLS1.3", Offered, -1},
		{"a retry for another group", &tls.Config{MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.CurveP384}}, "TLS1.3", Offered, 3},
		{"a hybrid group only", &tls.Config{MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}}, "TLS1.3", Offered, 3},
		{"RSA key exchange in TLS 1.0 only", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}, "TLS1.0", Refused, 0},
		{"RC4", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}}, "TLS1.2 rc4", Refused, 0},
		{"RC4 with ECDHE", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}, "TLS1.2 rc4", Offered, 1},
		{"Triple DES", &tls.Config{CipherSuites: []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}}, "TLS1.2 TLS1.3 des", Offered, 4},
		{"two suites", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384}}, "TLS1.2", Offered, 2},
		{"mutual TLS", &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}, "TLS1.2 TLS1.3", Offered, -1},
		{"mutual TLS in TLS 1.2", &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: tls.VersionTLS12}, "TLS1.2", Offered, -1},
		{"mutual TLS from TLS 1.0", &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "TLS1.0 TLS1.1", Refused, 0},
	} {
		for _, key := range []struct {
			name        string
			certificate tls.Certificate
		}{{"RSA", ofRSA}, {"ECDSA", ofECDSA}} {
			if key.name == "ECDSA" && slices.ContainsFunc(c.config.CipherSuites, func(id uint16) bool { return strings.Contains(tls.CipherSuiteName(id), "RSA") }) {
				continue
			}
			t.Run(c.name+" "+key.name, func(t *testing.T) {
				t.Parallel()
				config := c.config.Clone()
				config.Certificates = []tls.Certificate{key.certificate}
				r := scan(t, goServer(t, config))
				if got := offered(r); got != c.offered {
					t.Errorf("offered %q, want %q: %+v", got, c.offered, r)
				}
				if r.Reach != Reached || r.Before.Verdict != c.controls || r.After.Verdict != c.controls {
					t.Errorf("reach %s, before %+v, after %+v, want %s", r.Reach, r.Before, r.After, c.controls)
				}
				if c.suites >= 0 && len(r.Suites.Names) != c.suites || !r.Suites.Complete || r.Suites.Count != len(r.Suites.Names) {
					t.Errorf("suites %+v, want %d", r.Suites, c.suites)
				}
				if !r.Certificate.Presented || string(r.Certificate.Key) != strings.ToLower(key.name) || !r.Certificate.SelfSigned || r.Certificate.Chain != 1 {
					t.Errorf("certificate %+v", r.Certificate)
				}
			})
		}
	}
}

// TestSuitesOfGoServer holds what is found against what the server was given.
func TestSuitesOfGoServer(t *testing.T) {
	want := []string{
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
		"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA",
	}
	now := time.Now()
	config := &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificateOf(t, rsaKey(t, 2048), now, now.Add(time.Hour))}}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if slices.Contains(want, s.Name) {
			config.CipherSuites = append(config.CipherSuites, s.ID)
		}
	}
	r := scan(t, goServer(t, config))
	slices.Sort(want)
	got := slices.Sorted(slices.Values(r.Suites.Names))
	if !slices.Equal(got, want) || !r.Suites.Complete {
		t.Errorf("got %v, want %v", got, want)
	}
	outside := slices.DeleteFunc(got, Recommended)
	if !slices.Equal(outside, []string{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"}) {
		t.Errorf("not recommended: %v", outside)
	}
}

// TestScriptedServers scans hand-made servers: what Go does not have, and every
// way to say no.
func TestScriptedServers(t *testing.T) {
	const modern = 0xC02F // TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
	refusing := writing(alertRecord(2, alertHandshakeFailure))
	for _, c := range []struct {
		name    string
		server  scripted
		offered string
	}{
		{"SSL 3.0 only", scripted{versions: []uint16{versionSSL30}, suites: []uint16{0x0035}, no: refusing}, "SSL3.0"},
		{"SSL 3.0 beside TLS 1.2", scripted{versions: []uint16{versionSSL30, versionTLS12}, suites: []uint16{0x002F, modern}, no: refusing}, "SSL3.0 TLS1.2"},
		{"SSL 3.0 with RC4 and nothing else in it", scripted{versions: []uint16{versionSSL30}, suites: []uint16{0x0004}, no: refusing}, "SSL3.0 rc4"},
		{"SSL 3.0 that does not negotiate", scripted{versions: []uint16{versionSSL30}, suites: []uint16{0x0004}, no: refusing, exact: true}, "SSL3.0 rc4"},
		{"NULL", scripted{versions: []uint16{versionTLS12}, suites: []uint16{modern, 0x003B}, no: refusing}, "TLS1.2 null"},
		{"NULL in TLS 1.3", scripted{versions: []uint16{versionTLS13}, suites: []uint16{0x1301, 0xC0B4}, no: refusing}, "TLS1.3 null"},
		{"anonymous", scripted{versions: []uint16{versionTLS12}, suites: []uint16{modern, 0x00A6}, no: refusing}, "TLS1.2 anonymous"},
		{"anonymous on a curve", scripted{versions: []uint16{versionTLS12}, suites: []uint16{modern, 0xC018}, no: refusing}, "TLS1.2 anonymous"},
		{"anonymous and NULL", scripted{versions: []uint16{versionTLS12}, suites: []uint16{modern, 0xC015}, no: refusing}, "TLS1.2 null anonymous"},
		{"EXPORT", scripted{versions: []uint16{versionTLS10}, suites: []uint16{0x0006}, no: refusing}, "TLS1.0 export"},
		{"EXPORT with RC4", scripted{versions: []uint16{versionTLS10}, suites: []uint16{0x0003}, no: refusing}, "TLS1.0 export rc4"},
		{"EXPORT with DES", scripted{versions: []uint16{versionTLS10}, suites: []uint16{0x0014}, no: refusing}, "TLS1.0 export des"},
		{"DES", scripted{versions: []uint16{versionTLS12}, suites: []uint16{modern, 0x0009}, no: refusing}, "TLS1.2 des"},
		{"refuses by protocol_version", scripted{versions: []uint16{versionTLS12}, suites: []uint16{modern}, no: writing(alertRecord(2, alertProtocolVersion))}, "TLS1.2"},
		{"refuses by insufficient_security", scripted{versions: []uint16{versionTLS12}, suites: []uint16{modern}, no: writing(alertRecord(2, alertInsufficientSecurity))}, "TLS1.2"},
		{"refuses by close_notify", scripted{versions: []uint16{versionTLS12}, suites: []uint16{modern}, no: writing(alertRecord(1, alertCloseNotify))}, "TLS1.2"},
		{"refuses by closing", scripted{versions: []uint16{versionTLS12}, suites: []uint16{modern}}, "TLS1.2"},
		{"byte at a time", scripted{versions: []uint16{versionTLS10, versionTLS12}, suites: []uint16{modern, 0x002F}, no: refusing, send: func(c net.Conn, b []byte) {
			for i := range b {
				_, _ = c.Write(b[i : i+1])
			}
		}}, "TLS1.0 TLS1.2"},
		{"a message over several records", scripted{versions: []uint16{versionTLS12}, suites: []uint16{modern}, no: refusing, send: func(c net.Conn, b []byte) {
			for part := range slices.Chunk(b[5:], 11) {
				_, _ = c.Write(handshakeRecord(versionTLS12, part))
			}
		}}, "TLS1.2"},
		{"a warning before the answer", scripted{versions: []uint16{versionTLS12}, suites: []uint16{modern}, no: refusing, send: func(c net.Conn, b []byte) {
			_, _ = c.Write(append(alertRecord(1, 112), b...))
		}}, "TLS1.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := offered(scan(t, listen(t, c.server.serve))); got != c.offered {
				t.Errorf("offered %q, want %q", got, c.offered)
			}
		})
	}
}

// TestUndecided: what is no answer is neither offered nor refused.
func TestUndecided(t *testing.T) {
	for _, c := range []struct {
		name string
		no   func(net.Conn)
		how  string
	}{
		{"reset", resetting, "reset"},
		{"silence", waiting, "silent"},
		{"garbage", writing([]byte("\x00\x01\x02 what is this, and how long may it go on?")), "foreign"},
		{"the end in the middle of a record", writing([]byte{recordHandshake, 3, 3, 0, 200, 2, 0}), "foreign"},
		{"an alert about something else", writing(alertRecord(2, 80)), "alert 80"},
		{"a suite that was not offered", writing(serverHello(versionTLS12, 0x1234, false)), ""},
		{"an endless message", writing(handshakeRecord(versionTLS12, []byte{messageServerHello, 0xFF, 0xFF, 0xFF, 1, 2, 3})), "foreign"},
		{"records without end", writing(bytes.Repeat([]byte{recordChangeCipherSpec, 3, 3, 0, 1, 1}, 10000)), "foreign"},
		{"large records without end", writing(bytes.Repeat(append([]byte{recordChangeCipherSpec, 3, 3, 0x40, 0}, make([]byte, 1<<14)...), 4)), "foreign"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := scripted{versions: []uint16{versionTLS12}, suites: []uint16{0xC02F}, no: c.no}
			w := &work{Scanner: scanner(), ctx: t.Context(), address: listen(t, server.serve)}
			if a := w.control(); a.Verdict != Offered || a.Tries != 1 {
				t.Errorf("control %+v", a)
			}
			a := w.class([]uint16{versionTLS12}, inClass(ClassExport, false))
			if a.Verdict != Undecided || c.how != "" && a.How != c.how || a.Tries != 2 {
				t.Errorf("%+v, want undecided by %q after two tries", a, c.how)
			}
		})
	}
}

// TestSilentServer: nothing but silence takes no longer than the questions that are left.
func TestSilentServer(t *testing.T) {
	begin := time.Now()
	r := scanner().Scan(t.Context(), listen(t, waiting), "")
	if r.Reach != Reached || r.Before.Verdict != Undecided || r.Plaintext.Verdict != Undecided || r.After.Verdict != NotAsked || r.Versions.TLS10.Verdict != NotAsked {
		t.Errorf("%+v", r)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestReach(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	if r := scanner().Scan(t.Context(), address, ""); r.Reach != ReachRefused {
		t.Errorf("a closed port: %s", r.Reach)
	}
	if r := scanner().Scan(t.Context(), "no-such-host.invalid:443", ""); r.Reach != ReachNoName {
		t.Errorf("no name: %s", r.Reach)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := scanner().Scan(ctx, address, ""); r.Reach != ReachTimedOut {
		t.Errorf("no time: %s", r.Reach)
	}
}

func TestPlaintext(t *testing.T) {
	now := time.Now()
	certificate := certificateOf(t, curveKey(t, elliptic.P256()), now, now.Add(time.Hour))
	over := httptest.NewUnstartedServer(http.NotFoundHandler())
	over.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	over.StartTLS()
	defer over.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	if r := scan(t, over.Listener.Addr().String()); r.Plaintext.Verdict != Refused || r.Plaintext.How != "status 400, wants TLS" {
		t.Errorf("HTTPS: %+v", r.Plaintext)
	}
	if r := scan(t, plain.Listener.Addr().String()); offered(r) != "SSL3.0? TLS1.0? TLS1.1? TLS1.2? TLS1.3? null? anonymous? export? rc4? des? plaintext" {
		t.Errorf("plain HTTP: %s, %+v", offered(r), r.Plaintext)
	}
	// Both on one port, as some proxies do it.
	tlsServer := goServer(t, &tls.Config{Certificates: []tls.Certificate{certificate}})
	both := listen(t, func(c net.Conn) {
		first := make([]byte, 1)
		if _, err := c.Read(first); err != nil {
			return
		}
		to := plain.Listener.Addr().String()
		if first[0] == recordHandshake {
			to = tlsServer
		}
		through, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
		if err != nil {
			return
		}
		defer through.Close()
		_, _ = through.Write(first)
		go func() { _, _ = through.(*net.TCPConn).ReadFrom(c); _ = through.(*net.TCPConn).CloseWrite() }()
		_, _ = c.(*net.TCPConn).ReadFrom(through)
	})
	if r := scan(t, both); offered(r) != "TLS1.2 TLS1.3 plaintext" {
		t.Errorf("both: %s", offered(r))
	}
}

func TestPlainAnswer(t *testing.T) {
	for _, c := range []struct {
		answer    string
		err       error
		speaksTLS bool
		want      Verdict
	}{
		{"HTTP/1.1 200 OK\r\n\r\n", nil, true, Offered},
		{"HTTP/1.1 401 Unauthorized\r\n\r\n", nil, true, Offered},
		// In the place of a server: Envoy's words before one that speaks TLS, or
		// before one that is down.
		{"HTTP/1.1 503 Service Unavailable\r\nserver: envoy\r\n\r\nupstream connect error or disconnect/reset before headers", nil, true, Undecided},
		{"HTTP/1.1 503 Service Unavailable\r\nserver: envoy\r\n\r\nupstream connect error or disconnect/reset before headers", nil, false, Undecided},
		{"HTTP/1.1 502 Bad Gateway\r\n\r\n", nil, true, Undecided},
		{"HTTP/1.1 504 Gateway Timeout\r\n\r\n", nil, false, Undecided},
		{"HTTP/1.1 500 Internal Server Error\r\n\r\n", nil, true, Offered},
		{"HTTP/1.1 501 Not Implemented\r\n\r\n", nil, false, Offered},
		{"HTTP/1.1 505 HTTP Version Not Supported\r\n\r\n", nil, true, Offered},
		{"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n\r\n", nil, true, Refused},
		{"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n\r\n", nil, false, Offered},
		{"HTTP/1.1 301 Moved\r\nLocation: http://x/\r\n\r\n", nil, true, Offered},
		{"HTTP/1.1 426 Upgrade Required\r\n\r\n", nil, true, Refused},
		{"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", nil, true, Refused},
		{"HTTP/1.1 400 Bad Request\r\n\r\n<html>The plain HTTP request was sent to HTTPS port</html>", nil, true, Refused},
		{"HTTP/1.1 400 Bad Request\r\n\r\nThis combination of host and port requires TLS.", nil, false, Refused},
		{"HTTP/1.1 400 Bad Request\r\n\r\n", nil, true, Undecided},
		{"HTTP/1.1 400 Bad Request\r\n\r\n", nil, false, Offered},
		{"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00", nil, false, Offered},
		{"\x00\x00\x00\x04\x00\x00\x00\x00\x00", nil, false, Offered},
		{string(alertRecord(2, 10)), nil, true, Refused},
		{"SSH-2.0-x\r\n", nil, false, Refused},
		{"", nil, true, Refused},
		{"HTTP/1.1 2", nil, true, Refused},
		{"HTTP/1.1 999 x\r\n", nil, true, Refused},
	} {
		if got, how := plainAnswer([]byte(c.answer), c.err, c.speaksTLS); got != c.want {
			t.Errorf("%q: %s (%s), want %s", c.answer, got, how, c.want)
		}
	}
}

func TestCertificateFacts(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name  string
		key   crypto.Signer
		from  time.Duration
		until time.Duration
		want  Certificate
	}{
		{"RSA 2048", rsaKey(t, 2048), -24 * time.Hour, 49 * time.Hour, Certificate{Key: KeyRSA, Bits: 2048, Signature: "SHA256-RSA", ValidDays: 3, DaysLeft: 2}},
		{"RSA 3072", rsaKey(t, 3072), -time.Hour, 25 * time.Hour, Certificate{Key: KeyRSA, Bits: 3072, Signature: "SHA256-RSA", ValidDays: 1, DaysLeft: 1}},
		{"P-224", curveKey(t, elliptic.P224()), -time.Hour, 25 * time.Hour, Certificate{Key: KeyECDSA, Bits: 224, Signature: "ECDSA-SHA256", ValidDays: 1, DaysLeft: 1}},
		{"P-384", curveKey(t, elliptic.P384()), -time.Hour, 25 * time.Hour, Certificate{Key: KeyECDSA, Bits: 384, Signature: "ECDSA-SHA384", ValidDays: 1, DaysLeft: 1}},
		{"Ed25519", ed25519Key(t), -time.Hour, 25 * time.Hour, Certificate{Key: KeyEd25519, Bits: 256, Signature: "Ed25519", ValidDays: 1, DaysLeft: 1}},
		{"expired", curveKey(t, elliptic.P256()), -49 * time.Hour, -25 * time.Hour, Certificate{Key: KeyECDSA, Bits: 256, Signature: "ECDSA-SHA256", ValidDays: 1, DaysLeft: -1, Expired: true}},
		{"not yet", curveKey(t, elliptic.P256()), 25 * time.Hour, 49 * time.Hour, Certificate{Key: KeyECDSA, Bits: 256, Signature: "ECDSA-SHA256", ValidDays: 1, DaysLeft: 2, NotYet: true}},
	} {
		c.want.Presented, c.want.SelfSigned, c.want.Chain = true, true, 1
		made := certificateOf(t, c.key, now.Add(c.from).Truncate(time.Second), now.Add(c.until).Truncate(time.Second).Add(time.Second))
		if got := factsOf(made.Certificate, now); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if got := factsOf([][]byte{{0x30, 0x80}}, now); got.Presented {
		t.Errorf("broken: %+v", got)
	}
}

// TestServerName: the name goes into SNI, an address does not.
func TestServerName(t *testing.T) {
	for name, want := range map[string]string{"a.example": "a.example", "192.0.2.1": "", "2001:db8::1": "", "": ""} {
		seen := make(chan string, 64) // of every attempt
		address := listen(t, func(c net.Conn) {
			a, _ := readHello(c)
			seen <- a.name
		})
		w := &work{Scanner: scanner(), ctx: t.Context(), address: address, name: name}
		w.control()
		if got := <-seen; got != want {
			t.Errorf("%q: SNI %q", name, got)
		}
	}
}

// TestTable: no number and no name twice, every class has suites, and Go's
// names are the same.
func TestTable(t *testing.T) {
	ids, names := map[uint16]bool{}, map[string]bool{}
	for _, s := range allSuites() {
		if ids[s.id] || names[s.name] {
			t.Errorf("%04X %s is there twice", s.id, s.name)
		}
		ids[s.id], names[s.name] = true, true
		if s.tls13() != (s.id>>8 == 0x13 || s.id == 0xC0B4 || s.id == 0xC0B5) {
			t.Errorf("%s: TLS 1.3 %t", s.name, s.tls13())
		}
	}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if NameOf(s.ID) != s.Name {
			t.Errorf("%04X is %s, Go says %s", s.ID, NameOf(s.ID), s.Name)
		}
	}
	for _, c := range AllClasses() {
		if len(inClass(c, false)) < 5 {
			t.Errorf("class %s has %d suites", c, len(inClass(c, false)))
		}
		for _, id := range ordinary(false) {
			if isOf(NameOf(id), c) {
				t.Errorf("%s is ordinary and of class %s", NameOf(id), c)
			}
		}
	}
	if n := 0; len(everything(false)) == 0 {
		t.Error(n)
	}
	recommended := 0
	for name := range names {
		if Recommended(name) {
			recommended++
		}
	}
	if recommended != 20+3 {
		t.Errorf("%d recommended suites, table 1 of TR-02102-2 (2023-01) has 20, table 11 has 3", recommended)
	}
	if got := NameOf(0x9A9A); got != "0x9A9A" {
		t.Errorf("unknown suite: %s", got)
	}
}

// TestWorse is the truth table of two answers to one question.
func TestWorse(t *testing.T) {
	for _, c := range []struct{ a, b, want Verdict }{
		{Refused, Refused, Refused}, {Refused, Undecided, Undecided}, {Undecided, Refused, Undecided},
		{Offered, Undecided, Offered}, {Undecided, Offered, Offered}, {Refused, Offered, Offered}, {Offered, Refused, Offered},
	} {
		if got := worse(Answer{Verdict: c.a}, Answer{Verdict: c.b}); got.Verdict != c.want {
			t.Errorf("%s and %s: %s", c.a, c.b, got.Verdict)
		}
	}
}

// FuzzReply: whatever a peer sends, reading it ends, and only a whole
// ServerHello is an answer.
func FuzzReply(f *testing.F) {
	f.Add(serverHello(versionTLS12, 0xC02F, false))
	f.Add(serverHello(versionTLS13, 0x1301, true))
	f.Add(append(alertRecord(1, 112), serverHello(versionSSL30, 4, false)...))
	f.Add(alertRecord(2, 70))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n"))
	f.Add(bytes.Repeat([]byte{recordHandshake, 3, 3, 0, 1, 2}, 100))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := readReply(bytes.NewReader(data))
		switch r.kind {
		case kindServerHello, kindRetry:
			if len(data) < 5+4+38 {
				t.Errorf("a ServerHello in %d bytes", len(data))
			}
		case kindClosed:
			if len(data) != 0 {
				t.Errorf("an orderly close after %d bytes", len(data))
			}
		case kindAlert:
			if len(data) < 7 {
				t.Errorf("an alert in %d bytes", len(data))
			}
		case kindForeign:
		default:
			t.Errorf("kind %s from bytes alone", r.kind)
		}
		if s := how(r); s == "" || strings.ContainsAny(s, "\n\x00") {
			t.Errorf("says %q", s)
		}
		v, s := plainAnswer(data, nil, true)
		if v == Offered && !strings.HasPrefix(s, "status ") && s != "HTTP/2" {
			t.Errorf("%s by %q", v, s)
		}
		_ = factsOf([][]byte{data}, time.Unix(0, 0))
	})
}

// TestHello reads our own hellos back.
func TestHello(t *testing.T) {
	for _, versions := range [][]uint16{{versionSSL30}, {versionTLS10}, {versionTLS11}, {versionTLS12}, {versionTLS13}, {versionTLS12, versionTLS13}} {
		t.Run(fmt.Sprintf("%04X", versions), func(t *testing.T) {
			hello, err := clientHello(versions, []uint16{1, 2}, "a.example")
			if err != nil {
				t.Fatal(err)
			}
			client, server := net.Pipe()
			defer client.Close()
			defer server.Close()
			go func() { _, _ = client.Write(hello) }()
			a, ok := readHello(server)
			highest := slices.Max(versions)
			if !ok || a.version != min(highest, versionTLS12) || !slices.Equal(a.suites, []uint16{1, 2}) {
				t.Errorf("%+v", a)
			}
			if wantName := highest > versionSSL30; (a.name != "") != wantName {
				t.Errorf("name %q", a.name)
			}
			if (len(a.versions) > 0) != (highest == versionTLS13) || len(a.versions) > 0 && a.versions[0] != versionTLS13 {
				t.Errorf("versions %04X", a.versions)
			}
		})
	}
	if _, err := clientHello(nil, []uint16{1}, ""); err == nil {
		t.Error("no version")
	}
}

// TestClosesAboveARate: a close means no only while the server takes what every
// server should take.
func TestClosesAboveARate(t *testing.T) {
	config := &tls.Config{MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{certificateOf(t, rsaKey(t, 2048), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))}}
	var mu sync.Mutex
	tokens, last := 3.0, time.Now()
	address := listen(t, func(c net.Conn) {
		mu.Lock()
		tokens, last = min(3, tokens+25*time.Since(last).Seconds()), time.Now()
		let := tokens >= 1
		if let {
			tokens--
		}
		mu.Unlock()
		if !let {
			_, _ = c.Read(make([]byte, 4096)) // an orderly close, not a reset
			return
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_ = tls.Server(c, config).Handshake() // how it ends is the scanner's business
	})
	r := scanner().Scan(t.Context(), address, "")
	for name, a := range map[string]Answer{"TLS 1.0": r.Versions.TLS10, "TLS 1.1": r.Versions.TLS11, "TLS 1.2": r.Versions.TLS12} {
		if a.Verdict == Refused {
			t.Errorf("%s: %+v, though it is offered", name, a)
		}
	}
}
