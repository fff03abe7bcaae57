package app44

import (
	"fmt"
	"slices"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/posture"
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

// A check of its own and not a part of the one above: that one needs no right
// but the tenant's, this one the runner's to read webhooks and policies.
var _ = check.Register(check.Of(check.Meta{
	ID: "APP.4.4.A3/tenant-can-not-exempt-itself",
	Title: v1alpha1.T(
		"Mandanten können sich nicht selbst von Regeln ausnehmen, weder mit Labels oder Namen von Pods noch mit Ausnahmeobjekten",
		"Tenants can not exempt themselves from rules, neither by labels or names of pods nor by exemption objects"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A3-UA.3", Decides: v1alpha1.Part},
	},
	Policies: []string{},
}, posture.Probe, judgeExempt))

// judgeRelabel passes only when in every namespace the same request on a pod
// of the tenant's own worked (positive control), and the tenant either has no
// right to change the namespace, or every label on which rules depend is held.
// A deviation takes both: a label that was really set, and one on which a rule
// depends that would have been accepted as well. Either alone decides nothing.
func judgeRelabel(o relabel.Observation) check.Verdict {
	v := check.Verdict{Attempts: len(o.Namespaces), Controls: []v1alpha1.Control{relabelControl(o)}}
	for _, n := range o.Namespaces {
		if changed(n) && lifted(n) {
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
		case !changed(n) && (n.MayUpdate && !kept(n.Update) || !kept(n.Patch)):
			v.Reason = v1alpha1.T(
				fmt.Sprintf("Der Versuch am Namespace %d des Mandanten blieb ohne Aussage (patch: %s, update: %s). Den Lauf wiederholen, sobald die API-Server störungsfrei antworten.", n.Index, n.Patch, n.Update),
				fmt.Sprintf("The try on the tenant's namespace %d said nothing (patch: %s, update: %s). Repeat the run once the API servers answer without trouble.", n.Index, n.Patch, n.Update))
			if n.MayChange() && !n.Restored {
				v.Reason.De, v.Reason.En = v.Reason.De+leftLabel().De, v.Reason.En+leftLabel().En
			}
			return v
		case n.MayPatch != (n.Patch != relabel.RefusedByAuthoriser):
			v.Reason = v1alpha1.T(
				fmt.Sprintf("Am Namespace %d des Mandanten widersprechen sich die Auskunft der Autorisierung und die Antwort auf den Versuch.", n.Index),
				fmt.Sprintf("On the tenant's namespace %d what the authoriser said and the answer to the try contradict each other.", n.Index))
			return v
		}
		if n.Patch == relabel.RefusedByAuthoriser && !n.MayChange() {
			continue
		}
		byRule++
		if reason := heldByRules(n); reason != nil {
			v.Reason = *reason
			return v
		}
	}
	v.Outcome = v1alpha1.Pass
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Keine Abweichung festgestellt: In %d Namespaces konnte der Mandant ein Label seines eigenen Pods ändern, aber keines des Namespace, an dem Regeln hängen (%d-mal fehlte das Recht, %d-mal griff eine Regel).", len(o.Namespaces), len(o.Namespaces)-byRule, byRule),
		fmt.Sprintf("No deviation found: in %d namespaces the tenant could change a label of its own pod, but none of the namespace on which rules depend (%d times the right was missing, %d times a rule took effect).", len(o.Namespaces), len(o.Namespaces)-byRule, byRule))
	return v
}

// changed: a label of the namespace was really set.
func changed(n relabel.Namespace) bool {
	return n.Patch == relabel.Changed || n.Update == relabel.Changed
}

// lifted: a label on which rules depend would have been accepted.
func lifted(n relabel.Namespace) bool {
	return slices.ContainsFunc(n.Lifts, func(l relabel.Lift) bool { return l.Answer == relabel.Changed })
}

