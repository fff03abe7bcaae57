package ports

import (
	"fmt"
	"slices"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

const (
	// minAttempts is how many attempts of a pod say that a port is closed.
	minAttempts = 5
	// minWindow is the shortest window in seconds.
	minWindow = 10
	// minLooks of a watcher: one before and one after.
	minLooks = 2
)

// Reach is a rule that ports of some kinds are not reachable from a tenant's
// pod. One connection is a deviation, whatever became of the rest, where the
// pod's decoy took none; that there was none counts only where the node says
// that something listens.
type Reach struct {
	Kinds []Kind
	// Always are kinds that every node serves: where one does not seem to, the
	// look was at the wrong port.
	Always []Kind
	// Certificates says that who is let in by TLS without a client certificate,
	// or without TLS, is a deviation as well, from wherever it was asked.
	Certificates bool
	// None is said where nothing serves any of the kinds.
	None             v1alpha1.Text
	Required, Remedy v1alpha1.Text
}

// Check makes the check.
func (r Reach) Check(meta check.Meta) *check.Check { return check.Of(meta, Probe, r.judge) }

func (r Reach) judge(o Observation) check.Verdict {
	targets := o.of(r.Kinds...)
	v := check.Verdict{Attempts: fewest(targets), Matrix: rows(o, targets), Figures: o.figures(),
		Controls: []v1alpha1.Control{o.completeControl(), o.networkControl(), o.decoyControl(), o.attemptsControl(targets), r.servedControl(o, targets)}}
	for _, kind := range r.Kinds {
		if f, there := r.reached(o, kind); there {
			v.Findings = append(v.Findings, f)
		}
	}
	if r.Certificates {
		v.Findings = append(v.Findings, r.letPast(o, targets)...)
	}
	if len(v.Findings) > 0 {
		v.Outcome = v1alpha1.Fail
		return v
	}
	if o.interposed() {
		return undecided(v, interposedText())
	}
	if v, broken := o.troubled(v); broken {
		return v
	}
	served := 0
	for _, t := range targets {
		if t.served() {
			served++
		}
	}
	if served == 0 {
		return undecided(v, r.None)
	}
	v.Outcome = v1alpha1.Pass
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Keine Abweichung festgestellt: %d Ports, an denen nach Auskunft der Nodes jemand lauscht, nahmen in je mindestens %d Versuchen keine Verbindung aus Pods des Mandanten an; an den übrigen %d lauscht niemand. Versucht wurden die internen Adressen (InternalIP) von %d von %d Nodes.", served, v.Attempts, len(targets)-served, o.MachineCount, o.Nodes),
		fmt.Sprintf("No deviation found: %d ports on which, as the nodes say, somebody listens took no connection from pods of the tenant in at least %d attempts each; on the other %d nobody listens. The internal addresses (InternalIP) of %d of %d nodes were tried.", served, v.Attempts, len(targets)-served, o.MachineCount, o.Nodes))
	return v
}

// reached gathers the targets of a kind that answered.
func (r Reach) reached(o Observation, kind Kind) (v1alpha1.Finding, bool) {
	var de, en []string
	attempts, connected, all := 0, 0, 0
	for _, t := range o.of(kind) {
		all++
		took := o.took(t)
		if took == 0 || t.Allowed {
			continue
		}
		where := o.where(t)
		de, en = append(de, where.De), append(en, where.En)
		attempts, connected = attempts+t.attempts(), connected+took
	}
	if connected == 0 {
		return v1alpha1.Finding{}, false
	}
	what := kindText(kind)
	return v1alpha1.Finding{
		Required: r.Required,
		Observed: v1alpha1.T(
			fmt.Sprintf("%s: %d von %d Ports nahmen Verbindungen aus Pods des Mandanten an, bei %d von %d Versuchen.", what.De, len(de), all, connected, attempts),
			fmt.Sprintf("%s: %d of %d ports took connections from pods of the tenant, in %d of %d attempts.", what.En, len(de), all, connected, attempts)),
		Object: v1alpha1.T(strings.Join(de, "; "), strings.Join(en, "; ")),
		Remedy: r.Remedy,
	}, true
}

// letPast gathers who was let in without a certificate.
func (r Reach) letPast(o Observation, targets []Target) []v1alpha1.Finding {
	var out []v1alpha1.Finding
	for _, t := range targets {
		for _, a := range o.answers(t) {
			if !a.success() {
				continue // a server with TLS refuses what is in clear, and so does a proxy that finds nobody
			}
			how := v1alpha1.T("über TLS ohne Client-Zertifikat", "over TLS without a client certificate")
			if a.Question == agent.WithoutTLS {
				how = v1alpha1.T("ohne TLS", "without TLS")
			}
			what := kindText(t.Kind)
			out = append(out, v1alpha1.Finding{
				Required: v1alpha1.T("etcd antwortet nur, wer sich mit einem Client-Zertifikat ausweist.", "etcd answers only those who show a client certificate."),
				Observed: v1alpha1.T(fmt.Sprintf("%s antwortete %s (HTTP-Status %d).", what.De, how.De, a.Status), fmt.Sprintf("%s answered %s (HTTP status %d).", what.En, how.En, a.Status)),
				Object:   o.where(t), Remedy: r.Remedy,
			})
			break
		}
	}
	return out
}

