package sys16

import (
	"fmt"
	"slices"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/atrest"
)

// It covers neither APP.4.4.A20-UA.1 nor SOUVAP.7.3.3.4.6-UA.1: those ask
// whether the data lie encrypted, which a file system below etcd can do as
// well, unseen from here. Credentials must also be safe from whoever can read
// etcd or a backup of it, where an encrypted file system does not help.
var _ = check.Register(check.Of(check.Meta{
	ID: "SYS.1.6.A8/secrets-encrypted-at-rest",
	Title: v1alpha1.T(
		"Jeder API-Server verschlüsselt Secrets, bevor er sie speichert",
		"Every API server encrypts Secrets before it stores them"),
	Area: check.Data,
	Covers: []check.Covers{
		{Statement: "SYS.1.6.A8-UA.1", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A8-UA.2", Decides: v1alpha1.Part},
		{Statement: "SYS.1.6.A8-UA.4", Decides: v1alpha1.Part},
	},
}, atrest.Probe, judgeSecretsAtRest))

// quietBaseline is how much other traffic a baseline may show where the server
// counts the values of all resources together: half of the smaller dose would
// already be too close.
const quietBaseline = 5

// judgeSecretsAtRest passes only when every API server was reached, counted
// our requests in one process, and counted as many values encrypted and none
// in clear. One server that stored Secrets in clear is a deviation, whatever
// is known of the others.
func judgeSecretsAtRest(o atrest.Observation) check.Verdict {
	v := check.Verdict{Controls: atRestControls(o)}
	var troubles []v1alpha1.Text
	var providers []string
	for i, s := range o.Servers {
		v.Attempts += dosed(s)
		finding, trouble := judgeServer(s)
		if trouble.IsZero() && s.Via == atrest.ViaConfiguredHost && o.Listed != 1 {
			trouble = serverTrouble(atrest.TroubleUnreachable) // any of several may have answered
		}
		switch {
		case finding != nil:
			n, of := i+1, max(o.Listed, len(o.Servers))
			finding.Object = v1alpha1.T(fmt.Sprintf("API-Server %d von %d", n, of), fmt.Sprintf("API server %d of %d", n, of))
			v.Findings = append(v.Findings, *finding)
		case !trouble.IsZero():
			n := max(o.Listed, len(o.Servers))
			troubles = append(troubles, v1alpha1.T(
				fmt.Sprintf("API-Server %d von %d: %s", i+1, n, trouble.De),
				fmt.Sprintf("API server %d of %d: %s", i+1, n, trouble.En)))
		default:
			providers = append(providers, providersOf(s)...)
		}
	}
	switch {
	case len(v.Findings) > 0:
		v.Outcome = v1alpha1.Fail
	case len(o.Servers) == 0:
		v.Outcome = v1alpha1.Inconclusive
		v.Reason = v1alpha1.T(
			"Der Cluster nennt keinen API-Server (EndpointSlices von default/kubernetes); es konnte keiner beobachtet werden.",
			"The cluster names no API server (EndpointSlices of default/kubernetes); none could be observed.")
	case len(troubles) > 0:
		v.Outcome = v1alpha1.Inconclusive
		v.Reason = troubles[0]
		if more := len(troubles) - 1; more > 0 {
			v.Reason.De += fmt.Sprintf(" Ohne Aussage blieben insgesamt %d API-Server.", len(troubles))
			v.Reason.En += fmt.Sprintf(" In all, %d API servers gave no answer to the question.", len(troubles))
		}
	case len(o.Servers) != o.Listed:
		v.Outcome = v1alpha1.Inconclusive
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Beobachtet wurden %d von %d API-Servern; für eine Aussage sind alle nötig.", len(o.Servers), o.Listed),
			fmt.Sprintf("%d of %d API servers were observed; all are needed.", len(o.Servers), o.Listed))
	default:
		slices.Sort(providers)
		names := strings.Join(slices.Compact(providers), ", ")
		v.Outcome = v1alpha1.Pass
		v.Reason = v1alpha1.T(
			fmt.Sprintf("Keine Abweichung festgestellt: Alle API-Server (%d) zählten die je %d angelegten Secrets als verschlüsselt gespeichert (%s) und keines als im Klartext gespeichert.", o.Listed, totalDose(), names),
			fmt.Sprintf("No deviation found: all API servers (%d) counted the %d Secrets created through each as stored encrypted (%s) and none as stored in clear.", o.Listed, totalDose(), names))
	}
	return v
}

