package admission

import (
	"encoding/json"
	"errors"
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

// psa is what Pod Security says of the mutants of a fault, in its own words.
type psa struct{ baseline, restricted []string }

// oracle holds for every variant of a fault; faults that Pod Security does not
// know are not in it.
var oracle = map[string]psa{
	FaultPrivileged:     {[]string{"privileged"}, []string{"privileged", "allowPrivilegeEscalation != false"}},
	FaultCapabilities:   {[]string{"non-default capabilities"}, []string{"unrestricted capabilities"}},
	FaultEscalation:     {nil, []string{"allowPrivilegeEscalation != false"}},
	FaultHostNamespaces: {[]string{"host namespaces"}, []string{"host namespaces"}},
	FaultHostPath:       {[]string{"hostPath volumes"}, []string{"restricted volume types"}},
	FaultHostPorts:      {[]string{"hostPort"}, []string{"hostPort"}},
	FaultRootUser:       {nil, []string{"runAsNonRoot != true", "runAsUser=0"}},
	FaultProcMount:      {[]string{"procMount"}, []string{"procMount"}},
	FaultSeccomp:        {[]string{"seccompProfile"}, []string{"seccompProfile"}},
	FaultAppArmor:       {[]string{"forbidden AppArmor profile"}, []string{"forbidden AppArmor profile"}},
	FaultSELinux:        {[]string{"seLinuxOptions"}, []string{"seLinuxOptions"}},
	FaultSysctls:        {[]string{"forbidden sysctls"}, []string{"forbidden sysctls"}},
}

// The golden pod breaks no Pod Security rule of any version that we know, and
// each mutant breaks its own rule and no other.
func TestMutantsAgainstPodSecurity(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	env := &cluster.Env{Namespaces: []string{"a"}, Image: "registry.example/bvc@sha256:0", PodAccounts: map[string]bool{"a": true}}
	for minor := 33; minor <= 36; minor++ {
		violations := func(level api.Level, pod *corev1.Pod) []string {
			var out []string
			for _, r := range evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: api.MajorMinorVersion(1, minor)}, &pod.ObjectMeta, &pod.Spec) {
				if !r.Allowed {
					out = append(out, r.ForbiddenReason)
				}
			}
			return out
		}
		apart := golden(env, "g-")
		userNamespaced(apart)
		for _, pod := range []*corev1.Pod{golden(env, "g-"), apart} {
			if got := violations(api.LevelRestricted, pod); len(got) != 0 {
				t.Errorf("1.%d: a golden pod violates %q", minor, got)
			}
		}
		for _, m := range mutants() {
			pod := golden(env, "m-")
			m.apply(pod)
			want := oracle[m.fault]
			switch {
			case m.fault == FaultProcMount && minor >= 35:
				want.baseline = nil // with a user namespace, baseline allows it from 1.35 on
			case m.fault == FaultRootUser && m.variant == "unset":
				want.restricted = want.restricted[:1]
			}
			for level, want := range map[api.Level][]string{api.LevelBaseline: want.baseline, api.LevelRestricted: want.restricted} {
				if got := violations(level, pod); !slices.Equal(got, want) {
					t.Errorf("1.%d: %s/%s violates %q of %s, want %q", minor, m.fault, m.variant, got, level, want)
				}
			}
		}
	}
}

// Each fault has mutants, each mutant a name of its own, and the golden pod
// has none of the faults: a rule is told apart by the difference only.
func TestEachMutantHasItsFault(t *testing.T) {
	env := &cluster.Env{Namespaces: []string{"a"}, Image: "registry.example/bvc@sha256:0", PodAccounts: map[string]bool{"a": true}}
	seen := map[string]bool{}
	all := mutants()
	for _, m := range all {
		name := m.fault + "/" + m.variant
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
		pod := golden(env, "g-")
		userNamespaced(pod)
		if m.present(pod) {
			t.Errorf("%s: the golden pod has the fault", name)
		}
		m.apply(pod)
		if !m.present(pod) {
			t.Errorf("%s: the mutant does not have the fault", name)
		}
		for _, other := range all {
			// The API wants privileged pods to have both.
			both := m.fault == FaultPrivileged && other.fault == FaultEscalation
			if other.fault != m.fault && other.present(pod) && !both {
				t.Errorf("%s: has the fault %s/%s as well", name, other.fault, other.variant)
			}
		}
	}
	for fault := range oracle {
		if len(Variants(fault)) == 0 {
			t.Errorf("no mutant of %s", fault)
		}
	}
	if len(Variants("nothing")) != 0 {
		t.Error("mutants of nothing")
	}
}

