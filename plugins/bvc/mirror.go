package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/spf13/cobra"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/registry"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Names of the repositories below --to.
const (
	bvcRepository      = "bvc"
	sonobuoyRepository = "sonobuoy"
)

// maxKeyFile bounds keys and certificates that are read from files; the site
// file holds no longer certificates either.
const maxKeyFile = 32 << 10

// passwordVariable is where cosign looks for the password of a key.
const passwordVariable = "COSIGN_PASSWORD"

// mirrorOptions are what a person gives `bvc mirror`.
type mirrorOptions struct {
	image, sonobuoyImage string
	also, expect         []string
	fromLayout, toLayout string
	to, as               string
	keyFile              string
	twins, newTwins      bool
	list                 bool
	format               string
	plainHTTP            bool
	caFile               string
}

func mirrorCommand() *cobra.Command {
	var o mirrorOptions
	c := &cobra.Command{
		Use: "mirror", Short: "Copy the images into your registry, sign them, and make the test images for signatures", Args: noArguments,
		Long: `Copies bvc's and Sonobuoy's image into the registry of a site, by digest: below --to they are called bvc and sonobuoy.
What is there already is not pushed again. Credentials are those of docker login or podman login.

With --key the copies are signed, in both forms that cosign knows, and two twins of bvc's image are made beside it: one
without a signature, one signed with a key that is thrown away at once. The checks on signatures need them. Where the
key is in an HSM or there is none (keyless), --twins makes the twins alone, and you sign the copies the way you always do.
A password for the key is taken from $COSIGN_PASSWORD. With --key or --twins the registry is asked at the end whether
the signatures are as they should be.

Without a network between the two sides, --to-layout writes an OCI layout and --from-layout reads it again. A digest
proves nothing about who packed the layout: to sign what is in it, give each image that --list showed on the other side
with --expect NAME@sha256:..., brought by another way than the layout.

` + exitCodesForUsers,
		Example: `  bvc mirror --image SOURCE/bvc@sha256:... --sonobuoy-image SOURCE/sonobuoy@sha256:... --to registry.example.org/verwaltung/bvc --key cosign.key
  bvc mirror --image SOURCE/bvc@sha256:... --sonobuoy-image SOURCE/sonobuoy@sha256:... --to-layout transport
  bvc mirror --from-layout transport --to registry.example.org/verwaltung/bvc --twins
  bvc mirror --from-layout transport --list -o json
  bvc mirror --from-layout transport --expect bvc@sha256:... --expect sonobuoy@sha256:... --to registry.example.org/verwaltung/bvc --key cosign.key`,
		RunE: func(c *cobra.Command, _ []string) error {
			err := mirror(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
			if err != nil && c.Context().Err() != nil {
				return &exitError{exitInconclusive, errors.New("interrupted; run it again: what is in the registry is not pushed again")}
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.image, "image", "", "bvc's image where you have it from, best by digest")
	f.StringVar(&o.sonobuoyImage, "sonobuoy-image", "", "Sonobuoy's image where you have it from, best by digest")
	f.StringArrayVar(&o.also, "also", nil, "another image to copy and to sign; may be given more than once")
	f.StringVar(&o.fromLayout, "from-layout", "", "directory with an OCI layout to take the images from, all of them")
	f.StringArrayVar(&o.expect, "expect", nil, "image that the layout must hold, as NAME@sha256:...; with --key each image of it must be named")
	f.StringVar(&o.toLayout, "to-layout", "", "directory to write an OCI layout into; it must not be there")
	f.StringVar(&o.to, "to", "", "registry to push to, with a path where you want one, such as registry.example.org/verwaltung/bvc")
	f.StringVar(&o.as, "as", "", "registry, with its path, by which the cluster knows what is pushed to --to (default: the same)")
	f.StringVar(&o.keyFile, "key", "", "private key in PEM that signs the copies (PKCS #8, SEC 1, or as cosign writes it)")
	f.BoolVar(&o.twins, "twins", false, "without --key: make the twins, and leave signing the copies to you")
	f.BoolVar(&o.newTwins, "new-twins", false, "make new twins even where there are some")
	f.BoolVar(&o.list, "list", false, "print what would be copied, and copy nothing")
	f.StringVarP(&o.format, "output", "o", "text", "text (YAML for the site file) or json")
	f.BoolVar(&o.plainHTTP, "plain-http", false, "the registry of --to has no TLS; for test registries (images on this machine need no flag)")
	f.StringVar(&o.caFile, "ca-file", "", "certificates in PEM of the registry's authority")
	return c
}

// wanted is an image to copy.
type wanted struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	Digest string `json:"digest"`
	// Target is empty where nothing is pushed.
	Target string `json:"target,omitempty"`
}

// mirrored is what `bvc mirror` did.
type mirrored struct {
	Copied []copied `json:"copied"`
	// Images are for the site file; nil where no twins were wanted.
	Images *v1alpha1.SiteImages `json:"images,omitempty"`
	// ToSign are references that the site has yet to sign by its own procedure.
	ToSign []string `json:"toSign"`
}

type copied struct {
	Name      string `json:"name"`
	Source    string `json:"source"`
	Reference string `json:"reference"`
	Signed    bool   `json:"signed"`
}

// mirroring is one call of `bvc mirror`.
type mirroring struct {
	mirrorOptions
	ca             []byte
	key            *registry.Key
	source, target *registry.Client
	local          *registry.Client // for sources on this machine
	line           *line
}

func mirror(ctx context.Context, o mirrorOptions, stdout, stderr io.Writer) error {
	m, err := newMirroring(o)
	if err != nil {
		return err
	}
	m.line = newLine(stderr)
	defer m.line.end()
	if o.list {
		return m.printList(ctx, stdout)
	}
	images, err := m.open(ctx)
	if err != nil {
		return err
	}
	if o.toLayout != "" {
		return m.saveLayout(ctx, images, stdout)
	}
	result, err := m.push(ctx, images)
	if err != nil {
		return err
	}
	// Said only now: whoever copies it into a site file copies what was checked.
	m.line.end()
	if o.format == "json" {
		return writeJSON(stdout, result)
	}
	return toolFailed(printMirrored(stdout, result))
}

// compareLists is how a person learns what a layout must hold.
const compareLists = "compare what 'bvc mirror --list' says on the side that packed it with what it says here"

// expected is a value of --expect.
var expected = regexp.MustCompile(`^[^@]+@sha256:[0-9a-f]{64}$`)

// expectedImages holds a layout against --expect: a digest in the layout itself
// proves nothing about who packed it.
func (m *mirroring) expectedImages(images []registry.Named) error {
	if len(m.expect) == 0 {
		return nil
	}
	want, seen := map[string]bool{}, map[string]bool{}
	for _, one := range m.expect {
		want[one] = true
	}
	var wrong []string
	for _, one := range images {
		is := one.Name + "@" + one.Digest.String()
		seen[is] = true
		if !want[is] {
			wrong = append(wrong, "it holds "+is+", which no --expect names")
		}
	}
	for _, one := range m.expect {
		if !seen[one] {
			wrong = append(wrong, "it does not hold "+v1alpha1.Plain(one, 300))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &exitError{exitNotVerified, fmt.Errorf("%s is not what is expected; nothing was pushed or signed\n%s\nNext, %s",
		m.fromLayout, strings.Join(wrong, "\n"), compareLists)}
}

// newMirroring looks at everything that a person can have got wrong before
// anything is read or written.
func newMirroring(o mirrorOptions) (*mirroring, error) {
	m := &mirroring{mirrorOptions: o}
	named := o.image != "" || o.sonobuoyImage != "" || len(o.also) > 0
	switch {
	case o.format != "text" && o.format != "json":
		return nil, usageError("-o %q: it is text or json", o.format)
	case !named && o.fromLayout == "":
		return nil, usageError("no image to copy: name them with --image and --sonobuoy-image, or a layout with --from-layout")
	case named && o.fromLayout != "":
		return nil, usageError("--from-layout brings its own images: leave out --image, --sonobuoy-image and --also")
	case o.to != "" && o.toLayout != "":
		return nil, usageError("--to and --to-layout are two journeys: call bvc mirror twice")
	case o.to == "" && o.toLayout == "" && !o.list:
		return nil, usageError("nowhere to copy to: name a registry with --to, or a directory with --to-layout")
	case o.to == "" && (o.keyFile != "" || o.twins || o.newTwins || o.as != ""):
		return nil, usageError("--key, --twins, --new-twins and --as need a registry: name it with --to")
	case len(o.expect) > 0 && o.fromLayout == "":
		return nil, usageError("--expect is about a layout: name it with --from-layout, or give --image by digest")
	case o.fromLayout != "" && o.keyFile != "" && len(o.expect) == 0 && !o.list:
		return nil, usageError("to sign what is in a layout, name each of its images with --expect NAME@sha256:...: %s", compareLists)
	case o.newTwins && o.keyFile == "" && !o.twins:
		return nil, usageError("--new-twins needs --key or --twins")
	}
	for _, one := range o.expect {
		if !expected.MatchString(one) {
			return nil, usageError("--expect %q: write NAME@sha256:..., as --list shows it", one)
		}
	}
	for _, place := range []struct{ flag, value string }{{"--to", o.to}, {"--as", o.as}} {
		if err := checkPlace(place.flag, place.value); err != nil {
			return nil, err
		}
	}
	if m.as == "" {
		m.as = m.to
	}
	if o.caFile != "" {
		data, err := readKeyFile(o.caFile)
		if err != nil {
			return nil, usageError("read the certificates of --ca-file: %w", err)
		}
		if m.ca = onlyCertificates(data); len(m.ca) == 0 {
			return nil, usageError("read the certificates of --ca-file: %s holds no certificate in PEM", o.caFile)
		}
	}
	if o.keyFile != "" {
		data, err := readKeyFile(o.keyFile)
		if err != nil {
			return nil, usageError("read the key: %w", err)
		}
		key, err := registry.ParseKey(data, func() (string, error) {
			if word, given := os.LookupEnv(passwordVariable); given {
				return word, nil
			}
			return "", fmt.Errorf("is encrypted: put its password into the environment as %s", passwordVariable)
		})
		if err != nil {
			return nil, usageError("read the key: %s %w", o.keyFile, err)
		}
		m.key = &key
	}
	var err error
	options := registry.Options{Keychain: authn.DefaultKeychain, CA: m.ca, PlainHTTP: o.plainHTTP, UserAgent: "bvc/" + version}
	if m.target, err = registry.New(options); err != nil {
		return nil, usageError("read the certificates of --ca-file: %w", err)
	}
	// --plain-http is about one registry; whatever else images come from keeps
	// TLS, but for the machine itself.
	options.PlainHTTP, options.PlainLoopback = false, true
	if m.local, err = registry.New(options); err != nil {
		return nil, usageError("read the certificates of --ca-file: %w", err)
	}
	options.PlainLoopback = false
	if m.source, err = registry.New(options); err != nil {
		return nil, usageError("read the certificates of --ca-file: %w", err)
	}
	return m, nil
}

func readKeyFile(path string) ([]byte, error) {
	data, err := readBounded(path, maxKeyFile)
	if err == nil && len(data) > maxKeyFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxKeyFile)
	}
	return data, err
}

// onlyCertificates leaves out whatever else is in the file, such as a key: the
// rest is printed for the site file.
func onlyCertificates(data []byte) []byte {
	var out []byte
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return out
		}
		if block.Type == "CERTIFICATE" {
			out = append(out, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
		}
	}
}

// checkPlace wants a registry, with or without a path, as people write it.
func checkPlace(flag, place string) error {
	if place == "" {
		return nil
	}
	if strings.Contains(place, "://") {
		return usageError("%s %q: write it without a scheme, such as registry.example.org/verwaltung/bvc", flag, place)
	}
	host, _, _ := strings.Cut(place, "/")
	repository, err := name.NewRepository(place+"/"+bvcRepository, name.StrictValidation)
	// Without a dot or a port the library would look at a registry of its own choice.
	if err != nil || repository.RegistryStr() != host {
		return usageError("%s %q: write a registry, with a path where you want one, and without a tag, such as registry.example.org/verwaltung/bvc", flag, place)
	}
	return nil
}

// hostOf is the registry of a reference.
func hostOf(reference string) string {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return ""
	}
	return ref.Context().RegistryStr()
}

