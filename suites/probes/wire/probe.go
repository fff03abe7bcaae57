package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
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
	removeLimit  = 10 * time.Second
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
	Name: name, SchemaVersion: 1, Timeout: 8 * time.Minute, Weight: 2, Needs: needs(),
}, Observe)

// Observe sends streams between nodes on every leg and listens to what leaves.
func Observe(ctx context.Context, env *cluster.Env) (Observation, error) {
	none := func() Leg { return Leg{Senders: []Sender{}} }
	o := Observation{StreamBytes: streamBytes, DatagramBytes: datagramBytes, PodToPod: none(), PodToService: none(), HostToHost: none()}
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
	m, err := newMeasurement(env, selection.Nodes)
	if err != nil {
		return stopped("make canaries", err)
	}
	defer m.remove(ctx)
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
		role   string
	}{
		{podToPod, &o.PodToPod, m.podAddresses(receivers), senderRole},
		{podToService, &o.PodToService, m.services, senderRole},
		{hostToHost, &o.HostToHost, m.hostAddresses(hosts), hostSenderRole},
	} {
		if l.leg.Trouble != cluster.NoTrouble {
			continue
		}
		*l.leg = m.measure(ctx, following, l.prefix, l.role, l.to)
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
	canaries  map[int]map[string]agent.Canary
	// services are the addresses of the Services, by the node of the receiver.
	services map[int]string
	ledger   *ledger
	streams  sync.WaitGroup
}

func newMeasurement(env *cluster.Env, nodes []cluster.Node) (*measurement, error) {
	nonce, err := cluster.NewRunID()
	if err != nil {
		return nil, err
	}
	m := &measurement{
		env: env, nonce: nonce, namespace: env.Namespaces[0], nodes: nodes,
		canaries: map[int]map[string]agent.Canary{}, services: map[int]string{}, ledger: newLedger(),
	}
	for _, n := range nodes {
		fresh, err := agent.NewCanaries(1 + len(legs())*len(Peers(n.Index, len(nodes)))*len(Protocols()))
		if err != nil {
			return nil, err
		}
		m.canaries[n.Index] = canariesOf(n.Index, len(nodes), func() agent.Canary {
			one := fresh[0]
			fresh = fresh[1:]
			return one
		})
	}
	return m, nil
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
		pod := pods.OnHost(options, "NET_RAW")
		// Its rings, and a core of its own while streams run.
		pod.Spec.Containers[0].Resources.Limits[corev1.ResourceMemory] = resource.MustParse("384Mi")
		pod.Spec.Containers[0].Resources.Limits[corev1.ResourceCPU] = resource.MustParse("1")
		_, err := m.env.CreatePrivileged(ctx, pod)
		return err
	default:
		_, err := m.env.CreatePrivileged(ctx, pods.OnHost(options))
		return err
	}
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
	}
	receivers, trouble, err := m.ready(ctx, m.namespace, receiverRole)
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
	hosts, trouble, err := m.ready(ctx, cluster.PrivilegedNamespace, hostReceiverRole)
	if err != nil {
		return nil, trouble, err
	}
	for index, pod := range hosts {
		m.followHost(following, pod, func(l agent.Line) { m.ledger.fromReceiver(index, l) })
	}
	err = m.await(ctx, listenLimit, "receivers on all nodes to listen", func() int {
		silent := 0
		for _, node := range m.nodes {
			if m.ledger.port(node.Index) == 0 {
				silent++
			}
		}
		return silent
	})
	if err != nil {
		return nil, cluster.Infrastructure, errors.New("not every receiver said that it listens")
	}
	return hosts, cluster.NoTrouble, nil
}

// startSniffers starts one on each node and waits until each has seen its
// control canary in clear; where that never comes, the observation says so.
func (m *measurement) startSniffers(ctx, following context.Context, receivers, hosts map[int]*corev1.Pod) (cluster.Trouble, error) {
	for _, node := range m.nodes {
		args := []string{"sniff"}
		for _, peer := range Peers(node.Index, len(m.nodes)) {
			for _, ip := range hosts[peer].Status.HostIPs {
				args = append(args, "--peer", ip.IP)
			}
			if pod := receivers[peer]; pod != nil {
				for _, ip := range pod.Status.PodIPs {
					args = append(args, "--peer", ip.IP)
				}
			}
		}
		for name, c := range m.canaries[node.Index] {
			args = append(args, "--canary", name+"="+c.String())
		}
		if err := m.start(ctx, snifferRole, "", node, args...); err != nil {
			trouble := cluster.CreateTrouble(err)
			return trouble, fmt.Errorf("a pod was not accepted for worker %d: %w", node.Index, trouble)
		}
	}
	sniffers, trouble, err := m.ready(ctx, cluster.PrivilegedNamespace, snifferRole)
	if err != nil {
		return trouble, err
	}
	for index, pod := range sniffers {
		m.followHost(following, pod, func(l agent.Line) { m.ledger.fromSniffer(index, l) })
	}
	_ = m.await(ctx, controlLimit, "the control canary on every node", func() int { return m.ledger.behind(len(m.nodes), nil, controls) })
	return cluster.NoTrouble, ctx.Err()
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
	for index, pod := range hosts {
		out[index] = net.JoinHostPort(pod.Status.HostIP, strconv.Itoa(m.ledger.port(index)))
	}
	return out
}

