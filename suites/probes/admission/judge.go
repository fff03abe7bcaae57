package admission

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Rule is a rule on pods that a cluster has to enforce.
type Rule struct {
	// Fault is what a pod must not have, one of the Fault constants.
	Fault string
	// With names the fault after "a pod", such as "with privileged=true".
	With v1alpha1.Text
	// Remedy says how a site comes to enforce the rule.
	Remedy v1alpha1.Text
}

// Judge passes only when a pod that keeps every rule was admitted before and
// after each round (positive control) and the same pod with the fault, in each
// of its variants, was refused by a rule, or stored without the fault, every
// time. One that was admitted is a deviation, whatever became of the rest.
func (r Rule) Judge(o Observation) check.Verdict {
	variants := Variants(r.Fault)
	tries := o.Attempts(r.Fault, "", SurfacePod)
	v := check.Verdict{Attempts: len(tries), Controls: r.controls(o, variants)}
	if slices.ContainsFunc(tries, func(t Mutant) bool { return t.Class == Admitted }) {
		v.Outcome, v.Findings = v1alpha1.Fail, []v1alpha1.Finding{r.finding(o, variants)}
		return v
	}

	v.Outcome = v1alpha1.Inconclusive
	switch {
	case !o.MayCreatePods:
		v.Reason = v1alpha1.T(
			"Der Mandant darf im verwendeten Namensraum keine Pods anlegen; Ablehnungen sagten daher nichts über Regeln für Pods aus. Dem ServiceAccount des Mandanten ist die Rolle „edit“ zu geben (rbac.yaml).",
			"The tenant may not create pods in the namespace used, so refusals would say nothing about rules on pods. Give the tenant's ServiceAccount the role \"edit\" (rbac.yaml).")
		return v
	case r.Fault == FaultServiceAccount && !o.OwnServiceAccount:
		v.Reason = noOwnServiceAccount()
		return v
	case len(tries) == 0:
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Es wurde kein Pod %s versucht.", r.With.De),
			fmt.Sprintf("No pod %s was tried.", r.With.En))
		return v
	}
	if bad := firstTrouble(o.goldens(r.Fault), func(g Golden) Attempt { return g.Attempt }, func(a Attempt) bool { return a.Class == Admitted }); bad != nil {
		v.Reason = r.goldenReason(*bad, o.OwnServiceAccount)
		return v
	}
	if bad := firstTrouble(tries, func(m Mutant) Attempt { return m.Attempt }, r.kept); bad != nil {
		t := attemptTrouble(*bad)
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Ein Versuch mit einem Pod %s blieb ohne Aussage: %s", r.With.De, t.De),
			fmt.Sprintf("A try with a pod %s said nothing: %s", r.With.En, t.En))
		return v
	}
	for _, name := range variants {
		if t := o.Attempts(r.Fault, name, SurfacePod); !enoughRounds(t) {
			v.Reason = v1alpha1.T(
				fmt.Sprintf("Ein Pod %s (%s) wurde %d-mal in %s s versucht; nötig sind %d Versuche über mindestens %.0f s. Der Lauf ist zu wiederholen.",
					r.With.De, name, len(t), v1alpha1.Decimal(spanOf(t), 1).De, Rounds, Span.Seconds()),
				fmt.Sprintf("A pod %s (%s) was tried %d times within %.1f s; %d tries over at least %.0f s are needed. Repeat the run.",
					r.With.En, name, len(t), spanOf(t), Rounds, Span.Seconds()))
			return v
		}
	}
	v.Outcome, v.Reason = v1alpha1.Pass, r.refused(tries)
	return v
}

// goldens are the golden pods that the mutants of a fault were made from.
func (o Observation) goldens(fault string) []Golden {
	var all []Golden
	for _, round := range o.Rounds {
		all = append(all, round.Before)
		if fault == FaultProcMount {
			all = append(all, round.UserNamespace)
		}
		all = append(all, round.After)
	}
	return all
}

func (r Rule) kept(a Attempt) bool { return a.KeptOut(r.Fault) }

func firstTrouble[T any](all []T, attempt func(T) Attempt, fine func(Attempt) bool) *Attempt {
	for _, x := range all {
		if a := attempt(x); !fine(a) {
			return &a
		}
	}
	return nil
}

