// Package registry works with images in registries: it copies them, makes
// twins of them that differ in nothing but their digest, signs them the way
// cosign does, and looks which signatures an image has. Whatever a registry
// answers is taken for hostile: bounded in size, number and time.
package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Bounds on what a registry may answer.
const (
	// maxAnswer bounds each manifest, list, payload and bundle that is looked at.
	maxAnswer = 1 << 20
	// maxImageManifest bounds manifests and configurations of images that are copied.
	maxImageManifest = 4 << 20
	// maxReferrers bounds the referrers of one digest that are looked at.
	maxReferrers = 64
	// maxLayers bounds the layers of a manifest with signatures.
	maxLayers = 64
	// maxPlatforms bounds the manifests of an index.
	maxPlatforms = 64
	maxRedirects = 5
	// inspectTimeout bounds one Inspect unless Options say otherwise.
	inspectTimeout = 2 * time.Minute
)

// Options say how to reach a registry.
type Options struct {
	// Keychain finds credentials; without one access is anonymous.
	Keychain authn.Keychain
	// CA holds certificates in PEM of further authorities to trust.
	CA []byte
	// PlainHTTP permits a registry without TLS. For test registries only.
	PlainHTTP bool
	// PlainLoopback permits it on the machine itself, where nothing goes over a wire.
	PlainLoopback bool
	// Platform of an index whose manifests Inspect looks at; linux/amd64
	// where it is empty.
	Platform v1.Platform
	// Timeout bounds one Inspect; two minutes where it is zero.
	Timeout time.Duration
	// UserAgent names the program to the registry.
	UserAgent string
}

// Client talks to registries with one set of options.
type Client struct {
	options Options
	base    http.RoundTripper
	backoff remote.Backoff
}

// New makes a client. It asks nobody anything.
func New(o Options) (*Client, error) {
	if o.Platform.OS == "" {
		o.Platform = v1.Platform{OS: "linux", Architecture: "amd64"}
	}
	if o.Timeout == 0 {
		o.Timeout = inspectTimeout
	}
	if o.Keychain == nil {
		o.Keychain = authn.NewMultiKeychain()
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(o.CA) > 0 {
		// In the image from scratch there is no pool of the system, which is no mistake.
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("the CA of the registry holds no certificate in PEM")
		}
		config.RootCAs = pool
	}
	base := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    8,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &Client{options: o, base: base, backoff: remote.Backoff{Duration: time.Second, Factor: 3, Jitter: 0.1, Steps: 3}}, nil
}

// errPlain refuses what would go over the wire in the clear.
var errPlain = errors.New("the registry would be spoken to without TLS, which is refused")

// errTooLarge ends the reading of an answer.
var errTooLarge = errors.New("the answer is larger than allowed")

// guard refuses plain HTTP unless it is permitted, also after a redirect and
// for the server that hands out tokens, and bounds bodies where most is set.
type guard struct {
	next     http.RoundTripper
	plain    bool
	loopback bool // plain HTTP to the machine itself is permitted
	most     int64
}

// Loopback reports whether a registry, with or without a port, is on the
// machine itself.
func Loopback(host string) bool {
	u := url.URL{Host: host}
	if u.Hostname() == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(u.Hostname())
	return err == nil && address.IsLoopback()
}

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	plain := g.plain || g.loopback && Loopback(r.URL.Host)
	if r.URL.Scheme != "https" && (!plain || r.URL.Scheme != "http") {
		return nil, errPlain
	}
	answer, err := g.next.RoundTrip(r)
	if err == nil && g.most > 0 {
		answer.Body = &bounded{ReadCloser: answer.Body, left: g.most}
	}
	return answer, err
}

type bounded struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// names are the options for parsing a name: with plain HTTP permitted, the
// library asks without TLS where TLS does not answer.
func (c *Client) names() []name.Option {
	if c.options.PlainHTTP {
		return []name.Option{name.Insecure}
	}
	return nil
}

