package tlsscan

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

var keys = struct {
	once             sync.Once
	rsa2048, rsa3072 *rsa.PrivateKey
	p256, p384       *ecdsa.PrivateKey
}{}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	keys.once.Do(func() {
		for _, k := range []struct {
			bits int
			key  **rsa.PrivateKey
		}{{2048, &keys.rsa2048}, {3072, &keys.rsa3072}} {
			made, err := rsa.GenerateKey(rand.Reader, k.bits)
			if err != nil {
				t.Fatal(err)
			}
			*k.key = made
		}
	})
	if bits == 2048 {
		return keys.rsa2048
	}
	return keys.rsa3072
}

func curveKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certificateOf(t testing.TB, key crypto.Signer, from, until time.Time) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a"}, NotBefore: from, NotAfter: until, DNSNames: []string{"a.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// listen hands each connection to serve and gives the address.
func listen(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// goServer is Go's own TLS server.
func goServer(t testing.TB, config *tls.Config) string {
	return listen(t, func(c net.Conn) {
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		server := tls.Server(c, config)
		if server.Handshake() == nil {
			_, _ = io.Copy(io.Discard, server)
		}
	})
}

// asked is a ClientHello as the hand-made server reads it.
type asked struct {
	version  uint16
	versions []uint16
	suites   []uint16
	name     string
}

func readHello(c net.Conn) (asked, bool) {
	header := make([]byte, 5)
	if _, err := io.ReadFull(c, header); err != nil || header[0] != recordHandshake {
		return asked{}, false
	}
	b := make([]byte, binary.BigEndian.Uint16(header[3:]))
	if _, err := io.ReadFull(c, b); err != nil || b[0] != messageClientHello {
		return asked{}, false
	}
	a := asked{version: binary.BigEndian.Uint16(b[4:])}
	b = b[4+2+32:]
	b = b[1+int(b[0]):]
	for s := b[2 : 2+binary.BigEndian.Uint16(b)]; len(s) > 0; s = s[2:] {
		a.suites = append(a.suites, binary.BigEndian.Uint16(s))
	}
	b = b[2+binary.BigEndian.Uint16(b):]
	b = b[1+int(b[0]):]
	if len(b) == 0 {
		return a, true
	}
	for b = b[2:]; len(b) > 0; {
		which, size := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		data := b[4 : 4+size]
		switch which {
		case extensionSupportedVersions:
			for v := data[1:]; len(v) > 0; v = v[2:] {
				a.versions = append(a.versions, binary.BigEndian.Uint16(v))
			}
		case extensionServerName:
			a.name = string(data[5:])
		}
		b = b[4+size:]
	}
	return a, true
}

// serverHello is a record with a ServerHello.
func serverHello(version, suite uint16, retry bool) []byte {
	body := binary.BigEndian.AppendUint16(nil, min(version, versionTLS12))
	random := make([]byte, 32)
	if retry {
		copy(random, retryRandom[:])
	}
	body = withLength8(append(body, random...), nil)
	body = append(binary.BigEndian.AppendUint16(body, suite), 0)
	if version == versionTLS13 {
		body = withLength16(body, binary.BigEndian.AppendUint16([]byte{0, extensionSupportedVersions, 0, 2}, version))
	}
	return handshakeRecord(min(version, versionTLS12), append([]byte{messageServerHello, 0, byte(len(body) >> 8), byte(len(body))}, body...))
}

func handshakeRecord(version uint16, message []byte) []byte {
	return withLength16(binary.BigEndian.AppendUint16([]byte{recordHandshake}, version), message)
}

func alertRecord(level, number byte) []byte { return []byte{recordAlert, 3, 1, 0, 2, level, number} }

// scripted is a server of versions and suites that Go does not have. It answers
// with the first of its suites that was offered, in the highest common version.
type scripted struct {
	versions, suites []uint16
	// no is what it does about everything else; nil closes.
	no func(net.Conn)
	// send writes the ServerHello; nil writes it in one piece.
	send func(net.Conn, []byte)
	// exact versions are not negotiated downwards.
	exact bool
}

func (s scripted) serve(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	a, ok := readHello(c)
	if !ok {
		return
	}
	var version uint16
	for _, v := range s.versions {
		if v == a.version && len(a.versions) == 0 || slices.Contains(a.versions, v) || !s.exact && len(a.versions) == 0 && v < a.version {
			version = max(version, v)
		}
	}
	for _, suite := range s.suites {
		if version != 0 && slices.Contains(a.suites, suite) {
			if s.send != nil {
				s.send(c, serverHello(version, suite, false))
			} else {
				_, _ = c.Write(serverHello(version, suite, false))
			}
			_, _ = io.Copy(io.Discard, c)
			return
		}
	}
	if s.no != nil {
		s.no(c)
	}
}

func writing(b []byte) func(net.Conn) { return func(c net.Conn) { _, _ = c.Write(b) } }

// resetting ends the connection so that the peer sees a reset.
func resetting(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// waiting says nothing until the peer goes.
func waiting(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func ed25519Key(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
