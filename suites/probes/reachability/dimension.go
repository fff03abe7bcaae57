package reachability

import (
	"fmt"
	"slices"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Dimension is one thing that NetworkPolicies tell apart, or one thing that
// holds without any. Each looks at ways of its own, so that a network that
// lacks one is named by one check.
type Dimension struct {
	// Of chooses the expectations that it judges. Those that are open are
	// positive controls.
	Of func(Expectation) bool
	// Default is about what holds where no policy of the run does: policies of
	// the site that open are then no excuse.
	Default          bool
	Required, Remedy v1alpha1.Text
}

// Check makes the check of a dimension.
func (d Dimension) Check(meta check.Meta) *check.Check {
	return check.Of(meta, SegmentationProbe, d.judge)
}

const (
	// MinAttempts is how many attempts say something, shut out or echoed.
	MinAttempts = 5
	// MinWindow is the shortest window, in seconds, in which something is shut.
	MinWindow = 10
)

// judge passes only when every way that has to be shut was tried and nothing
// came through, while the ways that have to be open in the same stage were, and
// the shut ones themselves before and after. One greeting that came through is
// a deviation, whatever became of the rest.
func (d Dimension) judge(o Segmentation) check.Verdict {
	seen := matrix(o)
	var demanded []Expectation
	for _, e := range Expectations(o.CrossNamespace) {
		if d.Of(e) && seen.tries(e.Way) {
			demanded = append(demanded, e)
		}
	}
	v := check.Verdict{Attempts: seen.attempts(demanded), Controls: seen.controls(demanded), Figures: seen.figures(demanded), Matrix: seen.rows(demanded)}
	if leaks := seen.leaks(demanded); len(leaks) > 0 {
		// Policies add up, so a foreign one that lets the client in explains the
		// way through; only without any is it the network's fault.
		openings := o.OtherOpenings
		if slices.ContainsFunc(demanded, func(e Expectation) bool { return e.Stage == StageEgress && !e.Open }) {
			openings = o.OtherEgressOpenings // the servers are open there by our own policy
		}
		if openings != 0 && !d.Default {
			return without(v, v1alpha1.Inconclusive, v1alpha1.T(
				"Trotz Sperre war ein Server erreichbar, doch im Namespace kann eine weitere NetworkPolicy den Weg öffnen (oder dies war nicht feststellbar).",
				"A server was reachable although closed, but another NetworkPolicy in the namespace may open the way (or that could not be told)."))
		}
		v.Outcome = v1alpha1.Fail
		for _, l := range leaks {
			v.Findings = append(v.Findings, v1alpha1.Finding{Required: d.Required, Observed: l.observed, Object: l.object, Remedy: d.Remedy})
		}
		return v
	}
	shutOnNodes := slices.ContainsFunc(Expectations(true), func(e Expectation) bool { return d.Of(e) && !e.Open && e.Way.OnNode() })
	switch {
	case o.Trouble != cluster.NoTrouble:
		return without(v, v1alpha1.Inconclusive, v1alpha1.T("Die Pods der Sonde liefen nicht: "+string(o.Trouble)+".", "The probe's pods did not run: "+string(o.Trouble)+"."))
	case shutOnNodes && len(demanded) == 0:
		return without(v, v1alpha1.NotApplicable, v1alpha1.T(
			"Weder ein NodePort noch ein Host-Port war für Pods der Mandanten ein Weg: "+seen.nodesText().De,
			"Neither a node port nor a host port was a way for pods of tenants: "+seen.nodesText().En))
	case !o.CrossNamespace && slices.ContainsFunc(Expectations(true), func(e Expectation) bool { return d.Of(e) && (e.Who == Good || e.Who == Other) }):
		return without(v, v1alpha1.Inconclusive, v1alpha1.T(
			"Der Mandant hat nur einen Namespace; was zwischen Namespaces gilt, war nicht zu beobachten. Einen zweiten mit --tenant-namespaces nennen.",
			"The tenant has one namespace only; what holds between namespaces could not be observed. Name a second one with --tenant-namespaces."))
	}
	if seen.odd {
		return without(v, v1alpha1.Inconclusive, v1alpha1.T("Die Beobachtung ist in sich nicht stimmig.", "The observation is not consistent in itself."))
	}
	for _, c := range v.Controls {
		if !c.Held {
			reason := v1alpha1.T("Eine Kontrolle hielt nicht: "+c.Name.De+" ("+c.Detail.De+").", "A control did not hold: "+c.Name.En+" ("+c.Detail.En+").")
			if seen.unopened(demanded) {
				reason = NeverOpened(reason)
			}
			return without(v, v1alpha1.Inconclusive, reason)
		}
	}
	shut := 0
	for _, e := range demanded {
		if !e.Open {
			shut += len(seen.pairs())
		}
	}
	v.Outcome = v1alpha1.Pass
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Keine Abweichung festgestellt: Auf %d gesperrten Wegen %s kam in je mindestens %d Versuchen nichts an; vorher und nachher standen sie offen.", shut, seen.where().De, v.Attempts),
		fmt.Sprintf("No deviation found: on %d closed ways %s nothing arrived in at least %d attempts each; before and after they were open.", shut, seen.where().En, v.Attempts))
	if shutOnNodes {
		v.Reason.De += " " + seen.nodesText().De
		v.Reason.En += " " + seen.nodesText().En
	}
	return v
}

// nodesText says which ports of nodes were among the ways, and why others were
// not.
func (m seenMatrix) nodesText() v1alpha1.Text {
	var de, en []string
	for _, port := range []struct {
		way  Way
		made PortsOnNodes
		what v1alpha1.Text
	}{
		{NodePort, m.NodePorts, v1alpha1.T("NodePort am Node des Servers", "node port on the server's node")},
		{OtherNodePort, m.NodePorts, v1alpha1.T("NodePort an einem anderen Node", "node port on another node")},
		{HostPort, m.HostPorts, v1alpha1.T("Host-Port", "host port")},
	} {
		if port.way == OtherNodePort && m.MeasuredNodes == 1 {
			continue
		}
		said := v1alpha1.T("nicht versucht", "not tried")
		switch {
		case port.made == PortsRefused:
			said = v1alpha1.T("gibt der Cluster Mandanten nicht", "not given to tenants by the cluster")
		case port.made == PortsMade && m.tries(port.way):
			said = v1alpha1.T("gemessen", "measured")
		case port.made == PortsMade:
			said = v1alpha1.T("antwortet keinem Pod, auch wenn jeder zum Server darf", "answers no pod, even when everybody may reach the server")
		}
		de, en = append(de, port.what.De+": "+said.De), append(en, port.what.En+": "+said.En)
	}
	return v1alpha1.T(strings.Join(de, "; ")+".", strings.Join(en, "; ")+".")
}

func without(v check.Verdict, outcome v1alpha1.Outcome, reason v1alpha1.Text) check.Verdict {
	v.Outcome, v.Reason, v.Findings = outcome, reason, nil
	return v
}

// OnNode reports whether the way leads over a port of a node.
func (w Way) OnNode() bool { return w == NodePort || w == OtherNodePort || w == HostPort }

// tries reports whether the way is one that the cluster gives a tenant. A port of
// a node that answers nobody, while the server itself does, is none: networks
// need not serve host ports, firewalls may close node ports, and what is never
// served is no way around a policy. Whatever serves node ports serves the Service,
// too: where that answers nobody, it is broken.
func (m seenMatrix) tries(w Way) bool {
	switch w {
	case NodePort, OtherNodePort:
		if w == OtherNodePort && m.MeasuredNodes == 1 {
			return false // there is no other node
		}
		return m.NodePorts != PortsRefused && (!m.unserved(w) || !m.answered(Service))
	case HostPort:
		return m.HostPorts == PortsMade && (!m.unserved(HostPort) || !m.answered(TCP))
	}
	return true
}

// unserved reports that nothing ever came by the way, although every client
// tried it while everything was open.
func (m seenMatrix) unserved(w Way) bool {
	tried := 0
	for _, e := range Expectations(m.CrossNamespace) {
		if e.Way != w {
			continue
		}
		cells, want := m.found(e)
		open := slices.Contains(around(StageDenied), e.Stage)
		if open && (len(cells) < want || !m.stages[e.Stage].Accepted) {
			return false
		}
		for _, c := range cells {
			if c.Echoed > 0 || c.Seen > 0 || open && c.tried() != "" {
				return false
			}
			if open {
				tried++
			}
		}
	}
	return tried > 0 && !m.odd
}

