package sys16

import (
	"encoding/json"
	"os"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

// What goes out of a namespace decides, and nothing that stays within.
func TestOutgoingIsWhatLeavesTheNamespace(t *testing.T) {
	const id = "SYS.1.6.A5/default-deny-outgoing"
	for name, c := range map[string]struct {
		leaks []reachability.Who
		want  v1alpha1.Outcome
	}{
		"all is closed":              {nil, v1alpha1.Pass},
		"the own namespace is open":  {[]reachability.Who{reachability.GoodLocal, reachability.OtherLocal}, v1alpha1.Pass},
		"another one is open":        {[]reachability.Who{reachability.Other}, v1alpha1.Fail},
		"nothing is closed outgoing": {[]reachability.Who{reachability.Good, reachability.Other, reachability.GoodLocal, reachability.OtherLocal}, v1alpha1.Fail},
	} {
		data, err := os.ReadFile("../../fixtures/recorded/SYS.1.6.A5_default-deny-outgoing/pass-conformant.json")
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
			s := &o.Stages[i]
			if s.Name != reachability.StageBareClients {
				continue
			}
			for _, cell := range s.Cells { // the probe measures the same ways of local clients
				switch cell.Who {
				case reachability.Good:
					cell.Who = reachability.GoodLocal
				case reachability.Other:
					cell.Who = reachability.OtherLocal
				}
				s.Cells = append(s.Cells, cell)
			}
			for j := range s.Cells {
				for _, who := range c.leaks {
					if cell := &s.Cells[j]; cell.Who == who {
						cell.Echoed, cell.LastEchoed, cell.Seen = cell.Attempts, cell.Attempts, cell.Attempts
					}
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
			if r := of.Judge([]v1alpha1.Observation{recorded}); r.Outcome != c.want {
				t.Errorf("%s: %s (%s), want %s", name, r.Outcome, r.Reason.En, c.want)
			}
		}
	}
}

// A basic requirement is not judged by what counts at a higher need only, and
// does not judge that.
func TestOutgoingCoversItsOwnLevel(t *testing.T) {
	for _, c := range check.Default.Checks() {
		if c.ID != "SYS.1.6.A5/default-deny-outgoing" {
			continue
		}
		for _, covered := range c.Covers {
			if covered.Statement != "SYS.1.6.A5-UA.3" {
				t.Errorf("%s is covered, too", covered.Statement)
			}
		}
	}
}
