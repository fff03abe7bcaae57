// Package cluster gives probes their environment: clients as tenant and as
// runner, the prepared namespaces, objects that belong to the run, and their
// removal on every path.
package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
)

// Names of what rbac.yaml prepares (design.md, "Rights").
const (
	TenantServiceAccount = "tenant"
	// PodServiceAccount is the name of the account, without rights, that probe
	// pods run under in each tenant namespace that has it.
	PodServiceAccount = "bvc-pods"
	// LabelRun is on every object of a run; its value is the run ID.
	LabelRun = "conformance.opencode.de/run"
	// LabelManagedBy has the value ManagedBy on every object of any run.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "bvc"
	// LabelProbe names the probe that made an object.
	LabelProbe = "conformance.opencode.de/probe"
)

// TenantNamespaces are the prepared namespaces unless the run names others.
func TenantNamespaces() []string { return []string{"bvc-tenant-a", "bvc-tenant-b", "bvc-tenant-c"} }

// Who acted as tenant (v1alpha1.ClusterFacts.TenantIdentity).
const (
	IdentityServiceAccount = "serviceAccount"
	IdentitySelf           = "self"
)

// Config says how to reach the cluster.
type Config struct {
	// Rest is the runner's own access.
	Rest *rest.Config
	// RunID is on every object; NewRunID makes one.
	RunID string
	// Image of the agent; ColdImage is optional (v1alpha1.SiteImages.Cold).
	Image     string
	ColdImage string
	// Signatures are the site's images for checks of signatures; optional.
	Signatures SignedImages
	// Ports is what the site says of the platform's ports.
	Ports PlatformPorts
	// OnlyTR02102Suites as the site declares it (v1alpha1.Site).
	OnlyTR02102Suites bool
	// Namespaces of the tenant, at least one; the first holds the tenant's
	// ServiceAccount.
	Namespaces []string
	// QPS bounds the requests per second of the whole run, both identities
	// together; twice as many may follow a pause at once.
	QPS float32
	// Version of the program, for the user agent that audit logs show.
	Version string
}

// SignedImages are images in one repository with the same layers, by digest
// (v1alpha1.SiteImages), and how to reach their registry.
type SignedImages struct {
	// Signed by the site, not signed, and signed by a key that nobody trusts.
	Signed, Unsigned, WrongKey string
	// PullSecret in the tenant namespaces; empty for none.
	PullSecret string
	// PlainHTTP permits a registry without TLS, CA is its authority in PEM.
	PlainHTTP bool
	CA        string
}

// PlatformPorts is what a site says of ports by which its platform is
// administered (v1alpha1.Site).
type PlatformPorts struct {
	// Declared says that the site gave a list of allowed ports; Allowed are
	// those of TCP.
	Declared bool
	Allowed  []int
	// Management are further ports as host:port, Canary is a server in the
	// internet, empty for none.
	Management []string
	Canary     string
}

// Given reports whether the site named all three.
func (s SignedImages) Given() bool { return s.Signed != "" && s.Unsigned != "" && s.WrongKey != "" }

// Env is what a probe works with. It is built once and never changed.
type Env struct {
	// RunID of the run.
	RunID string
	// Runner observes, Tenant acts.
	Runner kubernetes.Interface
	Tenant kubernetes.Interface
	// RunnerConfig and TenantConfig are for probes that must choose an API
	// server themselves. They hold credentials: never write them anywhere.
	RunnerConfig *rest.Config
	TenantConfig *rest.Config
	// TenantDynamic deletes what the tenant made.
	tenantDynamic dynamic.Interface
	// runnerDynamic deletes what the runner made in PrivilegedNamespace.
	runnerDynamic dynamic.Interface
	// TenantIdentity is IdentityServiceAccount or IdentitySelf.
	TenantIdentity string
	Image          string
	ColdImage      string
	Signatures     SignedImages
	Ports          PlatformPorts
	// OnlyTR02102Suites as the site declares it (v1alpha1.Site).
	OnlyTR02102Suites bool
	// Namespaces of the tenant, at least one.
	Namespaces []string
	// PodAccounts are the namespaces that have PodServiceAccount; pods in
	// others run under the namespace's default account.
	PodAccounts map[string]bool

	requests *atomic.Int64
	// limiter is one for all clients: each would take QPS for its own.
	limiter flowcontrol.RateLimiter
	owned   *owned
	probe   string
	// privileged counts the pods that may be in PrivilegedNamespace.
	privileged *atomic.Int64
	// repeats are how many requests of the probe were sent again.
	repeats *atomic.Int64
}

