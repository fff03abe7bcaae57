package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// annotationSource keeps the reference that an image in a layout came from;
// the name it goes by is in the annotation that OCI has for it.
const (
	annotationName   = "org.opencontainers.image.ref.name"
	annotationSource = "conformance.opencode.de/source"
)

// ListFile is the list for people in a layout: digest, name and source of each
// image. Nothing reads it: what the layout holds is verified.
const ListFile = "images.txt"

// ErrBroken says that a layout does not hold what it says it holds.
var ErrBroken = errors.New("the layout is broken")

// layoutName is what a repository may be called, and so an image in a layout:
// the name becomes part of a reference, and reaches terminals.
var layoutName = regexp.MustCompile(`^[a-z0-9]+((\.|_{1,2}|-+|/)[a-z0-9]+)*$`)

// maxLayoutText bounds the name and the source of an image in a layout.
const maxLayoutText = 500

// checkNames looks at what a layout says an image is called and where it came
// from: text of whoever packed it.
func checkNames(d v1.Descriptor) error {
	named, source := d.Annotations[annotationName], d.Annotations[annotationSource]
	switch {
	case named == "":
		return fmt.Errorf("has no name (annotation %s)", annotationName)
	case len(named) > maxLayoutText || !layoutName.MatchString(named):
		return fmt.Errorf("has the name %.100q, which is none of a repository", named)
	case len(source) > maxLayoutText || strings.ContainsFunc(source, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("has the source %.100q, which is no reference", source)
	}
	if _, digest, found := strings.Cut(source, "@"); found && digest != d.Digest.String() {
		return fmt.Errorf("is %s, and its source is said to be %q", d.Digest, source)
	}
	return nil
}

// Named is an artifact with the name of its repository below a registry.
type Named struct {
	Name string
	*Artifact
}

// SaveLayout writes artifacts as an OCI layout for the way to a registry
// without a network. The directory must not be there, and appears whole.
func SaveLayout(ctx context.Context, dir string, all []Named) error {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s is there already; name a directory that is not", dir)
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	dir = filepath.Clean(dir)
	temporary, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-*")
	if err != nil {
		return fmt.Errorf("make a directory beside %s: %w", dir, err)
	}
	defer os.RemoveAll(temporary)
	path, err := layout.Write(temporary, empty.Index)
	if err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	var list strings.Builder
	for _, one := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		keep := layout.WithAnnotations(map[string]string{annotationName: one.Name, annotationSource: one.Source})
		if one.index != nil {
			err = path.AppendIndex(one.index, keep)
		} else {
			err = path.AppendImage(one.image, keep)
		}
		if err != nil {
			return failed(err, "copy %s into the layout", one.Source)
		}
		fmt.Fprintf(&list, "%s  %s  %s\n", one.Digest, one.Name, one.Source)
	}
	if err := os.WriteFile(filepath.Join(temporary, ListFile), []byte(list.String()), 0o644); err != nil {
		return fmt.Errorf("write the list of the layout: %w", err)
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	// What was copied is read again as who unpacks it will.
	if _, err := LoadLayout(ctx, temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, dir); err != nil {
		return fmt.Errorf("put the layout into its place: %w", err)
	}
	return nil
}

// LoadLayout reads a layout and verifies the size and the digest of all that
// its images need, not who packed it. An error about what is in it is ErrBroken.
func LoadLayout(ctx context.Context, dir string) ([]Named, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %w", ErrBroken, fmt.Errorf(format, args...))
	}
	data, err := readFile(filepath.Join(dir, "index.json"), maxImageManifest)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is no OCI layout: it has no index.json; bvc mirror --to-layout writes one", dir)
	} else if err != nil {
		return nil, fmt.Errorf("read the layout: %w", err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, wrong("index.json can not be read: %w", err)
	}
	if len(index.Manifests) == 0 || len(index.Manifests) > maxPlatforms {
		return nil, wrong("index.json names %d images; from 1 to %d are read", len(index.Manifests), maxPlatforms)
	}
	path, err := layout.FromPath(dir)
	if err != nil {
		return nil, wrong("%w", err)
	}
	root, err := path.ImageIndex()
	if err != nil {
		return nil, wrong("%w", err)
	}
	v := verifier{ctx: ctx, dir: dir, seen: map[v1.Hash]bool{}}
	var all []Named
	for i, d := range index.Manifests {
		if err := checkNames(d); err != nil {
			return nil, wrong("image %d of index.json %w", i+1, err)
		}
		named := d.Annotations[annotationName]
		if err := v.manifest(d, 0); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, wrong("image %s, %w", named, err)
		}
		var one *Artifact
		source := d.Annotations[annotationSource]
		if source == "" {
			source = filepath.Join(dir, "blobs", d.Digest.Algorithm, d.Digest.Hex)
		}
		if d.MediaType.IsIndex() {
			var index v1.ImageIndex
			if index, err = root.ImageIndex(d.Digest); err == nil {
				one, err = newArtifact(source, nil, index)
			}
		} else {
			var image v1.Image
			if image, err = root.Image(d.Digest); err == nil {
				one, err = newArtifact(source, image, nil)
			}
		}
		if err != nil {
			return nil, wrong("image %s, %w", named, err)
		}
		all = append(all, Named{named, one})
	}
	return all, nil
}