// from gives the client for a source.
func (m *mirroring) from(reference string) *registry.Client {
	switch {
	case m.isTarget(reference) && m.plainHTTP:
		return m.target
	case registry.Loopback(hostOf(reference)):
		return m.local
	case m.isTarget(reference):
		return m.target
	}
	return m.source
}

// isTarget says that --plain-http is about the registry of the reference.
func (m *mirroring) isTarget(reference string) bool {
	return m.to == "" || hostOf(reference) == hostOf(m.to+"/"+bvcRepository)
}

// tlsAdvice names only flags that would help and are not given.
func (m *mirroring) tlsAdvice(reference string) string {
	next := "Give the certificate of its authority with --ca-file"
	if m.caFile != "" {
		next = "Check that " + m.caFile + " holds its authority, and that the registry speaks TLS at all"
	}
	if m.isTarget(reference) && !m.plainHTTP {
		next += ", or give --plain-http for a test registry without TLS"
	}
	return next
}

// sources are the images that flags name.
func (m *mirroring) sources() ([]wanted, error) {
	var all []wanted
	add := func(repository, reference string) error {
		if reference == "" {
			return nil
		}
		ref, err := name.ParseReference(reference)
		if err != nil {
			return usageError("%q is no reference of an image; write registry/repository@sha256:…", reference)
		}
		if repository == "" {
			repository = path.Base(ref.Context().RepositoryStr())
		}
		digest := ""
		if d, ok := ref.(name.Digest); ok {
			digest = d.DigestStr()
		}
		all = append(all, wanted{Name: repository, Source: reference, Digest: digest})
		return nil
	}
	err := errors.Join(add(bvcRepository, m.image), add(sonobuoyRepository, m.sonobuoyImage))
	for _, reference := range m.also {
		err = errors.Join(err, add("", reference))
	}
	return all, err
}

