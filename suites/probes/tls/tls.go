// Package tls finds out what the endpoints of the control plane, of the nodes
// and of the extensions of the API offer: versions and cipher suites, plain
// HTTP on the same port, and the certificate. It knocks from where the runner
// is, and at what can not be reached from there once more from a pod in the
// node's own network, where the site permits such pods: a port may be bound to
// the node's loopback address, or packet filters may keep pods away.
//
// Each endpoint gets some thirty connections without a login, which its log
// shows as failed handshakes.
package tls

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/tlsscan"
)

const (
	// atOnce bounds the endpoints that are scanned at the same time.
	atOnce = 4
	// allLimit bounds all scans, oneLimit each.
	allLimit = 75 * time.Second
	oneLimit = 25 * time.Second
	// requestLimit bounds one request to the API.
	requestLimit = 20 * time.Second
	// domainLimit bounds the search for the cluster's domain.
	domainLimit = 5 * time.Second
	// connectLimit and answerLimit are generous within a data centre.
	connectLimit = 2 * time.Second
	answerLimit  = 3 * time.Second
	tries        = 3
	// definitionPage is how many CustomResourceDefinitions come at once, and
	// definitionPages bounds how often; no cluster is known to have so many.
	definitionPage  = 100
	definitionPages = 50

	portKubelet           = 10250
	portEtcd              = 2379
	portEtcdPeers         = 2380
	portControllerManager = 10257
	portScheduler         = 10259

	// anyService is a name that every cluster's DNS knows.
	anyService     = anyServiceName + ".default.svc"
	anyServiceName = "kubernetes"
)

// mostOfAll is how many endpoints fit into the evidence. Those of the last kind
// get what the others leave.
const mostOfAll = 57

// MostOf bounds how many endpoints of a kind are looked at. Further ones are
// left out evenly: nodes and replicas are made alike, and evidence is bounded.
func MostOf(k Kind) int {
	switch k {
	case APIServer:
		return cluster.MaxAPIServers
	case Etcd:
		return 6 // two ports on each node
	case ControllerManager, Scheduler:
		return 5
	case Webhook, ConversionWebhook:
		return 10 // each may be another program
	default:
		return 8
	}
}

// Probe scans from where the runner is, and from nodes.
var Probe = check.NewProbe[*cluster.Env, Observation](check.ProbeMeta{
	Name:          "tls",
	SchemaVersion: 2,
	Timeout:       6 * time.Minute,
	Weight:        1,
	Needs: append([]check.Right{
		{As: check.Runner, Verb: "list", Group: "discovery.k8s.io", Resource: "endpointslices", Scope: "default"},
		{As: check.Runner, Verb: "list", Resource: "nodes"},
		{As: check.Runner, Verb: "get", Resource: "services", Name: anyServiceName, Scope: metav1.NamespaceDefault, Optional: true},
		{As: check.Runner, Verb: "list", Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations", Optional: true},
		{As: check.Runner, Verb: "list", Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations", Optional: true},
		{As: check.Runner, Verb: "list", Group: "apiregistration.k8s.io", Resource: "apiservices", Optional: true},
		{As: check.Runner, Verb: "list", Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Optional: true},
	}, hostRights()...),
}, Observe)

// endpoint is where to scan.
type endpoint struct {
	via Via
	// address is host:port, empty where the name of a Service has none.
	address string
	// name for SNI.
	name string
	// instead is the address to try where this one can not be reached.
	instead string
	// insteadName for SNI there.
	insteadName string
	// node on which it is, and its addresses there for the node itself; empty
	// where it is not known or there are none.
	node     string
	loopback []string
}

// Observe lists the endpoints and scans them, a few at a time.
func Observe(ctx context.Context, env *cluster.Env) (Observation, error) {
	o := Observation{OnlyTR02102: env.OnlyTR02102Suites}
	endpoints := map[Kind][]endpoint{}
	for _, k := range Kinds() {
		*o.group(k) = Group{Listing: Listed, Targets: []Target{}}
	}
	addresses, err := env.APIServers(ctx)
	if err != nil {
		return o, &check.Stopped{Phase: "list the API servers", Err: err}
	}
	endpoints[APIServer] = apiServers(env, addresses)
	if err := nodes(ctx, env, endpoints); err != nil {
		return o, &check.Stopped{Phase: "list the nodes", Err: err}
	}
	domain := clusterDomain(ctx, net.DefaultResolver, serviceAddresses(ctx, env))
	seen := map[backend]bool{}
	hooks, found := webhooks(ctx, env)
	endpoints[Webhook], o.Webhooks.Listing = different(hooks, domain, seen), found
	conversions, found := conversionWebhooks(ctx, env)
	endpoints[ConversionWebhook], o.ConversionWebhooks.Listing = different(conversions, domain, seen), found
	endpoints[APIService], o.APIServices.Listing = apiServices(ctx, env, domain)
	room := mostOfAll
	for _, k := range Kinds() {
		g := o.group(k)
		g.Found = len(endpoints[k])
		endpoints[k] = evenly(endpoints[k], min(MostOf(k), room))
		g.Selected = len(endpoints[k])
		room -= g.Selected
	}
	scanAll(ctx, endpoints, &o)
	if err := ctx.Err(); err != nil {
		return o, &check.Stopped{Phase: "scan", Err: err}
	}
	fromNodes(ctx, env, endpoints, &o)
	if err := ctx.Err(); err != nil {
		return o, &check.Stopped{Phase: "scan from nodes", Err: err}
	}
	return o, nil
}

// evenly takes at most so many over the whole list.
func evenly(all []endpoint, most int) []endpoint {
	if len(all) <= most {
		return all
	}
	out := make([]endpoint, 0, most)
	for i := range most {
		out = append(out, all[i*len(all)/most])
	}
	return out
}

// scanAll scans atOnce endpoints at a time. What had no turn is counted.
func scanAll(ctx context.Context, endpoints map[Kind][]endpoint, o *Observation) {
	ctx, cancel := context.WithTimeout(ctx, allLimit)
	defer cancel()
	type job struct {
		kind  Kind
		index int
		at    endpoint
	}
	jobs := make(chan job)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for j := range jobs {
				var t *Target
				if ctx.Err() == nil {
					t = &Target{Index: j.index, Via: j.at.via}
					t.Result = scanOne(ctx, j.at, &t.Via)
				}
				mu.Lock()
				if g := o.group(j.kind); t == nil {
					g.NotTried++
				} else {
					g.Targets = append(g.Targets, *t)
				}
				mu.Unlock()
			}
		})
	}
	for _, k := range Kinds() {
		for i, e := range endpoints[k] {
			jobs <- job{k, i + 1, e}
		}
	}
	close(jobs)
	all.Wait()
	for _, k := range Kinds() {
		slices.SortFunc(o.group(k).Targets, func(a, b Target) int { return cmp.Compare(a.Index, b.Index) })
	}
}

