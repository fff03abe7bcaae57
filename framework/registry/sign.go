package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Sign signs an artifact that is in a repository, and each image of an index,
// in both forms. As is the repository's name in the tag form's payload, where
// the cluster knows the registry under another name. What the key has signed
// already is not signed again. It returns how many signatures it wrote.
func (c *Client) Sign(ctx context.Context, a *Artifact, repository, as string, key Key) (int, error) {
	to, err := name.NewRepository(repository, c.names()...)
	if err != nil {
		return 0, &Error{Cause: Unexpected, Doing: "read the name of the repository", Err: err}
	}
	subjects, err := a.subjects()
	if err != nil {
		return 0, failed(err, "read %s", a.Source)
	}
	s, err := c.session(ctx, to)
	if err != nil {
		return 0, failed(err, "look for signatures in %s", to)
	}
	written := 0
	for _, d := range subjects {
		has := Subject{Digest: d.Digest.String()}
		public := key.Public()
		if err := s.subject(ctx, &has, &public); err != nil {
			return written, failed(err, "look for signatures of %s@%s", to, d.Digest)
		}
		for _, form := range []struct {
			form  Form
			write func(context.Context, name.Repository, string, v1.Descriptor, Key) error
		}{{TagForm, c.writeTagForm}, {BundleForm, c.writeBundleForm}} {
			if has.verified(form.form) {
				continue
			}
			if err := form.write(ctx, to, as, d, key); err != nil {
				return written, failed(err, "sign %s@%s", to, d.Digest)
			}
			written++
		}
	}
	return written, nil
}

func (s Subject) verified(form Form) bool {
	for _, one := range s.Signatures {
		if one.Form == form && one.Verified {
			return true
		}
	}
	return false
}

// writeTagForm adds a signature to those that are under the tag.
func (c *Client) writeTagForm(ctx context.Context, to name.Repository, as string, d v1.Descriptor, key Key) error {
	data, err := newPayload(as, d.Digest)
	if err != nil {
		return err
	}
	sig, err := key.sign(data)
	if err != nil {
		return err
	}
	tag := to.Tag(signatureTag(d.Digest, "sig"))
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	there, err := c.openTag(ctx, tag)
	if err != nil {
		return err
	}
	if there != nil {
		if base = there.image; base == nil {
			return fmt.Errorf("the tag %s holds an index, which is no signature; remove it", tag)
		}
	}
	image, err := mutate.Append(base, mutate.Addendum{
		Layer:       static.NewLayer(data, payloadType),
		Annotations: map[string]string{signatureAnnotation: base64.StdEncoding.EncodeToString(sig)},
	})
	if err != nil {
		return err
	}
	return remote.Push(tag, image, c.remote(ctx)...)
}

// raw is a manifest that the library has no builder for.
type raw struct{ data []byte }

// RawManifest implements remote.Taggable.
func (r raw) RawManifest() ([]byte, error) { return r.data, nil }

// MediaType tells the library what it pushes.
func (r raw) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// writeBundleForm pushes a bundle that refers to the subject. Where the
// registry knows no referrers, the library keeps their list under a tag.
func (c *Client) writeBundleForm(ctx context.Context, to name.Repository, _ string, d v1.Descriptor, key Key) error {
	data, err := newBundle(key, d.Digest)
	if err != nil {
		return err
	}
	nothing := static.NewLayer([]byte("{}"), "application/vnd.oci.empty.v1+json")
	layer := static.NewLayer(data, bundleType)
	m := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: string(bundleType),
		Config:  v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Digest: digestOf([]byte("{}")), Size: 2, ArtifactType: string(bundleType)},
		Layers:  []v1.Descriptor{{MediaType: bundleType, Digest: digestOf(data), Size: int64(len(data))}},
		Subject: &d,
		Annotations: map[string]string{
			"org.opencontainers.image.created":  time.Now().UTC().Format(time.RFC3339),
			"dev.sigstore.bundle.content":       "dsse-envelope",
			"dev.sigstore.bundle.predicateType": signPredicate,
		},
	}
	manifest, err := json.Marshal(m)
	if err != nil {
		return err
	}
	pusher, err := remote.NewPusher(c.remote(ctx)...)
	if err != nil {
		return err
	}
	for _, one := range []v1.Layer{nothing, layer} {
		if err := pusher.Upload(ctx, to, one); err != nil {
			return err
		}
	}
	return pusher.Put(ctx, to.Digest(digestOf(manifest).String()), raw{manifest})
}
