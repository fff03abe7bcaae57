package reachability

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

const name = "reachability"

// Times and counts of the measurement.
const (
	podsLimit = 90 * time.Second
	// settleLimit is the longest that a change of policy may take to be in
	// force everywhere; after it the measurement goes on in any case.
	settleLimit  = 45 * time.Second
	settleRounds = 3
	// The closed window has at least closedAttempts over closedSpan; in an open
	// one a single echo is proof, and openAttempts of them show that it is steady.
	closedAttempts = 8
	closedSpan     = 10 * time.Second
	openAttempts   = 6
	windowLimit    = 60 * time.Second
	// The margins are how many attempts after the window an allowed client's
	// attempt must lie whose trace proves that the server's log was read beyond
	// the window: in the closed one far enough that a greeting still under way
	// at its end is in it. In an open one every echo was seen before it was sent.
	closedMargin = 6
	openMargin   = 2
	logLimit     = 15 * time.Second
	// interval and timeout of an attempt; the timeout leaves room for one SYN
	// to be sent again.
	interval = 500 * time.Millisecond
	timeout  = 1500 * time.Millisecond
	// lookupLimit bounds single requests outside any wait.
	lookupLimit = 10 * time.Second
)

func tenantRights(group, resource string, verbs ...string) []check.Right {
	rights := make([]check.Right, 0, len(verbs))
	for _, v := range verbs {
		rights = append(rights, check.Right{As: check.Tenant, Verb: v, Group: group, Resource: resource, Scope: check.TenantNamespaces})
	}
	return rights
}

func needs() []check.Right {
	rights := []check.Right{{As: check.Runner, Verb: "list", Resource: "nodes"}}
	rights = append(rights, tenantRights("", "pods", "create", "get", "list", "watch", "delete", "deletecollection")...)
	rights = append(rights, tenantRights("", "pods/log", "get")...)
	return append(rights, tenantRights("networking.k8s.io", "networkpolicies", "create", "get", "list", "update", "delete", "deletecollection")...)
}

// Probe is the registered probe.
var Probe = check.NewProbe(check.ProbeMeta{
	Name: name, SchemaVersion: 1, Timeout: 6 * time.Minute, Weight: 2, Needs: needs(),
}, Observe)

// Observe runs servers and clients on the nodes and changes one policy.
func Observe(ctx context.Context, env *cluster.Env) (Observation, error) {
	var o Observation
	stopped := func(phase string, err error) (Observation, error) { return o, &check.Stopped{Phase: phase, Err: err} }
	selection, err := env.Workers(ctx)
	if err != nil {
		return stopped("select nodes", errors.New("the nodes could not be listed"))
	}
	o.SchedulableNodes = selection.Schedulable
	if len(selection.Nodes) == 0 {
		o.Trouble = cluster.Unschedulable
		return stopped("select nodes", errors.New("there is no schedulable linux/amd64 node"))
	}
	nonce, err := cluster.NewRunID()
	if err != nil {
		return stopped("select nodes", err)
	}
	m := &measurement{env: env, nonce: nonce, ledger: newLedger(), plan: plan{
		runID: env.RunID, serverNS: env.Namespaces[0], clientNS: env.Namespaces[0], nodes: selection.Nodes,
	}}
	if len(env.Namespaces) > 1 {
		m.plan.clientNS, m.plan.crossNamespace = env.Namespaces[1], true
	}
	o.CrossNamespace, o.OtherOpenings = m.plan.crossNamespace, -1
	o.MeasuredNodes = len(selection.Nodes)
	defer m.remove(ctx)

	// Policies first: at a site with a default deny a pod without them is cut off.
	if err := m.createPolicies(ctx); err != nil {
		return stopped("create policies", err)
	}
	following, stop := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer stop()
	if phase, trouble, err := m.startPods(ctx, following, &streams); err != nil {
		o.Trouble = trouble
		return stopped(phase, err)
	}
	for _, p := range []struct {
		name  PhaseName
		roles []Role
	}{{OpenBefore, []Role{Client, Allowed}}, {Closed, []Role{Allowed}}, {OpenAgain, []Role{Client, Allowed}}} {
		observed, err := m.phase(ctx, p.name, p.roles)
		o.Phases = append(o.Phases, observed)
		if p.name == Closed {
			o.OtherOpenings = m.otherOpenings(ctx)
		}
		if err != nil {
			return stopped(string(p.name), err)
		}
	}
	return o, nil
}

// measurement is the state of one Observe.
type measurement struct {
	env    *cluster.Env
	nonce  string
	plan   plan
	policy *networkingv1.NetworkPolicy
	ledger *ledger
	routes []route
}

func (m *measurement) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupLimit)
	defer cancel()
	// What fails here, the cleanup of the run does again and reports.
	_ = m.env.DeleteAll(ctx, cluster.Pods)
	_ = m.env.DeleteAll(ctx, cluster.NetworkPolicies)
}

