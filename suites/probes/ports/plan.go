package ports

import (
	"net"
	"net/netip"
	"slices"
	"sort"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// machine is a node to knock at.
type machine struct {
	index        int
	name         string
	controlPlane bool
	addresses    []string
	kubeletPort  int
}

// aim is a target and where it is.
type aim struct {
	Target
	address string
}

// name by which the agents know a target.
func (p plan) name(i int) string { return "t" + strconv.Itoa(i+1) }

// plan is what is knocked at.
type plan struct {
	machines []machine
	aims     []aim
}

// machinesOf chooses at most limit nodes: control planes first, then those on
// which pods will knock, whose way to their own node is another than to others,
// and of the rest evenly.
func machinesOf(nodes []corev1.Node, knockers []cluster.Node, limit int) []machine {
	nodes = slices.Clone(nodes)
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].Name < nodes[j].Name })
	var chosen, knocking, others []corev1.Node
	for _, n := range nodes {
		switch {
		case slices.ContainsFunc(knockers, func(k cluster.Node) bool { return k.Name == n.Name }):
			knocking = append(knocking, n)
		case cluster.ControlPlane(n):
			chosen = append(chosen, n)
		default:
			others = append(others, n)
		}
	}
	chosen = append(chosen[:min(len(chosen), max(limit-len(knocking), 0))], knocking...)
	chosen = chosen[:min(len(chosen), limit)]
	room := min(limit-len(chosen), len(others))
	for i := range room {
		chosen = append(chosen, others[i*len(others)/room])
	}
	out := make([]machine, 0, len(chosen))
	for i, n := range chosen {
		m := machine{index: i + 1, name: n.Name, controlPlane: cluster.ControlPlane(n), kubeletPort: 10250}
		if p := n.Status.DaemonEndpoints.KubeletEndpoint.Port; p != 0 {
			m.kubeletPort = int(p)
		}
		for _, a := range n.Status.Addresses {
			if a.Type == corev1.NodeInternalIP && net.ParseIP(a.Address) != nil {
				m.addresses = append(m.addresses, a.Address)
			}
		}
		out = append(out, m)
	}
	return out
}

// port of a kind on a node.
func (m machine) port(k Kind) int {
	return map[Kind]int{
		SSH: 22, Kubelet: m.kubeletPort, KubeletReadOnly: 10255, EtcdClient: 2379, EtcdPeer: 2380, EtcdMetrics: 2381,
		ControllerManager: 10257, Scheduler: 10259, Runtime: 2375, RuntimeTLS: 2376,
	}[k]
}

// newPlan aims at every port of the machines, the API servers and the site's
// targets, the latter as host:port.
func newPlan(machines []machine, apiServers, management []string, site cluster.PlatformPorts) plan {
	p := plan{machines: machines}
	for _, m := range machines {
		for i, address := range m.addresses {
			for _, k := range NodeKinds() {
				port := m.port(k)
				p.aims = append(p.aims, aim{Target{Kind: k, Node: m.index, Index: i + 1, Port: port}, net.JoinHostPort(address, strconv.Itoa(port))})
			}
		}
	}
	further := func(k Kind, addresses []string) {
		for i, address := range addresses {
			host, text, err := net.SplitHostPort(address)
			port, numberErr := strconv.Atoi(text)
			if err != nil || numberErr != nil {
				continue // the count of what is there shows it
			}
			t := Target{Kind: k, Index: i + 1, Port: port, Allowed: slices.Contains(site.Allowed, port)}
			for _, m := range machines {
				if slices.Contains(m.addresses, host) {
					t.Node = m.index
				}
			}
			p.aims = append(p.aims, aim{t, address})
		}
	}
	further(APIServer, apiServers)
	further(Management, management)
	return p
}

// ask is what a kind of port is asked once it let somebody in.
func ask(k Kind) agent.Ask {
	switch k {
	case Kubelet:
		return agent.AskKubelet
	case KubeletReadOnly:
		return agent.AskKubeletPlain
	case EtcdClient, EtcdPeer:
		return agent.AskEtcd
	}
	return agent.AskNothing
}

// argument of the agent for a target.
func (p plan) argument(i int) string {
	a := p.aims[i]
	if q := ask(a.Kind); q != agent.AskNothing {
		return p.name(i) + "=" + string(q) + ":" + a.address
	}
	return p.name(i) + "=" + a.address
}

// from are the targets that the pod in a machine's network looks at: its own,
// and on the first one those that are no node's.
func (p plan) from(m machine) (own, beyond []int) {
	for i, a := range p.aims {
		switch {
		case a.Kind == APIServer || a.Kind == Management:
			if m.index == 1 {
				beyond = append(beyond, i)
			}
		case a.Node == m.index:
			own = append(own, i)
		}
	}
	return own, beyond
}

// nowhere is an address on the canary's port that no server has, because it is
// for documentation (RFC 5737, RFC 3849).
func nowhere(canary string) string {
	address, err := netip.ParseAddrPort(canary)
	if err != nil {
		return ""
	}
	host := netip.MustParseAddr("192.0.2.1")
	if address.Addr().Unmap().Is6() {
		host = netip.MustParseAddr("2001:db8::1")
	}
	return netip.AddrPortFrom(host, address.Port()).String()
}

// decoyPort of the control's server: nothing of ours listens there, nor does
// anything that meshes are known to put into pods.
const decoyPort = 18099

// roleLabel tells the policies which pods they are about.
const roleLabel = "bvc-role"

// Roles of pods.
const (
	knockerRole = "port-knocker"
	serverRole  = "port-control"
	watcherRole = "port-watcher"
)

// policies open what a tenant can open by itself: everything out. What is then
// still closed, the platform closes. The control's server takes the knocking
// pods in, and to its decoy as well: then the pod itself refuses, which says
// more than the silence of a filter, though either says that nobody took it.
func policies(namespace, runID string) []*networkingv1.NetworkPolicy {
	selector := func(role string) metav1.LabelSelector {
		return metav1.LabelSelector{MatchLabels: map[string]string{cluster.LabelRun: runID, roleLabel: role}}
	}
	onPorts := func(ports ...int) []networkingv1.NetworkPolicyPort {
		var out []networkingv1.NetworkPolicyPort
		for _, p := range ports {
			tcp, number := corev1.ProtocolTCP, intstr.FromInt(p)
			out = append(out, networkingv1.NetworkPolicyPort{Protocol: &tcp, Port: &number})
		}
		return out
	}
	knockers := selector(knockerRole)
	// Some networks count the kubelet's probes as traffic of others.
	readiness := networkingv1.NetworkPolicyIngressRule{Ports: onPorts(pods.ReadyPort)}
	return []*networkingv1.NetworkPolicy{
		{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-ports-out-", Namespace: namespace},
			Spec: networkingv1.NetworkPolicySpec{
				PodSelector: knockers,
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
				Ingress:     []networkingv1.NetworkPolicyIngressRule{readiness},
				Egress:      []networkingv1.NetworkPolicyEgressRule{{}},
			},
		},
		{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-ports-control-", Namespace: namespace},
			Spec: networkingv1.NetworkPolicySpec{
				PodSelector: selector(serverRole),
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
				Ingress: []networkingv1.NetworkPolicyIngressRule{readiness, {
					From: []networkingv1.NetworkPolicyPeer{{PodSelector: &knockers}}, Ports: onPorts(pods.EchoPort, decoyPort),
				}},
			},
		},
	}
}
