package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

// Recordings that every check has at least one of.
const (
	a7     = "APP.4.4.A7/network-policy-enforced"
	start  = "SOUVAP.7.2.2.2/container-start-60s"
	a17    = "SYS.1.6.A17/privileged-pod-rejected"
	a8     = "SYS.1.6.A8/secrets-encrypted-at-rest"
	testID = "0123456789ab"
)

// allPass are recordings of a site without a deviation.
func allPass() map[string]string {
	all := map[string]string{}
	for _, c := range check.Default.Checks() {
		all[c.ID] = observedPass
	}
	return with(all, a8, "pass-secretbox")
}

// observedPass is a recording that nearly every check has.
const observedPass = "pass-conformant"

func with(recordings map[string]string, id, name string) map[string]string {
	recordings[id] = name
	return recordings
}

// documents composes what a run writes that saw the recordings, one for each
// check. A check without a recording gives notRun.
func documents(t *testing.T, recordings map[string]string) (v1alpha1.ConformanceReport, v1alpha1.Evidence) {
	t.Helper()
	cat, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	evidence := v1alpha1.Evidence{TypeMeta: v1alpha1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.KindEvidence}, RunID: testID}
	var results []v1alpha1.Result
	for _, p := range check.Probes(check.Default.Checks()) {
		var parts []v1alpha1.Observation
		for _, c := range check.Default.Checks() {
			if name := recordings[c.ID]; name != "" && c.Probes[0].Name == p.Name {
				data, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "recorded", strings.ReplaceAll(c.ID, "/", "_"), name+".json"))
				if err != nil {
					t.Fatal(err)
				}
				var o v1alpha1.Observation
				if err := json.Unmarshal(data, &o); err != nil {
					t.Fatal(err)
				}
				if name != observedPass { // what it says of golden pods holds for all
					parts = slices.Insert(parts, 0, o)
				} else {
					parts = append(parts, o)
				}
			}
		}
		if len(parts) > 0 {
			evidence.Observations = append(evidence.Observations, joined(t, parts))
		}
	}
	for _, c := range check.Default.Checks() {
		r := c.Judge(evidence.Observations)
		if name := recordings[c.ID]; name != "" && name != observedPass && !strings.HasPrefix(name, string(r.Outcome)+"-") {
			t.Fatalf("%s over %s is %s", c.ID, name, r.Outcome)
		}
		results = append(results, r)
	}
	at := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	run := v1alpha1.Run{ID: testID, StartedAt: at, FinishedAt: at.Add(time.Minute), Via: viaDirect, Mode: "prepared", Arguments: []string{}}
	s := suite{image: "registry.example.org/bvc@sha256:00", site: site{Site: v1alpha1.Site{Name: "Beispiel", Organisation: "Beispiel", ProtectionNeed: v1alpha1.NeedNormal}, digest: "sha256:" + strings.Repeat("0", 64)}}
	return compose(cat, s, run, v1alpha1.ClusterFacts{KubernetesVersion: "v1.36.0"}, results), evidence
}

// joined puts the mutants of all recordings of the admission probe, which hold
// those of one check each, into the rounds of the first.
func joined(t *testing.T, parts []v1alpha1.Observation) v1alpha1.Observation {
	t.Helper()
	switch {
	case len(parts) == 1 || parts[0].Data == nil:
		return parts[0]
	case bytes.Contains(parts[0].Data, []byte(`"surfaces"`)):
		return joinedSurfaces(t, parts)
	case parts[0].Probe == reachability.SegmentationProbe.Name:
		return joinedStages(t, parts)
	case parts[0].Probe != "admission":
		// Recordings of other probes are whole; the first is the one that was asked for.
		return parts[0]
	}
	type data struct {
		MayCreatePods     json.RawMessage              `json:"mayCreatePods"`
		OwnServiceAccount json.RawMessage              `json:"ownServiceAccount"`
		Rounds            []map[string]json.RawMessage `json:"rounds"`
	}
	var whole data
	for i, o := range parts {
		var d data
		if err := json.Unmarshal(o.Data, &d); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			whole = d
			continue
		}
		for j := range min(len(whole.Rounds), len(d.Rounds)) {
			var mutants, more []json.RawMessage
			if err := errors.Join(json.Unmarshal(whole.Rounds[j]["mutants"], &mutants), json.Unmarshal(d.Rounds[j]["mutants"], &more)); err != nil {
				t.Fatal(err)
			}
			all, err := json.Marshal(append(mutants, more...))
			if err != nil {
				t.Fatal(err)
			}
			whole.Rounds[j]["mutants"] = all
		}
	}
	together, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	o := parts[0]
	o.Data = together
	return o
}

// joinedStages does the same for the segmentation probe.
func joinedStages(t *testing.T, parts []v1alpha1.Observation) v1alpha1.Observation {
	t.Helper()
	var whole reachability.Segmentation
	cells := map[reachability.StageName][]reachability.Cell{}
	stages := map[reachability.StageName]reachability.Stage{}
	for i, o := range parts {
		var s reachability.Segmentation
		if err := json.Unmarshal(o.Data, &s); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			whole = s
		}
		for _, stage := range s.Stages {
			stages[stage.Name] = stage
			for _, c := range stage.Cells {
				if !slices.Contains(cells[stage.Name], c) {
					cells[stage.Name] = append(cells[stage.Name], c)
				}
			}
		}
	}
	whole.Stages = nil
	for _, name := range reachability.StageNames() {
		if stage, there := stages[name]; there {
			stage.Cells = cells[name]
			whole.Stages = append(whole.Stages, stage)
		}
	}
	o := parts[0]
	var err error
	if o.Data, err = json.Marshal(whole); err != nil {
		t.Fatal(err)
	}
	return o
}

// joinedSurfaces does the same for probes that bring pods in over surfaces.
func joinedSurfaces(t *testing.T, parts []v1alpha1.Observation) v1alpha1.Observation {
	t.Helper()
	type surface struct {
		Name    string           `json:"name"`
		Allowed bool             `json:"allowed"`
		Tries   []map[string]any `json:"tries"`
	}
	var names []string
	merged := map[string]*surface{}
	var whole map[string]json.RawMessage
	for i, o := range parts {
		var d map[string]json.RawMessage
		var all []surface
		if err := errors.Join(json.Unmarshal(o.Data, &d), json.Unmarshal(d["surfaces"], &all)); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			whole = d
		}
		for _, s := range all {
			into := merged[s.Name]
			if into == nil {
				names, merged[s.Name] = append(names, s.Name), &s
				continue
			}
			if len(into.Tries) == 0 || len(s.Tries) == 0 {
				continue
			}
			// Between the first golden pod and the last.
			var between []map[string]any
			for _, one := range s.Tries {
				if one["fault"] != "" || one["variant"] != "" {
					between = append(between, one)
				}
			}
			into.Tries = slices.Insert(into.Tries, 1, between...)
		}
	}
	out := make([]surface, 0, len(names))
	for _, n := range names {
		out = append(out, *merged[n])
	}
	var err error
	o := parts[0]
	if whole["surfaces"], err = json.Marshal(out); err != nil {
		t.Fatal(err)
	}
	if o.Data, err = json.Marshal(whole); err != nil {
		t.Fatal(err)
	}
	return o
}

// bundle encodes the documents; edit changes the report before.
func bundle(t *testing.T, recordings map[string]string, edit func(*v1alpha1.ConformanceReport, *v1alpha1.Evidence)) codec.Bundle {
	t.Helper()
	r, e := documents(t, recordings)
	if edit != nil {
		edit(&r, &e)
	}
	b, err := encodeBundle(r, e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bundleDir writes a bundle as a site hands it in.
func bundleDir(t *testing.T, b codec.Bundle) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, v1alpha1.ReportFile), b.ReportBytes)
	write(t, filepath.Join(dir, v1alpha1.EvidenceFile), b.EvidenceBytes)
	return dir
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// notForPeople is what a message must not look like: traces, dumps of Go
// values, broken formats.
var notForPeople = regexp.MustCompile(`goroutine |panic:|runtime error|\.go:\d+|&\{|\{[A-Z]\w+:|map\[|0x[0-9a-f]{6,}|%!|<nil>|^\s*$`)

