package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/vmware-tanzu/sonobuoy/pkg/config"
	"github.com/vmware-tanzu/sonobuoy/pkg/plugin/driver/job"
	"github.com/vmware-tanzu/sonobuoy/pkg/plugin/manifest"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kuberuntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// pluginOf decodes plugin.yaml as Sonobuoy does and, against a misspelled
// field that Sonobuoy would pass over, strictly.
func pluginOf(t *testing.T, data []byte) (*manifest.Manifest, error) {
	t.Helper()
	var loose manifest.Manifest
	if err := kuberuntime.DecodeInto(manifest.Decoder, data, &loose); err != nil {
		return nil, fmt.Errorf("Sonobuoy's own decoder: %w", err)
	}
	var strict manifest.Manifest
	if err := yaml.UnmarshalStrict(data, &strict); err != nil {
		return nil, err
	}
	// PodSpec and Container embed the API's types, whose fields the strict
	// reader must see as well: the parts by themselves.
	var parts struct {
		SonobuoyConfig manifest.SonobuoyConfig `json:"sonobuoy-config"`
		Spec           corev1.Container        `json:"spec"`
		PodSpec        corev1.PodSpec          `json:"podSpec"`
		ConfigMap      map[string]string       `json:"config-map"`
	}
	if err := yaml.UnmarshalStrict(data, &parts); err != nil {
		return nil, err
	}
	return &loose, nil
}

// TestPluginIsReadStrictly proves that plugin.yaml has no field that nobody
// reads, and that this test would see one at each level.
func TestPluginIsReadStrictly(t *testing.T) {
	if _, err := pluginOf(t, pluginManifest); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]string{
		"sonobuoy-config": {"  driver: Job", "  driver: Job\n  skipCleanup: true"},
		"podSpec":         {"  restartPolicy: Never", "  restartPolicy: Never\n  serviceAccount-name: x"},
		"spec":            {"  imagePullPolicy: IfNotPresent", "  imagePullPolicy: IfNotPresent\n  securitycontextt: {}"},
		"securityContext": {"    readOnlyRootFilesystem: true", "    readOnlyRootFileSystemm: true"},
		"top":             {"podSpec:", "podSpecs: {}\npodSpec:"},
	} {
		broken := bytes.Replace(pluginManifest, []byte(c[0]), []byte(c[1]), 1)
		if bytes.Equal(broken, pluginManifest) {
			t.Errorf("%s: %q is not in plugin.yaml; mend this test", name, c[0])
		}
		if _, err := pluginOf(t, broken); err == nil {
			t.Errorf("%s: an unknown field is not noticed", name)
		}
	}
}

// pluginPod is the pod that Sonobuoy's own driver makes of plugin.yaml.
func pluginPod(t *testing.T) *corev1.Pod {
	t.Helper()
	m, err := pluginOf(t, pluginManifest)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kube := fake.NewClientset()
	owner := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "sonobuoy"}}
	err = job.NewPlugin(*m, sonobuoyNamespace, "sonobuoy:test", "IfNotPresent", "", nil).
		Run(kube, "10.0.0.1", &tls.Certificate{PrivateKey: key, Certificate: [][]byte{{0}}}, owner, "8099", defaultResultsDir)
	if err != nil {
		t.Fatal(err)
	}
	pods, err := kube.CoreV1().Pods(sonobuoyNamespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("%d pods, error %v", len(pods.Items), err)
	}
	return &pods.Items[0]
}

