// Package atrest finds out how API servers store Secrets: it creates Secrets
// through each API server and reads from that server's own metrics which
// provider transformed the values on their way to storage. That is what the
// server did, not what its configuration says, and it needs no access to nodes
// or to etcd.
//
// The control is the same server's count of requests: it must have counted the
// Secrets that were created through it, in the same process. Each look opens a
// connection of its own, so that several servers behind one address show as
// different processes instead of being taken for one.
package atrest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

// Doses that a pass needs, in this order: two of different size, so that a
// steady growth from elsewhere can not stand for both, and the baseline.
func Doses() []int { return []int{10, 20, 0} }

const (
	// serverName is what the certificate of every API server is for, whatever
	// its address.
	serverName = "kubernetes.default.svc"
	// requestLimit bounds one request.
	requestLimit = 20 * time.Second
	// reachLimit bounds the first contact: a packet filter in between answers nothing.
	reachLimit = 5 * time.Second
	// countLimit is how long a server may take to count a request that it has
	// answered.
	countLimit = 5 * time.Second
	// maxServers bounds the effort; no cluster is known to have more.
	maxServers = 15
)

// Probe creates Secrets through each API server and reads its metrics.
var Probe = check.NewProbe[*cluster.Env, Observation](check.ProbeMeta{
	Name:          "secrets-at-rest",
	SchemaVersion: 1,
	Timeout:       4 * time.Minute,
	Weight:        1,
	Needs: []check.Right{
		{As: check.Runner, Verb: "list", Group: "discovery.k8s.io", Resource: "endpointslices", Scope: "default"},
		{As: check.Runner, Verb: "get", NonResource: "/metrics"},
		{As: check.Tenant, Verb: "create", Resource: "secrets", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "list", Resource: "secrets", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "deletecollection", Resource: "secrets", Scope: check.TenantNamespaces},
	},
}, Observe)

// Observe looks at each API server in turn.
func Observe(ctx context.Context, env *cluster.Env) (Observation, error) {
	o := Observation{Servers: []Server{}}
	addresses, err := apiServers(ctx, env.Runner)
	if err != nil {
		return o, &check.Stopped{Phase: "list the API servers", Err: err}
	}
	o.Listed = len(addresses)
	for i, address := range addresses {
		if i == maxServers {
			break // Listed says that there are more
		}
		s, err := observeServer(ctx, env, address, len(addresses) == 1)
		o.Servers = append(o.Servers, s)
		if err != nil {
			return o, &check.Stopped{Phase: fmt.Sprintf("API server %d of %d", i+1, len(addresses)), Err: err}
		}
	}
	return o, nil
}

// apiServers gives the URLs under which API servers registered themselves.
func apiServers(ctx context.Context, client kubernetes.Interface) ([]string, error) {
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	slices, err := client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(limited, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=kubernetes",
	})
	if err != nil {
		return nil, fmt.Errorf("list EndpointSlices: %s", listWord(err))
	}
	var out []string
	seen := map[string]bool{}
	for _, slice := range slices.Items {
		port := ""
		for _, p := range slice.Ports {
			if p.Port != nil && (p.Name == nil || *p.Name == "" || *p.Name == "https") {
				port = strconv.Itoa(int(*p.Port))
			}
		}
		if port == "" {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			for _, address := range endpoint.Addresses {
				url := "https://" + net.JoinHostPort(address, port)
				if !seen[url] {
					seen[url] = true
					out = append(out, url)
				}
			}
		}
	}
	return out, nil
}

// target is one API server as both identities see it.
type target struct {
	scrape *http.Client
	url    string
	tenant kubernetes.Interface
}

func observeServer(ctx context.Context, env *cluster.Env, address string, only bool) (Server, error) {
	s := Server{Via: ViaNothing, Trouble: TroubleNone, DisabledMetrics: -1, Windows: []Window{}}
	t, via, trouble := connect(ctx, env, address, only)
	if trouble != TroubleNone {
		s.Trouble = trouble
		return s, ctx.Err()
	}
	s.Via = via
	longest := time.Duration(0)
	for _, dose := range Doses() {
		w, last, took, trouble := window(ctx, env, t, dose, longest)
		if trouble == TroubleNone {
			longest = max(longest, took)
			s.StorageMetrics, s.DisabledMetrics = last.storageMetrics, last.disabledMetrics
			s.Windows = append(s.Windows, w)
		}
		if deleteErr := env.DeleteAll(ctx, cluster.Secrets); deleteErr != nil && ctx.Err() == nil && trouble == TroubleNone {
			// The run's cleanup tries again and reports what it can not remove.
			trouble = TroubleServer
		}
		if trouble != TroubleNone {
			s.Trouble = trouble
			return s, ctx.Err()
		}
	}
	return s, ctx.Err()
}