// said checks what goes to standard error: one message that begins with
// "bvc:", with a hint or the list of a file's mistakes below.
func said(t *testing.T, stderr string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	if !strings.HasPrefix(lines[0], "bvc: ") || strings.Count(stderr, "bvc: ") != 1 || len(lines) > 10 {
		t.Errorf("not one message of bvc:\n%s", stderr)
	}
	for _, l := range lines {
		if notForPeople.MatchString(l) || len(l) > 500 {
			t.Errorf("not for people: %q", l)
		}
	}
}

func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	write(t, path, fmt.Appendf(nil, `{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q}}],
contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {token: secret-of-the-user}}]}`, server))
	return path
}

// execution is what `bvc args` gave.
type execution struct {
	code           int
	stdout, stderr string
}

func bvc(ctx context.Context, args ...string) execution {
	var stdout, stderr bytes.Buffer
	code := execute(ctx, args, &stdout, &stderr)
	return execution{code, stdout.String(), stderr.String()}
}

func TestExitCodesOfWrongUse(t *testing.T) {
	// Nothing here may find the kubeconfig of whoever runs the test.
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.yaml")
	write(t, broken, []byte("kind: Site\nname: a\nprotektionNeed: high\n"))
	garbage := filepath.Join(dir, "garbage")
	write(t, garbage, []byte("}{ kubeconfig"))
	gone := filepath.Join(dir, "gone")
	good := bundleDir(t, bundle(t, allPass(), nil))
	bundleWithout := t.TempDir()
	write(t, filepath.Join(bundleWithout, v1alpha1.ReportFile), []byte("{}"))
	bundleBroken := t.TempDir()
	write(t, filepath.Join(bundleBroken, v1alpha1.ReportFile), []byte("{\"apiVersion\": 7"))
	write(t, filepath.Join(bundleBroken, v1alpha1.EvidenceFile), []byte("{}"))
	unreachable := kubeconfig(t, "https://127.0.0.1:1")
	const site = "site.example.yaml"
	for _, c := range []struct {
		args string
		want string
	}{
		{"frobnicate", "unknown command"},
		{"--frobnicate", "unknown flag"},
		{"report --frobnicate", "See 'bvc report --help'"},
		{"run --qps many", "invalid argument"},
		{"run --timeout 5", "invalid argument"},
		{"report", " arg"},
		{"report a b", " arg"},
		{"rejudge", " arg"},
		{"version now", "\"now\""},
		{"catalogue -o yaml", "it is text, json or markdown"},
		{"agent", "serve, dial, receive, send, sniff, knock, listening or scan"},
		{"agent snif", "serve, dial, receive, send, sniff, knock, listening or scan"},
		{"agent dial --target nowhere", "name=host:port"},
		{"agent knock --target n1=10.0.0.7", "name=ask:host:port"},
		{"agent listening --own n1=10.0.0.7", "name=ask:host:port"},
		{"agent listening --canary 10.0.0.7", "--canary"},
		{"report " + gone, "no such file"},
		{"rejudge " + gone, "no such file"},
		{"report " + broken, "read the tarball"},
		{"report " + bundleWithout, "evidence.json"},
		{"report " + bundleBroken, "report.json:1:"},
		{"rejudge " + bundleBroken, "report.json:1:"},
		{"report " + good + " -o yaml", "it is text, html, json or junit"},
		{"report " + good + " --out " + gone + "/report", "write "},
		{"report " + good + " -o html --lang fr", "it is de or en"},
		{"rejudge " + good + " -o yaml", "it is text or json"},
		{"run", "no site file"},
		{"run --site " + gone, "read the site file"},
		{"run --lang fr --site " + site, "it is de or en"},
		{"run --site " + broken, "the site file has mistakes"},
		{"run --site " + site, "no image"},
		{"run --site " + site + " --image i --qps 0", "must not be empty or zero"},
		{"run --site " + site + " --image i --timeout 0s", "must not be empty or zero"},
		{"run --site " + site + " --image i --tenant-namespaces=", "must not be empty or zero"},
		{"run --site " + site + " --image i", "read the kubeconfig"},
		{"run --site " + site + " --image i --kubeconfig " + gone, "read the kubeconfig"},
		{"run --site " + site + " --image i --kubeconfig " + unreachable + " --context other", "read the kubeconfig"},
		{"run --site " + site + " --image i --kubeconfig " + unreachable, "no Sonobuoy image"},
		{"run --site " + site + " --image i --kubeconfig " + unreachable + " --via pigeon", "it is sonobuoy or direct"},
		{"run --site " + site + " --image i --kubeconfig " + unreachable + " --via direct", "can not be reached"},
		{"preflight --site " + broken, "the site file has mistakes"},
		{"preflight --kubeconfig " + gone, "read the kubeconfig"},
		{"preflight --kubeconfig " + garbage, "read the kubeconfig"},
		{"preflight --kubeconfig " + unreachable, "can not be reached"},
		{"cleanup --kubeconfig " + gone, "read the kubeconfig"},
		{"cleanup --kubeconfig " + unreachable, "can not be reached"},
	} {
		t.Run(c.args, func(t *testing.T) {
			began := time.Now()
			// Cut at spaces, so an argument after = may be empty.
			got := bvc(t.Context(), strings.Split(c.args, " ")...)
			if got.code != exitUsage {
				t.Errorf("exit code %d, want %d", got.code, exitUsage)
			}
			if !strings.Contains(got.stderr, c.want) {
				t.Errorf("does not say %q: %s", c.want, got.stderr)
			}
			if got.stdout != "" {
				t.Errorf("writes to standard output: %.200s", got.stdout)
			}
			said(t, got.stderr)
			if strings.Contains(got.stderr, "secret-of-the-user") {
				t.Error("tells the token of the kubeconfig")
			}
			if took := time.Since(began); took > reachTimeout/2 {
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestServersThatAreNoCluster proves that what answers at the address is told
// apart. These servers are no clusters and nothing is created in them.
func TestServersThatAreNoCluster(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"a web page", http.StatusOK, "<html>Willkommen</html>", "is no Kubernetes API server"},
		{"refused credentials", http.StatusUnauthorized, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","code":401}`, "does not accept the kubeconfig's credentials"},
		{"a proxy in trouble", http.StatusBadGateway, "bad gateway", "ask the cluster at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			defer server.Close()
			for _, command := range []string{"preflight", "cleanup"} {
				got := bvc(t.Context(), command, "--kubeconfig", kubeconfig(t, server.URL))
				if got.code != exitUsage || !strings.Contains(got.stderr, c.want) {
					t.Errorf("%s: exit code %d: %s", command, got.code, got.stderr)
				}
				said(t, got.stderr)
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		released := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released }))
		defer server.Close()
		defer close(released)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		got := bvc(ctx, "preflight", "--kubeconfig", kubeconfig(t, server.URL))
		if got.code != exitInconclusive || !strings.Contains(got.stderr, "interrupted") {
			t.Errorf("exit code %d: %s", got.code, got.stderr)
		}
		said(t, got.stderr)
	})
}

func TestExitCodesOfBundles(t *testing.T) {
	edited := func(f func(*v1alpha1.ConformanceReport, *v1alpha1.Evidence)) codec.Bundle {
		return bundle(t, with(allPass(), a17, "fail-admitted"), f)
	}
	index := func(r *v1alpha1.ConformanceReport, id string) *v1alpha1.Result {
		for i := range r.Results {
			if r.Results[i].CheckID == id {
				return &r.Results[i]
			}
		}
		t.Fatalf("no result of %s", id)
		return nil
	}
	concluded := func(word v1alpha1.ConclusionWord) func(*v1alpha1.ConformanceReport, *v1alpha1.Evidence) {
		return func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence) { r.Conclusion.Result = word }
	}
	for i, c := range []struct {
		name            string
		bundle          codec.Bundle
		conclusion      v1alpha1.ConclusionWord
		report, rejudge int
	}{
		{"no deviation", bundle(t, allPass(), nil), v1alpha1.NoDeviation, exitOK, exitOK},
		{"deviation", edited(nil), "", exitDeviations, exitOK},
		{"deviation of a MUSS", bundle(t, with(allPass(), a8, "fail-no-provider"), nil), v1alpha1.MussDeviations, exitDeviations, exitOK},
		{"inconclusive", bundle(t, with(allPass(), a7, "inconclusive-one-node"), nil), v1alpha1.ConclInconcl, exitInconclusive, exitOK},
		{"one did not run", bundle(t, with(allPass(), a7, ""), nil), v1alpha1.ConclInconcl, exitInconclusive, exitOK},
		{"nothing ran", bundle(t, nil, nil), v1alpha1.ConclInconcl, exitInconclusive, exitOK},
		// The word alone decides what report returns; no recording need say each.
		{"the word MUSS", edited(concluded(v1alpha1.MussDeviations)), v1alpha1.MussDeviations, exitDeviations, -1},
		{"the word SOLLTE", edited(concluded(v1alpha1.SollteDeviations)), v1alpha1.SollteDeviations, exitDeviations, -1},

		{"outcome made good", edited(func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence) {
			x := index(r, a17)
			x.Outcome, x.Findings, x.Reason = v1alpha1.Pass, nil, v1alpha1.T("gut", "good")
		}), "", -1, exitNotVerified},
		{"report made good all through", edited(func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence) {
			*r, _ = documents(t, allPass())
		}), v1alpha1.NoDeviation, exitOK, exitNotVerified},
		{"outcome hidden as notRun", edited(func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence) {
			x := index(r, a17)
			x.Outcome, x.Findings, x.Reason = v1alpha1.NotRun, nil, v1alpha1.T("lief nicht", "did not run")
		}), "", -1, exitNotVerified},
		{"conclusion only", edited(concluded(v1alpha1.NoDeviation)), v1alpha1.NoDeviation, exitOK, exitNotVerified},
		{"finding reworded", edited(func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence) {
			index(r, a17).Findings[0].Observed = v1alpha1.T("halb so schlimm", "not that bad")
		}), "", exitDeviations, exitNotVerified},
		{"evidence taken away", edited(func(_ *v1alpha1.ConformanceReport, e *v1alpha1.Evidence) {
			e.Observations = e.Observations[:1]
		}), "", exitDeviations, exitNotVerified},
		{"a check left out", edited(func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence) {
			r.Results = r.Results[1:]
		}), "", exitDeviations, exitNotVerified},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.bundle.Report.Conclusion.Result; c.conclusion != "" && got != c.conclusion {
				t.Fatalf("the bundle is of a run with %s", got)
			}
			dir := bundleDir(t, c.bundle)
			if c.report >= 0 {
				formats := []string{"text", "json", "html", "junit"}
				if i > 1 {
					formats = formats[:2] // the slow ones once for each kind of verdict
				}
				for _, format := range formats {
					got := bvc(t.Context(), "report", dir, "-o", format)
					if got.code != c.report {
						t.Errorf("report -o %s: exit code %d, want %d: %s", format, got.code, c.report, got.stderr)
					}
					if got.stdout == "" || got.stderr != "" {
						t.Errorf("report -o %s: %d bytes, and %q", format, len(got.stdout), got.stderr)
					}
					if format == "json" && got.stdout != string(c.bundle.ReportBytes) {
						t.Error("report -o json is not the file of the bundle")
					}
				}
			}
			for _, format := range []string{"text", "json"} {
				if c.rejudge < 0 {
					continue
				}
				got := bvc(t.Context(), "rejudge", dir, "-o", format)
				if got.code != c.rejudge {
					t.Errorf("rejudge -o %s: exit code %d, want %d: %s%s", format, got.code, c.rejudge, got.stdout, got.stderr)
				}
				if format == "json" && !json.Valid([]byte(got.stdout)) {
					t.Errorf("rejudge -o json: %s", got.stdout)
				}
				if got.code != exitOK {
					said(t, got.stderr)
				}
			}
		})
	}
}

