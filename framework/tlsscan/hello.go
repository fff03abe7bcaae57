package tlsscan

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
)

// Versions as the protocol writes them.
const (
	versionSSL30 uint16 = 0x0300
	versionTLS10 uint16 = 0x0301
	versionTLS11 uint16 = 0x0302
	versionTLS12 uint16 = 0x0303
	versionTLS13 uint16 = 0x0304
)

// Types of records.
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
)

// Types of handshake messages.
const (
	messageClientHello = 1
	messageServerHello = 2
)

// Extensions.
const (
	extensionServerName               = 0
	extensionGroups                   = 10
	extensionPointFormats             = 11
	extensionSignatures               = 13
	extensionMasterSecret             = 23
	extensionSupportedVersions        = 43
	extensionKeyShare                 = 51
	extensionRenegotiation            = 0xFF01
	groupX25519                uint16 = 29
	groupP256                  uint16 = 23
)

// groups are all that a server may insist on: the elliptic curves of today and
// of old, Brainpool, finite fields, and hybrids with ML-KEM. For a hybrid there
// is no share; the server then asks for one, which is an answer.
func groups() []uint16 {
	return []uint16{groupX25519, groupP256, 24, 25, 30, 0x11EC, 0x11EB, 0x11ED, 26, 27, 28, 31, 32, 33, 256, 257, 258, 259, 260, 22, 21, 19}
}

// signatures are ECDSA, EdDSA, RSA in both paddings and DSA, those with SHA-1
// included: a server that only has them must not look as if it refused.
func signatures() []uint16 {
	return []uint16{
		0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B,
		0x0401, 0x0501, 0x0601, 0x081A, 0x081B, 0x081C, 0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0302, 0x0202,
	}
}

// clientHello is one record with a ClientHello that offers exactly the versions
// and suites given. Of several versions the highest is last; only TLS 1.3 can
// be offered beside others, and a server that does not know it takes the one
// before. The name is for SNI, which has no place for addresses.
func clientHello(versions, suites []uint16, name string) ([]byte, error) {
	if len(versions) == 0 || len(suites) == 0 {
		return nil, fmt.Errorf("a ClientHello with %d versions and %d suites", len(versions), len(suites))
	}
	highest := slices.Max(versions)
	random := make([]byte, 64)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("make random bytes: %w", err)
	}
	body := binary.BigEndian.AppendUint16(nil, min(highest, versionTLS12))
	body = append(body, random[:32]...)
	if highest == versionTLS13 {
		// A session to resume, as middleboxes expect it.
		body = withLength8(body, random[32:])
	} else {
		body = withLength8(body, nil)
	}
	body = withLength16(body, list16(suites))
	body = withLength8(body, []byte{0}) // no compression
	if highest > versionSSL30 {
		all, err := extensions(versions, name)
		if err != nil {
			return nil, err
		}
		body = withLength16(body, all)
	}
	message := append([]byte{messageClientHello, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
	record := binary.BigEndian.AppendUint16([]byte{recordHandshake}, min(highest, versionTLS10))
	return withLength16(record, message), nil
}

func extensions(versions []uint16, name string) ([]byte, error) {
	var all []byte
	add := func(kind uint16, data []byte) {
		all = withLength16(binary.BigEndian.AppendUint16(all, kind), data)
	}
	if name != "" && net.ParseIP(name) == nil && len(name) < 256 {
		add(extensionServerName, withLength16(nil, withLength16([]byte{0}, []byte(name))))
	}
	add(extensionGroups, withLength16(nil, list16(groups())))
	add(extensionSignatures, withLength16(nil, list16(signatures())))
	if slices.Min(versions) < versionTLS13 {
		add(extensionPointFormats, []byte{1, 0})
		add(extensionMasterSecret, nil)
		add(extensionRenegotiation, []byte{0})
	}
	if slices.Max(versions) < versionTLS13 {
		return all, nil
	}
	offered := slices.Clone(versions)
	slices.Reverse(offered)
	add(extensionSupportedVersions, withLength8(nil, list16(offered)))
	var shares []byte
	for _, g := range []struct {
		group uint16
		curve ecdh.Curve
	}{{groupX25519, ecdh.X25519()}, {groupP256, ecdh.P256()}} {
		key, err := g.curve.GenerateKey(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make a key share: %w", err)
		}
		shares = withLength16(binary.BigEndian.AppendUint16(shares, g.group), key.PublicKey().Bytes())
	}
	add(extensionKeyShare, withLength16(nil, shares))
	return all, nil
}

func list16(values []uint16) []byte {
	out := make([]byte, 0, 2*len(values))
	for _, v := range values {
		out = binary.BigEndian.AppendUint16(out, v)
	}
	return out
}

func withLength8(to, data []byte) []byte { return append(append(to, byte(len(data))), data...) }

func withLength16(to, data []byte) []byte {
	return append(binary.BigEndian.AppendUint16(to, uint16(len(data))), data...)
}
