package spec

import (
	"slices"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

func selectable() ([]*check.Check, map[string]v1alpha1.Level) {
	var checks []*check.Check
	for _, c := range []struct {
		id   string
		area check.Area
	}{
		{"APP.4.4.A1/one", check.Admission},
		{"APP.4.4.A1/two", check.Network},
		// A17 has A1 for a prefix: a label is compared as a whole.
		{"APP.4.4.A17/three", check.Network},
		{"SYS.1.6.A1/four", check.Nodes},
	} {
		made := newCheck(c.id, newProbe("p", good))
		made.Area = c.area
		checks = append(checks, made)
	}
	return checks, map[string]v1alpha1.Level{"APP.4.4.A1": v1alpha1.Basis, "APP.4.4.A17": v1alpha1.Hoch, "SYS.1.6.A1": v1alpha1.Basis}
}

func TestSelect(t *testing.T) {
	checks, levels := selectable()
	for filter, want := range map[string]string{
		"":                                   "one two three four",
		"req:APP.4.4.A1":                     "one two",
		"req:APP.4.4.A17":                    "three",
		"level:basis":                        "one two four",
		"level:hoch":                         "three",
		"area:network":                       "two three",
		"area:network && level:basis":        "two",
		"req:SYS.1.6.A1 || req:APP.4.4.A17":  "three four",
		"!area:network":                      "one four",
		"level:basis && !(req:APP.4.4.A1)":   "four",
		"/req:SYS/":                          "four",
		" area:nodes ":                       "four",
		"area: containsAny {nodes, network}": "two three four",
	} {
		chosen, err := Select(checks, levels, filter)
		if err != nil {
			t.Errorf("filter %q: %v", filter, err)
			continue
		}
		var names []string
		for _, c := range chosen {
			_, name, _ := strings.Cut(c.ID, "/")
			names = append(names, name)
		}
		// The order of the registry is the order of the report.
		if got := strings.Join(names, " "); got != want {
			t.Errorf("filter %q selects %q, want %q", filter, got, want)
		}
	}
}

// TestSelectRefuses proves that neither a typing error nor a filter without a
// match gives a run without checks, which would look like one without deviations.
func TestSelectRefuses(t *testing.T) {
	checks, levels := selectable()
	known := []string{
		"area:admission", "area:network", "area:nodes", "level:basis", "level:hoch",
		"req:APP.4.4.A1", "req:APP.4.4.A17", "req:SYS.1.6.A1",
	}
	for _, c := range []struct {
		filter  string
		invalid bool
	}{
		{"req:APP.4.4.A99", false},
		{"req:APP.4.4", false},
		{"Level:Hohc", false},
		{"area:network && area:nodes", false},
		{"req:APP.4.4.A1 &&", true},
		{"(area:network", true},
		{"area:network area:nodes)", true},
		{"/[/", true},
		{"&&", true},
	} {
		chosen, err := Select(checks, levels, c.filter)
		if err == nil || chosen != nil {
			t.Errorf("filter %q: %d checks, error %v, want only an error", c.filter, len(chosen), err)
			continue
		}
		if !strings.Contains(err.Error(), c.filter) {
			t.Errorf("filter %q is not in its error %q", c.filter, err)
		}
		if _, list, there := strings.Cut(err.Error(), "labels are "); there == c.invalid {
			t.Errorf("filter %q: error %q, want the known labels: %v", c.filter, err, !c.invalid)
		} else if there && !slices.Equal(strings.Split(list, ", "), known) {
			t.Errorf("filter %q: known labels %q, want %q", c.filter, list, known)
		}
	}
	if _, err := Select(nil, nil, ""); err == nil {
		t.Error("no error although there is no check at all")
	}
}
