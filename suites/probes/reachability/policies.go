package reachability

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// roleLabel tells the policies which pods they are about.
const roleLabel = "bvc-role"

const serverRole = "server"

// plan is who runs where.
type plan struct {
	runID          string
	serverNS       string
	clientNS       string
	nodes          []cluster.Node
	crossNamespace bool
}

func (p plan) selector(roles ...string) metav1.LabelSelector {
	return metav1.LabelSelector{
		MatchLabels:      map[string]string{cluster.LabelRun: p.runID},
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: roleLabel, Operator: metav1.LabelSelectorOpIn, Values: roles}},
	}
}

func peer(namespace string, pods metav1.LabelSelector) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
		PodSelector:       &pods,
	}
}

func onPort(port int) []networkingv1.NetworkPolicyPort {
	tcp, number := corev1.ProtocolTCP, intstr.FromInt(port)
	return []networkingv1.NetworkPolicyPort{{Protocol: &tcp, Port: &number}}
}

// supporting are policies that stay as they are: at a site with a default deny
// they make sure that only the policy under test decides.
func (p plan) supporting() []*networkingv1.NetworkPolicy {
	clients := []string{string(Client), string(Allowed)}
	policies := []*networkingv1.NetworkPolicy{
		p.readiness(p.serverNS, serverRole),
		p.readiness(p.clientNS, clients...),
		{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-egress-", Namespace: p.clientNS},
			Spec: networkingv1.NetworkPolicySpec{
				PodSelector: p.selector(clients...),
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
				Egress: []networkingv1.NetworkPolicyEgressRule{{
					To: []networkingv1.NetworkPolicyPeer{peer(p.serverNS, p.selector(serverRole))}, Ports: onPort(pods.EchoPort),
				}},
			},
		},
	}
	return policies
}

// readiness lets everybody ask the readiness port: some networks count the
// kubelet's probes as traffic of others.
func (p plan) readiness(namespace string, roles ...string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-ready-", Namespace: namespace},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: p.selector(roles...),
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress:     []networkingv1.NetworkPolicyIngressRule{{Ports: onPort(pods.ReadyPort)}},
		},
	}
}

// underTest is the policy that changes: it lets the roles reach the servers.
func (p plan) underTest(roles ...Role) *networkingv1.NetworkPolicy {
	names := make([]string, 0, len(roles))
	for _, r := range roles {
		names = append(names, string(r))
	}
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-ingress-", Namespace: p.serverNS},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: p.selector(serverRole),
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{
				From: []networkingv1.NetworkPolicyPeer{peer(p.clientNS, p.selector(names...))}, Ports: onPort(pods.EchoPort),
			}},
		},
	}
}

// otherOpenings counts the policies of the servers' namespace that are not of
// this run and may let clients in. What can not be told from here, such as the
// labels of namespaces or the addresses of pods, counts as letting in.
func (p plan) otherOpenings(policies []networkingv1.NetworkPolicy, server, client map[string]string) int {
	count := 0
	for _, policy := range policies {
		if policy.Labels[cluster.LabelRun] == p.runID || !selects(&policy.Spec.PodSelector, server) {
			continue
		}
		for _, rule := range policy.Spec.Ingress {
			if p.mayLetIn(rule, client) {
				count++
				break
			}
		}
	}
	return count
}

func (p plan) mayLetIn(rule networkingv1.NetworkPolicyIngressRule, client map[string]string) bool {
	if len(rule.From) == 0 {
		return true
	}
	for _, from := range rule.From {
		if from.IPBlock != nil {
			return true
		}
		if from.NamespaceSelector == nil && p.crossNamespace {
			continue // only pods of the servers' namespace
		}
		if from.PodSelector == nil || selects(from.PodSelector, client) {
			return true
		}
	}
	return false
}

func selects(selector *metav1.LabelSelector, set map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err != nil || s.Matches(labels.Set(set))
}
