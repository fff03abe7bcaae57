package app44

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/fresh"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/posture"
)

var _ = check.Register(check.Of(check.Meta{
	ID: "APP.4.4.A13/rules-enforced-not-only-reported",
	Title: v1alpha1.T(
		"Was auf Pods der Mandanten sieht, setzt durch und meldet nicht nur, überall und jedes Mal",
		"What looks at the tenants' pods enforces and does not merely report, everywhere and every time"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A13-UA.2", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A10-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{},
}, posture.Probe, judgeEnforced))

var _ = check.Register(check.Of(check.Meta{
	ID: "APP.4.4.A13/fresh-namespace-secure-by-default",
	Title: v1alpha1.T(
		"Auch in einem neuen Namespace, den niemand vorbereitet hat, werden Regeln für Pods durchgesetzt",
		"Rules on pods are enforced in a new namespace, too, that nobody prepared"),
	Area: check.Admission,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A13-UA.2", Decides: v1alpha1.Part},
	},
	Policies: []string{},
}, fresh.Probe, judgeFresh))

// judgeEnforced passes only when a pod without fault was admitted throughout
// (positive control), a rule refused pods with faults, the same in every
// namespace of the tenant and through every API server, no rule that would have
// been needed only reports, and no webhook let pods pass because it could not
// be asked. Which faults are refused is for the checks on each of them.
func judgeEnforced(o posture.Observation) check.Verdict {
	v := check.Verdict{Outcome: v1alpha1.Inconclusive, Attempts: len(postureTries(o)), Controls: enforcedControls(o), Figures: enforcedFigures(o)}
	if o.MayCreatePods {
		v.Findings = slices.Concat(failedOpen(o), nothingEnforces(o), notEverywhere(o), onlyReported(o))
	}
	if len(v.Findings) > 0 {
		v.Outcome = v1alpha1.Fail
		return v
	}
	who := whoLooks(o)
	switch trouble := firstPostureTrouble(o); {
	case !o.MayCreatePods:
		v.Reason = mayNotCreatePods()
	case trouble != nil:
		what := trouble.Trouble()
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Die Durchsetzung war nicht zu beobachten: Ein Pod blieb ohne Aussage. %s Auf Pods des Mandanten sehen: %s.", sentence(what.De), who.De),
			fmt.Sprintf("Enforcement could not be observed: a pod said nothing. %s What looks at the tenant's pods: %s.", sentence(what.En), who.En))
		if trouble.Cause == admission.CauseWebhookDown {
			v.Reason.De += " Wo failurePolicy Fail gilt, kommt in dieser Zeit kein Pod hinein, auch kein fehlerhafter."
			v.Reason.En += " Where failurePolicy Fail holds, no pod gets in during that time, not even a faulty one."
		}
	case !o.Complete():
		v.Reason = incomplete()
	case o.Unread():
		v.Reason = unread()
	case len(admittedFaults(o)) > 0 && slices.ContainsFunc(o.Rules, o.Unknown):
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Pods mit diesen Mängeln wurden angenommen: %s. Auf sie sieht ein validierender Webhook, von dem nicht zu lesen ist, ob er ablehnt oder nur meldet. Auf Pods des Mandanten sehen: %s.", strings.Join(admittedFaults(o), ", "), who.De),
			fmt.Sprintf("Pods with these faults were admitted: %s. A validating webhook looks at them of which can not be read whether it denies or only reports. What looks at the tenant's pods: %s.", strings.Join(admittedFaults(o), ", "), who.En))
	case len(admittedFaults(o)) > 0 && perhapsReporting(o):
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Pods mit diesen Mängeln wurden angenommen: %s. Regeln, die nur melden, sehen vielleicht auf sie; Bedingungen entscheiden darüber, die hier nicht ausgewertet werden. Auf Pods des Mandanten sehen: %s. Die Regeln durchsetzend schalten oder ihren Geltungsbereich ohne Bedingungen fassen (namespaceSelector) und den Lauf wiederholen.", strings.Join(admittedFaults(o), ", "), who.De),
			fmt.Sprintf("Pods with these faults were admitted: %s. Rules that only report may look at them; conditions decide on that which are not evaluated here. What looks at the tenant's pods: %s. Switch the rules to enforcing, or bound their scope without conditions (namespaceSelector), and repeat the run.", strings.Join(admittedFaults(o), ", "), who.En))
	case len(refusers(o)) == 0:
		v.Reason = v1alpha1.T(
			"Kein Pod mit Mangel wurde von einer Regel abgelehnt, aber auch nicht jeder angenommen.",
			"No pod with a fault was refused by a rule, but not every one was admitted either.")
	case !everyServer(o):
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Von %d API-Servern wurden %d einzeln erreicht; ihre Admission kann verschieden eingestellt sein. Den Lauf im Cluster wiederholen (bvc run ohne --via direct) oder ihm den Weg zu jedem API-Server öffnen.", o.ServersListed, len(reached(o))),
			fmt.Sprintf("Of %d API servers %d were reached one by one; their admission may be set differently. Repeat the run inside the cluster (bvc run without --via direct), or open its way to each API server.", o.ServersListed, len(reached(o))))
	case !openCountersRead(o):
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Auf Pods des Mandanten sehen Webhooks mit failurePolicy Ignore, die bei einer Störung jeden Pod durchlassen; ob sie das taten, sagen die Zähler der API-Server, und die waren nicht vollständig zu lesen (%s). failurePolicy auf „Fail“ setzen oder /metrics jedes API-Servers zugänglich machen.", who.De),
			fmt.Sprintf("Webhooks with failurePolicy Ignore look at the tenant's pods, and let every pod pass when they can not be asked; whether they did, the API servers' counters tell, and these could not be read completely (%s). Set failurePolicy to \"Fail\", or make /metrics of each API server accessible.", who.En))
	default:
		v.Outcome = v1alpha1.Pass
		by := strings.Join(refusers(o), ", ")
		kept, tried := keptFaults(o)
		alike := v1alpha1.T("abgelehnt", "refused")
		if len(o.Namespaces) > 0 && o.Namespaces[0].Privileged.Class == admission.Admitted {
			alike = v1alpha1.T("angenommen", "admitted")
		}
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Keine Abweichung festgestellt: %d von %d Mängeln wurden abgelehnt (%s), der privilegierte Pod in jedem Namespace des Mandanten und über jeden erreichten API-Server gleichermaßen %s. Auf Pods des Mandanten sehen: %s.", kept, tried, by, alike.De, who.De),
			fmt.Sprintf("No deviation found: %d of %d faults were refused (%s), the privileged pod %s alike in each namespace of the tenant and through each API server that was reached. What looks at the tenant's pods: %s.", kept, tried, by, alike.En, who.En))
		if in := strings.Join(admittedFaults(o), ", "); in != "" {
			v.Reason.De += " Angenommen wurden Pods mit diesen Mängeln, über die eigene Prüfungen urteilen: " + in + "."
			v.Reason.En += " Pods with these faults were admitted, on which checks of their own judge: " + in + "."
		}
		if hasOpen(o) {
			v.Reason.De += " Empfehlung: failurePolicy auf „Fail“ setzen; mit Ignore lässt ein gestörter Webhook jeden Pod durch."
			v.Reason.En += " Recommendation: set failurePolicy to \"Fail\"; with Ignore a webhook in trouble lets every pod pass."
		}
	}
	return v
}

