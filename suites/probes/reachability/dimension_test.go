package reachability

import (
	"slices"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// enforced is what a network shows that does everything, on so many nodes.
func enforced(nodes int, crossNamespace bool) Segmentation {
	o := Segmentation{SchedulableNodes: nodes, MeasuredNodes: nodes, CrossNamespace: crossNamespace, NodePorts: PortsMade, HostPorts: PortsMade}
	for _, name := range StageNames() {
		s := Stage{Name: name, Accepted: true, Settled: true, SettleSeconds: 3, WindowSeconds: 12}
		for _, e := range Expectations(crossNamespace) {
			if e.Stage != name {
				continue
			}
			for _, p := range (seenMatrix{Segmentation: o}).pairs() {
				if e.Way == OtherNodePort && nodes == 1 {
					continue
				}
				c := Cell{Group: e.Group, Who: e.Who, Way: e.Way, Server: p[0], Client: p[1], Attempts: 9, LogComplete: true}
				if e.Open {
					c.Echoed, c.LastEchoed, c.Seen = 9, 9, 9
				}
				s.Cells = append(s.Cells, c)
			}
		}
		o.Stages = append(o.Stages, s)
	}
	return o
}

// stage is the one of that name.
func (o *Segmentation) stage(name StageName) *Stage {
	for i := range o.Stages {
		if o.Stages[i].Name == name {
			return &o.Stages[i]
		}
	}
	return &Stage{}
}

// change alters the cells of a stage that are about a way.
func (o *Segmentation) change(name StageName, who Who, way Way, f func(*Cell)) {
	for i := range o.Stages {
		for j := range o.Stages[i].Cells {
			if c := &o.Stages[i].Cells[j]; o.Stages[i].Name == name && c.Who == who && c.Way == way {
				f(c)
			}
		}
	}
}

// silent takes every answer by a way.
func (o *Segmentation) silent(way Way) {
	for i := range o.Stages {
		for j := range o.Stages[i].Cells {
			if c := &o.Stages[i].Cells[j]; c.Way == way {
				c.Echoed, c.LastEchoed, c.Seen = 0, 0, 0
			}
		}
	}
}

func through(c *Cell) { c.Echoed, c.LastEchoed, c.Seen = c.Attempts, c.Attempts, c.Attempts }

func TestDimension(t *testing.T) {
	d := Dimension{
		Of: func(e Expectation) bool {
			return e.Stage == StageBothLabels && e.Who != Keeper
		},
		Required: v1alpha1.T("r", "r"), Remedy: v1alpha1.T("a", "a"),
	}
	ports := Dimension{Of: func(e Expectation) bool { return e.Stage == StageDenied && e.Way.OnNode() }, Required: d.Required, Remedy: d.Remedy}
	egress := Dimension{Of: func(e Expectation) bool { return e.Stage == StageEgress }, Required: d.Required, Remedy: d.Remedy}
	bare := Dimension{Of: func(e Expectation) bool { return e.Stage == StageBareServers }, Default: true, Required: d.Required, Remedy: d.Remedy}
	for _, c := range []struct {
		name   string
		of     Dimension
		nodes  int
		cross  bool
		change func(*Segmentation)
		want   v1alpha1.Outcome
		says   string
	}{
		{"all as it should be", d, 2, true, func(*Segmentation) {}, v1alpha1.Pass, "Auf 4 gesperrten Wegen zwischen zwei Nodes (nicht auf demselben) kam in je mindestens 9 Versuchen nichts an"},
		{"one node", d, 1, true, func(*Segmentation) {}, v1alpha1.Pass, "Auf 2 gesperrten Wegen auf dem einzigen Node kam"},
		{"nothing", d, 2, true, func(o *Segmentation) { *o = Segmentation{} }, v1alpha1.Inconclusive, "nur einen Namespace"},
		{"no stages", d, 2, true, func(o *Segmentation) { o.Stages = nil }, v1alpha1.Inconclusive, "Kontrolle hielt nicht"},
		{"one came through", d, 2, true, func(o *Segmentation) {
			o.change(StageBothLabels, Other, TCP, func(c *Cell) { c.Seen = 1 })
		}, v1alpha1.Fail, "Client „other“ im anderen Namespace, TCP-Port: von 18 Versuchen erreichten 2 den Server, 0 wurden beantwortet"},
		{"came through, and another policy may have opened", d, 2, true, func(o *Segmentation) {
			o.change(StageBothLabels, Other, TCP, through)
			o.OtherOpenings = 1
		}, v1alpha1.Inconclusive, "weitere NetworkPolicy"},
		{"came through, other policies unknown", d, 2, true, func(o *Segmentation) {
			o.change(StageBothLabels, Other, TCP, through)
			o.OtherOpenings = -1
		}, v1alpha1.Inconclusive, "weitere NetworkPolicy"},
		{"came through without any policy, others open", bare, 2, true, func(o *Segmentation) {
			o.change(StageBareServers, Other, UDP, through)
			o.OtherOpenings = 1
		}, v1alpha1.Fail, "Auf die Server wirkt keine Policy des Laufs"},
		{"came through before the policies were taken", d, 2, true, func(o *Segmentation) {
			o.change(StageBothLabels, Other, TCP, through)
			o.stage(StageBothLabels).Accepted = false
		}, v1alpha1.Inconclusive, "nicht beobachtet"},
		{"came through and the rest is missing", d, 2, true, func(o *Segmentation) {
			o.change(StageBothLabels, Other, TCP, through)
			o.Stages = o.Stages[:5]
			o.Trouble = cluster.Evicted
		}, v1alpha1.Fail, ""},
		{"another dimension leaks", d, 2, true, func(o *Segmentation) {
			o.change(StageNamespaceLabel, Good, OtherUDP, through)
		}, v1alpha1.Pass, ""},
		{"pods did not run", d, 2, true, func(o *Segmentation) { o.Trouble = cluster.Quota }, v1alpha1.Inconclusive, "quota"},
		{"allowed way closed", d, 2, true, func(o *Segmentation) {
			o.change(StageBothLabels, Good, TCP, func(c *Cell) { c.Echoed, c.LastEchoed, c.Seen = 0, 0, 0 })
		}, v1alpha1.Inconclusive, "Zugelassene Wege"},
		{"keeper shut out", d, 2, true, func(o *Segmentation) {
			o.change(StageBothLabels, Keeper, TCP, func(c *Cell) { c.LastEchoed = 2 })
		}, v1alpha1.Inconclusive, "ständig zugelassener Client"},
		{"closed before", d, 2, true, func(o *Segmentation) {
			o.change(StageOpen, Other, TCP, func(c *Cell) { c.Echoed, c.LastEchoed, c.Seen = 0, 0, 0 })
		}, v1alpha1.Inconclusive, "Vorher und nachher"},
		{"closed after", d, 2, true, func(o *Segmentation) {
			o.change(StageOpenAgain, Other, TCP, func(c *Cell) { c.LogComplete = false })
		}, v1alpha1.Inconclusive, "Protokoll des Servers unvollständig"},
		{"closed after the clients' stages", egress, 2, true, func(o *Segmentation) {
			o.change(StageOpenLast, Good, TCP, func(c *Cell) { c.LastEchoed = 0 })
		}, v1alpha1.Inconclusive, "Vorher und nachher"},
		{"another group's servers closed before", d, 2, true, func(o *Segmentation) {
			for i, c := range o.stage(StageOpen).Cells {
				if c.Group != GroupBothLabels {
					o.stage(StageOpen).Cells[i].LogComplete = false
				}
			}
		}, v1alpha1.Pass, ""},
		{"only another group's servers open before", d, 2, true, func(o *Segmentation) {
			for i, c := range o.stage(StageOpen).Cells {
				if c.Group == GroupBothLabels {
					o.stage(StageOpen).Cells[i].Group = GroupBare
				}
			}
		}, v1alpha1.Inconclusive, "nicht stimmig"},
		{"a cell twice, one of them a leak", d, 2, true, func(o *Segmentation) {
			cells := &o.stage(StageBothLabels).Cells
			leak := (*cells)[len(*cells)-1]
			through(&leak)
			*cells = slices.Insert(*cells, 0, leak)
		}, v1alpha1.Inconclusive, "nicht stimmig"},
		{"a stage twice", d, 2, true, func(o *Segmentation) { o.Stages = append(o.Stages, *o.stage(StageBothLabels)) }, v1alpha1.Inconclusive, "nicht stimmig"},
		{"a leak between nodes that are not", d, 2, true, func(o *Segmentation) {
			leak := o.stage(StageBothLabels).Cells[0]
			leak.Server, leak.Client = 7, 9
			o.stage(StageBothLabels).Cells = append(o.stage(StageBothLabels).Cells, leak)
		}, v1alpha1.Inconclusive, "nicht stimmig"},
		{"counts that cancel out", d, 2, true, func(o *Segmentation) {
			more := -5
			o.change(StageBothLabels, Other, TCP, func(c *Cell) { more = -more; c.Seen = more })
		}, v1alpha1.Inconclusive, "nicht stimmig"},
		{"too few attempts", d, 2, true, func(o *Segmentation) {
			o.change(StageBothLabels, Other, TCP, func(c *Cell) { c.Attempts = 4 })
		}, v1alpha1.Inconclusive, "zu wenige Versuche"},
		{"a gap", d, 2, true, func(o *Segmentation) {
			o.change(StageBothLabels, Other, TCP, func(c *Cell) { c.Missing = 1 })
		}, v1alpha1.Inconclusive, "Lücke"},
		{"leaves, and another policy may have let it", egress, 2, true, func(o *Segmentation) {
			o.change(StageEgress, Good, TCP, through)
			o.OtherEgressOpenings = 1
		}, v1alpha1.Inconclusive, "eine weitere NetworkPolicy"},
		{"leaves, and another policy opens the servers", egress, 2, true, func(o *Segmentation) {
			o.change(StageEgress, Good, TCP, through)
			o.OtherOpenings = 1
		}, v1alpha1.Fail, "TCP-Port"},
		{"could not try", d, 2, true, func(o *Segmentation) {
			o.change(StageBothLabels, Other, TCP, func(c *Cell) { c.Other = 1 })
		}, v1alpha1.Inconclusive, "nicht versuchen"},
		{"log not read", d, 2, true, func(o *Segmentation) {
			o.change(StageBothLabels, Other, TCP, func(c *Cell) { c.LogComplete = false })
		}, v1alpha1.Inconclusive, "Protokoll"},
		{"window too short", d, 2, true, func(o *Segmentation) { o.stage(StageBothLabels).WindowSeconds = 9 }, v1alpha1.Inconclusive, "Fenster zu kurz"},
		{"a node not measured", d, 1, true, func(o *Segmentation) { o.SchedulableNodes = 2 }, v1alpha1.Inconclusive, "Zwei Nodes"},
		{"one namespace", d, 2, false, func(*Segmentation) {}, v1alpha1.Inconclusive, "nur einen Namespace"},
		{"node ports", ports, 2, true, func(*Segmentation) {}, v1alpha1.Pass, ""},
		{"no node ports for tenants", ports, 2, true, func(o *Segmentation) { o.NodePorts, o.HostPorts = PortsRefused, PortsRefused }, v1alpha1.NotApplicable, "NodePort"},
		{"no node ports, but host ports", ports, 2, true, func(o *Segmentation) { o.NodePorts = PortsRefused }, v1alpha1.Pass, "Auf 8 gesperrten Wegen"},
		{"no host ports", ports, 2, true, func(o *Segmentation) { o.HostPorts = PortsRefused }, v1alpha1.Pass, "Host-Port: gibt der Cluster Mandanten nicht"},
		{"host ports are not served", ports, 2, true, func(o *Segmentation) { o.silent(HostPort) }, v1alpha1.Pass, "Auf 16 gesperrten Wegen"},
		{"host ports are not served, and it says so", ports, 2, true, func(o *Segmentation) { o.silent(HostPort) }, v1alpha1.Pass, "Host-Port: antwortet keinem Pod"},
		{"node ports are closed by a firewall", ports, 2, true, func(o *Segmentation) { o.silent(NodePort); o.silent(OtherNodePort) }, v1alpha1.Pass, "NodePort an einem anderen Node: antwortet keinem Pod"},
		{"node ports of other nodes are closed", ports, 2, true, func(o *Segmentation) { o.silent(OtherNodePort) }, v1alpha1.Pass, "Auf 16 gesperrten Wegen"},
		{"all ports of nodes are closed", ports, 2, true, func(o *Segmentation) {
			o.silent(NodePort)
			o.silent(OtherNodePort)
			o.silent(HostPort)
		}, v1alpha1.NotApplicable, "NodePort am Node des Servers: antwortet keinem Pod"},
		{"node ports are closed on the only node", ports, 1, true, func(o *Segmentation) { o.HostPorts = PortsRefused; o.silent(NodePort) }, v1alpha1.NotApplicable, "antwortet keinem Pod"},
		{"node ports answer on the only node", ports, 1, true, func(o *Segmentation) { o.HostPorts = PortsRefused }, v1alpha1.Pass, "Auf 4 gesperrten Wegen"},
		{"neither node ports nor Services answer", ports, 2, true, func(o *Segmentation) {
			o.HostPorts = PortsRefused
			o.silent(NodePort)
			o.silent(OtherNodePort)
			o.silent(Service)
		}, v1alpha1.Inconclusive, "Vorher und nachher"},
		{"node ports were not tried", ports, 2, true, func(o *Segmentation) {
			o.HostPorts = PortsRefused
			o.silent(NodePort)
			o.silent(OtherNodePort)
			o.change(StageOpen, Good, NodePort, func(c *Cell) { c.Other = c.Attempts })
			o.change(StageOpen, Good, OtherNodePort, func(c *Cell) { c.Attempts = 2 })
		}, v1alpha1.Inconclusive, "Vorher und nachher"},
		{"node ports were not looked at again", ports, 2, true, func(o *Segmentation) {
			o.HostPorts = PortsRefused
			o.silent(NodePort)
			o.silent(OtherNodePort)
			o.Stages = o.Stages[:5]
		}, v1alpha1.Inconclusive, "Vorher und nachher"},
		{"no cells of node ports", ports, 2, true, func(o *Segmentation) {
			o.HostPorts = PortsRefused
			for i := range o.Stages {
				o.Stages[i].Cells = slices.DeleteFunc(o.Stages[i].Cells, func(c Cell) bool { return c.Way.OnNode() })
			}
		}, v1alpha1.Inconclusive, "nicht beobachtet"},
		{"a closed node port answered once while shut", ports, 2, true, func(o *Segmentation) {
			o.silent(NodePort)
			o.change(StageDenied, Good, NodePort, func(c *Cell) { c.Seen = 1 })
		}, v1alpha1.Fail, "NodePort am Node des Servers"},
		{"nothing answers", ports, 2, true, func(o *Segmentation) { o.NodePorts = PortsRefused; o.silent(HostPort); o.silent(TCP) }, v1alpha1.Inconclusive, "Host-Port"},
		{"a host port leads around", ports, 2, true, func(o *Segmentation) {
			o.change(StageDenied, Good, HostPort, through)
		}, v1alpha1.Fail, "Host-Port am Node des Servers"},
		{"a host port of one server is silent", ports, 2, true, func(o *Segmentation) {
			o.change(StageOpen, Good, HostPort, func(c *Cell) { c.Echoed, c.LastEchoed, c.Seen = 0, 0, 0 })
		}, v1alpha1.Inconclusive, "Vorher und nachher"},
		{"a node port leads around", ports, 2, true, func(o *Segmentation) {
			o.change(StageDenied, Good, OtherNodePort, through)
		}, v1alpha1.Fail, "NodePort an einem anderen Node"},
		{"a node port leads nowhere", ports, 2, true, func(o *Segmentation) {
			o.change(StageOpen, Good, NodePort, func(c *Cell) { c.Echoed, c.LastEchoed, c.Seen = 0, 0, 0 })
		}, v1alpha1.Inconclusive, "Vorher und nachher"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := enforced(c.nodes, c.cross)
			c.change(&o)
			v := c.of.judge(o)
			said := v.Reason.De
			for _, f := range v.Findings {
				said += "\n" + f.Observed.De
			}
			if v.Outcome != c.want || !strings.Contains(said, c.says) {
				t.Errorf("got %s: %s; want %s: %s", v.Outcome, said, c.want, c.says)
			}
			for _, control := range v.Controls {
				if v.Outcome == v1alpha1.Pass && !control.Held {
					t.Errorf("passes although a control did not hold: %s", control.Name.En)
				}
			}
		})
	}
}