// TestPluginPod looks at the pod as Sonobuoy makes it, where a default of
// Sonobuoy's would show that plugin.yaml lost its own.
func TestPluginPod(t *testing.T) {
	pod := pluginPod(t)
	if pod.Spec.ServiceAccountName != runnerAccount {
		t.Errorf("runs as %q, rbac.yaml gives rights to %q", pod.Spec.ServiceAccountName, runnerAccount)
	}
	if pod.Spec.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("restart policy %q: a second start would run the suite twice", pod.Spec.RestartPolicy)
	}
	if pod.Spec.HostNetwork || pod.Spec.HostPID || pod.Spec.HostIPC {
		t.Error("shares namespaces with the node")
	}
	for _, node := range []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"} {
		taint := corev1.Taint{Key: node, Effect: corev1.TaintEffectNoSchedule}
		if !slices.ContainsFunc(pod.Spec.Tolerations, func(o corev1.Toleration) bool {
			return o.Key == taint.Key && o.Operator == corev1.TolerationOpExists && (o.Effect == "" || o.Effect == taint.Effect)
		}) {
			t.Errorf("does not tolerate %s: a cluster of control-plane nodes can not run it", node)
		}
	}
	if g := pod.Spec.TerminationGracePeriodSeconds; g == nil || time.Duration(*g)*time.Second > pluginGrace {
		t.Errorf("grace period %v: cleanup awaits %s only", g, pluginGrace)
	}
	// removeSonobuoy and pods() find it by these.
	if pod.Labels["component"] != "sonobuoy" || pod.Labels["sonobuoy-plugin"] != "bvc" {
		t.Errorf("labels %v", pod.Labels)
	}
	for _, v := range pod.Spec.Volumes {
		if v.HostPath != nil {
			t.Errorf("volume %s is of the node", v.Name)
		}
	}
	i := slices.IndexFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == pluginContainer })
	if i < 0 {
		t.Fatalf("no container %q, which ownImage looks for", pluginContainer)
	}
	c := pod.Spec.Containers[i]
	for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		request, limit := c.Resources.Requests[r], c.Resources.Limits[r]
		if request.IsZero() || limit.IsZero() || request.Cmp(limit) > 0 {
			t.Errorf("%s: request %s, limit %s", r, request.String(), limit.String())
		}
	}
	s := c.SecurityContext
	if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
		t.Error("may write to its root file system")
	}
	if s == nil || s.Privileged != nil && *s.Privileged {
		t.Error("privileged")
	}
	env := map[string]string{}
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.FieldRef != nil {
			env[e.Name] = e.ValueFrom.FieldRef.FieldPath
		}
	}
	if env["POD_NAME"] != "metadata.name" || env["POD_NAMESPACE"] != "metadata.namespace" {
		t.Errorf("ownImage does not find its pod by %v", env)
	}
}

// refusals are the checks of Pod Security that refuse the pod.
func refusals(t *testing.T, level psa.Level, pod *corev1.Pod) []string {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range evaluator.EvaluatePod(psa.LevelVersion{Level: level, Version: psa.LatestVersion()}, &pod.ObjectMeta, &pod.Spec) {
		if !r.Allowed {
			out = append(out, r.ForbiddenReason)
		}
	}
	return out
}

// TestPodSecurity holds the plugin's own container against restricted, by
// itself and below a pod that says nothing, and the whole pod, with
// Sonobuoy's worker in it, against the level of its namespace.
func TestPodSecurity(t *testing.T) {
	whole := pluginPod(t)
	if r := refusals(t, psa.LevelBaseline, whole); len(r) > 0 {
		t.Errorf("the namespace's level refuses the pod: %v", r)
	}
	own := whole.DeepCopy()
	own.Spec.Containers = slices.DeleteFunc(own.Spec.Containers, func(c corev1.Container) bool { return c.Name != pluginContainer })
	if r := refusals(t, psa.LevelRestricted, own); len(r) > 0 {
		t.Errorf("restricted refuses the plugin's container: %v", r)
	}
	bare := own.DeepCopy()
	bare.Spec.SecurityContext = nil
	if r := refusals(t, psa.LevelRestricted, bare); len(r) > 0 {
		t.Errorf("the container leans on the pod's security context: %v", r)
	}
	// The oracle must see each field that restricted asks for.
	for name, spoil := range map[string]func(*corev1.SecurityContext){
		"allowPrivilegeEscalation": func(s *corev1.SecurityContext) { s.AllowPrivilegeEscalation = nil },
		"runAsNonRoot":             func(s *corev1.SecurityContext) { s.RunAsNonRoot = nil },
		"capabilities":             func(s *corev1.SecurityContext) { s.Capabilities = nil },
		"seccompProfile":           func(s *corev1.SecurityContext) { s.SeccompProfile = nil },
	} {
		spoiled := bare.DeepCopy()
		spoil(spoiled.Spec.Containers[0].SecurityContext)
		if len(refusals(t, psa.LevelRestricted, spoiled)) != 1 {
			t.Errorf("without %s it is not refused", name)
		}
	}
	if u := own.Spec.SecurityContext.RunAsUser; u == nil || *u == 0 {
		t.Error("runs as root, or as whatever the image says")
	}
}