// open reads the manifests of all images before the first is copied.
func (m *mirroring) open(ctx context.Context) ([]registry.Named, error) {
	if m.fromLayout != "" {
		m.line.set("verifying the layout %s", m.fromLayout)
		images, err := registry.LoadLayout(ctx, m.fromLayout)
		if errors.Is(err, registry.ErrBroken) {
			return nil, &exitError{exitNotVerified, fmt.Errorf("%s: %s\nCopy it anew from where it was made", m.fromLayout, v1alpha1.Plain(err.Error(), 1000))}
		} else if err != nil {
			return nil, usageError("%w", err)
		}
		return images, m.expectedImages(images)
	}
	sources, err := m.sources()
	if err != nil {
		return nil, err
	}
	var images []registry.Named
	for _, s := range sources {
		m.line.set("reading %s", s.Source)
		a, err := m.from(s.Source).Open(ctx, s.Source)
		if err != nil {
			return nil, m.trouble(err, s.Source)
		}
		images = append(images, registry.Named{Name: s.Name, Artifact: a})
	}
	return images, nil
}

// trouble adds to an error of a registry what a person can do about it.
func (m *mirroring) trouble(err error, reference string) error {
	host, next := hostOf(reference), ""
	switch registry.CauseOf(err) {
	case registry.NotFound:
		next = "Check the reference: the registry does not have it, or shows it only to others"
	case registry.Unauthorised:
		next = fmt.Sprintf("Log in with 'docker login %s' or 'podman login %s', as an account that may do this", host, host)
	case registry.TLS:
		next = m.tlsAdvice(reference)
	case registry.DNS, registry.Unreachable, registry.Timeout:
		next = fmt.Sprintf("Check the name %s, the way there, and HTTPS_PROXY", host)
	case registry.RateLimited:
		next = "Wait and run it again: what is in the registry is not pushed again"
	}
	if next != "" {
		next = "\n" + next
	}
	return usageError("%w%s", err, next)
}

