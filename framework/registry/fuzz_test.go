package registry

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

// FuzzSignatures gives foreign bytes to everything that reads them: nothing
// crashes, and nothing that is not signed is verified.
func FuzzSignatures(f *testing.F) {
	for _, file := range []string{"bundle.json", "bundle-manifest.json", "payload.json", "signature-manifest.json"} {
		f.Add([]byte(read(f, file)))
	}
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{}]}}`))
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"digest":"sha256:","platform":{"os":"linux"}}]}`))
	k, err := NewKey()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		digest := digestOf([]byte("an image"))
		if m, err := parseManifest(data); err == nil {
			found, _ := tagSignatures(m)
			for _, one := range found {
				if k.Public().verifies(data, one.signature) {
					t.Error("a signature that the key did not make is verified")
				}
			}
		}
		if m, err := parseIndex(data, maxPlatforms); err == nil && len(m.Manifests) > maxPlatforms {
			t.Errorf("%d manifests", len(m.Manifests))
		}
		if found, err := parseBundle(data); err == nil && found.verifiedBy(k.Public(), digest) {
			t.Error("a bundle that the key did not make is verified")
		}
		payloadIsFor(data, digest)
		isIndex(answer{body: data})
	})
}

// FuzzDockerConfig gives foreign bytes to the reader of credentials.
func FuzzDockerConfig(f *testing.F) {
	f.Add([]byte(`{"auths":{"https://registry.example.org/v1/":{"username":"a","password":"b"}}}`))
	f.Add([]byte(`{"auths":{"*.example.org":{"auth":"YTpi"},"[":{}}}`))
	repository, err := name.NewRepository("registry.example.org/verwaltung/bvc")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keychain, err := DockerConfig(data)
		if err != nil {
			return
		}
		if _, err := keychain.Resolve(repository); err != nil {
			t.Error(err)
		}
	})
}
