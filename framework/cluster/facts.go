package cluster

import (
	"context"
	"fmt"
	"sort"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// unknown is what a fact holds that was not observed.
const unknown = "unknown"

// product is recognised by a word in a name that the product itself gives.
type product struct{ word, name string }

func cniProducts() []product {
	return []product{
		{"calico", "Calico"}, {"canal", "Canal"}, {"cilium", "Cilium"}, {"flannel", "Flannel"}, {"kube-router", "kube-router"},
		{"antrea", "Antrea"}, {"weave", "Weave Net"}, {"ovnkube", "OVN-Kubernetes"}, {"ovn-kubernetes", "OVN-Kubernetes"},
		{"openshift-sdn", "OpenShift SDN"}, {"kindnet", "kindnet"}, {"nsx-node-agent", "NSX"}, {"multus", "Multus"},
	}
}

func engineProducts() []product {
	return []product{
		{"kyverno", "Kyverno"}, {"gatekeeper", "Gatekeeper"}, {"kubewarden", "Kubewarden"}, {"policy-controller", "Sigstore policy-controller"},
		{"connaisseur", "Connaisseur"}, {"ratify", "Ratify"}, {"neuvector", "NeuVector"}, {"stackrox", "StackRox"}, {"capsule", "Capsule"}, {"jspolicy", "jsPolicy"},
	}
}

// Facts observes what the cluster is. What can not be observed becomes a gap
// and the word "unknown"; nothing here fails a run.
func (e *Env) Facts(ctx context.Context) v1alpha1.ClusterFacts {
	f := v1alpha1.ClusterFacts{
		Distribution: unknown, KubernetesVersion: unknown, TenantIdentity: e.TenantIdentity,
		Nodes: []v1alpha1.NodeGroup{}, CNI: []string{}, PolicyEngines: []string{}, Storage: []v1alpha1.StorageClass{}, Rights: []v1alpha1.RightState{},
	}
	gap := func(what string, err error) {
		// The API server's message names the account and the resource, nothing else of the site.
		f.Gaps = append(f.Gaps, what+": "+reasonOf(err))
	}
	if version, err := e.Runner.Discovery().ServerVersion(); err != nil {
		gap("kubernetes version", err)
	} else {
		f.KubernetesVersion = v1alpha1.Plain(version.GitVersion, 64)
		f.Distribution = distributionOfVersion(version.GitVersion)
	}
	if nodes, err := e.Runner.CoreV1().Nodes().List(ctx, metav1.ListOptions{}); err != nil {
		gap("nodes", err)
	} else {
		f.Nodes = groups(nodes.Items)
		if f.Distribution == unknown {
			f.Distribution = e.distribution(nodes.Items)
		}
	}
	if sets, err := e.Runner.AppsV1().DaemonSets("kube-system").List(ctx, metav1.ListOptions{}); err != nil {
		gap("CNI", err)
	} else {
		f.CNI = recognise(cniProducts(), daemonSetWords(sets.Items))
	}
	if hooks, err := e.Runner.AdmissionregistrationV1().ValidatingWebhookConfigurations().List(ctx, metav1.ListOptions{}); err != nil {
		gap("policy engines", err)
	} else {
		var words []string
		for _, h := range hooks.Items {
			words = append(words, h.Name)
			for _, w := range h.Webhooks {
				words = append(words, w.Name)
			}
		}
		f.PolicyEngines = recognise(engineProducts(), words)
	}
	if bindings, err := e.Runner.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().List(ctx, metav1.ListOptions{}); err != nil {
		gap("validating admission policies", err)
	} else if len(bindings.Items) > 0 {
		f.PolicyEngines = append(f.PolicyEngines, "ValidatingAdmissionPolicy")
		sort.Strings(f.PolicyEngines)
	}
	if classes, err := e.Runner.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{}); err != nil {
		gap("storage", err)
	} else {
		count := map[v1alpha1.StorageClass]int{}
		for _, c := range classes.Items {
			count[v1alpha1.StorageClass{Provisioner: v1alpha1.Plain(c.Provisioner, 128),
				Default: c.Annotations["storageclass.kubernetes.io/is-default-class"] == "true"}]++
		}
		for c, n := range count {
			c.Count = n
			f.Storage = append(f.Storage, c)
		}
		sort.Slice(f.Storage, func(i, j int) bool {
			return fmt.Sprint(f.Storage[i]) < fmt.Sprint(f.Storage[j])
		})
	}
	sort.Strings(f.Gaps)
	return f
}