// NeverOpened adds to a reason what it may be that nothing came by a way that
// our policies open: nobody but the site can tell that from a broken network.
func NeverOpened(reason v1alpha1.Text) v1alpha1.Text {
	return v1alpha1.T(
		reason.De+" Auf einem Weg, den eine NetworkPolicy des Mandanten öffnet, kam nie etwas an. Die Ursache kann eine Regel sein, die Mandanten nicht öffnen können (AdminNetworkPolicy, globale Policy des CNI); was die Policies des Mandanten bewirken, ist dann nicht zu beobachten.",
		reason.En+" On a way that a NetworkPolicy of the tenant opens nothing ever arrived. The cause may be a rule that tenants can not open (AdminNetworkPolicy, a global policy of the CNI); what the tenant's policies do can not be observed then.")
}

// never reports that the way was tried and nothing came. No log is complete of a
// server to which nobody comes.
func (c Cell) never() bool {
	c.LogComplete = true
	return c.tried() == "" && c.Echoed == 0 && c.Seen == 0
}

// unopened reports that some way stayed shut that has to be open, in the stage
// or before and after it.
func (m seenMatrix) unopened(demanded []Expectation) bool {
	return slices.ContainsFunc(demanded, func(e Expectation) bool {
		stages := around(e.Stage)
		if e.Open {
			stages = []StageName{e.Stage}
		}
		e.Open = true
		return slices.ContainsFunc(stages, func(s StageName) bool {
			e.Stage = s
			cells, _ := m.found(e)
			return slices.ContainsFunc(cells, Cell.never)
		})
	})
}

func (m seenMatrix) answered(w Way) bool {
	return slices.ContainsFunc(m.Stages, func(s Stage) bool {
		return slices.ContainsFunc(s.Cells, func(c Cell) bool { return c.Way == w && (c.Echoed > 0 || c.Seen > 0) })
	})
}

// around are the open stages before and after a stage in which something is shut.
func around(s StageName) []StageName {
	if s == StageEgress || s == StageBareClients {
		return []StageName{StageOpenAgain, StageOpenLast}
	}
	return []StageName{StageOpen, StageOpenAgain}
}

// seenMatrix is an observation by its cells.
type seenMatrix struct {
	Segmentation
	// odd says that the observation holds what no probe enters: it may hide
	// anything.
	odd    bool
	stages map[StageName]Stage
	cells  map[cellKey]Cell
}

type cellKey struct {
	stage          StageName
	group          Group
	who            Who
	way            Way
	server, client int
}

func matrix(o Segmentation) seenMatrix {
	m := seenMatrix{Segmentation: o, stages: map[StageName]Stage{}, cells: map[cellKey]Cell{}}
	measured := map[cellKey]bool{}
	for _, e := range Expectations(o.CrossNamespace) {
		for _, p := range m.pairs() {
			measured[cellKey{e.Stage, e.Group, e.Who, e.Way, p[0], p[1]}] = true
		}
	}
	for _, s := range o.Stages {
		_, twice := m.stages[s.Name]
		m.odd = m.odd || twice || !slices.Contains(StageNames(), s.Name)
		m.stages[s.Name] = s
		for _, c := range s.Cells {
			key := cellKey{s.Name, c.Group, c.Who, c.Way, c.Server, c.Client}
			_, twice := m.cells[key]
			m.odd = m.odd || twice || !measured[key] || c.odd()
			m.cells[key] = c
		}
	}
	return m
}

// odd reports counts that no log adds up to.
func (c Cell) odd() bool {
	return min(c.Attempts, c.Missing, c.Echoed, c.LastEchoed, c.Seen, c.Other) < 0 ||
		c.Echoed+c.Other > c.Attempts || c.LastEchoed > c.Echoed || c.Seen > c.Attempts+c.Missing
}

// pairs are the nodes of server and client between which is measured.
func (m seenMatrix) pairs() [][2]int {
	switch m.MeasuredNodes {
	case 1:
		return [][2]int{{1, 1}}
	case segmentNodes:
		return [][2]int{{1, 2}, {2, 1}}
	}
	return nil
}

// found gives the cells of an expectation that are there, and how many are to be.
func (m seenMatrix) found(e Expectation) (cells []Cell, want int) {
	for _, p := range m.pairs() {
		if e.Way == OtherNodePort && m.MeasuredNodes == 1 {
			continue
		}
		want++
		if c, there := m.cells[cellKey{e.Stage, e.Group, e.Who, e.Way, p[0], p[1]}]; there {
			cells = append(cells, c)
		}
	}
	return cells, want
}

