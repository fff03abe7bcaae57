package app44

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

const a07Recorded = "../../fixtures/recorded/APP.4.4.A7_network-policy-enforced/"

func recordedA07(t *testing.T, name string) reachability.Observation {
	t.Helper()
	data, err := os.ReadFile(a07Recorded + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded v1alpha1.Observation
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	var o reachability.Observation
	if err := check.Decode(recorded.Data, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestA07Recordings(t *testing.T) {
	files, err := filepath.Glob(a07Recorded + "*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		want, _, _ := strings.Cut(name, "-")
		if v := judgePolicyEnforced(recordedA07(t, name)); string(v.Outcome) != want {
			t.Errorf("%s: %s (%s)", name, v.Outcome, v.Reason.En)
		}
	}
}

func TestA07FindingsNameTheirPlace(t *testing.T) {
	for name, want := range map[string][]string{
		"fail-vanilla":                     {"on every measured node"},
		"fail-only-cross-node-enforced":    {"server on worker 1, client on the same node", "server on worker 2, client on the same node"},
		"fail-one-node-not-enforced":       {"server on worker 2, client on the same node", "server on worker 2, client on another node"},
		"fail-answer-blocked-only":         {"server on worker 1, client on another node"},
		"fail-single-echo-controls-failed": {"server on worker 1, client on another node"},
	} {
		v := judgePolicyEnforced(recordedA07(t, name))
		if len(v.Findings) != len(want) {
			t.Errorf("%s: %d findings, want %d", name, len(v.Findings), len(want))
			continue
		}
		for i, f := range v.Findings {
			if !strings.Contains(f.Observed.En, want[i]) || !strings.Contains(f.Observed.De, "Abweichung") {
				t.Errorf("%s: finding %q, want %q in it", name, f.Observed, want[i])
			}
		}
	}
}

func TestA07NoPassOverWhatIsNotThere(t *testing.T) {
	pairs := func(o *reachability.Observation, phase, role string, change func(*reachability.Pair)) {
		for i := range o.Phases {
			for j := range o.Phases[i].Pairs {
				if p := &o.Phases[i].Pairs[j]; string(o.Phases[i].Name) == phase && string(p.Role) == role {
					change(p)
				}
			}
		}
	}
	for name, change := range map[string]func(*reachability.Observation){
		"one node less":       func(o *reachability.Observation) { o.MeasuredNodes-- },
		"one node more":       func(o *reachability.Observation) { o.MeasuredNodes++; o.SchedulableNodes++ },
		"unmeasured nodes":    func(o *reachability.Observation) { o.SchedulableNodes++ },
		"negative":            func(o *reachability.Observation) { o.MeasuredNodes = -1; o.SchedulableNodes = -1 },
		"no phases":           func(o *reachability.Observation) { o.Phases = nil },
		"only closed":         func(o *reachability.Observation) { o.Phases = o.Phases[1:2] },
		"trouble":             func(o *reachability.Observation) { o.Trouble = "quota" },
		"policy not accepted": func(o *reachability.Observation) { o.Phases[1].PolicyAccepted = false },
		"short window":        func(o *reachability.Observation) { o.Phases[1].WindowSeconds = 9.9 },
		"doubled pair":        func(o *reachability.Observation) { o.Phases[1].Pairs[0] = o.Phases[1].Pairs[1] },
		"four attempts": func(o *reachability.Observation) {
			pairs(o, "closed", "client", func(p *reachability.Pair) { p.Attempts = 4; p.Timeout = 4 })
		},
		"gap": func(o *reachability.Observation) {
			pairs(o, "closed", "client", func(p *reachability.Pair) { p.Missing = 1 })
		},
		"classes do not add up": func(o *reachability.Observation) {
			pairs(o, "closed", "client", func(p *reachability.Pair) { p.Attempts++ })
		},
		"unsteady": func(o *reachability.Observation) {
			pairs(o, "openAgain", "client", func(p *reachability.Pair) { p.LastEchoed = 4 })
		},
		"server did not log": func(o *reachability.Observation) {
			pairs(o, "openBefore", "client", func(p *reachability.Pair) { p.SeenByServer-- })
		},
	} {
		o := recordedA07(t, "pass-conformant")
		change(&o)
		if v := judgePolicyEnforced(o); v.Outcome != v1alpha1.Inconclusive || v.Reason.IsZero() {
			t.Errorf("%s: %s (%s), want inconclusive with a reason", name, v.Outcome, v.Reason.En)
		}
	}
}

func TestA07AnEchoCountsOnlyUnderAnAcceptedPolicy(t *testing.T) {
	o := recordedA07(t, "fail-vanilla")
	o.Phases[1].PolicyAccepted = false
	if v := judgePolicyEnforced(o); v.Outcome != v1alpha1.Inconclusive {
		t.Errorf("%s although no policy closed the way", v.Outcome)
	}
}

func TestA07NoVerdictOverNothing(t *testing.T) {
	if v := judgePolicyEnforced(reachability.Observation{}); v.Outcome != v1alpha1.Inconclusive {
		t.Errorf("outcome %s", v.Outcome)
	}
}

// What tenants can not open, no remedy tells a site to set up: nothing could be
// observed any more.
func TestDefaultDenyRemediesCanBeOpened(t *testing.T) {
	seen := 0
	for _, c := range check.Default.Checks() {
		if c.ID != "APP.4.4.A7/default-deny-between-namespaces" && c.ID != "APP.4.4.A7/fresh-namespace-default-deny" {
			continue
		}
		data, err := os.ReadFile("../../fixtures/recorded/" + strings.ReplaceAll(c.ID, "/", "_") + "/fail-vanilla.json")
		if err != nil {
			t.Fatal(err)
		}
		var recorded v1alpha1.Observation
		if err := json.Unmarshal(data, &recorded); err != nil {
			t.Fatal(err)
		}
		for _, f := range c.Judge([]v1alpha1.Observation{recorded}).Findings {
			seen++
			for _, text := range []string{f.Remedy.De, f.Remedy.En} {
				if !strings.Contains(text, "BaselineAdminNetworkPolicy") || strings.Contains(text, "(AdminNetworkPolicy)") || !strings.Contains(text, "Deny") {
					t.Errorf("%s: %s", c.ID, text)
				}
			}
		}
	}
	if seen < 2 {
		t.Errorf("%d findings were looked at", seen)
	}
}

// Where the client never reached a server, the reason says what it may be.
func TestA07NeverOpened(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*reachability.Pair)
		says   bool
	}{
		"never": {func(p *reachability.Pair) {
			p.Echoed, p.LastEchoed, p.SeenByServer, p.Timeout, p.ServerLogComplete = 0, 0, 0, p.Attempts, false
		}, true},
		"unsteady": {func(p *reachability.Pair) { p.LastEchoed = 1 }, false},
	} {
		o := recordedA07(t, "pass-conformant")
		for i := range o.Phases {
			for j := range o.Phases[i].Pairs {
				if o.Phases[i].Name == reachability.OpenBefore {
					c.change(&o.Phases[i].Pairs[j])
				}
			}
		}
		v := judgePolicyEnforced(o)
		if v.Outcome != v1alpha1.Inconclusive || strings.Contains(v.Reason.De, "AdminNetworkPolicy") != c.says || strings.Contains(v.Reason.En, "AdminNetworkPolicy") != c.says {
			t.Errorf("%s: %s: %s", name, v.Outcome, v.Reason.En)
		}
	}
}

// Each place has a row for the client that is shut out and for the one that is
// allowed, on the same node and between nodes; what is missing is not observed.
func TestA07Matrix(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*reachability.Observation)
		deviates []string
		missing  []string
	}{
		{"pass-conformant", nil, nil, nil},
		{"fail-only-cross-node-enforced", nil, []string{
			"server on worker 1, client on the same node: client that is shut out", "server on worker 2, client on the same node: client that is shut out"}, nil},
		{"pass-conformant", func(o *reachability.Observation) {
			o.Phases[1].Pairs = slices.DeleteFunc(o.Phases[1].Pairs, func(p reachability.Pair) bool {
				return p.Server == 2 && p.Client == 1 && p.Role == reachability.Client
			})
		}, nil, []string{"server on worker 2, client on another node: client that is shut out"}},
	} {
		o := recordedA07(t, c.name)
		if c.change != nil {
			c.change(&o)
		}
		v := judgePolicyEnforced(o)
		var deviates, missing []string
		for _, r := range v.Matrix {
			if r.What.IsZero() || r.Expected.IsZero() || r.Observed.IsZero() {
				t.Errorf("%s: a row without a text: %+v", c.name, r)
			}
			if r.Deviates {
				deviates = append(deviates, r.What.En)
			}
			if r.Observed.En == "not observed" {
				missing = append(missing, r.What.En)
			}
		}
		if len(v.Matrix) != 8 || !slices.Equal(deviates, c.deviates) || !slices.Equal(missing, c.missing) {
			t.Errorf("%s: %d rows, deviating %q, missing %q", c.name, len(v.Matrix), deviates, missing)
		}
	}
	if v := judgePolicyEnforced(reachability.Observation{MeasuredNodes: 1 << 40, Phases: []reachability.Phase{{Name: reachability.Closed}}}); len(v.Matrix) > 4*cluster.NodeLimit {
		t.Errorf("%d rows of an observation that no probe makes", len(v.Matrix))
	}
}

