package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

const name = "wire"

// NodeLimit bounds the load: every node sends to two others.
const NodeLimit = 4

// Sizes and times of the measurement.
const (
	streamBytes   = 8 << 20
	datagramBytes = 1 << 20
	podsLimit     = 90 * time.Second
	listenLimit   = 15 * time.Second
	// streamsLimit holds the time in which a way may open and that of a slow path.
	streamsLimit = 90 * time.Second
	// controls are how often the control canary is awaited before and after.
	controls     = 2
	controlLimit = 15 * time.Second
	// idleLimit holds IdleTime and the time until the last report of it came.
	idleLimit   = 10 * time.Second
	removeLimit = 10 * time.Second
)

// legLabel tells the senders of one leg from those of the one before.
const legLabel = "bvc-leg"

func needs() []check.Right {
	rights := []check.Right{{As: check.Runner, Verb: "list", Resource: "nodes"}}
	tenant := func(group, resource string, verbs ...string) {
		for _, v := range verbs {
			rights = append(rights, check.Right{As: check.Tenant, Verb: v, Group: group, Resource: resource, Scope: check.TenantNamespaces})
		}
	}
	tenant("", "pods", "create", "list", "deletecollection")
	tenant("", "pods/log", "get")
	tenant("", "services", "create", "list", "deletecollection")
	tenant("networking.k8s.io", "networkpolicies", "create", "list", "deletecollection")
	return append(rights, cluster.PrivilegedRights()...)
}

// Probe is the registered probe.
var Probe = check.NewProbe(check.ProbeMeta{
	Name: name, SchemaVersion: 2, Timeout: 8 * time.Minute, Weight: 2, Needs: needs(),
}, Observe)

// Observe sends streams between nodes on every leg and listens to what leaves.
func Observe(ctx context.Context, env *cluster.Env) (o Observation, err error) {
	none := func() Leg { return Leg{Senders: []Sender{}} }
	o = Observation{StreamBytes: streamBytes, DatagramBytes: datagramBytes, PodToPod: none(), PodToService: none(), HostToHost: none()}
	stopped := func(phase string, err error) (Observation, error) { return o, &check.Stopped{Phase: phase, Err: err} }
	list, err := env.Runner.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return stopped("select nodes", errors.New("the nodes could not be listed"))
	}
	selection := cluster.SelectWorkers(list.Items, NodeLimit)
	o.Nodes, o.SchedulableNodes = len(list.Items), selection.Schedulable
	if len(selection.Nodes) < 2 {
		return o, nil // between nodes there is nothing to measure
	}
	o.MeasuredNodes = len(selection.Nodes)
	var added *cluster.Node
	o.ControlPlane, added = controlPlaneOf(list.Items, selection.Nodes)
	m, err := newMeasurement(env, selection.Nodes, added)
	if err != nil {
		return stopped("make canaries", err)
	}
	defer m.remove(ctx)
	defer func() { o.ControlPlane.Trouble = m.withoutControlPlane }()
	following, stop := context.WithCancel(ctx)
	defer m.streams.Wait()
	defer stop()

	// First what the site may not permit: nothing else is made without it.
	hosts, trouble, err := m.startHostReceivers(ctx, following)
	if err != nil {
		o.Trouble = trouble
		return stopped("start receivers on nodes, in namespace "+cluster.PrivilegedNamespace, err)
	}
	receivers, trouble := m.startReceivers(ctx)
	if trouble != cluster.NoTrouble {
		// Without them node to node can still be measured.
		o.PodToPod.Trouble, o.PodToService.Trouble = trouble, trouble
	}
	if trouble, err = m.startSniffers(ctx, following, receivers, hosts); err != nil {
		o.Trouble = trouble
		return stopped("start sniffers, in namespace "+cluster.PrivilegedNamespace, err)
	}
	for _, l := range []struct {
		prefix prefix
		leg    *Leg
		to     map[int]string
		second bool
		role   string
	}{
		{podToPod, &o.PodToPod, m.podAddresses(receivers), several(receivers, func(s corev1.PodStatus) int { return len(s.PodIPs) }), senderRole},
		{podToService, &o.PodToService, m.services, m.severalClusterIPs, senderRole},
		{hostToHost, &o.HostToHost, m.hostAddresses(hosts), several(hosts, func(s corev1.PodStatus) int { return len(s.HostIPs) }), hostSenderRole},
	} {
		if l.leg.Trouble != cluster.NoTrouble {
			continue
		}
		*l.leg = m.measure(ctx, following, l.prefix, l.role, l.to)
		l.leg.Family, l.leg.OtherFamily = familyOf(l.to), l.second
		if ctx.Err() != nil {
			return stopped("leg "+string(l.prefix), ctx.Err())
		}
	}
	return o, nil
}