// servedControl demands that of each port the node says whether somebody
// listens.
func (r Reach) servedControl(o Observation, targets []Target) v1alpha1.Control {
	known, served := 0, 0
	var missing []Target
	for _, t := range targets {
		switch {
		case t.served():
			known++
			served++
		case t.unserved() && !slices.Contains(r.Always, t.Kind):
			known++
		default:
			missing = append(missing, t)
		}
	}
	c := v1alpha1.Control{
		Name: v1alpha1.T("Pods im Netz der Nodes sagen, wo jemand lauscht", "Pods in the nodes' network say where somebody listens"),
		Held: len(targets) > 0 && known == len(targets),
		Detail: v1alpha1.T(fmt.Sprintf("von %d Ports: %d bekannt, an %d lauscht jemand", len(targets), known, served),
			fmt.Sprintf("of %d ports: %d known, somebody listens on %d", len(targets), known, served)),
	}
	for i, t := range missing {
		if i == 3 {
			break
		}
		w := o.where(t)
		c.Detail.De, c.Detail.En = c.Detail.De+"; nicht bekannt: "+w.De, c.Detail.En+"; not known: "+w.En
	}
	for _, m := range o.Machines {
		if m.HostTrouble != cluster.NoTrouble {
			c.Detail.De += fmt.Sprintf("; auf Node %d lief kein solcher Pod (%s)", m.Node, m.HostTrouble)
			c.Detail.En += fmt.Sprintf("; no such pod ran on node %d (%s)", m.Node, m.HostTrouble)
			if cause, known := check.CauseText(m.HostTrouble.Cause()); known {
				c.Detail.De, c.Detail.En = c.Detail.De+". "+cause.De, c.Detail.En+". "+cause.En
			}
			break
		}
	}
	return c
}

// Credentials is the check that kubelets answer nobody without credentials, and
// nobody whose credentials give no right.
func Credentials(meta check.Meta) *check.Check { return check.Of(meta, Probe, judgeCredentials) }

func judgeCredentials(o Observation) check.Verdict {
	v := check.Verdict{Attempts: 1, Controls: []v1alpha1.Control{o.completeControl()}}
	targets, asked := o.of(Kubelet, KubeletReadOnly), 0
	var de, en []string
	for _, t := range targets {
		row := v1alpha1.MatrixRow{What: o.where(t), Expected: v1alpha1.T("abgewiesen (401 oder 403)", "refused (401 or 403)")}
		if t.Kind == KubeletReadOnly {
			row.Expected = v1alpha1.T("keine Antwort", "no answer")
		}
		var seen []v1alpha1.Text
		refused := map[agent.Question]bool{}
		for _, a := range o.answers(t) {
			q := questionText(a.Question)
			seen = append(seen, v1alpha1.T(fmt.Sprintf("%s: %s", q.De, a.text().De), fmt.Sprintf("%s: %s", q.En, a.text().En)))
			switch {
			case a.success():
				row.Deviates = true
				v.Findings = append(v.Findings, v1alpha1.Finding{
					Required: v1alpha1.T("Das Kubelet weist jede Anfrage ab, die keine gültigen Zugangsdaten mit dem nötigen Recht trägt.", "The kubelet refuses each request that does not bear valid credentials with the right that it needs."),
					Observed: v1alpha1.T(fmt.Sprintf("Abfrage der Pods %s: HTTP-Status %d.", q.De, a.Status), fmt.Sprintf("Request for the pods %s: HTTP status %d.", q.En, a.Status)),
					Object:   o.where(t),
					Remedy: v1alpha1.T("In der Konfiguration des Kubelet (KubeletConfiguration) authentication.anonymous.enabled: false, authentication.webhook.enabled: true, authorization.mode: Webhook und readOnlyPort: 0 setzen und das Kubelet neu starten.",
						"In the kubelet's configuration (KubeletConfiguration) set authentication.anonymous.enabled: false, authentication.webhook.enabled: true, authorization.mode: Webhook and readOnlyPort: 0, and restart the kubelet."),
				})
			case a.Result == agent.Answered && (a.Status == 401 || a.Status == 403):
				refused[a.Question] = true
			}
		}
		row.Observed = joined(seen, v1alpha1.T("keine Antwort", "no answer"))
		v.Matrix = append(v.Matrix, row)
		settled := refused[agent.Anonymous] && refused[agent.WithToken]
		if t.Kind == KubeletReadOnly {
			settled = t.unserved() || t.served() && refused[agent.WithoutTLS]
		}
		if settled {
			asked++
		} else if len(de) < 3 {
			w := o.where(t)
			de, en = append(de, w.De), append(en, w.En)
		}
	}
	c := v1alpha1.Control{
		Name:   v1alpha1.T("Jedes Kubelet wurde ohne Zugangsdaten und mit denen eines Kontos ohne Rechte gefragt", "Each kubelet was asked without credentials and with those of an account without rights"),
		Held:   len(targets) > 0 && asked == len(targets),
		Detail: v1alpha1.T(fmt.Sprintf("%d von %d Ports", asked, len(targets)), fmt.Sprintf("%d of %d ports", asked, len(targets))),
	}
	if !c.Held && len(de) > 0 {
		c.Detail.De, c.Detail.En = c.Detail.De+"; offen: "+strings.Join(de, "; "), c.Detail.En+"; open: "+strings.Join(en, "; ")
	}
	v.Controls = append(v.Controls, c)
	if len(v.Findings) > 0 {
		v.Outcome = v1alpha1.Fail
		return v
	}
	if v, broken := o.troubled(v); broken {
		return v
	}
	v.Outcome = v1alpha1.Pass
	v.Reason = v1alpha1.T(fmt.Sprintf("Keine Abweichung festgestellt: Die Kubelets auf %d von %d Nodes wiesen Anfragen ohne Zugangsdaten und mit dem Token eines Kontos ohne Rechte ab.", o.MachineCount, o.Nodes),
		fmt.Sprintf("No deviation found: the kubelets on %d of %d nodes refused requests without credentials and with the token of an account without rights.", o.MachineCount, o.Nodes))
	return v
}

