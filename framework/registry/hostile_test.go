package registry

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	memory "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// serve starts a registry that answers as it likes; /v2/ is as it should be
// unless the handler takes it.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			handler(w, r)
		}
	}))
	t.Cleanup(server.Close)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	return strings.TrimPrefix(server.URL, "http://")
}

func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// endless writes until nobody listens.
func endless(w http.ResponseWriter, _ *http.Request) {
	for chunk := []byte(strings.Repeat(" ", 64<<10)); ; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func TestCausesOfHostileAnswers(t *testing.T) {
	digest := digestOf([]byte("an image")).String()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    Cause
		text    string
	}{
		{"HTML", says(200, "text/html", "<html>Please log in</html>"), Unexpected, "something else than was asked for"},
		{"another manifest", says(200, string(types.OCIManifestSchema1), "{}"), Unexpected, "another digest"},
		{"huge manifest", says(200, string(types.OCIManifestSchema1), strings.Repeat(" ", maxAnswer+1)), Unexpected, "larger than allowed"},
		{"endless manifest", endless, Unexpected, "larger than allowed"},
		{"endless error", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			endless(w, r)
		}, Unexpected, ""},
		{"401", says(401, "application/json", `{"errors":[{"code":"UNAUTHORIZED","message":"<script>"}]}`), Unauthorised, "the registry answered 401 Unauthorized UNAUTHORIZED"},
		{"403", says(403, "text/html", "<html>forbidden by the proxy</html>"), Unauthorised, "the registry answered 403 Forbidden"},
		{"429", says(429, "application/json", `{"errors":[{"code":"TOOMANYREQUESTS","message":"x"}]}`), RateLimited, "429 Too Many Requests TOOMANYREQUESTS"},
		{"500", says(500, "text/plain", "stack trace"), Unexpected, "the registry answered 500 Internal Server Error"},
		{"code that is none", says(400, "application/json", `{"errors":[{"code":"\u001b[31m red"}]}`), Unexpected, "the registry answered 400 Bad Request"},
		{"redirect to itself", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, Unexpected, "redirects"},
		{"redirect to a file", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, TLS, "without TLS"},
		{"redirect to the metadata service", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		}, Unexpected, "address of the machine itself"},
		{"silence", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		}, Timeout, ""},
		{"drop by drop", func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
					if _, err := io.WriteString(w, " "); err != nil {
						return
					}
					w.(http.Flusher).Flush()
				}
			}
		}, Timeout, ""},
		{"end in the middle", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		}, Unreachable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := client(t, Options{Timeout: 700 * time.Millisecond})
			started := time.Now()
			f, err := k.Inspect(t.Context(), serve(t, c.handler)+"/bvc@"+digest, nil)
			if err == nil || CauseOf(err) != c.want || !strings.Contains(err.Error(), c.text) || f.Exists || f.Unsigned() {
				t.Errorf("%s: %v, %+v", CauseOf(err), err, f)
			}
			for _, theirs := range []string{"<", "stack", "script", "\x1b", "Please"} {
				if strings.Contains(err.Error(), theirs) {
					t.Errorf("the error repeats the registry: %v", err)
				}
			}
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestCausesOfTheWay(t *testing.T) {
	digest := digestOf([]byte("an image")).String()
	secure := httptest.NewUnstartedServer(memory.New(memory.Logger(log.New(io.Discard, "", 0))))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	secureHost := strings.TrimPrefix(secure.URL, "https://")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	plain := start(t, true)
	for _, c := range []struct {
		name, host string
		options    Options
		want       Cause // empty for no error
		text       string
	}{
		{"nobody knows the authority", secureHost, Options{}, TLS, "certificate"},
		{"authority given", secureHost, Options{CA: ca}, "", ""},
		{"no TLS where it is expected", plain, Options{}, TLS, "speaks plain HTTP"},
		{"plain HTTP permitted", plain, Options{PlainHTTP: true}, "", ""},
		{"nobody there", gone, Options{}, Unreachable, "refused"},
		{"nobody there, plain", gone, Options{PlainHTTP: true}, Unreachable, "refused"},
		{"no such name", "registry.invalid", Options{}, DNS, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := New(c.options)
			if err != nil {
				t.Fatal(err)
			}
			k.backoff = remote.Backoff{Duration: time.Millisecond, Factor: 1, Steps: 2}
			f, err := k.Inspect(t.Context(), c.host+"/bvc@"+digest, nil)
			if c.want == "" {
				if err != nil || f.Exists || f.Unsigned() || f.Verified() {
					t.Errorf("%+v, %v", f, err)
				}
				return
			}
			if err == nil || CauseOf(err) != c.want || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v", CauseOf(err), err)
			}
		})
	}
	if _, err := New(Options{CA: []byte("x")}); err == nil {
		t.Error("a CA without a certificate was taken")
	}
	if _, err := client(t, Options{}).Inspect(t.Context(), "registry.example.org/bvc:latest", nil); err == nil {
		t.Error("a tag was inspected")
	}
}