// measurement is the state of one Observe.
type measurement struct {
	env       *cluster.Env
	nonce     string
	namespace string
	nodes     []cluster.Node
	// controlPlane is the node that was added to the leg from host to host, nil for
	// none; withoutControlPlane is why it was left out in the end.
	controlPlane        *cluster.Node
	withoutControlPlane cluster.Trouble
	canaries            map[int]map[string]agent.Canary
	// services are the addresses of the Services, by the node of the receiver;
	// severalClusterIPs: they have one of the other family besides.
	services          map[int]string
	severalClusterIPs bool
	ledger            *ledger
	streams           sync.WaitGroup
}

func newMeasurement(env *cluster.Env, nodes []cluster.Node, controlPlane *cluster.Node) (*measurement, error) {
	nonce, err := cluster.NewRunID()
	if err != nil {
		return nil, err
	}
	m := &measurement{
		env: env, nonce: nonce, namespace: env.Namespaces[0], nodes: nodes, controlPlane: controlPlane,
		canaries: map[int]map[string]agent.Canary{}, services: map[int]string{}, ledger: newLedger(),
	}
	for _, n := range m.all() {
		if m.canaries[n.Index], err = canariesOf(n.Index, len(nodes), controlPlane != nil); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// all nodes of the leg from host to host, that of the control plane last.
func (m *measurement) all() []cluster.Node {
	if m.controlPlane == nil {
		return m.nodes
	}
	return append(slices.Clone(m.nodes), *m.controlPlane)
}

// nodesOf the leg.
func (m *measurement) nodesOf(p prefix) []cluster.Node {
	if p == hostToHost {
		return m.all()
	}
	return m.nodes
}

func (m *measurement) peers(p prefix, node int) []int {
	return p.peers(node, len(m.nodes), m.controlPlane != nil)
}

// leaveOut goes on without the node of the control plane: the legs of pods need
// none, and between the others a deviation can still be seen.
func (m *measurement) leaveOut(trouble cluster.Trouble) {
	m.controlPlane, m.withoutControlPlane = nil, cmp.Or(trouble, cluster.Infrastructure)
}

// withControlPlane does something for its node, as long as it takes part.
func (m *measurement) withControlPlane(do func(node cluster.Node) cluster.Trouble) {
	if m.controlPlane == nil {
		return
	}
	if trouble := do(*m.controlPlane); trouble != cluster.NoTrouble {
		m.leaveOut(trouble)
	}
}

func (m *measurement) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	// What fails here, the cleanup of the run does again and reports.
	_ = m.env.DeletePrivileged(ctx)
	_ = m.env.DeleteFrom(ctx, m.namespace, cluster.Pods)
	_ = m.env.DeleteFrom(ctx, m.namespace, cluster.Services)
	_ = m.env.DeleteFrom(ctx, m.namespace, cluster.NetworkPolicies)
}

// start makes one pod of a role. Those of the tenant are golden, those in the
// node's network are made where that is permitted.
func (m *measurement) start(ctx context.Context, role, leg string, node cluster.Node, args ...string) error {
	options := m.options(role, node, args)
	if leg != "" {
		options.Labels[legLabel] = leg
	}
	switch role {
	case receiverRole, senderRole:
		options.Args = append(options.Args, "--serve-ready-port", strconv.Itoa(pods.ReadyPort))
		_, err := m.env.CreatePod(ctx, pods.Golden(options))
		return err
	case snifferRole:
		pod := m.onHost(options, "NET_RAW")
		// Its rings, and a core of its own while streams run.
		pod.Spec.Containers[0].Resources.Limits[corev1.ResourceMemory] = resource.MustParse("384Mi")
		pod.Spec.Containers[0].Resources.Limits[corev1.ResourceCPU] = resource.MustParse("1")
		_, err := m.env.CreatePrivileged(ctx, pod)
		return err
	default:
		_, err := m.env.CreatePrivileged(ctx, m.onHost(options))
		return err
	}
}

// onHost makes a pod in its node's network. The control plane keeps others away.
func (m *measurement) onHost(options pods.Options, capabilities ...corev1.Capability) *corev1.Pod {
	pod := pods.OnHost(options, capabilities...)
	if m.controlPlane != nil && options.Node == m.controlPlane.Name {
		pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	}
	return pod
}

func (m *measurement) options(role string, node cluster.Node, args []string) pods.Options {
	return pods.Options{
		GenerateName: "bvc-" + role + "-", Namespace: m.namespace, Image: m.env.Image, Labels: labelsOf(role, node.Index),
		Args: append([]string{args[0], "--nonce", m.nonce}, args[1:]...), Node: node.Name, ServiceAccount: m.env.PodAccount(m.namespace),
	}
}

// startReceivers makes policies, receivers and Services of the tenant.
func (m *measurement) startReceivers(ctx context.Context) (map[int]*corev1.Pod, cluster.Trouble) {
	for _, p := range policies(m.namespace, m.env.RunID) {
		if _, err := m.env.CreateNetworkPolicy(ctx, p); err != nil {
			return nil, cluster.CreateTrouble(err)
		}
	}
	for _, node := range m.nodes {
		if err := m.start(ctx, receiverRole, "", node, "receive", "--port", strconv.Itoa(pods.EchoPort)); err != nil {
			return nil, cluster.CreateTrouble(err)
		}
		s, err := m.env.CreateService(ctx, service(m.namespace, m.env.RunID, node.Index))
		if err != nil {
			return nil, cluster.CreateTrouble(err)
		}
		m.services[node.Index] = net.JoinHostPort(s.Spec.ClusterIP, strconv.Itoa(pods.EchoPort))
		m.severalClusterIPs = m.severalClusterIPs || len(s.Spec.ClusterIPs) > 1
	}
	receivers, trouble, err := m.ready(ctx, m.namespace, receiverRole, m.nodes)
	if err != nil {
		return nil, trouble
	}
	return receivers, cluster.NoTrouble
}

// startHostReceivers makes receivers in the nodes' network, each on a port that
// is free there.
func (m *measurement) startHostReceivers(ctx, following context.Context) (map[int]*corev1.Pod, cluster.Trouble, error) {
	for _, node := range m.nodes {
		if err := m.start(ctx, hostReceiverRole, "", node, "receive"); err != nil {
			trouble := cluster.CreateTrouble(err)
			return nil, trouble, fmt.Errorf("a pod was not accepted for worker %d: %w", node.Index, trouble)
		}
	}
	m.withControlPlane(func(node cluster.Node) cluster.Trouble {
		return cluster.CreateTrouble(m.start(ctx, hostReceiverRole, "", node, "receive"))
	})
	hosts, trouble, err := m.ready(ctx, cluster.PrivilegedNamespace, hostReceiverRole, m.nodes)
	if err != nil {
		return nil, trouble, err
	}
	m.withControlPlane(func(node cluster.Node) cluster.Trouble {
		found, trouble, _ := m.ready(ctx, cluster.PrivilegedNamespace, hostReceiverRole, []cluster.Node{node})
		maps.Copy(hosts, found)
		return trouble
	})
	for index, pod := range hosts {
		m.followHost(following, pod, func(l agent.Line) { m.ledger.fromReceiver(index, l) })
	}
	silent := func(nodes ...cluster.Node) func() int {
		return func() int {
			return len(slices.DeleteFunc(slices.Clone(nodes), func(n cluster.Node) bool { return m.ledger.port(n.Index) != 0 }))
		}
	}
	if m.await(ctx, listenLimit, "receivers on all nodes to listen", silent(m.nodes...)) != nil {
		return nil, cluster.Infrastructure, errors.New("not every receiver said that it listens")
	}
	m.withControlPlane(func(node cluster.Node) cluster.Trouble {
		if m.await(ctx, listenLimit, "the receiver on the control plane to listen", silent(node)) != nil {
			return cluster.Infrastructure
		}
		return cluster.NoTrouble
	})
	return hosts, cluster.NoTrouble, nil
}

// startSniffers starts one on each node and waits until each has seen its
// control canary in clear; where that never comes, the observation says so.
func (m *measurement) startSniffers(ctx, following context.Context, receivers, hosts map[int]*corev1.Pod) (cluster.Trouble, error) {
	for _, node := range m.nodes {
		if err := m.start(ctx, snifferRole, "", node, m.sniff(node, receivers, hosts)...); err != nil {
			trouble := cluster.CreateTrouble(err)
			return trouble, fmt.Errorf("a pod was not accepted for worker %d: %w", node.Index, trouble)
		}
	}
	m.withControlPlane(func(node cluster.Node) cluster.Trouble {
		return cluster.CreateTrouble(m.start(ctx, snifferRole, "", node, m.sniff(node, receivers, hosts)...))
	})
	sniffers, trouble, err := m.ready(ctx, cluster.PrivilegedNamespace, snifferRole, m.nodes)
	if err != nil {
		return trouble, err
	}
	m.withControlPlane(func(node cluster.Node) cluster.Trouble {
		found, trouble, _ := m.ready(ctx, cluster.PrivilegedNamespace, snifferRole, []cluster.Node{node})
		maps.Copy(sniffers, found)
		return trouble
	})
	for index, pod := range sniffers {
		m.followHost(following, pod, func(l agent.Line) { m.ledger.fromSniffer(index, l) })
	}
	_ = m.await(ctx, controlLimit, "the control canary on every node", func() int { return m.ledger.behind(len(m.all()), nil, controls) })
	return cluster.NoTrouble, ctx.Err()
}

// sniff gives the options of the sniffer on the node.
func (m *measurement) sniff(node cluster.Node, receivers, hosts map[int]*corev1.Pod) []string {
	args := []string{"sniff"}
	for _, peer := range m.peers(hostToHost, node.Index) { // those of pods are among them
		add := func(ip string) { args = append(args, "--peer", strconv.Itoa(peer)+"="+ip) }
		for _, ip := range hosts[peer].Status.HostIPs {
			add(ip.IP)
		}
		if pod := receivers[peer]; pod != nil {
			for _, ip := range pod.Status.PodIPs {
				add(ip.IP)
			}
		}
	}
	for name, c := range m.canaries[node.Index] {
		args = append(args, "--canary", name+"="+c.String())
	}
	return args
}

func (m *measurement) podAddresses(receivers map[int]*corev1.Pod) map[int]string {
	out := map[int]string{}
	for index, pod := range receivers {
		out[index] = net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(pods.EchoPort))
	}
	return out
}

