package ports

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

// Times and counts.
const (
	podsLimit = 90 * time.Second
	// lookupLimit bounds single requests outside any wait.
	lookupLimit = 10 * time.Second
	// knockers is how many pods of the tenant knock, each on a node of its own.
	knockers = 2
	// rounds at each port, over at least span.
	rounds = 5
	span   = 12 * time.Second
	// pace is the time between two attempts of all knocking pods together, and of
	// all watchers.
	pace    = 250 * time.Millisecond
	timeout = 2 * time.Second
	// again is the time between two looks at what listens.
	again     = 5 * time.Second
	lookLimit = 30 * time.Second
	// settle is the longest that a pod's policies may take to be in force.
	settle     = 45 * time.Second
	limitSlack = 60 * time.Second
	// The canary is knocked at while the tenant's pods knock, by a node's pod
	// about every nine seconds.
	canaryRounds = 9
	canarySpan   = 72 * time.Second
	canaryName   = "canary"
	nowhereName  = "nowhere"
	decoyName    = "decoy"
	// tokenSeconds is the shortest life that a token can have.
	tokenSeconds = 600
	tokenFolder  = "/var/run/secrets/conformance.opencode.de"
)

func needs() []check.Right {
	tenant := func(group, resource string, verbs ...string) []check.Right {
		var rights []check.Right
		for _, v := range verbs {
			rights = append(rights, check.Right{As: check.Tenant, Verb: v, Group: group, Resource: resource, Scope: check.TenantNamespaces})
		}
		return rights
	}
	rights := []check.Right{
		{As: check.Runner, Verb: "list", Resource: "nodes"},
		{As: check.Runner, Verb: "list", Group: "discovery.k8s.io", Resource: "endpointslices", Scope: metav1.NamespaceDefault},
	}
	rights = append(rights, tenant("", "pods", "create", "list", "deletecollection")...)
	rights = append(rights, tenant("", "pods/log", "get")...)
	rights = append(rights, tenant("networking.k8s.io", "networkpolicies", "create", "deletecollection")...)
	for _, r := range cluster.PrivilegedRights() {
		// Without it an answer is still a deviation.
		r.Optional = true
		rights = append(rights, r)
	}
	return rights
}

// Probe is the registered probe.
var Probe = check.NewProbe(check.ProbeMeta{
	Name: "platform-ports", SchemaVersion: 3, Timeout: 15 * time.Minute, Weight: 1, Needs: needs(),
}, Observe)

// Observe knocks at the platform's ports from pods of the tenant, while pods in
// the nodes' network say what listens.
func Observe(ctx context.Context, env *cluster.Env) (o Observation, err error) {
	o = Observation{
		Machines: []Machine{}, Controls: []Control{}, Decoys: []Knock{}, Targets: []Target{}, Canary: Canary{
			Given: env.Ports.Canary != "", Tenants: []Knock{}, Nodes: []Knock{}, TenantsNowhere: []Knock{}, NodesNowhere: []Knock{},
		},
		AllowedPortsDeclared: env.Ports.Declared, ManagementTargets: len(env.Ports.Management),
	}
	stopped := func(phase string, err error) (Observation, error) { return o, &check.Stopped{Phase: phase, Err: err} }
	m, err := prepare(ctx, env, &o)
	if err != nil {
		return stopped("select nodes", err)
	}
	defer m.remove(ctx)

	following, stop := context.WithCancel(ctx)
	defer m.streams.Wait()
	defer stop()
	o.Canary.RunnerBefore = dial(ctx, env.Ports.Canary)
	m.startWatchers(ctx)
	phase, trouble, err := m.startServers(ctx)
	if err != nil {
		o.Trouble = trouble
		return stopped(phase, err)
	}
	m.awaitWatchers(ctx, following)
	defer m.enter(&o)
	if trouble, err := m.startKnockers(ctx, following); err != nil {
		o.Trouble = trouble
		return stopped("start the knocking pods", err)
	}
	start := time.Now()
	limit := time.Duration(rounds)*max(time.Duration(len(m.plan.aims)+3)*pace*time.Duration(len(m.knockers)), span/(rounds-1)+timeout) + settle + limitSlack
	if err := m.await(ctx, limit, "all attempts to be made", func() int { return m.ledger.unfinished(m.clients()) }); err != nil {
		return stopped("knock", errors.New("not every pod made all attempts in time"))
	}
	m.window = time.Since(start)
	m.ended = m.ledger.looks()
	if err := m.await(ctx, lookLimit+canarySpan, "a last look at what listens", m.unwatched); err != nil && ctx.Err() != nil {
		return stopped("look at what listens", ctx.Err())
	}
	o.Canary.RunnerAfter, o.Canary.RunnerNowhere = dial(ctx, env.Ports.Canary), dial(ctx, nowhere(env.Ports.Canary))
	return o, nil
}

// measurement is the state of one Observe.
type measurement struct {
	env       *cluster.Env
	nonce     string
	namespace string
	plan      plan
	knockers  []cluster.Node
	// watchers are the pods in the nodes' network that run, hostTrouble why
	// others do not, both by machine; asked says that any was to be made.
	asked       bool
	watchers    map[int]string
	hostTrouble map[int]cluster.Trouble
	ledger      *ledger
	servers     map[int]*corev1.Pod
	streams     sync.WaitGroup
	window      time.Duration
	// ended are the looks until the knocking pods had ended, nil before.
	ended map[seat]int
}

// prepare makes the plan.
func prepare(ctx context.Context, env *cluster.Env, o *Observation) (*measurement, error) {
	limited, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	nodes, err := env.Runner.CoreV1().Nodes().List(limited, metav1.ListOptions{})
	if err != nil {
		return nil, errors.New("the nodes could not be listed")
	}
	selection := cluster.SelectWorkers(nodes.Items, knockers)
	machines := machinesOf(nodes.Items, selection.Nodes, cluster.NodeLimit)
	o.Nodes, o.SchedulableNodes, o.KnockingPods, o.MachineCount = len(nodes.Items), selection.Schedulable, len(selection.Nodes), len(machines)
	for _, n := range nodes.Items {
		if cluster.ControlPlane(n) {
			o.ControlPlanes++
		}
	}
	if len(selection.Nodes) == 0 {
		o.Trouble = cluster.Unschedulable
		return nil, errors.New("there is no schedulable linux/amd64 node")
	}
	registered, err := env.APIServers(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the API servers: %w", err)
	}
	o.APIServers = len(registered)
	var servers []string
	for i, r := range registered {
		u, err := url.Parse(r)
		if err != nil || i == cluster.MaxAPIServers {
			break // the count says that there are more
		}
		servers = append(servers, u.Host)
	}
	nonce, err := cluster.NewRunID()
	if err != nil {
		return nil, err
	}
	return &measurement{
		env: env, nonce: nonce, namespace: env.Namespaces[0], plan: newPlan(machines, servers, env.Ports.Management, env.Ports), knockers: selection.Nodes,
		watchers: map[int]string{}, hostTrouble: map[int]cluster.Trouble{}, ledger: newLedger(),
	}, nil
}

func (m *measurement) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupLimit)
	defer cancel()
	// What fails here, the cleanup of the run does again and reports.
	if m.asked {
		_ = m.env.DeletePrivileged(ctx)
	}
	_ = m.env.DeleteFrom(ctx, m.namespace, cluster.Pods)
	_ = m.env.DeleteFrom(ctx, m.namespace, cluster.NetworkPolicies)
}

// dial tries an address once from where the runner is.
func dial(ctx context.Context, address string) agent.Result {
	if address == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return agent.TimedOut // whatever it is, it is no answer
	}
	_ = c.Close() // it says nothing
	return agent.Connected
}

func (m *measurement) options(role string, index int, node string, args []string) pods.Options {
	return pods.Options{
		GenerateName: "bvc-" + role + "-", Namespace: m.namespace, Image: m.env.Image, Node: node, ServiceAccount: m.env.PodAccount(m.namespace),
		Args: append([]string{args[0], "--nonce", m.nonce}, args[1:]...), Labels: map[string]string{roleLabel: role, cluster.NodeLabel: strconv.Itoa(index)},
	}
}

// withToken gives the pod a token of its own account, which has no rights, for
// as short as it can be.
func withToken(pod *corev1.Pod) *corev1.Pod {
	life := int64(tokenSeconds)
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: &life, Path: "token"}}},
	}}})
	c := &pod.Spec.Containers[0]
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "token", MountPath: tokenFolder, ReadOnly: true})
	return pod
}

func clientName(role string, index int) string { return role + strconv.Itoa(index) }