// remote are the options of the library for copying and pushing.
func (c *Client) remote(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(c.options.Keychain), remote.WithUserAgent(c.options.UserAgent), remote.WithJobs(2),
		remote.WithTransport(guard{next: c.base, plain: c.options.PlainHTTP, loopback: c.options.PlainLoopback}), remote.WithRetryBackoff(c.backoff),
	}
}

// session asks one repository, with every answer bounded.
type session struct {
	repository name.Repository
	client     *http.Client
}

func (c *Client) session(ctx context.Context, repository name.Repository) (*session, error) {
	auth, err := authn.Resolve(ctx, c.options.Keychain, repository)
	if err != nil {
		return nil, fmt.Errorf("find the credentials for %s: %w", repository.RegistryStr(), err)
	}
	base := transport.NewUserAgent(transport.NewRetry(guard{next: c.base, plain: c.options.PlainHTTP, loopback: c.options.PlainLoopback, most: maxAnswer}, transport.WithRetryBackoff(c.backoff),
		transport.WithRetryStatusCodes(http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout)), c.options.UserAgent)
	authenticated, err := transport.NewWithContext(ctx, repository.Registry, auth, base, []string{repository.Scope(transport.PullScope)})
	if err != nil {
		return nil, err
	}
	return &session{repository: repository, client: &http.Client{Transport: authenticated, CheckRedirect: checkRedirect}}, nil
}

// checkRedirect permits redirects to the store of the registry: few, and not
// to the machine itself or its metadata service. That TLS stays is the guard's.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if address, err := netip.ParseAddr(r.URL.Hostname()); err == nil && r.URL.Hostname() != via[0].URL.Hostname() && (address.IsLoopback() || address.IsLinkLocalUnicast()) {
		return errors.New("a redirect to an address of the machine itself")
	}
	return nil
}

// answer is what a registry said with a status that is no error.
type answer struct {
	status    int
	mediaType string
	body      []byte
	// more says that the answer is one page of several.
	more bool
}

// get asks for /v2/REPOSITORY/what/id. Statuses other than 200 are errors
// unless they are among allowed.
func (s *session) get(ctx context.Context, what, id, accept string, allowed ...int) (answer, error) {
	scheme := s.repository.Scheme()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s://%s/v2/%s/%s/%s", scheme, s.repository.RegistryStr(), s.repository.RepositoryStr(), what, id), nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Accept", accept)
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	if slices.Contains(allowed, response.StatusCode) && response.StatusCode != http.StatusOK {
		return answer{status: response.StatusCode}, nil
	}
	if err := transport.CheckError(response, http.StatusOK); err != nil {
		return answer{}, err
	}
	if response.ContentLength > maxAnswer {
		return answer{}, errTooLarge
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	mediaType, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	return answer{status: response.StatusCode, mediaType: strings.TrimSpace(mediaType), body: body, more: strings.Contains(strings.Join(response.Header.Values("Link"), ","), "next")}, nil
}

// manifestTypes are the manifests that a verifier would accept.
var manifestTypes = strings.Join([]string{string(types.OCIManifestSchema1), string(types.DockerManifestSchema2), string(types.OCIImageIndex), string(types.DockerManifestList)}, ",")

// manifest gives the manifest of a tag or a digest; nil where there is none.
// What was asked for by digest has that digest.
func (s *session) manifest(ctx context.Context, id string) (*answer, error) {
	a, err := s.get(ctx, "manifests", id, manifestTypes, http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotFound {
		return nil, nil
	}
	if want, err := v1.NewHash(id); err == nil && want != digestOf(a.body) {
		return nil, fmt.Errorf("the manifest of %s has another digest: %w", id, errNotAsked)
	}
	return &a, nil
}

// blob gives a blob that has the digest it was asked by.
func (s *session) blob(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	if d.Size > maxAnswer {
		return nil, errTooLarge
	}
	a, err := s.get(ctx, "blobs", d.Digest.String(), "*/*")
	if err != nil {
		return nil, err
	}
	if digestOf(a.body) != d.Digest {
		return nil, fmt.Errorf("the blob %s has another digest: %w", d.Digest, errNotAsked)
	}
	return a.body, nil
}

// errNotAsked says that the registry gave something else than was asked for.
var errNotAsked = errors.New("the registry gave something else than was asked for")