func (m *measurement) hostAddresses(hosts map[int]*corev1.Pod) map[int]string {
	out := map[int]string{}
	for _, node := range m.all() {
		out[node.Index] = net.JoinHostPort(hosts[node.Index].Status.HostIP, strconv.Itoa(m.ledger.port(node.Index)))
	}
	return out
}

// several reports whether any of the pods has addresses of both families.
func several(pods map[int]*corev1.Pod, addresses func(corev1.PodStatus) int) bool {
	for _, p := range pods {
		if addresses(p.Status) > 1 {
			return true
		}
	}
	return false
}

// measure sends the streams of one leg.
func (m *measurement) measure(ctx, following context.Context, p prefix, role string, to map[int]string) Leg {
	leg := Leg{Senders: []Sender{}}
	idle := m.ledger.snapshot()
	nodes := len(m.nodesOf(p))
	// A sniffer that says nothing shows in the observation.
	_ = m.await(ctx, idleLimit, "what others send", func() int { return m.ledger.quiet(nodes, idle, IdleTime) })
	before := m.ledger.snapshot()
	// The control plane first: once it is left out, nobody is asked to send to it.
	if p == hostToHost {
		m.withControlPlane(func(node cluster.Node) cluster.Trouble {
			return cluster.CreateTrouble(m.start(ctx, role, string(p), node, m.send(p, node, to)...))
		})
	}
	for _, node := range m.nodes {
		if err := m.start(ctx, role, string(p), node, m.send(p, node, to)...); err != nil {
			leg.Trouble = cluster.CreateTrouble(err)
			return leg
		}
	}
	namespace, follow := m.namespace, m.followTenant
	if role == hostSenderRole {
		namespace, follow = cluster.PrivilegedNamespace, m.followHost
	}
	label := legLabel + "=" + string(p)
	senders, trouble, err := m.ready(ctx, namespace, role, m.nodes, label)
	if err != nil {
		leg.Trouble = trouble
		return leg
	}
	if p == hostToHost {
		m.withControlPlane(func(node cluster.Node) cluster.Trouble {
			found, trouble, _ := m.ready(ctx, namespace, role, []cluster.Node{node}, label)
			maps.Copy(senders, found)
			return trouble
		})
	}
	for _, pod := range senders {
		follow(following, pod, m.ledger.fromSender)
	}
	var all []string
	for _, node := range m.nodesOf(p) {
		for _, peer := range m.peers(p, node.Index) {
			for _, protocol := range Protocols() {
				all = append(all, p.name(node.Index, peer, protocol))
			}
		}
	}
	nodes = len(m.nodesOf(p))
	// Streams that do not end are in the observation as such.
	_ = m.await(ctx, streamsLimit, "all streams to end", func() int { return m.ledger.unsent(all) })
	ended := m.ledger.snapshot()
	// What the streams sent was looked at once later control canaries were seen.
	_ = m.await(ctx, controlLimit, "the control canary on every node, again", func() int { return m.ledger.behind(nodes, ended, controls) })
	for _, node := range m.nodesOf(p) {
		leg.Senders = append(leg.Senders, m.sender(node.Index, p, moments{idle, before, ended, m.ledger.snapshot()}))
	}
	return leg
}