// heldByRules says why it is open whether rules hold the labels of a namespace
// that the tenant has the right to change; nil when they do.
func heldByRules(n relabel.Namespace) *v1alpha1.Text {
	var t v1alpha1.Text
	switch open := slices.ContainsFunc(n.Lifts, func(l relabel.Lift) bool { return !kept(l.Answer) }); {
	case lifted(n):
		t = v1alpha1.T(
			fmt.Sprintf("Der Mandant darf den Namespace %d ändern; ein Label ohne Bedeutung lehnte eine Regel ab, eines, an dem Regeln hängen, nähme der API-Server nach einem Probelauf (dry run) an. Ein Probelauf allein beweist es nicht: mit kubectl label als Mandant nachprüfen, und die Regel um diese Labels erweitern.", n.Index),
			fmt.Sprintf("The tenant may change namespace %d; a rule refused a label without meaning, and one on which rules depend the API server would take, by a dry run. A dry run alone is no proof: check with kubectl label as the tenant, and extend the rule by these labels.", n.Index))
	case open:
		t = v1alpha1.T(
			fmt.Sprintf("Der Mandant darf den Namespace %d ändern; ob er Labels ändern kann, an denen Regeln hängen, blieb offen, weil der Probelauf (dry run) ohne Aussage blieb. Dem Mandanten die Verben patch und update auf namespaces nehmen, oder Webhooks, die namespaces prüfen, Probeläufe erlauben (sideEffects), und den Lauf wiederholen.", n.Index),
			fmt.Sprintf("The tenant may change namespace %d; whether it can change labels on which rules depend stayed open, because the dry run said nothing. Take the verbs patch and update on namespaces from the tenant, or let webhooks that check namespaces take dry runs (sideEffects), and repeat the run.", n.Index))
	case !n.LiftsKnown || len(n.Lifts) == 0:
		t = v1alpha1.T(
			fmt.Sprintf("Der Mandant darf den Namespace %d ändern. Von %d Labels, an denen Regeln hängen, konnte er keines ändern, aber nicht alle Regeln waren zu lesen. Dem Konto des Laufs das Lesen der Webhooks und Policies erlauben (rbac.yaml), oder dem Mandanten die Verben patch und update auf namespaces nehmen.", n.Index, len(n.Lifts)),
			fmt.Sprintf("The tenant may change namespace %d. Of %d labels on which rules depend it could change none, but not all rules could be read. Permit the run's account to read webhooks and policies (rbac.yaml), or take the verbs patch and update on namespaces from the tenant.", n.Index, len(n.Lifts)))
	default:
		return nil
	}
	return &t
}

func leftLabel() v1alpha1.Text {
	return v1alpha1.T(
		fmt.Sprintf(" Das Label des Versuchs ist vielleicht noch gesetzt: kubectl label namespace NAME %s-", relabel.Label),
		fmt.Sprintf(" The label of the try may still be set: kubectl label namespace NAME %s-", relabel.Label))
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
	pod, other := 0, 0
	for _, l := range n.Lifts {
		switch {
		case l.Answer != relabel.Changed:
		case l.PodSecurity:
			pod++
		default:
			other++
		}
	}
	var de, en []string
	if pod > 0 {
		de, en = append(de, "das Label pod-security.kubernetes.io/enforce"), append(en, "the label pod-security.kubernetes.io/enforce")
	}
	if other > 0 {
		de, en = append(de, fmt.Sprintf("%d Änderungen von Labels, nach denen Regeln Namespaces auswählen,", other)), append(en, fmt.Sprintf("%d changes of labels by which rules select namespaces", other))
	}
	which := v1alpha1.T(strings.Join(de, " und "), strings.Join(en, " and "))
	f := v1alpha1.Finding{
		Required: v1alpha1.T(
			"Ein Mandant kann die Labels seiner Namespaces nicht ändern; an ihnen hängt, welche Regeln Pod Security und Policy-Engines durchsetzen.",
			"A tenant can not change the labels of its namespaces; on them depends which rules Pod Security and policy engines enforce."),
		Observed: v1alpha1.T(
			fmt.Sprintf("Der Mandant setzte ein Label an seinem eigenen Namespace (%s), und %s nähme der API-Server auch an (dry run).", verb, which.De),
			fmt.Sprintf("The tenant set a label on its own namespace (%s), and %s the API server would take as well (dry run).", verb, which.En)),
		Object: v1alpha1.T(fmt.Sprintf("Namespace %d des Mandanten", n.Index), fmt.Sprintf("the tenant's namespace %d", n.Index)),
		Remedy: v1alpha1.T(
			"Den Rollen der Mandanten die Verben patch und update auf namespaces nehmen, oder mit einer ValidatingAdmissionPolicy die Labels festhalten, an denen Regeln hängen.",
			"Take the verbs patch and update on namespaces from the tenants' roles, or hold the labels on which rules depend with a ValidatingAdmissionPolicy."),
	}
	if !n.Restored {
		f.Observed.De += fmt.Sprintf(" Das gesetzte Label ließ sich nicht zurücknehmen: kubectl label namespace NAME %s-", relabel.Label)
		f.Observed.En += fmt.Sprintf(" The label could not be taken back: kubectl label namespace NAME %s-", relabel.Label)
	}
	return f
}

