package apiserver

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

// violations are the Pod Security controls that the pod does not keep.
func violations(t *testing.T, level psa.Level, minor int, pod *corev1.Pod) []string {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range evaluator.EvaluatePod(psa.LevelVersion{Level: level, Version: psa.MajorMinorVersion(1, minor)}, &pod.ObjectMeta, &pod.Spec) {
		if !r.Allowed {
			out = append(out, r.ForbiddenReason+" "+r.ForbiddenDetail)
		}
	}
	return out
}

// Kubernetes versions that bvc is tried on.
const oldestMinor, newestMinor = 33, 36

func TestGoldenPodKeepsPodSecurity(t *testing.T) {
	for _, o := range []pods.Options{
		{GenerateName: "a-", Namespace: "n", Image: "i"},
		{GenerateName: "a-", Namespace: "n", Image: "i", Gated: true, PullPolicy: corev1.PullAlways},
		{GenerateName: "a-", Namespace: "n", Image: "i", Serving: true, Node: "node"},
	} {
		for minor := oldestMinor; minor <= newestMinor; minor++ {
			if v := violations(t, psa.LevelRestricted, minor, pods.Golden(o)); len(v) > 0 {
				t.Errorf("the golden pod %+v violates restricted of 1.%d: %s", o, minor, strings.Join(v, "; "))
			}
		}
	}
}

// The pods are those that the probe really sends, read off the wire.
func TestPodsOfTheAdmissionProbe(t *testing.T) {
	sent := podsSent(t)
	var golden, mutants int
	for _, pod := range sent {
		mutant := strings.HasPrefix(pod.GenerateName, "bvc-mutant-")
		for minor := oldestMinor; minor <= newestMinor; minor++ {
			baseline := violations(t, psa.LevelBaseline, minor, pod)
			restricted := violations(t, psa.LevelRestricted, minor, pod)
			switch {
			case !mutant && len(restricted) > 0:
				t.Errorf("the golden pod violates restricted of 1.%d: %s", minor, strings.Join(restricted, "; "))
			case mutant && (len(baseline) != 1 || !strings.HasPrefix(baseline[0], "privileged")):
				t.Errorf("the mutant violates %q at baseline of 1.%d, want privileged alone", baseline, minor)
			}
		}
		if mutant {
			mutants++
		} else {
			golden++
		}
	}
	if golden < 2 || mutants < 1 {
		t.Errorf("%d golden pods and %d mutants were sent, want a golden one before and after a mutant", golden, mutants)
	}
}

// podsSent runs one round of the admission probe against a server that takes
// every pod.
func podsSent(t *testing.T) []*corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	var sent []*corev1.Pod
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/pods"):
			// The client chooses the encoding.
			pod := &corev1.Pod{}
			if _, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, pod); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			pod.APIVersion, pod.Kind = "v1", "Pod"
			mu.Lock()
			sent = append(sent, pod.DeepCopy())
			// Golden, mutant, golden: one round, and that is all there is to see.
			if len(sent) >= 3 {
				time.AfterFunc(100*time.Millisecond, cancel)
			}
			mu.Unlock()
			pod.Name, pod.UID = pod.GenerateName+"x", "x"
			w.WriteHeader(http.StatusCreated)
			writeJSON(w, pod)
		case strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews"):
			w.WriteHeader(http.StatusCreated)
			review := &authorizationv1.SelfSubjectAccessReview{}
			review.APIVersion, review.Kind, review.Status.Allowed = "authorization.k8s.io/v1", "SelfSubjectAccessReview", true
			writeJSON(w, review)
		case r.Method == http.MethodDelete:
			_, _ = io.WriteString(w, `{"apiVersion":"v1","kind":"Status","status":"Success"}`)
		default: // no token: the run acts as its own tenant
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"NotFound","code":404}`)
		}
	}))
	t.Cleanup(server.Close)
	env, err := cluster.New(ctx, cluster.Config{
		Rest: &rest.Config{Host: server.URL}, RunID: "0123456789ab", Image: "registry.invalid/bvc@sha256:0",
		Namespaces: cluster.TenantNamespaces(), QPS: 50, Burst: 50, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admission.Probe.Observe(ctx, env.For("admission")); err == nil {
		t.Error("the probe says that it finished, though it was cut short")
	}
	mu.Lock()
	defer mu.Unlock()
	return sent
}

func writeJSON(w io.Writer, v any) { _ = json.NewEncoder(w).Encode(v) }