// A rule that tenants can not open leaves between namespaces nothing to observe,
// and the reason says so; within the servers' namespace all is as ever. Nothing
// of the kind is said where the ways were open.
func TestNeverOpened(t *testing.T) {
	text := v1alpha1.T("t", "t")
	within := Dimension{Default: true, Required: text, Remedy: text, Of: func(e Expectation) bool {
		return e.Stage == StageBareServers && (e.Who == GoodLocal || e.Who == OtherLocal)
	}}
	pods := Dimension{Required: text, Remedy: text, Of: func(e Expectation) bool { return e.Stage == StageBothLabels && e.Who != Keeper }}
	denied := func(o *Segmentation) {
		for i := range o.Stages {
			for j := range o.Stages[i].Cells {
				if c := &o.Stages[i].Cells[j]; c.Who == Keeper || c.Who == Good || c.Who == Other {
					c.Echoed, c.LastEchoed, c.Seen = 0, 0, 0
				}
			}
		}
	}
	for name, c := range map[string]struct {
		of     Dimension
		change func(*Segmentation)
		want   v1alpha1.Outcome
		says   bool
	}{
		"between namespaces":   {pods, denied, v1alpha1.Inconclusive, true},
		"within the namespace": {within, denied, v1alpha1.Pass, false},
		"allowed, and never open": {pods, func(o *Segmentation) {
			o.change(StageBothLabels, Good, TCP, func(c *Cell) { c.Echoed, c.LastEchoed, c.Seen = 0, 0, 0 })
		}, v1alpha1.Inconclusive, true},
		"open, but not steadily":     {pods, func(o *Segmentation) { o.change(StageOpen, Other, TCP, func(c *Cell) { c.LastEchoed = 1 }) }, v1alpha1.Inconclusive, false},
		"open, but a log is missing": {pods, func(o *Segmentation) { o.change(StageOpen, Other, TCP, func(c *Cell) { c.LogComplete = false }) }, v1alpha1.Inconclusive, false},
		"never tried": {pods, func(o *Segmentation) {
			o.change(StageOpen, Other, TCP, func(c *Cell) { c.Attempts, c.Echoed, c.LastEchoed, c.Seen = 0, 0, 0, 0 })
		}, v1alpha1.Inconclusive, false},
	} {
		o := enforced(2, true)
		c.change(&o)
		v := c.of.judge(o)
		de, en := strings.Contains(v.Reason.De, "die Mandanten nicht öffnen können"), strings.Contains(v.Reason.En, "tenants can not open")
		if v.Outcome != c.want || de != c.says || en != c.says {
			t.Errorf("%s: %s: %s", name, v.Outcome, v.Reason.En)
		}
	}
}