// TestPluginArguments proves that `bvc plugin` takes what plugin.yaml and
// `bvc run` hand it, and understands it as it was meant.
func TestPluginArguments(t *testing.T) {
	base := suite{image: "registry.example.org/bvc@sha256:00", namespaces: cluster.TenantNamespaces(), timeout: suiteTimeout, qps: 20, site: site{raw: []byte("a site")}}
	for name, change := range map[string]func(*suite){
		"defaults":          func(*suite) {},
		"own namespaces":    func(s *suite) { s.namespaces = []string{"t1", "t2"} },
		"odd time":          func(s *suite) { s.timeout = 90*time.Minute + 1500*time.Millisecond },
		"large qps":         func(s *suite) { s.qps = 1e7 },
		"small qps":         func(s *suite) { s.qps = 0.5 },
		"filter":            func(s *suite) { s.filter = "area: containsAny {network, data} && !(level: isSubsetOf hoch)" },
		"filter like flags": func(s *suite) { s.filter = "--timeout=1s" },
		"cold image":        func(s *suite) { s.coldImage = "registry.example.org/cold@sha256:00" },
	} {
		t.Run(name, func(t *testing.T) {
			want := base
			change(&want)
			m, err := runOptions{suite: want, pullPolicy: "Always"}.plugin()
			if err != nil {
				t.Fatal(err)
			}
			if m.Spec.Image != want.image || m.Spec.ImagePullPolicy != corev1.PullAlways {
				t.Errorf("image %s, %s", m.Spec.Image, m.Spec.ImagePullPolicy)
			}
			if m.ConfigMap[siteFileName] != "a site" || len(m.ConfigMap) != 1 {
				t.Errorf("config map %v", m.ConfigMap)
			}
			c := pluginCommand()
			if !slices.Equal(m.Spec.Command, []string{"/bvc"}) || len(m.Spec.Args) == 0 || m.Spec.Args[0] != c.Name() {
				t.Fatalf("starts %v %v", m.Spec.Command, m.Spec.Args)
			}
			if err := c.ParseFlags(m.Spec.Args[1:]); err != nil {
				t.Fatalf("%v: %v", m.Spec.Args, err)
			}
			if rest := c.Flags().Args(); len(rest) > 0 {
				t.Errorf("%v is left over", rest)
			}
			var got suite
			f := c.Flags()
			var errs []error
			take := func(err error) { errs = append(errs, err) }
			got.namespaces, err = f.GetStringSlice("tenant-namespaces")
			take(err)
			got.timeout, err = f.GetDuration("timeout")
			take(err)
			got.qps, err = f.GetFloat32("qps")
			take(err)
			got.filter, err = f.GetString("label-filter")
			take(err)
			got.coldImage, err = f.GetString("cold-image")
			take(err)
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.namespaces, want.namespaces) || got.timeout != want.timeout || got.qps != want.qps || got.filter != want.filter || got.coldImage != want.coldImage {
				t.Errorf("got %+v of %v", got, m.Spec.Args)
			}
		})
	}
}

