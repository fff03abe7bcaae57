package tls

import (
	"fmt"
	"slices"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/tlsscan"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Shortest keys in bits. BSI TR-02102-1, version 2026-01, recommends RSA of at
// least 3000 bits (shorter ones, from 2000 bits, were for use until the end of
// 2023) and elliptic curves with an order of at least 250 bits.
const (
	shortestRSA   = 3000
	shortestCurve = 250
)

// Rule is what endpoints have to keep.
type Rule struct {
	// Kinds of endpoints that the rule is about.
	Kinds []Kind
	// Keys: the rule is about the length of the certificates' keys. Otherwise it
	// is about plaintext, versions and suites.
	Keys bool
	// Remedy says how a site comes to keep it.
	Remedy v1alpha1.Text
}

// named reports whether the cluster names each endpoint of the kind. Of the
// others it is only known where they may be.
func (k Kind) named() bool { return k != Etcd && k != ControllerManager && k != Scheduler }

// extends reports whether the kind is of programs that extend the API.
func (k Kind) extends() bool { return k == Webhook || k == APIService || k == ConversionWebhook }

// missing reports whether an endpoint may be there and was not looked at. One
// that the cluster does not name is not there when its own node's connection
// was refused; from elsewhere it may only be bound to the loopback address.
func (p placed) missing() bool {
	return p.Reach != tlsscan.Reached &&
		(p.kind.named() || p.Reach != tlsscan.ReachRefused || p.Via != ViaOwnNode && p.Via != ViaLoopback)
}

// text names the kind.
func (k Kind) text() v1alpha1.Text {
	switch k {
	case APIServer:
		return v1alpha1.T("API-Server", "API server")
	case Kubelet:
		return v1alpha1.T("Kubelet", "kubelet")
	case Etcd:
		return v1alpha1.T("etcd", "etcd")
	case ControllerManager:
		return v1alpha1.T("Controller Manager", "controller manager")
	case Scheduler:
		return v1alpha1.T("Scheduler", "scheduler")
	case Webhook:
		return v1alpha1.T("Webhook-Backend", "webhook backend")
	case APIService:
		return v1alpha1.T("APIService-Backend", "APIService backend")
	default:
		return v1alpha1.T("Backend eines Konversions-Webhooks", "conversion webhook backend")
	}
}

// placed is an endpoint with its kind.
type placed struct {
	kind  Kind
	group Group
	Target
}

func (p placed) text() v1alpha1.Text {
	k := p.kind.text()
	return v1alpha1.T(fmt.Sprintf("%s %d von %d", k.De, p.Index, p.group.Selected), fmt.Sprintf("%s %d of %d", k.En, p.Index, p.group.Selected))
}

func (r Rule) targets(o Observation) []placed {
	var out []placed
	for _, k := range r.Kinds {
		g := o.Of(k)
		for _, t := range g.Targets {
			out = append(out, placed{k, g, t})
		}
	}
	return out
}

func reached(all []placed) []placed {
	return slices.DeleteFunc(slices.Clone(all), func(p placed) bool { return p.Reach != tlsscan.Reached })
}

// Judge passes only when at least one endpoint was reached, and each that the
// cluster names; when every one that was reached took a modern offer before and
// after (positive control); and when each answered every question. What an
// endpoint offers that it must not is a deviation, whatever is known of the rest.
func (r Rule) Judge(o Observation) check.Verdict {
	all := r.targets(o)
	there := reached(all)
	v := check.Verdict{Outcome: v1alpha1.Inconclusive, Controls: r.controls(o, all), Figures: r.figures(there), Attempts: attempts(there)}
	if v.Findings = r.findings(o, there); len(v.Findings) > 0 {
		v.Outcome = v1alpha1.Fail
		return v
	}
	if v.Reason = r.missing(o, all); !v.Reason.IsZero() {
		if r.absent(o) {
			v.Outcome = v1alpha1.NotApplicable
		}
		return v
	}
	for _, p := range there {
		if why := r.undecided(o, p.Result); !why.IsZero() {
			at := p.text()
			v.Reason = v1alpha1.T(at.De+": "+why.De, at.En+": "+why.En)
			return v
		}
	}
	v.Outcome, v.Reason = v1alpha1.Pass, r.passed(o, there)
	return v
}

// absent reports whether there is nothing that the rule could be about.
func (r Rule) absent(o Observation) bool {
	return o.Complete() && !slices.ContainsFunc(r.Kinds, func(k Kind) bool {
		g := o.Of(k)
		// Nodes and API servers are always somewhere.
		return !k.extends() || g.Listing != Listed || g.Found > 0
	})
}

// missing says what was not looked at and is needed.
func (r Rule) missing(o Observation, all []placed) v1alpha1.Text {
	if !o.Complete() {
		return v1alpha1.T("Die Beobachtung ist unvollständig.", "The observation is incomplete.")
	}
	found, notTried := 0, 0
	for _, k := range r.Kinds {
		g := o.Of(k)
		if g.Listing != Listed {
			what := k.text()
			if k == ConversionWebhook {
				return v1alpha1.T(
					fmt.Sprintf("Nach Konversions-Webhooks von CustomResourceDefinitions wurde nicht gesehen: Die Liste war nicht zu lesen (%s). Das Recht dazu nach rbac.yaml erteilen und den Lauf wiederholen.", g.Listing),
					fmt.Sprintf("Conversion webhooks of CustomResourceDefinitions were not looked at: the list could not be read (%s). Grant the right as in rbac.yaml and repeat the run.", g.Listing))
			}
			return v1alpha1.T(
				fmt.Sprintf("Welche Endpunkte es gibt (%s), war nicht zu lesen (%s). Das Recht dazu nach rbac.yaml erteilen und den Lauf wiederholen.", what.De, g.Listing),
				fmt.Sprintf("Which endpoints there are (%s) could not be read (%s). Grant the right as in rbac.yaml and repeat the run.", what.En, g.Listing))
		}
		found += g.Found
		notTried += g.NotTried
	}
	switch {
	case found == 0 && r.absent(o):
		return v1alpha1.T(
			"Auf dem Cluster sind weder Webhooks, auch für Konversion, noch APIServices mit einem eigenen Backend eingerichtet.",
			"The cluster has neither webhooks, for conversion included, nor APIServices with a backend of their own.")
	case found == 0:
		return v1alpha1.T(
			"Der Cluster zeigt keinen solchen Endpunkt, etwa weil die Control Plane nicht auf seinen Nodes läuft. Dann bleibt die Aussage dem Betreiber der Control Plane.",
			"The cluster shows no such endpoint, for instance because its control plane does not run on its nodes. Then whoever operates the control plane has to answer.")
	case notTried > 0:
		return v1alpha1.T(
			fmt.Sprintf("Für %d Endpunkte reichte die Zeit nicht. Den Lauf wiederholen.", notTried),
			fmt.Sprintf("Time did not suffice for %d endpoints. Repeat the run.", notTried))
	}
	for _, k := range r.Kinds {
		g := o.Of(k)
		if !k.named() && g.Found == 0 || !k.named() && !slices.ContainsFunc(g.Targets, func(t Target) bool { return t.Reach != tlsscan.ReachRefused || t.Via == ViaNode }) {
			what := k.text()
			return v1alpha1.T(
				what.De+": Auf den Nodes, die der Cluster als solche der Control Plane zeigt, lauscht an den üblichen Ports niemand. Dann bleibt die Aussage dem Betreiber der Control Plane.",
				what.En+": on the nodes that the cluster shows as those of the control plane nobody listens at the usual ports. Then whoever operates the control plane has to answer.")
		}
		if k.extends() && g.Selected < g.Found {
			what := k.text()
			return v1alpha1.T(
				fmt.Sprintf("%s: Von %d Endpunkten, jeder ein anderes Programm, sah der Lauf nur %d.", what.De, g.Found, g.Selected),
				fmt.Sprintf("%s: of %d endpoints, each another program, the run saw only %d.", what.En, g.Found, g.Selected))
		}
	}
	for _, p := range all {
		if p.missing() {
			at, why := p.text(), unreachedBecause(p)
			t := v1alpha1.T(at.De+" war nicht zu erreichen: "+why.De, at.En+" could not be reached: "+why.En)
			if p.Via == ViaNode && o.OwnNodes.Trouble != cluster.NoTrouble {
				way, _ := check.CauseText(o.OwnNodes.Trouble.Cause())
				t.De += strings.TrimSuffix(fmt.Sprintf(" Vom Node selbst aus war nicht nachzusehen (%s). %s", o.OwnNodes.Trouble, way.De), " ")
				t.En += strings.TrimSuffix(fmt.Sprintf(" It was not possible to look from the node itself (%s). %s", o.OwnNodes.Trouble, way.En), " ")
			}
			return t
		}
	}
	return v1alpha1.Text{}
}

// unreachedBecause says why, and what to do.
func unreachedBecause(p placed) v1alpha1.Text {
	switch {
	case p.Reach == tlsscan.ReachNoName && p.Via == ViaService:
		return v1alpha1.T(
			"Der Name des Service hat keine Adresse. Den Lauf innerhalb des Clusters (Sonobuoy) wiederholen; dort: gibt es den Service noch?",
			"The Service's name has no address. Repeat the run inside the cluster (Sonobuoy); there: does the Service still exist?")
	case p.Reach == tlsscan.ReachNoName:
		return v1alpha1.T("Er hat keine Adresse, die von hier aus gilt.", "It has no address that holds from here.")
	case p.Reach == tlsscan.ReachRefused:
		return v1alpha1.T("Die Verbindung wurde abgewiesen; es lauscht dort niemand.", "The connection was refused; nobody listens there.")
	case p.Reach == tlsscan.ReachTimedOut:
		return v1alpha1.T(
			"Es kam keine Antwort. Läuft er, und lassen Paketfilter und NetworkPolicies Verbindungen aus dem Namensraum des Laufs zu?",
			"No answer came. Does it run, and do packet filters and NetworkPolicies let connections from the run's namespace pass?")
	default:
		return v1alpha1.T("Es führt kein Weg dorthin.", "There is no way there.")
	}
}

// notThere counts the endpoints that are not there by kind.
func notThere(all []placed) v1alpha1.Text {
	counts := map[Kind]int{}
	var order []Kind
	for _, p := range all {
		if p.Reach == tlsscan.Reached {
			continue
		}
		if counts[p.kind] == 0 {
			order = append(order, p.kind)
		}
		counts[p.kind]++
	}
	var de, en []string
	for _, k := range order {
		what := k.text()
		de, en = append(de, fmt.Sprintf("%s: %d", what.De, counts[k])), append(en, fmt.Sprintf("%s: %d", what.En, counts[k]))
	}
	return v1alpha1.T(strings.Join(de, "; "), strings.Join(en, "; "))
}

// asked are the questions of a scan with their names.
func asked(r tlsscan.Result) []struct {
	name   v1alpha1.Text
	answer tlsscan.Answer
} {
	same := func(s string) v1alpha1.Text { return v1alpha1.T(s, s) }
	return []struct {
		name   v1alpha1.Text
		answer tlsscan.Answer
	}{
		{same("SSL 3.0"), r.Versions.SSL30}, {same("TLS 1.0"), r.Versions.TLS10}, {same("TLS 1.1"), r.Versions.TLS11},
		{v1alpha1.T("Suites ohne Verschlüsselung (NULL)", "suites without encryption (NULL)"), r.Classes.Null},
		{v1alpha1.T("anonyme Suites", "anonymous suites"), r.Classes.Anonymous},
		{v1alpha1.T("EXPORT-Suites", "EXPORT suites"), r.Classes.Export},
		{v1alpha1.T("Suites mit RC4", "suites with RC4"), r.Classes.RC4},
		{v1alpha1.T("Suites mit DES oder 3DES", "suites with DES or 3DES"), r.Classes.DES},
		{v1alpha1.T("HTTP ohne TLS", "HTTP without TLS"), r.Plaintext},
	}
}

// deviation is what one endpoint does wrong, without its name.
type deviation struct {
	required, observed v1alpha1.Text
}

func (r Rule) deviations(o Observation, s tlsscan.Result) []deviation {
	if r.Keys {
		return keyDeviations(s.Certificate)
	}
	var out []deviation
	if outside := outsideTR02102(s); o.OnlyTR02102 && len(outside) > 0 {
		names := strings.Join(outside, ", ")
		out = append(out, deviation{
			v1alpha1.T(
				"Der Endpunkt bietet nur Suites an, die BSI TR-02102-2 (Version 2023-01, Tabellen 1 und 11) nennt, wie es der Standort für sich erklärt hat.",
				"The endpoint offers only suites that BSI TR-02102-2 (version 2023-01, tables 1 and 11) lists, as the site has declared for itself."),
			v1alpha1.T("Angeboten werden außerdem "+names+".", "On offer are besides "+names+"."),
		})
	}
	var de, en []string
	for _, a := range asked(s) {
		if a.answer.Verdict == tlsscan.Offered {
			de = append(de, fmt.Sprintf("%s (%s)", a.name.De, a.answer.How))
			en = append(en, fmt.Sprintf("%s (%s)", a.name.En, a.answer.How))
		}
	}
	if len(de) > 0 {
		out = append(out, deviation{
			v1alpha1.T(
				"Der Endpunkt bietet nur TLS 1.2 und 1.3 an, keine Suites mit NULL, RC4, DES oder 3DES, keine anonymen, keine für EXPORT, und kein HTTP ohne TLS.",
				"The endpoint offers only TLS 1.2 and 1.3, no suites with NULL, RC4, DES or 3DES, no anonymous ones, none for EXPORT, and no HTTP without TLS."),
			v1alpha1.T("Angeboten werden "+strings.Join(de, ", ")+".", "On offer are "+strings.Join(en, ", ")+"."),
		})
	}
	return out
}

// outsideTR02102 are the accepted suites that BSI TR-02102-2 does not list.
func outsideTR02102(s tlsscan.Result) []string {
	return slices.DeleteFunc(slices.Clone(s.Suites.Names), tlsscan.Recommended)
}

// shortKey gives the length that a key of the kind has to have.
func shortKey(c tlsscan.Certificate) (least int, short bool) {
	switch c.Key {
	case tlsscan.KeyRSA:
		return shortestRSA, c.Bits < shortestRSA
	case tlsscan.KeyECDSA, tlsscan.KeyEd25519:
		return shortestCurve, c.Bits < shortestCurve
	default:
		return 0, false
	}
}

func keyDeviations(c tlsscan.Certificate) []deviation {
	least, short := shortKey(c)
	if !c.Presented || !short {
		return nil
	}
	name := map[tlsscan.Key]string{tlsscan.KeyRSA: "RSA", tlsscan.KeyECDSA: "ECDSA", tlsscan.KeyEd25519: "Ed25519"}[c.Key]
	return []deviation{{
		v1alpha1.T(
			fmt.Sprintf("Der Schlüssel des Zertifikats hat bei %s mindestens %d Bit, wie es BSI TR-02102-1 (Version 2026-01) empfiehlt.", name, least),
			fmt.Sprintf("The key of the certificate has, for %s, at least %d bits, as BSI TR-02102-1 (version 2026-01) recommends.", name, least)),
		v1alpha1.T(
			fmt.Sprintf("Der Schlüssel hat %d Bit (%s).", c.Bits, name),
			fmt.Sprintf("The key has %d bits (%s).", c.Bits, name)),
	}}
}

// findings joins endpoints of a kind that deviate in the same way.
func (r Rule) findings(o Observation, there []placed) []v1alpha1.Finding {
	type key struct {
		kind Kind
		what string
	}
	var out []v1alpha1.Finding
	at := map[key]int{}
	indices := map[key][]string{}
	for _, p := range there {
		for _, d := range r.deviations(o, p.Result) {
			k := key{p.kind, d.observed.De}
			if _, known := at[k]; !known {
				at[k] = len(out)
				out = append(out, v1alpha1.Finding{Required: d.required, Observed: d.observed, Remedy: r.Remedy})
			}
			indices[k] = append(indices[k], fmt.Sprint(p.Index))
			what := p.kind.text()
			which := strings.Join(indices[k], ", ")
			out[at[k]].Object = v1alpha1.T(
				fmt.Sprintf("%s %s von %d", what.De, which, p.group.Selected), fmt.Sprintf("%s %s of %d", what.En, which, p.group.Selected))
		}
	}
	return out
}

// undecided says what keeps a reached endpoint from deciding.
func (r Rule) undecided(o Observation, s tlsscan.Result) v1alpha1.Text {
	for _, c := range []tlsscan.Answer{s.Before, s.After} {
		if c.Verdict != tlsscan.Offered {
			return v1alpha1.T(
				fmt.Sprintf("Er nahm auch ein Angebot mit TLS 1.2 und 1.3 nicht an (%s); dass er anderes ablehnte, sagt daher nichts.", wordOf(c)),
				fmt.Sprintf("It did not take an offer of TLS 1.2 and 1.3 either (%s); that it refused others says nothing therefore.", wordOf(c)))
		}
	}
	if r.Keys {
		if least, _ := shortKey(s.Certificate); !s.Certificate.Presented || least == 0 {
			return v1alpha1.T(
				fmt.Sprintf("Sein Zertifikat war nicht zu lesen oder hat einen Schlüssel, dessen Art dieses Werkzeug nicht kennt (%s).", s.Certificate.Key),
				fmt.Sprintf("Its certificate could not be read, or has a key of a kind that this tool does not know (%s).", s.Certificate.Key))
		}
		return v1alpha1.Text{}
	}
	if p := s.Plaintext; p.Verdict == tlsscan.Undecided && strings.HasPrefix(p.How, "status 50") {
		return v1alpha1.T(
			fmt.Sprintf("Auf HTTP ohne TLS antwortete jemand an seiner Stelle (%s), etwa der Proxy eines Service Mesh; ob er selbst es anbietet, blieb offen. Das Mesh von diesem Port ausnehmen oder dort TLS erzwingen (bei Istio mTLS STRICT) und den Lauf wiederholen, wenn der Server läuft.", p.How),
			fmt.Sprintf("HTTP without TLS was answered by somebody in its place (%s), such as the proxy of a service mesh; whether it offers that itself stayed open. Exempt this port from the mesh, or enforce TLS there (with Istio mTLS STRICT), and repeat the run when the server is up.", p.How))
	}
	for _, a := range asked(s) {
		if a.answer.Verdict != tlsscan.Refused {
			return v1alpha1.T(
				fmt.Sprintf("Ob er dies anbietet, blieb offen: %s (%s). Den Lauf in einer ruhigeren Zeit wiederholen.", a.name.De, wordOf(a.answer)),
				fmt.Sprintf("Whether it offers this stayed open: %s (%s). Repeat the run at a quieter time.", a.name.En, wordOf(a.answer)))
		}
	}
	if o.OnlyTR02102 && !s.Suites.Complete {
		return v1alpha1.T(
			"Welche Suites er anbietet, war nicht vollständig zu erfahren. Den Lauf in einer ruhigeren Zeit wiederholen.",
			"Which suites it offers could not be learnt completely. Repeat the run at a quieter time.")
	}
	return v1alpha1.Text{}
}

// wordOf is the answer in the words of the evidence.
func wordOf(a tlsscan.Answer) string {
	if a.How == "" {
		return string(a.Verdict)
	}
	return a.How
}

func (r Rule) passed(o Observation, there []placed) v1alpha1.Text {
	found := 0
	for _, k := range r.Kinds {
		found += o.Of(k).Found
	}
	var t v1alpha1.Text
	if r.Keys {
		t = v1alpha1.T(
			fmt.Sprintf("Keine Abweichung festgestellt: Die Schlüssel der Zertifikate von %d der %d Endpunkte sind so lang, wie BSI TR-02102-1 (Version 2026-01) es empfiehlt.", len(there), found),
			fmt.Sprintf("No deviation found: the keys of the certificates of %d of the %d endpoints are as long as BSI TR-02102-1 (version 2026-01) recommends.", len(there), found))
	} else {
		t = v1alpha1.T(
			fmt.Sprintf("Keine Abweichung festgestellt: %d von %d Endpunkten boten nur TLS 1.2 oder 1.3 an, keine Suites mit NULL, RC4, DES oder 3DES, keine anonymen, keine für EXPORT, und kein HTTP ohne TLS.", len(there), found),
			fmt.Sprintf("No deviation found: %d of %d endpoints offered only TLS 1.2 or 1.3, no suites with NULL, RC4, DES or 3DES, no anonymous ones, none for EXPORT, and no HTTP without TLS.", len(there), found))
	}
	if not := notThere(r.targets(o)); not.De != "" {
		t.De += " Dort lauscht nichts: " + not.De + "."
		t.En += " Nothing listens there: " + not.En + "."
	}
	return t
}

func (r Rule) controls(o Observation, all []placed) []v1alpha1.Control {
	there := reached(all)
	needed, had := 0, 0
	for _, k := range r.Kinds {
		if g := o.Of(k); k.named() {
			needed += g.Selected
		}
	}
	held, answered := 0, 0
	for _, p := range all {
		if p.Reach == tlsscan.Reached && p.kind.named() {
			had++
		}
	}
	for _, p := range there {
		if p.Before.Verdict == tlsscan.Offered && p.After.Verdict == tlsscan.Offered {
			held++
			if r.undecided(o, p.Result).IsZero() {
				answered++
			}
		}
	}
	control := func(de, en string, n, of int) v1alpha1.Control {
		return v1alpha1.Control{
			Name: v1alpha1.T(de, en), Held: len(there) > 0 && n == of,
			Detail: v1alpha1.T(fmt.Sprintf("%d von %d", n, of), fmt.Sprintf("%d of %d", n, of)),
		}
	}
	var out []v1alpha1.Control
	if needed > 0 {
		out = append(out, control("Jeder Endpunkt, den der Cluster nennt, wurde erreicht", "Every endpoint that the cluster names was reached", had, needed))
	}
	return append(out,
		control("Vor und nach allen Fragen nahm jeder erreichte Endpunkt TLS 1.2 oder 1.3 an", "Before and after all questions every endpoint reached took TLS 1.2 or 1.3", held, len(there)),
		control("Jeder erreichte Endpunkt beantwortete jede Frage", "Every endpoint reached answered every question", answered, len(there)))
}

func attempts(there []placed) int {
	n := 0
	for _, p := range there {
		for _, a := range asked(p.Result) {
			n = max(n, a.answer.Tries)
		}
	}
	return n
}

func (r Rule) figures(there []placed) []v1alpha1.Figure {
	if len(there) == 0 {
		return nil
	}
	figure := func(de, en, unit string, value float64) v1alpha1.Figure {
		return v1alpha1.Figure{Name: v1alpha1.T(de, en), Unit: unit, Value: value}
	}
	if !r.Keys {
		outside := map[string]bool{}
		for _, p := range there {
			for _, name := range outsideTR02102(p.Result) {
				outside[name] = true
			}
		}
		return []v1alpha1.Figure{
			figure("Erreichte Endpunkte", "Endpoints reached", "1", float64(len(there))),
			figure("Angenommene Suites, die BSI TR-02102-2 (Version 2023-01, Tabellen 1 und 11) nicht nennt",
				"Suites accepted that BSI TR-02102-2 (version 2023-01, tables 1 and 11) does not list", "1", float64(len(outside))),
		}
	}
	var seen []tlsscan.Certificate
	for _, p := range there {
		if p.Certificate.Presented {
			seen = append(seen, p.Certificate)
		}
	}
	if len(seen) == 0 {
		return nil
	}
	least, longest, expired, own := seen[0].DaysLeft, seen[0].ValidDays, 0, 0
	for _, c := range seen {
		least, longest = min(least, c.DaysLeft), max(longest, c.ValidDays)
		if c.Expired {
			expired++
		}
		if c.SelfSigned {
			own++
		}
	}
	return []v1alpha1.Figure{
		figure("Gesehene Zertifikate", "Certificates seen", "1", float64(len(seen))),
		figure("Kürzeste Restlaufzeit", "Shortest time left", "d", float64(least)),
		figure("Längste Laufzeit", "Longest lifetime", "d", float64(longest)),
		figure("Abgelaufene Zertifikate", "Expired certificates", "1", float64(expired)),
		figure("Selbst signierte Zertifikate", "Self-signed certificates", "1", float64(own)),
	}
}