// TLS must not end in a redirect, at the registry or at the server for tokens.
func TestNoWayOutOfTLS(t *testing.T) {
	var plainAsked atomic.Int64
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { plainAsked.Add(1) }))
	t.Cleanup(plain.Close)
	// The library refuses a server for tokens without TLS itself.
	for how, want := range map[string]Cause{"redirect": TLS, "token": Unexpected} {
		t.Run(how, func(t *testing.T) {
			secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case how == "token":
					w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="x"`, plain.URL))
					w.WriteHeader(http.StatusUnauthorized)
				case r.URL.Path != "/v2/":
					http.Redirect(w, r, plain.URL, http.StatusFound)
				}
			}))
			t.Cleanup(secure.Close)
			c := client(t, Options{CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})})
			_, err := c.Inspect(t.Context(), strings.TrimPrefix(secure.URL, "https://")+"/bvc@"+digestOf(nil).String(), nil)
			if err == nil || CauseOf(err) != want {
				t.Errorf("%v", err)
			}
			if _, err := c.Open(t.Context(), strings.TrimPrefix(secure.URL, "https://")+"/bvc@"+digestOf(nil).String()); err == nil || CauseOf(err) != want {
				t.Errorf("%v", err)
			}
		})
	}
	if n := plainAsked.Load(); n > 0 {
		t.Errorf("%d requests without TLS", n)
	}
}

// fake has one image, and says of its referrers what a test wants.
func fake(t *testing.T, manifest []byte, referrers http.HandlerFunc) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/manifests/"+digestOf(manifest).String()):
			w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
			_, _ = w.Write(manifest)
		case strings.Contains(r.URL.Path, "/referrers/"):
			referrers(w, r)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
}

// Whoever lists too much hides something: an image with such a list is never
// unsigned.
func TestListsOfReferrers(t *testing.T) {
	manifest := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}`)
	list := func(n int) string {
		var m v1.IndexManifest
		for i := range n {
			m.Manifests = append(m.Manifests, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digestOf(fmt.Append(nil, i))})
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const oci = string(types.OCIImageIndex)
	for _, c := range []struct {
		name       string
		handler    http.HandlerFunc
		unreadable int
		incomplete bool
	}{
		{"none", says(200, oci, list(0)), 0, false},
		{"no such list", says(404, "text/plain", ""), 0, false},
		{"method not allowed", says(405, "text/plain", ""), 0, false},
		{"HTML", says(200, "text/html", "<html>"), 0, false},
		{"no JSON", says(200, oci, "<html>"), 1, false},
		{"listed and not there", says(200, oci, list(3)), 3, false},
		{"too many", says(200, oci, list(1000)), maxReferrers, true},
		{"endless", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", oci)
			endless(w, r)
		}, 0, true},
		{"more pages", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", `</v2/bvc/referrers/x?next=1>; rel="next"`)
			says(200, oci, list(0))(w, r)
		}, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := client(t, Options{})
			f := inspect(t, k, fake(t, manifest, c.handler)+"/bvc@"+digestOf(manifest).String(), nil)
			s := f.Subjects[0]
			if s.Unreadable != c.unreadable || s.Incomplete != c.incomplete || f.Unsigned() != (c.unreadable == 0 && !c.incomplete) {
				t.Errorf("unsigned: %v, %+v", f.Unsigned(), s)
			}
		})
	}
	k := client(t, Options{})
	if _, err := k.Inspect(t.Context(), fake(t, manifest, says(503, "", ""))+"/bvc@"+digestOf(manifest).String(), nil); CauseOf(err) != Unexpected || err == nil {
		t.Errorf("a list that fails: %v", err)
	}
}

// A payload or a bundle that is huge or another one is no reason to believe,
// and none to stop.
func TestHostileSignatures(t *testing.T) {
	c, mine := client(t, Options{}), key(t)
	store := memory.New(memory.WithReferrersSupport(true), memory.Logger(log.New(io.Discard, "", 0)))
	var how atomic.Value
	how.Store("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/blobs/") && r.Method == http.MethodGet {
			switch how.Load() {
			case "huge":
				endless(w, r)
				return
			case "another":
				_, _ = io.WriteString(w, "{}")
				return
			case "gone":
				w.WriteHeader(http.StatusNotFound)
				return
			}
		}
		store.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	a := seed(t, c, host+"/bvc:1", image(t))
	if _, err := c.Sign(t.Context(), a, host+"/bvc", host+"/bvc", mine); err != nil {
		t.Fatal(err)
	}
	reference := host + "/bvc@" + a.Digest.String()
	if f := inspect(t, c, reference, &mine); !f.Verified() {
		t.Fatalf("%+v", f)
	}
	for _, way := range []string{"huge", "another", "gone"} {
		how.Store(way)
		f := inspect(t, c, reference, &mine)
		s := f.Subjects[0]
		if f.Verified() || f.Unsigned() || len(s.Signatures) != 1 || s.Unreadable != 1 {
			t.Errorf("%s: %+v", way, f)
		}
	}
}

