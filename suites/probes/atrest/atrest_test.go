package atrest

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// fake is an API server that stores Secrets under a prefix.
type fake struct {
	mu      sync.Mutex
	prefix  string
	noCount bool // a server without any provider counts nothing
	metrics int  // status of /metrics, 0 for 200
	create  int  // status of creating a Secret, 0 for 201
	restart bool // another process answers each time
	foreign bool // another server answers our creates
	created int
	left    int
	looks   int
	listed  []string
	values  map[string]bool
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	reply := func(code int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body)
	}
	status := func(code int, text string) {
		reply(code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: int32(code), Message: text, Reason: map[int]metav1.StatusReason{http.StatusForbidden: metav1.StatusReasonForbidden}[code]})
	}
	switch {
	case r.URL.Path == "/metrics" && r.Method == http.MethodHead:
	case r.URL.Path == "/metrics":
		if f.metrics != 0 {
			status(f.metrics, "")
			return
		}
		f.looks++
		began := 1000
		if f.restart {
			began += f.looks
		}
		fmt.Fprintf(w, "process_start_time_seconds %d\ndisabled_metrics_total 0\n%s", began, sibling)
		if f.foreign {
			return
		}
		fmt.Fprintf(w, "apiserver_request_total{code=\"201\",dry_run=\"\",group=\"\",resource=\"secrets\",subresource=\"\",verb=\"POST\"} %d\n", f.created)
		if !f.noCount {
			fmt.Fprintf(w, "apiserver_storage_transformation_operations_total{resource=\"secrets\",status=\"OK\",transformation_type=\"to_storage\",transformer_prefix=%q} %d\n", f.prefix, f.created)
		}
	case strings.HasSuffix(r.URL.Path, "/endpointslices"):
		list := discoveryv1.EndpointSliceList{TypeMeta: metav1.TypeMeta{Kind: "EndpointSliceList", APIVersion: "discovery.k8s.io/v1"}}
		for _, address := range f.listed {
			host, port, _ := net.SplitHostPort(address)
			n, _ := strconv.Atoi(port)
			number, name := int32(n), "https"
			list.Items = append(list.Items, discoveryv1.EndpointSlice{
				Endpoints: []discoveryv1.Endpoint{{Addresses: []string{host}}},
				Ports:     []discoveryv1.EndpointPort{{Name: &name, Port: &number}},
			})
		}
		reply(http.StatusOK, list)
	case strings.HasSuffix(r.URL.Path, "/secrets") && r.Method == http.MethodPost:
		if f.create != 0 {
			status(f.create, `secrets "x" is forbidden: exceeded quota: q`)
			return
		}
		s := corev1.Secret{}
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			status(http.StatusBadRequest, "")
			return
		}
		f.values[string(s.Data["canary"])] = true
		f.created++
		f.left++
		s.Name = "c"
		reply(http.StatusCreated, s)
	case strings.HasSuffix(r.URL.Path, "/secrets") && r.Method == http.MethodDelete:
		f.left = 0
		reply(http.StatusOK, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess})
	default:
		status(http.StatusForbidden, "") // a token of the tenant: the runner is the tenant
	}
}