func scanOne(ctx context.Context, e endpoint, via *Via) tlsscan.Result {
	if e.address == "" {
		return tlsscan.Unreached(tlsscan.ReachNoName)
	}
	ctx, cancel := context.WithTimeout(ctx, oneLimit)
	defer cancel()
	s := tlsscan.Scanner{Connect: connectLimit, Answer: answerLimit, Tries: tries, Now: time.Now()}
	r := s.Scan(ctx, e.address, e.name)
	if r.Reach != tlsscan.Reached && e.instead != "" {
		if other := s.Scan(ctx, e.instead, e.insteadName); other.Reach == tlsscan.Reached {
			*via = ViaConfiguredHost
			return other
		}
	}
	return r
}

// apiServers are the registered addresses. Where there is one only, the run's
// own access leads to it as well.
func apiServers(env *cluster.Env, addresses []string) []endpoint {
	var out []endpoint
	for _, address := range addresses {
		host, name, ok := hostPort(address)
		if !ok {
			continue
		}
		// Under this name every API server is known, also behind what chooses by it.
		e := endpoint{via: ViaEndpoint, address: host, name: cmp.Or(name, anyService)}
		// What has a path leads through somebody else's server.
		if u, err := url.Parse(env.RunnerConfig.Host); len(addresses) == 1 && err == nil && strings.Trim(u.Path, "/") == "" {
			if e.instead, e.insteadName, ok = hostPort(env.RunnerConfig.Host); ok {
				e.insteadName = cmp.Or(env.RunnerConfig.ServerName, e.insteadName, anyService)
			}
		}
		out = append(out, e)
	}
	return out
}

// hostPort gives the address of a URL, and the name in it where it has one.
func hostPort(address string) (to, name string, ok bool) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return "", "", false
	}
	name = u.Hostname()
	if net.ParseIP(name) != nil {
		name = "" // no name for SNI
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443")), name, true
}

// local reports whether the address is that of whoever dials it.
func local(to string) bool {
	host, _, err := net.SplitHostPort(to)
	ip := net.ParseIP(host)
	return err != nil || host == "localhost" || ip != nil && ip.IsLoopback()
}