func (m *mirroring) printList(ctx context.Context, w io.Writer) error {
	var all []wanted
	if m.fromLayout != "" {
		images, err := m.open(ctx)
		if err != nil {
			return err
		}
		for _, one := range images {
			all = append(all, wanted{Name: one.Name, Source: one.Source, Digest: one.Digest.String()})
		}
	} else {
		var err error
		if all, err = m.sources(); err != nil {
			return err
		}
	}
	for i, one := range all {
		if one.Digest == "" {
			a, err := m.from(one.Source).Open(ctx, one.Source)
			if err != nil {
				return m.trouble(err, one.Source)
			}
			all[i].Digest = a.Digest.String()
		}
		if m.to != "" {
			all[i].Target = m.as + "/" + one.Name + "@" + all[i].Digest
		}
	}
	m.line.end()
	return m.printWanted(w, all)
}

func (m *mirroring) printWanted(w io.Writer, all []wanted) error {
	if m.format == "json" {
		return writeJSON(w, map[string][]wanted{"images": all})
	}
	for _, one := range all {
		text := one.Digest + "  " + one.Name + "  " + v1alpha1.Plain(one.Source, 500)
		if one.Target != "" {
			text += "  -> " + one.Target
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return toolFailed(err)
		}
	}
	return nil
}

