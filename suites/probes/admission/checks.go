package admission

import (
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Checks are the checks of one rule: pods that a tenant creates, with the
// given Meta; pods that controllers create for it; and, where the API lets
// them have the fault, ephemeral containers and running pods that are changed.
// The others' IDs and titles come
// from the first; all cover what it covers. They are checks of their own
// because enforcement forgets these ways one by one, and because not every
// account that runs the suite may take each.
func (r Rule) Checks(meta check.Meta) []*check.Check {
	derived := func(way string, title v1alpha1.Text) check.Meta {
		m := meta
		what, rejected := strings.CutSuffix(meta.ID, "-rejected")
		m.ID = strings.TrimSuffix(what, "-pod") + "-" + way
		if rejected {
			m.ID += "-rejected"
		}
		m.Title = title
		return m
	}
	all := []*check.Check{
		check.Of(meta, Probe, r.Judge),
		check.Of(derived("in-workloads", v1alpha1.T(
			"Der Cluster lässt auch Controller keine Pods "+r.With.De+" anlegen",
			"Nor does the cluster let controllers create pods "+r.With.En,
		)), Workloads, r.judgeWorkloads),
	}
	if InEphemeral(r.Fault) {
		all = append(all, check.Of(derived("in-ephemeral-containers", v1alpha1.T(
			"Der Cluster nimmt auch ephemere Container "+r.With.De+" nicht an",
			"Nor does the cluster admit ephemeral containers "+r.With.En,
		)), Ephemeral, r.judgeEphemeral))
	}
	if r.Fault == FaultRegistry {
		// Of what rules look at, the API lets only the image of a running pod change.
		all = append(all, check.Of(derived("by-update", v1alpha1.T(
			"Auch ein laufender Pod bekommt kein Image aus einer fremden Registry",
			"Nor does a running pod get an image from a foreign registry",
		)), Update, r.judgeUpdate))
	}
	return all
}