// TestPluginAndConfigAgree holds together what two files and the code say.
func TestPluginAndConfigAgree(t *testing.T) {
	m, err := pluginOf(t, pluginManifest)
	if err != nil {
		t.Fatal(err)
	}
	if s := m.SonobuoyConfig; s.PluginName != "bvc" || !strings.EqualFold(s.Driver, "job") || s.ResultFormat != "manual" || !slices.Equal(s.ResultFiles, []string{resultsFile}) || s.SkipCleanup {
		t.Errorf("%+v", s)
	}
	if _, err := codec.DecodeSite(siteFileName, []byte(m.ConfigMap[siteFileName]), v1alpha1.Catalogue{}); err != nil {
		t.Errorf("the site file in plugin.yaml: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(sonobuoyConfig))
	d.DisallowUnknownFields()
	c := config.New()
	if err := d.Decode(c); err != nil {
		t.Fatalf("sonobuoy.json: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("sonobuoy.json: something follows: %v", err)
	}
	// Nil is Sonobuoy's word for everything in the cluster but Secrets.
	if c.Resources == nil || len(c.Resources) > 0 {
		t.Errorf("Sonobuoy would dump the resources %v (nil: %v)", c.Resources, c.Resources == nil)
	}
	if limit := time.Duration(c.Aggregation.TimeoutSeconds) * time.Second; limit < suiteTimeout+10*time.Minute {
		t.Errorf("Sonobuoy gives up after %s, the suite ends at %s and still has to start and to clean up", limit, suiteTimeout)
	}
	if c.Namespace != sonobuoyNamespace || c.ServiceAccountName != aggregatorAccount || !c.ExistingServiceAccount ||
		c.AggregatorPermissions != config.AggregatorPermissionsNamespaceAdmin || c.ProgressUpdatesPort != "8099" {
		t.Errorf("namespace %s, account %s (existing: %v), permissions %s, port %s",
			c.Namespace, c.ServiceAccountName, c.ExistingServiceAccount, c.AggregatorPermissions, c.ProgressUpdatesPort)
	}
	if c.SkipPlugins || len(c.PluginSelections) > 0 {
		t.Error("sonobuoy.json selects plugins")
	}
}

func TestExampleSite(t *testing.T) {
	s, err := readSite("site.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if s.ProtectionNeed != v1alpha1.NeedNormal || !strings.HasPrefix(s.digest, "sha256:") {
		t.Errorf("%+v", s.summary())
	}
	// What is commented out must be right as well when a site uncomments it.
	example, err := os.ReadFile("site.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	uncommented := regexp.MustCompile(`(?m)^#(  |[a-z])`).ReplaceAll(example, []byte("$1"))
	u, err := codec.DecodeSite("site.yaml", uncommented, cat)
	if err != nil {
		t.Fatalf("uncommented: %v", err)
	}
	if u.Images.Cold == "" || u.Images.Signed == "" || u.Images.PullSecret == "" || len(u.Registries) == 0 || len(u.AllowedPorts) == 0 || len(u.ManagementTargets) == 0 || u.EgressCanary == nil || !u.OnlyTR02102Suites || len(u.Hooks) == 0 || len(u.Answers) == 0 || len(u.Waivers) == 0 {
		t.Errorf("the example leaves something out: %+v", u)
	}
	if len(s.Answers) > 0 || len(s.Waivers) > 0 {
		t.Error("a site that copies the example would declare something that it did not write")
	}
}

// objectsOf decodes every document of a manifest strictly into its API type.
func objectsOf(data []byte) ([]kuberuntime.Object, error) {
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	var out []kuberuntime.Object
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		var something any
		if err := yaml.Unmarshal(document, &something); err != nil {
			return nil, err
		}
		if something == nil { // the comment at the top
			continue
		}
		o, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%w, in\n%s", err, document)
		}
		out = append(out, o)
	}
}

// applied are the files that a site applies.
var applied = []string{"rbac.yaml", "rbac-fresh.yaml", "privileged-namespace.yaml"}

func manifestsOf(t *testing.T) map[string][]kuberuntime.Object {
	t.Helper()
	out := map[string][]kuberuntime.Object{}
	for _, name := range applied {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if out[name], err = objectsOf(data); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return out
}

// TestManifestsAreReadStrictly also proves that a misspelled field would be seen.
func TestManifestsAreReadStrictly(t *testing.T) {
	for name, objects := range manifestsOf(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// A document that the reader passed over would not be looked at.
		if kinds := bytes.Count(data, []byte("\nkind: ")); kinds != len(objects) || kinds == 0 {
			t.Errorf("%s: %d documents, %d decoded", name, kinds, len(objects))
		}
		for _, o := range objects {
			m := o.(metav1.Object)
			if m.GetLabels()["app.kubernetes.io/part-of"] != "bvc" {
				t.Errorf("%s: %s %s lacks the label part-of", name, o.GetObjectKind().GroupVersionKind().Kind, m.GetName())
			}
			// Cleanup would remove it with what the runs made.
			if v, there := m.GetLabels()[cluster.LabelManagedBy]; there {
				t.Errorf("%s: %s has label %s: %s", name, m.GetName(), cluster.LabelManagedBy, v)
			}
		}
		for old, wrong := range map[string]string{"metadata:": "metadate:", "  name: ": "  nam: ", "rules:": "rule:"} {
			if bytes.Contains(data, []byte(old)) {
				if _, err := objectsOf(bytes.Replace(data, []byte(old), []byte(wrong), 1)); err == nil {
					t.Errorf("%s: %q is not noticed", name, wrong)
				}
			}
		}
	}
}

func TestNamespacesOfManifests(t *testing.T) {
	const enforce = "pod-security.kubernetes.io/enforce"
	want := map[string]string{sonobuoyNamespace: "baseline", "bvc-privileged": "privileged"}
	for _, ns := range cluster.TenantNamespaces() {
		// A level of our own would hide what the site's namespaces are like.
		want[ns] = ""
	}
	got := map[string]string{}
	for name, objects := range manifestsOf(t) {
		for _, o := range objects {
			n, ok := o.(*corev1.Namespace)
			if !ok {
				continue
			}
			got[n.Name] = n.Labels[enforce]
			for label := range n.Labels {
				if strings.HasPrefix(label, "pod-security.kubernetes.io/") && (label != enforce || want[n.Name] == "") {
					t.Errorf("namespace %s has %s", n.Name, label)
				}
			}
			// Privileged is not part of what every site applies.
			if (n.Labels[enforce] == "privileged") != (name == "privileged-namespace.yaml") {
				t.Errorf("%s: namespace %s is %q", name, n.Name, n.Labels[enforce])
			}
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// ruleSet are the rules of one Role or ClusterRole.
type ruleSet struct {
	file, namespace, name string
	rules                 []rbacv1.PolicyRule
}

func (r ruleSet) String() string { return r.file + ": " + r.namespace + "/" + r.name }

func ruleSets(t *testing.T) []ruleSet {
	t.Helper()
	var out []ruleSet
	for file, objects := range manifestsOf(t) {
		for _, o := range objects {
			switch r := o.(type) {
			case *rbacv1.Role:
				out = append(out, ruleSet{file, r.Namespace, r.Name, r.Rules})
			case *rbacv1.ClusterRole:
				out = append(out, ruleSet{file, "", r.Name, r.Rules})
				if r.AggregationRule != nil || len(r.Labels) != 1 {
					t.Errorf("%s: ClusterRole %s aggregates or is aggregated: %v", file, r.Name, r.Labels)
				}
			}
		}
	}
	return out
}

// tooMuch gives what no rule of ours may hold.
func tooMuch(set ruleSet) []string {
	var out []string
	for _, r := range set.rules {
		for _, word := range slices.Concat(r.Verbs, r.APIGroups, r.Resources, r.ResourceNames, r.NonResourceURLs) {
			if strings.Contains(word, "*") {
				out = append(out, fmt.Sprintf("wildcard in %v", r))
			}
		}
		for _, verb := range r.Verbs {
			switch verb {
			case "escalate", "impersonate":
				out = append(out, verb)
			case "bind":
				// The one exception: a fresh namespace gives the tenant the role
				// edit, opt-in, by name, and fenced by the policy beside it.
				if set.file != "rbac-fresh.yaml" || !slices.Equal(r.Resources, []string{"clusterroles"}) || !slices.Equal(r.ResourceNames, []string{"edit"}) || len(r.Verbs) != 1 {
					out = append(out, fmt.Sprintf("bind in %v", r))
				}
			}
		}
		for _, resource := range r.Resources {
			base, sub, _ := strings.Cut(resource, "/")
			switch {
			case base == "secrets":
				// Sonobuoy's aggregator hands the worker its certificate.
				if set.file != "rbac.yaml" || set.namespace != sonobuoyNamespace || set.name != aggregatorRole || resource != "secrets" || !slices.Equal(r.Verbs, []string{"create"}) {
					out = append(out, fmt.Sprintf("secrets in %v", r))
				}
			case resource == "serviceaccounts/token":
				if !slices.Equal(r.ResourceNames, []string{cluster.TenantServiceAccount}) {
					out = append(out, fmt.Sprintf("tokens of any account in %v", r))
				}
			case resource == "pods/ephemeralcontainers" && set.file == "rbac.yaml" && set.name == check.BeyondEditRole && set.namespace != "" && slices.Equal(r.Verbs, []string{"patch"}):
				// For the tenant, who could use it where a site grants it; its
				// containers go into pods at a scheduling gate.
			case base == "pods" && (sub == "exec" || sub == "attach" || sub == "portforward" || sub == "ephemeralcontainers"),
				base == "nodes" && sub != "":
				out = append(out, resource)
			case set.namespace == "" && set.file == "rbac.yaml" && !slices.Equal(r.Verbs, []string{"list"}) && !slices.Equal(r.Verbs, []string{"get"}):
				out = append(out, fmt.Sprintf("cluster-wide more than reading: %v", r))
			}
		}
	}
	return out
}

func TestRightsAreLeast(t *testing.T) {
	sets := ruleSets(t)
	for _, s := range sets {
		if all := tooMuch(s); len(all) > 0 {
			t.Errorf("%s: %s", s, strings.Join(all, "; "))
		}
		if len(s.rules) == 0 {
			t.Errorf("%s: no rules", s)
		}
	}
	// The rule above must see what it is there for.
	rule := func(group, resource, name string, verbs ...string) rbacv1.PolicyRule {
		r := rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
		if name != "" {
			r.ResourceNames = []string{name}
		}
		return r
	}
	for _, c := range []struct {
		file, namespace string
		rule            rbacv1.PolicyRule
	}{
		{"rbac.yaml", "bvc-tenant-a", rule("", "*", "", "get")},
		{"rbac.yaml", "bvc-tenant-a", rule("", "pods", "", "*")},
		{"rbac.yaml", "bvc-tenant-a", rule("*", "pods", "", "get")},
		{"rbac.yaml", "", rbacv1.PolicyRule{NonResourceURLs: []string{"/*"}, Verbs: []string{"get"}}},
		{"rbac.yaml", sonobuoyNamespace, rule("", "secrets", "", "get")},
		{"rbac.yaml", "", rule("", "secrets", "", "list")},
		{"rbac.yaml", "bvc-tenant-a", rule("", "serviceaccounts/token", "", "create")},
		{"rbac.yaml", "", rule("rbac.authorization.k8s.io", "clusterroles", "edit", "bind")},
		{"rbac-fresh.yaml", "", rule("rbac.authorization.k8s.io", "clusterroles", "", "bind")},
		{"rbac-fresh.yaml", "", rule("rbac.authorization.k8s.io", "clusterroles", "edit", "escalate")},
		{"rbac-fresh.yaml", "", rule("", "users", "", "impersonate")},
		{"rbac.yaml", "", rule("", "pods", "", "create")},
		{"rbac.yaml", "", rule("", "nodes/proxy", "", "get")},
		{"privileged-namespace.yaml", "bvc-privileged", rule("", "pods/exec", "", "create")},
	} {
		if s := (ruleSet{c.file, c.namespace, "x", []rbacv1.PolicyRule{c.rule}}); len(tooMuch(s)) == 0 {
			t.Errorf("%s: %v is not seen as too much", s, c.rule)
		}
	}
}

// TestRunnerHasWhatIsDeclared proves that the runner's rights in rbac.yaml are
// those that the checks declare, neither fewer nor more, whatever renderRBAC
// thinks.
func TestRunnerHasWhatIsDeclared(t *testing.T) {
	line := func(ns, group, resource, name, verb string) string {
		return fmt.Sprintf("%s: %s %s.%s %q", ns, verb, resource, group, name)
	}
	got := map[string]bool{}
	for _, s := range ruleSets(t) {
		if s.file != "rbac.yaml" || s.name != runnerAccount {
			continue
		}
		for _, r := range s.rules {
			names := r.ResourceNames
			if len(names) == 0 {
				names = []string{""}
			}
			for _, verb := range r.Verbs {
				for _, url := range r.NonResourceURLs {
					got[line("", "", url, "", verb)] = true
				}
				for _, group := range r.APIGroups {
					for _, resource := range r.Resources {
						for _, name := range names {
							got[line(s.namespace, group, resource, name, verb)] = true
						}
					}
				}
			}
		}
	}
	want := map[string]bool{line(sonobuoyNamespace, "", "pods", "", "get"): true} // its own pod (ownImage)
	for _, r := range declaredRights(check.Default.Checks()) {
		switch {
		case r.As != check.Runner, r.OptIn != "":
		case r.NonResource != "":
			want[line("", "", r.NonResource, "", r.Verb)] = true
		case r.Scope != check.TenantNamespaces:
			want[line(string(r.Scope), r.Group, r.Resource, r.Name, r.Verb)] = true
		case r.Name == cluster.TenantServiceAccount: // it lives in the first
			want[line(cluster.TenantNamespaces()[0], r.Group, r.Resource, r.Name, r.Verb)] = true
		default:
			for _, ns := range cluster.TenantNamespaces() {
				want[line(ns, r.Group, r.Resource, r.Name, r.Verb)] = true
			}
		}
	}
	for l := range got {
		if !want[l] {
			t.Errorf("rbac.yaml grants what nobody declares: %s", l)
		}
	}
	for l := range want {
		if !got[l] {
			t.Errorf("rbac.yaml does not grant: %s", l)
		}
	}
}

// TestOptInRights proves that what checks need of an opt-in manifest is in it.
func TestOptInRights(t *testing.T) {
	sets := ruleSets(t)
	for _, r := range declaredRights(check.Default.Checks()) {
		if r.OptIn == "" {
			continue
		}
		if r.As != check.Runner || r.NonResource != "" || !slices.Contains(applied, r.OptIn) || r.OptIn == "rbac.yaml" {
			t.Errorf("%s: an opt-in right is one of the runner, on a resource, by another manifest than rbac.yaml", r)
		}
		if !slices.ContainsFunc(sets, func(s ruleSet) bool {
			return s.file == r.OptIn && s.namespace == string(r.Scope) && slices.ContainsFunc(s.rules, func(p rbacv1.PolicyRule) bool {
				return slices.Contains(p.APIGroups, r.Group) && slices.Contains(p.Resources, r.Resource) && slices.Contains(p.Verbs, r.Verb) &&
					(len(p.ResourceNames) == 0 || slices.Equal(p.ResourceNames, []string{r.Name}))
			})
		}) {
			t.Errorf("%s does not grant: %s", r.OptIn, r)
		}
	}
}

// TestBindings proves that each binding binds a role that is in the same file
// to an account that the site has by then.
func TestBindings(t *testing.T) {
	all := manifestsOf(t)
	accounts := map[string]bool{}
	for _, o := range all["rbac.yaml"] {
		if a, ok := o.(*corev1.ServiceAccount); ok {
			accounts[a.Namespace+"/"+a.Name] = true
		}
	}
	seen := 0
	for file, objects := range all {
		roles, bound := map[string]bool{}, map[string]bool{}
		for _, o := range objects {
			switch r := o.(type) {
			case *rbacv1.Role:
				roles["Role "+r.Namespace+"/"+r.Name] = true
			case *rbacv1.ClusterRole:
				roles["ClusterRole /"+r.Name] = true
			}
		}
		look := func(name, ns string, ref rbacv1.RoleRef, subjects []rbacv1.Subject) {
			seen++
			key := ref.Kind + " " + ns + "/" + ref.Name
			if ref.Kind == "ClusterRole" {
				key = "ClusterRole /" + ref.Name
			}
			builtIn := file == "rbac.yaml" && key == "ClusterRole /edit" && ns != ""
			if ref.APIGroup != rbacv1.GroupName || !roles[key] && !builtIn {
				t.Errorf("%s: binding %s/%s: no %s in the file", file, ns, name, key)
			}
			bound[key] = true
			if len(subjects) != 1 {
				t.Errorf("%s: binding %s/%s: %d subjects", file, ns, name, len(subjects))
			}
			for _, s := range subjects {
				if s.Kind != "ServiceAccount" || s.APIGroup != "" || !accounts[s.Namespace+"/"+s.Name] {
					t.Errorf("%s: binding %s/%s: no account %+v in rbac.yaml", file, ns, name, s)
				}
				// What runs as the tenant holds the tenant's role, and beyond it
				// what one Role says, whose content TestRightsAreLeast holds.
				if tenants := builtIn || file == "rbac.yaml" && ref.Kind == "Role" && ref.Name == check.BeyondEditRole; tenants != (s.Name == cluster.TenantServiceAccount) {
					t.Errorf("%s: binding %s/%s gives %s to %s", file, ns, name, key, s.Name)
				}
			}
		}
		for _, o := range objects {
			switch b := o.(type) {
			case *rbacv1.RoleBinding:
				look(b.Name, b.Namespace, b.RoleRef, b.Subjects)
			case *rbacv1.ClusterRoleBinding:
				look(b.Name, "", b.RoleRef, b.Subjects)
			}
		}
		for r := range roles {
			if !bound[r] {
				t.Errorf("%s: %s is bound to nobody", file, r)
			}
		}
	}
	if seen < 9 {
		t.Errorf("%d bindings looked at", seen)
	}
}

// TestFence proves that every writing right of rbac-fresh.yaml is fenced and
// that the fence is in force for the runner's name.
func TestFence(t *testing.T) {
	var fence *admissionregistrationv1.ValidatingAdmissionPolicy
	var inForce *admissionregistrationv1.ValidatingAdmissionPolicyBinding
	var fresh *rbacv1.ClusterRole
	for _, o := range manifestsOf(t)["rbac-fresh.yaml"] {
		switch o := o.(type) {
		case *admissionregistrationv1.ValidatingAdmissionPolicy:
			fence = o
		case *admissionregistrationv1.ValidatingAdmissionPolicyBinding:
			inForce = o
		case *rbacv1.ClusterRole:
			fresh = o
		}
	}
	if fence == nil || inForce == nil || fresh == nil {
		t.Fatal("policy, binding or role is missing")
	}
	if inForce.Spec.PolicyName != fence.Name || !slices.Equal(inForce.Spec.ValidationActions, []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}) || inForce.Spec.MatchResources != nil {
		t.Errorf("the fence is not in force: %+v", inForce.Spec)
	}
	if f := fence.Spec.FailurePolicy; f == nil || *f != admissionregistrationv1.Fail {
		t.Error("the fence opens when it fails")
	}
	user := fmt.Sprintf("request.userInfo.username == %q", "system:serviceaccount:"+sonobuoyNamespace+":"+runnerAccount)
	if c := fence.Spec.MatchConditions; len(c) != 1 || c[0].Expression != user {
		t.Errorf("the fence is for %+v, not for the runner", c)
	}
	if fence.Name != cluster.Fence || inForce.Name != cluster.Fence {
		t.Errorf("the fence is called %s and %s, and a run looks for %s", fence.Name, inForce.Name, cluster.Fence)
	}
	if v := fence.Spec.Validations; len(v) != 3 || !strings.Contains(v[0].Expression, fmt.Sprintf("startsWith(%q)", cluster.FreshPrefix)) {
		t.Errorf("the fence is not around %s: %+v", cluster.FreshPrefix, v)
	}
	// What the probe does not declare is not granted.
	for _, r := range fresh.Rules {
		for _, verb := range r.Verbs {
			for _, resource := range r.Resources {
				if !slices.ContainsFunc(cluster.FreshRights(), func(d check.Right) bool { return d.Verb == verb && d.Resource == resource }) {
					t.Errorf("nobody declares: %s %s", verb, resource)
				}
			}
		}
	}
	var fenced, writes []string
	for _, r := range fence.Spec.MatchConstraints.ResourceRules {
		fenced = append(fenced, r.Resources...)
		for _, op := range []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete} {
			if !slices.Contains(r.Operations, op) {
				t.Errorf("%s is not fenced", op)
			}
		}
	}
	for _, r := range fresh.Rules {
		if slices.ContainsFunc(r.Verbs, func(v string) bool { return v != "get" && v != "list" && v != "watch" && v != "bind" }) {
			writes = append(writes, r.Resources...)
		}
	}
	sort.Strings(writes)
	if len(writes) == 0 {
		t.Error("no writing right was looked at")
	}
	for _, w := range writes {
		if !slices.Contains(fenced, w) {
			t.Errorf("the runner may write %s without a fence", w)
		}
	}
}

// What a site on OpenShift takes the comment signs off is a manifest.
func TestPrivilegedNamespaceOnOpenShift(t *testing.T) {
	data, err := os.ReadFile("privileged-namespace.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "# OpenShift only: ")
	_, rest, _ = strings.Cut(rest, "\n")
	commented, _, found := strings.Cut(rest, "# ---\n")
	if !found {
		t.Fatal("no part that ends with # ---")
	}
	var b rbacv1.RoleBinding
	if err := yaml.UnmarshalStrict([]byte(strings.ReplaceAll("\n"+commented, "\n# ", "\n")), &b); err != nil {
		t.Fatal(err)
	}
	if b.Kind != "RoleBinding" || b.Namespace != cluster.PrivilegedNamespace || b.RoleRef.Name != "system:openshift:scc:privileged" || len(b.Subjects) != 1 || b.Subjects[0].Name != cluster.PodServiceAccount || b.Subjects[0].Namespace != b.Namespace {
		t.Errorf("%+v", b)
	}
}
