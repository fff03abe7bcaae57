package tlsscan

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"time"
)

// Key is the kind of a public key.
type Key string

// Kinds of keys.
const (
	KeyRSA     Key = "rsa"
	KeyECDSA   Key = "ecdsa"
	KeyEd25519 Key = "ed25519"
	// KeyOther is a kind that this program does not know.
	KeyOther Key = "other"
	// KeyUnknown: no certificate was seen.
	KeyUnknown Key = "unknown"
)

// Certificate is the server's own one. Nothing is verified: these are facts on
// it, and no name.
type Certificate struct {
	Presented bool `json:"presented"`
	Key       Key  `json:"key"`
	Bits      int  `json:"bits"`
	// Signature is the algorithm with which it was signed.
	Signature string `json:"signature"`
	// ValidDays is how long it is valid in all, DaysLeft how long from the look on.
	ValidDays  int  `json:"validDays"`
	DaysLeft   int  `json:"daysLeft"`
	NotYet     bool `json:"notYet"`
	Expired    bool `json:"expired"`
	SelfSigned bool `json:"selfSigned"`
	// Chain is how many certificates the server sent.
	Chain int `json:"chain"`
}

// certificate makes a handshake with all that Go's client has. It need not
// succeed: with mutual TLS the server's certificate comes before ours is missed.
func (w *work) certificate() Certificate {
	found := Certificate{Key: KeyUnknown}
	for try := 1; ; try++ {
		w.handshake(&found)
		if found.Presented || try >= w.Tries || !w.pause() {
			return found
		}
	}
}

func (w *work) handshake(found *Certificate) {
	c, err := w.dial()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	var suites []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		suites = append(suites, s.ID)
	}
	client := tls.Client(c, &tls.Config{
		InsecureSkipVerify: true, // looked at, not trusted
		ServerName:         w.name,
		MinVersion:         tls.VersionTLS10,
		CipherSuites:       suites,
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			*found = factsOf(raw, w.Now)
			return nil
		},
	})
	// Whether it succeeds decides nothing, see above.
	_ = client.HandshakeContext(w.ctx)
}

func factsOf(raw [][]byte, now time.Time) Certificate {
	found := Certificate{Key: KeyUnknown}
	if len(raw) == 0 {
		return found
	}
	leaf, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return found
	}
	found = Certificate{
		Presented: true, Key: KeyOther, Signature: leaf.SignatureAlgorithm.String(),
		ValidDays: days(leaf.NotAfter.Sub(leaf.NotBefore)), DaysLeft: days(leaf.NotAfter.Sub(now)),
		NotYet: now.Before(leaf.NotBefore), Expired: now.After(leaf.NotAfter),
		SelfSigned: bytes.Equal(leaf.RawIssuer, leaf.RawSubject), Chain: len(raw),
	}
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		found.Key, found.Bits = KeyRSA, key.N.BitLen()
	case *ecdsa.PublicKey:
		found.Key, found.Bits = KeyECDSA, key.Curve.Params().BitSize
	case ed25519.PublicKey:
		found.Key, found.Bits = KeyEd25519, 8*ed25519.PublicKeySize
	}
	return found
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }
