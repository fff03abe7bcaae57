package reachability

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

// Segmentation is what the segmentation probe saw.
type Segmentation struct {
	// SchedulableNodes are all nodes on which a probe pod could run,
	// MeasuredNodes those on which pods of the probe ran: two, where there are.
	SchedulableNodes int `json:"schedulableNodes"`
	MeasuredNodes    int `json:"measuredNodes"`
	// CrossNamespace says that there were clients in another namespace.
	CrossNamespace bool `json:"crossNamespace"`
	// OtherOpenings counts NetworkPolicies that are not ours, select the
	// servers and may let clients in; -1 when that could not be looked up.
	OtherOpenings int `json:"otherOpenings"`
	// OtherEgressOpenings counts those that select the clients of the other
	// namespace and may let them leave; -1 as above.
	OtherEgressOpenings int `json:"otherEgressOpenings"`
	// NodePorts says what became of the wish for Services with node ports.
	NodePorts PortsOnNodes `json:"nodePorts"`
	// HostPorts says what became of the wish for servers with a host port.
	HostPorts PortsOnNodes `json:"hostPorts"`
	// Stages in the order of StageNames; those of one round were run at the same
	// time.
	Stages []Stage `json:"stages"`
	// Trouble is why pods did not run, empty when all did.
	Trouble cluster.Trouble `json:"trouble"`
}

// PortsOnNodes says whether a tenant gets them.
type PortsOnNodes string

// Answers.
const (
	PortsNotAsked PortsOnNodes = ""
	PortsMade     PortsOnNodes = "made"
	PortsRefused  PortsOnNodes = "refused"
)

// Stage is what was measured while one set of policies was in force.
type Stage struct {
	Name StageName `json:"name"`
	// Accepted says that the API server took the policies, and the labels.
	Accepted bool `json:"accepted"`
	// Settled says that every way did what is expected for some attempts in a
	// row; SettleSeconds is how long that took or was awaited.
	Settled       bool    `json:"settled"`
	SettleSeconds float64 `json:"settleSeconds"`
	// WindowSeconds is how long the window lasted that the cells count.
	WindowSeconds float64 `json:"windowSeconds"`
	Cells         []Cell  `json:"cells"`
}

// Cell is what one client saw of one server by one way in the window of a
// stage. Server and Client are nodes by index.
type Cell struct {
	// Group of the server; empty in the probe of fresh namespaces, which has one.
	Group  Group `json:"group,omitempty"`
	Who    Who   `json:"who"`
	Way    Way   `json:"way"`
	Server int   `json:"server"`
	Client int   `json:"client"`
	// Attempts that the client finished, Missing those that its log does not
	// tell of although it tells of later ones.
	Attempts int `json:"attempts"`
	Missing  int `json:"missing"`
	// Echoed attempts got their greeting back; LastEchoed of them were the last
	// in a row.
	Echoed     int `json:"echoed"`
	LastEchoed int `json:"lastEchoed"`
	// Seen are attempts whose greeting the server read, answered or not.
	Seen int `json:"seen"`
	// Other are attempts that the client itself could not make.
	Other int `json:"other"`
	// LogComplete says that the server's log was read beyond the window.
	LogComplete bool `json:"logComplete"`
}

// Times of the segmentation probe, beside those of the other.
const (
	// impatientLimit takes the place of settleLimit, for ways that are to be open,
	// once some of a stage did not: no wait would ever end otherwise. For what is to
	// be shut there is no such limit: looked at too early it counts as a leak.
	impatientLimit = 10 * time.Second
	// steadyLimit is how much longer a window may be for the sake of ways that are
	// to be open and were, until each has echoed for a while.
	steadyLimit  = 10 * time.Second
	segmentNodes = 2
)

func segmentationNeeds() []check.Right {
	rights := needs()
	rights = append(rights, tenantRights("", "pods", "patch")...)
	return append(rights, tenantRights("", "services", "create", "list", "deletecollection")...)
}

// SegmentationProbe measures on two nodes which dimensions of NetworkPolicies
// the network knows, and what holds without any: each way of each client to
// each server, while policies change.
var SegmentationProbe = check.NewProbe(check.ProbeMeta{
	Name: "segmentation", SchemaVersion: 2, Timeout: 8 * time.Minute, Weight: 2, Needs: segmentationNeeds(),
}, ObserveSegmentation)

