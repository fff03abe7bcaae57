package sys16

import (
	"fmt"
	"sort"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

var _ = check.Register(check.Of(check.Meta{
	ID: "SYS.1.6.A17/privileged-pod-rejected",
	Title: v1alpha1.T(
		"Der Cluster nimmt privilegierte Pods von Mandanten nicht an",
		"The cluster does not admit privileged pods of tenants"),
	Area:     check.Admission,
	Covers:   []check.Covers{{Statement: "SYS.1.6.A17-UA.1", Decides: v1alpha1.Part}},
	Policies: []string{"015 disallow-privileged-containers"},
}, admission.Probe, judgePrivilegedPod))

// judgePrivilegedPod passes only when a pod that keeps every rule was admitted
// before and after each try (positive control) and the same pod with
// privileged=true was refused by a rule, or stored without it, every time. One
// privileged pod that was admitted is a deviation, whatever became of the rest.
func judgePrivilegedPod(o admission.Observation) check.Verdict {
	tries := o.Attempts(admission.FaultPrivileged, admission.SurfacePod)
	goldens := o.Goldens()
	v := check.Verdict{Attempts: len(tries), Controls: admissionControls(o, tries, goldens)}

	admitted := 0
	for _, t := range tries {
		if t.Class == admission.Admitted {
			admitted++
		}
	}
	if admitted > 0 {
		v.Outcome = v1alpha1.Fail
		v.Findings = []v1alpha1.Finding{privilegedFinding(admitted, len(tries))}
		return v
	}

	v.Outcome = v1alpha1.Inconclusive
	switch {
	case !o.MayCreatePods:
		v.Reason = v1alpha1.T(
			"Der Mandant darf im verwendeten Namensraum keine Pods anlegen; Ablehnungen sagten daher nichts über Regeln für Pods aus. Dem ServiceAccount des Mandanten ist die Rolle „edit“ zu geben (rbac.yaml).",
			"The tenant may not create pods in the namespace used, so refusals would say nothing about rules on pods. Give the tenant's ServiceAccount the role \"edit\" (rbac.yaml).")
		return v
	case len(tries) == 0:
		v.Reason = v1alpha1.T(
			"Es wurde kein privilegierter Pod versucht.",
			"No privileged pod was tried.")
		return v
	}
	if bad := firstGoldenTrouble(goldens); bad != nil {
		v.Reason = goldenReason(*bad)
		return v
	}
	if bad := firstMutantTrouble(tries); bad != nil {
		v.Reason = mutantReason(*bad)
		return v
	}
	if !enoughRounds(tries) {
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Der privilegierte Pod wurde %d-mal in %s s versucht; nötig sind %d Versuche über mindestens %.0f s. Der Lauf ist zu wiederholen.",
				len(tries), v1alpha1.Decimal(spanOf(tries), 1).De, admission.Rounds, admission.Span.Seconds()),
			fmt.Sprintf("The privileged pod was tried %d times within %.1f s; %d tries over at least %.0f s are needed. Repeat the run.",
				len(tries), spanOf(tries), admission.Rounds, admission.Span.Seconds()))
		return v
	}
	v.Outcome = v1alpha1.Pass
	v.Reason = refusedReason(tries)
	return v
}