// nodes adds every node's kubelet, and what may listen on nodes of the control
// plane.
func nodes(ctx context.Context, env *cluster.Env, endpoints map[Kind][]endpoint) error {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	list, err := env.Runner.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %s", word(err))
	}
	slices.SortFunc(list.Items, func(a, b corev1.Node) int { return cmp.Compare(a.Name, b.Name) })
	for _, n := range list.Items {
		address := internalAddress(n)
		add := func(k Kind, port int) {
			e := endpoint{via: ViaNode, node: n.Name}
			if address != "" {
				e.address = net.JoinHostPort(address, strconv.Itoa(port))
				e.loopback = []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), net.JoinHostPort("::1", strconv.Itoa(port))}
			}
			endpoints[k] = append(endpoints[k], e)
		}
		add(Kubelet, cmp.Or(int(n.Status.DaemonEndpoints.KubeletEndpoint.Port), portKubelet))
		if _, own := n.Labels["node-role.kubernetes.io/etcd"]; own || cluster.ControlPlane(n) {
			add(Etcd, portEtcd)
			add(Etcd, portEtcdPeers)
		}
		if cluster.ControlPlane(n) {
			add(ControllerManager, portControllerManager)
			add(Scheduler, portScheduler)
		}
	}
	return nil
}

func internalAddress(n corev1.Node) string {
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			return a.Address
		}
	}
	return ""
}

// resolver is what is needed of net.Resolver.
type resolver interface {
	LookupCNAME(ctx context.Context, host string) (string, error)
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// clusterDomain finds the cluster's DNS domain, empty where there is none, as
// outside of the cluster. With it the names of Services are whole, to the dot at
// the end: a shorter one could, where the Service is missing, become a name
// outside. That the answer is this cluster's, one of its own addresses shows: a
// search domain in which every name exists answers as well.
func clusterDomain(ctx context.Context, dns resolver, own []string) string {
	ctx, cancel := context.WithTimeout(ctx, domainLimit)
	defer cancel()
	name, err := dns.LookupCNAME(ctx, anyService)
	domain, found := strings.CutPrefix(name, anyService+".")
	if err != nil || !found || !strings.HasSuffix(domain, ".") {
		return ""
	}
	addresses, err := dns.LookupHost(ctx, name)
	if err != nil || !slices.ContainsFunc(addresses, func(a string) bool {
		return slices.ContainsFunc(own, func(b string) bool { return sameAddress(a, b) })
	}) {
		return ""
	}
	return domain
}

func sameAddress(a, b string) bool {
	x, err := netip.ParseAddr(a)
	y, otherErr := netip.ParseAddr(b)
	return err == nil && otherErr == nil && x.Unmap() == y.Unmap()
}

// serviceAddresses are those of anyService in this cluster, none where they are
// not known. In a pod of it they are given; in a pod of another cluster the DNS
// is the other one's, whose addresses may be the same.
func serviceAddresses(ctx context.Context, env *cluster.Env) []string {
	if given := os.Getenv("KUBERNETES_SERVICE_HOST"); given != "" {
		to, _, _ := hostPort(env.RunnerConfig.Host)
		host, _, err := net.SplitHostPort(to)
		if err != nil || host != given {
			return nil
		}
		if net.ParseIP(given) != nil {
			return []string{given}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, domainLimit)
	defer cancel()
	s, err := env.Runner.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, anyServiceName, metav1.GetOptions{})
	if err != nil {
		return nil // as outside
	}
	return s.Spec.ClusterIPs
}

// backend is a Service or a URL behind a webhook or an API group.
type backend struct {
	namespace, name string
	port            int32
	url             string
}

// endpoint of a backend. A Service's name is resolved by the cluster's DNS, for
// which the run needs no right.
func (b backend) endpoint(domain string) endpoint {
	if b.url != "" {
		e := endpoint{via: ViaURL}
		// A loopback address is that of the API server's own host.
		if to, name, ok := hostPort(b.url); ok && !local(to) {
			e.address, e.name = to, name
		}
		return e
	}
	e := endpoint{via: ViaService, name: b.name + "." + b.namespace + ".svc"}
	if domain != "" {
		e.address = net.JoinHostPort(e.name+"."+domain, strconv.Itoa(int(b.port)))
	}
	return e
}

// different gives each backend's endpoint once, and none of those seen already.
func different(all []backend, domain string, seen map[backend]bool) []endpoint {
	var out []endpoint
	for _, b := range all {
		if !seen[b] {
			seen[b] = true
			out = append(out, b.endpoint(domain))
		}
	}
	return out
}

// portOf is the port of a Service, where none is said that of HTTPS.
func portOf(port *int32) int32 {
	if port == nil {
		return 443
	}
	return *port
}

// backendsOf a webhook's configuration: one, or none that it names.
func backendsOf(c admissionv1.WebhookClientConfig) []backend {
	switch {
	case c.Service != nil:
		return []backend{{namespace: c.Service.Namespace, name: c.Service.Name, port: portOf(c.Service.Port)}}
	case c.URL != nil:
		u, err := url.Parse(*c.URL)
		if err != nil {
			u = &url.URL{Host: *c.URL}
		}
		return []backend{{url: "https://" + u.Host}} // the API takes no other scheme; paths are of one server
	}
	return nil
}

// webhooks are the backends of all webhooks for admission.
func webhooks(ctx context.Context, env *cluster.Env) ([]backend, Listing) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	registrations := env.Runner.AdmissionregistrationV1()
	validating, err := registrations.ValidatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, listing(err)
	}
	mutating, err := registrations.MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, listing(err)
	}
	var all []backend
	for _, c := range validating.Items {
		for _, w := range c.Webhooks {
			all = append(all, backendsOf(w.ClientConfig)...)
		}
	}
	for _, c := range mutating.Items {
		for _, w := range c.Webhooks {
			all = append(all, backendsOf(w.ClientConfig)...)
		}
	}
	return all, Listed
}