func observed(t *testing.T, f *fake, more ...string) Observation {
	t.Helper()
	f.values = map[string]bool{}
	server := httptest.NewTLSServer(f)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if f.listed == nil {
		f.listed = append([]string{u.Host}, more...)
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
	o, err := Observe(t.Context(), env.For("secrets-at-rest"))
	if err != nil {
		t.Fatal(err)
	}
	if f.left != 0 {
		t.Errorf("%d Secrets were left", f.left)
	}
	if len(f.values) != f.created {
		t.Errorf("%d different values in %d Secrets", len(f.values), f.created)
	}
	return o
}

func TestObserve(t *testing.T) {
	for name, c := range map[string]struct {
		server  *fake
		trouble Trouble
		growth  func(dose int64) Growth
	}{
		"encrypting":  {&fake{prefix: "k8s:enc:secretbox:v1:"}, TroubleNone, func(n int64) Growth { return Growth{Secretbox: n} }},
		"in clear":    {&fake{prefix: ""}, TroubleNone, func(n int64) Growth { return Growth{Identity: n} }},
		"no provider": {&fake{noCount: true}, TroubleNone, func(int64) Growth { return Growth{} }},
		"forbidden":   {&fake{metrics: 403}, TroubleForbidden, nil},
		"unknown":     {&fake{metrics: 401}, TroubleUnauthorised, nil},
		"missing":     {&fake{metrics: 404}, TroubleNoMetrics, nil},
		"overloaded":  {&fake{metrics: 503}, TroubleServer, nil},
		"quota":       {&fake{create: 403}, TroubleSecretQuota, nil},
		"refused":     {&fake{create: 400}, TroubleSecretRefused, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := observed(t, c.server)
			if o.Listed != 1 || len(o.Servers) != 1 {
				t.Fatalf("got %+v", o)
			}
			s := o.Servers[0]
			if s.Trouble != c.trouble || s.Via != ViaEndpoint {
				t.Fatalf("got trouble %s via %s, want %s", s.Trouble, s.Via, c.trouble)
			}
			if c.growth == nil {
				if len(s.Windows) != 0 {
					t.Errorf("windows in spite of trouble: %+v", s.Windows)
				}
				return
			}
			if len(s.Windows) != len(Doses()) || !s.StorageMetrics || s.DisabledMetrics != 0 {
				t.Fatalf("got %+v", s)
			}
			for i, w := range s.Windows {
				if w.Dose != Doses()[i] || !w.SameProcess || w.Requests != int64(w.Dose) || w.Growth != c.growth(int64(w.Dose)) {
					t.Errorf("window %+v", w)
				}
			}
			last := s.Windows[len(s.Windows)-1]
			for _, w := range s.Windows {
				if w.Seconds > last.Seconds {
					t.Errorf("the baseline took %g s, a dosed window %g s", last.Seconds, w.Seconds)
				}
			}
		})
	}
}

func TestObserveAnotherProcess(t *testing.T) {
	for _, w := range observed(t, &fake{restart: true}).Servers[0].Windows {
		if w.SameProcess {
			t.Errorf("window of dose %d: another process was taken for the same", w.Dose)
		}
	}
}

func TestObserveUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("one of two", func(t *testing.T) {
		o := observed(t, &fake{prefix: "k8s:enc:aescbc:v1:"}, closed)
		if o.Listed != 2 || len(o.Servers) != 2 {
			t.Fatalf("got %+v", o)
		}
		if s := o.Servers[1]; s.Via != ViaNothing || s.Trouble != TroubleUnreachable || len(s.Windows) != 0 {
			t.Errorf("got %+v", s)
		}
	})
	t.Run("the only one", func(t *testing.T) {
		o := observed(t, &fake{prefix: "k8s:enc:aescbc:v1:", listed: []string{closed}})
		if s := o.Servers[0]; s.Via != ViaConfiguredHost || s.Trouble != TroubleNone || len(s.Windows) != 3 {
			t.Errorf("got %+v", s)
		}
	})
	t.Run("none", func(t *testing.T) {
		if o := observed(t, &fake{listed: []string{}}); o.Listed != 0 || len(o.Servers) != 0 {
			t.Errorf("got %+v", o)
		}
	})
}

// A server that does not count our requests is not the one that got them.
func TestObserveForeignCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for counts that never come")
	}
	for _, w := range observed(t, &fake{foreign: true}).Servers[0].Windows {
		if w.Requests != 0 {
			t.Errorf("window %+v", w)
		}
	}
}

// The certificate must verify: a server under an address, and without the name,
// that its certificate is not for is trouble and not a server.
func TestObserveCertificate(t *testing.T) {
	everywhere, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	other := &httptest.Server{Listener: everywhere, Config: &http.Server{Handler: &fake{values: map[string]bool{}}}}
	other.StartTLS()
	t.Cleanup(other.Close)
	u, err := url.Parse(other.URL)
	if err != nil {
		t.Fatal(err)
	}
	// httptest's certificate is for 127.0.0.1, ::1 and example.com only.
	_, port, _ := net.SplitHostPort(u.Host)
	o := observed(t, &fake{prefix: "k8s:enc:aescbc:v1:"}, net.JoinHostPort("127.0.0.2", port))
	if s := o.Servers[1]; s.Via != ViaNothing || s.Trouble != TroubleCertificate || len(s.Windows) != 0 {
		t.Errorf("got %+v", s)
	}
}