// send gives the options of the leg's sender on the node.
func (m *measurement) send(p prefix, node cluster.Node, to map[int]string) []string {
	args := []string{"send"}
	for _, peer := range m.peers(p, node.Index) {
		for _, protocol := range Protocols() {
			name, size := p.name(node.Index, peer, protocol), int64(streamBytes)
			if protocol == UDP {
				size = datagramBytes
			}
			args = append(args, "--stream", agent.Outbound{
				Name: name, Protocol: string(protocol), Address: to[peer], Bytes: size, Canary: m.canaries[node.Index][name],
			}.String())
		}
	}
	return args
}

func (m *measurement) sender(node int, p prefix, at moments) Sender {
	s := Sender{Node: node, Streams: []Stream{}, Devices: devicesOf(node, p, m.peers(p, node), at)}
	for _, d := range at.after[node] {
		s.ListenedDevices = max(s.ListenedDevices, d.Devices)
	}
	for _, peer := range m.peers(p, node) {
		for _, protocol := range Protocols() {
			stream := Stream{To: peer, Protocol: protocol, Failure: agent.TimedOut}
			if line, there := m.ledger.stream(p.name(node, peer, protocol)); there {
				stream.SentBytes, stream.ReceivedBytes, stream.Confirmed = line.Stream.SentBytes, line.Stream.ReceivedBytes, line.Stream.Confirmed
				stream.Failure = ""
				if line.Result != agent.Echo {
					stream.Failure = line.Result
				}
			}
			s.Streams = append(s.Streams, stream)
		}
	}
	return s
}