// judgeExempt passes only when the authoriser, which lets the tenant create pods
// (positive control), refuses it every verb with which rules are lifted, and
// when no label or name by which a rule spares pods brings in what is refused
// without it (positive control: something is refused), while a pod without fault
// and with these labels and names is admitted. Where no rule is seen and none
// takes effect there is nothing to be exempt from.
func judgeExempt(o posture.Observation) check.Verdict {
	asked, allowed := 0, 0
	for _, l := range o.Lifts {
		asked, allowed = asked+l.Asked, allowed+len(l.Allowed)
	}
	free := o.Escape.Candidates - o.Escape.Protected - o.Escape.NotTried
	v := check.Verdict{Outcome: v1alpha1.Inconclusive, Attempts: asked + len(o.Escape.Tries), Controls: exemptControls(o, asked, free)}
	for _, l := range o.Lifts {
		if len(l.Allowed) > 0 && bindsSomething(o, l) {
			v.Findings = append(v.Findings, liftFinding(l))
		}
	}
	if f := escapeFinding(o.Escape); f != nil {
		v.Findings = append(v.Findings, *f)
	}
	if len(v.Findings) > 0 {
		v.Outcome = v1alpha1.Fail
		return v
	}
	switch {
	case !o.MayCreatePods:
		v.Reason = mayNotCreatePods()
		return v
	case !o.Complete() || asked == 0:
		v.Reason = incomplete()
		return v
	case o.Unread():
		v.Reason = unread()
		return v
	case slices.ContainsFunc(o.Rules, o.Unknown):
		v.Reason = v1alpha1.T(
			"Auf Pods des Mandanten sieht ein validierender Webhook, von dem nicht zu lesen ist, wen er ausnimmt; ob sich ein Mandant ihm mit einem Label oder Namen entziehen kann, blieb offen. Den Betreiber des Webhooks danach fragen, oder die Regel als ValidatingAdmissionPolicy oder in einer Policy-Engine fassen, deren Policies lesbar sind.",
			"A validating webhook looks at the tenant's pods of which can not be read whom it spares; whether a tenant can leave its scope by a label or a name stayed open. Ask the webhook's operator, or put the rule into a ValidatingAdmissionPolicy or a policy engine whose policies can be read.")
		return v
	case o.ExceptionsUnread():
		v.Reason = v1alpha1.T(
			"Eine Policy-Engine kennt Ausnahmeobjekte, aber sie waren nicht zu lesen; ob sich ein Mandant ihrer bedienen kann, blieb offen. Dem Konto des Laufs das Lesen der Ausnahmen erlauben (rbac.yaml) und den Lauf wiederholen.",
			"A policy engine knows exemption objects, but they could not be read; whether a tenant can make use of them stayed open. Permit the run's account to read the exemptions (rbac.yaml) and repeat the run.")
		return v
	case nothingHolds(o):
		v.Outcome = v1alpha1.NotApplicable
		v.Reason = v1alpha1.T(
			"Nichts bindet Pods des Mandanten, wovon er sich ausnehmen könnte: Keine Regel sieht auf sie, und jeder Pod mit Mangel wurde angenommen. Darüber urteilt APP.4.4.A13/rules-enforced-not-only-reported.",
			"Nothing binds the tenant's pods that it could be exempt from: no rule looks at them, and every pod with a fault was admitted. APP.4.4.A13/rules-enforced-not-only-reported judges on that.")
		return v
	case o.Escape.NotTried > 0:
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Regeln nehmen Pods mit %d verschiedenen Labels oder Namen aus; %d davon wurden nicht versucht. Die Ausnahmen verringern und den Lauf wiederholen.", o.Escape.Candidates, o.Escape.NotTried),
			fmt.Sprintf("Rules spare pods with %d different labels or names; %d of them were not tried. Reduce the exemptions and repeat the run.", o.Escape.Candidates, o.Escape.NotTried))
		return v
	case o.Escape.Unsolved > 0:
		v.Reason = v1alpha1.T(
			fmt.Sprintf("%d Bedingungen von Regeln sehen auf Labels, Annotationen oder Namen von Pods, ohne dass zu lesen war, welche ein Pod haben müsste; ob sie Pods ausnehmen, blieb offen.", o.Escape.Unsolved),
			fmt.Sprintf("%d conditions of rules look at labels, annotations or names of pods, and it could not be read which a pod would have to have; whether they spare pods stayed open.", o.Escape.Unsolved))
		return v
	case free > 0 && o.Escape.Golden.Class != admission.Admitted:
		t := o.Escape.Golden.Trouble()
		v.Reason = v1alpha1.T(
			"Ein Pod ohne Mangel mit Labels oder Namen, nach denen Regeln Pods ausnehmen, wurde nicht angenommen. "+sentence(t.De),
			"A pod without fault and with labels or names by which rules spare pods was not admitted. "+sentence(t.En))
		return v
	case o.After.Class != admission.Admitted:
		t := o.After.Trouble()
		v.Reason = v1alpha1.T("Ein Pod ohne Mangel wurde am Ende nicht angenommen. "+sentence(t.De), "A pod without fault was not admitted at the end. "+sentence(t.En))
		return v
	}
	kept := 0
	for _, f := range o.Faults {
		if f.Kept() {
			kept++
		}
	}
	if kept == 0 {
		v.Reason = v1alpha1.T(
			"Kein Pod mit Mangel wurde von einer Regel abgelehnt; ob sich einer mit Labels oder Namen ausnehmen ließe, war daher nicht zu sehen.",
			"No pod with a fault was refused by a rule, so whether one could be exempted by labels or names was not to be seen.")
		return v
	}
	if o.Escape.Rounds < free || o.Escape.Expected != kept*o.Escape.Rounds {
		v.Reason = incomplete()
		return v
	}
	for _, t := range o.Escape.Tries {
		switch {
		case t.With.Class == admission.Admitted:
			v.Reason = v1alpha1.T(
				fmt.Sprintf("Ein Pod mit Mangel (%s) und Labels oder einem Namen, nach denen Regeln Pods ausnehmen, wurde einmal angenommen, aber der zweite Versuch und der ohne sie bestätigten nicht, dass es an ihnen lag. Den Lauf wiederholen.", t.Fault),
				fmt.Sprintf("A pod with a fault (%s) and labels or a name by which rules spare pods was admitted once, but the second try and the one without them did not confirm that this was for them. Repeat the run.", t.Fault))
			return v
		case !t.With.KeptOut(t.Fault):
			what := t.With.Trouble()
			v.Reason = v1alpha1.T(
				fmt.Sprintf("Ein Pod mit Mangel (%s) und Labels oder einem Namen, nach denen Regeln Pods ausnehmen, blieb ohne Aussage. %s", t.Fault, sentence(what.De)),
				fmt.Sprintf("A pod with a fault (%s) and labels or a name by which rules spare pods said nothing. %s", t.Fault, sentence(what.En)))
			return v
		}
	}
	v.Outcome = v1alpha1.Pass
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Keine Abweichung festgestellt: Die Autorisierung verweigert dem Mandanten alle %d Zugriffe, mit denen sich Regeln aufheben lassen. ", asked),
		fmt.Sprintf("No deviation found: the authoriser refuses the tenant all %d accesses with which rules can be lifted. ", asked))
	switch {
	case o.Escape.Candidates == 0:
		v.Reason.De += "Weder Label noch Name war zu finden, mit dem sich ein Pod einer Regel entzöge."
		v.Reason.En += "Neither a label nor a name was found with which a pod would leave the scope of a rule."
	case free == 0:
		v.Reason.De += fmt.Sprintf("Regeln nehmen Pods nach Labels oder Namen aus; alle %d sind geschützt, ein Pod des Mandanten mit ihnen wird abgelehnt.", o.Escape.Protected)
		v.Reason.En += fmt.Sprintf("Rules spare pods by labels or names; all %d are protected, a pod of the tenant with them is refused.", o.Escape.Protected)
	default:
		v.Reason.De += fmt.Sprintf("Regeln nennen %d Labels oder Namen; auch mit ihnen wurden alle %d Pods mit Mangel abgelehnt, die ohne sie abgelehnt werden.", o.Escape.Candidates, kept)
		v.Reason.En += fmt.Sprintf("Rules name %d labels or names; with them, too, all %d pods with a fault were refused that are refused without.", o.Escape.Candidates, kept)
	}
	return v
}