func (m *measurement) createPolicies(ctx context.Context) error {
	for _, p := range m.plan.supporting() {
		if _, err := m.env.CreateNetworkPolicy(ctx, p); err != nil {
			return fmt.Errorf("a NetworkPolicy was not accepted: %w", cluster.CreateTrouble(err))
		}
	}
	created, err := m.env.CreateNetworkPolicy(ctx, m.plan.underTest(Client, Allowed))
	if err != nil {
		return fmt.Errorf("the NetworkPolicy under test was not accepted: %w", cluster.CreateTrouble(err))
	}
	m.policy = created
	return nil
}

func named(role string, node cluster.Node) string { return role + "-" + strconv.Itoa(node.Index) }

func (m *measurement) roleLabels(role string) map[string]string {
	return map[string]string{roleLabel: role}
}

// startPods starts servers, then the clients that dial them, and follows the
// logs of all until following ends.
func (m *measurement) startPods(ctx, following context.Context, streams *sync.WaitGroup) (phase string, trouble cluster.Trouble, err error) {
	for _, node := range m.plan.nodes {
		// Not Serving: liveness would ask the port that the policy is about.
		trouble, err := m.create(ctx, m.plan.serverNS, serverRole, m.roleLabels(serverRole), node, "serve", "--nonce", m.nonce,
			"--port", strconv.Itoa(pods.EchoPort), "--ready-port", strconv.Itoa(pods.ReadyPort))
		if err != nil {
			return "create servers", trouble, err
		}
	}
	servers, trouble, err := m.ready(ctx, m.plan.serverNS, m.roleLabels(serverRole))
	if err != nil {
		return "wait for servers", trouble, err
	}
	var targets []string
	for _, node := range m.plan.nodes {
		pod := servers[node.Index]
		server := named(serverRole, node)
		address := pod.Status.PodIP
		if strings.Contains(address, ":") {
			address = "[" + address + "]"
		}
		targets = append(targets, "--target", server+"="+address+":"+strconv.Itoa(pods.EchoPort))
		m.follow(following, streams, pod, m.ledger.fromServer)
	}
	for _, role := range []Role{Client, Allowed} {
		for _, node := range m.plan.nodes {
			args := append([]string{"dial", "--nonce", m.nonce, "--client", named(string(role), node), "--interval", interval.String(),
				"--timeout", timeout.String(), "--ready-port", strconv.Itoa(pods.ReadyPort)}, targets...)
			if trouble, err := m.create(ctx, m.plan.clientNS, string(role), m.roleLabels(string(role)), node, args...); err != nil {
				return "create clients", trouble, err
			}
			for _, server := range m.plan.nodes {
				m.routes = append(m.routes, route{named(string(role), node), named(serverRole, server)})
			}
		}
	}
	for _, role := range []Role{Client, Allowed} {
		clients, trouble, err := m.ready(ctx, m.plan.clientNS, m.roleLabels(string(role)))
		if err != nil {
			return "wait for clients", trouble, err
		}
		for _, pod := range clients {
			m.follow(following, streams, pod, m.ledger.fromClient)
		}
	}
	return "", cluster.NoTrouble, nil
}

func (m *measurement) create(ctx context.Context, namespace, role string, labels map[string]string, node cluster.Node, args ...string) (cluster.Trouble, error) {
	if _, err := m.env.CreatePod(ctx, m.pod(namespace, role, labels, node, args...)); err != nil {
		return refused(node, err)
	}
	return cluster.NoTrouble, nil
}

// pod is one of the role on the node.
func (m *measurement) pod(namespace, role string, labels map[string]string, node cluster.Node, args ...string) *corev1.Pod {
	labels[cluster.NodeLabel] = strconv.Itoa(node.Index)
	return pods.Golden(pods.Options{
		GenerateName: "bvc-" + role + "-", Namespace: namespace, Image: m.env.Image, Args: args, Labels: labels, Node: node.Name,
		ServiceAccount: m.env.PodAccount(namespace),
	})
}

// refused says why a pod was not accepted.
func refused(node cluster.Node, err error) (cluster.Trouble, error) {
	trouble := cluster.CreateTrouble(err)
	return trouble, fmt.Errorf("a probe pod was not accepted on worker %d: %w", node.Index, trouble)
}

// ready waits for the pods with these labels, one on each node, and returns
// them by index of their node.
func (m *measurement) ready(ctx context.Context, namespace string, of map[string]string) (map[int]*corev1.Pod, cluster.Trouble, error) {
	found, lacking := m.env.ReadyPods(ctx, m.env.Tenant, namespace, m.plan.nodes, podsLimit, labels.FormatLabels(of))
	if trouble := lacking.Trouble(); trouble != cluster.NoTrouble {
		return nil, trouble, fmt.Errorf("pods with %s were not all ready after %s: %w", labels.FormatLabels(of), podsLimit, trouble)
	}
	return found, cluster.NoTrouble, nil
}

func (m *measurement) follow(ctx context.Context, streams *sync.WaitGroup, pod *corev1.Pod, each func(agent.Line)) {
	streams.Go(func() {
		// A log that ends early shows as attempts that do not come, or as a
		// server's log that is not complete: both are in the observation.
		_ = m.env.FollowAgent(ctx, pod.Namespace, pod.Name, m.nonce, each)
	})
}

