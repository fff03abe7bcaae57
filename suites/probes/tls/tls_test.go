package tls

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/tlsscan"
)

// site is an API server over the objects of a site. Its own address is that of
// the one API server, unless registered says another.
type site struct {
	registered string
	nodes      []corev1.Node
	webhooks   []string // URLs
	services   []string // namespace/name:port of APIServices
	forbidden  map[string]bool
	clusterIPs []string // of the Service kubernetes
	// conversions are the clientConfigs of CustomResourceDefinitions, one a page.
	conversions []any
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reply := func(code int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body)
	}
	type object = map[string]any
	list := func(kind, version string, items []any) {
		reply(http.StatusOK, object{"kind": kind + "List", "apiVersion": version, "metadata": object{}, "items": items})
	}
	forbid := func() {
		reply(http.StatusForbidden, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: 403, Reason: metav1.StatusReasonForbidden,
			Message: `pods is forbidden: User "u" cannot create resource "pods" in API group "" in the namespace "n"`})
	}
	resource := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if s.forbidden[resource] {
		forbid()
		return
	}
	var items []any
	switch resource {
	case "endpointslices":
		host, port, _ := net.SplitHostPort(s.registered)
		items = append(items, object{"endpoints": []any{object{"addresses": []any{host}}}, "ports": []any{object{"name": "https", "port": json.Number(port)}}})
		list("EndpointSlice", "discovery.k8s.io/v1", items)
	case "kubernetes":
		if len(s.clusterIPs) == 0 {
			forbid()
			return
		}
		reply(http.StatusOK, object{"kind": "Service", "apiVersion": "v1", "spec": object{"clusterIPs": s.clusterIPs}})
	case "nodes":
		for _, n := range s.nodes {
			items = append(items, n)
		}
		list("Node", "v1", items)
	case "validatingwebhookconfigurations":
		for _, u := range s.webhooks {
			items = append(items, object{"webhooks": []any{object{"clientConfig": object{"url": u}}}})
		}
		list("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1", items)
	case "mutatingwebhookconfigurations":
		// The backend of the first validating webhook once more, at another path,
		// and a Service.
		if len(s.webhooks) > 0 {
			items = append(items, object{"webhooks": []any{
				object{"clientConfig": object{"url": s.webhooks[0] + "/mutate"}},
				object{"clientConfig": object{"service": object{"namespace": "n", "name": "hook"}}},
			}})
		}
		list("MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1", items)
	case "customresourcedefinitions":
		page, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		meta := object{}
		if page < len(s.conversions) {
			items = append(items, object{"spec": object{"group": "g", "conversion": object{"strategy": "Webhook", "webhook": object{"clientConfig": s.conversions[page]}}}})
			meta["continue"] = strconv.Itoa(page + 1)
		} else {
			items = append(items, object{"spec": object{"conversion": object{"strategy": "None"}}}, object{"spec": object{}})
		}
		reply(http.StatusOK, object{"kind": "CustomResourceDefinitionList", "apiVersion": "apiextensions.k8s.io/v1", "metadata": meta, "items": items})
	case "apiservices":
		items = append(items, object{"spec": object{"group": "apps"}})
		for _, service := range s.services {
			namespace, rest, _ := strings.Cut(service, "/")
			name, port, _ := strings.Cut(rest, ":")
			items = append(items, object{"spec": object{"service": object{"namespace": namespace, "name": name, "port": json.Number(port)}}})
		}
		list("APIService", "apiregistration.k8s.io/v1", items)
	default:
		forbid()
	}
}

func node(name, address string, kubelet int, controlPlane bool) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	if address != "" {
		n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: name}, {Type: corev1.NodeInternalIP, Address: address}}
	}
	n.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(kubelet)
	if controlPlane {
		n.Labels["node-role.kubernetes.io/control-plane"] = ""
	}
	return n
}

func observed(t *testing.T, s *site) (Observation, error) {
	t.Helper()
	return Observe(t.Context(), environment(t, s))
}