// nothingHolds: no rule is seen on the tenant's pods, and none took effect.
func nothingHolds(o posture.Observation) bool {
	return o.RuleCount == 0 && !slices.ContainsFunc(o.Engines, func(e posture.EnginePolicies) bool { return e.Enforcing+e.Reporting+e.Conditional > 0 }) &&
		!slices.ContainsFunc(o.Faults, func(f posture.FaultTry) bool { return f.Class != admission.Admitted })
}

func exemptControls(o posture.Observation, asked, free int) []v1alpha1.Control {
	all := []v1alpha1.Control{{
		Name:   v1alpha1.T("Die Autorisierung kennt den Mandanten: Pods darf er anlegen", "The authoriser knows the tenant: pods it may create"),
		Held:   o.MayCreatePods && asked > 0,
		Detail: v1alpha1.T(fmt.Sprintf("%d Zugriffe erfragt", asked), fmt.Sprintf("%d accesses asked about", asked)),
	}, {
		Name: v1alpha1.T("Ein Pod ohne Mangel wird am Ende angenommen", "A pod without fault is admitted at the end"),
		Held: o.After.Class == admission.Admitted, Detail: v1alpha1.T(string(o.After.Class), string(o.After.Class)),
	}}
	if free > 0 {
		all = append(all, v1alpha1.Control{
			Name: v1alpha1.T("Ein Pod ohne Mangel mit den Labels und Namen wird angenommen", "A pod without fault and with the labels and names is admitted"),
			Held: o.Escape.Golden.Class == admission.Admitted, Detail: v1alpha1.T(string(o.Escape.Golden.Class), string(o.Escape.Golden.Class)),
		})
	}
	return all
}