// connect finds the way to a server on which its certificate verifies.
func connect(ctx context.Context, env *cluster.Env, address string, only bool) (*target, Via, Trouble) {
	type way struct {
		host, name string
		via        Via
	}
	ways := []way{{address, "", ViaEndpoint}, {address, serverName, ViaEndpoint}}
	if only {
		// The cluster names one server; where that address can not be reached
		// from here, the configured one leads to it, and the start time of the
		// process in every look shows if it leads to several.
		ways = append(ways, way{env.RunnerConfig.Host, env.RunnerConfig.ServerName, ViaConfiguredHost})
	}
	trouble := TroubleUnreachable
	for _, w := range ways {
		t, err := newTarget(env, w.host, w.name)
		if err != nil {
			return nil, ViaNothing, TroubleUnreachable
		}
		limited, cancel := context.WithTimeout(ctx, reachLimit)
		err = t.touch(limited)
		cancel()
		if err == nil {
			return t, w.via, TroubleNone
		}
		trouble = TroubleUnreachable
		if certificate(err) {
			trouble = TroubleCertificate
		}
	}
	return nil, ViaNothing, trouble
}

func newTarget(env *cluster.Env, host, name string) (*target, error) {
	runner, tenant := at(env.RunnerConfig, host, name), at(env.TenantConfig, host, name)
	tlsConfig, err := rest.TLSConfigFor(runner)
	if err != nil {
		return nil, fmt.Errorf("make the TLS configuration: %w", err)
	}
	proxy := http.ProxyFromEnvironment
	if runner.Proxy != nil {
		proxy = runner.Proxy
	}
	// A connection per look; see the package comment.
	wrapped, err := rest.HTTPWrappersForConfig(runner, &http.Transport{
		TLSClientConfig: tlsConfig, DisableKeepAlives: true, Proxy: proxy, DialContext: runner.Dial, TLSHandshakeTimeout: reachLimit,
	})
	if err != nil {
		return nil, fmt.Errorf("make the runner's transport: %w", err)
	}
	client, err := kubernetes.NewForConfig(tenant)
	if err != nil {
		return nil, fmt.Errorf("make the tenant's client: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(runner)
	if err != nil {
		return nil, fmt.Errorf("read the host: %w", err)
	}
	return &target{scrape: &http.Client{Transport: wrapped}, url: base.JoinPath("/metrics").String(), tenant: client}, nil
}

// at is the configuration for another address of the same cluster.
func at(c *rest.Config, host, name string) *rest.Config {
	c = rest.CopyConfig(c)
	c.Host, c.ServerName = host, name
	return c
}

// touch opens a connection and waits for the first line of any answer.
func (t *target) touch(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, t.url, http.NoBody)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	response, err := t.scrape.Do(request)
	if err != nil {
		return fmt.Errorf("reach the API server: %w", err)
	}
	return response.Body.Close()
}

func certificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var hostname x509.HostnameError
	var authority x509.UnknownAuthorityError
	return errors.As(err, &verification) || errors.As(err, &hostname) || errors.As(err, &authority)
}

// look reads the server's counts.
func (t *target) look(ctx context.Context) (counts, Trouble) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, http.NoBody)
	if err != nil {
		return counts{}, TroubleUnreachable
	}
	request.Header.Set("Accept", "text/plain; version=0.0.4")
	response, err := t.scrape.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return counts{}, TroubleTimeout
		}
		return counts{}, TroubleUnreachable
	}
	defer closeBody(response.Body)
	switch code := response.StatusCode; {
	case code == http.StatusOK:
	case code == http.StatusUnauthorized:
		return counts{}, TroubleUnauthorised
	case code == http.StatusForbidden:
		return counts{}, TroubleForbidden
	case code >= http.StatusInternalServerError, code == http.StatusTooManyRequests:
		return counts{}, TroubleServer
	default:
		return counts{}, TroubleNoMetrics
	}
	c, err := parse(response.Body)
	switch {
	case err == nil:
		return c, TroubleNone
	case errors.Is(err, errTooLarge):
		return counts{}, TroubleTooLarge
	case errors.Is(err, errNotThere):
		return counts{}, TroubleNoMetrics
	case ctx.Err() != nil:
		return counts{}, TroubleTimeout
	default:
		return counts{}, TroubleNotParsed
	}
}

