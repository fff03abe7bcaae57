package sys16

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/atrest"
)

// recorded judges one recording of a check and gives what it says.
func recorded(t *testing.T, id, name string) v1alpha1.Result {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "recorded", strings.ReplaceAll(id, "/", "_"), name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var o v1alpha1.Observation
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	for _, c := range check.Default.Checks() {
		if c.ID == id {
			return c.Judge([]v1alpha1.Observation{o})
		}
	}
	t.Fatalf("no check %s", id)
	return v1alpha1.Result{}
}

// said is everything that a result says to a reader.
func said(r v1alpha1.Result) string {
	all := []string{r.Reason.De, r.Reason.En}
	for _, f := range r.Findings {
		all = append(all, f.Required.De, f.Required.En, f.Observed.De, f.Observed.En, f.Object.De, f.Object.En, f.Remedy.De, f.Remedy.En)
	}
	for _, c := range r.Controls {
		all = append(all, c.Name.De, c.Name.En, c.Detail.De, c.Detail.En)
	}
	return strings.Join(all, "\n")
}

func TestRecordingsSay(t *testing.T) {
	const (
		a17 = "SYS.1.6.A17/privileged-pod-rejected"
		a08 = "SYS.1.6.A8/secrets-encrypted-at-rest"
	)
	for _, c := range []struct{ id, name, says string }{
		{a17, "pass-pod-security", "10-mal von Pod Security Admission abgelehnt"},
		{a17, "pass-webhook", "10-mal von einem Admission-Webhook abgelehnt"},
		{a17, "pass-webhook-golden-altered", "10 davon vom Cluster verändert gespeichert"},
		{a17, "pass-validating-admission-policy", "10-mal von einer ValidatingAdmissionPolicy abgelehnt"},
		{a17, "pass-neutralised-by-mutation", "10-mal ohne den Mangel gespeichert"},
		{a17, "pass-refused-and-neutralised", "8-mal von einem Admission-Webhook abgelehnt und 2-mal ohne den Mangel"},
		{a17, "fail-admitted", "container in 5 von 5 Versuchen"},
		{a17, "fail-sometimes-admitted", "nur manchmal"},
		{a17, "fail-init-containers-forgotten", "angenommen: initContainer in 5 von 5 Versuchen. Nicht angenommen: container."},
		{a17, "fail-admitted-while-golden-refused", "container in 1 von 5 Versuchen"},
		{a17, "inconclusive-webhook-unreachable", "Admission-Webhook war nicht erreichbar"},
		{a17, "inconclusive-webhook-down-once", "blieb ohne Aussage"},
		{a17, "inconclusive-no-answer-once", "keine Antwort"},
		{a17, "inconclusive-quota-exceeded", "ResourceQuota"},
		{a17, "inconclusive-quota-mutant-only", "quotaUnspecified"},
		{a17, "inconclusive-limit-range", "limitRange"},
		{a17, "inconclusive-api-validation", "API-Validierung"},
		{a17, "inconclusive-tenant-without-right", "darf im verwendeten Namensraum keine Pods anlegen"},
		{a17, "inconclusive-namespace-missing", "Namensraum fehlt"},
		{a17, "inconclusive-golden-refused-by-policy", "Der Pod ohne Mangel wurde von einem Admission-Webhook abgelehnt"},
		{a17, "inconclusive-golden-missing-once-after", "zu viele Anfragen"},
		{a17, "inconclusive-cut-short", "[round 4]"},
		{a17, "inconclusive-too-fast", "mindestens 10 s"},
		{a08, "pass-secretbox", "(secretbox)"},
		{a08, "pass-kms", "(kms)"},
		{a08, "pass-three-servers", "Alle API-Server (3)"},
		{a08, "pass-no-resource-label", "(secretbox)"},
		{a08, "pass-configured-host", "(secretbox)"},
		{a08, "fail-no-provider", "kein Provider eingerichtet"},
		{a08, "fail-identity-first", "„identity“"},
		{a08, "fail-one-of-three-in-clear", "API server 2 of 3"},
		{a08, "fail-one-in-clear-one-unreached", "API server 2 of 3"},
		{a08, "fail-no-resource-label-identity", "„identity“"},
		{a08, "inconclusive-one-of-two-unreached", "API-Server 2 von 2"},
		{a08, "inconclusive-restarted", "ein anderer Prozess"},
		{a08, "inconclusive-requests-elsewhere", "zählte 9 statt mindestens"},
		{a08, "inconclusive-metrics-forbidden", "/metrics nicht lesen"},
		{a08, "inconclusive-no-resource-label-busy", "überlagern"},
		{a08, "inconclusive-metric-disabled", "nicht zuordnen"},
		{a08, "inconclusive-metric-unknown-version", "nicht zuordnen"},
		{a08, "inconclusive-no-server", "keinen API-Server"},
		{a08, "inconclusive-changed-meanwhile", "nicht zuordnen"},
		{a08, "inconclusive-secrets-refused", "abgelehnt"},
		{a08, "inconclusive-secrets-quota", "ResourceQuota"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := recorded(t, c.id, c.name)
			want, _, _ := strings.Cut(c.name, "-")
			if string(r.Outcome) != want {
				t.Fatalf("got %s, want %s: %s", r.Outcome, want, said(r))
			}
			if !strings.Contains(said(r), c.says) {
				t.Errorf("does not say %q:\n%s", c.says, said(r))
			}
			for _, never := range []string{"erfüllt", "konform", "zertifiziert", "itself is at fault"} {
				if strings.Contains(said(r), never) {
					t.Errorf("says %q:\n%s", never, said(r))
				}
			}
		})
	}
}