// bindsSomething: a right to change objects that bind pods of their own
// namespace lifts a rule only where there are any.
func bindsSomething(o posture.Observation, l posture.Lift) bool {
	for i, r := range posture.EngineResources() {
		if r.Namespaced && r.Group == l.Group && r.Resource == l.Resource && i < len(o.Engines) {
			e := o.Engines[i]
			return e.State == posture.StateRead && e.Enforcing+e.Reporting+e.Conditional > 0
		}
	}
	return true
}

func liftFinding(l posture.Lift) v1alpha1.Finding {
	verbs := strings.Join(l.Allowed, ", ")
	return v1alpha1.Finding{
		Required: v1alpha1.T(
			"Ein Mandant kann die Regeln, die ihn binden, weder ändern noch sich von ihnen ausnehmen.",
			"A tenant can neither change the rules that bind it nor exempt itself from them."),
		Observed: v1alpha1.T(
			fmt.Sprintf("Der Mandant darf %s.%s: %s (SelfSubjectAccessReview).", l.Resource, l.Group, verbs),
			fmt.Sprintf("The tenant may, on %s.%s: %s (SelfSubjectAccessReview).", l.Resource, l.Group, verbs)),
		Object: v1alpha1.T("Rollen des Mandanten", "the tenant's roles"),
		Remedy: v1alpha1.T(
			fmt.Sprintf("Den Rollen der Mandanten die Verben %s auf %s.%s nehmen, auch in ClusterRoles, die zu „edit“ oder „admin“ aggregiert werden; Ausnahmen legt der Plattformbetreiber an.", verbs, l.Resource, l.Group),
			fmt.Sprintf("Take the verbs %s on %s.%s from the tenants' roles, also from ClusterRoles that are aggregated to \"edit\" or \"admin\"; exemptions are made by the operator of the platform.", verbs, l.Resource, l.Group)),
	}
}

func escapeFinding(e posture.Escape) *v1alpha1.Finding {
	var faults []string
	named := false
	for _, t := range e.Tries {
		if t.Spared() {
			faults = append(faults, t.Fault)
			named = named || t.Named
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	faults = slices.Compact(faults) // one may be spared by several labels
	all, by := strings.Join(faults, ", "), v1alpha1.T("Labels", "labels")
	if named {
		by = v1alpha1.T("Labels oder Namen", "labels or names")
	}
	return &v1alpha1.Finding{
		Required: v1alpha1.T(
			"Ein Mandant kann sich von den Regeln, die ihn binden, nicht mit Label oder Namen seines Pods ausnehmen.",
			"A tenant can not exempt itself from the rules that bind it by label or name of its pod."),
		Observed: v1alpha1.T(
			fmt.Sprintf("Pods mit diesen Mängeln wurden zweimal abgelehnt und mit %s, nach denen Regeln Pods ausnehmen, zweimal angenommen: %s.", by.De, all),
			fmt.Sprintf("Pods with these faults were refused twice, and admitted twice with %s by which rules spare pods: %s.", by.En, all)),
		Object: v1alpha1.T("Pod des Laufs im ersten Namespace des Mandanten", "pod of the run in the tenant's first namespace"),
		Remedy: v1alpha1.T(
			"Ausnahmen nicht an Labels oder Namen von Pods hängen (objectSelector, exclude, matchConditions, PolicyException), sondern an Namespaces, deren Labels der Mandant nicht ändern kann; oder diese Labels und Namen selbst mit einer Regel verbieten.",
			"Do not hang exemptions on labels or names of pods (objectSelector, exclude, matchConditions, PolicyException) but on namespaces whose labels the tenant can not change; or forbid these labels and names by a rule of its own."),
	}
}
