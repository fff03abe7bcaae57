package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Names of cosign's formats.
const (
	payloadType         = types.MediaType("application/vnd.dev.cosign.simplesigning.v1+json")
	signatureAnnotation = "dev.cosignproject.cosign/signature"
	payloadKind         = "cosign container image signature"

	bundleType       = types.MediaType("application/vnd.dev.sigstore.bundle.v0.3+json")
	bundlePrefix     = "application/vnd.dev.sigstore.bundle"
	statementType    = "application/vnd.in-toto+json"
	statementVersion = "https://in-toto.io/Statement/v1"
	signPredicate    = "https://sigstore.dev/cosign/sign/v1"

	// Further kinds of signatures that are counted and not verified.
	notationType  = "application/vnd.cncf.notary.signature"
	oldCosignType = "application/vnd.dev.cosign.artifact.sig.v1+json"
)

func digestOf(data []byte) v1.Hash {
	sum := sha256.Sum256(data)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// signatureTag is the tag under which cosign keeps what belongs to a digest:
// sig, att or sbom. Without a suffix it is the tag of the list of referrers
// that registries have which know no referrers.
func signatureTag(digest v1.Hash, suffix string) string {
	tag := digest.Algorithm + "-" + digest.Hex
	if suffix != "" {
		tag += "." + suffix
	}
	return tag
}

// payload is what the tag form signs (containers-signature(5)).
type payload struct {
	Critical struct {
		Identity struct {
			DockerReference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			DockerManifestDigest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

func newPayload(repository string, digest v1.Hash) ([]byte, error) {
	var p payload
	p.Critical.Identity.DockerReference = repository
	p.Critical.Image.DockerManifestDigest = digest.String()
	p.Critical.Type = payloadKind
	return json.Marshal(p)
}

// payloadIsFor reports whether a payload speaks of the digest.
func payloadIsFor(data []byte, digest v1.Hash) bool {
	var p payload
	return json.Unmarshal(data, &p) == nil && p.Critical.Type == payloadKind && p.Critical.Image.DockerManifestDigest == digest.String()
}

// statement is what the bundle form signs (in-toto).
type statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     struct{}  `json:"predicate"`
}

type subject struct {
	Digest      map[string]string `json:"digest"`
	Annotations struct{}          `json:"annotations"`
}

// bundle is a sigstore bundle without a transparency log.
type bundle struct {
	MediaType            string `json:"mediaType"`
	VerificationMaterial struct {
		PublicKey struct {
			Hint string `json:"hint"`
		} `json:"publicKey"`
	} `json:"verificationMaterial"`
	Envelope envelope `json:"dsseEnvelope"`
}

type envelope struct {
	Payload     []byte              `json:"payload"`
	PayloadType string              `json:"payloadType"`
	Signatures  []envelopeSignature `json:"signatures"`
}

type envelopeSignature struct {
	Sig []byte `json:"sig"`
}

// encoded is what the signatures of an envelope are made over (DSSE, PAE).
func (e envelope) encoded() []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(e.PayloadType), e.PayloadType, len(e.Payload), e.Payload)
}

func newBundle(key Key, digest v1.Hash) ([]byte, error) {
	body, err := json.Marshal(statement{Type: statementVersion, PredicateType: signPredicate, Subject: []subject{{Digest: map[string]string{digest.Algorithm: digest.Hex}}}})
	if err != nil {
		return nil, err
	}
	b := bundle{MediaType: string(bundleType), Envelope: envelope{Payload: body, PayloadType: statementType}}
	b.VerificationMaterial.PublicKey.Hint = key.public.hint()
	sig, err := key.sign(b.Envelope.encoded())
	if err != nil {
		return nil, err
	}
	b.Envelope.Signatures = []envelopeSignature{{Sig: sig}}
	return json.Marshal(b)
}

// errUnreadable says that something lies where a signature is kept and can not
// be read, so that it is not known whether it is one.
var errUnreadable = errors.New("can not be read")

// foundBundle is what a foreign bundle holds.
type foundBundle struct {
	// attestation says that it is no signature of the image but a statement about it.
	attestation bool
	envelope    envelope
	subjects    []map[string]string
}

// parseBundle reads a foreign bundle. One that signs the image's bytes without
// a statement is a signature without an envelope.
func parseBundle(data []byte) (foundBundle, error) {
	var b struct {
		MediaType        string          `json:"mediaType"`
		Envelope         *envelope       `json:"dsseEnvelope"`
		MessageSignature json.RawMessage `json:"messageSignature"`
	}
	if err := json.Unmarshal(data, &b); err != nil || !strings.HasPrefix(b.MediaType, bundlePrefix) {
		return foundBundle{}, errUnreadable
	}
	if b.Envelope == nil {
		if len(b.MessageSignature) == 0 {
			return foundBundle{}, errUnreadable
		}
		return foundBundle{}, nil
	}
	if b.Envelope.PayloadType != statementType {
		return foundBundle{attestation: true}, nil
	}
	var s struct {
		PredicateType string `json:"predicateType"`
		Subject       []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
	}
	if err := json.Unmarshal(b.Envelope.Payload, &s); err != nil {
		return foundBundle{}, errUnreadable
	}
	found := foundBundle{attestation: s.PredicateType != signPredicate, envelope: *b.Envelope}
	for _, one := range s.Subject {
		found.subjects = append(found.subjects, one.Digest)
	}
	return found, nil
}

// verifiedBy reports whether the bundle is a signature of the digest by the key.
func (f foundBundle) verifiedBy(key PublicKey, digest v1.Hash) bool {
	if f.attestation {
		return false
	}
	named := false
	for _, s := range f.subjects {
		named = named || s[digest.Algorithm] == digest.Hex
	}
	if !named || len(f.envelope.Signatures) > maxLayers {
		return false
	}
	for _, s := range f.envelope.Signatures {
		if key.verifies(f.envelope.encoded(), s.Sig) {
			return true
		}
	}
	return false
}

// parseManifest reads a foreign manifest that holds signatures.
func parseManifest(data []byte) (*v1.Manifest, error) {
	m, err := v1.ParseManifest(bytes.NewReader(data))
	if err != nil || len(m.Layers) > maxLayers {
		return nil, errUnreadable
	}
	return m, nil
}

// parseIndex reads a foreign index with at most so many manifests.
func parseIndex(data []byte, most int) (*v1.IndexManifest, error) {
	m, err := v1.ParseIndexManifest(bytes.NewReader(data))
	if err != nil {
		return nil, errUnreadable
	}
	if len(m.Manifests) > most {
		return nil, fmt.Errorf("the index has %d manifests, at most %d are looked at", len(m.Manifests), most)
	}
	return m, nil
}

// tagSignature is one signature of the tag form.
type tagSignature struct {
	layer     v1.Descriptor
	signature []byte
}

// tagSignatures takes the signatures out of a manifest of the tag form. What
// is there and is none makes it unreadable.
func tagSignatures(m *v1.Manifest) ([]tagSignature, error) {
	var all []tagSignature
	var err error
	for _, layer := range m.Layers {
		text, given := layer.Annotations[signatureAnnotation]
		sig, broken := base64.StdEncoding.DecodeString(text)
		if layer.MediaType != payloadType || !given || broken != nil {
			err = errUnreadable
			continue
		}
		all = append(all, tagSignature{layer, sig})
	}
	if len(m.Layers) == 0 {
		err = errUnreadable
	}
	return all, err
}