// where says between what the pairs are: a pass tells of nothing else.
func (m seenMatrix) where() v1alpha1.Text {
	if m.MeasuredNodes == 1 {
		return v1alpha1.T("auf dem einzigen Node", "on the only node")
	}
	return v1alpha1.T("zwischen zwei Nodes (nicht auf demselben)", "between two nodes (not on the same one)")
}

func (m seenMatrix) attempts(demanded []Expectation) int {
	fewest := -1
	for _, e := range demanded {
		if e.Open {
			continue
		}
		cells, _ := m.found(e)
		for _, c := range cells {
			if fewest < 0 || c.Attempts < fewest {
				fewest = c.Attempts
			}
		}
	}
	return max(fewest, 0)
}

type leaked struct{ observed, object v1alpha1.Text }

// leaks has one entry for each stage in which something came through where
// nothing should.
func (m seenMatrix) leaks(demanded []Expectation) []leaked {
	var out []leaked
	for _, name := range StageNames() {
		var de, en []string
		for _, e := range demanded {
			if e.Stage != name || e.Open || !m.stages[name].Accepted {
				continue
			}
			cells, _ := m.found(e)
			attempts, echoed, seen := 0, 0, 0
			for _, c := range cells {
				attempts, echoed, seen = attempts+c.Attempts, echoed+c.Echoed, seen+c.Seen
			}
			if echoed > 0 || seen > 0 {
				who, way := whoText(e.Who), wayText(e.Way)
				de = append(de, fmt.Sprintf("%s, %s: von %d Versuchen erreichten %d den Server, %d wurden beantwortet", who.De, way.De, attempts, seen, echoed))
				en = append(en, fmt.Sprintf("%s, %s: of %d attempts %d reached the server, %d were answered", who.En, way.En, attempts, seen, echoed))
			}
		}
		if len(de) == 0 {
			continue
		}
		what, after := stageText(name), m.stages[name].SettleSeconds
		out = append(out, leaked{
			v1alpha1.T(fmt.Sprintf("%s. Ab %.0f s nach der Änderung: %s.", what.De, after, strings.Join(de, "; ")),
				fmt.Sprintf("%s. From %.0f s after the change on: %s.", what.En, after, strings.Join(en, "; "))),
			v1alpha1.T("Prüfserver im ersten Namespace des Mandanten", "probe servers in the tenant's first namespace"),
		})
	}
	return out
}

// open says what is missing of an open way, empty for nothing.
func (c Cell) open() string {
	switch {
	case c.Attempts < MinAttempts || c.Echoed > c.Attempts:
		return "attempts"
	case c.Missing != 0:
		return "missing"
	case c.LastEchoed < MinAttempts || c.LastEchoed > c.Echoed:
		return "echo"
	case !c.LogComplete || c.Seen < c.Echoed:
		return "log"
	}
	return ""
}

// tried says what is missing of a way that has to be shut.
func (c Cell) tried() string {
	switch {
	case c.Attempts < MinAttempts:
		return "attempts"
	case c.Missing != 0:
		return "missing"
	case c.Other != 0:
		return "other"
	case !c.LogComplete:
		return "log"
	}
	return ""
}

// FaultText says what a way lacks, by the words of the Judges.
func FaultText(fault string) v1alpha1.Text {
	switch fault {
	case "attempts":
		return v1alpha1.T("zu wenige Versuche", "too few attempts")
	case "missing":
		return v1alpha1.T("Lücke im Protokoll des Clients", "gap in the client's log")
	case "echo":
		return v1alpha1.T("keine stetigen Antworten", "no steady answers")
	case "other":
		return v1alpha1.T("der Client konnte es nicht versuchen", "the client could not try")
	case "log":
		return v1alpha1.T("Protokoll des Servers unvollständig", "server's log not complete")
	case "window":
		return v1alpha1.T("Fenster zu kurz", "window too short")
	}
	return v1alpha1.T("nicht beobachtet", "not observed")
}