// A network that does not follow one kind of change is named by that change.
func TestA07ChangesAreNamed(t *testing.T) {
	const id = "APP.4.4.A7/network-policy-changes-take-effect"
	for name, c := range map[string]struct {
		stage   reachability.StageName
		leaks   []reachability.Who
		want    v1alpha1.Outcome
		de, en  string
		missing bool
	}{
		"all are followed":         {want: v1alpha1.Pass},
		"a deletion is not":        {stage: reachability.StageDenied, leaks: []reachability.Who{reachability.Other}, want: v1alpha1.Fail, de: "ist gelöscht", en: "is deleted"},
		"an update is not":         {stage: reachability.StageUpdated, leaks: []reachability.Who{reachability.GoodLocal}, want: v1alpha1.Fail, de: "wurde auf den anderen TCP-Port geändert", en: "was changed to the other TCP port"},
		"a label is not":           {stage: reachability.StageRelabelled, leaks: []reachability.Who{reachability.Good}, want: v1alpha1.Fail, de: "tauschten ihre Labels", en: "swapped their labels"},
		"a deletion was not tried": {stage: reachability.StageDenied, missing: true, want: v1alpha1.Inconclusive, de: "(denied): nicht beobachtet", en: "(denied): not observed"},
	} {
		data, err := os.ReadFile("../../fixtures/recorded/" + strings.ReplaceAll(id, "/", "_") + "/pass-conformant.json")
		if err != nil {
			t.Fatal(err)
		}
		var recorded v1alpha1.Observation
		if err := json.Unmarshal(data, &recorded); err != nil {
			t.Fatal(err)
		}
		var o reachability.Segmentation
		if err := check.Decode(recorded.Data, &o); err != nil {
			t.Fatal(err)
		}
		for i := range o.Stages {
			if s := &o.Stages[i]; s.Name == c.stage {
				for j := range s.Cells {
					if cell := &s.Cells[j]; slices.Contains(c.leaks, cell.Who) && cell.Way == reachability.TCP {
						cell.Echoed, cell.LastEchoed, cell.Seen = cell.Attempts, cell.Attempts, cell.Attempts
					}
				}
				if c.missing {
					s.Cells = slices.DeleteFunc(s.Cells, func(cell reachability.Cell) bool { return cell.Who != reachability.Keeper })
				}
			}
		}
		if recorded.Data, err = json.Marshal(o); err != nil {
			t.Fatal(err)
		}
		for _, of := range check.Default.Checks() {
			if of.ID != id {
				continue
			}
			r := of.Judge([]v1alpha1.Observation{recorded})
			said := r.Reason
			for _, f := range r.Findings {
				said.De, said.En = said.De+f.Observed.De, said.En+f.Observed.En
			}
			if r.Outcome != c.want || !strings.Contains(said.De, c.de) || !strings.Contains(said.En, c.en) {
				t.Errorf("%s: %s: %s", name, r.Outcome, said.En)
			}
		}
	}
}