// judgeServer gives a finding, or what keeps the server from meaning anything,
// or neither when the server encrypted every Secret.
func judgeServer(s atrest.Server) (*v1alpha1.Finding, v1alpha1.Text) {
	baseline, base := windowOf(s, 0)
	for _, dose := range atrest.Doses() {
		if w, there := windowOf(s, dose); there && dose > 0 && inClear(w, baseline, base) {
			return clearFinding(w), v1alpha1.Text{}
		}
	}
	if notCovered(s) {
		return uncoveredFinding(), v1alpha1.Text{}
	}
	if s.Trouble != atrest.TroubleNone || s.Via != atrest.ViaEndpoint && s.Via != atrest.ViaConfiguredHost {
		return nil, serverTrouble(s.Trouble)
	}
	for _, dose := range atrest.Doses() {
		w, there := windowOf(s, dose)
		switch {
		case !there:
			return nil, v1alpha1.T("Die Messung ist nicht vollständig.", "The measurement is not complete.")
		case !w.SameProcess:
			return nil, v1alpha1.T(
				"Zwischen zwei Ablesungen antwortete ein anderer Prozess (Neustart, oder mehrere API-Server hinter einer Adresse). Den Lauf wiederholen; hinter einem Lastverteiler innerhalb des Clusters laufen lassen, damit die API-Server einzeln erreichbar sind.",
				"Between two readings another process answered (a restart, or several API servers behind one address). Repeat the run; behind a load balancer run it inside the cluster, so that API servers can be reached one by one.")
		case w.Requests < int64(w.Dose):
			return nil, v1alpha1.T(
				fmt.Sprintf("Der API-Server zählte %d statt mindestens %d Anfragen; die Secrets liefen über einen anderen.", w.Requests, w.Dose),
				fmt.Sprintf("The API server counted %d requests where at least %d were sent; the Secrets went through another one.", w.Requests, w.Dose))
		case w.PerResource == atrest.AllResources && (w.Growth.Identity != 0 || dose == 0 && !quiet(w) || dose > 0 && !asLong(baseline, base, w)):
			return nil, v1alpha1.T(
				"Der API-Server zählt Secrets nicht getrennt (Kubernetes vor 1.34), und andere Schreibzugriffe überlagern die Messung. In einer ruhigeren Zeit wiederholen.",
				"The API server does not count Secrets apart (Kubernetes before 1.34), and other writes cover the measurement. Repeat it at a quieter time.")
		case w.Growth.Identity != 0, dose > 0 && (w.PerResource != atrest.SecretsOnly && w.PerResource != atrest.AllResources || w.Growth.Encrypted() < int64(w.Dose)):
			return nil, v1alpha1.T(
				fmt.Sprintf("Von %d Secrets zählte der API-Server %d als verschlüsselt und %d als im Klartext gespeichert; das lässt sich nicht zuordnen. Den Lauf wiederholen, auch wenn gerade die Verschlüsselung umgestellt wird.",
					w.Dose, w.Growth.Encrypted(), w.Growth.Identity),
				fmt.Sprintf("Of %d Secrets the API server counted %d as stored encrypted and %d as stored in clear, which can not be attributed. Repeat the run, also if encryption is being changed right now.",
					w.Dose, w.Growth.Encrypted(), w.Growth.Identity))
		}
	}
	return nil, v1alpha1.Text{}
}

// inClear: as many values in clear as Secrets were created. Where values of
// all resources are counted together, only if nothing else was written.
func inClear(w, baseline atrest.Window, base bool) bool {
	if !w.SameProcess || w.Requests < int64(w.Dose) || w.Growth.Identity < int64(w.Dose) {
		return false
	}
	switch w.PerResource {
	case atrest.SecretsOnly:
		return true
	case atrest.AllResources:
		return asLong(baseline, base, w) && quiet(baseline) && w.Growth.Encrypted() < quietBaseline
	default:
		return false
	}
}