// definition is what is needed of a CustomResourceDefinition.
type definition struct {
	Spec struct {
		Conversion struct {
			Strategy string `json:"strategy"`
			Webhook  struct {
				// As admission has it, field by field.
				ClientConfig admissionv1.WebhookClientConfig `json:"clientConfig"`
			} `json:"webhook"`
		} `json:"conversion"`
	} `json:"spec"`
}

// conversionWebhooks are the backends of all CustomResourceDefinitions'. They
// come in pages and one by one, for their schemas are large.
func conversionWebhooks(ctx context.Context, env *cluster.Env) ([]backend, Listing) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	var all []backend
	next := ""
	for range definitionPages {
		body, err := env.Runner.CoreV1().RESTClient().Get().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").
			Param("limit", strconv.Itoa(definitionPage)).Param("continue", next).SetHeader("Accept", "application/json").Stream(ctx)
		if err != nil {
			return nil, listing(err)
		}
		next, err = eachItem(body, func(d definition) {
			if c := d.Spec.Conversion; c.Strategy == "Webhook" {
				all = append(all, backendsOf(c.Webhook.ClientConfig)...)
			}
		})
		_ = body.Close() // what was read says whether it is whole
		if err != nil {
			return nil, ListingFailed
		}
		if next == "" {
			return all, Listed
		}
	}
	return nil, ListingFailed
}

// eachItem reads a list, one item at a time, and gives the token of the rest.
func eachItem[T any](list io.Reader, use func(T)) (next string, err error) {
	in := json.NewDecoder(list)
	if err := delimiter(in, '{'); err != nil {
		return "", err
	}
	items := false
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return "", fmt.Errorf("read a list: %w", err)
		}
		switch key {
		case "metadata":
			var meta metav1.ListMeta
			if err := in.Decode(&meta); err != nil {
				return "", fmt.Errorf("read a list's metadata: %w", err)
			}
			next = meta.Continue
		case "items":
			items = true
			if err := eachOf(in, use); err != nil {
				return "", err
			}
		default:
			var other json.RawMessage
			if err := in.Decode(&other); err != nil {
				return "", fmt.Errorf("read a list: %w", err)
			}
		}
	}
	if !items {
		return "", errors.New("no list of items")
	}
	return next, delimiter(in, '}')
}

func eachOf[T any](in *json.Decoder, use func(T)) error {
	if err := delimiter(in, '['); err != nil {
		return err
	}
	for in.More() {
		var item T
		if err := in.Decode(&item); err != nil {
			return fmt.Errorf("read an item: %w", err)
		}
		use(item)
	}
	return delimiter(in, ']')
}

func delimiter(in *json.Decoder, want json.Delim) error {
	got, err := in.Token()
	if err != nil {
		return fmt.Errorf("read a list: %w", err)
	}
	if got != want {
		return fmt.Errorf("read a list: there is no %s", want)
	}
	return nil
}

// apiServices are the backends of groups that the API server passes on.
func apiServices(ctx context.Context, env *cluster.Env, domain string) ([]endpoint, Listing) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	data, err := env.Runner.CoreV1().RESTClient().Get().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices").DoRaw(ctx)
	if err != nil {
		return nil, listing(err)
	}
	var list struct {
		Items []struct {
			Spec struct {
				Service *struct {
					Namespace string `json:"namespace"`
					Name      string `json:"name"`
					Port      *int32 `json:"port"`
				} `json:"service"`
			} `json:"spec"`
		} `json:"items"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, ListingFailed
	}
	var all []backend
	for _, i := range list.Items {
		if s := i.Spec.Service; s != nil { // the others the API server serves itself
			all = append(all, backend{namespace: s.Namespace, name: s.Name, port: portOf(s.Port)})
		}
	}
	return different(all, domain, map[backend]bool{}), Listed
}

func listing(err error) Listing {
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		return ListingNotAllowed
	}
	return ListingFailed
}

// word says what kind of trouble an error is; messages name objects.
func word(err error) string {
	if listing(err) == ListingNotAllowed {
		return "not allowed"
	}
	return "no list"
}