var errMissing = errors.New("is missing")

// verifier reads every blob that an image needs once.
type verifier struct {
	ctx  context.Context
	dir  string
	seen map[v1.Hash]bool
}

// manifest verifies an image, or an index with its images.
func (v verifier) manifest(d v1.Descriptor, depth int) error {
	if d.Size > maxImageManifest {
		return errTooLarge
	}
	if err := v.blob(d); err != nil {
		return err
	}
	data, err := readFile(v.path(d.Digest), maxImageManifest)
	if err != nil {
		return err
	}
	switch {
	case d.MediaType.IsIndex() && depth == 0:
		var index v1.IndexManifest
		if err := json.Unmarshal(data, &index); err != nil {
			return fmt.Errorf("the index %s can not be read: %w", d.Digest, err)
		}
		for _, one := range index.Manifests {
			if err := v.manifest(one, depth+1); err != nil {
				return err
			}
		}
		return nil
	case d.MediaType.IsImage():
		var m v1.Manifest
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("the manifest %s can not be read: %w", d.Digest, err)
		}
		if m.Config.Size > maxImageManifest {
			return errTooLarge
		}
		for _, one := range append([]v1.Descriptor{m.Config}, m.Layers...) {
			err := v.blob(one)
			// Layers of Windows may stay where they are: they are not pushed either.
			if errors.Is(err, errMissing) && !one.MediaType.IsDistributable() {
				continue
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%s is no image but a %.100q", d.Digest, d.MediaType)
}

func (v verifier) path(h v1.Hash) string {
	return filepath.Join(v.dir, "blobs", h.Algorithm, h.Hex)
}

func (v verifier) blob(d v1.Descriptor) error {
	if v.seen[d.Digest] {
		return nil
	}
	if err := v.ctx.Err(); err != nil {
		return err
	}
	// The hash names the file: nothing but hex digits may be in it.
	if d.Digest.Algorithm != "sha256" || len(d.Digest.Hex) != 64 {
		return fmt.Errorf("%s is no sha256 digest", d.Digest)
	}
	info, err := os.Lstat(v.path(d.Digest))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s %w", d.Digest, errMissing)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file", d.Digest)
	case info.Size() != d.Size:
		return fmt.Errorf("%s has %d bytes instead of %d", d.Digest, info.Size(), d.Size)
	}
	f, err := os.Open(v.path(d.Digest))
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != d.Digest.Hex {
		return fmt.Errorf("%s has other content, with the digest sha256:%s", d.Digest, got)
	}
	v.seen[d.Digest] = true
	return nil
}

// readFile reads a small file.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = errTooLarge
	}
	return data, err
}