// ready waits for the pods of a role on these nodes, and returns them by index
// of their node.
func (m *measurement) ready(ctx context.Context, namespace, role string, nodes []cluster.Node, more ...string) (map[int]*corev1.Pod, cluster.Trouble, error) {
	client := m.env.Tenant
	if namespace == cluster.PrivilegedNamespace {
		client = m.env.Runner
	}
	found, lacking := m.env.ReadyPods(ctx, client, namespace, nodes, podsLimit, append(more, roleLabel+"="+role)...)
	if trouble := lacking.Trouble(); trouble != cluster.NoTrouble {
		return nil, trouble, fmt.Errorf("pods of role %s were not all ready after %s: %w", role, podsLimit, trouble)
	}
	return found, cluster.NoTrouble, nil
}

// A log that ends early shows as streams that do not end, or as devices of which
// nothing more is heard: both are in the observation.
func (m *measurement) followTenant(ctx context.Context, pod *corev1.Pod, each func(agent.Line)) {
	m.streams.Go(func() { _ = m.env.FollowAgent(ctx, pod.Namespace, pod.Name, m.nonce, each) })
}

func (m *measurement) followHost(ctx context.Context, pod *corev1.Pod, each func(agent.Line)) {
	m.streams.Go(func() { _ = m.env.FollowPrivileged(ctx, pod.Name, m.nonce, each) })
}

// await waits until count gives zero.
func (m *measurement) await(ctx context.Context, limit time.Duration, what string, count func() int) error {
	_, err := wait.For(ctx, limit, what, func(context.Context) (int, error) { return count(), nil },
		func(n int) (bool, string) { return n == 0, fmt.Sprintf("%d to go", n) })
	return err
}
