package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

const (
	// apiServerName is what the certificate of every API server is for,
	// whatever its address.
	apiServerName = "kubernetes.default.svc"
	// serverLimit bounds one request to an API server of one's choice.
	serverLimit = 20 * time.Second
	// reachLimit bounds the first contact: a packet filter in between answers nothing.
	reachLimit = 5 * time.Second
)

// MaxAPIServers bounds the effort of a probe that looks at each API server; no
// cluster is known to have more.
const MaxAPIServers = 15

// Via is how an API server was reached.
type Via string

// Ways.
const (
	// ViaNothing: not reached.
	ViaNothing Via = "nothing"
	// ViaEndpoint: by the address under which it is registered in the cluster.
	ViaEndpoint Via = "endpoint"
	// ViaConfiguredHost: by the address in the kubeconfig, because the cluster
	// names only one API server and that address can not be reached from here.
	ViaConfiguredHost Via = "configuredHost"
)

// ServerTrouble is what kept a probe from an API server or from its metrics.
type ServerTrouble string

// Kinds of trouble.
const (
	ServerFine         ServerTrouble = "none"
	ServerUnreachable  ServerTrouble = "unreachable"
	ServerCertificate  ServerTrouble = "certificateNotVerified"
	ServerUnauthorised ServerTrouble = "metricsUnauthorised"
	ServerForbidden    ServerTrouble = "metricsForbidden"
	ServerNoMetrics    ServerTrouble = "metricsMissing"
	ServerTooLarge     ServerTrouble = "metricsTooLarge"
	ServerNotParsed    ServerTrouble = "metricsNotParsed"
	ServerTimeout      ServerTrouble = "timeout"
	ServerError        ServerTrouble = "serverError"
)

// APIServerRights are what a probe needs to look at each API server.
func APIServerRights() []check.Right {
	return []check.Right{
		{As: check.Runner, Verb: "list", Group: "discovery.k8s.io", Resource: "endpointslices", Scope: "default"},
		{As: check.Runner, Verb: "get", NonResource: "/metrics"},
	}
}

// APIServers gives the URLs under which API servers registered themselves.
func (e *Env) APIServers(ctx context.Context) ([]string, error) {
	limited, cancel := context.WithTimeout(ctx, serverLimit)
	defer cancel()
	slices, err := e.Runner.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(limited, metav1.ListOptions{
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

// listWord says why a list failed; messages name objects.
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

// APIServer is one API server as both identities see it.
type APIServer struct {
	// Tenant acts through this server.
	Tenant kubernetes.Interface
	scrape *http.Client
	url    string
}

// Through returns the environment of the same probe that acts as tenant through
// one API server.
func (e *Env) Through(s *APIServer) *Env {
	own := *e
	own.Tenant = s.Tenant
	return &own
}

// Reach finds the way to an API server on which its certificate verifies. Only
// says that the cluster names no other.
func (e *Env) Reach(ctx context.Context, address string, only bool) (*APIServer, Via, ServerTrouble) {
	type way struct {
		host, name string
		via        Via
	}
	ways := []way{{address, "", ViaEndpoint}, {address, apiServerName, ViaEndpoint}}
	if only {
		// The cluster names one server; where that address can not be reached
		// from here, the configured one leads to it, and the start time of the
		// process in every look shows if it leads to several.
		ways = append(ways, way{e.RunnerConfig.Host, e.RunnerConfig.ServerName, ViaConfiguredHost})
	}
	trouble := ServerUnreachable
	for _, w := range ways {
		s, err := e.apiServer(w.host, w.name)
		if err != nil {
			return nil, ViaNothing, ServerUnreachable
		}
		limited, cancel := context.WithTimeout(ctx, reachLimit)
		err = s.touch(limited)
		cancel()
		if err == nil {
			return s, w.via, ServerFine
		}
		trouble = ServerUnreachable
		if certificate(err) {
			trouble = ServerCertificate
		}
	}
	return nil, ViaNothing, trouble
}

func (e *Env) apiServer(host, name string) (*APIServer, error) {
	runner, tenant := at(e.RunnerConfig, host, name), at(e.TenantConfig, host, name)
	tlsConfig, err := rest.TLSConfigFor(runner)
	if err != nil {
		return nil, fmt.Errorf("make the TLS configuration: %w", err)
	}
	proxy := http.ProxyFromEnvironment
	if runner.Proxy != nil {
		proxy = runner.Proxy
	}
	// A connection per look, so that several servers behind one address show as
	// different processes instead of being taken for one.
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
	return &APIServer{Tenant: client, scrape: &http.Client{Transport: wrapped}, url: base.JoinPath("/metrics").String()}, nil
}

// at is the configuration for another address of the same cluster.
func at(c *rest.Config, host, name string) *rest.Config {
	c = rest.CopyConfig(c)
	c.Host, c.ServerName = host, name
	return c
}

// touch opens a connection and waits for the first line of any answer.
func (s *APIServer) touch(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, s.url, http.NoBody)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	response, err := s.scrape.Do(request)
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

// Metrics reads the given families of the server's metrics, and always
// FamilyStart.
func (s *APIServer) Metrics(ctx context.Context, families ...string) (Metrics, ServerTrouble) {
	ctx, cancel := context.WithTimeout(ctx, serverLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, ServerUnreachable
	}
	request.Header.Set("Accept", "text/plain; version=0.0.4")
	response, err := s.scrape.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ServerTimeout
		}
		return nil, ServerUnreachable
	}
	// What a body that was read says when it is closed decides nothing.
	defer func() { _ = response.Body.Close() }()
	switch code := response.StatusCode; {
	case code == http.StatusOK:
	case code == http.StatusUnauthorized:
		return nil, ServerUnauthorised
	case code == http.StatusForbidden:
		return nil, ServerForbidden
	case code >= http.StatusInternalServerError, code == http.StatusTooManyRequests:
		return nil, ServerError
	default:
		return nil, ServerNoMetrics
	}
	m, err := ReadMetrics(response.Body, families...)
	switch {
	case err == nil:
		return m, ServerFine
	case errors.Is(err, ErrMetricsTooLarge):
		return nil, ServerTooLarge
	case errors.Is(err, ErrNoMetrics):
		return nil, ServerNoMetrics
	case ctx.Err() != nil:
		return nil, ServerTimeout
	default:
		return nil, ServerNotParsed
	}
}