// What was asked for by digest has it, whoever signed something else.
func TestBlobHasItsDigest(t *testing.T) {
	c := client(t, Options{})
	repository, err := name.NewRepository(serve(t, says(200, "x/y", "another"))+"/bvc", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.session(t.Context(), repository)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := s.blob(t.Context(), v1.Descriptor{Digest: digestOf([]byte("another")), Size: 7}); err != nil || string(data) != "another" {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := s.blob(t.Context(), v1.Descriptor{Digest: digestOf([]byte("the one")), Size: 7}); !errors.Is(err, errNotAsked) {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := s.blob(t.Context(), v1.Descriptor{Digest: digestOf([]byte("another")), Size: maxAnswer + 1}); !errors.Is(err, errTooLarge) {
		t.Errorf("%q, %v", data, err)
	}
}

func TestPushErrors(t *testing.T) {
	c, host := client(t, Options{}), start(t, true)
	a := seed(t, c, host+"/a:1", image(t))
	for _, one := range []struct {
		name    string
		handler http.HandlerFunc
		want    Cause
	}{
		{"no right", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			says(403, "application/json", `{"errors":[{"code":"DENIED","message":"no"}]}`)(w, r)
		}, Unauthorised},
		{"no right to look", says(401, "application/json", `{"errors":[{"code":"UNAUTHORIZED"}]}`), Unauthorised},
		{"full", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.WriteHeader(http.StatusInsufficientStorage)
		}, Unexpected},
	} {
		_, err := c.Push(t.Context(), a, serve(t, one.handler)+"/bvc", "x")
		if err == nil || CauseOf(err) != one.want || !strings.Contains(err.Error(), "push to ") {
			t.Errorf("%s: %s, %v", one.name, CauseOf(err), err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Push(ctx, a, host+"/b", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := c.Open(t.Context(), host+"/nothing:1"); CauseOf(err) != NotFound {
		t.Errorf("%v", err)
	}
	if _, err := c.Open(t.Context(), host+"/UPPER"); err == nil {
		t.Error("a broken reference was opened")
	}
}

// Images from a hostile source are refused before anything of them is copied.
func TestOpenRefuses(t *testing.T) {
	descriptor := func(n int64) string {
		return fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d}`, digestOf(nil), n)
	}
	for _, c := range []struct{ name, mediaType, body, want string }{
		{"huge configuration", string(types.OCIManifestSchema1), `{"schemaVersion":2,"config":` + descriptor(1<<40) + `,"layers":[]}`, "larger than allowed"},
		{"huge manifest", string(types.OCIManifestSchema1), `{"schemaVersion":2,"config":` + descriptor(2) + `,"layers":[]` + strings.Repeat(" ", maxImageManifest) + `}`, "larger than allowed"},
		{"empty index", string(types.OCIImageIndex), `{"schemaVersion":2,"manifests":[]}`, "has 0 manifests"},
		{"index in an index", string(types.OCIImageIndex), strings.Replace(`{"schemaVersion":2,"manifests":[`+descriptor(2)+`]}`, "application/vnd.oci.image.config.v1+json", string(types.OCIImageIndex), 1), "only images are copied"},
		{"HTML", "text/html", "<html>", "is no image but"},
		{"no JSON", string(types.OCIManifestSchema1), "<html>", ""},
	} {
		_, err := client(t, Options{}).Open(t.Context(), serve(t, says(200, c.mediaType, c.body))+"/bvc:1")
		if err == nil || !strings.Contains(err.Error(), c.want) || CauseOf(err) != Unexpected {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Cause
	}{
		{&transport.Error{StatusCode: 408}, Timeout},
		{&transport.Error{StatusCode: 504}, Timeout},
		{&net.DNSError{IsTimeout: true}, DNS},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(48)}, TLS},
		{context.DeadlineExceeded, Timeout},
		{context.Canceled, Unexpected},
		{io.ErrUnexpectedEOF, Unreachable},
		{errors.New("x"), Unexpected},
		{fmt.Errorf("outer: %w", &Error{Cause: DNS, Err: errors.New("x")}), Unexpected},
	} {
		if got := classify(c.err); got != c.want {
			t.Errorf("%v: %s", c.err, got)
		}
	}
	inner := &Error{Cause: DNS, Doing: "ask", Err: errors.New("x")}
	if err := failed(inner, "sign"); CauseOf(err) != DNS || err.Error() != "sign: ask: x" {
		t.Errorf("%v", err)
	}
	if _, err := name.NewDigest("x"); CauseOf(err) != Unexpected {
		t.Error("an error without a class has one")
	}
}
