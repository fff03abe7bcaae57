package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Form is how a signature is kept.
type Form string

// Forms.
const (
	// TagForm: under the tag sha256-….sig, cosign's form up to version 2.
	TagForm Form = "tag"
	// BundleForm: a sigstore bundle that refers to the image, cosign's form
	// since version 3.
	BundleForm Form = "bundle"
	// OtherForm: a referrer that is a signature of another kind (Notation,
	// cosign's experiment of version 2). It is counted and not verified.
	OtherForm Form = "other"
)

// Facts are what a registry has of one reference.
type Facts struct {
	// Exists says that the manifest is there; all else is empty without it.
	Exists bool
	// Index says that it is an index of several platforms.
	Index bool
	// KeyGiven says that the signatures were held against a key.
	KeyGiven bool
	// Subjects are the digest itself, and then the manifests of the platform
	// in an index.
	Subjects []Subject
}

// Subject is a digest that can have signatures of its own.
type Subject struct {
	Digest string
	// Platform is empty for the digest that the reference names.
	Platform   string
	Signatures []Signature
	// Attestations are statements about the image. They are no signatures.
	Attestations int
	// Unreadable counts what lies where signatures are kept and can not be
	// read as one; Incomplete says that there is more than was looked at. With
	// either, nobody knows that there is no signature.
	Unreadable int
	Incomplete bool
}

// Signature is one signature of a subject.
type Signature struct {
	Form Form
	// Verified says that the key that was given made it.
	Verified bool
}

// Signatures counts the signatures of all subjects, and those that the key verifies.
func (f Facts) Signatures() (found, verified int) {
	for _, s := range f.Subjects {
		found += len(s.Signatures)
		for _, one := range s.Signatures {
			if one.Verified {
				verified++
			}
		}
	}
	return found, verified
}

// Unsigned reports whether the image is there and certainly has no signature,
// in no form, and neither have its platforms.
func (f Facts) Unsigned() bool {
	found, _ := f.Signatures()
	return f.Exists && found == 0 && f.certain()
}

// Verified reports whether the image and each of its platforms has a signature
// that the key verifies.
func (f Facts) Verified() bool {
	for _, s := range f.Subjects {
		good := false
		for _, one := range s.Signatures {
			good = good || one.Verified
		}
		if !good {
			return false
		}
	}
	return f.Exists && f.KeyGiven && len(f.Subjects) > 0
}

// certain reports whether all was looked at and understood.
func (f Facts) certain() bool {
	for _, s := range f.Subjects {
		if s.Unreadable > 0 || s.Incomplete {
			return false
		}
	}
	return true
}