// notCovered: the server says whatever it transforms, it stored Secrets, and
// counted no value at all. Without a provider for Secrets it transforms none.
func notCovered(s atrest.Server) bool {
	if !s.StorageMetrics || s.DisabledMetrics != 0 {
		return false // the count may be switched off, or not exist
	}
	for _, dose := range atrest.Doses() {
		w, there := windowOf(s, dose)
		if dose == 0 {
			continue
		}
		if !there || !w.SameProcess || w.Requests < int64(w.Dose) || !w.Growth.IsZero() {
			return false
		}
	}
	return true
}

func quiet(baseline atrest.Window) bool {
	return baseline.SameProcess && baseline.Growth.Encrypted() < quietBaseline && baseline.Growth.Identity < quietBaseline
}

// asLong: a baseline says something on a window if it took as long.
func asLong(baseline atrest.Window, there bool, w atrest.Window) bool {
	return there && baseline.Seconds >= w.Seconds
}

func windowOf(s atrest.Server, dose int) (atrest.Window, bool) {
	for _, w := range s.Windows {
		if w.Dose == dose {
			return w, true
		}
	}
	return atrest.Window{}, false
}

// dosed is how often Secrets were created and counted.
func dosed(s atrest.Server) int {
	n := 0
	for _, w := range s.Windows {
		if w.Dose > 0 {
			n++
		}
	}
	return n
}

func totalDose() int {
	n := 0
	for _, dose := range atrest.Doses() {
		n += dose
	}
	return n
}

func providersOf(s atrest.Server) []string {
	var out []string
	for _, w := range s.Windows {
		if w.Dose == 0 {
			continue
		}
		for _, p := range []struct {
			name  string
			count int64
		}{
			{"secretbox", w.Growth.Secretbox}, {"aescbc", w.Growth.AESCBC}, {"aesgcm", w.Growth.AESGCM},
			{"kms", w.Growth.KMS}, {"other provider", w.Growth.OtherEncrypted},
		} {
			if p.count > 0 {
				out = append(out, p.name)
			}
		}
	}
	return out
}

func atRestControls(o atrest.Observation) []v1alpha1.Control {
	reached, readable, same, counted, complete := 0, 0, 0, 0, 0
	for _, s := range o.Servers {
		if s.Via == atrest.ViaEndpoint || s.Via == atrest.ViaConfiguredHost && o.Listed == 1 {
			reached++
		}
		if s.Trouble == atrest.TroubleNone {
			readable++
		}
		all, one, count := true, true, true
		for _, dose := range atrest.Doses() {
			w, there := windowOf(s, dose)
			all = all && there
			one = one && there && w.SameProcess
			count = count && there && w.Requests >= int64(w.Dose)
		}
		for _, c := range []struct {
			held bool
			n    *int
		}{{all, &complete}, {one, &same}, {count, &counted}} {
			if c.held {
				*c.n++
			}
		}
	}
	control := func(de, en string, n int) v1alpha1.Control {
		return v1alpha1.Control{
			Name: v1alpha1.T(de, en), Held: o.Listed > 0 && n == o.Listed,
			Detail: v1alpha1.T(fmt.Sprintf("%d von %d API-Servern", n, o.Listed), fmt.Sprintf("%d of %d API servers", n, o.Listed)),
		}
	}
	return []v1alpha1.Control{
		control("Jeder API-Server des Clusters wurde erreicht", "Every API server of the cluster was reached", reached),
		control("Die Metriken waren lesbar, die Secrets wurden angelegt", "The metrics could be read, the Secrets were created", min(readable, complete)),
		control("Alle Ablesungen stammen von demselben Prozess", "All readings are of the same process", same),
		control("Der API-Server zählte die Anfragen des Laufs selbst", "The API server itself counted the requests of the run", counted),
	}
}

func encryptionRequired() v1alpha1.Text {
	return v1alpha1.T(
		"Jeder API-Server verschlüsselt Secrets mit einem Provider, bevor er sie in etcd speichert.",
		"Every API server encrypts Secrets with a provider before it stores them in etcd.")
}