// TestRejudgeOfHonestReports proves that a run that left objects behind, was
// filtered or was cut short is not taken for a forged one.
func TestRejudgeOfHonestReports(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.Run){
		"leftovers": func(r *v1alpha1.Run) {
			r.Leftovers = []v1alpha1.Leftover{{Resource: "pods", Count: 1, Reason: "still there"}}
		},
		"filter":      func(r *v1alpha1.Run) { r.Filter = "area: containsAny data" },
		"interrupted": func(r *v1alpha1.Run) { r.Interrupted = true },
	} {
		t.Run(name, func(t *testing.T) {
			b := bundle(t, allPass(), func(r *v1alpha1.ConformanceReport, _ *v1alpha1.Evidence) {
				cat, err := loadCatalogue()
				if err != nil {
					t.Fatal(err)
				}
				change(&r.Run)
				*r = compose(cat, suite{image: r.Suite.Image, site: site{Site: v1alpha1.Site{Name: "a", Organisation: "b", ProtectionNeed: v1alpha1.NeedNormal}}}, r.Run, r.Cluster, r.Results)
			})
			if b.Report.Conclusion.Result != v1alpha1.ConclInconcl {
				t.Errorf("the run concludes %s", b.Report.Conclusion.Result)
			}
			if got := bvc(t.Context(), "rejudge", bundleDir(t, b)); got.code != exitOK {
				t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
			}
		})
	}
}

