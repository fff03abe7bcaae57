package registry

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	memory "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// start starts a registry in memory and gives its name.
func start(t *testing.T, referrers bool) string {
	t.Helper()
	server := httptest.NewServer(memory.New(memory.WithReferrersSupport(referrers), memory.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func client(t *testing.T, o Options) *Client {
	t.Helper()
	o.PlainHTTP = len(o.CA) == 0
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.backoff = remote.Backoff{Duration: time.Millisecond, Factor: 1, Steps: 2}
	return c
}

func image(t *testing.T) v1.Image {
	t.Helper()
	i, err := random.Image(500, 2)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// index has two platforms and what builders put beside them.
func index(t *testing.T) v1.ImageIndex {
	t.Helper()
	add := func(os, arch string) mutate.IndexAddendum {
		return mutate.IndexAddendum{Add: image(t), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: os, Architecture: arch}}}
	}
	return mutate.AppendManifests(empty.Index, add("linux", "amd64"), add("linux", "arm64"), add("unknown", "unknown"))
}

// seed pushes and opens.
func seed(t *testing.T, c *Client, reference string, what remote.Taggable) *Artifact {
	t.Helper()
	ref, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Push(ref, what); err != nil {
		t.Fatal(err)
	}
	a, err := c.Open(t.Context(), reference)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func key(t *testing.T) Key {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func inspect(t *testing.T, c *Client, reference string, k *Key) Facts {
	t.Helper()
	var public *PublicKey
	if k != nil {
		p := k.Public()
		public = &p
	}
	f, err := c.Inspect(t.Context(), reference, public)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestCopyTwinAndSign goes the way of bvc mirror, in registries with and
// without referrers, for an image and for an index.
func TestCopyTwinAndSign(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		for what, make := range map[string]func(t *testing.T) remote.Taggable{
			"image":        func(t *testing.T) remote.Taggable { return image(t) },
			"OCI image":    func(t *testing.T) remote.Taggable { return mutate.MediaType(image(t), types.OCIManifestSchema1) },
			"index":        func(t *testing.T) remote.Taggable { return index(t) },
			"docker index": func(t *testing.T) remote.Taggable { return mutate.IndexMediaType(index(t), types.DockerManifestList) },
		} {
			t.Run(what, func(t *testing.T) {
				c, host := client(t, Options{}), start(t, referrers)
				source := seed(t, c, host+"/source/bvc:1", make(t))
				repository := host + "/verwaltung/bvc"
				pushed, err := c.Push(t.Context(), source, repository, "mirror")
				if err != nil || pushed.Already || pushed.Reference != repository+"@"+source.Digest.String() {
					t.Fatalf("%+v, %v", pushed, err)
				}
				if again, err := c.Push(t.Context(), source, repository, "mirror"); err != nil || !again.Already {
					t.Errorf("the second time: %+v, %v", again, err)
				}
				if f := inspect(t, c, pushed.Reference, nil); !f.Unsigned() || f.Verified() {
					t.Errorf("fresh copy: %+v", f)
				}

				twin, err := Twin(source, "abc")
				if err != nil {
					t.Fatal(err)
				}
				if same, err := Twin(source, "abc"); err != nil || same.Digest != twin.Digest || twin.Digest == source.Digest {
					t.Errorf("the twin is %s, then %v, of %s", twin.Digest, same, source.Digest)
				}
				twinPushed, err := c.Push(t.Context(), twin, repository, "unsigned")
				if err != nil {
					t.Fatal(err)
				}
				if found, err := c.FindTwin(t.Context(), source, repository, "unsigned"); err != nil || found == nil || found.Digest != twin.Digest {
					t.Errorf("found %v, %v", found, err)
				}
				if found, err := c.FindTwin(t.Context(), source, repository, "mirror"); err != nil || found != nil {
					t.Errorf("what is no twin was found: %v, %v", found, err)
				}
				if found, err := c.FindTwin(t.Context(), source, repository, "nothing"); err != nil || found != nil {
					t.Errorf("nothing was found: %v, %v", found, err)
				}
				sameLayers(t, source, twin)

				mine, other := key(t), key(t)
				children, err := source.children()
				if err != nil {
					t.Fatal(err)
				}
				want := 2 * (1 + len(children))
				if n, err := c.Sign(t.Context(), source, repository, "registry.example.org/bvc", mine); err != nil || n != want {
					t.Fatalf("%d signatures instead of %d, %v", n, want, err)
				}
				if n, err := c.Sign(t.Context(), source, repository, "registry.example.org/bvc", mine); err != nil || n != 0 {
					t.Errorf("signed again: %d, %v", n, err)
				}
				if f := inspect(t, c, pushed.Reference, &mine); !f.Verified() || f.Unsigned() || !f.SignedInBothForms() || f.Index != (len(children) > 0) {
					t.Errorf("signed: %+v", f)
				}
				if f := inspect(t, c, pushed.Reference, &other); f.Verified() || f.Unsigned() {
					t.Errorf("with another key: %+v", f)
				}
				if f := inspect(t, c, twinPushed.Reference, &mine); !f.Unsigned() {
					t.Errorf("the twin: %+v", f)
				}
				// A second key adds to the first one's signatures.
				if n, err := c.Sign(t.Context(), source, repository, "registry.example.org/bvc", other); err != nil || n != want {
					t.Fatalf("%d signatures, %v", n, err)
				}
				for _, k := range []Key{mine, other} {
					f := inspect(t, c, pushed.Reference, &k)
					if found, verified := f.Signatures(); !f.Verified() || found != 4*len(f.Subjects) || verified != 2*len(f.Subjects) {
						t.Errorf("both keys: %+v", f)
					}
				}
			})
		}
	}
}

// sameLayers proves that a twin runs the same bytes.
func sameLayers(t *testing.T, a, b *Artifact) {
	t.Helper()
	images := func(a *Artifact) []v1.Image {
		if a.index == nil {
			return []v1.Image{a.image}
		}
		children, err := a.children()
		if err != nil {
			t.Fatal(err)
		}
		var all []v1.Image
		for _, one := range children {
			if one.runs() {
				all = append(all, one.image)
			}
		}
		return all
	}
	left, right := images(a), images(b)
	if all, err := b.children(); err != nil || b.index != nil && len(all) != len(right) {
		t.Errorf("the twin has %d manifests, %d of them for a platform, %v", len(all), len(right), err)
	}
	if len(left) != len(right) {
		t.Fatalf("%d images and %d", len(left), len(right))
	}
	for i := range left {
		one, err := left[i].Manifest()
		two, err2 := right[i].Manifest()
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(one.Layers, two.Layers) || one.Config.Digest == two.Config.Digest {
			t.Errorf("layers %v and %v, configurations %s and %s", one.Layers, two.Layers, one.Config.Digest, two.Config.Digest)
		}
	}
}

// What lies beside an image is told apart.
func TestInspectTellsApart(t *testing.T) {
	mine := key(t)
	attach := func(artifactType string, layerType types.MediaType, data string) func(*testing.T, *Client, string, *Artifact) {
		return func(t *testing.T, c *Client, repository string, a *Artifact) {
			t.Helper()
			top, err := a.subjects()
			if err != nil {
				t.Fatal(err)
			}
			m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: artifactType, Subject: &top[0],
				Config: v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Digest: digestOf([]byte("{}")), Size: 2},
				Layers: []v1.Descriptor{{MediaType: layerType, Digest: digestOf([]byte(data)), Size: int64(len(data))}}}
			manifest, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			to, err := name.NewRepository(repository, name.Insecure)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"{}", data} {
				if err := remote.WriteLayer(to, static.NewLayer([]byte(text), "x/y")); err != nil {
					t.Fatal(err)
				}
			}
			if err := remote.Put(to.Digest(digestOf(manifest).String()), raw{manifest}); err != nil {
				t.Fatal(err)
			}
		}
	}
	tagged := func(suffix string, i func(*testing.T) v1.Image) func(*testing.T, *Client, string, *Artifact) {
		return func(t *testing.T, c *Client, repository string, a *Artifact) {
			t.Helper()
			to, err := name.NewTag(repository+":"+signatureTag(a.Digest, suffix), name.Insecure)
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Push(to, i(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	statement := `{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}`
	b := bundle{MediaType: string(bundleType), Envelope: envelope{Payload: []byte(statement), PayloadType: statementType}}
	attestation, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		put      func(*testing.T, *Client, string, *Artifact)
		want     Subject
		unsigned bool
	}{
		{"nothing", func(*testing.T, *Client, string, *Artifact) {}, Subject{}, true},
		{"attestation under its tag", tagged("att", image), Subject{Attestations: 1}, true},
		{"SBOM under its tag", tagged("sbom", image), Subject{}, true},
		{"something else under the signature's tag", tagged("sig", image), Subject{Unreadable: 1}, false},
		{"attestation as a bundle", attach(string(bundleType), bundleType, string(attestation)), Subject{Attestations: 1}, true},
		{"signature of another key and image as a bundle", attach(string(bundleType), bundleType, read(t, "bundle.json")), Subject{Signatures: []Signature{{Form: BundleForm}}}, false},
		{"bundle over the bytes", attach(string(bundleType), bundleType, `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","messageSignature":{}}`), Subject{Signatures: []Signature{{Form: BundleForm}}}, false},
		{"bundle of an older version", attach("application/vnd.dev.sigstore.bundle+json;version=0.2", "application/vnd.dev.sigstore.bundle+json;version=0.2",
			`{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.2","messageSignature":{}}`), Subject{Signatures: []Signature{{Form: BundleForm}}}, false},
		{"bundle whose kind only the layer says", attach("", bundleType, read(t, "bundle.json")), Subject{Signatures: []Signature{{Form: BundleForm}}}, false},
		{"broken bundle", attach(string(bundleType), bundleType, "{"), Subject{Unreadable: 1}, false},
		{"bundle that is none", attach(string(bundleType), bundleType, `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`), Subject{Unreadable: 1}, false},
		{"Notation", attach(notationType, "application/jose+json", "{}"), Subject{Signatures: []Signature{{Form: OtherForm}}}, false},
		{"cosign's experiment", attach(oldCosignType, payloadType, "{}"), Subject{Signatures: []Signature{{Form: OtherForm}}}, false},
		{"SBOM", attach("application/spdx+json", "application/spdx+json", "{}"), Subject{}, true},
	} {
		for _, referrers := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				k, host := client(t, Options{}), start(t, referrers)
				a := seed(t, k, host+"/bvc:1", image(t))
				c.put(t, k, host+"/bvc", a)
				f := inspect(t, k, host+"/bvc@"+a.Digest.String(), &mine)
				c.want.Digest = a.Digest.String()
				if !f.Exists || len(f.Subjects) != 1 || !reflect.DeepEqual(f.Subjects[0], c.want) {
					t.Errorf("got  %+v\nwant %+v", f.Subjects, c.want)
				}
				if f.Unsigned() != c.unsigned || f.Verified() {
					t.Errorf("unsigned %v, verified %v", f.Unsigned(), f.Verified())
				}
			})
		}
	}
}

// An index without a signature is not unsigned when its platform has one, and
// not signed when its platform has none.
func TestInspectLooksAtPlatforms(t *testing.T) {
	c, host, mine := client(t, Options{}), start(t, true), key(t)
	a := seed(t, c, host+"/bvc:1", index(t))
	children, err := a.children()
	if err != nil {
		t.Fatal(err)
	}
	reference := host + "/bvc@" + a.Digest.String()
	sign := func(i v1.Image) {
		t.Helper()
		one, err := newArtifact("one", i, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Sign(t.Context(), one, host+"/bvc", host+"/bvc", mine); err != nil {
			t.Fatal(err)
		}
	}
	sign(children[1].image) // arm64, which is not looked at
	if f := inspect(t, c, reference, &mine); !f.Unsigned() || len(f.Subjects) != 2 || f.Subjects[1].Platform != "linux/amd64" {
		t.Errorf("%+v", f)
	}
	sign(children[0].image)
	if f := inspect(t, c, reference, &mine); f.Unsigned() || f.Verified() || f.SignedInBothForms() {
		t.Errorf("%+v", f)
	}
	arm := client(t, Options{Platform: v1.Platform{OS: "linux", Architecture: "arm64"}})
	if f := inspect(t, arm, reference, &mine); len(f.Subjects) != 2 || len(f.Subjects[1].Signatures) != 2 {
		t.Errorf("%+v", f)
	}
}

// A signature counts for its own digest only.
func TestSignatureOfAnotherDigest(t *testing.T) {
	c, host, mine := client(t, Options{}), start(t, false), key(t)
	one, two := seed(t, c, host+"/bvc:1", image(t)), seed(t, c, host+"/bvc:2", image(t))
	if _, err := c.Sign(t.Context(), one, host+"/bvc", host+"/bvc", mine); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"sig", ""} {
		from, err := name.NewTag(host+"/bvc:"+signatureTag(one.Digest, suffix), name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		d, err := remote.Get(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Put(from.Context().Tag(signatureTag(two.Digest, suffix)), d); err != nil {
			t.Fatal(err)
		}
	}
	f := inspect(t, c, host+"/bvc@"+two.Digest.String(), &mine)
	if found, verified := f.Signatures(); found != 2 || verified != 0 {
		t.Errorf("%+v", f)
	}
}

func read(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "cosign", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What cosign 3.1.3 wrote is verified, and what is written here has the same shape.
func TestSignaturesAreThoseOfCosign(t *testing.T) {
	public, err := ParsePublicKey([]byte(read(t, "cosign.pub")))
	if err != nil {
		t.Fatal(err)
	}
	if string(public.PEM()) != read(t, "cosign.pub") {
		t.Errorf("the key is written as\n%s", public.PEM())
	}
	digest := v1.Hash{Algorithm: "sha256", Hex: "d406f61a4d7e828a4bc09f77697f002ee8e9979357862f6460a845a4b0817ea1"}
	found, err := parseBundle([]byte(read(t, "bundle.json")))
	if err != nil || !found.verifiedBy(public, digest) || found.verifiedBy(key(t).Public(), digest) || found.verifiedBy(public, digestOf(nil)) {
		t.Errorf("the bundle: %+v, %v", found, err)
	}
	m, err := parseManifest([]byte(read(t, "signature-manifest.json")))
	if err != nil {
		t.Fatal(err)
	}
	all, err := tagSignatures(m)
	payload := []byte(read(t, "payload.json"))
	if err != nil || len(all) != 1 || all[0].layer.Digest != digestOf(payload) || !payloadIsFor(payload, digest) || payloadIsFor(payload, digestOf(nil)) || !public.verifies(payload, all[0].signature) {
		t.Errorf("the tag form: %v, %v", all, err)
	}
	if ours, err := newPayload("127.0.0.1:15001/rev/sonobuoy", digest); err != nil || string(ours) != string(payload) {
		t.Errorf("our payload is\n%s, %v", ours, err)
	}
	mine := key(t)
	ours, err := newBundle(mine, digest)
	if err != nil {
		t.Fatal(err)
	}
	var theirs, ownWords map[string]any
	if err := errors.Join(json.Unmarshal(ours, &ownWords), json.Unmarshal([]byte(read(t, "bundle.json")), &theirs)); err != nil {
		t.Fatal(err)
	}
	for _, b := range []map[string]any{theirs, ownWords} {
		b["verificationMaterial"].(map[string]any)["publicKey"].(map[string]any)["hint"] = ""
		b["dsseEnvelope"].(map[string]any)["signatures"].([]any)[0].(map[string]any)["sig"] = ""
	}
	if !reflect.DeepEqual(theirs, ownWords) {
		t.Errorf("our bundle is\n%s", ours)
	}
	if !strings.Contains(read(t, "bundle.json"), public.hint()) {
		t.Errorf("the hint is %s", public.hint())
	}
}

func pemOf(t *testing.T, kind string, der []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestKeys(t *testing.T) {
	p256, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, err2 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	long, err3 := rsa.GenerateKey(rand.Reader, 2048)
	_, edwards, err4 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	pkcs8 := func(k crypto.Signer) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		return pemOf(t, "PRIVATE KEY", der, err)
	}
	sec1, err := x509.MarshalECPrivateKey(p256)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(p256)
	if err != nil {
		t.Fatal(err)
	}
	box, err := encrypted.Encrypt(der, []byte("geheim"))
	sealed := pemOf(t, "ENCRYPTED SIGSTORE PRIVATE KEY", box, err)
	password := func() (string, error) { return "geheim", nil }
	never := func() (string, error) { return "", errors.New("nobody was to be asked") }
	for _, c := range []struct {
		name     string
		data     []byte
		password func() (string, error)
	}{
		{"P-256", pkcs8(p256), never}, {"P-256 in SEC 1", pemOf(t, "EC PRIVATE KEY", sec1, nil), never}, {"P-384", pkcs8(p384), never},
		{"RSA", pkcs8(long), never}, {"RSA in PKCS #1", pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(long), nil), never}, {"Ed25519", pkcs8(edwards), never},
		{"cosign", sealed, password}, {"older cosign", []byte(strings.ReplaceAll(string(sealed), "SIGSTORE", "COSIGN")), password},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := ParseKey(c.data, c.password)
			if err != nil {
				t.Fatal(err)
			}
			sig, err := k.sign([]byte("text"))
			if err != nil {
				t.Fatal(err)
			}
			public, err := ParsePublicKey(k.Public().PEM())
			if err != nil || !public.verifies([]byte("text"), sig) || public.verifies([]byte("test"), sig) || public.verifies([]byte("text"), nil) || key(t).Public().verifies([]byte("text"), sig) {
				t.Errorf("the signature: %v", err)
			}
		})
	}
	public := key(t).Public().PEM()
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "is no key in PEM"},
		{"damaged", pemOf(t, "PRIVATE KEY", []byte("x"), nil), "is damaged"},
		{"public", public, "is a public key"},
		{"certificate", pemOf(t, "CERTIFICATE", der, nil), `of type "CERTIFICATE"`},
		{"PKCS #8 with a password", pemOf(t, "ENCRYPTED PRIVATE KEY", der, nil), "cosign import-key-pair"},
		{"damaged cosign", pemOf(t, "ENCRYPTED COSIGN PRIVATE KEY", []byte("{}"), nil), "the password is wrong, or the file is damaged"},
		{"wrong password", sealed, "the password is wrong"},
	} {
		_, err := ParseKey(c.data, func() (string, error) { return "anders", nil })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := ParseKey(sealed, never); err == nil || !strings.Contains(err.Error(), "nobody was to be asked") {
		t.Errorf("%v", err)
	}
	short, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: long.N.Rsh(long.N, 1100), E: 65537})
	if _, err := ParsePublicKey(pemOf(t, "PUBLIC KEY", short, err)); err == nil || !strings.Contains(err.Error(), "at least 2048") {
		t.Errorf("a short RSA key: %v", err)
	}
	if _, err := ParsePublicKey([]byte("x")); err == nil {
		t.Error("no public key was taken for one")
	}
}