func (m seenMatrix) controls(demanded []Expectation) []v1alpha1.Control {
	var during, shut, beside []Expectation
	for _, e := range demanded {
		if e.Open {
			during = append(during, e)
			continue
		}
		shut = append(shut, e)
		for _, s := range around(e.Stage) {
			if b := (Expectation{s, e.Group, e.Who, e.Way, true}); !slices.Contains(beside, b) {
				beside = append(beside, b)
			}
		}
		if k := (Expectation{e.Stage, e.Group, Keeper, keeperWay(e.Way), true}); slices.Contains(Expectations(m.CrossNamespace), k) && !slices.Contains(during, k) {
			during = append(during, k)
		}
	}
	out := []v1alpha1.Control{
		{
			Name: v1alpha1.T("Zwei Nodes wurden gemessen, wo es sie gibt", "Two nodes were measured where there are"),
			Held: m.MeasuredNodes > 0 && m.MeasuredNodes == min(m.SchedulableNodes, segmentNodes),
			Detail: v1alpha1.T(fmt.Sprintf("%d gemessen, %d nehmen Pods auf", m.MeasuredNodes, m.SchedulableNodes),
				fmt.Sprintf("%d measured, %d take pods", m.MeasuredNodes, m.SchedulableNodes)),
		},
		m.control(v1alpha1.T("Vorher und nachher stehen die Wege offen", "Before and after the ways are open"), beside, Cell.open, 0),
		m.control(v1alpha1.T("Auf gesperrten Wegen wird weiter versucht", "On closed ways the attempts go on"), shut, Cell.tried, MinWindow),
	}
	if len(during) > 0 {
		out = append(out, m.control(v1alpha1.T("Zugelassene Wege stehen währenddessen offen", "Ways that are allowed are open meanwhile"), during, Cell.open, MinWindow))
	}
	return out
}

// keeperWay is the way by which the Keeper shows that a server is there.
func keeperWay(w Way) Way {
	switch w {
	case NodePort, OtherNodePort, HostPort:
		return Service
	}
	return w
}

// control demands the cells of all expectations, without a fault.
func (m seenMatrix) control(title v1alpha1.Text, of []Expectation, fault func(Cell) string, span float64) v1alpha1.Control {
	total, held := 0, 0
	var de, en []string
	miss := func(e Expectation, f string) {
		if len(de) < 3 {
			t, who, way, stage := FaultText(f), whoText(e.Who), wayText(e.Way), string(e.Stage)
			de = append(de, fmt.Sprintf("%s, %s (%s): %s", who.De, way.De, stage, t.De))
			en = append(en, fmt.Sprintf("%s, %s (%s): %s", who.En, way.En, stage, t.En))
		}
	}
	for _, e := range of {
		cells, want := m.found(e)
		total += want
		stage, there := m.stages[e.Stage]
		switch {
		case !there || !stage.Accepted || len(cells) < want:
			miss(e, "absent")
			continue
		case stage.WindowSeconds < span:
			miss(e, "window")
			continue
		}
		for _, c := range cells {
			if f := fault(c); f != "" {
				miss(e, f)
				continue
			}
			held++
		}
	}
	c := v1alpha1.Control{Name: title, Held: total > 0 && held == total,
		Detail: v1alpha1.T(fmt.Sprintf("%d von %d Wegen", held, total), fmt.Sprintf("%d of %d ways", held, total))}
	if !c.Held {
		c.Detail.De += "; " + strings.Join(de, "; ")
		c.Detail.En += "; " + strings.Join(en, "; ")
	}
	return c
}

func (m seenMatrix) figures(demanded []Expectation) []v1alpha1.Figure {
	longest := 0.0
	for _, e := range demanded {
		if !e.Open {
			longest = max(longest, m.stages[e.Stage].SettleSeconds)
		}
	}
	return []v1alpha1.Figure{
		{Name: v1alpha1.T("Gemessene Nodes", "Measured nodes"), Value: float64(m.MeasuredNodes), Unit: "1"},
		{Name: v1alpha1.T("Längste Zeit, bis alle Wege den Policies folgten (oder Ende des Wartens)", "Longest time until all ways followed the policies (or end of waiting)"), Value: longest, Unit: "s"},
	}
}