// startWatchers makes a pod in the network of each machine. What keeps them
// away is part of the observation and stops nothing.
func (m *measurement) startWatchers(ctx context.Context) {
	for _, machine := range m.plan.machines {
		own, beyond := m.plan.from(machine)
		args := []string{"listening", "--client", clientName(watcherRole, machine.index), "--rounds", "1", "--timeout", timeout.String(),
			"--every", (pace * time.Duration(len(m.plan.machines))).String(), "--again", again.String(), "--token-file", tokenFolder + "/token"}
		for _, i := range own {
			args = append(args, "--own", m.plan.argument(i))
		}
		for _, i := range beyond {
			args = append(args, "--target", m.plan.argument(i))
		}
		if m.env.Ports.Canary != "" {
			args = append(args, "--canary", canaryName+"="+m.env.Ports.Canary, "--canary", nowhereName+"="+nowhere(m.env.Ports.Canary), "--canary-rounds", strconv.Itoa(canaryRounds), "--canary-span", canarySpan.String())
		}
		pod := withToken(pods.OnHost(m.options(watcherRole, machine.index, machine.name, args)))
		// Control planes keep others away, and a node that is cordoned has ports, too.
		pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		_, err := m.env.CreatePrivileged(ctx, pod)
		trouble := cluster.CreateTrouble(err)
		if trouble.Everywhere() {
			for _, other := range m.plan.machines {
				m.hostTrouble[other.index] = trouble
			}
			return
		}
		m.asked = true
		if trouble != cluster.NoTrouble {
			m.hostTrouble[machine.index] = trouble
		}
	}
}

// awaitWatchers waits until those that were made have looked once; those that
// do not come are in the observation.
func (m *measurement) awaitWatchers(ctx, following context.Context) {
	var nodes []cluster.Node
	for _, machine := range m.plan.machines {
		if _, known := m.hostTrouble[machine.index]; !known {
			nodes = append(nodes, cluster.Node{Index: machine.index, Name: machine.name})
		}
	}
	if len(nodes) == 0 {
		return
	}
	found, lacking := m.env.ReadyPods(ctx, m.env.Runner, cluster.PrivilegedNamespace, nodes, podsLimit, roleLabel+"="+watcherRole)
	maps.Copy(m.hostTrouble, lacking)
	for index, pod := range found {
		m.watchers[index] = clientName(watcherRole, index)
		m.streams.Go(func() { _ = m.env.FollowPrivileged(following, pod.Name, m.nonce, m.ledger.enter) }) // what is missing shows
	}
	if ctx.Err() == nil {
		_ = m.await(ctx, lookLimit, "a first look at what listens", func() int { return m.ledger.unlooked(m.seats(), nil, 1) })
	}
}

// seats are the watchers' views of their own ports.
func (m *measurement) seats() []seat {
	var out []seat
	for _, machine := range m.plan.machines {
		client, there := m.watchers[machine.index]
		if !there {
			continue
		}
		own, _ := m.plan.from(machine)
		for _, i := range own {
			out = append(out, seat{client, m.plan.name(i)})
		}
	}
	return out
}

// unwatched counts what the watchers have still to do.
func (m *measurement) unwatched() int {
	clients := make([]string, 0, len(m.watchers))
	for _, c := range m.watchers {
		clients = append(clients, c)
	}
	return m.ledger.unlooked(m.seats(), m.ended, 1) + m.ledger.unfinished(clients)
}

// startServers makes the policies, and the servers that the knocking pods may
// reach.
func (m *measurement) startServers(ctx context.Context) (phase string, trouble cluster.Trouble, err error) {
	for _, p := range policies(m.namespace, m.env.RunID) {
		if _, err := m.env.CreateNetworkPolicy(ctx, p); err != nil {
			t := cluster.CreateTrouble(err)
			return "create policies", t, fmt.Errorf("a NetworkPolicy was not accepted: %w", t)
		}
	}
	for i, node := range m.knockers {
		pod := pods.Golden(m.options(serverRole, i+1, node.Name, []string{"serve", "--port", strconv.Itoa(pods.EchoPort), "--ready-port", strconv.Itoa(pods.ReadyPort)}))
		if _, err := m.env.CreatePod(ctx, pod); err != nil {
			t := cluster.CreateTrouble(err)
			return "create servers", t, fmt.Errorf("a pod was not accepted: %w", t)
		}
	}
	var t cluster.Trouble
	m.servers, t, err = m.byIndex(ctx, serverRole)
	return "wait for servers", t, err
}