// Declared is the check that pods reach API servers only where the site says so.
func Declared(meta check.Meta) *check.Check { return check.Of(meta, Probe, judgeDeclared) }

func judgeDeclared(o Observation) check.Verdict {
	targets := o.of(APIServer)
	reach := Reach{
		Required: v1alpha1.T("Pods der Mandanten erreichen API-Server nur, wo die Site-Datei es in allowedPorts mit einem Grund nennt.", "Pods of tenants reach API servers only where the site file names it in allowedPorts, with a reason."),
		Remedy: v1alpha1.T("Den Port der API-Server für Pods sperren (Firewall der Nodes, clusterweite Policy des CNI) und nur für Pods öffnen, die ihn brauchen; oder ihn in der Site-Datei unter allowedPorts mit dem Grund nennen.",
			"Close the API servers' port to pods (the nodes' firewall, a cluster-wide policy of the CNI) and open it only for pods that need it; or name it in the site file under allowedPorts with the reason."),
	}
	reached, declared := 0, 0
	var unproven []Target
	for _, t := range targets {
		switch {
		case o.took(t) > 0 && t.Allowed:
			reached++
			declared++
		case o.took(t) > 0:
			reached++
		case !t.served():
			unproven = append(unproven, t)
		}
	}
	v := check.Verdict{Attempts: fewest(targets), Matrix: rows(o, targets), Controls: []v1alpha1.Control{o.completeControl(), o.networkControl(), o.decoyControl(), o.attemptsControl(targets)},
		Figures: []v1alpha1.Figure{
			{Name: v1alpha1.T("API-Server", "API servers"), Value: float64(len(targets)), Unit: "1"},
			{Name: v1alpha1.T("Davon aus Pods des Mandanten erreichbar", "Of these reachable from pods of the tenant"), Value: float64(reached), Unit: "1"},
		}}
	if o.interposed() {
		return undecided(v, interposedText())
	}
	if f, there := reach.reached(o, APIServer); there {
		if o.AllowedPortsDeclared {
			v.Outcome, v.Findings = v1alpha1.Fail, []v1alpha1.Finding{f}
			return v
		}
		return undecided(v, v1alpha1.T(
			"Pods des Mandanten erreichen API-Server; ob sie das sollen, sagt die Site-Datei nicht. Den Port dort unter allowedPorts mit dem Grund nennen, oder „allowedPorts: []“, wenn kein Pod ihn braucht.",
			"Pods of the tenant reach API servers; whether they should, the site file does not say. Name the port there under allowedPorts with the reason, or write \"allowedPorts: []\" when no pod needs it."))
	}
	if v, broken := o.troubled(v); broken {
		return v
	}
	if len(unproven) > 0 || len(targets) == 0 {
		return undecided(v, v1alpha1.T(
			"API-Server, die Pods des Mandanten nicht erreichten, beantworteten auch keinen Versuch aus dem Netz eines Nodes (oder dort lief kein Pod); ob sie gesperrt sind, ist nicht bewiesen.",
			"API servers that pods of the tenant did not reach answered no attempt from a node's network either (or no pod ran there); that they are closed is not proven."))
	}
	v.Outcome = v1alpha1.Pass
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Keine Abweichung festgestellt: Von %d API-Servern erreichten Pods des Mandanten %d; so viele hat die Site freigegeben.", len(targets), declared),
		fmt.Sprintf("No deviation found: of %d API servers pods of the tenant reached %d; so many the site allows.", len(targets), declared))
	return v
}

// Internet is the check that pods in a node's network have no way to the
// internet.
func Internet(meta check.Meta) *check.Check { return check.Of(meta, Probe, judgeInternet) }