// phase puts the policy into force, waits until it is, and measures.
func (m *measurement) phase(ctx context.Context, phase PhaseName, roles []Role) (Phase, error) {
	o := Phase{Name: phase}
	if err := m.setPolicy(ctx, roles); err != nil {
		return o, fmt.Errorf("the change of the NetworkPolicy was not accepted: %w", cluster.CreateTrouble(err))
	}
	o.PolicyAccepted = true
	start := time.Now()
	since := m.ledger.next(m.routes)
	wantEcho := func(r route) bool { return phase != Closed || strings.HasPrefix(r.client, string(Allowed)) }
	_, err := m.await(ctx, settleLimit, "the policy to be in force", func() int { return m.ledger.unsettled(since, settleRounds, wantEcho) })
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	o.Settled, o.SettleSeconds = err == nil, seconds(time.Since(start))

	attempts, span, margin := int64(openAttempts), time.Duration(0), int64(openMargin)
	if phase == Closed {
		attempts, span, margin = closedAttempts, closedSpan, closedMargin
	}
	start = time.Now()
	from := m.ledger.next(m.routes)
	_, err = m.await(ctx, windowLimit, "enough attempts of every pair", func() int {
		behind := m.ledger.behind(from, attempts)
		if time.Since(start) < span {
			behind = max(behind, 1)
		}
		return behind
	})
	end := m.ledger.ends(m.routes)
	o.WindowSeconds = seconds(time.Since(start))
	incomplete := m.awaitLogs(ctx, end, margin)
	o.Pairs = m.pairs(from, end, incomplete)
	if err != nil {
		return o, errors.New("not every client went on trying")
	}
	return o, nil
}

// await waits until count gives zero.
func (m *measurement) await(ctx context.Context, limit time.Duration, what string, count func() int) (int, error) {
	return wait.For(ctx, limit, what, func(context.Context) (int, error) { return count(), nil },
		func(n int) (bool, string) { return n == 0, fmt.Sprintf("%d pairs to go", n) })
}

// awaitLogs waits until every server's log is known to reach beyond the end,
// and returns the servers of which it is not.
func (m *measurement) awaitLogs(ctx context.Context, end marks, margin int64) map[string]bool {
	allowed := map[string][]route{}
	for _, r := range m.routes {
		if strings.HasPrefix(r.client, string(Allowed)) {
			allowed[r.server] = append(allowed[r.server], r)
		}
	}
	incomplete := map[string]bool{}
	_, err := m.await(ctx, logLimit, "the servers' logs", func() int {
		clear(incomplete)
		for _, node := range m.plan.nodes {
			if server := named(serverRole, node); !m.ledger.complete(allowed[server], end, margin) {
				incomplete[server] = true
			}
		}
		return len(incomplete)
	})
	_ = err // which are incomplete says more
	return incomplete
}

func (m *measurement) pairs(from, end marks, incomplete map[string]bool) []Pair {
	var out []Pair
	for _, server := range m.plan.nodes {
		for _, client := range m.plan.nodes {
			for _, role := range []Role{Client, Allowed} {
				r := route{named(string(role), client), named(serverRole, server)}
				p := m.ledger.count(r, from[r], end[r])
				p.Server, p.Client, p.Role = server.Index, client.Index, role
				p.ServerLogComplete = !incomplete[r.server]
				out = append(out, p)
			}
		}
	}
	return out
}

// setPolicy puts the policy under test into the state for the roles.
func (m *measurement) setPolicy(ctx context.Context, roles []Role) error {
	updated, err := m.update(ctx, m.policy, m.plan.underTest(roles...).Spec)
	if err == nil {
		m.policy = updated
	}
	return err
}

// update changes a policy; controllers of a site may have changed it in between.
func (m *measurement) update(ctx context.Context, policy *networkingv1.NetworkPolicy, want networkingv1.NetworkPolicySpec) (*networkingv1.NetworkPolicy, error) {
	client := m.env.Tenant.NetworkingV1().NetworkPolicies(policy.Namespace)
	_, err := wait.For(ctx, lookupLimit, "the policy to be updated", func(ctx context.Context) (bool, error) {
		changed := policy.DeepCopy()
		changed.Spec = want
		updated, err := client.Update(ctx, changed, metav1.UpdateOptions{})
		if apierrors.IsConflict(err) {
			if policy, err = client.Get(ctx, policy.Name, metav1.GetOptions{}); err != nil {
				return false, err
			}
			return false, nil
		}
		if err != nil {
			return false, err
		}
		policy = updated
		return true, nil
	}, func(done bool) (bool, string) { return done, "changed by somebody else" })
	return policy, err
}

func (m *measurement) otherOpenings(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	list, err := m.env.Tenant.NetworkingV1().NetworkPolicies(m.plan.serverNS).List(ctx, metav1.ListOptions{})
	if err != nil {
		return -1
	}
	return m.plan.otherOpenings(list.Items, m.env.Labels(m.roleLabels(serverRole)), m.env.Labels(m.roleLabels(string(Client))))
}

// seconds rounds to milliseconds: more digits would be noise in the evidence.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}
