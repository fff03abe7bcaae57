package app44

import (
	"fmt"
	"slices"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

var _ = check.Register(check.Of(check.Meta{
	ID: "APP.4.4.A7/network-policy-enforced",
	Title: v1alpha1.T(
		"NetworkPolicies wirken auf jedem Node, auf demselben und zwischen verschiedenen",
		"NetworkPolicies take effect on every node, on the same one and between different ones"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.2", Decides: v1alpha1.Part},
		{Statement: "APP.4.4.A7-UA.3", Decides: v1alpha1.Part},
		// Where a policy does not take effect, no isolation by policies does.
		{Statement: "SOUVAP.7.3.3.4.5-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.8.2-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.11-UA.3", Decides: v1alpha1.Part},
	},
}, reachability.Probe, judgePolicyEnforced))

var _ = check.Register(admission.Rule{
	Fault: admission.FaultHostPorts,
	With:  v1alpha1.T("mit einem hostPort", "with a hostPort"),
	Remedy: v1alpha1.T(
		"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „baseline“ oder „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine die Regel zu hostPort durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
		"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"baseline\" or \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch the rule on hostPort in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
}.Checks(check.Meta{
	ID: "APP.4.4.A7/host-ports-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt Pods mit hostPort nicht an",
		"The cluster does not admit pods with a hostPort"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.2", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.10-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{"101 (hostPort)"},
})...)

// networkRemedy is for what a CNI does not do.
func networkRemedy() v1alpha1.Text {
	return v1alpha1.T(
		"Ein CNI-Plugin einsetzen, das NetworkPolicies vollständig durchsetzt, und seine Einstellungen und seinen Policy-Agenten prüfen. Übergeordnete Regeln, die Zugriffe freigeben (AdminNetworkPolicy, eigene Ressourcen des CNI), prüfen.",
		"Use a CNI plugin that enforces NetworkPolicies completely, and look at its settings and its policy agent. Look at overriding rules that grant access (AdminNetworkPolicy, the CNI's own resources).")
}

var _ = check.Register(reachability.Dimension{
	Of: func(e reachability.Expectation) bool {
		return (e.Stage == reachability.StageDenied || e.Stage == reachability.StageNamespaceLabel) && (e.Way == reachability.UDP || e.Way == reachability.OtherUDP) && e.Who != reachability.Keeper
	},
	Required: v1alpha1.T(
		"Eine NetworkPolicy sperrt und öffnet UDP wie TCP.",
		"A NetworkPolicy closes and opens UDP as it does TCP."),
	Remedy: networkRemedy(),
}.Check(check.Meta{
	ID: "APP.4.4.A7/network-policy-enforced-for-udp",
	Title: v1alpha1.T(
		"NetworkPolicies wirken auch auf UDP",
		"NetworkPolicies take effect on UDP as well"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.2", Decides: v1alpha1.Part},
		{Statement: "APP.4.4.A7-UA.3", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(reachability.Dimension{
	Of: func(e reachability.Expectation) bool {
		switch e.Stage {
		case reachability.StagePodLabel:
			return e.Who == reachability.GoodLocal
		case reachability.StageNamespaceLabel:
			return e.Who != reachability.Keeper && (e.Way == reachability.OtherTCP || e.Open && e.Way == reachability.TCP)
		}
		return false
	},
	Required: v1alpha1.T(
		"Eine NetworkPolicy, die einen Port freigibt, öffnet keinen anderen.",
		"A NetworkPolicy that allows one port opens no other."),
	Remedy: networkRemedy(),
}.Check(check.Meta{
	ID: "APP.4.4.A7/network-policy-tells-ports",
	Title: v1alpha1.T(
		"NetworkPolicies öffnen nur den genannten Port",
		"NetworkPolicies open only the port that they name"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.2", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(reachability.Dimension{
	Of: func(e reachability.Expectation) bool {
		if e.Way != reachability.TCP {
			return false
		}
		switch e.Stage {
		case reachability.StagePodLabel:
			return e.Who == reachability.GoodLocal || e.Who == reachability.Good
		case reachability.StageNamespaceLabel:
			return e.Who != reachability.Keeper
		case reachability.StageBothLabels:
			return e.Who == reachability.Good || e.Who == reachability.GoodLocal
		}
		return false
	},
	Required: v1alpha1.T(
		"Eine NetworkPolicy, die Pods eines Namespace zulässt, lässt keine eines anderen zu.",
		"A NetworkPolicy that lets pods of one namespace in lets in none of another."),
	Remedy: networkRemedy(),
}.Check(check.Meta{
	ID: "APP.4.4.A7/network-policy-tells-namespaces",
	Title: v1alpha1.T(
		"NetworkPolicies unterscheiden Namespaces",
		"NetworkPolicies tell namespaces apart"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.3", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.11-UA.3", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(reachability.Dimension{
	Of: func(e reachability.Expectation) bool {
		switch e.Stage {
		case reachability.StageUpdated, reachability.StageRelabelled:
			return e.Who != reachability.Keeper
		case reachability.StageDenied:
			return e.Who != reachability.Keeper && e.Way == reachability.TCP
		}
		return false
	},
	Required: v1alpha1.T(
		"Eine geänderte und eine gelöschte NetworkPolicy und ein geändertes Label eines Pods wirken auf laufende Pods.",
		"A changed and a deleted NetworkPolicy and a changed label of a pod take effect on running pods."),
	Remedy: networkRemedy(),
}.Check(check.Meta{
	ID: "APP.4.4.A7/network-policy-changes-take-effect",
	Title: v1alpha1.T(
		"Geänderte und gelöschte NetworkPolicies und geänderte Labels wirken auf laufende Pods",
		"Changed and deleted NetworkPolicies and changed labels take effect on running pods"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.3", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(reachability.Dimension{
	Of: func(e reachability.Expectation) bool {
		return e.Stage == reachability.StageEgress && e.Who != reachability.Keeper && e.Way != reachability.UDP
	},
	Required: v1alpha1.T(
		"Eine NetworkPolicy für ausgehenden Verkehr lässt nur das genannte Ziel zu, auch wenn der Server jedem offen steht.",
		"A NetworkPolicy on outgoing traffic allows only the target that it names, also when the server is open to everybody."),
	Remedy: networkRemedy(),
}.Check(check.Meta{
	ID: "APP.4.4.A7/egress-policy-enforced",
	Title: v1alpha1.T(
		"NetworkPolicies wirken auf ausgehenden Verkehr",
		"NetworkPolicies take effect on outgoing traffic"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.3", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A5-UA.3", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(reachability.Dimension{
	Of: func(e reachability.Expectation) bool {
		return e.Stage == reachability.StageDenied && e.Way == reachability.Service && e.Who != reachability.Keeper
	},
	Required: v1alpha1.T(
		"Wen eine NetworkPolicy vom Pod aussperrt, den führt auch die Adresse eines Service nicht hin.",
		"Whom a NetworkPolicy shuts out from a pod is not led there by the address of a Service either."),
	Remedy: networkRemedy(),
}.Check(check.Meta{
	ID: "APP.4.4.A7/service-address-no-bypass",
	Title: v1alpha1.T(
		"Die Adresse eines Service umgeht NetworkPolicies nicht",
		"The address of a Service does not bypass NetworkPolicies"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.3", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(reachability.Dimension{
	Of: func(e reachability.Expectation) bool {
		return e.Stage == reachability.StageDenied && e.Way.OnNode()
	},
	Required: v1alpha1.T(
		"Wen eine NetworkPolicy vom Pod aussperrt, den führt auch der NodePort oder Host-Port an einem Node nicht hin.",
		"Whom a NetworkPolicy shuts out from a pod is not led there by a node port or host port either."),
	Remedy: v1alpha1.T(
		"Mandanten keine Services mit NodePort geben (ResourceQuota services.nodeports: 0 oder eine Policy) und keine Pods mit Host-Port, oder ein CNI-Plugin einsetzen, das NetworkPolicies auch auf Verkehr über Adressen der Nodes anwendet.",
		"Give tenants no Services with a node port (ResourceQuota services.nodeports: 0, or a policy) and no pods with a host port, or use a CNI plugin that applies NetworkPolicies to traffic by addresses of nodes as well."),
}.Check(check.Meta{
	ID: "APP.4.4.A7/node-port-no-bypass",
	Title: v1alpha1.T(
		"Weder NodePort noch Host-Port umgehen NetworkPolicies",
		"Neither node ports nor host ports bypass NetworkPolicies"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.2", Decides: v1alpha1.Part},
		{Statement: "APP.4.4.A7-UA.3", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(reachability.Dimension{
	Default: true,
	Of: func(e reachability.Expectation) bool {
		return e.Stage == reachability.StageBareServers && (e.Who == reachability.Good || e.Who == reachability.Other)
	},
	Required: v1alpha1.T(
		"Pods, für die niemand eine NetworkPolicy angelegt hat, sind aus den Namespaces anderer Mandanten nicht zu erreichen.",
		"Pods for which nobody made a NetworkPolicy can not be reached from the namespaces of other tenants."),
	Remedy: v1alpha1.T(
		"Jedem Namespace der Mandanten bei seiner Anlage eine NetworkPolicy geben, die eingehenden Verkehr sperrt (podSelector: {}, policyTypes: [Ingress, Egress]), etwa erzeugt von der Policy-Engine, oder eine clusterweite Grundsperre einrichten, die NetworkPolicies der Mandanten öffnen (BaselineAdminNetworkPolicy). Wo eine Regel sperrt, die Mandanten nicht öffnen können (Deny einer AdminNetworkPolicy), kann diese Prüfung nichts feststellen.",
		"Give each namespace of tenants at its making a NetworkPolicy that closes incoming traffic (podSelector: {}, policyTypes: [Ingress, Egress]), such as one generated by the policy engine, or set up a cluster-wide default deny that NetworkPolicies of tenants open (BaselineAdminNetworkPolicy). Where a rule closes that tenants can not open (Deny of an AdminNetworkPolicy), this check can not tell anything."),
}.Check(check.Meta{
	ID: "APP.4.4.A7/default-deny-between-namespaces",
	Title: v1alpha1.T(
		"Zwischen Namespaces der Mandanten ist Verkehr von vornherein gesperrt",
		"Traffic between the tenants' namespaces is closed from the outset"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.3", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.4.5-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.8.2-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.11-UA.3", Decides: v1alpha1.Part},
	},
}))

var _ = check.Register(check.Of(check.Meta{
	ID: "APP.4.4.A7/fresh-namespace-default-deny",
	Title: v1alpha1.T(
		"Auch zwischen neuen Namespaces, die niemand vorbereitet hat, ist Verkehr gesperrt",
		"Traffic is closed between fresh namespaces, too, that nobody prepared"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A7-UA.3", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.11-UA.3", Decides: v1alpha1.Part},
	},
}, reachability.FreshProbe, reachability.JudgeFresh(
	v1alpha1.T(
		"Ein neuer Namespace ist von anderen aus nicht zu erreichen, bis sein Mandant es zulässt.",
		"A fresh namespace can not be reached from others until its tenant allows it."),
	v1alpha1.T(
		"Die Grundsperre mit dem Namespace anlegen (NetworkPolicy, erzeugt von der Policy-Engine oder der Vorlage der Plattform) oder clusterweit so einrichten, dass NetworkPolicies der Mandanten sie öffnen (BaselineAdminNetworkPolicy). Wo eine Regel sperrt, die Mandanten nicht öffnen können (Deny einer AdminNetworkPolicy), kann diese Prüfung nichts feststellen.",
		"Make the default deny together with the namespace (NetworkPolicy, generated by the policy engine or the platform's template), or set it up cluster-wide in a way that NetworkPolicies of tenants open it (BaselineAdminNetworkPolicy). Where a rule closes that tenants can not open (Deny of an AdminNetworkPolicy), this check can not tell anything."))))

// place is one direction of measurement: a server and whether its clients run
// on the same node or on all others.
type place struct {
	server int
	same   bool
}

func (p place) text() v1alpha1.Text {
	if p.same {
		return v1alpha1.T(fmt.Sprintf("Server auf Worker %d, Client auf demselben Node", p.server),
			fmt.Sprintf("server on worker %d, client on the same node", p.server))
	}
	return v1alpha1.T(fmt.Sprintf("Server auf Worker %d, Client auf einem anderen Node", p.server),
		fmt.Sprintf("server on worker %d, client on another node", p.server))
}

func placeOf(p reachability.Pair) place { return place{p.Server, p.Server == p.Client} }

// places of all nodes, in a fixed order.
func places(nodes int) []place {
	var out []place
	for s := 1; s <= nodes; s++ {
		out = append(out, place{s, true})
		if nodes > 1 {
			out = append(out, place{s, false})
		}
	}
	return out
}

func judgePolicyEnforced(o reachability.Observation) check.Verdict {
	v := check.Verdict{Controls: controlsOf(o)}
	closed := phaseOf(o, reachability.Closed)
	leaks := map[place]leak{}
	if closed != nil {
		v.Attempts, v.Matrix = fewestAttempts(closed.Pairs), rowsOf(o, *closed)
		v.Figures = []v1alpha1.Figure{
			{Name: v1alpha1.T("Gemessene Nodes", "Measured nodes"), Value: float64(o.MeasuredNodes), Unit: "1"},
			{Name: v1alpha1.T("Zeit, bis alle Pfade der geänderten Policy folgten (oder Ende des Wartens)", "Time until all paths followed the changed policy (or end of waiting)"), Value: closed.SettleSeconds, Unit: "s"},
		}
		leaks = leaksOf(*closed)
	}
	if len(leaks) > 0 {
		// Policies add up, so a foreign one that lets the client in explains the
		// way through; only without any is it the network's fault.
		if o.OtherOpenings != 0 {
			return inconclusive(v, v1alpha1.T(
				"Trotz Sperre war ein Server erreichbar, doch im Namespace kann eine weitere NetworkPolicy den Weg öffnen (oder dies war nicht feststellbar).",
				"A server was reachable although closed, but another NetworkPolicy in the namespace may open the way (or that could not be told)."))
		}
		v.Outcome, v.Findings = v1alpha1.Fail, findingsOf(o, leaks)
		return v
	}
	if o.Trouble != cluster.NoTrouble {
		return inconclusive(v, v1alpha1.T("Die Pods der Sonde liefen nicht: "+string(o.Trouble)+".", "The probe's pods did not run: "+string(o.Trouble)+"."))
	}
	for _, c := range v.Controls {
		if !c.Held {
			reason := v1alpha1.T("Eine Kontrolle hielt nicht: "+c.Name.De+" ("+c.Detail.De+").", "A control did not hold: "+c.Name.En+" ("+c.Detail.En+").")
			if neverOpened(o) {
				reason = reachability.NeverOpened(reason)
			}
			return inconclusive(v, reason)
		}
	}
	if o.MeasuredNodes < 2 {
		return inconclusive(v, v1alpha1.T(
			"Nur ein Node nimmt Pods auf; ob NetworkPolicies zwischen Nodes wirken, war nicht zu beobachten.",
			"Only one node takes pods; whether NetworkPolicies take effect between nodes could not be observed."))
	}
	v.Outcome = v1alpha1.Pass
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Auf %d von %d Nodes sperrte und öffnete die NetworkPolicy jeden Pfad, auf demselben Node und zwischen Nodes; je gesperrtem Pfad mindestens %d Versuche, keiner kam an.", o.MeasuredNodes, o.SchedulableNodes, v.Attempts),
		fmt.Sprintf("On %d of %d nodes the NetworkPolicy closed and opened every path, on the same node and between nodes; at least %d attempts on each closed path, none arrived.", o.MeasuredNodes, o.SchedulableNodes, v.Attempts))
	return v
}

// neverOpened reports that some client tried a server before the block, and
// nothing came.
func neverOpened(o reachability.Observation) bool {
	before := phaseOf(o, reachability.OpenBefore)
	return before != nil && slices.ContainsFunc(before.Pairs, func(p reachability.Pair) bool {
		return p.Attempts >= reachability.MinAttempts && p.Missing == 0 && p.Other == 0 && p.Echoed == 0 && p.SeenByServer == 0
	})
}

func inconclusive(v check.Verdict, reason v1alpha1.Text) check.Verdict {
	v.Outcome, v.Reason, v.Findings = v1alpha1.Inconclusive, reason, nil
	return v
}

// leak counts what came through where nothing should.
type leak struct {
	attempts, echoed, seen int
	// after is how many seconds the policy had been changed when counting began.
	after float64
}

// leaksOf adds up, for each place, what the shut-out clients got through.
func leaksOf(closed reachability.Phase) map[place]leak {
	leaks := map[place]leak{}
	if !closed.PolicyAccepted {
		return leaks
	}
	sums := map[place]leak{}
	for _, p := range closed.Pairs {
		if p.Role != reachability.Client {
			continue
		}
		l := sums[placeOf(p)]
		l.after = closed.SettleSeconds
		l.attempts, l.echoed, l.seen = l.attempts+p.Attempts, l.echoed+p.Echoed, l.seen+p.SeenByServer
		sums[placeOf(p)] = l
	}
	for place, l := range sums {
		if l.echoed > 0 || l.seen > 0 {
			leaks[place] = l
		}
	}
	return leaks
}

// rowsOf sets for each place what the policy asks of the client that it shuts
// out, and of the one that it lets in, beside what was observed.
func rowsOf(o reachability.Observation, closed reachability.Phase) []v1alpha1.MatrixRow {
	var rows []v1alpha1.MatrixRow
	for _, at := range places(min(o.MeasuredNodes, cluster.NodeLimit)) {
		where := at.text()
		for _, role := range []struct {
			of             reachability.Role
			what, expected v1alpha1.Text
		}{
			{reachability.Client, v1alpha1.T("ausgesperrter Client", "client that is shut out"), v1alpha1.T("gesperrt", "closed")},
			{reachability.Allowed, v1alpha1.T("zugelassener Client", "client that is allowed"), v1alpha1.T("offen", "open")},
		} {
			r := v1alpha1.MatrixRow{What: v1alpha1.T(where.De+": "+role.what.De, where.En+": "+role.what.En),
				Expected: role.expected, Observed: v1alpha1.T("nicht beobachtet", "not observed")}
			var sum leak
			clients := map[int]bool{}
			for _, p := range closed.Pairs {
				if p.Role == role.of && placeOf(p) == at {
					clients[p.Client] = true
					sum.attempts, sum.echoed, sum.seen = sum.attempts+p.Attempts, sum.echoed+p.Echoed, sum.seen+p.SeenByServer
				}
			}
			want := 1
			if !at.same {
				want = o.MeasuredNodes - 1
			}
			if len(clients) == want && closed.PolicyAccepted {
				r.Observed = v1alpha1.T(fmt.Sprintf("von %d Versuchen %d angekommen, %d beantwortet", sum.attempts, sum.seen, sum.echoed),
					fmt.Sprintf("of %d attempts %d arrived, %d answered", sum.attempts, sum.seen, sum.echoed))
				r.Deviates = role.of == reachability.Client && (sum.echoed > 0 || sum.seen > 0)
			}
			rows = append(rows, r)
		}
	}
	return rows
}

func findingsOf(o reachability.Observation, leaks map[place]leak) []v1alpha1.Finding {
	all := places(o.MeasuredNodes)
	var findings []v1alpha1.Finding
	if len(leaks) == len(all) {
		var sum leak
		for _, l := range leaks {
			sum.after = l.after
			sum.attempts, sum.echoed, sum.seen = sum.attempts+l.attempts, sum.echoed+l.echoed, sum.seen+l.seen
		}
		return []v1alpha1.Finding{finding(sum, v1alpha1.T(
			"auf jedem gemessenen Node, auf demselben Node und zwischen Nodes", "on every measured node, on the same node and between nodes"),
			v1alpha1.T("Prüfserver auf allen gemessenen Workern", "probe servers on all measured workers"))}
	}
	for _, place := range all {
		if l, there := leaks[place]; there {
			findings = append(findings, finding(l, place.text(), serverOn(place.server)))
		}
	}
	if len(findings) == 0 { // places beyond the measured nodes: a broken observation
		for place, l := range leaks {
			findings = append(findings, finding(l, place.text(), serverOn(place.server)))
			break
		}
	}
	return findings
}

func serverOn(worker int) v1alpha1.Text {
	return v1alpha1.T(fmt.Sprintf("Prüfserver auf Worker %d", worker), fmt.Sprintf("probe server on worker %d", worker))
}

func finding(l leak, where, object v1alpha1.Text) v1alpha1.Finding {
	return v1alpha1.Finding{
		Required: v1alpha1.T(
			"Eine NetworkPolicy, die einen Client nicht zulässt, sperrt ihn vom Server aus.",
			"A NetworkPolicy that does not let a client in shuts it out from the server."),
		Observed: v1alpha1.T(
			fmt.Sprintf("Abweichung (%s): Ab %.0f s nach der Änderung der NetworkPolicy wurden von %d Versuchen des ausgesperrten Clients %d beantwortet, %d erreichten den Server.", where.De, l.after, l.attempts, l.echoed, l.seen),
			fmt.Sprintf("Deviation (%s): from %.0f s after the change of the NetworkPolicy on, of %d attempts of the client that was shut out %d were answered and %d reached the server.", where.En, l.after, l.attempts, l.echoed, l.seen)),
		Object: object,
		Remedy: v1alpha1.T(
			"Ein CNI-Plugin einsetzen, das NetworkPolicies auf allen Nodes durchsetzt; auf betroffenen Nodes den Policy-Agenten des CNI prüfen. Übergeordnete Regeln, die Zugriffe freigeben (AdminNetworkPolicy, eigene Ressourcen des CNI), prüfen.",
			"Use a CNI plugin that enforces NetworkPolicies on all nodes; on the nodes concerned look at the CNI's policy agent. Look at overriding rules that grant access (AdminNetworkPolicy, the CNI's own resources)."),
	}
}

func phaseOf(o reachability.Observation, name reachability.PhaseName) *reachability.Phase {
	for i := range o.Phases {
		if o.Phases[i].Name == name {
			return &o.Phases[i]
		}
	}
	return nil
}

func fewestAttempts(pairs []reachability.Pair) int {
	fewest := -1
	for _, p := range pairs {
		if p.Role == reachability.Client && (fewest < 0 || p.Attempts < fewest) {
			fewest = p.Attempts
		}
	}
	return max(fewest, 0)
}

// controlsOf gives what must hold for silence in the closed window to mean a
// block. Each control demands its pairs by name, so that a pair that is not in
// the observation is a control that did not hold.
func controlsOf(o reachability.Observation) []v1alpha1.Control {
	both := []reachability.Role{reachability.Client, reachability.Allowed}
	complete := func(p reachability.Pair) string {
		switch {
		case p.Attempts < reachability.MinAttempts || p.Attempts != p.Echoed+p.Timeout+p.Refused+p.Reset+p.Unreachable+p.Other:
			return "attempts"
		case p.Missing != 0:
			return "missing"
		}
		return ""
	}
	open := func(p reachability.Pair) string {
		switch {
		case complete(p) != "":
			return complete(p)
		case p.LastEchoed < reachability.MinAttempts || p.LastEchoed > p.Echoed:
			return "echo"
		case !p.ServerLogComplete || p.SeenByServer < p.Echoed:
			return "log"
		}
		return ""
	}
	return []v1alpha1.Control{
		nodesControl(o),
		control(o, reachability.OpenBefore, both, 0, v1alpha1.T("Vor der Sperre steht jeder Pfad offen", "Before the block every path is open"), open),
		control(o, reachability.Closed, []reachability.Role{reachability.Allowed}, reachability.MinWindow,
			v1alpha1.T("Während der Sperre erreicht der zugelassene Client jeden Server", "During the block the allowed client reaches every server"), open),
		control(o, reachability.Closed, []reachability.Role{reachability.Client}, reachability.MinWindow,
			v1alpha1.T("Während der Sperre versucht es der ausgesperrte Client weiter", "During the block the shut-out client goes on trying"),
			func(p reachability.Pair) string {
				switch {
				case complete(p) != "":
					return complete(p)
				case p.Other != 0:
					return "other"
				case !p.ServerLogComplete:
					return "log"
				}
				return ""
			}),
		control(o, reachability.OpenAgain, both, 0, v1alpha1.T("Nach der Sperre steht jeder Pfad wieder offen", "After the block every path is open again"), open),
	}
}

func nodesControl(o reachability.Observation) v1alpha1.Control {
	return v1alpha1.Control{
		Name: v1alpha1.T("Alle ausgewählten Nodes wurden gemessen", "All selected nodes were measured"),
		Held: o.MeasuredNodes > 0 && o.MeasuredNodes == min(o.SchedulableNodes, cluster.NodeLimit),
		Detail: v1alpha1.T(fmt.Sprintf("%d gemessen, %d nehmen Pods auf, höchstens %d werden gemessen", o.MeasuredNodes, o.SchedulableNodes, cluster.NodeLimit),
			fmt.Sprintf("%d measured, %d take pods, at most %d are measured", o.MeasuredNodes, o.SchedulableNodes, cluster.NodeLimit)),
	}
}

// control demands of every pair of the roles in the phase that fault finds
// none, and that the window was long enough.
func control(o reachability.Observation, name reachability.PhaseName, roles []reachability.Role, window float64,
	title v1alpha1.Text, fault func(reachability.Pair) string) v1alpha1.Control {
	c := v1alpha1.Control{Name: title}
	phase := phaseOf(o, name)
	if phase == nil || !phase.PolicyAccepted || o.MeasuredNodes < 1 {
		c.Detail = v1alpha1.T("die Phase wurde nicht beobachtet", "the phase was not observed")
		return c
	}
	if phase.WindowSeconds < window {
		c.Detail = v1alpha1.T(fmt.Sprintf("das Fenster dauerte nur %s s", v1alpha1.Decimal(phase.WindowSeconds, 1).De), fmt.Sprintf("the window lasted only %.1f s", phase.WindowSeconds))
		return c
	}
	type key struct {
		server, client int
		role           reachability.Role
	}
	pairs := map[key]reachability.Pair{}
	for _, p := range phase.Pairs {
		pairs[key{p.Server, p.Client, p.Role}] = p
	}
	total, held := 0, 0
	var de, en []string
	for s := 1; s <= o.MeasuredNodes; s++ {
		for client := 1; client <= o.MeasuredNodes; client++ {
			for _, role := range roles {
				total++
				f := "absent"
				if p, there := pairs[key{s, client, role}]; there {
					f = fault(p)
				}
				if f == "" {
					held++
					continue
				}
				if len(de) < 3 {
					t := reachability.FaultText(f)
					de = append(de, fmt.Sprintf("%s von Worker %d zu Worker %d: %s", role, client, s, t.De))
					en = append(en, fmt.Sprintf("%s from worker %d to worker %d: %s", role, client, s, t.En))
				}
			}
		}
	}
	c.Held = total > 0 && held == total
	c.Detail = v1alpha1.T(fmt.Sprintf("%d von %d Pfaden", held, total), fmt.Sprintf("%d of %d paths", held, total))
	if !c.Held {
		c.Detail.De += "; " + strings.Join(de, "; ")
		c.Detail.En += "; " + strings.Join(en, "; ")
	}
	return c
}