func judgeInternet(o Observation) check.Verdict {
	c := o.Canary
	v := check.Verdict{Controls: []v1alpha1.Control{o.completeControl()}}
	if !c.Given {
		return undecided(v, v1alpha1.T(
			"Die Site-Datei nennt keinen Server im Internet; unter egressCanary Adresse und TCP-Port eines Servers angeben, der stets antwortet.",
			"The site file names no server in the internet; give under egressCanary the address and TCP port of a server that always answers."))
	}
	attempts, connected := 0, 0
	var de, en []string
	closed := len(c.Nodes) > 0 && len(c.Nodes) == o.MachineCount
	interposed := slices.ContainsFunc(c.NodesNowhere, func(k Knock) bool { return k.Connected > 0 })
	alone := 0
	for _, k := range c.Nodes {
		nowhere := of(c.NodesNowhere, k.Pod)
		if nowhere.tried() && nowhere.quiet() {
			alone++
		}
		reached := k.Connected > 0 && nowhere.quiet() && !interposed
		attempts += k.Attempts
		what := v1alpha1.T(fmt.Sprintf("Pod im Netz von Node %d", k.Pod), fmt.Sprintf("pod in the network of node %d", k.Pod))
		if reached {
			connected += k.Connected
			de, en = append(de, what.De), append(en, what.En)
		}
		closed = closed && k.tried()
		if v.Attempts == 0 || k.Attempts < v.Attempts {
			v.Attempts = k.Attempts
		}
		v.Matrix = append(v.Matrix, v1alpha1.MatrixRow{What: what, Expected: v1alpha1.T("keine Verbindung", "no connection"), Observed: k.text(), Deviates: reached})
	}
	tenants := len(c.Tenants) > 0
	for _, k := range c.Tenants {
		nowhere := of(c.TenantsNowhere, k.Pod)
		// Whoever is answered from nowhere was not answered by the server.
		tenants = tenants && k.tried() && k.Connected == k.Attempts && nowhere.tried() && nowhere.quiet()
	}
	runner := c.RunnerBefore == agent.Connected && c.RunnerAfter == agent.Connected && c.RunnerNowhere == agent.TimedOut
	yes := func(b bool) v1alpha1.Text {
		if b {
			return v1alpha1.T("ja", "yes")
		}
		return v1alpha1.T("nein", "no")
	}
	v.Controls = append(v.Controls,
		v1alpha1.Control{Name: v1alpha1.T("Der genannte Server antwortet jemandem, davor und danach", "The server named answers somebody, before and after"), Held: tenants || runner,
			Detail: v1alpha1.T(fmt.Sprintf("Pods des Mandanten: %s; bvc selbst: %s", yes(tenants).De, yes(runner).De), fmt.Sprintf("pods of the tenant: %s; bvc itself: %s", yes(tenants).En, yes(runner).En))},
		v1alpha1.Control{Name: v1alpha1.T("Pods im Netz der Nodes versuchen es weiter", "Pods in the nodes' network go on trying"), Held: closed,
			Detail: v1alpha1.T(fmt.Sprintf("%d Pods, %d Versuche", len(c.Nodes), attempts), fmt.Sprintf("%d pods, %d attempts", len(c.Nodes), attempts))},
		v1alpha1.Control{Name: v1alpha1.T("Eine Adresse, die kein Server hat, nahm dort keine Verbindung an", "An address that no server has took no connection there"), Held: alone > 0 && alone == len(c.Nodes) && alone == len(c.NodesNowhere),
			Detail: v1alpha1.T(fmt.Sprintf("bei %d von %d Pods", alone, len(c.Nodes)), fmt.Sprintf("with %d of %d pods", alone, len(c.Nodes)))})
	if interposed {
		return undecided(v, v1alpha1.T(
			"Auch eine Adresse, die kein Server hat (RFC 5737, RFC 3849), nahm auf diesem Port Verbindungen von Nodes an: Zwischen den Nodes und dem Internet nimmt sie jemand an ihrer Stelle an, etwa ein Proxy oder eine Firewall, und entscheidet erst danach. Unter egressCanary einen Server auf einem Port nennen, für den das nicht gilt, oder die Sperre dort nachweisen.",
			"An address that no server has (RFC 5737, RFC 3849) took connections from nodes on this port as well: somebody between nodes and internet takes them in its place, such as a proxy or a firewall, and decides only afterwards. Name under egressCanary a server on a port for which that is not so, or prove there that the way is closed."))
	}
	if connected > 0 {
		v.Outcome = v1alpha1.Fail
		v.Findings = []v1alpha1.Finding{{
			Required: v1alpha1.T("Zwischen privilegierten Containern und dem Internet gibt es keine Verbindung.", "Between privileged containers and the internet there is no connection."),
			Observed: v1alpha1.T(fmt.Sprintf("Der Server im Internet nahm %d von %d Verbindungen an.", connected, attempts), fmt.Sprintf("The server in the internet took %d of %d connections.", connected, attempts)),
			Object:   v1alpha1.T(strings.Join(de, "; "), strings.Join(en, "; ")),
			Remedy: v1alpha1.T("Auf den Nodes ausgehende Verbindungen ins Internet sperren (Firewall des Rechenzentrums oder der Nodes) und Benötigtes wie Registries über einen Proxy oder Spiegel führen.",
				"Close outgoing connections to the internet on the nodes (the data centre's or the nodes' firewall), and lead what is needed, such as registries, through a proxy or a mirror."),
		}}
		return v
	}
	if v, broken := o.troubled(v); broken {
		return v
	}
	v.Outcome = v1alpha1.Pass
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Keine Abweichung festgestellt: Pods im Netz von %d von %d Nodes erreichten den genannten Server in je mindestens %d Versuchen nicht.", len(c.Nodes), o.Nodes, v.Attempts),
		fmt.Sprintf("No deviation found: pods in the network of %d of %d nodes did not reach the server named, in at least %d attempts each.", len(c.Nodes), o.Nodes, v.Attempts))
	return v
}