func TestCodeOf(t *testing.T) {
	for word, want := range map[v1alpha1.ConclusionWord]int{
		v1alpha1.NoDeviation: exitOK, v1alpha1.MussDeviations: exitDeviations, v1alpha1.SollteDeviations: exitDeviations,
		v1alpha1.ConclInconcl: exitInconclusive, "": exitInconclusive, "fine": exitInconclusive,
	} {
		if got := codeOf(word); got != want {
			t.Errorf("%q: %d, want %d", word, got, want)
		}
	}
}

var helpCommand = regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`)

// TestHelp proves that every command, hidden ones too, explains itself with an
// example that begins with its own name.
func TestHelp(t *testing.T) {
	root := bvc(t.Context(), "--help")
	if root.code != exitOK || !strings.Contains(root.stdout, "Exit codes: 0 no deviation") {
		t.Fatalf("exit code %d: %s%s", root.code, root.stdout, root.stderr)
	}
	commands := []string{"plugin", "agent", "agent serve", "agent dial", "agent receive", "agent send", "agent sniff", "agent knock", "agent listening"}
	listed := 0
	for _, m := range helpCommand.FindAllStringSubmatch(root.stdout, -1) {
		if m[1] != "help" && m[1] != "completion" {
			commands = append(commands, m[1])
			listed++
		}
	}
	if listed < 7 {
		t.Errorf("the help lists %d commands:\n%s", listed, root.stdout)
	}
	for _, c := range commands {
		got := bvc(t.Context(), append(strings.Fields(c), "--help")...)
		if got.code != exitOK || got.stderr != "" {
			t.Errorf("%s: exit code %d: %s", c, got.code, got.stderr)
		}
		_, examples, found := strings.Cut(got.stdout, "Examples:\n")
		if !found || !strings.HasPrefix(strings.TrimSpace(examples), "bvc "+c) {
			t.Errorf("%s: no example of it:\n%s", c, got.stdout)
		}
	}
}

// TestExamplesParse proves that the words of every example are ones that its
// command takes.
func TestExamplesParse(t *testing.T) {
	for _, c := range append(agentCommand().Commands(), runCommand(), pluginCommand(), reportCommand(), rejudgeCommand(), catalogueCommand(), preflightCommand(), mirrorCommand(), cleanupCommand(), versionCommand()) {
		for _, example := range strings.Split(c.Example, "\n") {
			_, rest, found := strings.Cut(example, " "+c.Name())
			if !found {
				t.Errorf("%s: the example is of another command: %s", c.Name(), example)
				continue
			}
			// Quotes keep together what the shell would.
			var args []string
			for i, part := range strings.Split(rest, "'") {
				if i%2 == 1 {
					args = append(args, part)
				} else {
					args = append(args, strings.Fields(part)...)
				}
			}
			if err := c.ParseFlags(args); err != nil {
				t.Errorf("%s: %v", example, err)
			}
			if c.Args != nil {
				if err := c.Args(c, c.Flags().Args()); err != nil {
					t.Errorf("%s: %v", example, err)
				}
			}
		}
	}
}

// TestWholeErrorIsPrinted: what is wrapped around an error with a code, such
// as that objects stay in the cluster, must reach the person.
func TestWholeErrorIsPrinted(t *testing.T) {
	var stderr strings.Builder
	told := fmt.Errorf("%w\nObjects stay in the cluster", &exitError{exitInconclusive, errors.New("the cluster has not answered")})
	if code := conclude(told, &stderr); code != exitInconclusive {
		t.Errorf("exit code %d, want %d", code, exitInconclusive)
	}
	if got, want := stderr.String(), "bvc: the cluster has not answered\nObjects stay in the cluster\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}