func (m *mirroring) saveLayout(ctx context.Context, images []registry.Named, w io.Writer) error {
	var all []wanted
	for _, one := range images {
		m.line.lasting("%s: %s, %s", one.Name, one.Digest, megabytes(one.Size))
		all = append(all, wanted{Name: one.Name, Source: one.Source, Digest: one.Digest.String()})
	}
	m.line.set("writing %s", m.toLayout)
	if err := registry.SaveLayout(ctx, m.toLayout, images); err != nil {
		return usageError("write the layout: %w", err)
	}
	m.line.lasting("%s is written and verified; the list is in %s", m.toLayout, registry.ListFile)
	return m.printWanted(w, all)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// short is the part of a digest that goes into tags.
func short(a *registry.Artifact) string { return a.Digest.Hex[:12] }

// push copies, signs, makes the twins, and asks the registry.
func (m *mirroring) push(ctx context.Context, images []registry.Named) (mirrored, error) {
	result := mirrored{ToSign: []string{}}
	var base *registry.Artifact
	for _, one := range images {
		if one.Name == bvcRepository && base == nil {
			base = one.Artifact
		}
	}
	if base == nil && m.twins {
		return result, usageError("there is no image of bvc to make twins of: name it with --image, or leave out --twins")
	}
	var checks []expectation
	for _, one := range images {
		repository := m.to + "/" + one.Name
		reference, err := m.copy(ctx, one, repository)
		if err != nil {
			return result, err
		}
		if one.Artifact == base {
			// Pods by the tag latest are one of the faults that a run tries: whoever
			// looks images up must find it, or refuses it for that.
			if _, err := m.target.Push(ctx, base, repository, "latest"); err != nil {
				return result, m.trouble(err, repository)
			}
		}
		known := m.as + "/" + one.Name + "@" + one.Digest.String()
		entry := copied{Name: one.Name, Source: one.Source, Reference: known}
		if m.key != nil {
			if err := m.sign(ctx, one.Artifact, one.Name, *m.key, one.Name); err != nil {
				return result, err
			}
			entry.Signed = true
			checks = append(checks, expectation{role: "signed", reference: reference})
		} else if m.twins {
			result.ToSign = append(result.ToSign, known)
		}
		result.Copied = append(result.Copied, entry)
	}
	if base != nil && (m.key != nil || m.twins) {
		made, err := m.makeTwins(ctx, base)
		if err != nil {
			return result, err
		}
		in := func(digest string) string { return m.as + "/" + bvcRepository + "@" + digest }
		result.Images = &v1alpha1.SiteImages{Signed: in(base.Digest.String()), Unsigned: in(made.unsigned), WrongKey: in(made.wrongKey),
			PlainHTTP: m.plainHTTP, RegistryCA: string(m.ca)}
		here := m.to + "/" + bvcRepository + "@"
		checks = append(checks, expectation{role: "unsigned", reference: here + made.unsigned}, expectation{role: "wrongKey", reference: here + made.wrongKey})
	}
	return result, m.selfCheck(ctx, checks)
}

func (m *mirroring) copy(ctx context.Context, one registry.Named, repository string) (string, error) {
	m.line.set("copying %s, %s", one.Name, megabytes(one.Size))
	pushed, err := m.target.Push(ctx, one.Artifact, repository, "mirror-"+short(one.Artifact))
	if err != nil {
		return "", m.trouble(err, repository)
	}
	what := "copied " + megabytes(one.Size)
	if pushed.Already {
		what = "was there"
	}
	m.line.lasting("%s: %s, %s", one.Name, what, pushed.Reference)
	return pushed.Reference, nil
}

func (m *mirroring) sign(ctx context.Context, a *registry.Artifact, repository string, key registry.Key, what string) error {
	m.line.set("signing %s", what)
	written, err := m.target.Sign(ctx, a, m.to+"/"+repository, m.as+"/"+repository, key)
	if err != nil {
		return m.trouble(err, m.to+"/"+repository)
	}
	if written == 0 {
		m.line.lasting("%s: was signed", what)
	} else {
		m.line.lasting("%s: signed, %d signatures written", what, written)
	}
	return nil
}

type twins struct{ unsigned, wrongKey string }

// makeTwins makes the twins, or finds those that an earlier call made.
func (m *mirroring) makeTwins(ctx context.Context, base *registry.Artifact) (twins, error) {
	repository := m.to + "/" + bvcRepository
	unsigned, _, err := m.twin(ctx, base, "unsigned")
	if err != nil {
		return twins{}, err
	}
	wrongKey, already, err := m.twin(ctx, base, "wrong-key")
	if err != nil {
		return twins{}, err
	}
	if already {
		// An earlier call may have been interrupted before it had signed.
		facts, err := m.target.Inspect(ctx, repository+"@"+wrongKey.Digest.String(), nil)
		if err != nil {
			return twins{}, m.trouble(err, repository)
		}
		already = facts.SignedInBothForms()
	}
	if !already {
		key, err := registry.NewKey()
		if err != nil {
			return twins{}, toolFailed(err)
		}
		if err := m.sign(ctx, wrongKey, bvcRepository, key, "twin wrongKey, with a throw-away key"); err != nil {
			return twins{}, err
		}
	}
	return twins{unsigned.Digest.String(), wrongKey.Digest.String()}, nil
}

func (m *mirroring) twin(ctx context.Context, base *registry.Artifact, role string) (*registry.Artifact, bool, error) {
	repository, tag := m.to+"/"+bvcRepository, role+"-"+short(base)
	if !m.newTwins {
		found, err := m.target.FindTwin(ctx, base, repository, tag)
		if err != nil {
			return nil, false, m.trouble(err, repository)
		}
		if found != nil {
			m.line.lasting("twin %s: was there, %s", role, found.Source)
			return found, true, nil
		}
	}
	value := make([]byte, 16)
	if _, err := rand.Read(value); err != nil {
		return nil, false, toolFailed(fmt.Errorf("make a twin: %w", err))
	}
	made, err := registry.Twin(base, hex.EncodeToString(value))
	if err != nil {
		return nil, false, m.trouble(err, base.Source)
	}
	pushed, err := m.target.Push(ctx, made, repository, tag)
	if err != nil {
		return nil, false, m.trouble(err, repository)
	}
	m.line.lasting("twin %s: made, %s", role, pushed.Reference)
	return made, false, nil
}

// expectation is what the registry shall say about an image: its role is the
// name of the field in the site file.
type expectation struct{ role, reference string }

// selfCheck asks the registry anew: what it has counts, not what was sent.
func (m *mirroring) selfCheck(ctx context.Context, checks []expectation) error {
	var public *registry.PublicKey
	if m.key != nil {
		p := m.key.Public()
		public = &p
	}
	var wrong []string
	for _, c := range checks {
		m.line.set("checking %s", c.reference)
		facts, err := m.target.Inspect(ctx, c.reference, public)
		if err != nil {
			return m.trouble(err, c.reference)
		}
		if what := c.wrong(facts); what != "" {
			wrong = append(wrong, fmt.Sprintf("%s (%s): %s", c.reference, c.role, what))
		}
	}
	if len(wrong) > 0 {
		return &exitError{exitNotVerified, fmt.Errorf("the registry does not have what it should have; do not use these images for the checks\n%s", strings.Join(wrong, "\n"))}
	}
	if len(checks) > 0 {
		m.line.lasting("self-check: %d images are as they should be", len(checks))
	}
	return nil
}

// wrong says what is wrong with an image, and what to do; empty for nothing.
func (c expectation) wrong(f registry.Facts) string {
	found, verified := f.Signatures()
	switch {
	case !f.Exists:
		return "is not there although it was pushed"
	case c.role == "signed" && !f.Verified():
		return fmt.Sprintf("has %d signatures, and not on the image and each platform one of your key", found)
	case c.role == "unsigned" && found > 0:
		return fmt.Sprintf("has %d signatures; except it from whatever signs in your registry, and run again with --new-twins", found)
	case c.role == "unsigned" && !f.Unsigned():
		return "has something beside it that can not be read and may be a signature; remove it, or run again with --new-twins"
	case c.role == "wrongKey" && verified > 0:
		return "has a signature of your key; except it from whatever signs in your registry, and run again with --new-twins"
	case c.role == "wrongKey" && !f.SignedInBothForms():
		return "has not a signature in both forms"
	}
	return ""
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return toolFailed(e.Encode(v))
}

// printMirrored writes YAML for the site file, with the rest as comments.
func printMirrored(w io.Writer, r mirrored) error {
	var b strings.Builder
	run := ""
	b.WriteString("# Copied, by digest:\n")
	for _, one := range r.Copied {
		signed := ""
		if one.Signed {
			signed = ", signed"
		}
		fmt.Fprintf(&b, "#   %s%s\n", one.Reference, signed)
		switch one.Name {
		case bvcRepository:
			run += " --image " + one.Reference
		case sonobuoyRepository:
			run += " --sonobuoy-image " + one.Reference
		}
	}
	if run != "" {
		fmt.Fprintf(&b, "# Run with:\n#   bvc run --site site.yaml%s\n", run)
	}
	if len(r.ToSign) > 0 {
		b.WriteString("# Sign these by your own procedure before the run, an index with all its platforms, and none of the twins:\n")
		for _, reference := range r.ToSign {
			fmt.Fprintf(&b, "#   %s\n", reference)
		}
	}
	if i := r.Images; i != nil {
		b.WriteString("# For the site file:\nimages:\n")
		fmt.Fprintf(&b, "  signed: %s\n  unsigned: %s\n  wrongKey: %s\n", i.Signed, i.Unsigned, i.WrongKey)
		b.WriteString("  # A Secret of type kubernetes.io/dockerconfigjson in the tenant namespaces, where the registry wants credentials:\n  #pullSecret: NAME\n")
		if i.PlainHTTP {
			b.WriteString("  plainHTTP: true\n")
		}
		if i.RegistryCA != "" {
			b.WriteString("  registryCA: |\n")
			for l := range strings.Lines(i.RegistryCA) {
				b.WriteString("    " + strings.TrimRight(l, "\r\n") + "\n")
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