func incomplete() v1alpha1.Text {
	return v1alpha1.T("Die Beobachtung ist unvollständig.", "The observation is incomplete.")
}

// unread: what an engine's policies say stayed unknown.
func unread() v1alpha1.Text {
	return v1alpha1.T(
		"Eine Policy-Engine ist installiert, aber ihre Policies waren nicht zu lesen; ob sie ablehnen oder nur melden und wen sie ausnehmen, blieb offen. Dem Konto des Laufs das Lesen der Policies erlauben und den Lauf wiederholen; für Engines, deren Policies bvc nicht kennt, bleibt die Prüfung ohne Ergebnis.",
		"A policy engine is installed, but its policies could not be read; whether they deny or only report, and whom they spare, stayed open. Permit the run's account to read the policies and repeat the run; for engines whose policies bvc does not know the check stays without a result.")
}

func mayNotCreatePods() v1alpha1.Text {
	return v1alpha1.T(
		"Der Mandant darf im verwendeten Namespace keine Pods anlegen; Ablehnungen sagten daher nichts über Regeln für Pods aus. Dem ServiceAccount des Mandanten ist die Rolle „edit“ zu geben (rbac.yaml).",
		"The tenant may not create pods in the namespace used, so refusals would say nothing about rules on pods. Give the tenant's ServiceAccount the role \"edit\" (rbac.yaml).")
}

