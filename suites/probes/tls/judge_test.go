package tls

import (
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/tlsscan"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

func answer(v tlsscan.Verdict, how string) tlsscan.Answer {
	return tlsscan.Answer{Verdict: v, How: how, Tries: 1}
}

// modern is the result for a server without fault.
func modern() tlsscan.Result {
	yes, no := answer(tlsscan.Offered, "0x0304 TLS_AES_128_GCM_SHA256"), answer(tlsscan.Refused, "alert 70")
	return tlsscan.Result{
		Reach: tlsscan.Reached, Before: yes, After: yes, Versions: tlsscan.Versions{SSL30: no, TLS10: no, TLS11: no, TLS12: yes, TLS13: yes},
		Classes: tlsscan.Classes{Null: no, Anonymous: no, Export: no, RC4: no, DES: no}, Plaintext: answer(tlsscan.Refused, "status 400, wants TLS"),
		Suites: tlsscan.Suites{Names: []string{"TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}, Count: 2, Complete: true},
		Certificate: tlsscan.Certificate{
			Presented: true, Key: tlsscan.KeyECDSA, Bits: 256, Signature: "ECDSA-SHA256", ValidDays: 365, DaysLeft: 300, Chain: 1,
		},
	}
}

func group(results ...tlsscan.Result) Group {
	g := Group{Listing: Listed, Found: len(results), Selected: len(results), Targets: []Target{}}
	for i, r := range results {
		g.Targets = append(g.Targets, Target{Index: i + 1, Via: ViaNode, Result: r})
	}
	return g
}

// good is a cluster without fault whose controller manager and scheduler listen
// on the loopback address.
func good() Observation {
	o := Observation{
		APIServers: group(modern()), Kubelets: group(modern(), modern()), Etcd: group(modern()),
		ControllerManagers: group(modern()), Schedulers: group(modern()), Webhooks: group(modern()), APIServices: group(), ConversionWebhooks: group(),
		OwnNodes: OwnNodes{Wanted: 1, Looked: 1},
	}
	o.ControllerManagers.Targets[0].Via, o.Schedulers.Targets[0].Via = ViaLoopback, ViaLoopback
	return o
}

func said(v check.Verdict) string {
	all := []string{v.Reason.De, v.Reason.En}
	for _, f := range v.Findings {
		all = append(all, f.Required.De, f.Required.En, f.Observed.De, f.Observed.En, f.Object.De, f.Object.En, f.Remedy.De, f.Remedy.En)
	}
	return strings.Join(all, "\n")
}

func rules() map[string]Rule {
	remedy := v1alpha1.T("Abhilfe", "remedy")
	return map[string]Rule{
		"api servers": {Kinds: []Kind{APIServer}, Remedy: remedy}, "kubelets": {Kinds: []Kind{Kubelet}, Remedy: remedy},
		"control plane": {Kinds: []Kind{Etcd, ControllerManager, Scheduler}, Remedy: remedy},
		"extensions":    {Kinds: []Kind{Webhook, APIService, ConversionWebhook}, Remedy: remedy}, "keys": {Kinds: Kinds(), Keys: true, Remedy: remedy},
	}
}

// One field at a time away from a cluster without fault.
func TestJudge(t *testing.T) {
	type result = tlsscan.Result
	offered, undecided := answer(tlsscan.Offered, "x"), answer(tlsscan.Undecided, "silent")
	first := func(change func(*result)) func(*Observation) {
		return func(o *Observation) { change(&o.Kubelets.Targets[0].Result) }
	}
	for _, c := range []struct {
		name   string
		rule   string
		change func(*Observation)
		want   v1alpha1.Outcome
		says   string
	}{
		{"all good", "api servers", func(*Observation) {}, v1alpha1.Pass, "1 von 1 Endpunkten"},
		{"all good", "kubelets", func(*Observation) {}, v1alpha1.Pass, "2 von 2 Endpunkten"},
		{"all good", "control plane", func(*Observation) {}, v1alpha1.Pass, "3 von 3 Endpunkten"},
		{"all good", "extensions", func(*Observation) {}, v1alpha1.Pass, "1 von 1 Endpunkten"},
		{"all good", "keys", func(*Observation) {}, v1alpha1.Pass, "7 der 7 Endpunkte"},

		{"SSL 3.0", "kubelets", first(func(r *result) { r.Versions.SSL30 = offered }), v1alpha1.Fail, "SSL 3.0 (x)"},
		{"TLS 1.0", "kubelets", first(func(r *result) { r.Versions.TLS10 = offered }), v1alpha1.Fail, "Kubelet 1 von 2"},
		{"TLS 1.1", "kubelets", first(func(r *result) { r.Versions.TLS11 = offered }), v1alpha1.Fail, "TLS 1.1 (x)"},
		{"NULL", "kubelets", first(func(r *result) { r.Classes.Null = offered }), v1alpha1.Fail, "without encryption (NULL) (x)"},
		{"anonymous", "kubelets", first(func(r *result) { r.Classes.Anonymous = offered }), v1alpha1.Fail, "anonyme Suites (x)"},
		{"EXPORT", "kubelets", first(func(r *result) { r.Classes.Export = offered }), v1alpha1.Fail, "EXPORT suites (x)"},
		{"RC4", "kubelets", first(func(r *result) { r.Classes.RC4 = offered }), v1alpha1.Fail, "RC4 (x)"},
		{"DES", "kubelets", first(func(r *result) { r.Classes.DES = offered }), v1alpha1.Fail, "3DES (x)"},
		{"plaintext", "kubelets", first(func(r *result) { r.Plaintext = answer(tlsscan.Offered, "status 200") }), v1alpha1.Fail, "HTTP ohne TLS (status 200)"},
		{"both alike", "kubelets", func(o *Observation) {
			o.Kubelets.Targets[0].Versions.TLS10, o.Kubelets.Targets[1].Versions.TLS10 = offered, offered
		}, v1alpha1.Fail, "Kubelet 1, 2 von 2"},
		{"a deviation without a control", "kubelets", first(func(r *result) { r.Before, r.After, r.Versions.TLS10 = undecided, undecided, offered }), v1alpha1.Fail, "TLS 1.0"},
		{"a deviation beside one that was not reached", "kubelets", func(o *Observation) {
			o.Kubelets.Targets[0].Versions.TLS10 = offered
			o.Kubelets.Targets[1].Result = tlsscan.Unreached(tlsscan.ReachTimedOut)
		}, v1alpha1.Fail, "TLS 1.0"},
		{"a deviation of another kind", "api servers", first(func(r *result) { r.Versions.TLS10 = offered }), v1alpha1.Pass, ""},
		{"a short key", "kubelets", first(func(r *result) { r.Certificate.Key, r.Certificate.Bits = tlsscan.KeyRSA, 2048 }), v1alpha1.Pass, ""},
		{"suites outside the list", "kubelets", first(func(r *result) { r.Suites.Names[0] = "TLS_RSA_WITH_SEED_CBC_SHA" }), v1alpha1.Pass, ""},

		{"suites outside the list, though declared", "kubelets", func(o *Observation) {
			o.OnlyTR02102 = true
			o.Kubelets.Targets[0].Suites = tlsscan.Suites{Names: []string{"TLS_RSA_WITH_SEED_CBC_SHA", "TLS_AES_128_GCM_SHA256"}, Count: 2, Complete: true}
		}, v1alpha1.Fail, "TLS_RSA_WITH_SEED_CBC_SHA"},
		{"suites not all asked, though declared", "kubelets", func(o *Observation) {
			o.OnlyTR02102 = true
			for i := range o.Kubelets.Targets {
				o.Kubelets.Targets[i].Suites = tlsscan.Suites{Names: []string{"TLS_AES_128_GCM_SHA256"}, Count: 1}
			}
		}, v1alpha1.Inconclusive, "nicht vollständig zu erfahren"},

		{"no control before", "kubelets", first(func(r *result) { r.Before = undecided }), v1alpha1.Inconclusive, "sagt daher nichts"},
		{"no control after", "kubelets", first(func(r *result) { r.After = answer(tlsscan.Refused, "closed") }), v1alpha1.Inconclusive, "(closed)"},
		{"a version undecided", "kubelets", first(func(r *result) { r.Versions.TLS10 = undecided }), v1alpha1.Inconclusive, "TLS 1.0 (silent)"},
		{"a class undecided", "kubelets", first(func(r *result) { r.Classes.Export = undecided }), v1alpha1.Inconclusive, "EXPORT"},
		{"a class not asked for", "kubelets", first(func(r *result) { r.Classes.Export = tlsscan.Answer{} }), v1alpha1.Inconclusive, "EXPORT"},
		{"plaintext undecided", "kubelets", first(func(r *result) { r.Plaintext = undecided }), v1alpha1.Inconclusive, "HTTP ohne TLS"},
		{"plaintext answered by a proxy", "extensions", func(o *Observation) {
			o.Webhooks.Targets[0].Plaintext = answer(tlsscan.Undecided, "status 503")
		}, v1alpha1.Inconclusive, "Service Mesh"},
		{"one was not reached", "kubelets", first(func(r *result) { *r = tlsscan.Unreached(tlsscan.ReachTimedOut) }), v1alpha1.Inconclusive, "Kubelet 1 von 2 war nicht"},
		{"one refused", "kubelets", first(func(r *result) { *r = tlsscan.Unreached(tlsscan.ReachRefused) }), v1alpha1.Inconclusive, "lauscht dort niemand"},
		{"one without an address", "kubelets", first(func(r *result) { *r = tlsscan.Unreached(tlsscan.ReachNoName) }), v1alpha1.Inconclusive, "keine Adresse"},
		{"a word that is none", "kubelets", first(func(r *result) { r.Reach = "" }), v1alpha1.Inconclusive, "kein Weg"},
		{"one missing", "kubelets", func(o *Observation) { o.Kubelets.Targets = o.Kubelets.Targets[:1] }, v1alpha1.Inconclusive, "unvollständig"},
		{"one missing of another kind", "api servers", func(o *Observation) { o.Kubelets.Targets = o.Kubelets.Targets[:1] }, v1alpha1.Inconclusive, "unvollständig"},
		{"a suite missing", "kubelets", first(func(r *result) { r.Suites.Names = r.Suites.Names[:1] }), v1alpha1.Inconclusive, "unvollständig"},
		{"no time for one", "kubelets", func(o *Observation) { o.Kubelets.Found, o.Kubelets.Selected, o.Kubelets.NotTried = 3, 3, 1 }, v1alpha1.Inconclusive, "reichte die Zeit nicht"},
		{"more than are looked at", "kubelets", func(o *Observation) { o.Kubelets.Found = 50 }, v1alpha1.Pass, "2 von 50 Endpunkten"},
		{"none", "kubelets", func(o *Observation) { o.Kubelets = group() }, v1alpha1.Inconclusive, "keinen solchen Endpunkt"},

		{"etcd shut off", "control plane", func(o *Observation) { o.Etcd = group(tlsscan.Unreached(tlsscan.ReachTimedOut)) }, v1alpha1.Inconclusive, "etcd 1 von 1 war nicht zu erreichen"},
		{"refused from elsewhere only", "control plane", func(o *Observation) {
			o.Schedulers = group(tlsscan.Unreached(tlsscan.ReachRefused))
			o.OwnNodes = OwnNodes{Wanted: 1, Trouble: cluster.NotPermitted}
		}, v1alpha1.Inconclusive, cluster.PrivilegedManifest},
		{"refused from elsewhere only, pods refused", "control plane", func(o *Observation) {
			o.Schedulers = group(tlsscan.Unreached(tlsscan.ReachRefused))
			o.OwnNodes = OwnNodes{Wanted: 1, Trouble: cluster.NotAdmitted}
		}, v1alpha1.Inconclusive, "eine SCC (OpenShift) lehnt dort"},
		{"refused from elsewhere only", "keys", func(o *Observation) { o.Schedulers = group(tlsscan.Unreached(tlsscan.ReachRefused)) }, v1alpha1.Inconclusive, "Scheduler 1 von 1"},
		{"shut off from its own node", "control plane", func(o *Observation) { o.Schedulers.Targets[0].Result = tlsscan.Unreached(tlsscan.ReachTimedOut) }, v1alpha1.Inconclusive, "Scheduler 1 von 1"},
		{"none there", "control plane", func(o *Observation) { o.Schedulers.Targets[0].Result = tlsscan.Unreached(tlsscan.ReachRefused) }, v1alpha1.Inconclusive, "Scheduler: Auf den Nodes"},
		{"etcd for peers only on other nodes", "control plane", func(o *Observation) {
			o.Etcd = group(modern(), tlsscan.Unreached(tlsscan.ReachRefused))
			o.Etcd.Targets[1].Via = ViaOwnNode
		}, v1alpha1.Pass, "Dort lauscht nichts: etcd: 1."},
		{"more webhooks than are looked at", "extensions", func(o *Observation) { o.Webhooks.Found = 30 }, v1alpha1.Inconclusive, "30 Endpunkten"},
		{"old on the loopback address", "control plane", func(o *Observation) { o.ControllerManagers.Targets[0].Versions.TLS10 = offered }, v1alpha1.Fail, "Controller Manager 1 von 1"},
		{"no nodes of the control plane", "control plane", func(o *Observation) { o.Etcd, o.ControllerManagers, o.Schedulers = group(), group(), group() }, v1alpha1.Inconclusive, "bleibt die Aussage dem Betreiber"},
		{"etcd in clear", "control plane", func(o *Observation) {
			r := modern()
			r.Before, r.After, r.Plaintext = undecided, undecided, answer(tlsscan.Offered, "status 404")
			o.Etcd = group(r)
		}, v1alpha1.Fail, "etcd 1 von 1"},

		{"no extensions", "extensions", func(o *Observation) { o.Webhooks = group() }, v1alpha1.NotApplicable, "weder Webhooks, auch für Konversion, noch APIServices"},
		{"conversion webhooks not readable, nothing else", "extensions", func(o *Observation) {
			o.Webhooks, o.ConversionWebhooks = group(), Group{Listing: ListingNotAllowed, Targets: []Target{}}
		}, v1alpha1.Inconclusive, "Konversions-Webhooks von CustomResourceDefinitions wurde nicht gesehen"},
		{"conversion webhooks not readable", "extensions", func(o *Observation) { o.ConversionWebhooks = Group{Listing: ListingFailed, Targets: []Target{}} }, v1alpha1.Inconclusive, "failed"},
		{"conversion webhooks missing", "extensions", func(o *Observation) { o.Webhooks, o.ConversionWebhooks = group(), Group{} }, v1alpha1.Inconclusive, "not looked at"},
		{"only a conversion webhook", "extensions", func(o *Observation) { o.Webhooks, o.ConversionWebhooks = group(), group(modern()) }, v1alpha1.Pass, "1 von 1 Endpunkten"},
		{"an old conversion webhook", "extensions", func(o *Observation) {
			o.ConversionWebhooks = group(modern())
			o.ConversionWebhooks.Targets[0].Versions.TLS10 = offered
		}, v1alpha1.Fail, "Konversions-Webhooks 1 von 1"},
		{"extensions not readable", "extensions", func(o *Observation) { o.Webhooks = Group{Listing: ListingNotAllowed, Targets: []Target{}} }, v1alpha1.Inconclusive, "notAllowed"},
		{"one list not readable", "extensions", func(o *Observation) { o.APIServices = Group{Listing: ListingFailed, Targets: []Target{}} }, v1alpha1.Inconclusive, "failed"},
		{"from outside", "extensions", func(o *Observation) {
			o.Webhooks = group(tlsscan.Unreached(tlsscan.ReachNoName))
			o.Webhooks.Targets[0].Via = ViaService
		}, v1alpha1.Inconclusive, "innerhalb des Clusters"},

		{"RSA 2048", "keys", first(func(r *result) { r.Certificate.Key, r.Certificate.Bits = tlsscan.KeyRSA, 2048 }), v1alpha1.Fail, "2048 Bit (RSA)"},
		{"RSA 2999", "keys", first(func(r *result) { r.Certificate.Key, r.Certificate.Bits = tlsscan.KeyRSA, 2999 }), v1alpha1.Fail, "mindestens 3000 Bit"},
		{"RSA 3000", "keys", first(func(r *result) { r.Certificate.Key, r.Certificate.Bits = tlsscan.KeyRSA, 3000 }), v1alpha1.Pass, ""},
		{"P-224", "keys", first(func(r *result) { r.Certificate.Bits = 224 }), v1alpha1.Fail, "mindestens 250 Bit"},
		{"Ed25519", "keys", first(func(r *result) { r.Certificate.Key = tlsscan.KeyEd25519 }), v1alpha1.Pass, ""},
		{"a key of another kind", "keys", first(func(r *result) { r.Certificate.Key = tlsscan.KeyOther }), v1alpha1.Inconclusive, "(other)"},
		{"no certificate", "keys", first(func(r *result) { r.Certificate = tlsscan.Certificate{Key: tlsscan.KeyUnknown} }), v1alpha1.Inconclusive, "(unknown)"},
		{"TLS 1.0", "keys", first(func(r *result) { r.Versions.TLS10 = offered }), v1alpha1.Pass, ""},
		{"one was not reached", "keys", first(func(r *result) { *r = tlsscan.Unreached(tlsscan.ReachTimedOut) }), v1alpha1.Inconclusive, "Kubelet 1 von 2"},
		{"no extensions", "keys", func(o *Observation) { o.Webhooks = group() }, v1alpha1.Pass, "6 der 6 Endpunkte"},
	} {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			o := good()
			c.change(&o)
			v := rules()[c.rule].Judge(o)
			if v.Outcome != c.want {
				t.Errorf("got %s, want %s: %s", v.Outcome, c.want, said(v))
			}
			if !strings.Contains(said(v), c.says) {
				t.Errorf("does not say %q:\n%s", c.says, said(v))
			}
			held := true
			for _, control := range v.Controls {
				held = held && control.Held
			}
			if v.Outcome == v1alpha1.Pass && (!held || len(v.Controls) == 0 || len(v.Figures) == 0) {
				t.Errorf("passes with controls %+v and figures %+v", v.Controls, v.Figures)
			}
			if v.Outcome == v1alpha1.Fail && len(v.Findings) == 0 || v.Outcome != v1alpha1.Fail && v.Reason.IsZero() {
				t.Errorf("%s without findings or a reason", v.Outcome)
			}
		})
	}
}

func TestJudgesOfNothing(t *testing.T) {
	for name, r := range rules() {
		if v := r.Judge(Observation{}); v.Outcome != v1alpha1.Inconclusive {
			t.Errorf("%s over nothing: %s", name, v.Outcome)
		}
	}
}

// TestFigures: suites are counted once over all endpoints, and certificates by
// the worst of them.
func TestFigures(t *testing.T) {
	o := good()
	o.Kubelets.Targets[0].Suites = tlsscan.Suites{Names: []string{"TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_CHACHA20_POLY1305_SHA256"}, Count: 2}
	o.Kubelets.Targets[1].Certificate.DaysLeft, o.Kubelets.Targets[1].Certificate.Expired = -3, true
	value := func(v check.Verdict, en string) float64 {
		for _, f := range v.Figures {
			if strings.HasPrefix(f.Name.En, en) {
				return f.Value
			}
		}
		t.Fatalf("no figure %q", en)
		return 0
	}
	if got := value(rules()["kubelets"].Judge(o), "Suites accepted"); got != 2 {
		t.Errorf("%v suites outside", got)
	}
	keys := rules()["keys"].Judge(o)
	for en, want := range map[string]float64{"Certificates seen": 7, "Shortest time left": -3, "Longest lifetime": 365, "Expired": 1, "Self-signed": 0} {
		if got := value(keys, en); got != want {
			t.Errorf("%s: %v, want %v", en, got, want)
		}
	}
}