func (r Rule) finding(o Observation, variants []string) v1alpha1.Finding {
	var de, en []string
	var kept []string
	sometimes := false
	for _, name := range known(o.Attempts(r.Fault, "", SurfacePod), variants) {
		tries := o.Attempts(r.Fault, name, SurfacePod)
		admitted := 0
		for _, t := range tries {
			if t.Class == Admitted {
				admitted++
			}
		}
		if admitted == 0 {
			kept = append(kept, name)
			continue
		}
		sometimes = sometimes || admitted < len(tries)
		de = append(de, fmt.Sprintf("%s in %d von %d Versuchen", name, admitted, len(tries)))
		en = append(en, fmt.Sprintf("%s in %d of %d tries", name, admitted, len(tries)))
	}
	f := v1alpha1.Finding{
		Required: v1alpha1.T(
			fmt.Sprintf("Ein Pod eines Mandanten %s wird abgelehnt oder ohne diesen Mangel gespeichert, und zwar jedes Mal und wo immer im Pod der Mangel steht.", r.With.De),
			fmt.Sprintf("A tenant's pod %s is refused, or stored without this fault, every time and wherever in the pod the fault is.", r.With.En)),
		Observed: v1alpha1.T(
			fmt.Sprintf("Ein Pod %s wurde angenommen: %s.", r.With.De, strings.Join(de, ", ")),
			fmt.Sprintf("A pod %s was admitted: %s.", r.With.En, strings.Join(en, ", "))),
		Object: v1alpha1.T("Pod des Laufs im ersten Namensraum des Mandanten", "pod of the run in the first tenant namespace"),
		Remedy: r.Remedy,
	}
	if len(kept) > 0 {
		f.Observed.De += " Nicht angenommen: " + strings.Join(kept, ", ") + "."
		f.Observed.En += " Not admitted: " + strings.Join(kept, ", ") + "."
	}
	if sometimes {
		f.Observed.De += " Er wird also nur manchmal nicht angenommen: Die Durchsetzung ist nicht verlässlich."
		f.Observed.En += " So it is only sometimes not admitted: enforcement is not reliable."
		f.Remedy.De += " Weil nicht jeder Versuch angenommen wurde: failurePolicy der Webhooks auf „Fail“ setzen, die Policy-Engine mehrfach betreiben und die Admission-Einstellungen aller API-Server angleichen."
		f.Remedy.En += " Because not every try was admitted: set the webhooks' failurePolicy to \"Fail\", run several replicas of the policy engine, and make the admission settings of all API servers the same."
	}
	return f
}

// known gives the variants and, after them, others that the observation has:
// a pod that was admitted is never left out because its name is not ours.
func known(tries []Mutant, variants []string) []string {
	all := slices.Clone(variants)
	for _, t := range tries {
		if !slices.Contains(all, t.Variant) {
			all = append(all, t.Variant)
		}
	}
	return all
}

func (r Rule) controls(o Observation, variants []string) []v1alpha1.Control {
	goldens := o.goldens(r.Fault)
	good, altered := 0, 0
	for _, g := range goldens {
		if g.Class == Admitted {
			good++
		}
		if g.Altered != (Altered{}) {
			altered++
		}
	}
	goldenDetail := v1alpha1.T(
		fmt.Sprintf("%d von %d angenommen", good, len(goldens)),
		fmt.Sprintf("%d of %d admitted", good, len(goldens)))
	if altered > 0 {
		goldenDetail.De += fmt.Sprintf(", %d davon vom Cluster verändert gespeichert", altered)
		goldenDetail.En += fmt.Sprintf(", %d of them stored with changes by the cluster", altered)
	}
	least, span, complete := 0, 0.0, len(variants) > 0
	for i, name := range variants {
		tries := o.Attempts(r.Fault, name, SurfacePod)
		complete = complete && enoughRounds(tries)
		if i == 0 || len(tries) < least {
			least = len(tries)
		}
		if i == 0 || spanOf(tries) < span {
			span = spanOf(tries)
		}
	}
	all := []v1alpha1.Control{{
		Name:   v1alpha1.T("Der Mandant darf Pods anlegen (SelfSubjectAccessReview)", "The tenant may create pods (SelfSubjectAccessReview)"),
		Held:   o.MayCreatePods,
		Detail: yesNo(o.MayCreatePods),
	}, {
		Name:   v1alpha1.T("Ein Pod ohne Mangel wird vor und nach jeder Runde angenommen", "A pod without fault is admitted before and after each round"),
		Held:   len(goldens) > 0 && good == len(goldens),
		Detail: goldenDetail,
	}, {
		Name: v1alpha1.T(
			fmt.Sprintf("Jede Variante (%s) %d-mal über mindestens %.0f s versucht", strings.Join(variants, ", "), Rounds, Span.Seconds()),
			fmt.Sprintf("Each variant (%s) tried %d times over at least %.0f s", strings.Join(variants, ", "), Rounds, Span.Seconds())),
		Held: complete,
		Detail: v1alpha1.T(
			fmt.Sprintf("mindestens %d Versuche über %s s", least, v1alpha1.Decimal(span, 1).De),
			fmt.Sprintf("at least %d tries over %.1f s", least, span)),
	}}
	if r.Fault == FaultServiceAccount {
		all = append(all, r.ownAccountControl(o.OwnServiceAccount))
	}
	return all
}