// closeBody: what a body that was read says when it is closed decides nothing.
func closeBody(body io.Closer) { _ = body.Close() }

// window counts while dose Secrets are created. The baseline, which has no
// dose, takes as long as the longest window before it. The last look and how
// long the window took come with it.
func window(ctx context.Context, env *cluster.Env, t *target, dose int, atLeast time.Duration) (Window, counts, time.Duration, Trouble) {
	start := time.Now()
	before, trouble := t.look(ctx)
	if trouble != TroubleNone {
		return Window{}, counts{}, 0, trouble
	}
	for range dose {
		if trouble := createCanary(ctx, env, t.tenant); trouble != TroubleNone {
			return Window{}, counts{}, 0, trouble
		}
	}
	if dose == 0 {
		rest := time.NewTimer(atLeast - time.Since(start))
		defer rest.Stop()
		select {
		case <-ctx.Done():
			return Window{}, counts{}, 0, TroubleTimeout
		case <-rest.C:
		}
	}
	after, trouble := counted(ctx, t, before, int64(dose))
	if trouble != TroubleNone {
		return Window{}, counts{}, 0, trouble
	}
	took := time.Since(start)
	return Window{
		Dose: dose, Seconds: took.Round(time.Millisecond).Seconds(), SameProcess: before.start == after.start,
		Requests: after.requests - before.requests, PerResource: after.perResource, Growth: after.stored.minus(before.stored),
	}, after, took, TroubleNone
}

// counted looks until the server has counted the requests of the dose, which
// it does after it has answered them, and gives the last look either way: that
// they were never counted is for the Judge.
func counted(ctx context.Context, t *target, before counts, dose int64) (counts, Trouble) {
	type seen struct {
		counts  counts
		trouble Trouble
	}
	begin := time.Now()
	last, err := wait.For(ctx, countLimit+requestLimit, "the API server to count the requests",
		func(ctx context.Context) (seen, error) {
			c, trouble := t.look(ctx)
			return seen{c, trouble}, nil
		},
		func(s seen) (bool, string) {
			return s.trouble != TroubleNone || s.counts.start != before.start ||
				s.counts.requests-before.requests >= dose || time.Since(begin) > countLimit, "not yet counted"
		})
	if err != nil && last.trouble == "" {
		return counts{}, TroubleTimeout
	}
	return last.counts, last.trouble
}

// createCanary creates a Secret with a random value. Nobody needs to know it:
// what is looked at is how it was stored.
func createCanary(ctx context.Context, env *cluster.Env, through kubernetes.Interface) Trouble {
	value := make([]byte, 32)
	if _, err := rand.Read(value); err != nil {
		return TroubleSecretNoAnswer
	}
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	_, err := env.CreateSecret(ctx, through, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-canary-", Namespace: env.Namespaces[0]},
		Type:       corev1.SecretTypeOpaque,
		Data:       map[string][]byte{"canary": value},
	})
	return word(err)
}

// word says what kind of trouble an API error is; messages name objects.
func word(err error) Trouble {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return TroubleNone
	case !errors.As(err, &status):
		return TroubleSecretNoAnswer
	case wait.Transient(err):
		return TroubleServer
	case apierrors.IsForbidden(err) && quota(status.Status().Message):
		return TroubleSecretQuota
	default:
		return TroubleSecretRefused
	}
}

func quota(message string) bool {
	return strings.Contains(message, "exceeded quota") || strings.Contains(message, "insufficient quota")
}

func listWord(err error) string {
	switch {
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return "not allowed"
	case wait.Transient(err):
		return "no answer in time, or an error of the server"
	default:
		return "refused"
	}
}