func privilegedFinding(admitted, tries int) v1alpha1.Finding {
	f := v1alpha1.Finding{
		Required: v1alpha1.T(
			"Ein Pod eines Mandanten mit securityContext.privileged=true wird abgelehnt oder ohne dieses Vorrecht gespeichert, und zwar jedes Mal.",
			"A tenant's pod with securityContext.privileged=true is refused, or stored without that privilege, every time."),
		Observed: v1alpha1.T(
			fmt.Sprintf("Der privilegierte Pod wurde in %d von %d Versuchen mit privileged=true angenommen.", admitted, tries),
			fmt.Sprintf("The privileged pod was admitted with privileged=true in %d of %d tries.", admitted, tries)),
		Object: v1alpha1.T("privilegierter Pod des Laufs im ersten Namensraum des Mandanten", "privileged pod of the run in the first tenant namespace"),
		Remedy: v1alpha1.T(
			"Für die Namensräume der Mandanten Pod Security durchsetzen (Label pod-security.kubernetes.io/enforce mit „baseline“ oder „restricted“, besser als Vorgabe in der AdmissionConfiguration der API-Server) oder in der Policy-Engine disallow-privileged-containers durchsetzend schalten (nicht nur „Audit“ oder „warn“).",
			"Enforce Pod Security for the tenants' namespaces (label pod-security.kubernetes.io/enforce with \"baseline\" or \"restricted\", better as the default in the API servers' AdmissionConfiguration), or switch disallow-privileged-containers in the policy engine to enforcing (not merely \"Audit\" or \"warn\")."),
	}
	if admitted < tries {
		f.Observed.De += " Er wird also nur manchmal nicht angenommen: Die Durchsetzung ist nicht verlässlich."
		f.Observed.En += " So it is only sometimes not admitted: enforcement is not reliable."
		f.Remedy.De += " Weil nicht jeder Versuch angenommen wurde: failurePolicy der Webhooks auf „Fail“ setzen, die Policy-Engine mehrfach betreiben und die Admission-Einstellungen aller API-Server angleichen."
		f.Remedy.En += " Because not every try was admitted: set the webhooks' failurePolicy to \"Fail\", run several replicas of the policy engine, and make the admission settings of all API servers the same."
	}
	return f
}

func admissionControls(o admission.Observation, tries []admission.Mutant, goldens []admission.Golden) []v1alpha1.Control {
	good, altered := 0, 0
	for _, g := range goldens {
		if g.Class == admission.Admitted {
			good++
		}
		if g.Altered != (admission.Altered{}) {
			altered++
		}
	}
	may := v1alpha1.T("ja", "yes")
	if !o.MayCreatePods {
		may = v1alpha1.T("nein", "no")
	}
	goldenDetail := v1alpha1.T(
		fmt.Sprintf("%d von %d angenommen", good, len(goldens)),
		fmt.Sprintf("%d of %d admitted", good, len(goldens)))
	if altered > 0 {
		goldenDetail.De += fmt.Sprintf(", %d davon vom Cluster verändert gespeichert", altered)
		goldenDetail.En += fmt.Sprintf(", %d of them stored with changes by the cluster", altered)
	}
	return []v1alpha1.Control{{
		Name:   v1alpha1.T("Der Mandant darf Pods anlegen (SelfSubjectAccessReview)", "The tenant may create pods (SelfSubjectAccessReview)"),
		Held:   o.MayCreatePods,
		Detail: may,
	}, {
		Name:   v1alpha1.T("Ein Pod ohne Mangel wird vor und nach jedem Versuch angenommen", "A pod without fault is admitted before and after each try"),
		Held:   len(goldens) > 0 && good == len(goldens),
		Detail: goldenDetail,
	}, {
		Name: v1alpha1.T(
			fmt.Sprintf("%d Versuche über mindestens %.0f s", admission.Rounds, admission.Span.Seconds()),
			fmt.Sprintf("%d tries over at least %.0f s", admission.Rounds, admission.Span.Seconds())),
		Held: enoughRounds(tries),
		Detail: v1alpha1.T(
			fmt.Sprintf("%d Versuche über %s s", len(tries), v1alpha1.Decimal(spanOf(tries), 1).De),
			fmt.Sprintf("%d tries over %.1f s", len(tries), spanOf(tries))),
	}}
}

func enoughRounds(tries []admission.Mutant) bool {
	return len(tries) >= admission.Rounds && spanOf(tries) >= admission.Span.Seconds()
}

// spanOf is the time from the first to the last try.
func spanOf(tries []admission.Mutant) float64 {
	if len(tries) == 0 {
		return 0
	}
	first, last := tries[0].AtSeconds, tries[0].AtSeconds
	for _, t := range tries {
		first, last = min(first, t.AtSeconds), max(last, t.AtSeconds)
	}
	return last - first
}

func firstGoldenTrouble(goldens []admission.Golden) *admission.Attempt {
	for _, g := range goldens {
		if g.Class != admission.Admitted {
			return &g.Attempt
		}
	}
	return nil
}

// firstMutantTrouble is the first try that neither a rule refused nor the
// cluster neutralised; a class that this program does not know is trouble too.
func firstMutantTrouble(tries []admission.Mutant) *admission.Attempt {
	for _, t := range tries {
		if t.Class != admission.Policy && t.Class != admission.Neutralised {
			return &t.Attempt
		}
	}
	return nil
}