// rows set each expectation beside what was observed, over all nodes.
func (m seenMatrix) rows(demanded []Expectation) []v1alpha1.MatrixRow {
	out := make([]v1alpha1.MatrixRow, 0, len(demanded))
	for _, e := range demanded {
		cells, want := m.found(e)
		who, way := whoText(e.Who), wayText(e.Way)
		r := v1alpha1.MatrixRow{
			What:     v1alpha1.T(string(e.Stage)+": "+who.De+", "+way.De, string(e.Stage)+": "+who.En+", "+way.En),
			Expected: v1alpha1.T("gesperrt", "closed"), Observed: v1alpha1.T("nicht beobachtet", "not observed"),
		}
		if e.Open {
			r.Expected = v1alpha1.T("offen", "open")
		}
		if len(cells) == want && want > 0 {
			attempts, echoed, seen := 0, 0, 0
			for _, c := range cells {
				attempts, echoed, seen = attempts+c.Attempts, echoed+c.Echoed, seen+c.Seen
			}
			r.Observed = v1alpha1.T(fmt.Sprintf("von %d Versuchen %d angekommen, %d beantwortet", attempts, seen, echoed),
				fmt.Sprintf("of %d attempts %d arrived, %d answered", attempts, seen, echoed))
			r.Deviates = !e.Open && (echoed > 0 || seen > 0)
		}
		out = append(out, r)
	}
	return out
}

func whoText(w Who) v1alpha1.Text {
	switch w {
	case Keeper:
		return v1alpha1.T("ständig zugelassener Client", "client that is always allowed")
	case Good:
		return v1alpha1.T("Client „good“ im anderen Namespace", "client \"good\" in the other namespace")
	case Other:
		return v1alpha1.T("Client „other“ im anderen Namespace", "client \"other\" in the other namespace")
	case GoodLocal:
		return v1alpha1.T("Client „good“ im Namespace der Server", "client \"good\" in the servers' namespace")
	case OtherLocal:
		return v1alpha1.T("Client „other“ im Namespace der Server", "client \"other\" in the servers' namespace")
	}
	return v1alpha1.T("unbekannter Client", "unknown client")
}

func wayText(w Way) v1alpha1.Text {
	switch w {
	case TCP:
		return v1alpha1.T("TCP-Port", "TCP port")
	case OtherTCP:
		return v1alpha1.T("anderer TCP-Port", "other TCP port")
	case UDP:
		return v1alpha1.T("UDP-Port", "UDP port")
	case OtherUDP:
		return v1alpha1.T("anderer UDP-Port", "other UDP port")
	case Service:
		return v1alpha1.T("Adresse des Service (ClusterIP)", "address of the Service (ClusterIP)")
	case NodePort:
		return v1alpha1.T("NodePort am Node des Servers", "node port on the server's node")
	case OtherNodePort:
		return v1alpha1.T("NodePort an einem anderen Node", "node port on another node")
	case HostPort:
		return v1alpha1.T("Host-Port am Node des Servers", "host port on the server's node")
	}
	return v1alpha1.T("unbekannter Weg", "unknown way")
}

func stageText(s StageName) v1alpha1.Text {
	switch s {
	case StageDenied:
		return v1alpha1.T("Die Policy, die alle zuließ, ist gelöscht; nur ein Client ist noch zugelassen", "The policy that let everybody in is deleted; one client only is still allowed")
	case StagePodLabel:
		return v1alpha1.T("Zugelassen sind Pods desselben Namespace mit dem Label „good“, auf dem TCP-Port", "Allowed are pods of the same namespace with the label \"good\", on the TCP port")
	case StageNamespaceLabel:
		return v1alpha1.T("Zugelassen sind Pods des anderen Namespace, auf dem TCP- und dem UDP-Port", "Allowed are pods of the other namespace, on the TCP and the UDP port")
	case StageBothLabels:
		return v1alpha1.T("Zugelassen sind Pods des anderen Namespace mit dem Label „good“, auf dem TCP-Port", "Allowed are pods of the other namespace with the label \"good\", on the TCP port")
	case StageUpdated:
		return v1alpha1.T("Die Policy wurde auf den anderen TCP-Port geändert", "The policy was changed to the other TCP port")
	case StageRelabelled:
		return v1alpha1.T("Die Clients „good“ und „other“ tauschten ihre Labels", "The clients \"good\" and \"other\" swapped their labels")
	case StageEgress:
		return v1alpha1.T("Aus dem anderen Namespace dürfen nur Pods mit dem Label „good“ hinaus, zum TCP-Port (das Label trägt jetzt „other“)", "From the other namespace only pods with the label \"good\" may leave, to the TCP port (\"other\" has that label now)")
	case StageBareServers:
		return v1alpha1.T("Auf die Server wirkt keine Policy des Laufs", "No policy of the run is on the servers")
	case StageBareClients:
		return v1alpha1.T("Auf die Clients wirkt keine Policy des Laufs", "No policy of the run is on the clients")
	}
	return v1alpha1.T("Stufe "+string(s), "stage "+string(s))
}
