package ci_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/app44"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/souvap"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/sys16"
)

// recordings is where each check has a folder named after its ID, with one
// observation per file and the expected outcome before the first dash of the
// file's name.
const recordings = root + "/fixtures/recorded"

// indifferent is a part of an observation whose loss may leave a pass a pass:
// it explains and decides nothing. Path is a regular expression over the whole
// path, with # for an index of an array.
type indifferent struct{ check, path, why string }

var indifferences = []indifferent{}

func folder(checkID string) string { return strings.ReplaceAll(checkID, "/", "_") }

func checks(t *testing.T) []*check.Check {
	t.Helper()
	if err := check.Default.Validate(); err != nil {
		t.Fatal(err)
	}
	all := check.Default.Checks()
	if len(all) == 0 {
		t.Fatal("no check is registered")
	}
	return all
}

type recording struct {
	name string
	want v1alpha1.Outcome
	seen v1alpha1.Observation
}

func recordingsOf(t *testing.T, c *check.Check) []recording {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(recordings, folder(c.ID), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out []recording
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r := recording{name: filepath.Base(name)}
		prefix, _, dashed := strings.Cut(r.name, "-")
		r.want = v1alpha1.Outcome(prefix)
		if err := r.want.Validate(); err != nil || !dashed {
			t.Errorf("%s: the name does not begin with an outcome and a dash", name)
			continue
		}
		if err := check.Decode(data, &r.seen); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		out = append(out, r)
	}
	return out
}

func TestRegistryIsValid(t *testing.T) {
	all := checks(t)
	known := map[string]bool{}
	for _, c := range all {
		known[folder(c.ID)] = true
	}
	entries, err := os.ReadDir(recordings)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !known[e.Name()] {
			t.Errorf("%s/%s belongs to no registered check", recordings, e.Name())
		}
	}
}

// Each Judge says of each recording what the file's name says, and has been
// seen to say each of pass, fail and inconclusive: no Judge accepts everything.
func TestJudgesOverRecordings(t *testing.T) {
	for _, c := range checks(t) {
		t.Run(folder(c.ID), func(t *testing.T) {
			count := map[v1alpha1.Outcome]int{}
			for _, r := range recordingsOf(t, c) {
				got := c.Judge([]v1alpha1.Observation{r.seen})
				if got.Outcome != r.want {
					t.Errorf("%s: outcome %s, want %s; reason: %s", r.name, got.Outcome, r.want, got.Reason.En)
				}
				if again := c.Judge([]v1alpha1.Observation{r.seen}); !equalJSON(t, got, again) {
					t.Errorf("%s: judged twice, two results: a Judge must be pure", r.name)
				}
				count[r.want]++
			}
			for _, want := range []v1alpha1.Outcome{v1alpha1.Pass, v1alpha1.Fail, v1alpha1.Inconclusive} {
				if count[want] == 0 {
					t.Errorf("no recording %s/%s/%s-*.json", recordings, folder(c.ID), want)
				}
			}
		})
	}
}

func equalJSON(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(x) == string(y)
}

// Without any one field, and without any one element of a list, no recording
// may still pass: what is absent never means good. A problem turns every pass
// into something else.
func TestNoPassWithoutALook(t *testing.T) {
	used := make([]bool, len(indifferences))
	for _, c := range checks(t) {
		t.Run(folder(c.ID), func(t *testing.T) {
			for _, r := range recordingsOf(t, c) {
				if r.want != v1alpha1.Pass {
					continue
				}
				for _, kind := range []string{check.ProblemError, check.ProblemTimeout, check.ProblemPanic, check.ProblemInterrupted,
					check.ProblemTooLarge, check.ProblemNotScheduled, check.ProblemMissingRight} {
					o := r.seen
					o.Problem = &v1alpha1.Problem{Kind: kind, Phase: "test", Message: "test"}
					if got := c.Judge([]v1alpha1.Observation{o}); got.Outcome == v1alpha1.Pass {
						t.Errorf("%s: passes although the probe had a problem (%s)", r.name, kind)
					}
				}
				deleteEach(t, r.seen.Data, func(at string, data json.RawMessage) {
					o := r.seen
					o.Data = data
					if c.Judge([]v1alpha1.Observation{o}).Outcome != v1alpha1.Pass {
						return
					}
					for i, x := range indifferences {
						if x.check == c.ID && regexp.MustCompile("^(?:"+x.path+")$").MatchString(at) {
							used[i] = true
							return
						}
					}
					t.Errorf("%s: still passes without %s", r.name, at)
				})
			}
		})
	}
	for i, x := range indifferences {
		if x.why == "" || !used[i] {
			t.Errorf("the exception for %s %s has no reason or is not needed any more", x.check, x.path)
		}
	}
}

// deleteEach calls f with the data without each field and each element.
func deleteEach(t *testing.T, data json.RawMessage, f func(at string, without json.RawMessage)) {
	t.Helper()
	var whole any
	if err := json.Unmarshal(data, &whole); err != nil {
		t.Fatal(err)
	}
	tried := 0
	try := func(at string) {
		tried++
		without, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		f(strings.TrimPrefix(at, "."), without)
	}
	var walk func(value any, at string, set func(any))
	walk = func(value any, at string, set func(any)) {
		switch v := value.(type) {
		case map[string]any:
			keys := make([]string, 0, len(v))
			for k := range v {
				keys = append(keys, k)
			}
			sort.Strings(keys)
			for _, k := range keys {
				kept := v[k]
				delete(v, k)
				try(at + "." + k)
				v[k] = kept
				walk(kept, at+"."+k, func(n any) { v[k] = n })
			}
		case []any:
			for i, item := range v {
				set(slices.Delete(slices.Clone(v), i, i+1))
				try(fmt.Sprintf("%s.#", at))
				set(v)
				walk(item, at+".#", func(n any) { v[i] = n })
			}
		}
	}
	walk(whole, "", func(n any) { whole = n })
	if tried == 0 {
		t.Fatal("the observation has no field")
	}
}