func goldenReason(a admission.Attempt) v1alpha1.Text {
	if a.Class == admission.Policy {
		by := refuserText(a.By)
		return v1alpha1.T(
			fmt.Sprintf("Der Pod ohne Mangel wurde von %s abgelehnt (HTTP %d); ob der privilegierte Pod wegen privileged=true abgelehnt wurde, ist daher nicht zu unterscheiden. Das Image des Laufs in der Policy zulassen (Registry, Signatur) und den Lauf wiederholen.", by.De, a.HTTPStatus),
			fmt.Sprintf("The pod without fault was refused by %s (HTTP %d), so it can not be told whether the privileged pod was refused for privileged=true. Allow the run's image in the policy (registry, signature) and repeat the run.", by.En, a.HTTPStatus))
	}
	t := attemptTrouble(a)
	return v1alpha1.T("Der Pod ohne Mangel wurde nicht angenommen: "+t.De, "The pod without fault was not admitted: "+t.En)
}

func mutantReason(a admission.Attempt) v1alpha1.Text {
	t := attemptTrouble(a)
	return v1alpha1.T("Ein Versuch mit dem privilegierten Pod blieb ohne Aussage: "+t.De, "A try with the privileged pod said nothing: "+t.En)
}

// attemptTrouble says what kept an attempt from meaning anything, and what to do.
func attemptTrouble(a admission.Attempt) v1alpha1.Text {
	switch a.Class {
	case admission.Infrastructure:
		what, status, remedy := infrastructureText(a.Cause), httpStatus(a.HTTPStatus), infrastructureRemedy(a.Cause)
		return v1alpha1.T(
			fmt.Sprintf("Störung der Infrastruktur, keine Regel (%s, %s). %s", what.De, status.De, remedy.De),
			fmt.Sprintf("trouble of the infrastructure, not a rule (%s, %s). %s", what.En, status.En, remedy.En))
	case admission.Quota:
		return v1alpha1.T(
			fmt.Sprintf("Eine ResourceQuota oder ein LimitRange stand im Weg (%s). Im Namensraum des Mandanten Platz für einen Pod mit 250m CPU und 64Mi Speicher schaffen und den Lauf wiederholen.", a.Cause),
			fmt.Sprintf("a ResourceQuota or a LimitRange stood in the way (%s). Make room for a pod with 250m CPU and 64Mi memory in the tenant's namespace and repeat the run.", a.Cause))
	case admission.APIValidation:
		return v1alpha1.T(
			"Die API-Validierung dieser Kubernetes-Version lehnte den Pod ab, bevor eine Regel ihn sah. Das ist ein Mangel des Werkzeugs; bitte mit der Kubernetes-Version melden.",
			"the API validation of this Kubernetes version refused the pod before any rule saw it. This is a fault of the tool; please report it with the Kubernetes version.")
	default:
		return v1alpha1.T("Die Antwort ist nicht einzuordnen.", "the answer can not be classified.")
	}
}

func httpStatus(code int) v1alpha1.Text {
	if code == 0 {
		return v1alpha1.T("keine Antwort", "no answer")
	}
	return v1alpha1.T(fmt.Sprintf("HTTP %d", code), fmt.Sprintf("HTTP %d", code))
}