func clearFinding(w atrest.Window) *v1alpha1.Finding {
	return &v1alpha1.Finding{
		Required: encryptionRequired(),
		Observed: v1alpha1.T(
			fmt.Sprintf("Während %d Secrets angelegt wurden, zählte der API-Server %d als vom Provider „identity“ gespeichert, also im Klartext.", w.Dose, w.Growth.Identity),
			fmt.Sprintf("While %d Secrets were created, the API server counted %d as stored by the provider \"identity\", that is in clear.", w.Dose, w.Growth.Identity)),
		Remedy: v1alpha1.T(
			"In der EncryptionConfiguration dieses API-Servers für „secrets“ einen verschlüsselnden Provider (kms oder secretbox) vor „identity“ stellen, alle API-Server angleichen und vorhandene Secrets neu schreiben.",
			"In this API server's EncryptionConfiguration put an encrypting provider (kms or secretbox) before \"identity\" for \"secrets\", make all API servers the same, and rewrite existing Secrets."),
	}
}

func uncoveredFinding() *v1alpha1.Finding {
	return &v1alpha1.Finding{
		Required: encryptionRequired(),
		Observed: v1alpha1.T(
			fmt.Sprintf("Der API-Server speicherte %d Secrets und zählte dabei keine einzige Verschlüsselung: Für Secrets ist kein Provider eingerichtet, sie liegen im Klartext in etcd.", totalDose()),
			fmt.Sprintf("The API server stored %d Secrets and counted not one encryption: no provider is set up for Secrets, they lie in etcd in clear.", totalDose())),
		Remedy: v1alpha1.T(
			"Jedem API-Server mit --encryption-provider-config eine EncryptionConfiguration geben, die „secrets“ mit kms oder secretbox verschlüsselt, und vorhandene Secrets neu schreiben.",
			"Give every API server an EncryptionConfiguration (--encryption-provider-config) that encrypts \"secrets\" with kms or secretbox, and rewrite existing Secrets."),
	}
}

func serverTrouble(t atrest.Trouble) v1alpha1.Text {
	switch t {
	case atrest.TroubleUnreachable:
		return v1alpha1.T(
			"Er war von hier aus nicht erreichbar. Den Lauf innerhalb des Clusters (Sonobuoy) oder aus einem Netz wiederholen, aus dem jeder API-Server erreichbar ist.",
			"It could not be reached from here. Repeat the run inside the cluster (Sonobuoy) or from a network from which every API server can be reached.")
	case atrest.TroubleCertificate:
		return v1alpha1.T(
			"Sein Zertifikat gilt weder für seine Adresse noch für kubernetes.default.svc oder stammt von einer anderen CA.",
			"Its certificate is valid neither for its address nor for kubernetes.default.svc, or is of another CA.")
	case atrest.TroubleForbidden, atrest.TroubleUnauthorised:
		return v1alpha1.T(
			"Der Lauf darf /metrics nicht lesen. Das Recht „get /metrics“ nach rbac.yaml erteilen; verwaltete Cluster gewähren es zum Teil nicht, dann bleibt die Aussage dem Betreiber.",
			"The run may not read /metrics. Grant \"get /metrics\" as in rbac.yaml; some managed clusters do not grant it, then the operator has to answer.")
	case atrest.TroubleNoMetrics, atrest.TroubleNotParsed, atrest.TroubleTooLarge:
		return v1alpha1.T(
			fmt.Sprintf("Seine Metriken waren nicht auszuwerten (%s).", t),
			fmt.Sprintf("Its metrics could not be evaluated (%s).", t))
	case atrest.TroubleSecretQuota:
		return v1alpha1.T(
			fmt.Sprintf("Eine ResourceQuota verhinderte das Anlegen der Secrets; im Namensraum des Mandanten Platz für %d Secrets schaffen.", totalDose()),
			fmt.Sprintf("A ResourceQuota kept Secrets from being created; make room for %d Secrets in the tenant's namespace.", totalDose()))
	case atrest.TroubleSecretRefused:
		return v1alpha1.T(
			"Das Anlegen der Secrets wurde abgelehnt (Rechte oder eine Policy für Secrets).",
			"Creating the Secrets was refused (rights, or a policy on Secrets).")
	case atrest.TroubleTimeout, atrest.TroubleServer, atrest.TroubleSecretNoAnswer:
		return v1alpha1.T(
			fmt.Sprintf("Störung der Infrastruktur (%s). Den Lauf wiederholen.", t),
			fmt.Sprintf("Trouble of the infrastructure (%s). Repeat the run.", t))
	default:
		return v1alpha1.T("Er wurde nicht beobachtet.", "It was not observed.")
	}
}