func TestLatest(t *testing.T) {
	for image, want := range map[string]string{
		"registry.example:5000/a/b@sha256:00":   "registry.example:5000/a/b:latest",
		"registry.example:5000/a/b:1@sha256:00": "registry.example:5000/a/b:latest",
		"registry.example:5000/a/b":             "registry.example:5000/a/b:latest",
		"registry.example/a/b:1":                "registry.example/a/b:latest",
	} {
		if got := latest(image); got != want {
			t.Errorf("%s: got %s, want %s", image, got, want)
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
		if strings.HasSuffix(r.URL.Path, "/pods") {
			f.pods.Store(0) // a deletecollection
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
		Rest: &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, RunID: "r", Image: "i", Namespaces: []string{"a"}, QPS: 1000, Version: "test",
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
			p.Spec.InitContainers[0].SecurityContext.Privileged = nil
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
			for _, m := range o.Attempts(FaultPrivileged, "", SurfacePod) {
				if m.Class != c.mutant {
					t.Errorf("mutant: got %s, want %s", m.Class, c.mutant)
				}
			}
			for _, g := range o.goldens(FaultPrivileged) {
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

// A webhook that is late a few times is asked again, and what was not decided
// is no answer of a rule; one that always is, is asked only so often.
func TestLateWebhook(t *testing.T) {
	privileged := mutants()[0].present
	for late, want := range map[int64]struct{ golden, mutant Class }{3: {Admitted, Policy}, 1 << 40: {Infrastructure, Infrastructure}} {
		var asked atomic.Int64
		o := observed(t, &fake{allowed: true, rule: func(p *corev1.Pod) *metav1.Status {
			if asked.Add(1) <= late {
				return &metav1.Status{Code: 500, Message: `Internal error occurred: failed calling webhook "x": failed to call webhook: Post "https://x": context deadline exceeded`}
			}
			if privileged(p) {
				return &metav1.Status{Code: 403, Message: `admission webhook "x" denied the request: no`}
			}
			return nil
		}})
		for _, g := range o.goldens(FaultPrivileged) {
			if g.Class != want.golden {
				t.Errorf("late %d times: golden pod: %s, want %s", late, g.Class, want.golden)
			}
		}
		for _, m := range o.Attempts(FaultPrivileged, "", SurfacePod) {
			if m.Class != want.mutant {
				t.Errorf("late %d times: mutant: %s, want %s", late, m.Class, want.mutant)
			}
		}
		if requests := asked.Load(); late > 3 && requests > int64(1+Rounds*(3+len(mutants()))+10) {
			t.Errorf("a webhook that is always late was asked %d times", requests)
		}
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
	tries := o.Attempts(FaultPrivileged, "", SurfacePod)
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

// However a cluster writes a reference, the registry stays foreign; also behind
// a mirror that hands on whatever it is asked for.
func TestForeignStaysForeign(t *testing.T) {
	m := registryMutants()[0]
	for image, want := range map[string]bool{
		foreign: true, "registry.invalid/bvc/foreign:latest@sha256:0": true, "mirror.example/registry.invalid/bvc/foreign": true,
		"registry.example/bvc@sha256:0": false,
	} {
		if got := m.present(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: image}}}}); got != want {
			t.Errorf("%s: got %t", image, got)
		}
	}
}

// A cluster that drops scheduling gates gets no pod with a fault.
func TestWithoutGates(t *testing.T) {
	var sent atomic.Int64
	server := httptest.NewServer(&fake{allowed: true, rule: func(p *corev1.Pod) *metav1.Status {
		sent.Add(1)
		p.Spec.SchedulingGates = nil
		return nil
	}})
	t.Cleanup(server.Close)
	env, err := cluster.New(t.Context(), cluster.Config{
		Rest: &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, RunID: "r", Image: "i@sha256:0", Namespaces: []string{"a"}, QPS: 1000, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, observe := range map[string]func() error{
		"pods":                 func() error { _, err := Observe(t.Context(), env.For("admission")); return err },
		"workloads":            func() error { _, err := observeWorkloads(t.Context(), env.For("workloads")); return err },
		"ephemeral containers": func() error { _, err := observeEphemeral(t.Context(), env.For("ephemeral")); return err },
	} {
		sent.Store(0)
		if err := observe(); !errors.Is(err, errGateTaken) || sent.Load() != 1 {
			t.Errorf("%s: %d pods were sent: %v", name, sent.Load(), err)
		}
	}
}
