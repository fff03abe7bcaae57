package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// labelTwin is in the configuration of a twin and makes its digest another one.
const labelTwin = "conformance.opencode.de/twin"

// Artifact is an image, or an index of images, in a registry or in a layout.
type Artifact struct {
	// Source is the reference by digest, or the place in a layout.
	Source string
	// Digest of the manifest.
	Digest v1.Hash
	// Size of all manifests, configurations and layers in bytes.
	Size int64

	image v1.Image
	index v1.ImageIndex
}

// Open reads the manifest of an image in a registry. A reference by tag is
// resolved once: from then on the digest counts.
func (c *Client) Open(ctx context.Context, reference string) (*Artifact, error) {
	ref, err := name.ParseReference(reference, c.names()...)
	if err != nil {
		return nil, &Error{Cause: Unexpected, Doing: "read the reference", Err: err}
	}
	a, err := c.open(ctx, ref)
	if err != nil {
		return nil, failed(err, "read the image %s", ref)
	}
	return a, nil
}

func (c *Client) open(ctx context.Context, ref name.Reference) (*Artifact, error) {
	d, err := remote.Get(ref, c.remote(ctx)...)
	if err != nil {
		return nil, err
	}
	var index v1.ImageIndex
	var image v1.Image
	switch {
	case d.MediaType.IsIndex():
		index, err = d.ImageIndex()
	case d.MediaType.IsImage():
		image, err = d.Image()
	default:
		err = fmt.Errorf("is no image but a %.100q", d.MediaType)
	}
	if err != nil {
		return nil, err
	}
	return newArtifact(ref.Context().Digest(d.Digest.String()).String(), image, index)
}

// openTag is open for a tag that may not be there; then it gives nil.
func (c *Client) openTag(ctx context.Context, tag name.Tag) (*Artifact, error) {
	a, err := c.open(ctx, tag)
	var answered *transport.Error
	if errors.As(err, &answered) && answered.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	return a, err
}

// newArtifact looks at the manifests: they are bounded, and an index holds images.
func newArtifact(source string, image v1.Image, index v1.ImageIndex) (*Artifact, error) {
	a := &Artifact{Source: source, image: image, index: index}
	var err error
	if index == nil {
		if a.Digest, err = image.Digest(); err != nil {
			return nil, err
		}
		return a, a.measure(image)
	}
	if a.Digest, err = index.Digest(); err != nil {
		return nil, err
	}
	size, err := index.Size()
	if err != nil {
		return nil, err
	}
	a.Size = size
	children, err := a.children()
	if err != nil {
		return nil, err
	}
	for _, child := range children {
		if err := a.measure(child.image); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// measure adds the size of an image.
func (a *Artifact) measure(image v1.Image) error {
	size, err := image.Size()
	if err != nil {
		return err
	}
	m, err := image.Manifest()
	if err != nil {
		return err
	}
	if size > maxImageManifest || m.Config.Size > maxImageManifest {
		return errTooLarge
	}
	a.Size += size + m.Config.Size
	for _, layer := range m.Layers {
		a.Size += layer.Size
	}
	return nil
}

// child is one image of an index.
type child struct {
	descriptor v1.Descriptor
	image      v1.Image
}

// runs reports whether the child is an image for a platform; the others are
// statements about such, which builders put beside them.
func (c child) runs() bool {
	return c.descriptor.Platform != nil && c.descriptor.Platform.OS != "unknown"
}

// children are the images of an index; none for an image.
func (a *Artifact) children() ([]child, error) {
	if a.index == nil {
		return nil, nil
	}
	m, err := a.index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(m.Manifests) == 0 || len(m.Manifests) > maxPlatforms {
		return nil, fmt.Errorf("the index has %d manifests; from 1 to %d are copied", len(m.Manifests), maxPlatforms)
	}
	var all []child
	for _, d := range m.Manifests {
		if !d.MediaType.IsImage() {
			return nil, fmt.Errorf("the index holds a %.100q; only images are copied", d.MediaType)
		}
		image, err := a.index.Image(d.Digest)
		if err != nil {
			return nil, fmt.Errorf("read %s of the index: %w", d.Digest, err)
		}
		all = append(all, child{d, image})
	}
	return all, nil
}

// taggable is what the library pushes.
func (a *Artifact) taggable() remote.Taggable {
	if a.index != nil {
		return a.index
	}
	return a.image
}

// Pushed says where an artifact is after Push.
type Pushed struct {
	// Reference by digest.
	Reference string
	// Already says that it was there and nothing was pushed.
	Already bool
}

// Push puts an artifact into a repository, with a tag that keeps it: registries
// collect what has none. The digest stays the same.
func (c *Client) Push(ctx context.Context, a *Artifact, repository, tag string) (Pushed, error) {
	to, err := name.NewTag(repository+":"+tag, c.names()...)
	if err != nil {
		return Pushed{}, &Error{Cause: Unexpected, Doing: "read the name of the repository", Err: err}
	}
	out := Pushed{Reference: to.Digest(a.Digest.String()).String()}
	s, err := c.session(ctx, to.Repository)
	if err == nil {
		var there, tagged *answer
		there, err = s.manifest(ctx, a.Digest.String())
		if err == nil && there != nil {
			out.Already = true
			tagged, err = s.manifest(ctx, tag)
		}
		if err == nil && tagged != nil && digestOf(tagged.body) == a.Digest {
			return out, nil
		}
	}
	// A repository that is yet to be made may be forbidden to look into.
	if err != nil && classify(err) != Unauthorised {
		return Pushed{}, failed(err, "look into %s", to.Repository)
	}
	if err := remote.Push(to, a.taggable(), c.remote(ctx)...); err != nil {
		return Pushed{}, failed(err, "push to %s", to.Repository)
	}
	return out, nil
}

// Twin makes an artifact that differs from another in one label of its
// configuration, and so in its digest, and in nothing that runs. The same
// value gives the same twin.
func Twin(a *Artifact, value string) (*Artifact, error) {
	t, err := twin(a, value)
	if err != nil {
		return nil, fmt.Errorf("make a twin of %s: %w", a.Source, err)
	}
	return t, nil
}

func twin(a *Artifact, value string) (*Artifact, error) {
	source := "twin of " + a.Source
	if a.index == nil {
		image, err := twinImage(a.image, value)
		if err != nil {
			return nil, err
		}
		return newArtifact(source, image, nil)
	}
	children, err := a.children()
	if err != nil {
		return nil, err
	}
	var adds []mutate.IndexAddendum
	for _, one := range children {
		// What is said about an image is not true of its twin.
		if !one.runs() {
			continue
		}
		image, err := twinImage(one.image, value)
		if err != nil {
			return nil, err
		}
		adds = append(adds, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: one.descriptor.Platform}})
	}
	mediaType, err := a.index.MediaType()
	if err != nil {
		return nil, err
	}
	return newArtifact(source, nil, mutate.AppendManifests(mutate.IndexMediaType(empty.Index, mediaType), adds...))
}