// sentence begins with a capital and ends with a stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// postureTries are all tries without labels, golden pods aside.
func postureTries(o posture.Observation) []posture.FaultTry {
	var all []posture.FaultTry
	for _, s := range reached(o) {
		all = append(all, posture.FaultTry{Fault: admission.FaultPrivileged, Attempt: s.Privileged})
	}
	for _, n := range o.Namespaces {
		all = append(all, posture.FaultTry{Fault: admission.FaultPrivileged, Attempt: n.Privileged})
	}
	return append(all, o.Faults...)
}

func postureGoldens(o posture.Observation) []admission.Attempt {
	var all []admission.Attempt
	for _, s := range reached(o) {
		all = append(all, s.Golden)
	}
	for _, n := range o.Namespaces {
		all = append(all, n.Golden)
	}
	return append(all, o.After)
}

// everyServer reports whether pods were tried through each API server. One alone
// is the one that everything went through.
func everyServer(o posture.Observation) bool {
	return o.ServersListed <= 1 || len(reached(o)) == o.ServersListed
}

// reached are the API servers through which pods were tried.
func reached(o posture.Observation) []posture.Server {
	var out []posture.Server
	for _, s := range o.Servers {
		if s.Via != cluster.ViaNothing {
			out = append(out, s)
		}
	}
	return out
}

// firstPostureTrouble is a golden pod that was not admitted, or a faulty one
// that was neither admitted nor kept out by a rule.
func firstPostureTrouble(o posture.Observation) *admission.Attempt {
	for _, a := range postureGoldens(o) {
		if a.Class != admission.Admitted {
			return &a
		}
	}
	for _, f := range postureTries(o) {
		if f.Class != admission.Admitted && !f.KeptOut(f.Fault) {
			return &f.Attempt
		}
	}
	return nil
}

