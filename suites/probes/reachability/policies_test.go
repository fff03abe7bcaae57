package reachability

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

func testPlan() plan {
	return plan{runID: "run", serverNS: "a", clientNS: "b", crossNamespace: true}
}

func podLabels(role Role) map[string]string {
	return map[string]string{cluster.LabelRun: "run", roleLabel: string(role)}
}

func TestPolicyUnderTestSelectsWhatItSays(t *testing.T) {
	p := testPlan()
	for _, c := range []struct {
		roles           []Role
		client, allowed bool
	}{{[]Role{Client, Allowed}, true, true}, {[]Role{Allowed}, false, true}} {
		policy := p.underTest(c.roles...)
		from := policy.Spec.Ingress[0].From[0]
		if got := selects(from.PodSelector, podLabels(Client)); got != c.client {
			t.Errorf("%v lets client in: %t", c.roles, got)
		}
		if got := selects(from.PodSelector, podLabels(Allowed)); got != c.allowed {
			t.Errorf("%v lets allowed in: %t", c.roles, got)
		}
		if !selects(&policy.Spec.PodSelector, podLabels(serverRole)) || selects(&policy.Spec.PodSelector, map[string]string{cluster.LabelRun: "other", roleLabel: serverRole}) {
			t.Error("the policy is not about exactly the servers of the run")
		}
	}
}

func TestNoSupportingPolicyOpensTheServersPort(t *testing.T) {
	p := testPlan()
	var all []networkingv1.NetworkPolicy
	for _, policy := range p.supporting() {
		policy.Labels = nil // as if they were the site's
		for _, rule := range policy.Spec.Ingress {
			if rule.Ports == nil || rule.Ports[0].Port.IntValue() == 18080 {
				t.Errorf("%s opens the port under test", policy.GenerateName)
			}
		}
		all = append(all, *policy)
	}
	if len(all) != 3 {
		t.Errorf("%d policies, want readiness in both namespaces and egress", len(all))
	}
}

func TestOtherOpenings(t *testing.T) {
	everything := metav1.LabelSelector{}
	peers := func(peers ...networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyIngressRule {
		return []networkingv1.NetworkPolicyIngressRule{{From: peers}}
	}
	named := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "shop"}}
	for name, c := range map[string]struct {
		labels   map[string]string
		selector metav1.LabelSelector
		ingress  []networkingv1.NetworkPolicyIngressRule
		same     bool
		want     int
	}{
		"default deny":                        {selector: everything},
		"allow all":                           {selector: everything, ingress: peers(), want: 1},
		"of other pods":                       {selector: *named, ingress: peers()},
		"ours":                                {labels: map[string]string{cluster.LabelRun: "run"}, selector: everything, ingress: peers()},
		"pods of the namespace":               {selector: everything, ingress: peers(networkingv1.NetworkPolicyPeer{PodSelector: &everything})},
		"pods of the namespace, where we are": {selector: everything, ingress: peers(networkingv1.NetworkPolicyPeer{PodSelector: &everything}), same: true, want: 1},
		"a namespace":                         {selector: everything, ingress: peers(networkingv1.NetworkPolicyPeer{NamespaceSelector: named}), want: 1},
		"other pods of a namespace":           {selector: everything, ingress: peers(networkingv1.NetworkPolicyPeer{NamespaceSelector: named, PodSelector: named})},
		"addresses":                           {selector: everything, ingress: peers(networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8"}}), want: 1},
	} {
		p := testPlan()
		p.crossNamespace = !c.same
		policy := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Labels: c.labels},
			Spec: networkingv1.NetworkPolicySpec{PodSelector: c.selector, Ingress: c.ingress}}
		if got := p.otherOpenings([]networkingv1.NetworkPolicy{policy}, podLabels(serverRole), podLabels(Client)); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
