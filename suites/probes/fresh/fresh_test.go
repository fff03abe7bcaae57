package fresh

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

// fake is an API server that refuses every pod with a fault, or none.
type fake struct {
	mu       sync.Mutex
	enforces bool
	refuses  string // a path whose creation is refused
	asked    []string
	golden   *corev1.Pod
	looks    int
	there    bool
	labels   map[string]string
	unfenced bool
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	reply := func(code int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body)
	}
	status := func(code int, reason metav1.StatusReason, text string) {
		reply(code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: text})
	}
	path := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	f.asked = append(f.asked, r.Method+" "+path)
	switch {
	case r.Method == http.MethodPost && path == f.refuses:
		status(http.StatusForbidden, metav1.StatusReasonForbidden, "no")
	case r.Method == http.MethodPost && path == "namespaces":
		var ns corev1.Namespace
		_ = json.NewDecoder(r.Body).Decode(&ns)
		f.there, f.labels = true, ns.Labels
		reply(http.StatusCreated, ns)
	case r.Method == http.MethodGet && path == "validatingadmissionpolicybindings":
		binding := admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: cluster.Fence},
			Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: cluster.Fence, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}}}
		if f.unfenced {
			binding.Name = "of-the-site"
		}
		reply(http.StatusOK, admissionregistrationv1.ValidatingAdmissionPolicyBindingList{Items: []admissionregistrationv1.ValidatingAdmissionPolicyBinding{binding}})
	case r.Method == http.MethodGet && path == "default":
		// Controllers need a moment.
		if f.looks++; f.looks < 3 {
			status(http.StatusNotFound, metav1.StatusReasonNotFound, "")
			return
		}
		reply(http.StatusOK, corev1.ServiceAccount{})
	case r.Method == http.MethodPost && path == "token" && strings.Contains(r.URL.Path, "bvc-fresh-"):
		reply(http.StatusCreated, authenticationv1.TokenRequest{Status: authenticationv1.TokenRequestStatus{Token: "t"}})
	case r.Method == http.MethodPost && path == "token":
		status(http.StatusForbidden, metav1.StatusReasonForbidden, "") // the run's tenant is the runner
	case r.Method == http.MethodPost && path == "selfsubjectaccessreviews":
		reply(http.StatusCreated, authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: r.Header.Get("Authorization") == "Bearer t"}})
	case r.Method == http.MethodPost && path == "pods":
		var pod corev1.Pod
		_ = json.NewDecoder(r.Body).Decode(&pod)
		pod.Name, pod.Spec.HostUsers = "p", nil
		if f.golden == nil {
			f.golden = &pod
		}
		if f.enforces && !equality.Semantic.DeepEqual(pod.Spec, f.golden.Spec) {
			status(http.StatusBadRequest, metav1.StatusReasonBadRequest, `admission webhook "x" denied the request`)
			return
		}
		reply(http.StatusCreated, pod)
	case r.Method == http.MethodPost: // ServiceAccounts, RoleBindings
		reply(http.StatusCreated, map[string]any{})
	case r.Method == http.MethodDelete && strings.HasPrefix(path, "bvc-fresh-"):
		f.there = false
		reply(http.StatusOK, corev1.Namespace{})
	case r.Method == http.MethodDelete:
		reply(http.StatusOK, map[string]any{})
	default:
		status(http.StatusNotFound, metav1.StatusReasonNotFound, "")
	}
}

func observed(t *testing.T, f *fake) (*cluster.Env, Observation, error) {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	env, err := cluster.New(t.Context(), cluster.Config{
		Rest:  &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}},
		RunID: "r1", Image: "registry.example/bvc@sha256:0", Namespaces: []string{"a"}, QPS: 1000, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	env = env.For("fresh")
	o, err := observe(t.Context(), env, time.Millisecond, 20*time.Millisecond)
	return env, o, err
}

func TestObserve(t *testing.T) {
	for name, enforces := range map[string]bool{"enforces": true, "admits": false} {
		t.Run(name, func(t *testing.T) {
			f := &fake{enforces: enforces}
			_, o, err := observed(t, f)
			if err != nil {
				t.Fatal(err)
			}
			if len(o.Rounds) != Rounds || !o.Gone || f.there {
				t.Fatalf("%d rounds, gone %t, there %t", len(o.Rounds), o.Gone, f.there)
			}
			if len(f.labels) != 3 || f.labels[cluster.LabelRun] != "r1" || f.labels[cluster.LabelManagedBy] != cluster.ManagedBy {
				t.Errorf("labels %v", f.labels)
			}
			for i, r := range o.Rounds {
				want := len(admission.Faults())
				if !enforces && i > 0 {
					want = 0
				}
				if len(r.Faults) != want || r.Before.Class != admission.Admitted || r.UserNamespace.Class != admission.Admitted || r.After.Class != admission.Admitted {
					t.Errorf("round %d: %+v", i+1, r)
				}
				for _, try := range r.Faults {
					if try.Kept() != enforces {
						t.Errorf("%s: %s", try.Fault, try.Class)
					}
				}
			}
			if span := o.Rounds[1].AtSeconds - o.Rounds[0].AtSeconds; span < 0.02 {
				t.Errorf("the rounds are %v s apart", span)
			}
		})
	}
}

// Where a step is refused nothing is tried, and what was made goes with the
// run's cleanup.
func TestObserveStops(t *testing.T) {
	for path, phase := range map[string]string{
		"namespaces": "make the namespace", "serviceaccounts": "make the ServiceAccount tenant", "rolebindings": "bind the role edit",
	} {
		t.Run(path, func(t *testing.T) {
			f := &fake{refuses: path}
			env, o, err := observed(t, f)
			var stopped *check.Stopped
			if !errors.As(err, &stopped) || stopped.Phase != phase || !errors.Is(err, cluster.Rejected) {
				t.Errorf("%v", err)
			}
			if len(o.Rounds) > 0 || o.Gone || slices.Contains(f.asked, "POST pods") {
				t.Errorf("%+v", o)
			}
			if left := env.Cleanup(t.Context()); left != nil || f.there {
				t.Errorf("leftovers %v, there %t", left, f.there)
			}
		})
	}
}

// An administrator has every right; without the fence nothing is made.
func TestObserveWithoutFence(t *testing.T) {
	f := &fake{unfenced: true}
	_, o, err := observed(t, f)
	var stopped *check.Stopped
	if !errors.As(err, &stopped) || !strings.Contains(stopped.Phase, cluster.Fence) || !strings.Contains(stopped.Phase, cluster.FreshManifest) || !errors.Is(err, cluster.NotFenced) {
		t.Errorf("%v", err)
	}
	if len(o.Rounds) > 0 || slices.Contains(f.asked, "POST namespaces") {
		t.Errorf("%+v, asked %v", o, f.asked)
	}
}
