package spec

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/onsi/ginkgo/v2/types"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Labels are the Ginkgo labels of a check: req:, level: and area:.
func Labels(c *check.Check, level v1alpha1.Level) []string {
	return []string{"req:" + c.Requirement(), "level:" + string(level), "area:" + string(c.Area)}
}

// Select gives the checks that a label filter chooses, all for an empty one.
// The filter has Ginkgo's own syntax. A filter that is no filter, and one that
// chooses nothing, are errors: a run without checks must not look like one.
func Select(checks []*check.Check, levels map[string]v1alpha1.Level, filter string) ([]*check.Check, error) {
	matches, err := types.ParseLabelFilter(filter)
	if err != nil {
		// Ginkgo's message is painted for a terminal; its last line says what is wrong.
		why := err.Error()
		var mistake types.GinkgoError
		if errors.As(err, &mistake) {
			why = mistake.Message[strings.LastIndex(mistake.Message, "\n")+1:]
		}
		return nil, fmt.Errorf("label filter %q: %s A filter is such as 'area: containsAny network'", filter, why)
	}
	var chosen []*check.Check
	known := map[string]bool{}
	for _, c := range checks {
		labels := Labels(c, levels[c.Requirement()])
		for _, l := range labels {
			known[l] = true
		}
		if matches(labels) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		all := make([]string, 0, len(known))
		for l := range known {
			all = append(all, l)
		}
		sort.Strings(all)
		return nil, fmt.Errorf("label filter %q selects no check; labels are %s", filter, strings.Join(all, ", "))
	}
	return chosen, nil
}
