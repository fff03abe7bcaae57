package admission

import (
	"fmt"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// attemptTrouble says what kept an attempt from meaning anything, and what to do.
func attemptTrouble(a Attempt) v1alpha1.Text {
	switch a.Class {
	case Infrastructure:
		what, status, remedy := infrastructureText(a.Cause), httpStatus(a.HTTPStatus), infrastructureRemedy(a.Cause)
		return v1alpha1.T(
			fmt.Sprintf("Störung der Infrastruktur, keine Regel (%s, %s). %s", what.De, status.De, remedy.De),
			fmt.Sprintf("trouble of the infrastructure, not a rule (%s, %s). %s", what.En, status.En, remedy.En))
	case Quota:
		if a.Cause == CauseLimitRange {
			return v1alpha1.T(
				"Ein LimitRange stand im Weg (limitRange). Er muss im Namensraum des Mandanten Container mit 10m bis 250m CPU und 32Mi bis 64Mi Speicher zulassen, auch in seinen Mindestwerten und Verhältnissen (maxLimitRequestRatio); danach den Lauf wiederholen.",
				"a LimitRange stood in the way (limitRange). In the tenant's namespace it has to permit containers with 10m to 250m CPU and 32Mi to 64Mi memory, in its minima and ratios (maxLimitRequestRatio), too; then repeat the run.")
		}
		return v1alpha1.T(
			fmt.Sprintf("Eine ResourceQuota oder ein LimitRange stand im Weg (%s). Im Namensraum des Mandanten Platz für einen Pod mit 250m CPU und 64Mi Speicher schaffen und den Lauf wiederholen.", a.Cause),
			fmt.Sprintf("a ResourceQuota or a LimitRange stood in the way (%s). Make room for a pod with 250m CPU and 64Mi memory in the tenant's namespace and repeat the run.", a.Cause))
	case APIValidation:
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

func infrastructureText(c Cause) v1alpha1.Text {
	switch c {
	case CauseNoAnswer:
		return v1alpha1.T("der API-Server antwortete nicht", "the API server did not answer")
	case CauseServerError:
		return v1alpha1.T("interner Fehler des API-Servers", "internal error of the API server")
	case CauseTooManyRequests:
		return v1alpha1.T("zu viele Anfragen", "too many requests")
	case CauseTimeout:
		return v1alpha1.T("Zeitüberschreitung", "timeout")
	case CauseWebhookDown:
		return v1alpha1.T("ein Admission-Webhook war nicht erreichbar", "an admission webhook could not be reached")
	case CauseDryRun:
		return v1alpha1.T("ein Admission-Webhook verweigert Probeläufe", "an admission webhook refuses dry runs")
	case CauseConflict:
		return v1alpha1.T("Konflikt mit einem vorhandenen Objekt", "conflict with an existing object")
	case CauseUnauthorised:
		return v1alpha1.T("die Anmeldung des Mandanten wurde nicht anerkannt", "the tenant's credentials were not accepted")
	case CauseRBAC:
		return v1alpha1.T("dem Mandanten fehlt das Recht, Pods anzulegen oder zu ändern", "the tenant lacks the right to create or change pods")
	case CauseServiceAccount:
		return v1alpha1.T("der ServiceAccount „default“ des Namensraums fehlt", "the namespace's ServiceAccount \"default\" is missing")
	case CauseNamespace:
		return v1alpha1.T("der Namensraum fehlt oder wird gerade entfernt", "the namespace is missing or being removed")
	case CauseNotFollowed:
		return v1alpha1.T("der Controller legte keinen Pod an und sagte nicht, warum", "the controller made no pod and did not say why")
	case CauseNoCarrier:
		return v1alpha1.T("der Pod, in den der Container kommen sollte, ließ sich nicht anlegen", "the pod that was to take the container could not be created")
	case CauseRegistry:
		return v1alpha1.T("wer ablehnte, erreichte die Registry nicht oder durfte nicht lesen", "who refused did not reach the registry or was not allowed to read")
	case CauseNoSuchTag:
		return v1alpha1.T("wer ablehnte, fand das Image unter dem Tag latest nicht", "who refused did not find the image by the tag latest")
	case CauseImagePull:
		return v1alpha1.T("das Image kam nicht auf den Node", "the image did not get onto the node")
	case CauseImageReplaced:
		return v1alpha1.T("der Cluster setzte ein anderes Image ein, das keines der drei ist", "the cluster put in another image, which is none of the three")
	case CauseNotStarted:
		return v1alpha1.T("der Container wurde nicht rechtzeitig gestartet", "the container was not started in time")
	case CauseNotReady:
		return v1alpha1.T("die Admission des API-Servers war noch nicht bereit", "the API server's admission was not ready yet")
	default:
		return v1alpha1.T("unerwartete Antwort", "unexpected answer")
	}
}

func infrastructureRemedy(c Cause) v1alpha1.Text {
	switch c {
	case CauseWebhookDown:
		return v1alpha1.T(
			"Prüfen, ob die Pods der Policy-Engine laufen und ihr Service erreichbar ist; danach den Lauf wiederholen.",
			"Check that the policy engine's pods run and that its Service can be reached, then repeat the run.")
	case CauseRegistry, CauseImagePull:
		return v1alpha1.T(
			"Referenz, Registry, Zertifikat, Namensauflösung und Pull-Secret prüfen, auch aus Sicht der Policy-Engine; danach den Lauf wiederholen.",
			"Check the reference, the registry, its certificate, name resolution and the pull secret, also as the policy engine sees them, then repeat the run.")
	case CauseNoSuchTag:
		return v1alpha1.T(
			"Dem Image des Laufs in seiner Registry auch den Tag latest geben (bvc mirror tut das) und den Lauf wiederholen.",
			"Give the run's image the tag latest in its registry, too (bvc mirror does so), and repeat the run.")
	case CauseNotStarted:
		return v1alpha1.T("Freie CPU und freien Speicher der Nodes prüfen; danach den Lauf wiederholen.", "Check free CPU and memory of the nodes, then repeat the run.")
	case CauseRBAC, CauseUnauthorised:
		return v1alpha1.T(
			"Die Rechte des ServiceAccounts „tenant“ nach rbac.yaml herstellen und den Lauf wiederholen.",
			"Restore the rights of the ServiceAccount \"tenant\" as in rbac.yaml and repeat the run.")
	case CauseServiceAccount, CauseNamespace:
		return v1alpha1.T(
			"Die Namensräume des Laufs vollständig anlegen (rbac.yaml) und den Lauf wiederholen.",
			"Make the run's namespaces complete (rbac.yaml) and repeat the run.")
	default:
		return v1alpha1.T("Den Lauf wiederholen, sobald die API-Server störungsfrei antworten.", "Repeat the run once the API servers answer without trouble.")
	}
}

// allow says what has to change where a pod without fault was refused.
func allow(a Attempt, ownAccount bool) v1alpha1.Text {
	t := v1alpha1.T(
		"Das Image des Laufs in der Policy zulassen (Registry, Signatur) und den Lauf wiederholen.",
		"Allow the run's image in the policy (registry, signature) and repeat the run.")
	if a.By == BySCC {
		t = v1alpha1.T(
			"Dem ServiceAccount „bvc-pods“ der Namensräume des Mandanten die SCC nonroot-v2 geben (oc adm policy add-scc-to-user nonroot-v2 -z bvc-pods -n NAMESPACE) und den Lauf wiederholen.",
			"Give the ServiceAccount \"bvc-pods\" of the tenant's namespaces the SCC nonroot-v2 (oc adm policy add-scc-to-user nonroot-v2 -z bvc-pods -n NAMESPACE) and repeat the run.")
	}
	if !ownAccount {
		t.De = "Der Pod lief unter dem ServiceAccount „default“, den Regeln ablehnen können: zuerst „bvc-pods“ anlegen (rbac.yaml). Sonst: " + t.De
		t.En = "The pod ran under the ServiceAccount \"default\", which rules may refuse: first make \"bvc-pods\" (rbac.yaml). Otherwise: " + t.En
	}
	return t
}

func refuserText(by By) v1alpha1.Text {
	switch by {
	case ByPodSecurity:
		return v1alpha1.T("Pod Security Admission", "Pod Security Admission")
	case ByAdmissionPolicy:
		return v1alpha1.T("einer ValidatingAdmissionPolicy", "a ValidatingAdmissionPolicy")
	case ByWebhook:
		return v1alpha1.T("einem Admission-Webhook", "an admission webhook")
	case BySCC:
		return v1alpha1.T("den SecurityContextConstraints", "the SecurityContextConstraints")
	case ByNode:
		return v1alpha1.T("der Container-Runtime des Nodes", "the container runtime of the node")
	default:
		return v1alpha1.T("einer anderen Regel des API-Servers", "another rule of the API server")
	}
}