func undecided(v check.Verdict, reason v1alpha1.Text) check.Verdict {
	v.Outcome, v.Reason, v.Findings = v1alpha1.Inconclusive, reason, nil
	return v
}

// troubled is the verdict where pods did not run or a control did not hold.
func (o Observation) troubled(v check.Verdict) (check.Verdict, bool) {
	if o.Trouble != cluster.NoTrouble {
		return undecided(v, v1alpha1.T("Die Pods der Sonde liefen nicht: "+string(o.Trouble)+".", "The probe's pods did not run: "+string(o.Trouble)+".")), true
	}
	for _, c := range v.Controls {
		if !c.Held {
			return undecided(v, v1alpha1.T("Eine Kontrolle hielt nicht: "+c.Name.De+" ("+c.Detail.De+").", "A control did not hold: "+c.Name.En+" ("+c.Detail.En+").")), true
		}
	}
	return v, false
}

// of are the targets of the kinds.
func (o Observation) of(kinds ...Kind) []Target {
	var out []Target
	for _, t := range o.Targets {
		if slices.Contains(kinds, t.Kind) {
			out = append(out, t)
		}
	}
	return out
}

func (o Observation) figures() []v1alpha1.Figure {
	return []v1alpha1.Figure{
		{Name: v1alpha1.T("Nodes, an deren Ports geklopft wurde", "Nodes at whose ports was knocked"), Value: float64(o.MachineCount), Unit: "1"},
		{Name: v1alpha1.T("Nodes im Cluster", "Nodes in the cluster"), Value: float64(o.Nodes), Unit: "1"},
	}
}

// completeControl demands everything that was planned, by name: a look that is
// not in the observation was not made.
func (o Observation) completeControl() v1alpha1.Control {
	de, en := "", ""
	miss := func(deText, enText string) {
		if de == "" {
			de, en = deText, enText
		}
	}
	if o.MachineCount < 1 || o.MachineCount != min(o.Nodes, cluster.NodeLimit) || len(o.Machines) != o.MachineCount {
		miss("nicht alle ausgewählten Nodes", "not all selected nodes")
	}
	if o.KnockingPods < 1 || o.KnockingPods != min(o.SchedulableNodes, knockers) {
		miss("nicht alle klopfenden Pods", "not all knocking pods")
	}
	if o.APIServers < 1 || o.APIServers > cluster.MaxAPIServers {
		miss("API-Server nicht bekannt oder zu viele", "API servers not known, or too many")
	}
	if len(o.Controls) != o.KnockingPods {
		miss("Kontrollen der klopfenden Pods", "controls of the knocking pods")
	}
	if !perPod(o.Decoys, o.KnockingPods) || slices.ContainsFunc(o.Decoys, func(k Knock) bool { return !k.whole() }) {
		miss("Versuche an einem Port, an dem niemand lauscht", "attempts at a port on which nobody listens")
	}
	if o.ControlPlanes > 0 && !slices.ContainsFunc(o.Machines, func(m Machine) bool { return m.ControlPlane }) {
		miss("keine Control Plane", "no control plane")
	}
	type key struct {
		kind        Kind
		node, index int
	}
	seen := map[key]bool{}
	for _, t := range o.Targets {
		k := key{t.Kind, t.Node, t.Index}
		if t.Kind == APIServer || t.Kind == Management {
			k.node = 0
		}
		seen[k] = true
		if !o.whole(t) {
			w := o.where(t)
			miss("lückenhaft: "+w.De, "incomplete: "+w.En)
		}
	}
	want, watched := 0, 0
	demand := func(kind Kind, node, count int) {
		for i := range count {
			want++
			if !seen[key{kind, node, i + 1}] {
				w := kindText(kind)
				miss(fmt.Sprintf("%s auf Node %d", w.De, node), fmt.Sprintf("%s on node %d", w.En, node))
			}
		}
	}
	nodes := map[int]bool{}
	for _, m := range o.Machines {
		nodes[m.Node] = m.Node >= 1 && m.Node <= o.MachineCount
		if m.Addresses < 1 {
			miss("Node ohne Adresse", "node without an address")
		}
		if m.HostTrouble == cluster.NoTrouble {
			watched++
		}
		for _, kind := range NodeKinds() {
			demand(kind, m.Node, m.Addresses)
		}
	}
	for i := range o.MachineCount {
		if !nodes[i+1] {
			miss(fmt.Sprintf("Node %d", i+1), fmt.Sprintf("node %d", i+1))
		}
	}
	demand(APIServer, 0, o.APIServers)
	demand(Management, 0, o.ManagementTargets)
	if want != len(o.Targets) {
		miss("andere Ports als geplant", "other ports than planned")
	}
	if c := o.Canary; c.Given && (!perPod(c.Tenants, o.KnockingPods) || len(c.Nodes) != watched || !perPod(c.TenantsNowhere, o.KnockingPods) || len(c.NodesNowhere) != watched) {
		miss("Versuche am Server im Internet", "attempts at the server in the internet")
	}
	c := v1alpha1.Control{Name: v1alpha1.T("Alles Geplante ist in der Beobachtung", "Everything planned is in the observation"), Held: de == "",
		Detail: v1alpha1.T(fmt.Sprintf("%d Ports auf %d Nodes", len(o.Targets), len(o.Machines)), fmt.Sprintf("%d ports on %d nodes", len(o.Targets), len(o.Machines)))}
	if !c.Held {
		c.Detail.De, c.Detail.En = c.Detail.De+"; es fehlt: "+de, c.Detail.En+"; missing: "+en
	}
	return c
}

