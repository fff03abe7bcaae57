package app44

import (
	"fmt"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/relabel"
)

var _ = check.Register(check.Of(check.Meta{
	ID: "APP.4.4.A3/tenant-can-not-lift-rules",
	Title: v1alpha1.T(
		"Mandanten können die Labels ihrer Namespaces nicht ändern, an denen Regeln hängen",
		"Tenants can not change the labels of their namespaces, on which rules depend"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A3-UA.3", Decides: v1alpha1.Part},
	},
	Policies: []string{},
}, relabel.Probe, judgeRelabel))

// judgeRelabel passes only when in every namespace the same request on a pod
// of the tenant's own worked (positive control), and the one on the namespace
// was refused or had no effect. One label that was set is a deviation,
// whatever became of the rest.
func judgeRelabel(o relabel.Observation) check.Verdict {
	v := check.Verdict{Attempts: len(o.Namespaces), Controls: []v1alpha1.Control{relabelControl(o)}}
	for _, n := range o.Namespaces {
		if n.Patch == relabel.Changed || n.Update == relabel.Changed {
			v.Findings = append(v.Findings, relabelFinding(n))
		}
	}
	if len(v.Findings) > 0 {
		v.Outcome = v1alpha1.Fail
		return v
	}
	v.Outcome = v1alpha1.Inconclusive
	if len(o.Namespaces) == 0 || len(o.Namespaces) != o.Expected {
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Von %d Namespaces des Mandanten wurden %d versucht.", o.Expected, len(o.Namespaces)),
			fmt.Sprintf("Of the tenant's %d namespaces %d were tried.", o.Expected, len(o.Namespaces)))
		return v
	}
	byRule := 0
	for _, n := range o.Namespaces {
		switch {
		case n.Index <= 0:
			v.Reason = v1alpha1.T("Die Beobachtung ist unvollständig.", "The observation is incomplete.")
			return v
		case n.Control != relabel.Changed:
			v.Reason = v1alpha1.T(
				fmt.Sprintf("Im Namespace %d des Mandanten gelang dieselbe Änderung auch an einem eigenen Pod nicht (%s); dass sie am Namespace nicht gelang, sagt daher nichts. Den Lauf wiederholen, sobald der Mandant dort Pods anlegen kann.", n.Index, n.Control),
				fmt.Sprintf("In the tenant's namespace %d the same change of a pod of its own did not work either (%s), so that it did not work on the namespace says nothing. Repeat the run once the tenant can create pods there.", n.Index, n.Control))
			return v
		case n.MayUpdate && !kept(n.Update), !kept(n.Patch):
			v.Reason = v1alpha1.T(
				fmt.Sprintf("Der Versuch am Namespace %d des Mandanten blieb ohne Aussage (patch: %s, update: %s). Den Lauf wiederholen, sobald die API-Server störungsfrei antworten.", n.Index, n.Patch, n.Update),
				fmt.Sprintf("The try on the tenant's namespace %d said nothing (patch: %s, update: %s). Repeat the run once the API servers answer without trouble.", n.Index, n.Patch, n.Update))
			return v
		case n.MayPatch != (n.Patch != relabel.RefusedByAuthoriser):
			v.Reason = v1alpha1.T(
				fmt.Sprintf("Am Namespace %d des Mandanten widersprechen sich die Auskunft der Autorisierung und die Antwort auf den Versuch.", n.Index),
				fmt.Sprintf("On the tenant's namespace %d what the authoriser said and the answer to the try contradict each other.", n.Index))
			return v
		}
		if n.Patch != relabel.RefusedByAuthoriser {
			byRule++
		}
	}
	v.Outcome = v1alpha1.Pass
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Keine Abweichung festgestellt: In %d Namespaces konnte der Mandant ein Label seines eigenen Pods ändern, aber keines des Namespace (%d-mal fehlte das Recht, %d-mal griff eine Regel).", len(o.Namespaces), len(o.Namespaces)-byRule, byRule),
		fmt.Sprintf("No deviation found: in %d namespaces the tenant could change a label of its own pod, but none of the namespace (%d times the right was missing, %d times a rule took effect).", len(o.Namespaces), len(o.Namespaces)-byRule, byRule))
	return v
}

// kept reports whether an answer means that the label could not be set.
func kept(a relabel.Answer) bool {
	return a == relabel.RefusedByAuthoriser || a == relabel.RefusedByRule || a == relabel.Neutralised
}

func relabelControl(o relabel.Observation) v1alpha1.Control {
	held := 0
	var answers []string
	for _, n := range o.Namespaces {
		if n.Control == relabel.Changed {
			held++
		}
		answers = append(answers, string(n.Control))
	}
	return v1alpha1.Control{
		Name: v1alpha1.T("Dieselbe Änderung an einem eigenen Pod des Mandanten gelingt", "The same change of a pod of the tenant's own works"),
		Held: held > 0 && held == len(o.Namespaces),
		Detail: v1alpha1.T(
			fmt.Sprintf("in %d von %d Namespaces (%s)", held, len(o.Namespaces), strings.Join(answers, ", ")),
			fmt.Sprintf("in %d of %d namespaces (%s)", held, len(o.Namespaces), strings.Join(answers, ", "))),
	}
}

func relabelFinding(n relabel.Namespace) v1alpha1.Finding {
	verb := "patch"
	if n.Patch != relabel.Changed {
		verb = "update"
	}
	f := v1alpha1.Finding{
		Required: v1alpha1.T(
			"Ein Mandant kann die Labels seiner Namespaces nicht ändern; an ihnen hängt, welche Regeln Pod Security und Policy-Engines durchsetzen.",
			"A tenant can not change the labels of its namespaces; on them depends which rules Pod Security and policy engines enforce."),
		Observed: v1alpha1.T(
			fmt.Sprintf("Der Mandant setzte ein Label an seinem eigenen Namespace (%s).", verb),
			fmt.Sprintf("The tenant set a label on its own namespace (%s).", verb)),
		Object: v1alpha1.T(fmt.Sprintf("Namespace %d des Mandanten", n.Index), fmt.Sprintf("the tenant's namespace %d", n.Index)),
		Remedy: v1alpha1.T(
			"Den Rollen der Mandanten die Verben patch und update auf namespaces nehmen, oder mit einer ValidatingAdmissionPolicy die Labels festhalten, an denen Regeln hängen.",
			"Take the verbs patch and update on namespaces from the tenants' roles, or hold the labels on which rules depend with a ValidatingAdmissionPolicy."),
	}
	if !n.Restored {
		f.Observed.De += fmt.Sprintf(" Das Label ließ sich nicht zurücknehmen: kubectl label namespace NAME %s-", relabel.Label)
		f.Observed.En += fmt.Sprintf(" The label could not be taken back: kubectl label namespace NAME %s-", relabel.Label)
	}
	return f
}