func (r Rule) ownAccountControl(own bool) v1alpha1.Control {
	return v1alpha1.Control{
		Name:   v1alpha1.T("Der Pod ohne Mangel hat einen eigenen ServiceAccount", "The pod without fault has a ServiceAccount of its own"),
		Held:   own,
		Detail: yesNo(own),
	}
}

func noOwnServiceAccount() v1alpha1.Text {
	return v1alpha1.T(
		"Im Namensraum gibt es keinen ServiceAccount, unter dem ein Pod ohne Mangel laufen könnte. Den ServiceAccount „bvc-pods“ anlegen (rbac.yaml) und den Lauf wiederholen.",
		"The namespace has no ServiceAccount under which a pod without fault could run. Make the ServiceAccount \"bvc-pods\" (rbac.yaml) and repeat the run.")
}

func yesNo(b bool) v1alpha1.Text {
	if b {
		return v1alpha1.T("ja", "yes")
	}
	return v1alpha1.T("nein", "no")
}

func enoughRounds(tries []Mutant) bool {
	return len(tries) >= Rounds && spanOf(tries) >= Span.Seconds()
}

// spanOf is the time from the first to the last try.
func spanOf(tries []Mutant) float64 {
	if len(tries) == 0 {
		return 0
	}
	first, last := tries[0].AtSeconds, tries[0].AtSeconds
	for _, t := range tries {
		first, last = min(first, t.AtSeconds), max(last, t.AtSeconds)
	}
	return last - first
}

func (r Rule) goldenReason(a Attempt, ownAccount bool) v1alpha1.Text {
	if a.Class == Policy {
		by, remedy := refuserText(a.By), allow(a, ownAccount)
		return v1alpha1.T(
			fmt.Sprintf("Der Pod ohne Mangel wurde von %s abgelehnt (HTTP %d); ob ein Pod %s deswegen abgelehnt wurde, ist daher nicht zu unterscheiden. %s", by.De, a.HTTPStatus, r.With.De, remedy.De),
			fmt.Sprintf("The pod without fault was refused by %s (HTTP %d), so it can not be told whether a pod %s was refused for that. %s", by.En, a.HTTPStatus, r.With.En, remedy.En))
	}
	t := attemptTrouble(a)
	return v1alpha1.T("Der Pod ohne Mangel wurde nicht angenommen: "+t.De, "The pod without fault was not admitted: "+t.En)
}

// refused names by whom the pods were refused, as often as they were. It is
// only asked when every try was refused or neutralised.
func (r Rule) refused(tries []Mutant) v1alpha1.Text {
	by, neutralised := map[By]int{}, 0
	quota := 0
	for _, t := range tries {
		switch t.Class {
		case Neutralised:
			neutralised++
		case Quota:
			quota++
		default:
			by[t.By]++
		}
	}
	var de, en []string
	for who, n := range by {
		text := refuserText(who)
		de = append(de, fmt.Sprintf("%d-mal von %s abgelehnt", n, text.De))
		en = append(en, fmt.Sprintf("refused %d times by %s", n, text.En))
	}
	sort.Strings(de)
	sort.Strings(en)
	if quota > 0 {
		de = append(de, fmt.Sprintf("%d-mal von einer ResourceQuota oder einem LimitRange abgelehnt", quota))
		en = append(en, fmt.Sprintf("refused %d times by a ResourceQuota or a LimitRange", quota))
	}
	if neutralised > 0 {
		// Who changed it the API server says to nobody but its audit log.
		de = append(de, fmt.Sprintf("%d-mal ohne den Mangel gespeichert (geändert von einem mutierenden Webhook, einer MutatingAdmissionPolicy oder einer Vorgabe)", neutralised))
		en = append(en, fmt.Sprintf("stored %d times without the fault (changed by a mutating webhook, a MutatingAdmissionPolicy or a default)", neutralised))
	}
	return v1alpha1.T(
		fmt.Sprintf("Keine Abweichung festgestellt: Ein Pod %s wurde in %d Versuchen %s; ein Pod ohne Mangel wurde jedes Mal angenommen.", r.With.De, len(tries), strings.Join(de, " und ")),
		fmt.Sprintf("No deviation found: in %d tries a pod %s was %s; a pod without fault was admitted every time.", len(tries), r.With.En, strings.Join(en, " and ")))
}