// whole reports whether every pod's attempts and all answers are there.
func (o Observation) whole(t Target) bool {
	if len(t.Host.Answers) != t.Host.Questions || !perPod(t.Knocks, o.KnockingPods) {
		return false
	}
	return !slices.ContainsFunc(t.Knocks, func(k Knock) bool { return !k.whole() })
}

func (k Knock) whole() bool {
	return len(k.Answers) == k.Questions && k.Attempts == k.Connected+k.Timeout+k.Refused+k.Reset+k.Unreachable+k.Other
}

func perPod(knocks []Knock, pods int) bool {
	if len(knocks) != pods {
		return false
	}
	for i, k := range knocks {
		if k.Pod != i+1 {
			return false
		}
	}
	return true
}

// networkControl demands that the knocking pods' network works all the time.
func (o Observation) networkControl() v1alpha1.Control {
	held := 0
	for i, c := range o.Controls {
		if c.Pod == i+1 && c.First && c.Last && c.Attempts > minAttempts && c.Echoed == c.Attempts {
			held++
		}
	}
	return v1alpha1.Control{
		Name:   v1alpha1.T("Jeder klopfende Pod erreicht einen eigenen Server, davor, dazwischen und danach", "Each knocking pod reaches a server of its own, before, meanwhile and after"),
		Held:   held > 0 && held == o.KnockingPods && held == len(o.Controls),
		Detail: v1alpha1.T(fmt.Sprintf("%d von %d Pods", held, o.KnockingPods), fmt.Sprintf("%d of %d pods", held, o.KnockingPods)),
	}
}

// decoyControl demands that nobody takes connections for a port on which nobody
// listens, as long as the pods knock.
func (o Observation) decoyControl() v1alpha1.Control {
	held := 0
	for _, d := range o.Decoys {
		if d.tried() && d.quiet() {
			held++
		}
	}
	return v1alpha1.Control{
		Name:   v1alpha1.T("Ein Port, an dem niemand lauscht, nahm von keinem klopfenden Pod eine Verbindung an", "A port on which nobody listens took no connection from any knocking pod"),
		Held:   held > 0 && held == o.KnockingPods && held == len(o.Decoys),
		Detail: v1alpha1.T(fmt.Sprintf("bei %d von %d Pods", held, o.KnockingPods), fmt.Sprintf("with %d of %d pods", held, o.KnockingPods)),
	}
}

func (o Observation) attemptsControl(targets []Target) v1alpha1.Control {
	held := 0
	for _, t := range targets {
		if !slices.ContainsFunc(t.Knocks, func(k Knock) bool { return !k.tried() }) && len(t.Knocks) > 0 {
			held++
		}
	}
	c := v1alpha1.Control{
		Name:   v1alpha1.T("An jedem Port wurde oft genug geklopft", "Each port was knocked at often enough"),
		Held:   held > 0 && held == len(targets) && o.WindowSeconds >= minWindow,
		Detail: v1alpha1.T(fmt.Sprintf("%d von %d Ports, in %.0f s", held, len(targets), o.WindowSeconds), fmt.Sprintf("%d of %d ports, in %.0f s", held, len(targets), o.WindowSeconds)),
	}
	return c
}

// quiet reports whether some attempt was made and none ended in a connection. A
// refusal and silence say the same: nobody took it.
func (k Knock) quiet() bool { return k.Connected == 0 && k.Attempts > k.Other }

