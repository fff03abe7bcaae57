package reachability

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Fresh is what became of traffic between two namespaces that nobody prepared.
type Fresh struct {
	// SameNode says that server and client ran on one node, for want of a second.
	SameNode bool `json:"sameNode"`
	// ExposedSeconds is about how long greetings came through after both pods
	// were ready and before the window, and ExposedAttempts how many did.
	ExposedSeconds  float64 `json:"exposedSeconds"`
	ExposedAttempts int     `json:"exposedAttempts"`
	// WindowSeconds is how long the window lasted that Default counts.
	WindowSeconds float64 `json:"windowSeconds"`
	// Default holds the ways while no policy of the run was on the server.
	Default []Cell `json:"default"`
	// Opened holds them after the server's tenant allowed the client.
	Opened []Cell `json:"opened"`
	// Gone says that both namespaces were removed.
	Gone bool `json:"gone"`
	// Trouble is why pods did not run, empty when all did.
	Trouble cluster.Trouble `json:"trouble"`
}

// freshSettle is what the site's controllers and the network get to equip a
// fresh namespace; what came through meanwhile is the exposure.
const freshSettle = 20 * time.Second

// freshInterval is shorter than elsewhere, for the exposure.
const freshInterval = 250 * time.Millisecond

// FreshProbe needs the opt-in rights, and a node for each pod.
var FreshProbe = check.NewProbe(check.ProbeMeta{
	Name: "fresh-network", SchemaVersion: 1, Timeout: 5 * time.Minute, Weight: 1,
	Needs: append(cluster.FreshRights(), check.Right{As: check.Runner, Verb: "list", Resource: "nodes"}),
}, ObserveFresh)

// ObserveFresh makes two namespaces, a server in one and a client in the other
// whose tenant lets it go anywhere, as one with bad intent would.
func ObserveFresh(ctx context.Context, env *cluster.Env) (Fresh, error) {
	o := Fresh{Default: []Cell{}, Opened: []Cell{}}
	stopped := func(phase string, err error) (Fresh, error) {
		return o, &check.Stopped{Phase: phase, Err: err}
	}
	selection, err := env.Workers(ctx)
	if err != nil {
		return stopped("select nodes", errors.New("the nodes could not be listed"))
	}
	nodes := selection.Nodes
	if len(nodes) == 0 {
		o.Trouble = cluster.Unschedulable
		return stopped("select nodes", errors.New("there is no schedulable linux/amd64 node"))
	}
	at, from := nodes[0], nodes[len(nodes)-1]
	o.SameNode = len(nodes) == 1
	nonce, err := cluster.NewRunID()
	if err != nil {
		return stopped("select nodes", err)
	}
	// What was made of them is removed by the run's cleanup.
	serverEnv, err := env.Fresh(ctx, "server")
	if err != nil {
		return o, err
	}
	clientEnv, err := env.Fresh(ctx, "client")
	if err != nil {
		return o, err
	}
	m := freshMeasurement{
		server: measurement{env: serverEnv, nonce: nonce, ledger: newLedger(), plan: plan{runID: env.RunID, nodes: []cluster.Node{{Index: 1, Name: at.Name}}}},
		client: measurement{env: clientEnv, nonce: nonce, plan: plan{runID: env.RunID, nodes: []cluster.Node{{Index: 1, Name: from.Name}}}},
	}
	if _, err := clientEnv.CreateNetworkPolicy(ctx, m.leave()); err != nil {
		return stopped("let the client go anywhere", fmt.Errorf("a NetworkPolicy was not accepted: %w", cluster.CreateTrouble(err)))
	}
	following, stop := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer stop()
	if phase, trouble, err := m.start(ctx, following, &streams); err != nil {
		o.Trouble = trouble
		return stopped(phase, err)
	}
	if err := m.observe(ctx, &o); err != nil {
		return o, err
	}
	stop()
	streams.Wait()
	for _, e := range []*cluster.Env{serverEnv, clientEnv} {
		if err := e.RemoveFresh(ctx); err != nil {
			return stopped("remove the namespaces", cluster.CreateTrouble(err))
		}
	}
	o.Gone = true
	return o, nil
}

