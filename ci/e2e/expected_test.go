package e2e

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/app44"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/souvap"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/sys16"
)

const root = "../.."

func expectedOf(t *testing.T, profile string) Expected {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "kind", "expected", profile+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := ReadExpected(data)
	if err != nil {
		t.Fatalf("%s: %v", profile, err)
	}
	return e
}

// Every profile has its expected outcomes, for exactly the registered checks.
func TestExpectedFiles(t *testing.T) {
	profiles, err := filepath.Glob(filepath.Join(root, "kind", "expected", "*.yaml"))
	if err != nil || len(profiles) < 2 {
		t.Fatalf("%d files of expected outcomes (%v), want one for vanilla and one for conformant", len(profiles), err)
	}
	for _, name := range profiles {
		profile := strings.TrimSuffix(filepath.Base(name), ".yaml")
		if _, err := os.Stat(filepath.Join(root, "kind", "profiles", profile, "kind.yaml")); err != nil {
			t.Errorf("%s: there is no such profile: %v", name, err)
		}
		e := expectedOf(t, profile)
		for _, c := range check.Default.Checks() {
			if _, ok := e.Checks[c.ID]; !ok {
				t.Errorf("%s: check %s is not listed", name, c.ID)
			}
			delete(e.Checks, c.ID)
		}
		for id := range e.Checks {
			t.Errorf("%s: check %s is not registered", name, id)
		}
	}
}

func TestReadExpectedIsStrict(t *testing.T) {
	for name, text := range map[string]string{
		"unknown field":         "exitCode: 0\nchecks: {a: {outcome: pass, because: x}}",
		"unknown outcome":       "exitCode: 0\nchecks: {a: {outcome: passed}}",
		"no outcome":            "exitCode: 0\nchecks: {a: {}}",
		"fail without why":      "exitCode: 1\nchecks: {a: {outcome: fail}}",
		"pass with why":         "exitCode: 0\nchecks: {a: {outcome: pass, why: x}}",
		"no checks":             "exitCode: 0\n",
		"a check listed twice":  "exitCode: 0\nchecks:\n  a: {outcome: pass}\n  a: {outcome: pass}",
		"two documents":         "exitCode: 0\nchecks: {a: {outcome: pass}}\n---\nexitCode: 1\n",
		"notRun without reason": "exitCode: 2\nchecks: {a: {outcome: notRun}}",
	} {
		if _, err := ReadExpected([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCompare(t *testing.T) {
	e, err := ReadExpected([]byte("exitCode: 1\nchecks:\n  a: {outcome: pass}\n  b: {outcome: fail, why: broken}\n"))
	if err != nil {
		t.Fatal(err)
	}
	result := func(id string, o v1alpha1.Outcome) v1alpha1.Result {
		return v1alpha1.Result{CheckID: id, Outcome: o, Reason: v1alpha1.T("Grund", "reason")}
	}
	for name, c := range map[string]struct {
		results []v1alpha1.Result
		want    []string
	}{
		"as expected":    {[]v1alpha1.Result{result("a", v1alpha1.Pass), result("b", v1alpha1.Fail)}, nil},
		"another":        {[]v1alpha1.Result{result("a", v1alpha1.Inconclusive), result("b", v1alpha1.Fail)}, []string{"a: outcome inconclusive, expected pass; reason"}},
		"better is also": {[]v1alpha1.Result{result("a", v1alpha1.Pass), result("b", v1alpha1.Pass)}, []string{"b: outcome pass, expected fail; reason"}},
		"missing":        {[]v1alpha1.Result{result("a", v1alpha1.Pass)}, []string{"b: no result"}},
		"extra":          {[]v1alpha1.Result{result("a", v1alpha1.Pass), result("b", v1alpha1.Fail), result("c", v1alpha1.Pass)}, []string{"c: outcome pass, and the check is not listed"}},
		"twice":          {[]v1alpha1.Result{result("a", v1alpha1.Pass), result("a", v1alpha1.Pass), result("b", v1alpha1.Fail)}, []string{"a: two results"}},
		"none":           {nil, []string{"a: no result", "b: no result"}},
	} {
		if got := Compare(e, c.results); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// Only what is undecided is tried again, and only where nothing else differs.
func TestUndecided(t *testing.T) {
	e := Expected{Checks: map[string]ExpectedCheck{"a": {Outcome: v1alpha1.Pass}, "b": {Outcome: v1alpha1.Fail}, "c": {Outcome: v1alpha1.Inconclusive}}}
	result := func(id string, o v1alpha1.Outcome) v1alpha1.Result { return v1alpha1.Result{CheckID: id, Outcome: o} }
	for name, c := range map[string]struct {
		a, b v1alpha1.Outcome
		want int
	}{
		"as expected":             {v1alpha1.Pass, v1alpha1.Fail, 0},
		"one undecided":           {v1alpha1.Inconclusive, v1alpha1.Fail, 1},
		"two undecided":           {v1alpha1.Inconclusive, v1alpha1.Inconclusive, 2},
		"one undecided, a pass":   {v1alpha1.Inconclusive, v1alpha1.Pass, 0},
		"one undecided, not run":  {v1alpha1.Inconclusive, v1alpha1.NotRun, 0},
		"a fail that is not one":  {v1alpha1.Fail, v1alpha1.Fail, 0},
		"undecided, none decided": {v1alpha1.Inconclusive, v1alpha1.NotApplicable, 0},
	} {
		got := Undecided(e, []v1alpha1.Result{result("a", c.a), result("b", c.b), result("c", v1alpha1.Inconclusive)})
		if len(got) != c.want {
			t.Errorf("%s: %v, want %d", name, got, c.want)
		}
	}
	if got := Undecided(e, []v1alpha1.Result{result("a", v1alpha1.Inconclusive)}); len(got) != 0 {
		t.Errorf("results are missing: %v", got)
	}
}