// success reports whether the question was answered with what was asked for.
func (a Answer) success() bool { return a.Result == agent.Answered && a.Status/100 == 2 }

// tried reports whether the attempts say something.
func (k Knock) tried() bool { return k.Attempts >= minAttempts && k.Missing == 0 && k.Other == 0 }

func (t Target) attempts() int {
	sum := 0
	for _, k := range t.Knocks {
		sum += k.Attempts
	}
	return sum
}

func (t Target) connected() int {
	sum := 0
	for _, k := range t.Knocks {
		sum += k.Connected
	}
	return sum
}

// of gives what a pod saw; what is not there was not tried.
func of(knocks []Knock, pod int) Knock {
	for _, k := range knocks {
		if k.Pod == pod {
			return k
		}
	}
	return Knock{}
}

// took counts the connections that the port itself took: none of those that
// somebody takes for every port, or that no socket of the node took. From a pod
// without a word on its decoy that is not known of any.
func (o Observation) took(t Target) int {
	if t.nobody() || o.interposed() {
		return 0
	}
	sum := 0
	for _, k := range t.Knocks {
		if of(o.Decoys, k.Pod).quiet() {
			sum += k.Connected
		}
	}
	return sum
}

// answers are those to all who asked, but for pods where somebody else answers
// with success, as the decoy shows.
func (o Observation) answers(t Target) []Answer {
	out := slices.Clone(t.Host.Answers)
	for _, k := range t.Knocks {
		if !slices.ContainsFunc(of(o.Decoys, k.Pod).Answers, Answer.success) {
			out = append(out, k.Answers...)
		}
	}
	return out
}

// served reports whether something listened at the address all the time; of
// what has no table to look at, whether it answered a node.
func (t Target) served() bool {
	if t.Kind == APIServer || t.Kind == Management {
		return t.Host.Dialled == agent.Connected
	}
	return t.Host.LookedAfter && t.Host.Looks >= minLooks && t.Host.OnNode == t.Host.Looks
}

// unserved reports whether nothing did, and neither the node itself nor a pod
// got an answer.
func (t Target) unserved() bool {
	return t.connected() == 0 && t.Host.LookedAfter && t.Host.Looks >= minLooks && t.Host.OnNode == 0 && t.Host.OnOther == 0 && t.Host.Dialled != "" && t.Host.Dialled != agent.Connected
}

// nobody reports whether, as its node says, no socket took what came to the port.
func (t Target) nobody() bool {
	return t.Kind != APIServer && t.Kind != Management &&
		t.Host.LookedAfter && t.Host.Looks >= minLooks && t.Host.OnNode+t.Host.OnLoopback+t.Host.OnOther == 0
}

// interposed reports whether somebody on the way takes connections in the
// place of those who are dialled, as the proxies of meshes do: a decoy took one,
// or most ports at which nobody listens did, which only nodes tell. That a port
// took one says nothing then.
func (o Observation) interposed() bool {
	if slices.ContainsFunc(o.Decoys, func(k Knock) bool { return k.Connected > 0 }) {
		return true
	}
	taken, all := 0, 0
	for _, t := range o.Targets {
		if t.nobody() {
			all++
			if t.connected() > 0 {
				taken++
			}
		}
	}
	return 2*taken > all
}

func interposedText() v1alpha1.Text {
	return v1alpha1.T(
		"Auch Ports, an denen niemand lauscht, nahmen Verbindungen an: Zwischen dem Pod und den Nodes nimmt jemand sie an ihrer Stelle an, etwa der Proxy eines Service Mesh. Für den ersten Namensraum des Mandanten das Mesh ausschalten und den Lauf wiederholen.",
		"Ports on which nobody listens took connections as well: somebody between pod and nodes takes them in their place, such as the proxy of a service mesh. Switch the mesh off for the tenant's first namespace and repeat the run.")
}

// fewest attempts of a pod at any of the targets.
func fewest(targets []Target) int {
	least := -1
	for _, t := range targets {
		for _, k := range t.Knocks {
			if least < 0 || k.Attempts < least {
				least = k.Attempts
			}
		}
	}
	return max(least, 0)
}

// rows set what is expected of each port beside what came.
func rows(o Observation, targets []Target) []v1alpha1.MatrixRow {
	out := make([]v1alpha1.MatrixRow, 0, len(targets))
	for _, t := range targets {
		r := v1alpha1.MatrixRow{What: o.where(t), Expected: v1alpha1.T("keine Verbindung", "no connection"), Deviates: o.took(t) > 0 && !t.Allowed}
		if t.Kind == APIServer && !o.AllowedPortsDeclared {
			r.Expected, r.Deviates = v1alpha1.T("von der Site nicht gesagt", "not said by the site"), false
		}
		if t.Allowed {
			r.Expected = v1alpha1.T("von der Site erlaubt", "allowed by the site")
		}
		r.Observed = v1alpha1.T(fmt.Sprintf("%d von %d Versuchen verbunden; %s", t.connected(), t.attempts(), t.host().De), fmt.Sprintf("%d of %d attempts connected; %s", t.connected(), t.attempts(), t.host().En))
		out = append(out, r)
	}
	return out
}