// A pass says between what it was measured, in both languages.
func TestPassSaysWhere(t *testing.T) {
	text := v1alpha1.T("t", "t")
	d := Dimension{Required: text, Remedy: text, Of: func(e Expectation) bool { return e.Stage == StageBothLabels && e.Who != Keeper }}
	for nodes, want := range map[int]string{1: "on the only node", 2: "between two nodes (not on the same one)"} {
		if v := d.judge(enforced(nodes, true)); v.Outcome != v1alpha1.Pass || !strings.Contains(v.Reason.En, want) {
			t.Errorf("%d nodes: %s: %s", nodes, v.Outcome, v.Reason.En)
		}
	}
	cell := func(way Way, echoed int) Cell {
		return Cell{Who: Other, Way: way, Server: 1, Client: 2, Attempts: 30, Echoed: echoed, LastEchoed: echoed, Seen: echoed, LogComplete: true}
	}
	for same, want := range map[bool]string{true: "Both pods ran on one node.", false: "on the same node nothing was measured"} {
		o := Fresh{SameNode: same, WindowSeconds: 12, Gone: true, Default: []Cell{cell(TCP, 0), cell(UDP, 0)}, Opened: []Cell{cell(TCP, 30), cell(UDP, 30)}}
		if v := JudgeFresh(text, text)(o); v.Outcome != v1alpha1.Pass || !strings.Contains(v.Reason.En, want) {
			t.Errorf("fresh, %t: %s: %s", same, v.Outcome, v.Reason.En)
		}
	}
}

func TestFreshNeverOpened(t *testing.T) {
	cell := func(way Way, echoed int) Cell {
		return Cell{Who: Other, Way: way, Server: 1, Client: 2, Attempts: 30, Echoed: echoed, LastEchoed: echoed, Seen: echoed, LogComplete: echoed > 0}
	}
	for name, c := range map[string]struct {
		echoed int
		says   bool
	}{"never": {0, true}, "once": {1, false}} {
		o := Fresh{WindowSeconds: 12, Gone: true, Default: []Cell{cell(TCP, 0), cell(UDP, 0)}, Opened: []Cell{cell(TCP, c.echoed), cell(UDP, c.echoed)}}
		v := JudgeFresh(v1alpha1.T("r", "r"), v1alpha1.T("a", "a"))(o)
		if v.Outcome != v1alpha1.Inconclusive || strings.Contains(v.Reason.De, "AdminNetworkPolicy") != c.says || strings.Contains(v.Reason.En, "AdminNetworkPolicy") != c.says {
			t.Errorf("%s: %s: %s", name, v.Outcome, v.Reason.En)
		}
	}
}