// ObserveSegmentation runs servers and clients on two nodes through the stages.
func ObserveSegmentation(ctx context.Context, env *cluster.Env) (Segmentation, error) {
	o := Segmentation{OtherOpenings: -1, OtherEgressOpenings: -1, Stages: []Stage{}}
	stopped := func(phase string, err error) (Segmentation, error) {
		return o, &check.Stopped{Phase: phase, Err: err}
	}
	selection, err := env.Workers(ctx)
	if err != nil {
		return stopped("select nodes", errors.New("the nodes could not be listed"))
	}
	o.SchedulableNodes = selection.Schedulable
	nodes := selection.Nodes
	if len(nodes) == 0 {
		o.Trouble = cluster.Unschedulable
		return stopped("select nodes", errors.New("there is no schedulable linux/amd64 node"))
	}
	if len(nodes) > segmentNodes {
		nodes = nodes[:segmentNodes]
	}
	o.MeasuredNodes = len(nodes)
	nonce, err := cluster.NewRunID()
	if err != nil {
		return stopped("select nodes", err)
	}
	s := segments{runID: env.RunID, serverNS: env.Namespaces[0], clientNS: env.Namespaces[0]}
	if len(env.Namespaces) > 1 {
		s.clientNS = env.Namespaces[1]
	}
	o.CrossNamespace = s.crossNamespace()
	m := &segmentation{
		measurement: measurement{env: env, nonce: nonce, ledger: newLedger(), plan: plan{runID: env.RunID, nodes: nodes}},
		segments:    s, standing: allOpen(Groups(s.crossNamespace())...), policies: map[string]*networkingv1.NetworkPolicy{},
		names: map[Who][]string{}, cells: map[route]cell{}, open: map[Way]bool{}, restless: map[Group]bool{},
	}
	defer m.remove(ctx)

	// Policies first: at a site with a default deny a pod without them is cut off.
	if err := m.apply(ctx, s.policies(m.standing)); err != nil {
		return stopped("create policies", fmt.Errorf("a NetworkPolicy was not accepted: %w", cluster.CreateTrouble(err)))
	}
	following, stop := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer stop()
	if phase, trouble, err := m.start(ctx, following, &streams, &o); err != nil {
		o.Trouble = trouble
		return stopped(phase, err)
	}
	o.OtherOpenings, o.OtherEgressOpenings = m.openings(ctx), m.egressOpenings(ctx)
	var windows []window
	defer func() { m.enter(&o, windows) }()
	for _, stages := range rounds() {
		measured, err := m.round(ctx, stages, &o)
		windows = append(windows, measured...)
		if err != nil {
			return stopped(string(stages[0]), err)
		}
	}
	m.awaitServers(ctx, windows[len(windows)-1])
	return o, nil
}

// segmentation is the state of one ObserveSegmentation.
type segmentation struct {
	measurement
	segments segments
	standing standing
	// policies that are there, by their name in the plan.
	policies map[string]*networkingv1.NetworkPolicy
	// names of the pods of each client.
	names map[Who][]string
	cells map[route]cell
	// open are the ways that stayed open for all in StageDenied for the whole of
	// settleLimit. Stages after it that shut the servers' end of the way do not wait
	// for them.
	open map[Way]bool
	// noIngress and noEgress say that so did every way, at this end.
	noIngress, noEgress bool
	// restless are the groups of which a stage did not open every way that it
	// should; the empty one stands for the stages in which all is open.
	restless map[Group]bool
}

// cell is which expectation a route is about.
type cell struct {
	group          Group
	who            Who
	way            Way
	server, client int
}

// window is the attempts of a stage, by its index, that count.
type window struct {
	stage     int
	from, end marks
}

// server is one of a group, on the node of that index.
type server struct {
	group Group
	node  int
}

func (m *segmentation) remove(ctx context.Context) {
	m.measurement.remove(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupLimit)
	defer cancel()
	_ = m.env.DeleteAll(ctx, cluster.Services) // as there
}

func (m *segmentation) labels(value string) map[string]string {
	return map[string]string{segmentLabel: value}
}