// host says what the node told of the port.
func (t Target) host() v1alpha1.Text {
	switch {
	case t.served() && (t.Kind == APIServer || t.Kind == Management):
		return v1alpha1.T("einem Node antwortet er", "it answers a node")
	case t.Kind == APIServer || t.Kind == Management:
		return v1alpha1.T("auch einem Node antwortete er nicht (oder dort lief kein Pod)", "it did not answer a node either (or no pod ran there)")
	case t.served():
		return v1alpha1.T("auf dem Node lauscht jemand", "somebody listens on the node")
	case t.unserved() && t.Host.OnLoopback > 0:
		return v1alpha1.T("der Dienst lauscht nur für den Node selbst", "the service listens for the node itself only")
	case t.unserved():
		return v1alpha1.T("auf dem Node lauscht niemand", "nobody listens on the node")
	}
	return v1alpha1.T("ob auf dem Node jemand lauscht, ist nicht bekannt", "whether somebody listens on the node is not known")
}

func (k Knock) text() v1alpha1.Text {
	return v1alpha1.T(fmt.Sprintf("%d von %d Versuchen verbunden", k.Connected, k.Attempts), fmt.Sprintf("%d of %d attempts connected", k.Connected, k.Attempts))
}

func (a Answer) text() v1alpha1.Text {
	if a.Result == agent.Answered {
		return v1alpha1.T(fmt.Sprintf("HTTP-Status %d", a.Status), fmt.Sprintf("HTTP status %d", a.Status))
	}
	return v1alpha1.T("keine Antwort ("+string(a.Result)+")", "no answer ("+string(a.Result)+")")
}

func joined(texts []v1alpha1.Text, none v1alpha1.Text) v1alpha1.Text {
	if len(texts) == 0 {
		return none
	}
	var out v1alpha1.Text
	for i, t := range texts {
		if i > 0 {
			out.De, out.En = out.De+"; ", out.En+"; "
		}
		out.De, out.En = out.De+t.De, out.En+t.En
	}
	return out
}

// where names a target without its address.
func (o Observation) where(t Target) v1alpha1.Text {
	what := kindText(t.Kind)
	switch t.Kind {
	case APIServer, Management:
		return v1alpha1.T(fmt.Sprintf("%s %d (TCP %d)", what.De, t.Index, t.Port), fmt.Sprintf("%s %d (TCP %d)", what.En, t.Index, t.Port))
	}
	role := ""
	if slices.ContainsFunc(o.Machines, func(m Machine) bool { return m.Node == t.Node && m.ControlPlane }) {
		role = " (Control Plane)"
	}
	address := v1alpha1.Text{}
	if t.Index > 1 {
		address = v1alpha1.T(fmt.Sprintf(", Adresse %d", t.Index), fmt.Sprintf(", address %d", t.Index))
	}
	return v1alpha1.T(fmt.Sprintf("Node %d%s%s: %s, TCP %d", t.Node, role, address.De, what.De, t.Port), fmt.Sprintf("node %d%s%s: %s, TCP %d", t.Node, strings.ToLower(role), address.En, what.En, t.Port))
}

func kindText(k Kind) v1alpha1.Text {
	switch k {
	case SSH:
		return v1alpha1.T("SSH", "SSH")
	case Kubelet:
		return v1alpha1.T("Kubelet", "kubelet")
	case KubeletReadOnly:
		return v1alpha1.T("Kubelet, nur lesend", "kubelet, read-only")
	case EtcdClient:
		return v1alpha1.T("etcd für Clients", "etcd for clients")
	case EtcdPeer:
		return v1alpha1.T("etcd für andere etcd", "etcd for its peers")
	case EtcdMetrics:
		return v1alpha1.T("Metriken von etcd", "etcd's metrics")
	case ControllerManager:
		return v1alpha1.T("Controller Manager", "controller manager")
	case Scheduler:
		return v1alpha1.T("Scheduler", "scheduler")
	case Runtime:
		return v1alpha1.T("Runtime ohne TLS", "runtime without TLS")
	case RuntimeTLS:
		return v1alpha1.T("Runtime mit TLS", "runtime with TLS")
	case APIServer:
		return v1alpha1.T("API-Server", "API server")
	case Management:
		return v1alpha1.T("Ziel der Site", "target of the site")
	}
	return v1alpha1.T("unbekannter Port", "unknown port")
}

func questionText(q agent.Question) v1alpha1.Text {
	switch q {
	case agent.Anonymous:
		return v1alpha1.T("ohne Zugangsdaten", "without credentials")
	case agent.WithToken:
		return v1alpha1.T("mit dem Token eines Kontos ohne Rechte", "with the token of an account without rights")
	case agent.WithoutTLS:
		return v1alpha1.T("ohne TLS", "without TLS")
	}
	return v1alpha1.T("auf andere Weise", "in another way")
}
