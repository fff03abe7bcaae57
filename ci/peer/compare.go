package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

// Files in the folder of a cluster, beside the bundle of our run.
const (
	peerFile    = "cyclonus.json"
	peerAllFile = "cyclonus-all.json"
)

// Peer is what kind/cyclonus writes.
type Peer struct {
	Version    string      `json:"version"`
	StartedAt  time.Time   `json:"startedAt"`
	FinishedAt time.Time   `json:"finishedAt"`
	AllPairs   bool        `json:"allPairs"`
	Stages     []PeerStage `json:"stages"`
}

// PeerStage is a stage as cyclonus went through it.
type PeerStage struct {
	Name     reachability.StageName `json:"name"`
	Seconds  float64                `json:"seconds"`
	Tries    int                    `json:"tries"`
	Attempts int                    `json:"attempts"`
	Pairs    []PeerPair             `json:"pairs"`
}

// PeerPair is what cyclonus expected and found.
type PeerPair struct {
	Pair     Pair   `json:"pair"`
	Expected string `json:"expected"`
	First    string `json:"first"`
	Last     string `json:"last"`
}

// Words of cyclonus; there are others for what it could not look at.
const (
	allowed = "allowed"
	blocked = "blocked"
)

// Disagreement is a pair of which the two do not say the same.
type Disagreement struct {
	Stage        reachability.StageName
	Pair         Pair
	Ours, Theirs string
}

// Comparison of one cluster.
type Comparison struct {
	Cluster string
	Report  v1alpha1.ConformanceReport
	// Ours is how long our probe took, Theirs how long cyclonus did.
	Ours, Theirs time.Duration
	Peer         Peer
	// All is the run without a choice of pairs, where there is one.
	All *Peer
	// Through and Shut count the pairs of which both say so.
	Through, Shut int
	Disagree      []Disagreement
	// Expect are pairs of which the two compute another expectation, of so many
	// expectations held against each other.
	Expect   []Disagreement
	Expected int
	// Left counts what only our probe measures: node ports.
	Left   int
	stages map[reachability.StageName]reachability.Stage
}

// Compared is how many pairs both have.
func (c Comparison) Compared() int { return c.Through + c.Shut + len(c.Disagree) }

// How many attempts of a pair came through, by our probe.
const (
	through = "through"
	shut    = "shut"
)

// ours says what our probe saw of a pair, by the servers of every group that it
// tried. Whatever is not the one or the other agrees with nothing.
func ours(cells []reachability.Cell) string {
	is := func(that func(reachability.Cell) bool) bool {
		return !slices.ContainsFunc(cells, func(c reachability.Cell) bool { return c.Attempts == 0 || !that(c) })
	}
	switch {
	case is(func(c reachability.Cell) bool { return c.Echoed == c.Attempts }):
		return through
	case is(func(c reachability.Cell) bool { return c.Echoed == 0 && c.Seen == 0 }):
		return shut
	}
	var said []string
	for _, c := range cells {
		if c.Attempts == 0 {
			return "not tried"
		}
		said = append(said, fmt.Sprintf("of %d attempts %d arrived, %d were answered", c.Attempts, c.Seen, c.Echoed))
	}
	return strings.Join(said, "; ")
}

// load reads a cluster's folder and compares what is in it.
func load(cluster, folder string) (Comparison, error) {
	bundle, err := codec.ReadBundle(os.DirFS(folder))
	if err != nil {
		return Comparison{}, err
	}
	c := Comparison{Cluster: cluster, Report: bundle.Report}
	i := slices.IndexFunc(bundle.Evidence.Observations, func(o v1alpha1.Observation) bool { return o.Probe == reachability.SegmentationProbe.Name })
	if i < 0 {
		return Comparison{}, errors.New("the segmentation probe is not in the evidence")
	}
	seen := bundle.Evidence.Observations[i]
	if seen.Problem != nil {
		return Comparison{}, errors.New("the segmentation probe stopped before its end")
	}
	c.Ours = seen.FinishedAt.Sub(seen.StartedAt)
	var o reachability.Segmentation
	if err := json.Unmarshal(seen.Data, &o); err != nil {
		return Comparison{}, fmt.Errorf("read the observation: %w", err)
	}
	if err := read(filepath.Join(folder, peerFile), &c.Peer); err != nil {
		return Comparison{}, err
	}
	c.Theirs = c.Peer.FinishedAt.Sub(c.Peer.StartedAt)
	var all Peer
	switch err := read(filepath.Join(folder, peerAllFile), &all); {
	case err == nil:
		c.All = &all
	case !errors.Is(err, os.ErrNotExist):
		return Comparison{}, err
	}
	return c, c.hold(o)
}

