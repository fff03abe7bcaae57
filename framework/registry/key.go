package registry

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// minRSA is the shortest RSA key that signs.
const minRSA = 2048

// Key signs images.
type Key struct {
	signer crypto.Signer
	public PublicKey
}

// PublicKey verifies signatures.
type PublicKey struct {
	key crypto.PublicKey
	der []byte
}

// NewKey makes a key (ECDSA on P-256) that lives as long as the process.
func NewKey() (Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make a key: %w", err)
	}
	return newKey(private)
}

// ParseKey reads a private key in PEM: PKCS #8, SEC 1, PKCS #1, or the
// encrypted form that cosign writes, whose password is asked for only then. No
// error repeats what is in the key.
func ParseKey(data []byte, password func() (string, error)) (Key, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return Key{}, errors.New("is no key in PEM")
	}
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY":
		word, err := password()
		if err != nil {
			return Key{}, err
		}
		plain, err := encrypted.Decrypt(block.Bytes, []byte(word))
		if err != nil {
			return Key{}, errors.New("can not be decrypted: the password is wrong, or the file is damaged")
		}
		if private, err = x509.ParsePKCS8PrivateKey(plain); err != nil {
			return Key{}, errors.New("holds no key of a kind that is known")
		}
	case "ENCRYPTED PRIVATE KEY":
		return Key{}, errors.New("is an encrypted PKCS #8 key, which is not read; convert it with: cosign import-key-pair --key FILE")
	case "PUBLIC KEY":
		return Key{}, errors.New("is a public key; the private one signs")
	default:
		return Key{}, fmt.Errorf("holds a PEM block of type %.40q; PKCS #8, SEC 1, PKCS #1 or cosign's form are read", block.Type)
	}
	if err != nil {
		return Key{}, errors.New("holds no key of a kind that is known, or is damaged")
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return Key{}, errors.New("is a key that does not sign; ECDSA, RSA and Ed25519 do")
	}
	return newKey(signer)
}

func newKey(signer crypto.Signer) (Key, error) {
	public, err := newPublicKey(signer.Public())
	if err != nil {
		return Key{}, err
	}
	return Key{signer: signer, public: public}, nil
}

// ParsePublicKey reads a public key in PEM (PKIX), as cosign writes it.
func ParsePublicKey(data []byte) (PublicKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" {
		return PublicKey{}, errors.New("is no public key in PEM (PUBLIC KEY)")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return PublicKey{}, errors.New("holds no public key of a kind that is known")
	}
	return newPublicKey(key)
}

func newPublicKey(key crypto.PublicKey) (PublicKey, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return PublicKey{}, fmt.Errorf("is an RSA key of %d bits; at least %d are needed", k.N.BitLen(), minRSA)
		}
	default:
		return PublicKey{}, errors.New("is a key of a kind that does not sign images; ECDSA, RSA and Ed25519 do")
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return PublicKey{}, fmt.Errorf("write the public key: %w", err)
	}
	return PublicKey{key: key, der: der}, nil
}

// Public is the key that verifies what the key signs.
func (k Key) Public() PublicKey { return k.public }

// PEM is the public key as verifiers take it.
func (p PublicKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.der})
}

// hint is how a bundle names the key, as cosign does.
func (p PublicKey) hint() string {
	sum := sha256.Sum256(p.der)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// sign signs with SHA-256 whatever the key: it is what verifiers of cosign's
// signatures take unless they are told otherwise.
func (k Key) sign(data []byte) ([]byte, error) {
	if _, ok := k.signer.(ed25519.PrivateKey); ok {
		return k.signer.Sign(rand.Reader, data, crypto.Hash(0))
	}
	sum := sha256.Sum256(data)
	return k.signer.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// verifies reports whether the signature is one of the key over the data.
func (p PublicKey) verifies(data, signature []byte) bool {
	sum := sha256.Sum256(data)
	switch k := p.key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, sum[:], signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(k, data, signature)
	}
	return false
}