// start makes Services and servers, then the clients that dial them, and
// follows the logs of all until following ends.
func (m *segmentation) start(ctx, following context.Context, streams *sync.WaitGroup, o *Segmentation) (phase string, trouble cluster.Trouble, err error) {
	services := map[int]*corev1.Service{}
	for _, node := range m.plan.nodes {
		service, err := m.service(ctx, node, o)
		if err != nil {
			trouble := cluster.CreateTrouble(err)
			return "create services", trouble, fmt.Errorf("a Service was not accepted: %w", trouble)
		}
		services[node.Index] = service
	}
	hostPort, err := hostPortOf(m.nonce)
	if err != nil {
		return "create servers", cluster.Infrastructure, err
	}
	var others []func() (cluster.Trouble, error)
	for _, group := range Groups(m.segments.crossNamespace()) {
		for _, node := range m.plan.nodes {
			if group != GroupEvery {
				others = append(others, func() (cluster.Trouble, error) {
					return m.create(ctx, m.segments.serverNS, serverRole, m.labels(group.label()), node, m.serving()...)
				})
			} else if trouble, err := m.server(ctx, node, hostPort, o); err != nil {
				return "create servers", trouble, err
			}
		}
	}
	if trouble, err := sideBySide(others); err != nil {
		return "create servers", trouble, err
	}
	servers := map[server]*corev1.Pod{}
	for _, group := range Groups(m.segments.crossNamespace()) {
		ready, trouble, err := m.ready(ctx, m.segments.serverNS, m.labels(group.label()))
		if err != nil {
			return "wait for servers", trouble, err
		}
		for node, pod := range ready {
			servers[server{group, node}] = pod
			m.follow(following, streams, pod, m.ledger.fromServer)
		}
	}
	if o.NodePorts == PortsMade {
		for _, service := range services {
			m.segments.nodePorts = append(m.segments.nodePorts, service.Spec.Ports[0].NodePort)
		}
	}
	if o.HostPorts == PortsMade {
		m.segments.nodePorts = append(m.segments.nodePorts, hostPort)
	}
	slices.Sort(m.segments.nodePorts)
	who := []Who{Keeper, GoodLocal, OtherLocal}
	if m.segments.crossNamespace() {
		who = append(who, Good, Other)
	}
	var clients []func() (cluster.Trouble, error)
	for _, w := range who {
		for _, node := range m.plan.nodes {
			args := []string{"dial", "--nonce", m.nonce, "--client", named(string(w), node), "--interval", interval.String(),
				"--timeout", timeout.String(), "--ready-port", strconv.Itoa(pods.ReadyPort)}
			args = append(args, m.targets(w, node, servers, services, hostPort, o)...)
			labels := m.labels(w.label())
			labels[clientLabel] = string(w)
			clients = append(clients, func() (cluster.Trouble, error) {
				return m.create(ctx, m.segments.namespace(w), "client", labels, node, args...)
			})
		}
	}
	if trouble, err := sideBySide(clients); err != nil {
		return "create clients", trouble, err
	}
	for _, w := range who {
		clients, trouble, err := m.ready(ctx, m.segments.namespace(w), map[string]string{clientLabel: string(w)})
		if err != nil {
			return "wait for clients", trouble, err
		}
		for _, pod := range clients {
			m.names[w] = append(m.names[w], pod.Name)
			m.follow(following, streams, pod, m.ledger.fromClient)
		}
	}
	return "", cluster.NoTrouble, nil
}

// hostPortOf is a port for the servers on their nodes, below those of node
// ports and of connections that go out.
func hostPortOf(nonce string) (int32, error) {
	n, err := strconv.ParseInt(nonce[:4], 16, 32)
	if err != nil {
		return 0, fmt.Errorf("choose a host port: %w", err)
	}
	return 20000 + int32(n%8000), nil
}

// creators bounds how many pods are made at once: admission takes its time for
// each.
const creators = 4

// sideBySide makes pods and returns the first trouble.
func sideBySide(pods []func() (cluster.Trouble, error)) (cluster.Trouble, error) {
	var all errgroup.Group
	all.SetLimit(creators)
	for _, create := range pods {
		all.Go(func() error {
			_, err := create()
			return err
		})
	}
	err := all.Wait()
	trouble := cluster.NoTrouble
	errors.As(err, &trouble)
	return trouble, err
}

// serving are the arguments of a server.
func (m *segmentation) serving() []string {
	return []string{"serve", "--nonce", m.nonce, "--port", strconv.Itoa(pods.EchoPort), "--port", strconv.Itoa(otherPort),
		"--udp-port", strconv.Itoa(udpPort), "--udp-port", strconv.Itoa(otherUDPPort), "--ready-port", strconv.Itoa(pods.ReadyPort)}
}

