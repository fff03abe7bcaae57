package admission

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// The oracle: the golden pod breaks no Pod Security rule, and each mutant
// breaks exactly the rules that it should.
func TestMutantsAgainstPodSecurity(t *testing.T) {
	latest, err := api.ParseVersion("latest")
	if err != nil {
		t.Fatal(err)
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	violations := func(pod *corev1.Pod) []string {
		var out []string
		for _, r := range evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: latest}, &pod.ObjectMeta, &pod.Spec) {
			if !r.Allowed {
				out = append(out, r.ForbiddenReason)
			}
		}
		slices.Sort(out)
		return out
	}
	env := &cluster.Env{Namespaces: []string{"a"}, Image: "registry.example/bvc@sha256:0"}
	want := map[string][]string{FaultPrivileged: {"allowPrivilegeEscalation != false", "privileged"}}
	if got := violations(golden(env, "g-")); len(got) != 0 {
		t.Errorf("the golden pod violates %q", got)
	}
	for _, m := range mutants() {
		pod := golden(env, "m-")
		if m.present(pod) {
			t.Errorf("%s: the golden pod has the fault", m.fault)
		}
		m.apply(pod)
		if !m.present(pod) {
			t.Errorf("%s: the mutant does not have the fault", m.fault)
		}
		if got := violations(pod); !slices.Equal(got, want[m.fault]) {
			t.Errorf("%s: violates %q, want %q", m.fault, got, want[m.fault])
		}
	}
}

func TestPrivilegedIsSeenInEveryContainer(t *testing.T) {
	yes := true
	sc := &corev1.SecurityContext{Privileged: &yes}
	present := mutants()[0].present
	for name, spec := range map[string]corev1.PodSpec{
		"init":      {InitContainers: []corev1.Container{{SecurityContext: sc}}},
		"second":    {Containers: []corev1.Container{{}, {SecurityContext: sc}}},
		"ephemeral": {EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{SecurityContext: sc}}}},
	} {
		if !present(&corev1.Pod{Spec: spec}) {
			t.Errorf("%s: not seen", name)
		}
	}
	if present(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{}}}}) {
		t.Error("seen where it is not")
	}
}

func TestCompare(t *testing.T) {
	env := &cluster.Env{Namespaces: []string{"a"}, Image: "i"}
	sent := golden(env, "g-")
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   Altered
	}{
		"as sent":       {func(*corev1.Pod) {}, Altered{}},
		"defaulted":     {func(p *corev1.Pod) { p.Spec.Containers[0].LivenessProbe.SuccessThreshold = 1 }, Altered{}},
		"image":         {func(p *corev1.Pod) { p.Spec.Containers[0].Image = "mirror/i" }, Altered{Image: true}},
		"pull policy":   {func(p *corev1.Pod) { p.Spec.Containers[0].ImagePullPolicy = corev1.PullNever }, Altered{PullPolicy: true}},
		"sidecar":       {func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "s"}) }, Altered{Containers: true}},
		"gate removed":  {func(p *corev1.Pod) { p.Spec.SchedulingGates = nil }, Altered{SchedulingGates: true}},
		"context":       {func(p *corev1.Pod) { p.Spec.Containers[0].SecurityContext.RunAsUser = nil }, Altered{SecurityContext: true}},
		"pod context":   {func(p *corev1.Pod) { p.Spec.SecurityContext.FSGroup = nil }, Altered{PodSecurityContext: true}},
		"resources":     {func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Limits = nil }, Altered{Resources: true}},
		"no probe":      {func(p *corev1.Pod) { p.Spec.Containers[0].LivenessProbe = nil }, Altered{HealthProbes: true}},
		"host":          {func(p *corev1.Pod) { p.Spec.HostPID = true }, Altered{HostNamespaces: true}},
		"token":         {func(p *corev1.Pod) { p.Spec.AutomountServiceAccountToken = nil }, Altered{ServiceAccountToken: true}},
		"all different": {func(p *corev1.Pod) { p.Spec.Containers[0].Name = "x" }, Altered{Containers: true, Image: true, PullPolicy: true, SecurityContext: true, Resources: true, HealthProbes: true}},
	} {
		stored := sent.DeepCopy()
		c.change(stored)
		if got := compare(sent, stored); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// fake answers as an API server does, with one rule of its own on pods.
type fake struct {
	allowed bool
	rule    func(*corev1.Pod) *metav1.Status
	pods    atomic.Int64
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reply := func(code int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body)
	}
	status := func(code int32) {
		reply(int(code), metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: code, Reason: metav1.StatusReasonForbidden})
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/token"):
		status(http.StatusForbidden)
	case strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews"):
		reply(http.StatusCreated, authorizationv1.SelfSubjectAccessReview{
			TypeMeta: metav1.TypeMeta{Kind: "SelfSubjectAccessReview", APIVersion: "authorization.k8s.io/v1"},
			Status:   authorizationv1.SubjectAccessReviewStatus{Allowed: f.allowed},
		})
	case r.Method == http.MethodPost:
		pod := &corev1.Pod{}
		if err := json.NewDecoder(r.Body).Decode(pod); err != nil {
			status(http.StatusBadRequest)
			return
		}
		if s := f.rule(pod); s != nil {
			s.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
			s.Status = metav1.StatusFailure
			reply(int(s.Code), s)
			return
		}
		f.pods.Add(1)
		pod.Name, pod.UID = "stored", "uid"
		reply(http.StatusCreated, pod)
	case r.Method == http.MethodDelete:
		if strings.HasSuffix(r.URL.Path, "/stored") {
			f.pods.Add(-1)
		}
		reply(http.StatusOK, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess})
	default:
		status(http.StatusNotFound)
	}
}

