// Package e2e runs the suite through Sonobuoy on the test clusters and holds
// each report against what kind/expected says of the cluster (make
// test-clusters).
package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"gopkg.in/yaml.v3"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Expected is what a file kind/expected/PROFILE.yaml says.
type Expected struct {
	// ExitCode of `bvc run`.
	ExitCode int `yaml:"exitCode"`
	// Checks by ID: every registered one.
	Checks map[string]ExpectedCheck `yaml:"checks"`
}

// ExpectedCheck is what a check says of the profile.
type ExpectedCheck struct {
	Outcome v1alpha1.Outcome `yaml:"outcome"`
	// Why it is not a pass.
	Why string `yaml:"why,omitempty"`
}

// ReadExpected reads a file strictly.
func ReadExpected(data []byte) (Expected, error) {
	var e Expected
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("read expected outcomes: %w", err)
	}
	if err := d.Decode(&Expected{}); !errors.Is(err, io.EOF) {
		return e, fmt.Errorf("read expected outcomes: a second document")
	}
	if len(e.Checks) == 0 {
		return e, fmt.Errorf("read expected outcomes: no checks")
	}
	for id, c := range e.Checks {
		if err := c.Outcome.Validate(); err != nil {
			return e, fmt.Errorf("check %s: %w", id, err)
		}
		if (c.Outcome == v1alpha1.Pass) != (c.Why == "") {
			return e, fmt.Errorf("check %s: outcome %s, why %q: a reason belongs to every outcome but pass", id, c.Outcome, c.Why)
		}
	}
	return e, nil
}

// Compare lists where the results differ from what is expected: other
// outcomes, results that nobody expects, and expected ones that are missing.
func Compare(e Expected, results []v1alpha1.Result) []string {
	var out []string
	seen := map[string]bool{}
	for _, r := range results {
		want, expected := e.Checks[r.CheckID]
		switch {
		case seen[r.CheckID]:
			out = append(out, r.CheckID+": two results")
		case !expected:
			out = append(out, fmt.Sprintf("%s: outcome %s, and the check is not listed", r.CheckID, r.Outcome))
		case r.Outcome != want.Outcome:
			out = append(out, fmt.Sprintf("%s: outcome %s, expected %s; %s", r.CheckID, r.Outcome, want.Outcome, saying(r)))
		}
		seen[r.CheckID] = true
	}
	for id := range e.Checks {
		if !seen[id] {
			out = append(out, id+": no result")
		}
	}
	sort.Strings(out)
	return slices.Clip(out)
}

// Undecided lists the checks that are inconclusive where another outcome is
// expected; none where anything differs otherwise.
func Undecided(e Expected, results []v1alpha1.Result) []string {
	var out []string
	for _, r := range results {
		if want := e.Checks[r.CheckID].Outcome; r.Outcome == v1alpha1.Inconclusive && want != v1alpha1.Inconclusive {
			out = append(out, r.CheckID+": "+saying(r))
		}
	}
	if len(out) != len(Compare(e, results)) {
		return nil
	}
	return out
}

// saying is why the result is what it is, in one line.
func saying(r v1alpha1.Result) string {
	if len(r.Findings) > 0 {
		return r.Findings[0].Observed.En
	}
	return r.Reason.En
}