// measure sends the streams of one leg.
func (m *measurement) measure(ctx, following context.Context, p prefix, role string, to map[int]string) Leg {
	leg := Leg{Senders: []Sender{}}
	before := m.ledger.snapshot()
	var all []string
	for _, node := range m.nodes {
		args := []string{"send"}
		for _, peer := range Peers(node.Index, len(m.nodes)) {
			for _, protocol := range Protocols() {
				name, size := p.name(node.Index, peer, protocol), int64(streamBytes)
				if protocol == UDP {
					size = datagramBytes
				}
				all = append(all, name)
				args = append(args, "--stream", agent.Outbound{
					Name: name, Protocol: string(protocol), Address: to[peer], Bytes: size, Canary: m.canaries[node.Index][name],
				}.String())
			}
		}
		if err := m.start(ctx, role, string(p), node, args...); err != nil {
			leg.Trouble = cluster.CreateTrouble(err)
			return leg
		}
	}
	namespace, follow := m.namespace, m.followTenant
	if role == hostSenderRole {
		namespace, follow = cluster.PrivilegedNamespace, m.followHost
	}
	senders, trouble, err := m.ready(ctx, namespace, role, legLabel+"="+string(p))
	if err != nil {
		leg.Trouble = trouble
		return leg
	}
	for _, pod := range senders {
		follow(following, pod, m.ledger.fromSender)
	}
	// Streams that do not end are in the observation as such.
	_ = m.await(ctx, streamsLimit, "all streams to end", func() int { return m.ledger.unsent(all) })
	ended := m.ledger.snapshot()
	// What the streams sent was looked at once later control canaries were seen.
	_ = m.await(ctx, controlLimit, "the control canary on every node, again", func() int { return m.ledger.behind(len(m.nodes), ended, controls) })
	after := m.ledger.snapshot()
	for _, node := range m.nodes {
		leg.Senders = append(leg.Senders, m.sender(node.Index, p, before, ended, after))
	}
	return leg
}

func (m *measurement) sender(node int, p prefix, before, ended, after snapshot) Sender {
	s := Sender{Node: node, Streams: []Stream{}, Devices: devicesOf(node, p, before, ended, after)}
	for _, d := range after[node] {
		s.ListenedDevices = max(s.ListenedDevices, d.Devices)
	}
	for _, peer := range Peers(node, len(m.nodes)) {
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

// ready waits for the pods of a role, and returns them by index of their node.
func (m *measurement) ready(ctx context.Context, namespace, role string, more ...string) (map[int]*corev1.Pod, cluster.Trouble, error) {
	client := m.env.Tenant
	if namespace == cluster.PrivilegedNamespace {
		client = m.env.Runner
	}
	trouble := cluster.Infrastructure
	selected := metav1.ListOptions{LabelSelector: strings.Join(append(more, cluster.LabelRun+"="+m.env.RunID, roleLabel+"="+role), ",")}
	list, err := wait.For(ctx, podsLimit, "pods of role "+role+" to be ready",
		func(ctx context.Context) (*corev1.PodList, error) {
			return client.CoreV1().Pods(namespace).List(ctx, selected)
		},
		func(l *corev1.PodList) (bool, string) {
			ready := 0
			for i := range l.Items {
				if t := cluster.PodTrouble(&l.Items[i]); t != cluster.NoTrouble {
					trouble = t
					continue
				}
				ready++
			}
			return ready == len(m.nodes), fmt.Sprintf("%d of %d ready", ready, len(m.nodes))
		})
	if err != nil {
		return nil, trouble, fmt.Errorf("pods of role %s were not all ready after %s: %w", role, podsLimit, trouble)
	}
	byNode := map[int]*corev1.Pod{}
	for i := range list.Items {
		index, err := strconv.Atoi(list.Items[i].Labels[nodeLabel])
		if err != nil || index < 1 || index > len(m.nodes) || list.Items[i].Spec.NodeName != m.nodes[index-1].Name {
			return nil, cluster.Infrastructure, errors.New("a pod runs on another node than it was made for")
		}
		byNode[index] = &list.Items[i]
	}
	return byNode, cluster.NoTrouble, nil
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