// environment is that of a run on the site.
func environment(t *testing.T, s *site) *cluster.Env {
	t.Helper()
	server := serving(t, s, &tls.Config{})
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if s.registered == "" {
		s.registered = u.Host
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	env, err := cluster.New(t.Context(), cluster.Config{
		Rest: &rest.Config{
			Host: server.URL, TLSClientConfig: rest.TLSClientConfig{CAData: authority}, ContentConfig: rest.ContentConfig{ContentType: "application/json"},
		},
		RunID: "r", Namespaces: []string{"a"}, QPS: 1000, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	return env.For("tls")
}

// serving starts a server, with TLS where there is a configuration for it. It
// does not log what the scan does to it.
func serving(t *testing.T, h http.Handler, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if config == nil {
		server.Start()
	} else {
		server.TLS = config
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	return server
}

// port of an in-process server on the loopback address.
func port(t *testing.T, of *httptest.Server) int {
	t.Helper()
	return of.Listener.Addr().(*net.TCPAddr).Port
}

// closedPort is one where nothing listens.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestObserve(t *testing.T) {
	modern := serving(t, http.NotFoundHandler(), &tls.Config{})
	old := serving(t, http.NotFoundHandler(), &tls.Config{MinVersion: tls.VersionTLS10})
	plain := serving(t, http.NotFoundHandler(), nil)

	o, err := observed(t, &site{
		// Not in the order of their names, one without an address, one that is gone.
		nodes: []corev1.Node{
			node("d", "127.0.0.1", closedPort(t), false), node("a", "127.0.0.1", port(t, modern), true),
			node("b", "127.0.0.1", port(t, old), false), node("c", "", 1, false),
		},
		webhooks: []string{modern.URL, plain.URL},
		services: []string{"n/metrics:443", "n/metrics:443", "n/metrics:8443"},
		// One twice, and one that is a webhook's already.
		conversions: []any{
			map[string]any{"service": map[string]any{"namespace": "n", "name": "convert", "path": "/convert", "port": 9443}, "caBundle": "eA=="},
			map[string]any{"service": map[string]any{"namespace": "n", "name": "convert", "path": "/other", "port": 9443}},
			map[string]any{"service": map[string]any{"namespace": "n", "name": "hook"}}, map[string]any{"url": plain.URL + "/convert"}, map[string]any{"url": "https://convert.example/x"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !o.Complete() {
		t.Errorf("not complete: %+v", o)
	}
	a := o.APIServers
	if a.Found != 1 || len(a.Targets) != 1 || a.Targets[0].Via != ViaEndpoint || a.Targets[0].Before.Verdict != tlsscan.Offered || a.Targets[0].Versions.TLS11.Verdict != tlsscan.Refused {
		t.Errorf("API servers: %+v", a)
	}
	k := o.Kubelets
	if k.Found != 4 || k.Selected != 4 || len(k.Targets) != 4 || k.NotTried != 0 {
		t.Fatalf("kubelets: %+v", k)
	}
	if k.Targets[0].Versions.TLS10.Verdict != tlsscan.Refused || k.Targets[1].Versions.TLS10.Verdict != tlsscan.Offered ||
		k.Targets[2].Reach != tlsscan.ReachNoName || k.Targets[3].Reach != tlsscan.ReachRefused {
		t.Errorf("kubelets: %+v", k.Targets)
	}
	for kind, want := range map[Kind]int{Etcd: 2, ControllerManager: 1, Scheduler: 1} {
		if g := o.Of(kind); g.Found != want || len(g.Targets) != want || g.Targets[0].Via != ViaNode {
			t.Errorf("%s: %+v", kind, g)
		}
	}
	// This site permits no pods with a view of their nodes.
	if o.OwnNodes.Wanted != 2 || o.OwnNodes.Looked != 0 || o.OwnNodes.Trouble != cluster.NotPermitted {
		t.Errorf("own nodes: %+v", o.OwnNodes)
	}
	// Two URLs, of which one is there twice, and a Service. The URLs are of the
	// API server's own host, which is not this one.
	w := o.Webhooks
	if w.Found != 3 || w.Listing != Listed || w.Targets[0].Via != ViaURL || w.Targets[0].Reach != tlsscan.ReachNoName || w.Targets[1].Reach != tlsscan.ReachNoName || w.Targets[2].Via != ViaService || w.Targets[2].Reach != tlsscan.ReachNoName {
		t.Errorf("webhooks: %+v", w)
	}
	if s := o.APIServices; s.Found != 2 || len(s.Targets) != 2 || s.Targets[1].Via != ViaService {
		t.Errorf("APIServices: %+v", s)
	}
	if c := o.ConversionWebhooks; c.Found != 2 || c.Listing != Listed || len(c.Targets) != 2 || c.Targets[0].Via != ViaService || c.Targets[1].Via != ViaURL {
		t.Errorf("conversion webhooks: %+v", c)
	}
	// Nothing of the site's names and addresses is in the evidence.
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"127.0.0.1", "metrics", "hook\"", "convert.", "convert\"", "localhost", "http:", "https:", fmt.Sprint(port(t, modern))} {
		if strings.Contains(string(data), never) {
			t.Errorf("the evidence holds %q", never)
		}
	}
}

// TestConfiguredHost: where the one registered address can not be reached, the
// run's own access leads to it.
func TestConfiguredHost(t *testing.T) {
	o, err := observed(t, &site{registered: fmt.Sprintf("127.0.0.1:%d", closedPort(t))})
	if err != nil {
		t.Fatal(err)
	}
	if got := o.APIServers.Targets; len(got) != 1 || got[0].Via != ViaConfiguredHost || got[0].Before.Verdict != tlsscan.Offered {
		t.Errorf("%+v", got)
	}
}

func TestLists(t *testing.T) {
	o, err := observed(t, &site{forbidden: map[string]bool{"apiservices": true, "mutatingwebhookconfigurations": true, "customresourcedefinitions": true}})
	if err != nil {
		t.Fatal(err)
	}
	if o.Webhooks.Listing != ListingNotAllowed || o.APIServices.Listing != ListingNotAllowed || o.ConversionWebhooks.Listing != ListingNotAllowed || o.APIServers.Targets[0].Reach != tlsscan.Reached {
		t.Errorf("%+v", o)
	}
	for _, needed := range []string{"nodes", "endpointslices"} {
		if _, err := observed(t, &site{forbidden: map[string]bool{needed: true}}); err == nil || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("%s forbidden: %v", needed, err)
		}
	}
}

// TestNoEnd: a list that does not end is no list.
func TestNoEnd(t *testing.T) {
	env := environment(t, &site{conversions: make([]any, definitionPages)})
	if all, found := conversionWebhooks(t.Context(), env); found != ListingFailed || all != nil {
		t.Errorf("%s: %v", found, all)
	}
}

func TestEachItem(t *testing.T) {
	for list, want := range map[string]string{
		`{"kind":"List","metadata":{"continue":"c"},"items":[{"x":1,"y":[2]},{"x":3}]}`: "1 3 c",
		`{"items":[{"x":1}],"metadata":{"continue":"c"}}`:                               "1 c",
		`{"metadata":{},"items":[]}`:                                                    "",
		`{"metadata":{},"items":null}`:                                                  "wrong",
		`{"metadata":{}}`:                                                               "wrong",
		`{"metadata":{},"items":[{"x":1}`:                                               "1 wrong",
		`{"metadata":{},"items":[{"x":"a"}]}`:                                           "wrong",
		`[]`:                                                                            "wrong",
		``:                                                                              "wrong",
	} {
		var got []string
		next, err := eachItem(strings.NewReader(list), func(i struct{ X int }) { got = append(got, fmt.Sprint(i.X)) })
		if err != nil {
			next = "wrong"
		}
		if s := strings.TrimSpace(strings.Join(append(got, next), " ")); s != want {
			t.Errorf("%s: %q (%v), want %q", list, s, err, want)
		}
	}
}

// dns answers with one name and its addresses.
type dns struct {
	name      string
	addresses []string
}

func (d dns) LookupCNAME(context.Context, string) (string, error) {
	if d.name == "" {
		return "", &net.DNSError{IsNotFound: true}
	}
	return d.name, nil
}

func (d dns) LookupHost(_ context.Context, host string) ([]string, error) {
	if host != d.name || len(d.addresses) == 0 {
		return nil, &net.DNSError{IsNotFound: true}
	}
	return d.addresses, nil
}

// TestClusterDomain: a domain in which every name exists is not the cluster's.
func TestClusterDomain(t *testing.T) {
	own := []string{"10.96.0.1", "fd00:10:96::1"}
	for name, c := range map[string]struct {
		dns  dns
		own  []string
		want string
	}{
		"the cluster's":               {dns{"kubernetes.default.svc.cluster.local.", []string{"10.96.0.1"}}, own, "cluster.local."},
		"its other address":           {dns{"kubernetes.default.svc.k8s.example.", []string{"192.0.2.9", "fd00:10:96:0::1"}}, own, "k8s.example."},
		"a search domain with all":    {dns{"kubernetes.default.svc.corp.example.", []string{"198.51.100.80"}}, own, ""},
		"own addresses not known":     {dns{"kubernetes.default.svc.cluster.local.", []string{"10.96.0.1"}}, nil, ""},
		"own addresses without sense": {dns{"kubernetes.default.svc.cluster.local.", []string{""}}, []string{""}, ""},
		"a name without an address":   {dns{"kubernetes.default.svc.cluster.local.", nil}, own, ""},
		"another name":                {dns{"www.corp.example.", []string{"10.96.0.1"}}, own, ""},
		"no domain behind it":         {dns{"kubernetes.default.svc.", []string{"10.96.0.1"}}, own, ""},
		"no name":                     {dns{}, own, ""},
	} {
		if got := clusterDomain(t.Context(), c.dns, c.own); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestServiceAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		given      string
		clusterIPs []string
		want       []string
	}{
		"in a pod":                    {"127.0.0.1", []string{"10.96.0.1"}, []string{"127.0.0.1"}},
		"in a pod of another cluster": {"10.96.0.1", []string{"10.96.0.1"}, nil},
		"outside, may read it":        {"", []string{"10.96.0.1", "fd00::1"}, []string{"10.96.0.1", "fd00::1"}},
		"outside, may not read it":    {"", nil, nil},
		"in a pod with another name":  {"api.example", []string{"10.96.0.1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBERNETES_SERVICE_HOST", c.given)
			if got := serviceAddresses(t.Context(), environment(t, &site{clusterIPs: c.clusterIPs})); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestEvenly(t *testing.T) {
	all := make([]endpoint, 25)
	for i := range all {
		all[i].address = fmt.Sprint(i)
	}
	got := evenly(all, 10)
	if len(got) != 10 || got[0].address != "0" || got[9].address != "22" {
		t.Errorf("%v", got)
	}
	if got := evenly(all[:3], 10); len(got) != 3 {
		t.Errorf("%v", got)
	}
}

// TestNoTime: what had no turn is counted and not taken for a look.
func TestNoTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := Observation{}
	endpoints := map[Kind][]endpoint{Kubelet: make([]endpoint, 7)}
	o.Kubelets.Found, o.Kubelets.Selected = 7, 7
	scanAll(ctx, endpoints, &o)
	if o.Kubelets.NotTried != 7 || len(o.Kubelets.Targets) != 0 || !o.Complete() {
		t.Errorf("%+v", o.Kubelets)
	}
}

// TestEvidenceIsBounded: the largest observation fits into the evidence of one
// probe (128 KiB).
func TestEvidenceIsBounded(t *testing.T) {
	long := tlsscan.Answer{Verdict: tlsscan.Undecided, How: "0x0303 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Tries: 3}
	var names []string
	for range 12 {
		names = append(names, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")
	}
	one := Target{Index: 10, Via: ViaConfiguredHost, Result: tlsscan.Result{
		Reach: tlsscan.Reached, Before: long, After: long, Versions: tlsscan.Versions{SSL30: long, TLS10: long, TLS11: long, TLS12: long, TLS13: long},
		Classes: tlsscan.Classes{Null: long, Anonymous: long, Export: long, RC4: long, DES: long}, Suites: tlsscan.Suites{Names: names, Count: 12},
		Plaintext: long, Certificate: tlsscan.Certificate{Key: tlsscan.KeyUnknown, Signature: "SHA512-RSAPSS", ValidDays: 100000, DaysLeft: -100000}, Connections: 100,
	}}
	var o Observation
	room := mostOfAll
	for _, k := range Kinds() {
		g := o.group(k)
		for range min(MostOf(k), room) {
			g.Targets = append(g.Targets, one)
		}
		room -= len(g.Targets)
	}
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 128<<10 {
		t.Errorf("%d bytes for %d-byte targets", len(data), len(data)/mostOfAll)
	}
}

// TestWithinTheTime: scanning all that may be selected ends within the probe's time.
func TestWithinTheTime(t *testing.T) {
	if worst := 5*requestLimit + 2*domainLimit + allLimit + hostPodsLimit + hostScanLimit + removeLimit; worst > Probe.Timeout {
		t.Errorf("the worst case takes %s, the probe has %s", worst, Probe.Timeout)
	}
}