// startKnockers makes the pods that knock, each with the server on another node
// as its control.
func (m *measurement) startKnockers(ctx, following context.Context) (cluster.Trouble, error) {
	for i, node := range m.knockers {
		server := m.servers[(i+1)%len(m.knockers)+1]
		args := []string{"knock", "--client", clientName(knockerRole, i+1), "--rounds", strconv.Itoa(rounds), "--span", span.String(), "--timeout", timeout.String(), "--settle", settle.String(),
			"--every", (pace * time.Duration(len(m.knockers))).String(), "--serve-ready-port", strconv.Itoa(pods.ReadyPort), "--token-file", tokenFolder + "/token",
			"--control", net.JoinHostPort(server.Status.PodIP, strconv.Itoa(pods.EchoPort)),
			// Asked like etcd: who answers here with success, answers in anybody's place.
			"--target", decoyName + "=" + string(agent.AskEtcd) + ":" + net.JoinHostPort(server.Status.PodIP, strconv.Itoa(decoyPort))}
		for j := range m.plan.aims {
			args = append(args, "--target", m.plan.argument(j))
		}
		if m.env.Ports.Canary != "" {
			args = append(args, "--target", canaryName+"="+m.env.Ports.Canary, "--target", nowhereName+"="+nowhere(m.env.Ports.Canary))
		}
		pod := pods.Golden(m.options(knockerRole, i+1, node.Name, args))
		if pod.Spec.ServiceAccountName != "" {
			// Of an account without rights only; the namespace's default one may have some.
			withToken(pod)
		}
		if _, err := m.env.CreatePod(ctx, pod); err != nil {
			t := cluster.CreateTrouble(err)
			return t, fmt.Errorf("a pod was not accepted: %w", t)
		}
	}
	pods, trouble, err := m.byIndex(ctx, knockerRole)
	if err != nil {
		return trouble, err
	}
	for _, pod := range pods {
		name := pod.Name
		m.streams.Go(func() { _ = m.env.FollowAgent(following, m.namespace, name, m.nonce, m.ledger.enter) }) // what is missing shows
	}
	return cluster.NoTrouble, nil
}

// byIndex waits for the tenant's pods of a role, one on each knocking node.
func (m *measurement) byIndex(ctx context.Context, role string) (map[int]*corev1.Pod, cluster.Trouble, error) {
	found, lacking := m.env.ReadyPods(ctx, m.env.Tenant, m.namespace, m.knockers, podsLimit, roleLabel+"="+role)
	if trouble := lacking.Trouble(); trouble != cluster.NoTrouble {
		return nil, trouble, fmt.Errorf("pods of role %s were not all ready after %s: %w", role, podsLimit, trouble)
	}
	return found, cluster.NoTrouble, nil
}

func (m *measurement) clients() []string {
	var out []string
	for i := range m.knockers {
		out = append(out, clientName(knockerRole, i+1))
	}
	return out
}

// enter writes what the ledger holds into the observation, whatever became of
// the rest.
func (m *measurement) enter(o *Observation) {
	o.WindowSeconds = float64(m.window.Round(time.Millisecond).Milliseconds()) / 1000
	for _, machine := range m.plan.machines {
		o.Machines = append(o.Machines, Machine{machine.index, machine.controlPlane, len(machine.addresses), m.hostTrouble[machine.index]})
	}
	for i, client := range m.clients() {
		o.Controls = append(o.Controls, m.ledger.control(i+1, client, rounds))
		o.Decoys = append(o.Decoys, m.ledger.knock(i+1, seat{client, decoyName}, rounds))
		if o.Canary.Given {
			o.Canary.Tenants = append(o.Canary.Tenants, m.ledger.knock(i+1, seat{client, canaryName}, rounds))
			o.Canary.TenantsNowhere = append(o.Canary.TenantsNowhere, m.ledger.knock(i+1, seat{client, nowhereName}, rounds))
		}
	}
	for i, a := range m.plan.aims {
		t := a.Target
		t.Knocks = []Knock{}
		for j, client := range m.clients() {
			t.Knocks = append(t.Knocks, m.ledger.knock(j+1, seat{client, m.plan.name(i)}, rounds))
		}
		watcher := t.Node
		if t.Kind == APIServer || t.Kind == Management {
			watcher = 1
		}
		t.Host = m.ledger.host(seat{m.watchers[watcher], m.plan.name(i)}, m.ended)
		o.Targets = append(o.Targets, t)
	}
	if o.Canary.Given {
		for _, machine := range m.plan.machines {
			if client, there := m.watchers[machine.index]; there {
				o.Canary.Nodes = append(o.Canary.Nodes, m.ledger.knock(machine.index, seat{client, canaryName}, canaryRounds))
				o.Canary.NodesNowhere = append(o.Canary.NodesNowhere, m.ledger.knock(machine.index, seat{client, nowhereName}, canaryRounds))
			}
		}
	}
}

// await waits until count gives zero.
func (m *measurement) await(ctx context.Context, limit time.Duration, what string, count func() int) error {
	_, err := wait.For(ctx, limit, what, func(context.Context) (int, error) { return count(), nil },
		func(n int) (bool, string) { return n == 0, fmt.Sprintf("%d to go", n) })
	return err
}