func infrastructureText(c admission.Cause) v1alpha1.Text {
	switch c {
	case admission.CauseNoAnswer:
		return v1alpha1.T("der API-Server antwortete nicht", "the API server did not answer")
	case admission.CauseServerError:
		return v1alpha1.T("interner Fehler des API-Servers", "internal error of the API server")
	case admission.CauseTooManyRequests:
		return v1alpha1.T("zu viele Anfragen", "too many requests")
	case admission.CauseTimeout:
		return v1alpha1.T("Zeitüberschreitung", "timeout")
	case admission.CauseWebhookDown:
		return v1alpha1.T("ein Admission-Webhook war nicht erreichbar", "an admission webhook could not be reached")
	case admission.CauseDryRun:
		return v1alpha1.T("ein Admission-Webhook verweigert Probeläufe", "an admission webhook refuses dry runs")
	case admission.CauseConflict:
		return v1alpha1.T("Konflikt mit einem vorhandenen Objekt", "conflict with an existing object")
	case admission.CauseUnauthorised:
		return v1alpha1.T("die Anmeldung des Mandanten wurde nicht anerkannt", "the tenant's credentials were not accepted")
	case admission.CauseRBAC:
		return v1alpha1.T("dem Mandanten fehlt das Recht, Pods anzulegen", "the tenant lacks the right to create pods")
	case admission.CauseServiceAccount:
		return v1alpha1.T("der ServiceAccount „default“ des Namensraums fehlt", "the namespace's ServiceAccount \"default\" is missing")
	case admission.CauseNamespace:
		return v1alpha1.T("der Namensraum fehlt oder wird gerade entfernt", "the namespace is missing or being removed")
	case admission.CauseNotReady:
		return v1alpha1.T("die Admission des API-Servers war noch nicht bereit", "the API server's admission was not ready yet")
	default:
		return v1alpha1.T("unerwartete Antwort", "unexpected answer")
	}
}

func infrastructureRemedy(c admission.Cause) v1alpha1.Text {
	switch c {
	case admission.CauseWebhookDown:
		return v1alpha1.T(
			"Prüfen, ob die Pods der Policy-Engine laufen und ihr Service erreichbar ist; danach den Lauf wiederholen.",
			"Check that the policy engine's pods run and that its Service can be reached, then repeat the run.")
	case admission.CauseRBAC, admission.CauseUnauthorised:
		return v1alpha1.T(
			"Die Rechte des ServiceAccounts „tenant“ nach rbac.yaml herstellen und den Lauf wiederholen.",
			"Restore the rights of the ServiceAccount \"tenant\" as in rbac.yaml and repeat the run.")
	case admission.CauseServiceAccount, admission.CauseNamespace:
		return v1alpha1.T(
			"Die Namensräume des Laufs vollständig anlegen (rbac.yaml) und den Lauf wiederholen.",
			"Make the run's namespaces complete (rbac.yaml) and repeat the run.")
	default:
		return v1alpha1.T("Den Lauf wiederholen, sobald die API-Server störungsfrei antworten.", "Repeat the run once the API servers answer without trouble.")
	}
}

func refuserText(by admission.By) v1alpha1.Text {
	switch by {
	case admission.ByPodSecurity:
		return v1alpha1.T("Pod Security Admission", "Pod Security Admission")
	case admission.ByAdmissionPolicy:
		return v1alpha1.T("einer ValidatingAdmissionPolicy", "a ValidatingAdmissionPolicy")
	case admission.ByWebhook:
		return v1alpha1.T("einem Admission-Webhook", "an admission webhook")
	default:
		return v1alpha1.T("einer anderen Regel des API-Servers", "another rule of the API server")
	}
}

// refusedReason names by whom the privileged pod was refused, as often as it
// was. It is only asked when every try was refused or neutralised.
func refusedReason(tries []admission.Mutant) v1alpha1.Text {
	refused, neutralised := map[admission.By]int{}, 0
	for _, t := range tries {
		if t.Class == admission.Neutralised {
			neutralised++
			continue
		}
		refused[t.By]++
	}
	var de, en []string
	for by, n := range refused {
		who := refuserText(by)
		de = append(de, fmt.Sprintf("%d-mal von %s abgelehnt", n, who.De))
		en = append(en, fmt.Sprintf("refused %d times by %s", n, who.En))
	}
	sort.Strings(de)
	sort.Strings(en)
	if neutralised > 0 {
		de = append(de, fmt.Sprintf("%d-mal ohne privileged=true gespeichert", neutralised))
		en = append(en, fmt.Sprintf("stored %d times without privileged=true", neutralised))
	}
	return v1alpha1.T(
		fmt.Sprintf("Keine Abweichung festgestellt: Der privilegierte Pod wurde in %d Versuchen %s; ein Pod ohne Mangel wurde jedes Mal angenommen.", len(tries), strings.Join(de, " und ")),
		fmt.Sprintf("No deviation found: in %d tries the privileged pod was %s; a pod without fault was admitted every time.", len(tries), strings.Join(en, " and ")))
}