func TestDockerConfig(t *testing.T) {
	const config = `{"auths":{
		"https://registry.example.org/v1/":{"username":"whole","password":"p"},
		"registry.example.org/verwaltung":{"username":"path","password":"p"},
		"registry.example.org:5000":{"auth":"cG9ydDpw"},
		"*.wild.example.org":{"username":"wild","password":"p"},
		"docker.io":{"username":"hub","password":"p"}}}`
	keychain, err := DockerConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	for reference, want := range map[string]string{
		"registry.example.org/a": "whole", "registry.example.org/verwaltung/bvc": "path", "registry.example.org/verwaltung": "path", "registry.example.org/verwaltungen/bvc": "whole",
		"registry.example.org:5000/a": "port", "one.wild.example.org/a": "wild", "one.two.wild.example.org/a": "", "wild.example.org/a": "", "other.example.org/a": "", "ubuntu": "hub",
	} {
		repository, err := name.NewRepository(reference)
		if err != nil {
			t.Fatal(err)
		}
		auth, err := keychain.Resolve(repository)
		if err != nil {
			t.Fatal(err)
		}
		got, err := auth.Authorization()
		if err != nil || got.Username != want {
			t.Errorf("%s: %q instead of %q, %v", reference, got.Username, want, err)
		}
	}
	for _, broken := range []string{"", "{}", "[]", `{"auths":{}}`, `{"auths":{"a":{"auth":"hunter2!"}}}`, `{"auths":{"a":{"auth":"aHVudGVyMg=="}}}`, strings.Repeat(" ", maxDockerConfig+1)} {
		if _, err := DockerConfig([]byte(broken)); err == nil {
			t.Errorf("%.40q was taken", broken)
		} else if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "aHVudGVyMg") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestLayout(t *testing.T) {
	c, host := client(t, Options{}), start(t, true)
	images := []Named{{"bvc", seed(t, c, host+"/a:1", image(t))}, {"sonobuoy", seed(t, c, host+"/b:1", index(t))}}
	dir := filepath.Join(t.TempDir(), "layout")
	if err := SaveLayout(t.Context(), dir, images); err != nil {
		t.Fatal(err)
	}
	if err := SaveLayout(t.Context(), dir, images); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("written over: %v", err)
	}
	list, err := os.ReadFile(filepath.Join(dir, ListFile))
	if want := images[0].Digest.String() + "  bvc  " + images[0].Source + "\n" + images[1].Digest.String() + "  sonobuoy  " + images[1].Source + "\n"; err != nil || string(list) != want {
		t.Errorf("the list is\n%s", list)
	}
	loaded, err := LoadLayout(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	to := start(t, false)
	for i, one := range loaded {
		if one.Name != images[i].Name || one.Digest != images[i].Digest || one.Source != images[i].Source || one.Size != images[i].Size {
			t.Errorf("read back %+v", one)
		}
		pushed, err := c.Push(t.Context(), one.Artifact, to+"/"+one.Name, "x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Open(t.Context(), pushed.Reference); err != nil {
			t.Error(err)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := LoadLayout(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	other := filepath.Join(t.TempDir(), "layout")
	if err := SaveLayout(ctx, other, images); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(other)); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestBrokenLayouts(t *testing.T) {
	c, host := client(t, Options{}), start(t, true)
	images := []Named{{"bvc", seed(t, c, host+"/a:1", image(t))}, {"sonobuoy", seed(t, c, host+"/b:1", index(t))}}
	manifest, err := images[0].image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	children, err := images[1].children()
	if err != nil {
		t.Fatal(err)
	}
	arm, err := children[1].image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	blob := func(dir string, h v1.Hash) string { return filepath.Join(dir, "blobs", h.Algorithm, h.Hex) }
	edit := func(path string, by func(string) string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(by(string(data))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	renamed := func(dir, from, to string) {
		edit(filepath.Join(dir, "index.json"), func(s string) string {
			return strings.Replace(strings.ReplaceAll(s, `": "`, `":"`), from, to, 1)
		})
	}
	flip := func(s string) string { return s[:len(s)-1] + string(s[len(s)-1]^1) }
	for _, one := range []struct {
		name   string
		damage func(dir string)
		want   string
	}{
		{"layer gone", func(dir string) { _ = os.Remove(blob(dir, manifest.Layers[1].Digest)) }, "is missing"},
		{"layer truncated", func(dir string) { edit(blob(dir, manifest.Layers[0].Digest), func(s string) string { return s[:10] }) }, "has 10 bytes instead of"},
		{"layer tampered with", func(dir string) { edit(blob(dir, manifest.Layers[0].Digest), flip) }, "has other content"},
		{"layer of a platform tampered with", func(dir string) { edit(blob(dir, arm.Layers[0].Digest), flip) }, "has other content"},
		{"configuration tampered with", func(dir string) { edit(blob(dir, manifest.Config.Digest), flip) }, "has other content"},
		{"manifest tampered with", func(dir string) { edit(blob(dir, images[0].Digest), flip) }, "has other content"},
		{"layer is a link", func(dir string) {
			path := blob(dir, manifest.Layers[0].Digest)
			_ = os.Rename(path, path+"x")
			_ = os.Symlink(path+"x", path)
		}, "is no file"},
		{"index is no JSON", func(dir string) { edit(filepath.Join(dir, "index.json"), func(s string) string { return s[:20] }) }, "index.json can not be read"},
		{"index is empty", func(dir string) {
			edit(filepath.Join(dir, "index.json"), func(string) string { return `{"schemaVersion":2,"manifests":[]}` })
		}, "names 0 images"},
		{"index is huge", func(dir string) {
			edit(filepath.Join(dir, "index.json"), func(s string) string { return s + strings.Repeat(" ", maxImageManifest) })
		}, "larger than allowed"},
		{"name of an image gone", func(dir string) {
			edit(filepath.Join(dir, "index.json"), func(s string) string { return strings.Replace(s, annotationName, "x", 1) })
		}, "has no name"},
		{"name that leaves the repository", func(dir string) { renamed(dir, `":"bvc"`, `":"../bvc"`) }, "none of a repository"},
		{"name with a control character", func(dir string) { renamed(dir, `":"bvc"`, `":"b\u001b[2Jvc"`) }, `has the name "b\x1b[2Jvc"`},
		{"name with a tag", func(dir string) { renamed(dir, `":"bvc"`, `":"bvc:1"`) }, "none of a repository"},
		{"source with a control character", func(dir string) { renamed(dir, images[0].Source, `a\u001b[2J`) }, `has the source "a\x1b[2J"`},
		{"source of another digest", func(dir string) {
			renamed(dir, images[0].Source, "registry.example/a@sha256:"+strings.Repeat("1", 64))
		}, "and its source is said to be"},
		{"another kind of thing", func(dir string) {
			edit(filepath.Join(dir, "index.json"), func(s string) string {
				return strings.Replace(s, string(types.DockerManifestSchema2), "text/html", 1)
			})
		}, "is no image but"},
		{"path instead of a digest", func(dir string) {
			edit(filepath.Join(dir, "index.json"), func(s string) string {
				return strings.Replace(s, images[0].Digest.String(), "sha256:../../../etc/passwd", 1)
			})
		}, "can not be read"},
	} {
		t.Run(one.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "layout")
			if err := SaveLayout(t.Context(), dir, images); err != nil {
				t.Fatal(err)
			}
			one.damage(dir)
			_, err := LoadLayout(t.Context(), dir)
			if err == nil || !strings.Contains(err.Error(), one.want) {
				t.Errorf("%v", err)
			}
			if !errors.Is(err, ErrBroken) && one.name != "index is huge" {
				t.Errorf("is not told as broken: %v", err)
			}
		})
	}
	if _, err := LoadLayout(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "is no OCI layout") || errors.Is(err, ErrBroken) {
		t.Errorf("an empty directory: %v", err)
	}
}

// Plain HTTP without a flag is for the machine itself and for nothing else.
func TestPlainLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1:5000": true, "localhost": true, "localhost:5000": true, "[::1]:5000": true,
		"192.0.2.1:5000": false, "localhost.example.org": false, "127.0.0.1.example.org": false, "registry.example.org": false, "": false,
	} {
		if Loopback(host) != want {
			t.Errorf("%s: %t", host, !want)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://192.0.2.1/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (guard{loopback: true}).RoundTrip(request)
	if err == nil {
		answer.Body.Close()
	}
	if !errors.Is(err, errPlain) {
		t.Errorf("%v, %v", answer, err)
	}
	host := start(t, true)
	seed(t, client(t, Options{PlainHTTP: true}), host+"/a:1", image(t))
	for permitted, options := range map[bool]Options{true: {PlainLoopback: true}, false: {}} {
		c, err := New(options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Open(t.Context(), host+"/a:1"); (err == nil) != permitted {
			t.Errorf("permitted %t: %v", permitted, err)
		}
	}
}