func twinImage(image v1.Image, value string) (v1.Image, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	config = config.DeepCopy()
	if config.Config.Labels == nil {
		config.Config.Labels = map[string]string{}
	}
	config.Config.Labels[labelTwin] = value
	return mutate.ConfigFile(image, config)
}

// FindTwin gives the twin of an artifact that has a tag, made by an earlier
// call; nil where there is none or something else has the tag.
func (c *Client) FindTwin(ctx context.Context, a *Artifact, repository, tag string) (*Artifact, error) {
	ref, err := name.NewTag(repository+":"+tag, c.names()...)
	if err != nil {
		return nil, &Error{Cause: Unexpected, Doing: "read the name of the repository", Err: err}
	}
	found, err := c.openTag(ctx, ref)
	if err != nil {
		return nil, failed(err, "look for the twin %s", ref)
	}
	if found == nil {
		return nil, nil
	}
	image := found.image
	if found.index != nil {
		children, err := found.children()
		if err != nil {
			return nil, failed(err, "look for the twin %s", ref)
		}
		image = children[0].image
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, failed(err, "look for the twin %s", ref)
	}
	again, err := Twin(a, config.Config.Labels[labelTwin])
	if err != nil {
		return nil, err
	}
	if again.Digest != found.Digest {
		return nil, nil
	}
	return found, nil
}

// describe gives the descriptor of what a signature refers to.
func describe(d partial.Describable) (v1.Descriptor, error) {
	desc, err := partial.Descriptor(d)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}, nil
}

// subjects are what is signed: the artifact, and each image of an index, as
// some verifiers look at the one and some at the other.
func (a *Artifact) subjects() ([]v1.Descriptor, error) {
	if a.index == nil {
		d, err := describe(a.image)
		return []v1.Descriptor{d}, err
	}
	top, err := describe(a.index)
	if err != nil {
		return nil, err
	}
	all := []v1.Descriptor{top}
	children, err := a.children()
	if err != nil {
		return nil, err
	}
	for _, one := range children {
		d, err := describe(one.image)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}
