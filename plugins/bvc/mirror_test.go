package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	memory "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/registry"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// registries keeps the credentials of whoever runs the tests out of them, and
// gives a registry in memory behind a handler that may look first.
func registries(t *testing.T, referrers bool, first func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	home := t.TempDir()
	for _, variable := range []string{"HOME", "DOCKER_CONFIG", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "REGISTRY_AUTH_FILE"} {
		t.Setenv(variable, home)
	}
	store := memory.New(memory.WithReferrersSupport(referrers), memory.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first == nil || !first(w, r) {
			store.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// sources pushes an image of bvc and an index of Sonobuoy, and gives their
// references by digest.
func sources(t *testing.T, host string) (string, string) {
	t.Helper()
	images := make([]v1.Image, 3)
	for i := range images {
		var err error
		if images[i], err = random.Image(300, 2); err != nil {
			t.Fatal(err)
		}
	}
	push := func(reference string, what remote.Taggable, digest v1.Hash, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.NewTag(reference, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Push(ref, what); err != nil {
			t.Fatal(err)
		}
		return ref.Context().Digest(digest.String()).String()
	}
	d, err := images[0].Digest()
	bvc := push(host+"/source/bvc:1", images[0], d, err)
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: images[1], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: images[2], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}})
	d, err = index.Digest()
	return bvc, push(host+"/source/sonobuoy:1", index, d, err)
}

// signingKey writes a key as openssl does.
func signingKey(t *testing.T) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "site.key")
	write(t, path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return path
}

func decodeMirrored(t *testing.T, got execution) mirrored {
	t.Helper()
	if got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	var m mirrored
	if err := json.Unmarshal([]byte(got.stdout), &m); err != nil {
		t.Fatalf("%v in %s", err, got.stdout)
	}
	return m
}

// lastMessage is what bvc ended with, after the lines of progress.
func lastMessage(t *testing.T, got execution) string {
	t.Helper()
	at := strings.Index(got.stderr, "bvc: ")
	for at > 0 && got.stderr[at-1] != '\n' { // a line of progress may name an image so
		next := strings.Index(got.stderr[at+1:], "bvc: ")
		if next < 0 {
			at = -1
			break
		}
		at += 1 + next
	}
	if at < 0 {
		t.Fatalf("no message of bvc: %s", got.stderr)
	}
	// A repository may be called bvc, too.
	said(t, strings.ReplaceAll(got.stderr[at:], "/bvc: ", "/…: "))
	return got.stderr[at:]
}

