//go:build apiserver

package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/app44"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/relabel"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/souvap"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/sys16"
)

const (
	manifests = "../../plugins/bvc"
	// Names in rbac.yaml.
	sonobuoyNamespace = "sonobuoy"
	runnerAccount     = "bvc-runner"
)

// admin reaches the one server of all tests with every right.
var admin *rest.Config

func TestMain(m *testing.M) {
	code, err := withServer(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withServer(run func() int) (int, error) {
	binaries := os.Getenv("BVC_KUBE_BINARIES")
	if binaries == "" {
		return 0, errors.New("BVC_KUBE_BINARIES names no folder with etcd and kube-apiserver: run make test-api, which builds them")
	}
	server := &envtest.Environment{BinaryAssetsDirectory: binaries, ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute}
	config, err := server.Start()
	if err != nil {
		return 0, fmt.Errorf("start etcd and kube-apiserver of %s: %w", binaries, err)
	}
	config.QPS, config.Burst = -1, 0
	admin = config
	if err := prepare(context.Background()); err != nil {
		return 0, errors.Join(err, server.Stop())
	}
	return run(), server.Stop()
}

// prepare applies what a site applies, and does what controllers would do.
func prepare(ctx context.Context) error {
	if err := apply(ctx, "rbac.yaml"); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return err
	}
	// The controller manager fills the role edit from the roles it aggregates.
	edit, err := client.RbacV1().ClusterRoles().Get(ctx, "edit", metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, part := range []string{"system:aggregate-to-edit", "system:aggregate-to-view"} {
		role, err := client.RbacV1().ClusterRoles().Get(ctx, part, metav1.GetOptions{})
		if err != nil {
			return err
		}
		edit.Rules = append(edit.Rules, role.Rules...)
	}
	_, err = client.RbacV1().ClusterRoles().Update(ctx, edit, metav1.UpdateOptions{})
	return err
}

// apply applies a manifest on the server side; an unknown field is an error.
func apply(ctx context.Context, name string) error {
	objects, err := read(name)
	if err != nil {
		return err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(admin)
	if err != nil {
		return err
	}
	groups, err := restmapper.GetAPIGroupResources(disco)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	client, err := dynamic.NewForConfig(admin)
	if err != nil {
		return err
	}
	force := true
	for _, o := range objects {
		mapping, err := mapper.RESTMapping(o.GroupVersionKind().GroupKind(), o.GroupVersionKind().Version)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		data, err := json.Marshal(o)
		if err != nil {
			return err
		}
		if _, err := client.Resource(mapping.Resource).Namespace(o.GetNamespace()).Patch(ctx, o.GetName(), types.ApplyPatchType, data,
			metav1.PatchOptions{FieldManager: "test", FieldValidation: metav1.FieldValidationStrict, Force: &force}); err != nil {
			return fmt.Errorf("%s: apply %s %s: %w", name, o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

func read(name string) ([]*unstructured.Unstructured, error) {
	data, err := os.ReadFile(filepath.Join(manifests, name))
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096); ; {
		o := &unstructured.Unstructured{}
		if err := d.Decode(o); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}

func adminClient(t *testing.T) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(admin)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// runner is the access that the plugin has: the token of its account.
func runner(t *testing.T) *rest.Config {
	t.Helper()
	token, err := adminClient(t).CoreV1().ServiceAccounts(sonobuoyNamespace).CreateToken(t.Context(), runnerAccount, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(admin)
	config.BearerToken = token.Status.Token
	return config
}

// environment is a run with the rights of rbac.yaml and nothing else.
func environment(t *testing.T) *cluster.Env {
	t.Helper()
	id, err := cluster.NewRunID()
	if err != nil {
		t.Fatal(err)
	}
	env, err := cluster.New(t.Context(), cluster.Config{
		Rest: runner(t), RunID: id, Image: "registry.invalid/bvc@sha256:0", Namespaces: cluster.TenantNamespaces(), QPS: 100, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// ours counts the objects that carry the label of bvc, as the administrator sees them.
func ours(t *testing.T) int {
	t.Helper()
	client, err := dynamic.NewForConfig(admin)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, resource := range cluster.Resources() {
		list, err := client.Resource(resource).List(context.Background(), metav1.ListOptions{LabelSelector: cluster.LabelManagedBy + "=" + cluster.ManagedBy})
		if err != nil {
			t.Fatal(err)
		}
		count += len(list.Items)
	}
	return count
}

// makeOneOfEach makes an object of each resource in each tenant namespace.
func makeOneOfEach(ctx context.Context, t *testing.T, env *cluster.Env) int {
	t.Helper()
	made := 0
	for _, ns := range env.Namespaces {
		if _, err := env.CreatePod(ctx, pods.Golden(pods.Options{GenerateName: "bvc-test-", Namespace: ns, Image: env.Image, Gated: true})); err != nil {
			t.Fatal(err)
		}
		if _, err := env.CreateNetworkPolicy(ctx, &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-test-", Namespace: ns},
			Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := env.CreateSecret(ctx, env.Tenant, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-test-", Namespace: ns}}); err != nil {
			t.Fatal(err)
		}
		if _, err := env.CreateService(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-test-", Namespace: ns}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
		}); err != nil {
			t.Fatal(err)
		}
		for resource, object := range workloads(ns, env) {
			if err := env.CreateWorkload(ctx, resource, object); err != nil {
				t.Fatal(err)
			}
		}
		made += len(cluster.Resources())
	}
	return made
}

// workloads are one object of each kind that makes pods. Here no controller
// runs that would.
func workloads(ns string, env *cluster.Env) map[schema.GroupVersionResource]metav1.Object {
	meta := func() metav1.ObjectMeta { return metav1.ObjectMeta{GenerateName: "bvc-test-", Namespace: ns} }
	kind := func(version, name string) metav1.TypeMeta { return metav1.TypeMeta{APIVersion: version, Kind: name} }
	labels := map[string]string{"bvc-test": "x"}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	once := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pods.Golden(pods.Options{Namespace: ns, Image: env.Image, Gated: true}).Spec}
	always := *once.DeepCopy()
	always.Spec.RestartPolicy = corev1.RestartPolicyAlways
	return map[schema.GroupVersionResource]metav1.Object{
		cluster.Deployments:  &appsv1.Deployment{TypeMeta: kind("apps/v1", "Deployment"), ObjectMeta: meta(), Spec: appsv1.DeploymentSpec{Selector: selector, Template: always}},
		cluster.ReplicaSets:  &appsv1.ReplicaSet{TypeMeta: kind("apps/v1", "ReplicaSet"), ObjectMeta: meta(), Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: always}},
		cluster.StatefulSets: &appsv1.StatefulSet{TypeMeta: kind("apps/v1", "StatefulSet"), ObjectMeta: meta(), Spec: appsv1.StatefulSetSpec{Selector: selector, Template: always}},
		cluster.DaemonSets:   &appsv1.DaemonSet{TypeMeta: kind("apps/v1", "DaemonSet"), ObjectMeta: meta(), Spec: appsv1.DaemonSetSpec{Selector: selector, Template: always}},
		cluster.Jobs:         &batchv1.Job{TypeMeta: kind("batch/v1", "Job"), ObjectMeta: meta(), Spec: batchv1.JobSpec{Template: once}},
		cluster.CronJobs: &batchv1.CronJob{TypeMeta: kind("batch/v1", "CronJob"), ObjectMeta: meta(),
			Spec: batchv1.CronJobSpec{Schedule: "* * * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: once}}}},
	}
}

// Every manifest of the site, applied as it is, and once more.
func TestManifestsApply(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(manifests, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	applied := 0
	for _, name := range names {
		name = filepath.Base(name)
		if name == "plugin.yaml" || name == "site.example.yaml" {
			continue // read by Sonobuoy and by bvc, not by the API server
		}
		for range 2 {
			if err := apply(t.Context(), name); err != nil {
				t.Error(err)
			}
		}
		applied++
	}
	if applied < 3 {
		t.Errorf("%d manifests were applied, want rbac.yaml, rbac-fresh.yaml and privileged-namespace.yaml", applied)
	}
}

// No rule of ours grants everything, or a right over the whole cluster that
// changes something.
func TestRightsAreNarrow(t *testing.T) {
	objects, err := read("rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.GetKind() != "Role" && o.GetKind() != "ClusterRole" {
			continue
		}
		data, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var role rbacv1.ClusterRole
		if err := json.Unmarshal(data, &role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			all := append(append(append(append([]string{}, rule.Verbs...), rule.Resources...), rule.APIGroups...), rule.NonResourceURLs...)
			for _, word := range all {
				if strings.Contains(word, "*") {
					t.Errorf("%s %s/%s grants %q", role.Kind, role.Namespace, role.Name, word)
				}
			}
			for _, verb := range rule.Verbs {
				if role.Kind == "ClusterRole" && verb != "get" && verb != "list" && verb != "watch" {
					t.Errorf("ClusterRole %s grants %s on %v in the whole cluster", role.Name, verb, rule.Resources)
				}
				for _, resource := range rule.Resources {
					if role.Kind == "ClusterRole" && (resource == "secrets" || resource == "configmaps" || resource == "pods") {
						t.Errorf("ClusterRole %s grants %s on %s of every namespace", role.Name, verb, resource)
					}
				}
			}
		}
	}
}

// With rbac.yaml the run is a tenant by token, has every right that a check
// declares, and not those that nobody declares.
func TestTenantByToken(t *testing.T) {
	env := environment(t)
	if env.TenantIdentity != cluster.IdentityServiceAccount {
		t.Fatalf("the tenant is %s, want %s", env.TenantIdentity, cluster.IdentityServiceAccount)
	}
	rights := cluster.Base()
	for _, p := range check.Probes(check.Default.Checks()) {
		for _, r := range p.Needs {
			if r.OptIn == "" {
				rights = append(rights, r)
			}
		}
	}
	states, err := env.Effective(t.Context(), rights)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if !s.Granted {
			t.Errorf("rbac.yaml does not grant %s", s.Right)
		}
	}
	if len(states) < 10 {
		t.Errorf("%d rights were asked for: this test looks for the wrong thing", len(states))
	}
	for _, undeclared := range []check.Right{
		{As: check.Runner, Verb: "list", Resource: "secrets"},
		{As: check.Runner, Verb: "list", Resource: "configmaps"},
		{As: check.Runner, Verb: "create", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Runner, Verb: "create", Resource: "serviceaccounts/token", Scope: sonobuoyNamespace},
		{As: check.Tenant, Verb: "create", Resource: "pods", Scope: "kube-system"},
		{As: check.Tenant, Verb: "list", Resource: "secrets", Scope: sonobuoyNamespace},
	} {
		states, err := env.Effective(t.Context(), []check.Right{undeclared})
		if err != nil {
			t.Fatal(err)
		}
		if states[0].Granted {
			t.Errorf("rbac.yaml grants %s, which nobody declares", undeclared)
		}
	}
}

// Without a token the run is its own tenant, and says so.
func TestTenantBySelf(t *testing.T) {
	env, err := cluster.New(t.Context(), cluster.Config{
		Rest: rest.CopyConfig(admin), RunID: "0123456789ab", Image: "i", Namespaces: []string{"default"}, QPS: 100, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	if env.TenantIdentity != cluster.IdentitySelf {
		t.Errorf("the tenant is %s, want %s: namespace default has no ServiceAccount tenant", env.TenantIdentity, cluster.IdentitySelf)
	}
	if is, err := env.Administrator(t.Context()); err != nil || !is {
		t.Errorf("an administrator counts as one: %t, %v", is, err)
	}
	if is, err := environment(t).Administrator(t.Context()); err != nil || is {
		t.Errorf("the tenant counts as an administrator: %t, %v", is, err)
	}
}

// The pods of the admission probe are valid to the API, so that no refusal is
// the API's own: a server without policies admits all of them, with their fault.
func TestAdmissionProbeWithoutPolicies(t *testing.T) {
	env := environment(t).For(admission.Probe.Name)
	started := time.Now()
	data, err := admission.Probe.Observe(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	var o admission.Observation
	if err := check.Decode(data, &o); err != nil {
		t.Fatal(err)
	}
	for i, r := range o.Rounds {
		for _, g := range []admission.Golden{r.Before, r.UserNamespace, r.After} {
			if g.Class != admission.Admitted || g.Altered != (admission.Altered{}) {
				t.Errorf("round %d: the golden pod: %+v, want it admitted as it was sent", i+1, g)
			}
		}
		for _, m := range r.Mutants {
			if m.Class != admission.Admitted {
				t.Errorf("round %d: the mutant %s/%s: %+v, want it admitted", i+1, m.Fault, m.Variant, m.Attempt)
			}
		}
	}
	seen := []v1alpha1.Observation{{Probe: admission.Probe.Name, SchemaVersion: admission.Probe.SchemaVersion, StartedAt: started, FinishedAt: time.Now(), Data: data}}
	judged := 0
	for _, c := range check.Default.Checks() {
		if len(c.Probes) == 1 && c.Probes[0].Name == admission.Probe.Name {
			judged++
			if r := c.Judge(seen); r.Outcome != v1alpha1.Fail {
				t.Errorf("%s: outcome %s on a server that admits every pod, want fail: %s", c.ID, r.Outcome, r.Reason.En)
			}
		}
	}
	if judged < 19 {
		t.Errorf("%d checks judge the admission probe, want 19", judged)
	}
	if left := env.Cleanup(t.Context()); left != nil {
		t.Errorf("leftovers: %+v", left)
	}
}

// The same for ephemeral containers, and what edit alone may not.
func TestEphemeralContainersWithoutPolicies(t *testing.T) {
	env := environment(t).For(admission.Ephemeral.Name)
	started := time.Now()
	data, err := admission.Ephemeral.Observe(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	var o admission.Surfaces
	if err := check.Decode(data, &o); err != nil {
		t.Fatal(err)
	}
	faults := map[string]bool{}
	for _, s := range o.Surfaces {
		for _, try := range s.Tries {
			faults[try.Fault] = true
			if try.Class != admission.Admitted {
				t.Errorf("%s %s/%s: %+v, want it admitted", s.Name, try.Fault, try.Variant, try.Attempt)
			}
		}
	}
	seen := []v1alpha1.Observation{{Probe: admission.Ephemeral.Name, SchemaVersion: admission.Ephemeral.SchemaVersion, StartedAt: started, FinishedAt: time.Now(), Data: data}}
	judged := 0
	for _, c := range check.Default.Checks() {
		if c.Probes[0].Name == admission.Ephemeral.Name {
			judged++
			if r := c.Judge(seen); r.Outcome != v1alpha1.Fail {
				t.Errorf("%s: outcome %s on a server that admits every container, want fail: %s", c.ID, r.Outcome, r.Reason.En)
			}
		}
	}
	if judged != len(faults)-1 || judged < 12 {
		t.Errorf("%d checks judge %d faults, want one each and 12 at least", judged, len(faults)-1)
	}
	if left := env.Cleanup(t.Context()); left != nil {
		t.Errorf("leftovers: %+v", left)
	}

	// Without the Role of rbac.yaml the authoriser refuses, and nothing passes.
	roles, err := kubernetes.NewForConfig(admin)
	if err != nil {
		t.Fatal(err)
	}
	namespace := env.Namespaces[0]
	binding, err := roles.RbacV1().RoleBindings(namespace).Get(t.Context(), check.BeyondEditRole, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := roles.RbacV1().RoleBindings(namespace).Delete(t.Context(), binding.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		binding.ResourceVersion, binding.UID = "", ""
		if _, err := roles.RbacV1().RoleBindings(namespace).Create(context.Background(), binding, metav1.CreateOptions{}); err != nil {
			t.Error(err)
		}
	})
	if _, err := wait.For(t.Context(), 30*time.Second, "the right to be gone", func(ctx context.Context) (admission.Surfaces, error) {
		data, err := admission.Ephemeral.Observe(ctx, env)
		if err != nil {
			return o, err
		}
		o = admission.Surfaces{}
		return o, check.Decode(data, &o)
	}, func(admission.Surfaces) (bool, string) { return !o.Surfaces[0].Allowed, "allowed" }); err != nil {
		t.Fatal(err)
	}
	if len(o.Surfaces[0].Tries) != 0 {
		t.Errorf("%d tries without the right", len(o.Surfaces[0].Tries))
	}
}

// A tenant with the role edit can not relabel its namespaces; one that got a
// right too many can, and the label is taken back.
func TestRelabelProbe(t *testing.T) {
	client, err := kubernetes.NewForConfig(admin)
	if err != nil {
		t.Fatal(err)
	}
	judged := func() v1alpha1.Result {
		t.Helper()
		env := environment(t).For(relabel.Probe.Name)
		started := time.Now()
		data, err := relabel.Probe.Observe(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		if left := env.Cleanup(t.Context()); left != nil {
			t.Errorf("leftovers: %+v", left)
		}
		for _, c := range check.Default.Checks() {
			if c.Probes[0].Name == relabel.Probe.Name {
				return c.Judge([]v1alpha1.Observation{{Probe: relabel.Probe.Name, SchemaVersion: relabel.Probe.SchemaVersion, StartedAt: started, FinishedAt: time.Now(), Data: data}})
			}
		}
		t.Fatal("no check judges the probe")
		return v1alpha1.Result{}
	}
	if r := judged(); r.Outcome != v1alpha1.Pass {
		t.Errorf("the role edit: %s: %s", r.Outcome, r.Reason.En)
	}
	for _, verb := range []string{"patch", "update"} {
		namespace := cluster.TenantNamespaces()[1]
		role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "relabel", Namespace: namespace},
			Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{verb}}}}
		binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "relabel", Namespace: namespace},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: cluster.TenantServiceAccount, Namespace: cluster.TenantNamespaces()[0]}},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "relabel"}}
		if _, err := client.RbacV1().Roles(namespace).Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.RbacV1().RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		// The authoriser learns of it a moment later.
		var r v1alpha1.Result
		for until := time.Now().Add(15 * time.Second); time.Now().Before(until) && r.Outcome != v1alpha1.Fail; {
			r = judged()
		}
		if r.Outcome != v1alpha1.Fail || len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Observed.En, "("+verb+")") || strings.Contains(r.Findings[0].Observed.En, "taken back") {
			t.Errorf("%s: %s %+v", verb, r.Outcome, r.Findings)
		}
		object, err := client.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, there := object.Labels[relabel.Label]; there {
			t.Errorf("%s: the label is still there", verb)
		}
		for _, err := range []error{
			client.RbacV1().RoleBindings(namespace).Delete(t.Context(), "relabel", metav1.DeleteOptions{}),
			client.RbacV1().Roles(namespace).Delete(t.Context(), "relabel", metav1.DeleteOptions{}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestCleanup(t *testing.T) {
	env := environment(t).For("test")
	made := makeOneOfEach(t.Context(), t, env)
	if there := ours(t); there != made {
		t.Fatalf("%d objects of ours are there, want %d", there, made)
	}
	if left := env.Cleanup(t.Context()); left != nil {
		t.Errorf("leftovers: %+v", left)
	}
	if there := ours(t); there != 0 {
		t.Errorf("%d objects of ours are there after the cleanup", there)
	}
	if left := env.Cleanup(t.Context()); left != nil {
		t.Errorf("a second cleanup finds leftovers: %+v", left)
	}
}

// The run's context ends while objects are being made; what a request made
// whose answer nobody saw is removed too.
func TestCleanupAfterCancel(t *testing.T) {
	env := environment(t).For("test")
	ctx, cancel := context.WithCancel(t.Context())
	makeOneOfEach(ctx, t, env)
	lost, giveUp := context.WithTimeout(ctx, 3*time.Millisecond)
	defer giveUp()
	if _, err := env.CreateSecret(lost, env.Tenant, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-lost-", Namespace: env.Namespaces[0]}}); err == nil {
		t.Log("the answer came in time; the object is like any other")
	}
	cancel()
	if _, err := env.CreatePod(ctx, pods.Golden(pods.Options{GenerateName: "bvc-late-", Namespace: env.Namespaces[0], Image: env.Image, Gated: true})); err == nil {
		t.Error("a pod was made after the end of the context")
	}
	if left := env.Cleanup(context.WithoutCancel(ctx)); left != nil {
		t.Errorf("leftovers: %+v", left)
	}
	if there := ours(t); there != 0 {
		t.Errorf("%d objects of ours are there after the cleanup", there)
	}
}

// A cleanup that can not work says what is left; it does not say that all is gone.
func TestCleanupThatFails(t *testing.T) {
	env := environment(t).For("test")
	makeOneOfEach(t.Context(), t, env)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if left := env.Cleanup(ended); len(left) == 0 {
		t.Error("no leftovers are reported by a cleanup that could not ask the server")
	}
	if left := env.Cleanup(t.Context()); left != nil {
		t.Errorf("leftovers: %+v", left)
	}
}

// A site that does not permit pods with a view of their node has none left of a
// run that asked for them.
func TestCleanupWherePrivilegedIsNotPermitted(t *testing.T) {
	env := environment(t).For("test")
	bindings := adminClient(t).RbacV1().RoleBindings(cluster.PrivilegedNamespace)
	given, err := bindings.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range given.Items {
		if err := bindings.Delete(t.Context(), b.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			b.ResourceVersion = ""
			// The test's own context has ended by now.
			if _, err := bindings.Create(context.Background(), &b, metav1.CreateOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	_, err = wait.For(t.Context(), 10*time.Second, "the authoriser to know it", func(ctx context.Context) (bool, error) {
		return cluster.MayOf(ctx, env.Runner, authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods", Namespace: cluster.PrivilegedNamespace})
	}, func(may bool) (bool, string) { return !may, "it is allowed" })
	if err != nil {
		t.Fatal(err)
	}
	pod := pods.OnHost(pods.Options{GenerateName: "bvc-test-", Namespace: cluster.PrivilegedNamespace, Image: env.Image, Args: []string{"scan"}})
	if _, err := env.CreatePrivileged(t.Context(), pod); !errors.Is(err, cluster.NotPermitted) {
		t.Fatalf("got %v, want %s", err, cluster.NotPermitted)
	}
	if left := env.Cleanup(t.Context()); left != nil {
		t.Errorf("leftovers: %+v", left)
	}
}

// A killed run registered nothing that another process could read: bvc cleanup
// finds its objects by their labels, those of other runs and of the site stay.
func TestSweepAfterKill(t *testing.T) {
	killed, alive := environment(t).For("test"), environment(t).For("test")
	made := makeOneOfEach(t.Context(), t, killed)
	makeOneOfEach(t.Context(), t, alive)
	foreign, err := adminClient(t).CoreV1().Secrets(killed.Namespaces[0]).Create(t.Context(),
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "of-the-site", Labels: map[string]string{cluster.LabelManagedBy: cluster.ManagedBy}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sweeper, err := dynamic.NewForConfig(admin)
	if err != nil {
		t.Fatal(err)
	}
	if left := cluster.Sweep(t.Context(), sweeper, killed.Namespaces, killed.RunID); left != nil {
		t.Errorf("leftovers: %+v", left)
	}
	// The site's own Secret has our label, and no run.
	if there := ours(t); there != made+1 {
		t.Errorf("%d objects are there after one run was swept, want the other run's %d and the site's own", there, made)
	}
	if left := cluster.Sweep(t.Context(), sweeper, killed.Namespaces, ""); left != nil {
		t.Errorf("leftovers: %+v", left)
	}
	if there := ours(t); there != 1 {
		t.Errorf("%d objects are there after all runs were swept, want the site's own", there)
	}
	if err := adminClient(t).CoreV1().Secrets(foreign.Namespace).Delete(t.Context(), foreign.Name, metav1.DeleteOptions{}); err != nil {
		t.Errorf("the site's own Secret: %v", err)
	}
}

// The fence of rbac-fresh.yaml keeps the runner's writes to bvc-fresh-*.
func TestFenceOfFreshNamespaces(t *testing.T) {
	if err := apply(t.Context(), "rbac-fresh.yaml"); err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(runner(t))
	if err != nil {
		t.Fatal(err)
	}
	namespace := func(name string, labels map[string]string) error {
		_, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{})
		if err == nil {
			// Without controllers a namespace stays; the next attempt has a name of its own.
			_ = adminClient(t).CoreV1().Namespaces().Delete(t.Context(), name, metav1.DeleteOptions{})
		}
		return err
	}
	// A new policy holds after a moment; until then the attempt must be repeated.
	tick, until := time.NewTicker(250*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for attempt := 0; ; attempt++ {
		err := namespace(fmt.Sprintf("of-the-site-%d", attempt), nil)
		if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
			if !strings.Contains(err.Error(), "bvc-runner-fence") {
				t.Fatalf("refused, but not by the fence: %v", err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-until:
			t.Fatal("the runner makes namespaces of any name 30 s after rbac-fresh.yaml was applied")
		}
	}
	enforce := func(level string) map[string]string {
		return map[string]string{"pod-security.kubernetes.io/enforce": level}
	}
	fresh, tenant := cluster.FreshPrefix+"1", cluster.TenantNamespaces()[0]
	account := func(ns, name string) error {
		_, err := client.CoreV1().ServiceAccounts(ns).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		return err
	}
	token := func(ns, name string) error {
		_, err := client.CoreV1().ServiceAccounts(ns).CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		return err
	}
	bind := func(ns, of string) error {
		_, err := client.RbacV1().RoleBindings(ns).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: of, Name: cluster.TenantServiceAccount}},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"}}, metav1.CreateOptions{})
		return err
	}
	// The namespace that accounts and bindings are made in stays there until the end.
	inside := cluster.FreshPrefix + "inside"
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: inside}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	remove := func(name string) error {
		return client.CoreV1().Namespaces().Delete(t.Context(), name, metav1.DeleteOptions{})
	}
	for _, c := range []struct {
		what    string
		do      func() error
		allowed bool
	}{
		{"make bvc-x", func() error { return namespace("bvc-x", nil) }, false},
		{"make a fresh namespace", func() error { return namespace(fresh, nil) }, true},
		{"make a privileged one", func() error { return namespace(fresh+"-privileged", enforce("privileged")) }, false},
		{"make a baseline one", func() error { return namespace(fresh+"-baseline", enforce("baseline")) }, false},
		{"make a restricted one", func() error { return namespace(fresh+"-restricted", enforce("restricted")) }, true},
		{"delete a tenant namespace", func() error { return remove(tenant) }, false},
		{"delete the namespace of Sonobuoy", func() error { return remove(sonobuoyNamespace) }, false},
		{"make an account for the tenant", func() error { return account(inside, cluster.TenantServiceAccount) }, true},
		{"make an account in a tenant namespace", func() error { return account(tenant, "x") }, false},
		{"get a token of the fresh tenant", func() error { return token(inside, cluster.TenantServiceAccount) }, true},
		{"get a token of the tenant", func() error { return token(tenant, cluster.TenantServiceAccount) }, true},
		{"bind edit to the fresh tenant", func() error { return bind(inside, inside) }, true},
		{"bind edit to another tenant", func() error { return bind(inside, tenant) }, false},
		{"bind edit in a tenant namespace", func() error { return bind(tenant, tenant) }, false},
		{"delete a fresh namespace", func() error { return remove(inside) }, true},
	} {
		switch err := c.do(); {
		case c.allowed && err != nil:
			t.Errorf("%s: %v", c.what, err)
		case !c.allowed && (err == nil || !strings.Contains(err.Error(), cluster.Fence)):
			t.Errorf("%s is not refused by the fence: %v", c.what, err)
		}
	}
}