func TestJudgesOfNothing(t *testing.T) {
	if v := judgeSecretsAtRest(atrest.Observation{}); v.Outcome != v1alpha1.Inconclusive {
		t.Errorf("A8 over nothing: %s", v.Outcome)
	}
}

func window(dose int, g atrest.Growth, whose atrest.PerResource) atrest.Window {
	return atrest.Window{Dose: dose, Seconds: 1, SameProcess: true, Requests: int64(dose), PerResource: whose, Growth: g}
}

// One field at a time away from a server that encrypts, or from one that does
// not: what decides, and what only looks like it.
func TestJudgeServer(t *testing.T) {
	encrypting := func(whose atrest.PerResource) atrest.Observation {
		return atrest.Observation{Listed: 1, Servers: []atrest.Server{{
			Via: atrest.ViaEndpoint, Trouble: atrest.TroubleNone, StorageMetrics: true,
			Windows: []atrest.Window{
				window(10, atrest.Growth{AESCBC: 10}, whose), window(20, atrest.Growth{AESCBC: 20}, whose), window(0, atrest.Growth{}, whose),
			},
		}}}
	}
	for _, c := range []struct {
		name   string
		whose  atrest.PerResource
		change func(*atrest.Observation, []atrest.Window)
		want   v1alpha1.Outcome
	}{
		{"all good", atrest.SecretsOnly, func(*atrest.Observation, []atrest.Window) {}, v1alpha1.Pass},
		{"all good, before 1.34", atrest.AllResources, func(*atrest.Observation, []atrest.Window) {}, v1alpha1.Pass},
		{"others write Secrets too", atrest.SecretsOnly, func(_ *atrest.Observation, w []atrest.Window) { w[2].Growth.AESCBC = 40 }, v1alpha1.Pass},
		{"others write, before 1.34", atrest.AllResources, func(_ *atrest.Observation, w []atrest.Window) { w[2].Growth.AESCBC = 5 }, v1alpha1.Inconclusive},
		{"short baseline, before 1.34", atrest.AllResources, func(_ *atrest.Observation, w []atrest.Window) { w[2].Seconds = 0.5 }, v1alpha1.Inconclusive},
		{"one too few", atrest.SecretsOnly, func(_ *atrest.Observation, w []atrest.Window) { w[1].Growth.AESCBC = 19 }, v1alpha1.Inconclusive},
		{"some in clear", atrest.SecretsOnly, func(_ *atrest.Observation, w []atrest.Window) { w[1].Growth.Identity = 3 }, v1alpha1.Inconclusive},
		{"some in clear at the baseline", atrest.SecretsOnly, func(_ *atrest.Observation, w []atrest.Window) { w[2].Growth.Identity = 1 }, v1alpha1.Inconclusive},
		{"switched to clear", atrest.SecretsOnly, func(_ *atrest.Observation, w []atrest.Window) { w[1].Growth = atrest.Growth{Identity: 20} }, v1alpha1.Fail},
		{"clear growth of another process", atrest.SecretsOnly, func(_ *atrest.Observation, w []atrest.Window) {
			w[1].Growth, w[1].SameProcess = atrest.Growth{Identity: 20}, false
		}, v1alpha1.Inconclusive},
		{"explicit identity of another resource, before 1.34", atrest.AllResources, func(_ *atrest.Observation, w []atrest.Window) {
			w[0].Growth.Identity, w[1].Growth.Identity = 30, 30
		}, v1alpha1.Inconclusive},
		{"identity only, before 1.34", atrest.AllResources, func(_ *atrest.Observation, w []atrest.Window) {
			w[0].Growth, w[1].Growth = atrest.Growth{Identity: 10}, atrest.Growth{Identity: 21}
		}, v1alpha1.Fail},
		{"nothing counted in one window", atrest.SecretsOnly, func(_ *atrest.Observation, w []atrest.Window) { w[0].Growth = atrest.Growth{} }, v1alpha1.Inconclusive},
		{"nothing counted at all", atrest.NoSeries, func(_ *atrest.Observation, w []atrest.Window) {
			w[0].Growth, w[1].Growth = atrest.Growth{}, atrest.Growth{}
		}, v1alpha1.Fail},
		{"nothing counted, requests neither", atrest.NoSeries, func(_ *atrest.Observation, w []atrest.Window) {
			w[0].Growth, w[1].Growth, w[0].Requests = atrest.Growth{}, atrest.Growth{}, 0
		}, v1alpha1.Inconclusive},
		{"unknown whose", "", func(*atrest.Observation, []atrest.Window) {}, v1alpha1.Inconclusive},
		{"a window missing", atrest.SecretsOnly, func(o *atrest.Observation, _ []atrest.Window) { o.Servers[0].Windows = o.Servers[0].Windows[:2] }, v1alpha1.Inconclusive},
		{"a server missing", atrest.SecretsOnly, func(o *atrest.Observation, _ []atrest.Window) { o.Listed = 2 }, v1alpha1.Inconclusive},
		{"unknown way", atrest.SecretsOnly, func(o *atrest.Observation, _ []atrest.Window) { o.Servers[0].Via = "" }, v1alpha1.Inconclusive},
		{"unknown trouble", atrest.SecretsOnly, func(o *atrest.Observation, _ []atrest.Window) { o.Servers[0].Trouble = "" }, v1alpha1.Inconclusive},
		{"configured host for one of two", atrest.SecretsOnly, func(o *atrest.Observation, _ []atrest.Window) {
			o.Servers[0].Via = atrest.ViaConfiguredHost
			o.Servers, o.Listed = append(o.Servers, o.Servers[0]), 2
		}, v1alpha1.Inconclusive},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := encrypting(c.whose)
			c.change(&o, o.Servers[0].Windows)
			v := judgeSecretsAtRest(o)
			if v.Outcome != c.want {
				t.Errorf("got %s (%s), want %s", v.Outcome, v.Reason.En, c.want)
			}
			for _, control := range v.Controls {
				if v.Outcome == v1alpha1.Pass && !control.Held {
					t.Errorf("passes without %q", control.Name.En)
				}
			}
		})
	}
}