// NewRunID makes a run ID: twelve hexadecimal digits.
func NewRunID() (string, error) {
	b := make([]byte, 6)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make a run ID: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// New connects as runner and as tenant. It makes no object. An error says
// what is missing and how to supply it.
func New(ctx context.Context, c Config) (*Env, error) {
	e := &Env{
		RunID: c.RunID, Image: c.Image, ColdImage: c.ColdImage, Signatures: c.Signatures, Ports: c.Ports, OnlyTR02102Suites: c.OnlyTR02102Suites, Namespaces: c.Namespaces,
		requests: &atomic.Int64{}, limiter: flowcontrol.NewTokenBucketRateLimiter(c.QPS, max(1, int(2*c.QPS))), owned: newOwned(),
		repeats: &atomic.Int64{}, privileged: &atomic.Int64{},
	}
	e.RunnerConfig = e.prepare(rest.CopyConfig(c.Rest), c, "runner")
	var err error
	if e.Runner, err = kubernetes.NewForConfig(e.RunnerConfig); err != nil {
		return nil, fmt.Errorf("make the runner's client: %w", err)
	}
	if e.runnerDynamic, err = dynamic.NewForConfig(e.RunnerConfig); err != nil {
		return nil, fmt.Errorf("make the runner's dynamic client: %w", err)
	}
	if err := e.becomeTenant(ctx, c); err != nil {
		return nil, err
	}
	e.PodAccounts = map[string]bool{}
	for _, ns := range e.Namespaces {
		// Where it can not be seen, the default account does as well, unless
		// the site has a rule against it.
		_, err := e.Tenant.CoreV1().ServiceAccounts(ns).Get(ctx, PodServiceAccount, metav1.GetOptions{})
		e.PodAccounts[ns] = err == nil
	}
	return e, nil
}

// PodAccount is the ServiceAccount for pods in a namespace, empty for the
// namespace's default. It has no rights.
func (e *Env) PodAccount(namespace string) string {
	if e.PodAccounts[namespace] {
		return PodServiceAccount
	}
	return ""
}

// tokenLifetime outlasts the longest run (the suite's own timeout) so that
// cleanup still works at its end.
const tokenLifetime = 4 * time.Hour

// becomeTenant asks for a token of the tenant ServiceAccount. Where the runner
// may not, as with a namespace-only kubeconfig, the runner itself is the
// tenant, and the report says so.
func (e *Env) becomeTenant(ctx context.Context, c Config) error {
	seconds := int64(tokenLifetime.Seconds())
	token, err := e.Runner.CoreV1().ServiceAccounts(e.Namespaces[0]).CreateToken(ctx, TenantServiceAccount,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
	switch {
	case err == nil:
		tenant := rest.AnonymousClientConfig(c.Rest)
		tenant.BearerToken = token.Status.Token
		e.TenantConfig, e.TenantIdentity = e.prepare(tenant, c, "tenant"), IdentityServiceAccount
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		e.TenantConfig, e.TenantIdentity = e.RunnerConfig, IdentitySelf
	default:
		return fmt.Errorf("ask for a token of ServiceAccount %s/%s: %w", e.Namespaces[0], TenantServiceAccount, err)
	}
	if e.Tenant, err = kubernetes.NewForConfig(e.TenantConfig); err != nil {
		return fmt.Errorf("make the tenant's client: %w", err)
	}
	if e.tenantDynamic, err = dynamic.NewForConfig(e.TenantConfig); err != nil {
		return fmt.Errorf("make the tenant's dynamic client: %w", err)
	}
	return nil
}

func (e *Env) prepare(config *rest.Config, c Config, who string) *rest.Config {
	config.RateLimiter = e.limiter
	// The run ID in the user agent lets a site find our requests in its audit log.
	config.UserAgent = fmt.Sprintf("bvc/%s (%s; run %s)", c.Version, who, c.RunID)
	// A warning header is the API server's text for people at a terminal.
	config.WarningHandler = rest.NoWarnings{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counting{next, e.requests} })
	return config
}

// APIRequests is the number of requests sent so far.
func (e *Env) APIRequests() int64 { return e.requests.Load() }

type counting struct {
	next  http.RoundTripper
	count *atomic.Int64
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.count.Add(1)
	return c.next.RoundTrip(r)
}

// For returns the environment of one probe: the same, with the probe's name on
// the objects it makes.
func (e *Env) For(probe string) *Env {
	own := *e
	own.probe, own.repeats = probe, &atomic.Int64{}
	return &own
}

// maxRepeats of a probe: more are no passing trouble.
const maxRepeats = 10

// Repeat reports whether the probe may send once more what nobody could decide
// about.
func (e *Env) Repeat() bool { return e.repeats.Add(1) <= maxRepeats }

// Labels are the labels of an object of this run, with more added; none of
// these replaces the run's own, by which it finds its objects again.
func (e *Env) Labels(more map[string]string) map[string]string {
	labels := make(map[string]string, len(more)+3)
	maps.Copy(labels, more)
	labels[LabelRun], labels[LabelManagedBy], labels[LabelProbe] = e.RunID, ManagedBy, e.probe
	return labels
}