// server makes the server of GroupEvery on a node, with a host port where the
// tenant gets one.
func (m *segmentation) server(ctx context.Context, node cluster.Node, hostPort int32, o *Segmentation) (cluster.Trouble, error) {
	of := func() *corev1.Pod {
		return m.pod(m.segments.serverNS, serverRole, m.labels(GroupEvery.label()), node, m.serving()...)
	}
	if o.HostPorts != PortsRefused {
		pod := of()
		pod.Spec.Containers[0].Ports = append(pod.Spec.Containers[0].Ports, corev1.ContainerPort{ContainerPort: pods.EchoPort, HostPort: hostPort, Protocol: corev1.ProtocolTCP})
		made, err := m.env.CreatePod(ctx, pod)
		switch {
		case err == nil && slices.ContainsFunc(made.Spec.Containers, func(c corev1.Container) bool {
			return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.HostPort == hostPort })
		}):
			o.HostPorts = PortsMade
			return cluster.NoTrouble, nil
		case err == nil: // it was changed on its way
			o.HostPorts = PortsRefused
			return cluster.NoTrouble, nil
		case cluster.CreateTrouble(err) != cluster.Rejected, o.HostPorts == PortsMade:
			return refused(node, err)
		}
		o.HostPorts = PortsRefused
	}
	if _, err := m.env.CreatePod(ctx, of()); err != nil {
		return refused(node, err)
	}
	return cluster.NoTrouble, nil
}

// clientLabel names a client whatever its segment is called meanwhile.
const clientLabel = "bvc-client"

// service makes the Service of one node's server of GroupEvery, with a node port
// where the tenant gets one.
func (m *segmentation) service(ctx context.Context, node cluster.Node, o *Segmentation) (*corev1.Service, error) {
	selector := m.labels(GroupEvery.label())
	selector[cluster.NodeLabel], selector[cluster.LabelRun] = strconv.Itoa(node.Index), m.env.RunID
	s := func(kind corev1.ServiceType) *corev1.Service {
		return &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-segment-", Namespace: m.segments.serverNS},
			Spec: corev1.ServiceSpec{
				Type: kind, Selector: selector, PublishNotReadyAddresses: true,
				Ports: []corev1.ServicePort{{Name: "echo", Port: pods.EchoPort, TargetPort: intstr.FromInt32(pods.EchoPort)}},
			},
		}
	}
	if o.NodePorts != PortsRefused {
		made, err := m.env.CreateService(ctx, s(corev1.ServiceTypeNodePort))
		if err == nil && made.Spec.Type == corev1.ServiceTypeNodePort && made.Spec.Ports[0].NodePort > 0 {
			o.NodePorts = PortsMade
			return made, nil
		}
		// A quota that is used up says nothing of what tenants get; one of none does.
		usedUp := cluster.CreateTrouble(err) == cluster.Quota && !strings.Contains(err.Error(), "services.nodeports=0")
		if err != nil && (wait.Transient(err) || usedUp || o.NodePorts == PortsMade) {
			return nil, err
		}
		o.NodePorts = PortsRefused
		if err == nil { // it was changed on its way
			return made, nil
		}
	}
	return m.env.CreateService(ctx, s(corev1.ServiceTypeClusterIP))
}

// targets are a client's arguments: every way that is measured to the servers
// on other nodes, and with one node to those on its own.
func (m *segmentation) targets(who Who, node cluster.Node, servers map[server]*corev1.Pod, services map[int]*corev1.Service, hostPort int32, o *Segmentation) []string {
	var out []string
	for _, other := range m.plan.nodes {
		if other.Index == node.Index && len(m.plan.nodes) > 1 {
			continue
		}
		for _, e := range Expectations(m.segments.crossNamespace()) {
			if e.Stage != StageOpen || e.Who != who {
				continue
			}
			pod, service := servers[server{e.Group, other.Index}].Status, services[other.Index].Spec
			var address string
			switch protocol, number, known := e.Way.Port(); {
			case e.Way == Service:
				address = net.JoinHostPort(service.ClusterIP, strconv.Itoa(int(number)))
			case known:
				address = net.JoinHostPort(pod.PodIP, strconv.Itoa(int(number)))
				if protocol == corev1.ProtocolUDP {
					address = "udp:" + address
				}
			case e.Way == HostPort && o.HostPorts == PortsMade:
				address = net.JoinHostPort(pod.HostIP, strconv.Itoa(int(hostPort)))
			case e.Way == NodePort && o.NodePorts == PortsMade:
				address = net.JoinHostPort(pod.HostIP, strconv.Itoa(int(service.Ports[0].NodePort)))
			case e.Way == OtherNodePort && o.NodePorts == PortsMade:
				mine := servers[server{e.Group, node.Index}].Status.HostIP
				if mine == pod.HostIP {
					continue
				}
				address = net.JoinHostPort(mine, strconv.Itoa(int(service.Ports[0].NodePort)))
			default:
				continue // not given to tenants
			}
			r := route{named(string(who), node), named(string(e.Group), other) + "." + string(e.Way)}
			m.routes, m.cells[r] = append(m.routes, r), cell{e.Group, who, e.Way, other.Index, node.Index}
			out = append(out, "--target", r.server+"="+address)
		}
	}
	return out
}