// refusers names by whom pods with faults were refused, sorted. A mutation or
// a quota is none: defaults (LimitRange, AlwaysPullImages) are no rules.
func refusers(o posture.Observation) []string {
	found := map[string]bool{}
	for _, a := range postureTries(o) {
		if a.Class == admission.Policy {
			found[refuserName(a.By)] = true
		}
	}
	out := make([]string, 0, len(found))
	for name := range found {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// refuserName is the same in both languages.
func refuserName(by admission.By) string {
	switch by {
	case admission.ByPodSecurity:
		return "Pod Security"
	case admission.ByAdmissionPolicy:
		return "ValidatingAdmissionPolicy"
	case admission.ByWebhook:
		return "Webhook"
	case admission.BySCC:
		return "SecurityContextConstraints"
	default:
		return "API-Server"
	}
}

func keptFaults(o posture.Observation) (kept, tried int) {
	for _, f := range o.Faults {
		if f.KeptOut(f.Fault) {
			kept++
		}
	}
	return kept, len(o.Faults)
}

// admittedFaults are the faults with which a pod was admitted, sorted.
func admittedFaults(o posture.Observation) []string {
	var out []string
	for _, f := range o.Faults {
		if f.Class == admission.Admitted {
			out = append(out, f.Fault)
		}
	}
	sort.Strings(out)
	return out
}

// whoLooks lists the rules in classes.
func whoLooks(o posture.Observation) v1alpha1.Text {
	var de, en []string
	for _, r := range o.Rules {
		kind := map[posture.Kind]string{posture.ValidatingWebhook: "ValidatingWebhook", posture.MutatingWebhook: "MutatingWebhook", posture.AdmissionPolicy: "ValidatingAdmissionPolicy"}[r.Kind]
		if r.Engine != posture.EngineOther {
			kind += " (" + r.Engine + ")"
		}
		effect := map[posture.Effect]v1alpha1.Text{
			posture.Denies: v1alpha1.T(", lehnt ab", ", denies"), posture.Reports: v1alpha1.T(", meldet nur", ", only reports")}[r.Effect]
		fails, more := "Fail", v1alpha1.Text{}
		if r.Fails == posture.FailsOpen {
			fails = "Ignore"
		}
		if r.Update {
			more.De, more.En = more.De+", auch bei Änderungen", more.En+", also of changes"
		}
		if r.Ephemeral {
			more.De, more.En = more.De+", auch an Ephemeral Containers", more.En+", also of ephemeral containers"
		}
		de = append(de, fmt.Sprintf("%d %s, failurePolicy %s%s, in %d von %d Namespaces%s", r.Count, kind, fails, effect.De, r.Namespaces, o.Expected, more.De))
		en = append(en, fmt.Sprintf("%d %s, failurePolicy %s%s, in %d of %d namespaces%s", r.Count, kind, fails, effect.En, r.Namespaces, o.Expected, more.En))
	}
	for _, e := range o.Engines {
		if all := e.Enforcing + e.Reporting + e.Conditional; e.State == posture.StateRead && all > 0 {
			de = append(de, fmt.Sprintf("%d %s.%s, davon %d nur meldend", all, e.Resource, e.Group, e.Reporting+e.Conditional))
			en = append(en, fmt.Sprintf("%d %s.%s, of which %d only report", all, e.Resource, e.Group, e.Reporting+e.Conditional))
		}
	}
	if slices.Contains(refusers(o), "Pod Security") {
		de = append(de, "Pod Security (an seinen Ablehnungen erkannt)")
		en = append(en, "Pod Security (recognised by its refusals)")
	}
	levels := map[string]bool{}
	for _, n := range o.Namespaces {
		for mode, level := range map[string]posture.Level{"enforce": n.Enforce, "audit": n.Audit, "warn": n.Warn} {
			if level != posture.LevelNone {
				levels[mode+"="+string(level)] = true
			}
		}
	}
	if len(levels) > 0 {
		all := make([]string, 0, len(levels))
		for l := range levels {
			all = append(all, l)
		}
		sort.Strings(all)
		de = append(de, "Pod Security nach Labels ("+strings.Join(all, ", ")+")")
		en = append(en, "Pod Security by labels ("+strings.Join(all, ", ")+")")
	}
	if len(de) == 0 {
		return v1alpha1.T("nichts", "nothing")
	}
	return v1alpha1.T(strings.Join(de, "; "), strings.Join(en, "; "))
}

// reporting counts the rules that only report on pods of the tenant.
func reporting(o posture.Observation) int {
	n := 0
	for _, r := range o.Rules {
		if r.Effect == posture.Reports && !r.MatchConditions {
			n += r.Count
		}
	}
	for _, e := range o.Engines {
		n += e.Reporting
	}
	return n
}

// perhapsReporting reports whether a rule only reports and conditions decide on
// whom it looks: it may be about pods of others.
func perhapsReporting(o posture.Observation) bool {
	return slices.ContainsFunc(o.Rules, func(r posture.Rule) bool { return r.Effect == posture.Reports && r.MatchConditions }) ||
		slices.ContainsFunc(o.Engines, func(e posture.EnginePolicies) bool { return e.Conditional > 0 })
}

// hasOpen reports whether a validating webhook lets pods of the tenant pass
// when it can not be asked.
func hasOpen(o posture.Observation) bool {
	return slices.ContainsFunc(o.Rules, func(r posture.Rule) bool { return r.Kind == posture.ValidatingWebhook && r.Fails == posture.FailsOpen })
}

// openCountersRead reports whether the counters would have shown a webhook that
// failed open: on every API server, by one process, and, unless conditions may
// have spared our pods, with calls that were counted.
func openCountersRead(o posture.Observation) bool {
	if !hasOpen(o) {
		return true
	}
	calls := int64(0)
	for _, s := range o.Servers {
		if s.Via == cluster.ViaNothing || s.Trouble != cluster.ServerFine || !s.SameProcess || !s.FailOpenShown || s.Open.FailedOpen < 0 {
			return false
		}
		calls += s.Open.Calls
	}
	return calls > 0 || slices.ContainsFunc(o.Rules, func(r posture.Rule) bool {
		return r.Kind == posture.ValidatingWebhook && r.Fails == posture.FailsOpen && r.MatchConditions
	})
}

const (
	requiredDe = "Regeln für Pods der Mandanten werden durchgesetzt, in jedem Namespace, über jeden API-Server und jedes Mal, statt Verstöße nur zu melden."
	requiredEn = "Rules on the tenants' pods are enforced, in each namespace, through each API server and every time, instead of merely reporting violations."
)

// failedOpen: what should have been asked was not, and the pod got in.
func failedOpen(o posture.Observation) []v1alpha1.Finding {
	n, servers := int64(0), 0
	for _, s := range o.Servers {
		if s.SameProcess && s.Open.FailedOpen > 0 {
			n += s.Open.FailedOpen
			servers++
		}
	}
	if n == 0 {
		return nil
	}
	who := whoLooks(o)
	return []v1alpha1.Finding{{
		Required: v1alpha1.T(requiredDe, requiredEn),
		Observed: v1alpha1.T(
			fmt.Sprintf("Validierende Webhooks, die auf Pods des Mandanten sehen, waren während der Beobachtung nicht zu fragen und ließen %d Anfragen ungeprüft durch (failurePolicy Ignore, Zähler von %d API-Servern). Auf Pods des Mandanten sehen: %s.", n, servers, who.De),
			fmt.Sprintf("Validating webhooks that look at the tenant's pods could not be asked during the observation and let %d requests pass unchecked (failurePolicy Ignore, counters of %d API servers). What looks at the tenant's pods: %s.", n, servers, who.En)),
		Object: v1alpha1.T("Webhooks für Pods der Mandanten", "webhooks on the tenants' pods"),
		Remedy: v1alpha1.T(
			"failurePolicy dieser Webhooks auf „Fail“ setzen, die Policy-Engine mehrfach betreiben und prüfen, warum sie nicht antwortete (Pods, Service, Zeitlimit).",
			"Set the failurePolicy of these webhooks to \"Fail\", run several replicas of the policy engine, and find out why it did not answer (pods, Service, timeout)."),
	}}
}

// byDefault: a default or a quota, without any rule, keeps such a pod out.
func byDefault(f posture.FaultTry) bool {
	return (f.Fault == admission.FaultResources || f.Fault == admission.FaultPullPolicy) &&
		(f.Class == admission.Neutralised || f.Class == admission.Quota)
}

// nothingEnforces: every fault was admitted, but for what a default takes away.
func nothingEnforces(o posture.Observation) []v1alpha1.Finding {
	in := len(admittedFaults(o))
	if in == 0 || slices.ContainsFunc(o.Faults, func(f posture.FaultTry) bool { return f.Class != admission.Admitted && !byDefault(f) }) ||
		slices.ContainsFunc(o.Namespaces, func(n posture.Namespace) bool { return n.Privileged.Class != admission.Admitted }) ||
		slices.ContainsFunc(reached(o), func(s posture.Server) bool { return s.Privileged.Class != admission.Admitted }) {
		return nil
	}
	who := whoLooks(o)
	var more v1alpha1.Text
	if n := len(o.Faults) - in; n > 0 {
		more = v1alpha1.T(
			fmt.Sprintf(" %d weitere nahm allein ein Vorgabewert oder eine Quota weg, keine Regel.", n),
			fmt.Sprintf(" %d more only a default or a quota took away, no rule.", n))
	}
	return []v1alpha1.Finding{{
		Required: v1alpha1.T(requiredDe, requiredEn),
		Observed: v1alpha1.T(
			fmt.Sprintf("Jeder Pod mit Mangel wurde angenommen (%d Mängel, auch der privilegierte Pod).%s Auf Pods des Mandanten sehen: %s.", in, more.De, who.De),
			fmt.Sprintf("Every pod with a fault was admitted (%d faults, the privileged pod among them).%s What looks at the tenant's pods: %s.", in, more.En, who.En)),
		Object: v1alpha1.T("Namespaces des Mandanten", "the tenant's namespaces"),
		Remedy: v1alpha1.T(
			"Pod Security als Vorgabe in der AdmissionConfiguration der API-Server durchsetzen und die übrigen Regeln der IG BvC mit ValidatingAdmissionPolicies (validationActions: [Deny]) oder einer Policy-Engine im Modus Enforce.",
			"Enforce Pod Security as the default in the API servers' AdmissionConfiguration, and the other rules of the IG BvC with ValidatingAdmissionPolicies (validationActions: [Deny]) or a policy engine in mode Enforce."),
	}}
}

// notEverywhere: the same pod was kept out in one place and let in at another.
func notEverywhere(o posture.Observation) []v1alpha1.Finding {
	var out []v1alpha1.Finding
	kept := slices.ContainsFunc(postureTries(o), func(f posture.FaultTry) bool { return f.Kept() })
	differs := func(object v1alpha1.Text, attempts []admission.Attempt, remedy v1alpha1.Text) {
		in := 0
		for _, a := range attempts {
			if a.Class == admission.Admitted {
				in++
			}
		}
		if in == 0 || in == len(attempts) || !kept || !slices.ContainsFunc(attempts, admission.Attempt.Kept) {
			return
		}
		out = append(out, v1alpha1.Finding{
			Required: v1alpha1.T(requiredDe, requiredEn),
			Observed: v1alpha1.T(
				fmt.Sprintf("Derselbe privilegierte Pod wurde in %d von %d Versuchen angenommen und in den übrigen nicht.", in, len(attempts)),
				fmt.Sprintf("The same privileged pod was admitted in %d of %d tries and not in the others.", in, len(attempts))),
			Object: object, Remedy: remedy,
		})
	}
	var byServer, byNamespace, inTurn []admission.Attempt
	for _, s := range reached(o) {
		byServer = append(byServer, s.Privileged)
	}
	for _, n := range o.Namespaces {
		byNamespace = append(byNamespace, n.Privileged)
		if n.Index == 1 {
			inTurn = append(inTurn, n.Privileged)
		}
	}
	for _, f := range o.Faults {
		if f.Fault == admission.FaultPrivileged {
			inTurn = append(inTurn, f.Attempt)
		}
	}
	if len(byServer) == 1 {
		inTurn = append(inTurn, byServer...)
	}
	differs(v1alpha1.T("erster Namespace des Mandanten, nacheinander", "the tenant's first namespace, one after the other"), inTurn, v1alpha1.T(
		"Die Durchsetzung ist nicht verlässlich: failurePolicy der Webhooks auf „Fail“ setzen, die Policy-Engine mehrfach betreiben und die Admission-Einstellungen aller API-Server angleichen.",
		"Enforcement is not reliable: set the webhooks' failurePolicy to \"Fail\", run several replicas of the policy engine, and make the admission settings of all API servers the same."))
	differs(v1alpha1.T("API-Server", "API servers"), byServer, v1alpha1.T(
		"Die Admission-Einstellungen aller API-Server angleichen (AdmissionConfiguration, --enable-admission-plugins).",
		"Make the admission settings of all API servers the same (AdmissionConfiguration, --enable-admission-plugins)."))
	differs(v1alpha1.T("Namespaces des Mandanten", "the tenant's namespaces"), byNamespace, v1alpha1.T(
		"Namespaces der Mandanten nicht von Regeln ausnehmen: namespaceSelector der Webhooks und Policies, Ausnahmelisten der Engine und Labels von Pod Security prüfen.",
		"Do not exempt the tenants' namespaces from rules: check the namespaceSelector of webhooks and policies, the engine's exemption lists, and the labels of Pod Security."))
	return out
}

// onlyReported: rules of the IG BvC are not enforced, and something that looks
// at these pods does no more than report.
func onlyReported(o posture.Observation) []v1alpha1.Finding {
	admitted, n := admittedFaults(o), reporting(o)
	if len(admitted) == 0 || n == 0 || len(nothingEnforces(o)) > 0 {
		return nil
	}
	who := whoLooks(o)
	return []v1alpha1.Finding{{
		Required: v1alpha1.T(requiredDe, requiredEn),
		Observed: v1alpha1.T(
			fmt.Sprintf("%d Regeln für Pods des Mandanten melden nur, und Pods mit diesen Mängeln wurden angenommen: %s. Auf Pods des Mandanten sehen: %s.", n, strings.Join(admitted, ", "), who.De),
			fmt.Sprintf("%d rules on the tenant's pods only report, and pods with these faults were admitted: %s. What looks at the tenant's pods: %s.", n, strings.Join(admitted, ", "), who.En)),
		Object: v1alpha1.T("Regeln für Pods der Mandanten", "rules on the tenants' pods"),
		Remedy: v1alpha1.T(
			"Die Regeln durchsetzend schalten: validationActions: [Deny] an der Bindung der ValidatingAdmissionPolicy, Enforce oder Deny in der Policy-Engine.",
			"Switch the rules to enforcing: validationActions: [Deny] in the binding of the ValidatingAdmissionPolicy, Enforce or Deny in the policy engine."),
	}}
}

func enforcedControls(o posture.Observation) []v1alpha1.Control {
	goldens, good := postureGoldens(o), 0
	for _, a := range goldens {
		if a.Class == admission.Admitted {
			good++
		}
	}
	by := strings.Join(refusers(o), ", ")
	if by == "" {
		by = "0"
	}
	return []v1alpha1.Control{{
		Name: v1alpha1.T(
			"Ein Pod ohne Mangel wird in jedem Namespace, über jeden erreichten API-Server und am Ende angenommen",
			"A pod without fault is admitted in each namespace, through each API server that was reached, and at the end"),
		Held: o.MayCreatePods && good == len(goldens),
		Detail: v1alpha1.T(
			fmt.Sprintf("%d von %d angenommen", good, len(goldens)),
			fmt.Sprintf("%d of %d admitted", good, len(goldens))),
	}, {
		Name: v1alpha1.T("Pods wurden über jeden API-Server versucht, wo es mehr als einen gibt", "Pods were tried through each API server where there is more than one"),
		Held: everyServer(o),
		Detail: v1alpha1.T(
			fmt.Sprintf("%d von %d API-Servern erreicht", len(reached(o)), o.ServersListed),
			fmt.Sprintf("%d of %d API servers reached", len(reached(o)), o.ServersListed)),
	}, {
		Name:   v1alpha1.T("Mindestens ein Pod mit Mangel wird von einer Regel abgelehnt", "At least one pod with a fault is refused by a rule"),
		Held:   len(refusers(o)) > 0,
		Detail: v1alpha1.T(by, by),
	}, {
		Name: v1alpha1.T(
			"Ob Webhooks mit failurePolicy Ignore ungefragt blieben, war an den Zählern jedes API-Servers zu sehen, oder es gibt keine solchen",
			"Whether webhooks with failurePolicy Ignore stayed unasked could be seen in each API server's counters, or there are none"),
		Held: openCountersRead(o),
		Detail: v1alpha1.T(
			fmt.Sprintf("%d von %d API-Servern erreicht", len(reached(o)), o.ServersListed),
			fmt.Sprintf("%d of %d API servers reached", len(reached(o)), o.ServersListed)),
	}}
}

func enforcedFigures(o posture.Observation) []v1alpha1.Figure {
	open, before, rejections := 0, int64(0), int64(0)
	for _, r := range o.Rules {
		if r.Kind == posture.ValidatingWebhook && r.Fails == posture.FailsOpen {
			open += r.Count
		}
	}
	for _, s := range o.Servers {
		before += s.Open.FailedOpenBefore
		rejections += s.Open.Rejections + s.Closed.Rejections
	}
	kept, _ := keptFaults(o)
	return []v1alpha1.Figure{
		{Name: v1alpha1.T("Abgelehnte Mängel", "Faults refused"), Value: float64(kept), Unit: "1"},
		{Name: v1alpha1.T("Regeln, die nur melden", "Rules that only report"), Value: float64(reporting(o)), Unit: "1"},
		{Name: v1alpha1.T("Validierende Webhooks mit failurePolicy Ignore", "Validating webhooks with failurePolicy Ignore"), Value: float64(open), Unit: "1"},
		{Name: v1alpha1.T("Anfragen, die diese vor der Beobachtung ungeprüft durchließen", "Requests that these let pass unchecked before the observation"), Value: float64(before), Unit: "1"},
		{Name: v1alpha1.T("Ablehnungen durch validierende Webhooks während der Beobachtung", "Refusals by validating webhooks during the observation"), Value: float64(rejections), Unit: "1"},
	}
}

// judgeFresh passes only when, in each of the rounds, a pod without fault was
// admitted before and after (positive control) and every fault was kept out.
// The one exception is the privileged mount of proc, where the cluster knows no
// user namespaces: its pod can not be told from one that is refused for these.
func judgeFresh(o fresh.Observation) check.Verdict {
	v := check.Verdict{Outcome: v1alpha1.Inconclusive, Controls: freshControls(o)}
	admitted, tried, tries := map[string]int{}, map[string]int{}, 0
	for _, r := range o.Rounds {
		for _, f := range r.Faults {
			tries++
			tried[f.Fault]++
			if f.Class == admission.Admitted {
				admitted[f.Fault]++
			}
		}
	}
	v.Attempts = tries
	if len(admitted) > 0 {
		v.Outcome, v.Findings = v1alpha1.Fail, []v1alpha1.Finding{freshFinding(admitted, tried)}
		return v
	}
	if len(o.Rounds) < fresh.Rounds || freshSpan(o) < fresh.Span.Seconds() || !o.Gone {
		v.Reason = incomplete()
		return v
	}
	faults, spared := admission.Faults(), 0
	for _, r := range o.Rounds {
		if len(r.Faults) != len(faults) {
			v.Reason = incomplete()
			return v
		}
		for _, a := range []admission.Attempt{r.Before, r.After} {
			if a.Class != admission.Admitted {
				t := a.Trouble()
				v.Reason = v1alpha1.T("Im neuen Namespace wurde ein Pod ohne Mangel nicht angenommen. "+sentence(t.De), "In the new namespace a pod without fault was not admitted. "+sentence(t.En))
				return v
			}
		}
		for i, f := range r.Faults {
			switch {
			case f.Fault != faults[i]:
				v.Reason = incomplete()
				return v
			case f.Fault == admission.FaultProcMount && r.UserNamespace.Class != admission.Admitted:
				spared++
			case !f.KeptOut(f.Fault):
				t := f.Trouble()
				v.Reason = v1alpha1.T(
					fmt.Sprintf("Im neuen Namespace blieb ein Pod mit Mangel (%s) ohne Aussage. %s", f.Fault, sentence(t.De)),
					fmt.Sprintf("In the new namespace a pod with a fault (%s) said nothing. %s", f.Fault, sentence(t.En)))
				return v
			}
		}
	}
	v.Outcome = v1alpha1.Pass
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Keine Abweichung festgestellt: In einem neuen Namespace ohne Labels der Site wurden alle %d Pods mit Mangel abgelehnt oder ohne ihn gespeichert; Pods ohne Mangel wurden jedes Mal angenommen.", tries-spared),
		fmt.Sprintf("No deviation found: in a new namespace without labels of the site all %d pods with a fault were refused or stored without it; pods without fault were admitted every time.", tries-spared))
	return v
}

func freshSpan(o fresh.Observation) float64 {
	if len(o.Rounds) == 0 {
		return 0
	}
	return o.Rounds[len(o.Rounds)-1].AtSeconds - o.Rounds[0].AtSeconds
}

func freshControls(o fresh.Observation) []v1alpha1.Control {
	goldens, good := 0, 0
	for _, r := range o.Rounds {
		for _, a := range []admission.Attempt{r.Before, r.After} {
			goldens++
			if a.Class == admission.Admitted {
				good++
			}
		}
	}
	return []v1alpha1.Control{{
		Name: v1alpha1.T("Im neuen Namespace wird ein Pod ohne Mangel vor und nach jeder Runde angenommen", "In the new namespace a pod without fault is admitted before and after each round"),
		Held: goldens > 0 && good == goldens,
		Detail: v1alpha1.T(
			fmt.Sprintf("%d von %d angenommen", good, goldens),
			fmt.Sprintf("%d of %d admitted", good, goldens)),
	}, {
		Name: v1alpha1.T(
			fmt.Sprintf("Jeder Mangel %d-mal über mindestens %.0f s versucht", fresh.Rounds, fresh.Span.Seconds()),
			fmt.Sprintf("Each fault tried %d times over at least %.0f s", fresh.Rounds, fresh.Span.Seconds())),
		Held: len(o.Rounds) >= fresh.Rounds && freshSpan(o) >= fresh.Span.Seconds(),
		Detail: v1alpha1.T(
			fmt.Sprintf("%d Runden über %s s", len(o.Rounds), v1alpha1.Decimal(freshSpan(o), 1).De),
			fmt.Sprintf("%d rounds over %.1f s", len(o.Rounds), freshSpan(o))),
	}}
}

func freshFinding(admitted, tried map[string]int) v1alpha1.Finding {
	var de, en []string
	for fault, n := range admitted {
		if n == tried[fault] {
			de, en = append(de, fault), append(en, fault)
			continue
		}
		de = append(de, fmt.Sprintf("%s in %d von %d Versuchen", fault, n, tried[fault]))
		en = append(en, fmt.Sprintf("%s in %d of %d tries", fault, n, tried[fault]))
	}
	sort.Strings(de)
	sort.Strings(en)
	return v1alpha1.Finding{
		Required: v1alpha1.T(
			"Regeln für Pods werden auch in einem Namespace durchgesetzt, den niemand vorbereitet hat; vergessene Labels öffnen ihn nicht.",
			"Rules on pods are enforced in a namespace that nobody prepared, too; labels that were forgotten do not open it."),
		Observed: v1alpha1.T(
			"In einem neuen Namespace ohne Labels der Site wurden Pods mit diesen Mängeln angenommen: "+strings.Join(de, ", ")+".",
			"In a new namespace without labels of the site pods with these faults were admitted: "+strings.Join(en, ", ")+"."),
		Object: v1alpha1.T("neuer Namespace des Laufs", "new namespace of the run"),
		Remedy: v1alpha1.T(
			"Pod Security als Vorgabe in der AdmissionConfiguration der API-Server setzen statt nur als Label, und Regeln so schreiben, dass sie Namespaces ausnehmen (NotIn) statt sie aufzuzählen.",
			"Set Pod Security as the default in the API servers' AdmissionConfiguration instead of as a label only, and write rules so that they except namespaces (NotIn) instead of listing them."),
	}
}