type freshMeasurement struct {
	server, client measurement
	routes         []route
	ways           []Way
}

// observe waits for what a site's controllers do, counts a window, and then
// lets the client in: without that the window would say nothing.
func (m *freshMeasurement) observe(ctx context.Context, o *Fresh) error {
	l := m.server.ledger
	begin := l.next(m.routes)
	start, last := time.Now(), time.Duration(0)
	echoed := 0
	_, _ = m.server.await(ctx, freshSettle, "the default to be in force", func() int {
		if n := m.came(begin); n > echoed {
			echoed, last = n, time.Since(start)
		}
		return l.unsettled(begin, int64(freshSettle/freshInterval), func(route) bool { return false })
	})
	if ctx.Err() != nil {
		return &check.Stopped{Phase: "wait for the default", Err: ctx.Err()}
	}
	o.ExposedAttempts, o.ExposedSeconds = echoed, seconds(last)

	start = time.Now()
	first := l.next(m.routes)
	_, err := m.server.await(ctx, windowLimit, "enough attempts on every way", func() int {
		behind := l.behind(first, closedAttempts)
		if time.Since(start) < closedSpan {
			behind = max(behind, 1)
		}
		return behind
	})
	end := l.ends(m.routes)
	o.WindowSeconds = seconds(time.Since(start))
	if err != nil {
		o.Default = m.enter(first, end, closedMargin)
		return &check.Stopped{Phase: "observe the default", Err: errors.New("the client did not go on trying")}
	}

	if _, err := m.server.env.CreateNetworkPolicy(ctx, m.letIn()); err != nil {
		o.Default = m.enter(first, end, closedMargin)
		return &check.Stopped{Phase: "let the client in", Err: fmt.Errorf("a NetworkPolicy was not accepted: %w", cluster.CreateTrouble(err))}
	}
	since := l.next(m.routes)
	_, err = m.server.await(ctx, settleLimit, "the client to be let in", func() int {
		return l.unsettled(since, settleRounds, func(route) bool { return true })
	})
	_ = err // what is in the window says more
	opened := l.next(m.routes)
	_, err = m.server.await(ctx, windowLimit, "enough attempts on every way", func() int { return l.behind(opened, openAttempts) })
	openedEnd := l.ends(m.routes)
	_, _ = m.server.await(ctx, logLimit, "the server's log", func() int {
		if l.complete(m.routes, openedEnd, openMargin) {
			return 0
		}
		return 1
	})
	o.Default, o.Opened = m.enter(first, end, closedMargin), m.enter(opened, openedEnd, openMargin)
	if err != nil {
		return &check.Stopped{Phase: "observe the opened way", Err: errors.New("the client did not go on trying")}
	}
	return nil
}

// came is how many greetings came through since the marks.
func (m *freshMeasurement) came(since marks) int {
	n := 0
	ends := m.server.ledger.ends(m.routes)
	for _, r := range m.routes {
		n += m.server.ledger.count(r, since[r], ends[r]).Echoed
	}
	return n
}

func (m *freshMeasurement) enter(first, end marks, margin int64) []Cell {
	out := make([]Cell, 0, len(m.routes))
	complete := m.server.ledger.complete(m.routes, end, margin)
	for i, r := range m.routes {
		p := m.server.ledger.count(r, first[r], end[r])
		out = append(out, Cell{Who: Other, Way: m.ways[i], Server: 1, Client: 2, Attempts: p.Attempts, Missing: p.Missing, Echoed: p.Echoed,
			LastEchoed: p.LastEchoed, Seen: p.SeenByServer, Other: p.Other, LogComplete: complete})
	}
	return out
}

func (m *freshMeasurement) labels(value string) map[string]string {
	return map[string]string{segmentLabel: value}
}

// FreshWays are those that are tried between fresh namespaces.
func FreshWays() []Way { return []Way{TCP, UDP} }