// round puts the policies of its stages into force and measures all of them at
// the same time.
func (m *segmentation) round(ctx context.Context, stages []StageName, o *Segmentation) (windows []window, err error) {
	first := len(o.Stages)
	for _, name := range stages {
		o.Stages = append(o.Stages, Stage{Name: name, Cells: []Cell{}})
	}
	m.standing = m.standing.after(stages)
	err = m.apply(ctx, m.segments.policies(m.standing))
	if err == nil && slices.Contains(stages, StageRelabelled) {
		err = m.swapLabels(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("the change of NetworkPolicies was not accepted: %w", cluster.CreateTrouble(err))
	}
	measured := make([]measured, len(stages))
	var all sync.WaitGroup
	for i, name := range stages {
		limit := m.patience(name)
		all.Go(func() { measured[i] = m.stage(ctx, &o.Stages[first+i], limit) })
	}
	all.Wait()
	for i, s := range measured {
		if s.window.from != nil {
			s.window.stage = first + i
			windows = append(windows, s.window)
		}
		if err == nil {
			err = s.err
		}
		m.learn(stages[i], s)
	}
	return windows, err
}

// measured is what became of a stage.
type measured struct {
	window window
	// stayed are the ways that should have been shut, and whether they stayed
	// open for all.
	stayed map[Way]bool
	// opened says that all that should have been open were.
	opened bool
	err    error
}

// settling are the ways that a stage waits for.
type settling struct{ shut, open marks }

// pending counts the ways that still have to be waited for after so long, and
// those that are not open yet, which are waited for until the limit only.
func (m *segmentation) pending(ways settling, elapsed, limit time.Duration) (count, closed int) {
	shut := m.ledger.unsettled(ways.shut, settleRounds, func(route) bool { return false })
	closed = m.ledger.unsettled(ways.open, settleRounds, func(route) bool { return true })
	if elapsed >= limit {
		return shut, closed
	}
	return shut + closed, closed
}

// stage waits until its policies are in force, and measures.
func (m *segmentation) stage(ctx context.Context, s *Stage, limit time.Duration) (out measured) {
	s.Accepted = true
	expected := m.expected(s.Name)
	ways := m.settling(expected)
	start, closed := time.Now(), 0
	_, err := m.await(ctx, m.longest(s.Name), "the policies to be in force", func() (count int) {
		count, closed = m.pending(ways, time.Since(start), limit)
		return count
	})
	if ctx.Err() != nil {
		out.err = ctx.Err()
		return out
	}
	s.Settled, s.SettleSeconds = err == nil && closed == 0, seconds(time.Since(start))
	out.stayed, out.opened = m.stayed(ways.shut), closed == 0

	start = time.Now()
	w := window{from: marks{}}
	for r, mark := range m.ledger.next(m.routes) {
		if _, there := expected[r]; there {
			w.from[r] = mark
		}
	}
	steady := marks{}
	if out.opened {
		for r := range ways.open {
			steady[r] = w.from[r]
		}
	}
	_, err = m.await(ctx, windowLimit, "enough attempts on every way", func() int {
		w.end = m.ledger.ends(m.routes)
		return m.behind(w.from, steady, expected, time.Since(start))
	})
	s.WindowSeconds, out.window = seconds(time.Since(start)), w
	if err != nil {
		out.err = errors.New("not every client went on trying")
	}
	return out
}

// behind counts the ways for which a window has to go on after so long. What
// came through once is decided; only silence takes its time. A greeting that was
// lost on a way that is open otherwise is waited out, for a while: one attempt
// more than has to be echoed, because one may end after the look at the ends.
func (m *segmentation) behind(from, steady marks, expected map[route]bool, elapsed time.Duration) int {
	silent, loud := m.ledger.silent(from, expected)
	count := m.ledger.behind(loud, openAttempts) + m.ledger.behind(silent, MinAttempts)
	if len(silent) > 0 && elapsed < closedSpan {
		count = max(count, 1)
	}
	if count == 0 && elapsed < closedSpan+steadyLimit {
		count = m.ledger.unsettled(steady, MinAttempts+1, func(route) bool { return true })
	}
	return count
}

// longest is how long a stage waits for ways that are to be shut. Where nothing
// shut the servers' end in all that time, nobody enforces policies, and at the
// clients' end it shows soon.
func (m *segmentation) longest(name StageName) time.Duration {
	if name == StageEgress && m.noIngress {
		return impatientLimit
	}
	return settleLimit
}

// settling are the ways that say whether the policies of a stage are in force.
// Ports of nodes that do not open are for their own check.
func (m *segmentation) settling(expected map[route]bool) settling {
	out := settling{marks{}, marks{}}
	for r, mark := range m.ledger.next(m.routes) {
		open, there := expected[r]
		switch way := m.cells[r].way; {
		case !there:
		case open && !way.OnNode():
			out.open[r] = mark
		case !open && !m.open[way]:
			out.shut[r] = mark
		}
	}
	return out
}

// patience is how long a stage waits for ways that are to be open: less where
// not all were in an earlier one about the same servers, or in one in which all
// is to be. What shuts the clients' end of a way is another matter than what
// shuts the servers', and what nobody's policies of this run shut is a third: no
// stage of one says what to expect of another, unless nothing at all is ever shut.
func (m *segmentation) patience(name StageName) time.Duration {
	restless := m.restless[""] || m.restless[name.Group()]
	switch name {
	case StageEgress:
		m.open = map[Way]bool{}
		restless = false
	case StageBareClients:
		m.open = map[Way]bool{}
		if m.noIngress && m.noEgress {
			m.giveUp()
		}
		restless = false
	}
	if restless {
		return impatientLimit
	}
	return settleLimit
}

// giveUp waits for no way any more.
func (m *segmentation) giveUp() {
	for _, c := range m.cells {
		m.open[c.way] = true
	}
}

// stayed looks which ways are open for all whom a stage should have shut out.
func (m *segmentation) stayed(shut marks) map[Way]bool {
	out := map[Way]bool{}
	for r, mark := range shut {
		through := m.ledger.unsettled(marks{r: mark}, settleRounds, func(route) bool { return true }) == 0
		way := m.cells[r].way
		if before, there := out[way]; there {
			through = through && before
		}
		out[way] = through
	}
	return out
}

// learn takes in what says something about the stages to come. Of ways that stay
// open only a stage does in which nothing but the direction counts.
func (m *segmentation) learn(name StageName, s measured) {
	m.restless[name.Group()] = m.restless[name.Group()] || !s.opened
	every := len(s.stayed) > 1
	for _, through := range s.stayed {
		every = every && through
	}
	switch {
	case name == StageEgress:
		m.noEgress = every
	case name == StageDenied && every:
		m.noIngress = true
		m.giveUp()
	case name == StageDenied:
		maps.Copy(m.open, s.stayed)
	}
}

// expected are the routes that a stage measures, and whether each is open.
func (m *segmentation) expected(name StageName) map[route]bool {
	out := map[route]bool{}
	for _, e := range Expectations(m.segments.crossNamespace()) {
		if e.Stage != name {
			continue
		}
		for r, c := range m.cells {
			if c.group == e.Group && c.who == e.Who && c.way == e.Way {
				out[r] = e.Open
			}
		}
	}
	return out
}

// apply makes the policies be those that are wanted.
func (m *segmentation) apply(ctx context.Context, want map[string]*networkingv1.NetworkPolicy) error {
	// What opens is made before what else opens is deleted, so that the Keeper
	// is never shut out.
	for name, p := range want {
		if err := m.put(ctx, name, p); err != nil {
			return err
		}
	}
	for name, p := range m.policies {
		if _, there := want[name]; there {
			continue
		}
		err := m.env.Tenant.NetworkingV1().NetworkPolicies(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		delete(m.policies, name)
	}
	return nil
}

func (m *segmentation) put(ctx context.Context, name string, want *networkingv1.NetworkPolicy) error {
	is, there := m.policies[name]
	if !there {
		made, err := m.env.CreateNetworkPolicy(ctx, want)
		if err != nil {
			return err
		}
		m.policies[name] = made
		return nil
	}
	if equality.Semantic.DeepEqual(is.Spec, want.Spec) {
		return nil
	}
	updated, err := m.update(ctx, is, want.Spec)
	if err != nil {
		return err
	}
	m.policies[name] = updated
	return nil
}

// swapLabels gives Good the label of Other and the other way round.
func (m *segmentation) swapLabels(ctx context.Context) error {
	for who, label := range map[Who]string{Good: segmentOther, Other: segmentGood} {
		for _, name := range m.names[who] {
			patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, segmentLabel, label)
			if _, err := m.env.Tenant.CoreV1().Pods(m.segments.clientNS).Patch(ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// openings counts the policies of others that may let clients in.
func (m *segmentation) openings(ctx context.Context) int {
	p := plan{runID: m.env.RunID, serverNS: m.segments.serverNS, clientNS: m.segments.clientNS, crossNamespace: false}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	list, err := m.env.Tenant.NetworkingV1().NetworkPolicies(p.serverNS).List(ctx, metav1.ListOptions{})
	if err != nil {
		return -1
	}
	return p.otherOpenings(list.Items, m.env.Labels(m.labels(GroupEvery.label())), m.env.Labels(m.labels(segmentOther)))
}

// egressOpenings counts the policies of others that may let the clients of the
// other namespace leave, wherever to.
func (m *segmentation) egressOpenings(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	list, err := m.env.Tenant.NetworkingV1().NetworkPolicies(m.segments.clientNS).List(ctx, metav1.ListOptions{})
	if err != nil {
		return -1
	}
	return otherEgressOpenings(list.Items, m.env.RunID, m.env.Labels(m.labels(segmentGood)), m.env.Labels(m.labels(segmentOther)))
}

func otherEgressOpenings(policies []networkingv1.NetworkPolicy, runID string, clients ...map[string]string) int {
	count := 0
	for _, p := range policies {
		if p.Labels[cluster.LabelRun] != runID && len(p.Spec.Egress) > 0 &&
			slices.ContainsFunc(clients, func(c map[string]string) bool { return selects(&p.Spec.PodSelector, c) }) {
			count++
		}
	}
	return count
}

// toServer are the routes to each server.
func (m *segmentation) toServer() map[server][]route {
	out := map[server][]route{}
	for _, r := range m.routes {
		of := server{m.cells[r].group, m.cells[r].server}
		out[of] = append(out[of], r)
	}
	return out
}

// awaitServers waits until every server's log is known to reach beyond the
// last window, in which everything is open.
func (m *segmentation) awaitServers(ctx context.Context, last window) {
	_, err := m.await(ctx, logLimit, "the servers' logs", func() int {
		incomplete := 0
		for _, routes := range m.toServer() {
			if !m.ledger.complete(routes, last.end, openMargin) {
				incomplete++
			}
		}
		return incomplete
	})
	_ = err // which are incomplete says more
}

// enter writes what the windows hold into the observation. It comes last: a
// greeting may reach a server's log long after its window.
func (m *segmentation) enter(o *Segmentation, windows []window) {
	for _, w := range windows {
		s := &o.Stages[w.stage]
		margin := int64(closedMargin)
		if s.Name == StageOpenLast {
			margin = openMargin
		}
		complete := map[server]bool{}
		for of, routes := range m.toServer() {
			complete[of] = m.ledger.complete(routes, w.end, margin)
		}
		for _, r := range m.routes {
			from, there := w.from[r]
			if !there {
				continue
			}
			p, c := m.ledger.count(r, from, w.end[r]), m.cells[r]
			s.Cells = append(s.Cells, Cell{
				Group: c.group, Who: c.who, Way: c.way, Server: c.server, Client: c.client, Attempts: p.Attempts, Missing: p.Missing, Echoed: p.Echoed,
				LastEchoed: p.LastEchoed, Seen: p.SeenByServer, Other: p.Other, LogComplete: complete[server{c.group, c.server}],
			})
		}
	}
}
