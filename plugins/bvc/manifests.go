package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"sort"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// The manifests that a site applies. rbac.yaml is generated from what the
// checks declare (see renderRBAC).
var (
	//go:embed plugin.yaml
	pluginManifest []byte
	//go:embed sonobuoy.json
	sonobuoyConfig []byte
)

// Names in rbac.yaml and plugin.yaml.
const (
	sonobuoyNamespace = "sonobuoy"
	runnerAccount     = "bvc-runner"
	// aggregatorAccount and aggregatorRole are Sonobuoy's fixed names. That
	// they exist before it runs keeps it from making its own, which would
	// hold every right in the namespace.
	aggregatorAccount = "sonobuoy-serviceaccount"
	aggregatorRole    = "sonobuoy-serviceaccount-sonobuoy"
)

const rbacHeader = `# What a site applies before its first run, and may read beforehand: namespaces, accounts and the least rights.
# Generated from what the checks declare: make update. Remove everything with kubectl delete -f rbac.yaml.
`

// renderRBAC generates rbac.yaml.
func renderRBAC(rights []check.Right) ([]byte, error) {
	var objects []any
	objects = append(objects, namespace(sonobuoyNamespace, map[string]string{
		// Sonobuoy's own pods are not restricted-clean (testbed.md).
		"pod-security.kubernetes.io/enforce": "baseline",
		// Its workers dial the aggregator's pod IP with their own TLS.
		"istio-injection": "disabled",
	}))
	for _, ns := range cluster.TenantNamespaces() {
		objects = append(objects, namespace(ns, nil))
	}
	objects = append(objects,
		account(sonobuoyNamespace, runnerAccount),
		account(sonobuoyNamespace, aggregatorAccount),
		account(cluster.TenantNamespaces()[0], cluster.TenantServiceAccount))
	for _, ns := range cluster.TenantNamespaces() {
		objects = append(objects, account(ns, cluster.PodServiceAccount))
	}
	objects = append(objects, aggregatorRights()...)
	objects = append(objects, tenantRights(rights)...)
	objects = append(objects, runnerRights(rights)...)
	objects = append(objects, allowSonobuoy())

	var out bytes.Buffer
	out.WriteString(rbacHeader)
	for _, o := range objects {
		y, err := yaml.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("write an object of rbac.yaml: %w", err)
		}
		out.WriteString("---\n")
		// Empty parts of the Go types, which a namespace's manifest does not need.
		out.Write(bytes.ReplaceAll(y, []byte("spec: {}\nstatus: {}\n"), nil))
	}
	return out.Bytes(), nil
}

func objectMeta(ns, name string) metav1.ObjectMeta {
	// Not the label managed-by, which marks what a run made and cleanup removes.
	return metav1.ObjectMeta{Namespace: ns, Name: name, Labels: map[string]string{"app.kubernetes.io/part-of": "bvc"}}
}

func namespace(name string, labels map[string]string) *corev1.Namespace {
	n := &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: objectMeta("", name)}
	for k, v := range labels {
		n.Labels[k] = v
	}
	return n
}

func account(ns, name string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: objectMeta(ns, name)}
}

func role(ns, name string, rules []rbacv1.PolicyRule) *rbacv1.Role {
	return &rbacv1.Role{TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"}, ObjectMeta: objectMeta(ns, name), Rules: rules}
}

func binding(ns, name, kind, roleName string, subjectNamespace, subject string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"}, ObjectMeta: objectMeta(ns, name),
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: subjectNamespace, Name: subject}},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: roleName},
	}
}

// aggregatorRights are what Sonobuoy's aggregator does in its namespace: run
// the plugin's pod with its certificate, watch it, and note its status on itself.
func aggregatorRights() []any {
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}},
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}},
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list"}},
		// It asks for its namespace before it notes that a run is complete; a
		// Role in the namespace can grant that for this one.
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, ResourceNames: []string{sonobuoyNamespace}, Verbs: []string{"get"}},
	}
	return []any{
		role(sonobuoyNamespace, aggregatorRole, rules),
		binding(sonobuoyNamespace, aggregatorRole, "Role", aggregatorRole, sonobuoyNamespace, aggregatorAccount),
	}
}