func (m *freshMeasurement) start(ctx, following context.Context, streams *sync.WaitGroup) (phase string, trouble cluster.Trouble, err error) {
	server, client := &m.server, &m.client
	if trouble, err := server.create(ctx, server.env.Namespaces[0], serverRole, m.labels(serverRole), server.plan.nodes[0], "serve", "--nonce", server.nonce,
		"--port", strconv.Itoa(pods.EchoPort), "--udp-port", strconv.Itoa(udpPort), "--ready-port", strconv.Itoa(pods.ReadyPort)); err != nil {
		return "create the server", trouble, err
	}
	servers, trouble, err := server.ready(ctx, server.env.Namespaces[0], m.labels(serverRole))
	if err != nil {
		return "wait for the server", trouble, err
	}
	server.follow(following, streams, servers[1], server.ledger.fromServer)
	args := []string{"dial", "--nonce", server.nonce, "--client", segmentOther, "--interval", freshInterval.String(), "--timeout", timeout.String(),
		"--ready-port", strconv.Itoa(pods.ReadyPort)}
	for _, way := range FreshWays() {
		protocol, number := "", pods.EchoPort
		if way == UDP {
			protocol, number = "udp:", udpPort
		}
		name := serverRole + "." + string(way)
		m.routes, m.ways = append(m.routes, route{segmentOther, name}), append(m.ways, way)
		args = append(args, "--target", name+"="+protocol+net.JoinHostPort(servers[1].Status.PodIP, strconv.Itoa(number)))
	}
	if trouble, err := client.create(ctx, client.env.Namespaces[0], "client", m.labels(segmentOther), client.plan.nodes[0], args...); err != nil {
		return "create the client", trouble, err
	}
	clients, trouble, err := client.ready(ctx, client.env.Namespaces[0], m.labels(segmentOther))
	if err != nil {
		return "wait for the client", trouble, err
	}
	client.follow(following, streams, clients[1], func(line agent.Line) { server.ledger.fromClient(line) })
	return "", cluster.NoTrouble, nil
}

// leave lets the client go anywhere.
func (m *freshMeasurement) leave() *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-fresh-", Namespace: m.client.env.Namespaces[0]},
		Spec: networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
			Egress: []networkingv1.NetworkPolicyEgressRule{{}}},
	}
}

// letIn lets the client's namespace in to the server.
func (m *freshMeasurement) letIn() *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-fresh-", Namespace: m.server.env.Namespaces[0]},
		Spec: networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{
				From:  []networkingv1.NetworkPolicyPeer{peer(m.client.env.Namespaces[0], metav1.LabelSelector{})},
				Ports: []networkingv1.NetworkPolicyPort{onTCP, onUDP},
			}}},
	}
}

