package admission

import (
	"fmt"
	"slices"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// way says in words by which way a fault came, or did not come, in.
type way struct {
	surfaces []string
	// required is what the finding asks for.
	required v1alpha1.Text
	// came is what happened, and must not, before the fault; none is that it
	// did not.
	came, none v1alpha1.Text
	// object is where it was seen.
	object v1alpha1.Text
	// remedy comes before the rule's own.
	remedy v1alpha1.Text
}

func (r Rule) judgeWorkloads(o Surfaces) check.Verdict {
	names := surfacesText(WorkloadSurfaces(r.Fault))
	return r.judgeSurfaces(o, way{
		surfaces: WorkloadSurfaces(r.Fault),
		required: v1alpha1.T("Kein Controller, den ein Mandant anlegt ("+names.De+"), bringt einen Pod "+r.With.De+" in den Cluster.",
			"No controller that a tenant creates ("+names.En+") brings a pod "+r.With.En+" into the cluster."),
		came:   cameIn(),
		none:   cameNotIn(),
		object: v1alpha1.T("Controller des Laufs im ersten Namensraum des Mandanten", "controllers of the run in the first tenant namespace"),
		remedy: v1alpha1.T(
			"Die Regel auch auf Pods anwenden, die Controller anlegen: keine Ausnahme für Accounts aus kube-system, und jede Art von Controller einbeziehen. ",
			"Apply the rule to pods that controllers create as well: no exemption for accounts of kube-system, and every kind of controller included. "),
	})
}

func (r Rule) judgeEphemeral(o Surfaces) check.Verdict {
	return r.judgeSurfaces(o, way{
		surfaces: []string{SurfaceEphemeralContainer},
		required: v1alpha1.T("Ein ephemerer Container "+r.With.De+" wird abgelehnt oder ohne diesen Mangel gespeichert.",
			"An ephemeral container "+r.With.En+" is refused, or stored without this fault."),
		came:   cameIn(),
		none:   cameNotIn(),
		object: v1alpha1.T("Pod des Laufs im ersten Namensraum des Mandanten", "pod of the run in the first tenant namespace"),
		remedy: v1alpha1.T(
			"Die Regel auch auf pods/ephemeralcontainers (UPDATE) anwenden und dort spec.ephemeralContainers prüfen. ",
			"Apply the rule to pods/ephemeralcontainers (UPDATE) as well, and look at spec.ephemeralContainers there. "),
	})
}

func (r Rule) judgeUpdate(o Surfaces) check.Verdict {
	return r.judgeSurfaces(o, way{
		surfaces: []string{SurfaceImageUpdate},
		required: v1alpha1.T("Ein laufender Pod bekommt kein Image "+r.With.De+".", "A running pod gets no image "+r.With.En+"."),
		came:     cameIn(),
		none:     cameNotIn(),
		object:   v1alpha1.T("Laufender Pod im ersten Namensraum des Mandanten", "running pod in the first tenant namespace"),
		remedy: v1alpha1.T("Die Regel nicht nur beim Anlegen (CREATE), sondern auch beim Ändern (UPDATE) von Pods anwenden. ",
			"Apply the rule not only when pods are created (CREATE) but also when they are changed (UPDATE). "),
	})
}

func cameIn() v1alpha1.Text {
	return v1alpha1.T("In den Cluster kam ein Pod", "There came into the cluster a pod")
}

func cameNotIn() v1alpha1.Text {
	return v1alpha1.T("kam kein Pod %s in den Cluster", "no pod %s came into the cluster")
}

// judgeSurfaces passes only when on each surface a golden pod came in before
// and after the mutants, and each mutant was kept out every time, whoever
// kept it out. One that came in is a deviation, whatever became of the rest.
func (r Rule) judgeSurfaces(o Surfaces, w way) check.Verdict {
	var tries []Try
	for _, s := range o.Surfaces {
		tries = append(tries, triesOf(s, r.Fault)...)
	}
	v := check.Verdict{Attempts: len(tries), Controls: r.surfaceControls(o, w.surfaces)}
	if slices.ContainsFunc(tries, func(t Try) bool { return t.Class == Admitted }) {
		v.Outcome, v.Findings = v1alpha1.Fail, []v1alpha1.Finding{r.surfaceFinding(o, w)}
		return v
	}
	v.Outcome = v1alpha1.Inconclusive
	if r.Fault == FaultServiceAccount && !o.OwnServiceAccount {
		v.Reason = noOwnServiceAccount()
		return v
	}
	for _, name := range w.surfaces {
		s, there := o.of(name)
		if reason, ok := r.surfaceHeld(s, there, name, o.OwnServiceAccount); !ok {
			v.Reason = reason
			return v
		}
	}
	v.Outcome, v.Reason = v1alpha1.Pass, r.keptOut(tries, w)
	return v
}

func triesOf(s Surface, fault string) []Try {
	var out []Try
	for _, t := range s.Tries {
		if t.Fault == fault {
			out = append(out, t)
		}
	}
	return out
}

// surfaceHeld says why a surface shows nothing; ok when it shows that the
// fault was kept out.
func (r Rule) surfaceHeld(s Surface, there bool, name string, own bool) (v1alpha1.Text, bool) {
	words := surfaceText(name)
	switch {
	case !there:
		return v1alpha1.T(words.De+": nicht versucht.", words.En+": not tried."), false
	case !s.Allowed:
		return v1alpha1.T(
			words.De+": Dem Mandanten fehlt das Recht dazu; Ablehnungen sagten daher nichts über Regeln für Pods aus. Dem ServiceAccount des Mandanten ist die Rolle „edit“ zu geben (rbac.yaml).",
			words.En+": the tenant lacks the right to it, so refusals would say nothing about rules on pods. Give the tenant's ServiceAccount the role \"edit\" (rbac.yaml)."), false
	}
	mutants := triesOf(s, r.Fault)
	if len(mutants) < Repeats(r.Fault) {
		return v1alpha1.T(
			fmt.Sprintf("%s: %d-mal mit einem Pod %s versucht, nötig sind %d Versuche. Der Lauf ist zu wiederholen.", words.De, len(mutants), r.With.De, Repeats(r.Fault)),
			fmt.Sprintf("%s: tried %d times with a pod %s, %d tries are needed. Repeat the run.", words.En, len(mutants), r.With.En, Repeats(r.Fault))), false
	}
	goldens := r.goldenTries(s)
	if bad := slices.IndexFunc(goldens, func(t Try) bool { return t.Class != Admitted }); bad >= 0 {
		reason := r.goldenReason(goldens[bad].Attempt, own)
		return v1alpha1.T(words.De+": "+reason.De, words.En+": "+reason.En), false
	}
	if !r.sandwiched(s) {
		return v1alpha1.T(
			words.De+": Es fehlt der Pod ohne Mangel vor oder nach den Versuchen. Der Lauf ist zu wiederholen.",
			words.En+": the pod without fault is missing before or after the tries. Repeat the run."), false
	}
	if bad := slices.IndexFunc(mutants, func(t Try) bool { return !r.kept(t.Attempt) || t.Learnt == LearntNothing }); bad >= 0 {
		t := attemptTrouble(mutants[bad].Attempt)
		return v1alpha1.T(
			fmt.Sprintf("%s: Ein Versuch mit einem Pod %s blieb ohne Aussage: %s", words.De, r.With.De, t.De),
			fmt.Sprintf("%s: a try with a pod %s said nothing: %s", words.En, r.With.En, t.En)), false
	}
	return v1alpha1.Text{}, true
}

// goldenTries are the golden pods that the fault is held against.
func (r Rule) goldenTries(s Surface) []Try {
	return slices.DeleteFunc(triesOf(s, ""), func(t Try) bool {
		return t.Variant == VariantUserNamespace && r.Fault != FaultProcMount
	})
}

// sandwiched reports whether golden pods were tried before the fault's first
// try and after its last, and for an unmasked /proc one in a user namespace.
func (r Rule) sandwiched(s Surface) bool {
	is := func(t Try) bool { return t.Fault == r.Fault }
	plain := func(t Try) bool { return t.Fault == "" && t.Variant == "" }
	first := slices.IndexFunc(s.Tries, is)
	if first < 0 || !slices.ContainsFunc(s.Tries[:first], plain) {
		return false
	}
	if r.Fault == FaultProcMount && !slices.ContainsFunc(s.Tries[:first], func(t Try) bool { return t.Fault == "" && t.Variant == VariantUserNamespace }) {
		return false
	}
	last := first
	for i, t := range s.Tries {
		if is(t) {
			last = i
		}
	}
	return slices.ContainsFunc(s.Tries[last:], plain)
}

func (r Rule) surfaceControls(o Surfaces, surfaces []string) []v1alpha1.Control {
	names := surfacesText(surfaces)
	allowed, tried, enough := 0, 0, true
	good, goldens := 0, 0
	sandwiched := true
	for _, name := range surfaces {
		s, there := o.of(name)
		if !there {
			enough, sandwiched = false, false
			continue
		}
		if s.Allowed {
			allowed++
		}
		n := len(triesOf(s, r.Fault))
		tried, enough = tried+n, enough && n >= Repeats(r.Fault)
		for _, t := range r.goldenTries(s) {
			goldens++
			if t.Class == Admitted {
				good++
			}
		}
		sandwiched = sandwiched && r.sandwiched(s)
	}
	all := []v1alpha1.Control{{
		Name:   v1alpha1.T("Der Mandant hat das Recht dazu (SelfSubjectAccessReview)", "The tenant has the right to it (SelfSubjectAccessReview)"),
		Held:   allowed == len(surfaces),
		Detail: v1alpha1.T(fmt.Sprintf("auf %d von %d Wegen (%s)", allowed, len(surfaces), names.De), fmt.Sprintf("on %d of %d ways (%s)", allowed, len(surfaces), names.En)),
	}, {
		Name:   v1alpha1.T("Ein Pod ohne Mangel kommt auf demselben Weg vorher und nachher in den Cluster", "A pod without fault comes in by the same way before and after"),
		Held:   sandwiched && goldens > 0 && good == goldens,
		Detail: v1alpha1.T(fmt.Sprintf("%d von %d", good, goldens), fmt.Sprintf("%d of %d", good, goldens)),
	}, {
		Name: v1alpha1.T(fmt.Sprintf("Auf jedem Weg %d-mal versucht", Repeats(r.Fault)), fmt.Sprintf("Tried %d times by each way", Repeats(r.Fault))),
		Held: enough, Detail: v1alpha1.T(fmt.Sprintf("insgesamt %d Versuche", tried), fmt.Sprintf("%d tries in all", tried)),
	}}
	if r.Fault == FaultServiceAccount {
		all = append(all, r.ownAccountControl(o.OwnServiceAccount))
	}
	return all
}

func (r Rule) surfaceFinding(o Surfaces, w way) v1alpha1.Finding {
	var de, en, keptDe, keptEn []string
	sometimes := false
	for _, s := range o.Surfaces {
		tries, admitted := triesOf(s, r.Fault), 0
		for _, t := range tries {
			if t.Class == Admitted {
				admitted++
			}
		}
		words := surfaceText(s.Name)
		switch {
		case admitted > 0:
			de = append(de, fmt.Sprintf("%s in %d von %d Versuchen", words.De, admitted, len(tries)))
			en = append(en, fmt.Sprintf("%s in %d of %d tries", words.En, admitted, len(tries)))
			sometimes = sometimes || admitted < len(tries)
		case len(tries) > 0:
			keptDe, keptEn = append(keptDe, words.De), append(keptEn, words.En)
		}
	}
	f := v1alpha1.Finding{
		Required: w.required,
		Observed: v1alpha1.T(w.came.De+" "+r.With.De+": "+strings.Join(de, ", ")+".", w.came.En+" "+r.With.En+": "+strings.Join(en, ", ")+"."),
		Object:   w.object,
		Remedy:   v1alpha1.T(w.remedy.De+r.Remedy.De, w.remedy.En+r.Remedy.En),
	}
	if len(keptDe) > 0 {
		f.Observed.De += " Nicht gelungen ist es über: " + strings.Join(keptDe, ", ") + "."
		f.Observed.En += " It did not succeed by: " + strings.Join(keptEn, ", ") + "."
	}
	if sometimes {
		f.Observed.De += " Auf einem Weg gelang es nur manchmal."
		f.Observed.En += " By one way it succeeded only sometimes."
	}
	return f
}

// keptOut names by whom the pods were kept out. It is only asked when every
// try was.
func (r Rule) keptOut(tries []Try, w way) v1alpha1.Text {
	requests, controllers, nodes, neutralised := 0, 0, 0, 0
	by := map[By]bool{}
	for _, t := range tries {
		switch {
		case t.Class == Neutralised:
			neutralised++
		case t.Learnt == LearntRequest:
			requests++
		case t.Learnt == LearntNode:
			nodes++
		default:
			controllers++
		}
		if t.Class == Policy {
			by[t.By] = true
		}
	}
	var de, en []string
	if requests > 0 {
		de, en = append(de, fmt.Sprintf("%d-mal wurde die Anfrage selbst abgelehnt", requests)), append(en, fmt.Sprintf("%d times the request itself was refused", requests))
	}
	if controllers > 0 {
		de, en = append(de, fmt.Sprintf("%d-mal dem Controller der Pod", controllers)), append(en, fmt.Sprintf("%d times the controller was refused the pod", controllers))
	}
	if nodes > 0 {
		de, en = append(de, fmt.Sprintf("%d-mal hielt der Node den Container auf", nodes)), append(en, fmt.Sprintf("%d times the node kept the container from running", nodes))
	}
	if neutralised > 0 {
		de, en = append(de, fmt.Sprintf("%d-mal wurde ohne den Mangel gespeichert (geändert von einem mutierenden Webhook, einer MutatingAdmissionPolicy oder einer Vorgabe)", neutralised)), append(en, fmt.Sprintf("%d times it was stored without the fault (changed by a mutating webhook, a MutatingAdmissionPolicy or a default)", neutralised))
	}
	var whoDe, whoEn []string
	for _, who := range []By{ByPodSecurity, ByAdmissionPolicy, ByWebhook, BySCC, ByNode, ByOther} {
		if by[who] {
			whoDe, whoEn = append(whoDe, refuserText(who).De), append(whoEn, refuserText(who).En)
		}
	}
	ways := surfacesText(w.surfaces)
	text := v1alpha1.T(
		fmt.Sprintf("Keine Abweichung festgestellt: In %d Versuchen (%s) "+w.none.De+"; %s", len(tries), ways.De, r.With.De, strings.Join(de, ", ")),
		fmt.Sprintf("No deviation found: in %d tries (%s) "+w.none.En+"; %s", len(tries), ways.En, r.With.En, strings.Join(en, ", ")))
	if len(whoDe) > 0 {
		text.De += ", und zwar von " + strings.Join(whoDe, " und ")
		text.En += ", by " + strings.Join(whoEn, " and ")
	}
	text.De += ". Ein Pod ohne Mangel kam jedes Mal hinein."
	text.En += ". A pod without fault came in every time."
	return text
}

// surfacesText names the surfaces, in their order.
func surfacesText(surfaces []string) v1alpha1.Text {
	var de, en []string
	for _, s := range surfaces {
		de, en = append(de, surfaceText(s).De), append(en, surfaceText(s).En)
	}
	return v1alpha1.T(strings.Join(de, ", "), strings.Join(en, ", "))
}

func surfaceText(name string) v1alpha1.Text {
	switch name {
	case SurfacePod:
		return v1alpha1.T("Pod", "Pod")
	case SurfaceDeployment:
		return v1alpha1.T("Deployment", "Deployment")
	case SurfaceReplicaSet:
		return v1alpha1.T("ReplicaSet", "ReplicaSet")
	case SurfaceStatefulSet:
		return v1alpha1.T("StatefulSet", "StatefulSet")
	case SurfaceDaemonSet:
		return v1alpha1.T("DaemonSet", "DaemonSet")
	case SurfaceJob:
		return v1alpha1.T("Job", "Job")
	case SurfaceCronJob:
		return v1alpha1.T("CronJob", "CronJob")
	case SurfaceEphemeralContainer:
		return v1alpha1.T("ephemerer Container", "ephemeral container")
	case SurfaceImageUpdate:
		return v1alpha1.T("Image-Wechsel eines laufenden Pods", "image update of a running pod")
	default:
		return v1alpha1.T("unbekannter Weg", "unknown way")
	}
}
