package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

// seen is an observation in which every planned pair did what is expected,
// and what cyclonus wrote of the same.
func seen(plan Plan) (reachability.Segmentation, Peer) {
	var o reachability.Segmentation
	var p Peer
	for _, s := range plan.Stages {
		stage, peer := reachability.Stage{Name: s.Name, Settled: true}, PeerStage{Name: s.Name, Tries: 1}
		for _, pair := range s.Pairs {
			cell := reachability.Cell{Who: pair.Who, Way: pair.Way, Server: pair.Server, Client: pair.Client, Attempts: 8}
			word := blocked
			if pair.Open {
				cell.Echoed, cell.Seen, word = 8, 8, allowed
			}
			stage.Cells = append(stage.Cells, cell)
			peer.Pairs = append(peer.Pairs, PeerPair{Pair: pair, Expected: word, First: word, Last: word})
		}
		o.Stages, p.Stages = append(o.Stages, stage), append(p.Stages, peer)
	}
	return o, p
}

func index(t *testing.T, p Peer, stage reachability.StageName, who reachability.Who, way reachability.Way) (int, int) {
	t.Helper()
	for i, s := range p.Stages {
		for j, pair := range s.Pairs {
			if s.Name == stage && pair.Pair.Who == who && pair.Pair.Way == way {
				return i, j
			}
		}
	}
	t.Fatalf("%s, %s, %s is not in the plan", stage, who, way)
	return 0, 0
}

func TestHold(t *testing.T) {
	plan := NewPlan("servers", "clients")
	total := 0
	for _, s := range plan.Stages {
		total += len(s.Pairs)
	}
	for name, tc := range map[string]struct {
		change   func(o *reachability.Segmentation, p *Peer)
		disagree []string
		expect   int
		fails    string
	}{
		"both see the same": {},
		"node ports are only ours": {change: func(o *reachability.Segmentation, _ *Peer) {
			o.Stages[0].Cells = append(o.Stages[0].Cells, reachability.Cell{Who: reachability.Good, Way: reachability.NodePort, Server: 1, Client: 2, Attempts: 8})
		}},
		"only cyclonus came through": {change: func(_ *reachability.Segmentation, p *Peer) {
			i, j := index(t, *p, reachability.StagePodLabel, reachability.OtherLocal, reachability.TCP)
			p.Stages[i].Pairs[j].Last = allowed
		}, disagree: []string{"byPodLabel, otherLocal on node 2 to the server on node 1, tcp: shut, allowed"}},
		"only ours came through": {change: func(o *reachability.Segmentation, p *Peer) {
			i, j := index(t, *p, reachability.StageDenied, reachability.Good, reachability.UDP)
			o.Stages[i].Cells[j].Echoed, o.Stages[i].Cells[j].Seen = 8, 8
		}, disagree: []string{"denied, good on node 2 to the server on node 1, udp: through, blocked"}},
		"a request that arrives unanswered is not shut": {change: func(o *reachability.Segmentation, p *Peer) {
			i, j := index(t, *p, reachability.StageDenied, reachability.Good, reachability.UDP)
			o.Stages[i].Cells[j].Seen = 1
		}, disagree: []string{"denied, good on node 2 to the server on node 1, udp: of 8 attempts 1 arrived, 0 were answered, blocked"}},
		"now and then is not through": {change: func(o *reachability.Segmentation, p *Peer) {
			o.Stages[0].Cells[0].Echoed = 7
		}, disagree: []string{"open, keeper on node 2 to the server on node 1, tcp: of 8 attempts 8 arrived, 7 were answered, allowed"}},
		"nothing tried agrees with nothing": {change: func(o *reachability.Segmentation, p *Peer) {
			i, j := index(t, *p, reachability.StageDenied, reachability.Good, reachability.UDP)
			o.Stages[i].Cells[j].Attempts = 0
		}, disagree: []string{"denied, good on node 2 to the server on node 1, udp: not tried, blocked"}},
		"what cyclonus could not look at agrees with nothing": {change: func(_ *reachability.Segmentation, p *Peer) {
			i, j := index(t, *p, reachability.StageDenied, reachability.Good, reachability.UDP)
			p.Stages[i].Pairs[j].Last = "checkfailed"
		}, disagree: []string{"denied, good on node 2 to the server on node 1, udp: shut, checkfailed"}},
		"another expectation": {change: func(_ *reachability.Segmentation, p *Peer) {
			i, j := index(t, *p, reachability.StageBothLabels, reachability.Good, reachability.TCP)
			p.Stages[i].Pairs[j].Expected = blocked
		}, expect: 1},
		"bare stages are expected otherwise": {change: func(_ *reachability.Segmentation, p *Peer) {
			i, j := index(t, *p, reachability.StageBareServers, reachability.Good, reachability.TCP)
			p.Stages[i].Pairs[j].Expected = allowed
		}},
		"a pair that only cyclonus has": {change: func(o *reachability.Segmentation, _ *Peer) {
			o.Stages[0].Cells = o.Stages[0].Cells[1:]
		}, fails: "our probe did not"},
		"a pair that only ours has": {change: func(_ *reachability.Segmentation, p *Peer) {
			p.Stages[0].Pairs = p.Stages[0].Pairs[1:]
		}, fails: "cyclonus did not"},
	} {
		t.Run(name, func(t *testing.T) {
			o, p := seen(plan)
			if tc.change != nil {
				tc.change(&o, &p)
			}
			c := Comparison{Peer: p}
			err := c.hold(o)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Fatalf("got %v, want an error with %q", err, tc.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range c.Disagree {
				got = append(got, describe(d.Stage, d.Pair)+": "+d.Ours+", "+d.Theirs)
			}
			if !slices.Equal(got, tc.disagree) {
				t.Errorf("got the disagreements %q, want %q", got, tc.disagree)
			}
			if len(c.Expect) != tc.expect || c.Compared() != total {
				t.Errorf("got %d other expectations in %d pairs, want %d in %d", len(c.Expect), c.Compared(), tc.expect, total)
			}
		})
	}
}

// A recorded run on a cluster that enforces nothing, of two stages, cut to a
// few pairs; one word of cyclonus is changed.
func TestRecorded(t *testing.T) {
	var out strings.Builder
	if err := compare(&out, "make peer", []string{"vanilla=testdata/vanilla"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n| vanilla | 2026-11-21 | ",
		" | 4 | 3 | 0 | 1 | 0 of 4 | 1 |\n",
		"- vanilla: denied, other on node 1 to the server on node 2, udp: ours through, cyclonus blocked. **Not explained.**\n",
		"### Disagreements",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	if !strings.HasPrefix(out.String(), "## Held against cyclonus\n") {
		t.Error("the heading is not the one by which ci/bench.sh finds the section")
	}
}

func TestLoadRefuses(t *testing.T) {
	whole := func(t *testing.T) string {
		folder := t.TempDir()
		if err := os.CopyFS(folder, os.DirFS("testdata/vanilla")); err != nil {
			t.Fatal(err)
		}
		return folder
	}
	for name, tc := range map[string]struct {
		spoil func(folder string) error
		want  string
	}{
		"without cyclonus": {func(f string) error { return os.Remove(filepath.Join(f, peerFile)) }, peerFile},
		"with half a file": {func(f string) error { return os.WriteFile(filepath.Join(f, peerFile), []byte("{"), 0o600) }, "read "},
		"without evidence": {func(f string) error { return os.Remove(filepath.Join(f, "evidence.json")) }, "evidence.json"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := whole(t)
			if err := tc.spoil(folder); err != nil {
				t.Fatal(err)
			}
			if _, err := load("vanilla", folder); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}