func reasonOf(err error) string {
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return string(reason)
	}
	return "no answer"
}

func distributionOfVersion(gitVersion string) string {
	for _, p := range []product{{"+rke2", "rke2"}, {"+k3s", "k3s"}, {"+vmware", "tkg"}, {"-eks", "eks"}, {"-gke", "gke"}, {"+k0s", "k0s"}} {
		if strings.Contains(gitVersion, p.word) {
			return p.name
		}
	}
	return unknown
}

// distribution recognises what the version does not tell. kind is told by the
// provider ID that its kubelets report.
func (e *Env) distribution(nodes []corev1.Node) string {
	if groups, err := e.Runner.Discovery().ServerGroups(); err == nil {
		for _, g := range groups.Groups {
			if g.Name == "config.openshift.io" {
				return "openshift"
			}
		}
	}
	for _, n := range nodes {
		if strings.HasPrefix(n.Spec.ProviderID, "kind://") {
			return "kind"
		}
		if _, kubeadm := n.Annotations["kubeadm.alpha.kubernetes.io/cri-socket"]; kubeadm {
			return "kubeadm"
		}
	}
	return unknown
}

func groups(nodes []corev1.Node) []v1alpha1.NodeGroup {
	count := map[v1alpha1.NodeGroup]int{}
	for _, n := range nodes {
		g := v1alpha1.NodeGroup{
			Role: "worker", OS: v1alpha1.Plain(n.Status.NodeInfo.OSImage, 96), Kernel: v1alpha1.Plain(n.Status.NodeInfo.KernelVersion, 96),
			Architecture:     v1alpha1.Plain(n.Status.NodeInfo.OperatingSystem+"/"+n.Status.NodeInfo.Architecture, 32),
			ContainerRuntime: v1alpha1.Plain(n.Status.NodeInfo.ContainerRuntimeVersion, 64), Kubelet: v1alpha1.Plain(n.Status.NodeInfo.KubeletVersion, 64),
			Schedulable: !n.Spec.Unschedulable,
		}
		if _, ok := n.Labels["node-role.kubernetes.io/control-plane"]; ok {
			g.Role = "control-plane"
		}
		for _, t := range n.Spec.Taints {
			if t.Effect != corev1.TaintEffectPreferNoSchedule {
				g.Schedulable = false
			}
		}
		count[g]++
	}
	out := make([]v1alpha1.NodeGroup, 0, len(count))
	for g, n := range count {
		g.Count = n
		out = append(out, g)
	}
	sort.Slice(out, func(i, j int) bool { return fmt.Sprint(out[i]) < fmt.Sprint(out[j]) })
	return out
}

// daemonSetWords are the names and images in which a CNI can be recognised.
func daemonSetWords(sets []appsv1.DaemonSet) []string {
	var words []string
	for _, d := range sets {
		words = append(words, d.Name)
		for _, c := range d.Spec.Template.Spec.Containers {
			words = append(words, c.Image)
		}
	}
	return words
}

// recognise returns the products whose word is in one of the words, sorted,
// each once. The words themselves stay in the cluster.
func recognise(products []product, words []string) []string {
	found := map[string]bool{}
	for _, w := range words {
		for _, p := range products {
			if strings.Contains(w, p.word) {
				found[p.name] = true
			}
		}
	}
	out := make([]string, 0, len(found))
	for name := range found {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// Engine recognises a policy engine in the names of its objects; empty when it
// is none that is known.
func Engine(words ...string) string {
	return strings.Join(recognise(engineProducts(), words), ", ")
}

// namespaceExists is false only when the API server says so.
func namespaceExists(ctx context.Context, client kubernetes.Interface, name string) bool {
	_, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	return !apierrors.IsNotFound(err)
}