func observed(t *testing.T, f *fake) Observation { return observedEvery(t, f, time.Millisecond) }

func observedEvery(t *testing.T, f *fake, every time.Duration) Observation {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	env, err := cluster.New(t.Context(), cluster.Config{
		Rest: &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, RunID: "r", Image: "i", Namespaces: []string{"a"}, QPS: 1000, Burst: 1000, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	o, err := observe(t.Context(), env.For("admission"), every)
	if err != nil {
		t.Fatal(err)
	}
	if left := f.pods.Load(); left != 0 {
		t.Errorf("%d pods were left", left)
	}
	return o
}

func TestObserve(t *testing.T) {
	privileged := mutants()[0].present
	for name, c := range map[string]struct {
		rule   func(*corev1.Pod) *metav1.Status
		mutant Class
		golden Class
	}{
		"no rule": {func(*corev1.Pod) *metav1.Status { return nil }, Admitted, Admitted},
		"a policy": {func(p *corev1.Pod) *metav1.Status {
			if privileged(p) {
				return &metav1.Status{Code: 403, Message: `pods "x" is forbidden: violates PodSecurity "baseline:latest"`}
			}
			return nil
		}, Policy, Admitted},
		"a mutation": {func(p *corev1.Pod) *metav1.Status {
			p.Spec.Containers[0].SecurityContext.Privileged = nil
			return nil
		}, Neutralised, Admitted},
		"a dead webhook": {func(*corev1.Pod) *metav1.Status {
			return &metav1.Status{Code: 500, Message: `failed calling webhook "x"`}
		}, Infrastructure, Infrastructure},
	} {
		t.Run(name, func(t *testing.T) {
			o := observed(t, &fake{allowed: true, rule: c.rule})
			if len(o.Rounds) != Rounds || !o.MayCreatePods {
				t.Fatalf("got %d rounds, may create pods %t", len(o.Rounds), o.MayCreatePods)
			}
			for _, m := range o.Attempts(FaultPrivileged, SurfacePod) {
				if m.Class != c.mutant {
					t.Errorf("mutant: got %s, want %s", m.Class, c.mutant)
				}
			}
			for _, g := range o.Goldens() {
				if g.Class != c.golden {
					t.Errorf("golden: got %s, want %s", g.Class, c.golden)
				}
				if g.Altered.SecurityContext != (c.mutant == Neutralised) {
					t.Errorf("golden: altered %+v", g.Altered)
				}
			}
		})
	}
}

func TestObserveWithoutTheRight(t *testing.T) {
	o := observed(t, &fake{allowed: false, rule: func(*corev1.Pod) *metav1.Status { return nil }})
	if o.MayCreatePods || len(o.Rounds) != 0 {
		t.Errorf("got %d rounds, may create pods %t", len(o.Rounds), o.MayCreatePods)
	}
}

// A slow first answer, as of a webhook that is called for the first time,
// must not shorten the span from the first try to the last.
func TestSpanCountsFromTheFirstTry(t *testing.T) {
	const every = 100 * time.Millisecond
	var once sync.Once
	o := observedEvery(t, &fake{allowed: true, rule: func(*corev1.Pod) *metav1.Status {
		once.Do(func() { time.Sleep(4 * every) }) // the answer itself is slow
		return nil
	}}, every)
	tries := o.Attempts(FaultPrivileged, SurfacePod)
	if span := tries[len(tries)-1].AtSeconds - tries[0].AtSeconds; span < ((Rounds - 1) * every).Seconds() {
		t.Errorf("%d tries span %.3f s, want at least %s", len(tries), span, (Rounds-1)*every)
	}
}

// The span that the Judge asks for must be one that the probe keeps.
func TestIntervalGivesTheSpan(t *testing.T) {
	if got := (Rounds - 1) * interval; got < Span {
		t.Errorf("%d rounds span %s, want at least %s", Rounds, got, Span)
	}
}