func read(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

// hold sets the cells of the observation beside the pairs of cyclonus. What
// one of them lacks is an error: it would look like agreement.
func (c *Comparison) hold(o reachability.Segmentation) error {
	type key struct {
		stage          reachability.StageName
		who            reachability.Who
		way            reachability.Way
		server, client int
	}
	cells := map[key][]reachability.Cell{}
	c.stages = map[reachability.StageName]reachability.Stage{}
	for _, s := range o.Stages {
		c.stages[s.Name] = s
		for _, cell := range s.Cells {
			if _, _, known := cell.Way.Port(); !known {
				c.Left++
				continue
			}
			k := key{s.Name, cell.Who, cell.Way, cell.Server, cell.Client}
			cells[k] = append(cells[k], cell)
		}
	}
	for _, s := range c.Peer.Stages {
		for _, p := range s.Pairs {
			k := key{s.Name, p.Pair.Who, p.Pair.Way, p.Pair.Server, p.Pair.Client}
			mine, there := cells[k]
			if !there {
				return fmt.Errorf("cyclonus measured %s, and our probe did not", describe(s.Name, p.Pair))
			}
			delete(cells, k)
			if want := map[bool]string{true: allowed, false: blocked}[p.Pair.Open]; !bare(s.Name) {
				c.Expected++
				if p.Expected != want {
					c.Expect = append(c.Expect, Disagreement{s.Name, p.Pair, "expects " + want, "expects " + p.Expected})
				}
			}
			switch mine := ours(mine); {
			case mine == through && p.Last == allowed:
				c.Through++
			case mine == shut && p.Last == blocked:
				c.Shut++
			default:
				c.Disagree = append(c.Disagree, Disagreement{s.Name, p.Pair, mine, p.Last})
			}
		}
	}
	if len(cells) > 0 {
		for k := range cells {
			return fmt.Errorf("our probe measured %s, and cyclonus did not (%d such pairs)",
				describe(k.stage, Pair{Who: k.who, Way: k.way, Server: k.server, Client: k.client}), len(cells))
		}
	}
	return nil
}

// bare stages ask for what no policy of the run brings about: cyclonus expects
// what the site's own policies do, our catalogue what the norm wants.
func bare(s reachability.StageName) bool {
	return s == reachability.StageBareServers || s == reachability.StageBareClients
}

func describe(stage reachability.StageName, p Pair) string {
	return fmt.Sprintf("%s, %s on node %d to the server on node %d, %s", stage, p.Who, p.Client, p.Server, p.Way)
}

// compare writes the section of the clusters, each given as NAME=FOLDER.
func compare(w io.Writer, command string, clusters []string) error {
	var all []Comparison
	for _, name := range clusters {
		cluster, folder, ok := strings.Cut(name, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form NAME=FOLDER", name)
		}
		c, err := load(cluster, folder)
		if err != nil {
			return fmt.Errorf("%s: %w", cluster, err)
		}
		all = append(all, c)
	}
	write(w, command, all)
	return nil
}

func write(w io.Writer, command string, all []Comparison) {
	fmt.Fprintf(w, "## Held against cyclonus\n\nMeasured by `%s`, one tool after the other on each cluster. Machine: %d cores, %s/%s.\n\n", command, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprint(w, method)
	fmt.Fprint(w, "| cluster | date | our commit | Kubernetes | cyclonus | pairs compared | both: through | both: shut | disagreements | other expectations, of those compared | only ours (node ports) |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range all {
		fmt.Fprintf(w, "| %s | %s | %.12s | %s | %s | %d | %d | %d | %d | %d of %d | %d |\n", c.Cluster, c.Peer.FinishedAt.Format(time.DateOnly), c.Report.Suite.Commit,
			c.Report.Cluster.KubernetesVersion, c.Peer.Version, c.Compared(), c.Through, c.Shut, len(c.Disagree), len(c.Expect), c.Expected, c.Left)
	}
	fmt.Fprint(w, "\n| cluster | our probe | attempts | cyclonus, the same pairs | attempts | cyclonus, every pair | attempts |\n|---|---|---|---|---|---|---|\n")
	for _, c := range all {
		whole, attempts := "not measured", ""
		if c.All != nil {
			attempts = fmt.Sprint(c.All.attempts())
			whole = fmt.Sprintf("%s: %.1f s", c.All.FinishedAt.Format(time.DateTime), c.All.FinishedAt.Sub(c.All.StartedAt).Seconds())
			if n := len(c.All.Stages); n < len(c.Peer.Stages) {
				whole += fmt.Sprintf(" for %d of the %d stages", n, len(c.Peer.Stages))
			}
		}
		fmt.Fprintf(w, "| %s | %.1f s | %d | %.1f s | %d | %s | %s |\n", c.Cluster, c.Ours.Seconds(), c.attempts(), c.Theirs.Seconds(), c.Peer.attempts(), whole, attempts)
	}
	fmt.Fprint(w, "\nWhich is faster:\n\n")
	for _, c := range all {
		c.faster(w)
	}
	for _, c := range all {
		c.times(w)
	}
	fmt.Fprint(w, "\n### Disagreements\n\n")
	some := false
	for _, c := range all {
		for _, d := range append(slices.Clone(c.Disagree), c.Expect...) {
			some = true
			fmt.Fprintf(w, "- %s: %s: ours %s, cyclonus %s. %s\n", c.Cluster, describe(d.Stage, d.Pair), d.Ours, d.Theirs, explain(c.Cluster, d))
		}
	}
	if !some {
		fmt.Fprint(w, "None.\n")
	}
}

const method = "" +
	"Situations are the stages of our probe `segmentation`: its own policies and labels, printed by `ci/peer plan`, in two namespaces of their own\n" +
	"with the default deny that the profile gives tenants; a server and each of five clients on each of two nodes. We have five such servers, each with policies\n" +
	"of its own, and run stages that are about different ones at the same time (`rounds`); where the same pair is tried to several, all have to say the same.\n" +
	"cyclonus has one, changes policies and labels from stage to stage, waits its 5 s, runs `agnhost connect` in its pods (15 at a time, 10 s at most), computes what it expects, and tries a\n" +
	"second time where it found something else: its own code, its own defaults, driven by `kind/cyclonus/main.go`. It knows no node ports.\n\n" +
	"A pair is one client's one way to one server in one stage. With us it is through when every attempt of the window was answered, and shut when none was and none\n" +
	"arrived; with cyclonus its last round counts. Everything else agrees with nothing. In the stages `bareServers` and `bareClients` no policy of the run opens or shuts the\n" +
	"way: cyclonus expects there what the site's own policies make of it, we what the norm asks for, and those expectations are not held against each other.\n\n" +
	"Times: ours is the whole probe, from its first policy to the removal of its pods; cyclonus's begins with its pods and ends with its last look. We try a pair at least 6 times\n" +
	"where it is to be open, and 5 times in 10 s or more where it is to be shut and nothing comes through, and wait for policies to be in force; cyclonus tries once, after 5 s. \"The same pairs\" is its engine\n" +
	"with all other pairs taken from it. Its command line can not leave pairs out: it tries every pod from every pod on every port (\"every pair\").\n\n"

func (p Peer) attempts() int {
	n := 0
	for _, s := range p.Stages {
		n += s.Attempts
	}
	return n
}

func (c Comparison) attempts() int {
	n := 0
	for _, s := range c.stages {
		for _, cell := range s.Cells {
			n += cell.Attempts
		}
	}
	return n
}

// faster says which tool took less, as the other one comes, and with all pairs
// that are not ours taken from it.
func (c Comparison) faster(w io.Writer) {
	said := func(theirs time.Duration) string {
		if c.Ours < theirs {
			return "ours is the faster one"
		}
		return "cyclonus is the faster one"
	}
	fmt.Fprintf(w, "- %s: all %d stages took us %.0f s.", c.Cluster, len(c.Peer.Stages), c.Ours.Seconds())
	if c.All != nil {
		whole := c.All.FinishedAt.Sub(c.All.StartedAt)
		fmt.Fprintf(w, " As it comes, cyclonus took %.0f s for %d of them", whole.Seconds(), len(c.All.Stages))
		if c.Ours < whole || len(c.All.Stages) == len(c.Peer.Stages) {
			fmt.Fprintf(w, ": %s", said(whole))
		}
		fmt.Fprint(w, ".")
	}
	fmt.Fprintf(w, " With the other pairs taken from it, its engine took %.0f s for all of them, with %d attempts where we made %d: %s.\n",
		c.Theirs.Seconds(), c.Peer.attempts(), c.attempts(), said(c.Theirs))
}

// times are those of each stage.
func (c Comparison) times(w io.Writer) {
	fmt.Fprintf(w, "\n%s, by stage:\n\n| stage | pairs | ours: until settled | ours: window | cyclonus, the same pairs | rounds | cyclonus, every pair | rounds |\n|---|---|---|---|---|---|---|---|\n", c.Cluster)
	for _, s := range c.Peer.Stages {
		whole, rounds := "", ""
		if c.All != nil {
			if i := slices.IndexFunc(c.All.Stages, func(a PeerStage) bool { return a.Name == s.Name }); i >= 0 {
				whole, rounds = fmt.Sprintf("%.1f s", c.All.Stages[i].Seconds), fmt.Sprint(c.All.Stages[i].Tries)
			}
		}
		o := c.stages[s.Name]
		settled := fmt.Sprintf("%.1f s", o.SettleSeconds)
		if !o.Settled {
			settled += ", not settled"
		}
		fmt.Fprintf(w, "| %s | %d | %s | %.1f s | %.1f s | %d | %s | %s |\n", s.Name, len(s.Pairs), settled, o.WindowSeconds, s.Seconds, s.Tries, whole, rounds)
	}
}