// Inspect looks what a registry has of a reference by digest. With a key it
// says which signatures that key made. An image that is not there is a fact
// and no error; every error has a Cause.
func (c *Client) Inspect(ctx context.Context, reference string, key *PublicKey) (Facts, error) {
	ref, err := name.NewDigest(reference, c.names()...)
	if err != nil {
		return Facts{}, &Error{Cause: Unexpected, Doing: "read the reference", Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	facts, err := c.inspect(ctx, ref, key)
	if err != nil {
		return Facts{}, failed(err, "look for the signatures of %s", ref)
	}
	return facts, nil
}

func (c *Client) inspect(ctx context.Context, ref name.Digest, key *PublicKey) (Facts, error) {
	s, err := c.session(ctx, ref.Context())
	if err != nil {
		return Facts{}, err
	}
	digest, err := v1.NewHash(ref.DigestStr())
	if err != nil {
		return Facts{}, err
	}
	top, err := s.manifest(ctx, digest.String())
	if err != nil || top == nil {
		return Facts{}, err
	}
	facts := Facts{Exists: true, KeyGiven: key != nil}
	subjects := []Subject{{Digest: digest.String()}}
	if isIndex(*top) {
		index, err := parseIndex(top.body, maxPlatforms)
		if err != nil {
			return Facts{}, err
		}
		facts.Index = true
		for _, m := range index.Manifests {
			if m.MediaType.IsImage() && m.Platform != nil && m.Platform.Satisfies(c.options.Platform) {
				subjects = append(subjects, Subject{Digest: m.Digest.String(), Platform: m.Platform.OS + "/" + m.Platform.Architecture})
			}
		}
	}
	for _, one := range subjects {
		if err := s.subject(ctx, &one, key); err != nil {
			return Facts{}, err
		}
		facts.Subjects = append(facts.Subjects, one)
	}
	return facts, nil
}

// isIndex reports whether the answer or the manifest itself says so: what a
// runtime takes for an index has platforms with signatures of their own.
func isIndex(a answer) bool {
	m, err := parseManifest(a.body)
	return types.MediaType(a.mediaType).IsIndex() || err == nil && m.MediaType.IsIndex()
}

// subject fills in what the registry has for one digest.
func (s *session) subject(ctx context.Context, one *Subject, key *PublicKey) error {
	digest, err := v1.NewHash(one.Digest)
	if err != nil {
		return err
	}
	sig, err := s.manifest(ctx, signatureTag(digest, "sig"))
	if err != nil {
		return err
	}
	if sig != nil {
		if err := s.tagForm(ctx, one, digest, sig.body, key); err != nil {
			return err
		}
	}
	att, err := s.manifest(ctx, signatureTag(digest, "att"))
	if err != nil {
		return err
	}
	if att != nil {
		one.Attestations++
	}
	referrers, err := s.referrers(ctx, one, digest)
	if err != nil {
		return err
	}
	for _, d := range referrers {
		if err := s.referrer(ctx, one, digest, d, key); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) tagForm(ctx context.Context, one *Subject, digest v1.Hash, body []byte, key *PublicKey) error {
	m, err := parseManifest(body)
	if err != nil {
		return one.unreadable(err)
	}
	found, err := tagSignatures(m)
	if err != nil {
		one.Unreadable++
	}
	for _, f := range found {
		signature := Signature{Form: TagForm}
		if key != nil {
			data, err := s.blob(ctx, f.layer)
			if err != nil && !broken(err) {
				return err
			}
			signature.Verified = err == nil && payloadIsFor(data, digest) && key.verifies(data, f.signature)
		}
		one.Signatures = append(one.Signatures, signature)
	}
	return nil
}

// broken reports whether an error is about one thing that a registry has and
// not about the registry: it is gone, too large, or another one.
func broken(err error) bool {
	return errors.Is(err, errTooLarge) || errors.Is(err, errNotAsked) || errors.Is(err, errUnreadable) || classify(err) == NotFound
}

// unreadable counts what is broken; what is wrong with the registry stays an error.
func (s *Subject) unreadable(err error) error {
	if !broken(err) {
		return err
	}
	s.Unreadable++
	return nil
}

// referrers lists what refers to a digest, by the registry's own list and by
// the tag that stands in for it: verifiers differ in where they look.
func (s *session) referrers(ctx context.Context, one *Subject, digest v1.Hash) ([]v1.Descriptor, error) {
	var all []v1.Descriptor
	seen := map[v1.Hash]bool{}
	add := func(body []byte) {
		m, err := parseIndex(body, 1<<20)
		if err != nil {
			one.Unreadable++
			return
		}
		for _, d := range m.Manifests {
			if seen[d.Digest] {
				continue
			}
			if len(all) == maxReferrers {
				one.Incomplete = true
				return
			}
			seen[d.Digest] = true
			all = append(all, d)
		}
	}
	// A registry without the list answers 404 or one of these.
	list, err := s.get(ctx, "referrers", digest.String(), string(types.OCIImageIndex), http.StatusNotFound, http.StatusBadRequest, http.StatusNotAcceptable, http.StatusMethodNotAllowed)
	if errors.Is(err, errTooLarge) {
		one.Incomplete = true
	} else if err != nil {
		return nil, err
	} else if list.status == http.StatusOK && types.MediaType(list.mediaType) == types.OCIImageIndex {
		one.Incomplete = one.Incomplete || list.more
		add(list.body)
	}
	byTag, err := s.manifest(ctx, signatureTag(digest, ""))
	if errors.Is(err, errTooLarge) {
		one.Incomplete = true
	} else if err != nil {
		return nil, err
	} else if byTag != nil {
		add(byTag.body)
	}
	return all, nil
}

// referrer looks at one manifest that refers to the digest. What kind it is
// says the manifest itself: lists are known to leave it out.
func (s *session) referrer(ctx context.Context, one *Subject, digest v1.Hash, d v1.Descriptor, key *PublicKey) error {
	body, err := s.manifest(ctx, d.Digest.String())
	if err != nil {
		return one.unreadable(err)
	}
	if body == nil {
		// Listed and not there: it can not be verified by anybody, and may come back.
		return one.unreadable(errUnreadable)
	}
	m, err := parseManifest(body.body)
	if err != nil {
		return one.unreadable(err)
	}
	kinds := []string{m.ArtifactType, string(m.Config.MediaType)}
	for _, layer := range m.Layers {
		kinds = append(kinds, string(layer.MediaType))
	}
	for _, kind := range kinds {
		switch {
		case kind == notationType, kind == oldCosignType, kind == string(payloadType):
			one.Signatures = append(one.Signatures, Signature{Form: OtherForm})
			return nil
		case strings.HasPrefix(kind, bundlePrefix):
			return s.bundleForm(ctx, one, digest, m, key)
		}
	}
	return nil
}

func (s *session) bundleForm(ctx context.Context, one *Subject, digest v1.Hash, m *v1.Manifest, key *PublicKey) error {
	if len(m.Layers) != 1 {
		return one.unreadable(errUnreadable)
	}
	data, err := s.blob(ctx, m.Layers[0])
	if err != nil {
		return one.unreadable(err)
	}
	found, err := parseBundle(data)
	switch {
	case err != nil:
		return one.unreadable(err)
	case found.attestation:
		one.Attestations++
	default:
		one.Signatures = append(one.Signatures, Signature{Form: BundleForm, Verified: key != nil && found.verifiedBy(*key, digest)})
	}
	return nil
}

// String says in a line what was found.
func (s Subject) String() string {
	what := s.Digest
	if s.Platform != "" {
		what += " (" + s.Platform + ")"
	}
	verified := 0
	for _, one := range s.Signatures {
		if one.Verified {
			verified++
		}
	}
	return fmt.Sprintf("%s has %d signatures, %d of the key", what, len(s.Signatures), verified)
}

// SignedInBothForms reports whether the image and each of its platforms has a
// signature in the tag form and one in the bundle form, of whatever key.
func (f Facts) SignedInBothForms() bool {
	for _, s := range f.Subjects {
		forms := map[Form]bool{}
		for _, one := range s.Signatures {
			forms[one.Form] = true
		}
		if !forms[TagForm] || !forms[BundleForm] {
			return false
		}
	}
	return f.Exists
}