// JudgeFresh passes only when in the window nothing came through on any way,
// and everything did after the server's tenant had let the client in. What came
// through before the window is a figure: how long it takes until a fresh
// namespace is closed.
func JudgeFresh(required, remedy v1alpha1.Text) func(Fresh) check.Verdict {
	return func(o Fresh) check.Verdict {
		v := check.Verdict{Outcome: v1alpha1.Inconclusive, Controls: freshControls(o), Figures: []v1alpha1.Figure{
			{Name: v1alpha1.T("Zeit, bis der neue Namespace geschlossen war (ungefähr)", "Time until the fresh namespace was closed (about)"), Value: o.ExposedSeconds, Unit: "s"},
			{Name: v1alpha1.T("Grüße, die bis dahin durchkamen", "Greetings that came through until then"), Value: float64(o.ExposedAttempts), Unit: "1"},
		}}
		var de, en []string
		for i, c := range o.Default {
			if i == 0 || c.Attempts < v.Attempts {
				v.Attempts = c.Attempts
			}
			way := wayText(c.Way)
			leaked := c.Echoed > 0 || c.Seen > 0
			v.Matrix = append(v.Matrix, v1alpha1.MatrixRow{What: way, Expected: v1alpha1.T("gesperrt", "closed"), Deviates: leaked,
				Observed: v1alpha1.T(fmt.Sprintf("von %d Versuchen %d angekommen, %d beantwortet", c.Attempts, c.Seen, c.Echoed),
					fmt.Sprintf("of %d attempts %d arrived, %d answered", c.Attempts, c.Seen, c.Echoed))})
			if leaked {
				de = append(de, fmt.Sprintf("%s: von %d Versuchen erreichten %d den Server, %d wurden beantwortet", way.De, c.Attempts, c.Seen, c.Echoed))
				en = append(en, fmt.Sprintf("%s: of %d attempts %d reached the server, %d were answered", way.En, c.Attempts, c.Seen, c.Echoed))
			}
		}
		if len(de) > 0 {
			v.Outcome = v1alpha1.Fail
			v.Findings = []v1alpha1.Finding{{Required: required, Remedy: remedy,
				Observed: v1alpha1.T(fmt.Sprintf("Zwischen zwei neuen Namespaces, %.0f s nachdem die Pods bereit waren: %s.", freshSettle.Seconds(), strings.Join(de, "; ")),
					fmt.Sprintf("Between two fresh namespaces, %.0f s after the pods were ready: %s.", freshSettle.Seconds(), strings.Join(en, "; "))),
				Object: v1alpha1.T("Prüfserver in einem neuen Namespace", "probe server in a fresh namespace")}}
			return v
		}
		if o.Trouble != cluster.NoTrouble {
			v.Reason = v1alpha1.T("Die Pods der Sonde liefen nicht: "+string(o.Trouble)+".", "The probe's pods did not run: "+string(o.Trouble)+".")
			return v
		}
		for _, c := range v.Controls {
			if !c.Held {
				v.Reason = v1alpha1.T("Eine Kontrolle hielt nicht: "+c.Name.De+" ("+c.Detail.De+").", "A control did not hold: "+c.Name.En+" ("+c.Detail.En+").")
				if slices.ContainsFunc(o.Opened, Cell.never) {
					v.Reason = NeverOpened(v.Reason)
				}
				return v
			}
		}
		v.Outcome = v1alpha1.Pass
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Keine Abweichung festgestellt: Zwischen zwei neuen Namespaces kam in je mindestens %d Versuchen nichts an, bis der Mandant des Servers den Client zuließ.", v.Attempts),
			fmt.Sprintf("No deviation found: between two fresh namespaces nothing arrived in at least %d attempts each until the server's tenant let the client in.", v.Attempts))
		if o.SameNode {
			v.Reason.De += " Beide Pods liefen auf einem Node."
			v.Reason.En += " Both pods ran on one node."
		} else {
			v.Reason.De += " Die Pods liefen auf zwei Nodes; auf demselben Node wurde nicht gemessen."
			v.Reason.En += " The pods ran on two nodes; on the same node nothing was measured."
		}
		return v
	}
}

func freshControls(o Fresh) []v1alpha1.Control {
	control := func(title v1alpha1.Text, cells []Cell, fault func(Cell) string, alright bool) v1alpha1.Control {
		byWay := map[Way]Cell{}
		for _, c := range cells {
			byWay[c.Way] = c
		}
		c := v1alpha1.Control{Name: title, Held: alright}
		held := 0
		detail := v1alpha1.Text{}
		for _, way := range FreshWays() {
			f := "absent"
			if cell, there := byWay[way]; there {
				f = fault(cell)
			}
			if f == "" {
				held++
				continue
			}
			c.Held = false
			t, w := FaultText(f), wayText(way)
			detail.De, detail.En = detail.De+"; "+w.De+": "+t.De, detail.En+"; "+w.En+": "+t.En
		}
		c.Detail = v1alpha1.T(fmt.Sprintf("%d von %d Wegen%s", held, len(FreshWays()), detail.De), fmt.Sprintf("%d of %d ways%s", held, len(FreshWays()), detail.En))
		return c
	}
	return []v1alpha1.Control{
		control(v1alpha1.T("Im Fenster wird lange genug versucht", "In the window the attempts last long enough"), o.Default, Cell.tried, o.WindowSeconds >= MinWindow),
		control(v1alpha1.T("Zugelassen erreicht der Client den Server", "Once let in the client reaches the server"), o.Opened, Cell.open, true),
		{Name: v1alpha1.T("Beide Namespaces wurden entfernt", "Both namespaces were removed"), Held: o.Gone, Detail: v1alpha1.T(strconv.FormatBool(o.Gone), strconv.FormatBool(o.Gone))},
	}
}