// tenantRights make the tenant what a customer of the platform is, and give it
// what a probe needs beyond that by a Role that says so.
func tenantRights(rights []check.Right) []any {
	var beyond []rbacv1.PolicyRule
	for _, r := range rights {
		if r.As == check.Tenant && r.BeyondEdit {
			beyond = append(beyond, ruleOf(r))
		}
	}
	beyond = merged(beyond)
	var out []any
	for _, ns := range cluster.TenantNamespaces() {
		out = append(out, binding(ns, "bvc-tenant", "ClusterRole", "edit", cluster.TenantNamespaces()[0], cluster.TenantServiceAccount))
		if len(beyond) > 0 {
			out = append(out, role(ns, check.BeyondEditRole, beyond),
				binding(ns, check.BeyondEditRole, "Role", check.BeyondEditRole, cluster.TenantNamespaces()[0], cluster.TenantServiceAccount))
		}
	}
	return out
}

// runnerRights are one ClusterRole for what is cluster-wide and one Role for
// each namespace.
func runnerRights(rights []check.Right) []any {
	byNamespace := map[string][]rbacv1.PolicyRule{
		// The plugin asks its own pod which image the probes shall run.
		sonobuoyNamespace: {{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}},
	}
	for _, r := range rights {
		if r.As != check.Runner || r.OptIn != "" {
			continue
		}
		namespaces := []string{string(r.Scope)}
		if r.Scope == check.TenantNamespaces {
			namespaces = cluster.TenantNamespaces()
			if r.Name == cluster.TenantServiceAccount {
				namespaces = namespaces[:1]
			}
		}
		for _, ns := range namespaces {
			byNamespace[ns] = append(byNamespace[ns], ruleOf(r))
		}
	}
	names := make([]string, 0, len(byNamespace))
	for ns := range byNamespace {
		names = append(names, ns)
	}
	sort.Strings(names)
	var out []any
	for _, ns := range names {
		rules := merged(byNamespace[ns])
		if ns == "" {
			out = append(out,
				&rbacv1.ClusterRole{TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"}, ObjectMeta: objectMeta("", runnerAccount), Rules: rules},
				&rbacv1.ClusterRoleBinding{
					TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"}, ObjectMeta: objectMeta("", runnerAccount),
					Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: sonobuoyNamespace, Name: runnerAccount}},
					RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: runnerAccount},
				})
			continue
		}
		out = append(out, role(ns, runnerAccount, rules), binding(ns, runnerAccount, "Role", runnerAccount, sonobuoyNamespace, runnerAccount))
	}
	return out
}

func ruleOf(r check.Right) rbacv1.PolicyRule {
	if r.NonResource != "" {
		return rbacv1.PolicyRule{NonResourceURLs: []string{r.NonResource}, Verbs: []string{r.Verb}}
	}
	rule := rbacv1.PolicyRule{APIGroups: []string{r.Group}, Resources: []string{r.Resource}, Verbs: []string{r.Verb}}
	if r.Name != "" {
		rule.ResourceNames = []string{r.Name}
	}
	return rule
}

// merged joins rules that differ in their verbs only, in a stable order.
func merged(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	key := func(r rbacv1.PolicyRule) string {
		return fmt.Sprint(r.APIGroups, r.Resources, r.ResourceNames, r.NonResourceURLs)
	}
	byKey := map[string]*rbacv1.PolicyRule{}
	var keys []string
	for _, r := range rules {
		if there := byKey[key(r)]; there != nil {
			there.Verbs = append(there.Verbs, r.Verbs...)
			continue
		}
		byKey[key(r)] = &r
		keys = append(keys, key(r))
	}
	sort.Strings(keys)
	out := make([]rbacv1.PolicyRule, 0, len(keys))
	for _, k := range keys {
		r := *byKey[k]
		sort.Strings(r.Verbs)
		r.Verbs = slices.Compact(r.Verbs)
		out = append(out, r)
	}
	return out
}

// allowSonobuoy lets Sonobuoy's pods talk on a cluster that denies by default,
// which is what the norm asks for.
func allowSonobuoy() *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"}, ObjectMeta: objectMeta(sonobuoyNamespace, "bvc-allow"),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"component": "sonobuoy"}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			// Only Sonobuoy's own pods in; out to them, the API servers and DNS,
			// whose addresses differ from site to site.
			Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{
				PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"component": "sonobuoy"}}}}}},
			Egress: []networkingv1.NetworkPolicyEgressRule{{}},
		},
	}
}