func firstLayer(t *testing.T, ref name.Reference) string {
	t.Helper()
	image, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) == 0 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	r, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestMirror(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		host := registries(t, referrers, nil)
		bvcImage, sonobuoy := sources(t, host)
		key := signingKey(t)
		args := []string{"mirror", "--image", bvcImage, "--sonobuoy-image", sonobuoy, "--to", host + "/verwaltung/bvc", "--as", "registry.example.org/rz", "--plain-http", "--key", key}
		m := decodeMirrored(t, bvc(t.Context(), append(args, "-o", "json")...))
		at := func(reference string) string { _, digest, _ := strings.Cut(reference, "@"); return "@" + digest }
		if len(m.Copied) != 2 || len(m.ToSign) != 0 || m.Images == nil {
			t.Fatalf("%+v", m)
		}
		if got, want := m.Copied[1], (copied{"sonobuoy", sonobuoy, "registry.example.org/rz/sonobuoy" + at(sonobuoy), true}); got != want {
			t.Errorf("%+v", got)
		}
		client, err := registry.New(registry.Options{PlainHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		if latest, err := client.Open(t.Context(), host+"/verwaltung/bvc/bvc:latest"); err != nil || "@"+latest.Digest.String() != at(bvcImage) {
			t.Errorf("by the tag latest there is %v: %v", latest, err)
		}
		i := m.Images
		if i.Signed != m.Copied[0].Reference || i.Signed != "registry.example.org/rz/bvc"+at(bvcImage) || !i.PlainHTTP || i.RegistryCA != "" {
			t.Errorf("%+v", i)
		}
		for _, reference := range []string{i.Unsigned, i.WrongKey} {
			if !strings.HasPrefix(reference, "registry.example.org/rz/bvc@sha256:") || reference == i.Signed {
				t.Errorf("%s", reference)
			}
		}

		// Once more nothing changes, and the text is YAML for a site file.
		again := bvc(t.Context(), args...)
		if again.code != exitOK || strings.Contains(again.stderr, "copied") || strings.Contains(again.stderr, "written") || strings.Contains(again.stderr, "made") {
			t.Errorf("exit code %d: %s", again.code, again.stderr)
		}
		cat, err := loadCatalogue()
		if err != nil {
			t.Fatal(err)
		}
		s, err := codec.DecodeSite("site.yaml", []byte("apiVersion: conformance.opencode.de/v1alpha1\nkind: Site\nname: a\norganisation: b\nprotectionNeed: normal\n"+again.stdout), cat)
		if err != nil || s.Images != *i {
			t.Errorf("%+v, %v from\n%s", s.Images, err, again.stdout)
		}
		if !strings.Contains(again.stdout, "bvc run --site site.yaml --image "+i.Signed+" --sonobuoy-image registry.example.org/rz/sonobuoy@") {
			t.Errorf("no command to go on with:\n%s", again.stdout)
		}

		// What is signed has the name that the cluster knows.
		tag, err := name.NewTag(host+"/verwaltung/bvc/bvc:"+strings.Replace(strings.TrimPrefix(at(bvcImage), "@"), ":", "-", 1)+".sig", name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if payload := firstLayer(t, tag); !strings.Contains(payload, `"docker-reference":"registry.example.org/rz/bvc"`) {
			t.Errorf("signed was %s", payload)
		}
		c, err := registry.New(registry.Options{PlainHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		here := host + "/verwaltung/bvc/bvc" + at(i.Unsigned)
		a, err := c.Open(t.Context(), here)
		if err != nil {
			t.Fatal(err)
		}
		// Something in the registry signs the twin that must have no signature.
		robot, err := registry.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Sign(t.Context(), a, host+"/verwaltung/bvc/bvc", "x", robot); err != nil {
			t.Fatal(err)
		}
		got := bvc(t.Context(), args...)
		if got.code != exitNotVerified || got.stdout != "" || !strings.Contains(lastMessage(t, got), here+" (unsigned): has 2 signatures; except it") {
			t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
		}
		fresh := decodeMirrored(t, bvc(t.Context(), append(args, "-o", "json", "--new-twins")...))
		if fresh.Images.Unsigned == i.Unsigned || fresh.Images.WrongKey == i.WrongKey || fresh.Images.Signed != i.Signed {
			t.Errorf("%+v", fresh.Images)
		}
		// The site's own pipeline signs the twin of the wrong key.
		data, err := os.ReadFile(key)
		if err != nil {
			t.Fatal(err)
		}
		site, err := registry.ParseKey(data, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a, err = c.Open(t.Context(), host+"/verwaltung/bvc/bvc"+at(fresh.Images.WrongKey)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Sign(t.Context(), a, host+"/verwaltung/bvc/bvc", "x", site); err != nil {
			t.Fatal(err)
		}
		if got := bvc(t.Context(), args...); got.code != exitNotVerified || !strings.Contains(lastMessage(t, got), "(wrongKey): has a signature of your key") {
			t.Errorf("exit code %d: %s", got.code, got.stderr)
		}
	}
}

// The key is in an HSM: the twins are made, and the rest is said.
func TestMirrorWithoutKey(t *testing.T) {
	host := registries(t, false, nil)
	bvcImage, sonobuoy := sources(t, host)
	args := []string{"mirror", "--image", bvcImage, "--sonobuoy-image", sonobuoy, "--also", host + "/source/bvc:1", "--to", host + "/a", "--plain-http"}
	m := decodeMirrored(t, bvc(t.Context(), append(args, "-o", "json", "--twins")...))
	if len(m.Copied) != 3 || len(m.ToSign) != 3 || m.Images == nil || m.Copied[0].Signed || m.Copied[2].Source != bvcImage {
		t.Errorf("%+v", m)
	}
	if got := bvc(t.Context(), append(args, "--twins")...); got.code != exitOK || !strings.Contains(got.stdout, "# Sign these by your own procedure") {
		t.Errorf("exit code %d: %s", got.code, got.stdout)
	}
	if m := decodeMirrored(t, bvc(t.Context(), append(args, "-o", "json")...)); m.Images != nil || len(m.ToSign) > 0 {
		t.Errorf("nobody asked for twins: %+v", m)
	}
	// Ours is signed later by the site: that is as it should be.
	c, err := registry.New(registry.Options{PlainHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	k, err := registry.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Open(t.Context(), m.Images.Signed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sign(t.Context(), a, host+"/a/bvc", "x", k); err != nil {
		t.Fatal(err)
	}
	if got := bvc(t.Context(), append(args, "--twins")...); got.code != exitOK {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// expecting is the flag that says what a layout must hold.
func expecting(name, reference string) []string {
	_, digest, _ := strings.Cut(reference, "@")
	return []string{"--expect", name + "@" + digest}
}

func TestMirrorThroughALayout(t *testing.T) {
	host := registries(t, true, nil)
	bvcImage, sonobuoy := sources(t, host)
	dir := filepath.Join(t.TempDir(), "transport")
	got := bvc(t.Context(), "mirror", "--image", bvcImage, "--sonobuoy-image", sonobuoy, "--to-layout", dir, "--plain-http")
	if got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	list := bvc(t.Context(), "mirror", "--from-layout", dir, "--list")
	if list.code != exitOK || list.stdout != got.stdout || !strings.Contains(list.stdout, "  sonobuoy  "+sonobuoy+"\n") {
		t.Errorf("exit code %d:\n%s\n%s%s", list.code, list.stdout, got.stdout, list.stderr)
	}
	var wants struct{ Images []wanted }
	asJSON := bvc(t.Context(), "mirror", "--from-layout", dir, "--list", "-o", "json", "--to", "registry.example.org/rz")
	if err := json.Unmarshal([]byte(asJSON.stdout), &wants); err != nil || len(wants.Images) != 2 || !strings.HasPrefix(wants.Images[0].Target, "registry.example.org/rz/bvc@sha256:") {
		t.Errorf("%v: %s%s", err, asJSON.stdout, asJSON.stderr)
	}
	other := registries(t, false, nil)
	sign := []string{"mirror", "--from-layout", dir, "--to", other + "/rz", "--plain-http", "--key", signingKey(t), "-o", "json"}
	expect := append(expecting("bvc", bvcImage), expecting("sonobuoy", sonobuoy)...)
	// What nobody compared is not signed, and neither is what is something else.
	for _, c := range []struct {
		expect []string
		code   int
		want   string
	}{
		{nil, exitUsage, "compare what 'bvc mirror --list' says"},
		{expecting("bvc", bvcImage), exitNotVerified, "it holds sonobuoy@sha256:"},
		{append(expecting("bvc", sonobuoy), expecting("sonobuoy", sonobuoy)...), exitNotVerified, "it does not hold bvc@sha256:"},
		{append(expecting("more", bvcImage), expect...), exitNotVerified, "it does not hold more@sha256:"},
		{[]string{"--expect", "bvc"}, exitUsage, "write NAME@sha256:"},
	} {
		got := bvc(t.Context(), append(append([]string{}, sign...), c.expect...)...)
		if got.code != c.code || got.stdout != "" || strings.Contains(got.stderr, "copied") || !strings.Contains(lastMessage(t, got), c.want) {
			t.Errorf("%v: exit code %d: %s%s", c.expect, got.code, got.stdout, got.stderr)
		}
	}
	m := decodeMirrored(t, bvc(t.Context(), append(sign, expect...)...))
	if len(m.Copied) != 2 || m.Images == nil || m.Copied[0].Source != bvcImage {
		t.Errorf("%+v", m)
	}

	blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
	if err != nil || len(blobs) < 5 {
		t.Fatalf("%v, %v", blobs, err)
	}
	if err := os.Truncate(blobs[3], 5); err != nil {
		t.Fatal(err)
	}
	broken := bvc(t.Context(), "mirror", "--from-layout", dir, "--to", other+"/rz", "--plain-http")
	if text := lastMessage(t, broken); broken.code != exitNotVerified || broken.stdout != "" || !strings.Contains(text, "the layout is broken") || !strings.Contains(text, "Copy it anew") {
		t.Errorf("exit code %d: %s", broken.code, broken.stderr)
	}
	if got := bvc(t.Context(), "mirror", "--image", bvcImage, "--to-layout", dir, "--plain-http"); got.code != exitUsage || !strings.Contains(lastMessage(t, got), "is there already") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// References by digest are listed without a network.
func TestMirrorList(t *testing.T) {
	registries(t, true, nil)
	const digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	got := bvc(t.Context(), "mirror", "--list", "--image", "registry.invalid/a/x@"+digest, "--also", "registry.invalid/a/hook@"+digest, "--to", "registry.example.org/rz")
	if want := digest + "  bvc  registry.invalid/a/x@" + digest + "  -> registry.example.org/rz/bvc@" + digest + "\n" +
		digest + "  hook  registry.invalid/a/hook@" + digest + "  -> registry.example.org/rz/hook@" + digest + "\n"; got.code != exitOK || got.stdout != want {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
}

func TestMirrorWrongUse(t *testing.T) {
	host, other := registries(t, true, nil), registries(t, true, nil)
	bvcImage, sonobuoy := sources(t, host)
	elsewhere, _ := sources(t, other)
	dir := t.TempDir()
	garbage, sealed := filepath.Join(dir, "garbage"), filepath.Join(dir, "sealed")
	write(t, garbage, []byte("x"))
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	authority := filepath.Join(dir, "authority")
	write(t, authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	write(t, sealed, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: []byte("{}")}))
	t.Setenv(passwordVariable, "")
	if err := os.Unsetenv(passwordVariable); err != nil {
		t.Fatal(err)
	}
	to := " --to " + host + "/a --plain-http"
	for _, c := range []struct{ args, want string }{
		{"", "no image to copy"},
		{"--image " + bvcImage, "nowhere to copy to"},
		{"--image " + bvcImage + " --from-layout x" + to, "leave out --image"},
		{"--image " + bvcImage + " --to-layout x" + to, "two journeys"},
		{"--image " + bvcImage + " --to-layout x --key y", "need a registry"},
		{"--image " + bvcImage + " --new-twins" + to, "--new-twins needs"},
		{"--image " + bvcImage + " --expect bvc@sha256:1" + to, "--expect is about a layout"},
		{"--image " + bvcImage + " -o yaml" + to, "it is text or json"},
		{"--image " + bvcImage + " --to https://registry.example.org/a", "without a scheme"},
		{"--image " + bvcImage + " --to verwaltung/bvc", "write a registry, with a path where you want one"},
		{"--image " + bvcImage + " --to registry.example.org/a:1", "write a registry, with a path where you want one"},
		{"--image " + bvcImage + " --as UPPER" + to, "--as"},
		{"--image :" + to, "is no reference of an image"},
		{"--image " + bvcImage + " --key " + dir + "/gone" + to, "no such file"},
		{"--image " + bvcImage + " --key " + garbage + to, "is no key in PEM"},
		{"--image " + bvcImage + " --key " + sealed + to, "COSIGN_PASSWORD"},
		{"--image " + bvcImage + " --ca-file " + garbage + to, "--ca-file"},
		{"--sonobuoy-image " + sonobuoy + " --twins" + to, "no image of bvc to make twins of"},
		{"--image " + host + "/source/nothing:1" + to, "Check the reference"},
		{"--image " + bvcImage + " --to " + host + "/a", "speaks plain HTTP where TLS is expected\nGive the certificate"},
		{"--image " + elsewhere + " --ca-file " + authority + " --to " + host + "/a", "Check that " + authority + " holds its authority"},
		{"--image 127.0.0.1:1/bvc:1 --to 127.0.0.1:1/a --plain-http", "Check the name 127.0.0.1:1, the way there, and HTTPS_PROXY"},
		{"--image registry.invalid/bvc:1 --to 127.0.0.1:1/a", "Check the name registry.invalid"},
		{"--from-layout " + dir + to, "is no OCI layout"},
		{"--from-layout " + dir + "/gone --list", "is no OCI layout"},
	} {
		got := bvc(t.Context(), append([]string{"mirror"}, strings.Fields(c.args)...)...)
		if got.code != exitUsage || got.stdout != "" || !strings.Contains(lastMessage(t, got), c.want) {
			t.Errorf("%s: exit code %d: %s%s", c.args, got.code, got.stdout, got.stderr)
		}
	}
}

// What lies on the machine itself needs no flag, and --to no path; advice is
// given for flags that are not.
func TestMirrorFromThisMachine(t *testing.T) {
	host, other := registries(t, true, nil), registries(t, true, nil)
	image, _ := sources(t, other)
	if m := decodeMirrored(t, bvc(t.Context(), "mirror", "--image", image, "--to", host, "--plain-http", "-o", "json")); len(m.Copied) != 1 || !strings.HasPrefix(m.Copied[0].Reference, host+"/bvc@sha256:") {
		t.Errorf("%+v", m)
	}
	for _, c := range []struct {
		o                mirrorOptions
		reference, never string
	}{
		{mirrorOptions{to: "a.example", caFile: "x"}, "a.example/bvc:1", "--ca-file"},
		{mirrorOptions{to: "a.example", plainHTTP: true}, "a.example/bvc:1", "--plain-http"},
		{mirrorOptions{to: "a.example"}, "b.example/bvc:1", "--plain-http"},
	} {
		if got := (&mirroring{mirrorOptions: c.o}).tlsAdvice(c.reference); strings.Contains(got, c.never) {
			t.Errorf("%s: %s", c.reference, got)
		}
	}
}

// A registry wants credentials, and gives some of them no right to push.
func TestMirrorCredentials(t *testing.T) {
	host := registries(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		switch {
		case password != "geheim":
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		case user == "reader" && r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"requested access is denied"}]}`)
		default:
			return false
		}
		return true
	})
	other := registries(t, true, nil)
	bvcImage, _ := sources(t, other)
	dir := filepath.Join(t.TempDir(), "transport")
	if got := bvc(t.Context(), "mirror", "--image", bvcImage, "--to-layout", dir, "--plain-http"); got.code != exitOK {
		t.Fatal(got.stderr)
	}
	home := t.TempDir()
	t.Setenv("DOCKER_CONFIG", home)
	for _, c := range []struct {
		user, password string
		code           int
		want           string
	}{
		{"writer", "geheim", exitOK, ""},
		{"reader", "geheim", exitUsage, "the registry answered 403 Forbidden DENIED\nLog in with 'docker login " + host},
		{"writer", "falsch", exitUsage, "the registry answered 401 Unauthorized"},
	} {
		data, err := json.Marshal(map[string]any{"auths": map[string]any{host: map[string]string{"username": c.user, "password": c.password}}})
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(home, "config.json"), data)
		got := bvc(t.Context(), "mirror", "--from-layout", dir, "--to", host+"/"+c.user+c.password, "--plain-http", "--key", signingKey(t), expecting("bvc", bvcImage)[0], expecting("bvc", bvcImage)[1])
		if got.code != c.code || strings.Contains(got.stdout+got.stderr, c.password+"\"") || c.want != "" && (!strings.Contains(lastMessage(t, got), c.want) || got.stdout != "") {
			t.Errorf("%s: exit code %d: %s%s", c.user, got.code, got.stdout, got.stderr)
		}
	}
}

// Whenever it is interrupted, nothing is printed that somebody could copy into
// a site file, and the next call completes what is there.
func TestMirrorInterrupted(t *testing.T) {
	var requests, stopAt atomic.Int64
	var cancel context.CancelFunc
	host := registries(t, false, func(_ http.ResponseWriter, r *http.Request) bool {
		if n := stopAt.Load(); n > 0 && requests.Add(1) == n {
			cancel()
		}
		return false
	})
	bvcImage, sonobuoy := sources(t, host)
	args := []string{"mirror", "--image", bvcImage, "--sonobuoy-image", sonobuoy, "--to", host + "/a", "--plain-http", "--key", signingKey(t)}
	interrupted := 0
	for n := int64(1); n < 1000; n += 7 {
		var ctx context.Context
		ctx, cancel = context.WithCancel(t.Context())
		requests.Store(0)
		stopAt.Store(n)
		got := bvc(ctx, args...)
		cancel()
		if got.code == exitOK {
			break
		}
		interrupted++
		if got.code != exitInconclusive || got.stdout != "" || !strings.Contains(lastMessage(t, got), "interrupted; run it again") {
			t.Fatalf("at request %d: exit code %d: %s%s", n, got.code, got.stdout, got.stderr)
		}
	}
	stopAt.Store(0)
	if interrupted < 5 {
		t.Errorf("interrupted %d times", interrupted)
	}
	if got := bvc(t.Context(), args...); got.code != exitOK || !strings.Contains(got.stdout, "wrongKey: ") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// The certificates of --ca-file go into the site file as they are.
func TestMirrorPrintsTheAuthority(t *testing.T) {
	server := httptest.NewTLSServer(memory.New(memory.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "https://")
	plain := registries(t, true, nil)
	bvcImage, _ := sources(t, plain)
	dir := filepath.Join(t.TempDir(), "transport")
	if got := bvc(t.Context(), "mirror", "--image", bvcImage, "--to-layout", dir, "--plain-http"); got.code != exitOK {
		t.Fatal(got.stderr)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	// A key that lies in the same file goes nowhere.
	private, err := os.ReadFile(signingKey(t))
	if err != nil {
		t.Fatal(err)
	}
	write(t, ca, append(private, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})...))
	got := bvc(t.Context(), "mirror", "--from-layout", dir, "--to", host, "--ca-file", ca, "--key", signingKey(t), expecting("bvc", bvcImage)[0], expecting("bvc", bvcImage)[1])
	cat, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	s, err := codec.DecodeSite("site.yaml", []byte("apiVersion: conformance.opencode.de/v1alpha1\nkind: Site\nname: a\norganisation: b\nprotectionNeed: normal\n"+got.stdout), cat)
	if err != nil || got.code != exitOK || s.Images.PlainHTTP || s.Images == (v1alpha1.SiteImages{}) {
		t.Fatalf("exit code %d, %v: %s%s", got.code, err, got.stdout, got.stderr)
	}
	if _, err := registry.New(registry.Options{CA: []byte(s.Images.RegistryCA)}); err != nil {
		t.Error(err)
	}
}
