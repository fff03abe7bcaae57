package v1alpha1

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// FieldError is one mistake in a document.
type FieldError struct {
	// Path of the field in the document, such as results[3].outcome.
	Path string
	// Message says what is wrong and what would be right.
	Message string
}

// Error implements error.
func (e FieldError) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

// FieldErrors are all mistakes of a document. Validate never returns an empty
// one; it returns nil.
type FieldErrors []FieldError

// Error gives one mistake per line.
func (e FieldErrors) Error() string {
	lines := make([]string, 0, len(e))
	for _, f := range e {
		lines = append(lines, f.Error())
	}
	return strings.Join(lines, "\n")
}

// Validate reports whether the outcome is one of Outcomes().
func (o Outcome) Validate() error { return known(o, Outcomes()) }

// Validate reports whether the state is one of States().
func (s State) Validate() error { return known(s, States()) }

// Validate reports whether the conclusion is one of the four.
func (w ConclusionWord) Validate() error {
	return known(w, []ConclusionWord{MussDeviations, SollteDeviations, ConclInconcl, NoDeviation})
}

// Validate reports whether the level is one of the four.
func (l Level) Validate() error { return known(l, []Level{Basis, Standard, Hoch, SouvAP}) }

// Validate reports whether the verb is one of the seven.
func (v ModalVerb) Validate() error {
	return known(v, []ModalVerb{Muss, DarfNur, DarfNicht, Sollte, SollteNicht, SollteNur, Kann})
}

// Validate reports whether the need is one of the three; a missing need is a
// mistake because whether requirements of level hoch count depends on it.
func (n ProtectionNeed) Validate() error {
	return known(n, []ProtectionNeed{NeedNormal, NeedHigh, NeedVeryHigh})
}

// Validate reports whether the word is whole or part.
func (d Decides) Validate() error { return known(d, []Decides{Whole, Part}) }

func known[W ~string](word W, words []W) error {
	if slices.Contains(words, word) {
		return nil
	}
	list := make([]string, 0, len(words))
	for _, w := range words {
		list = append(list, string(w))
	}
	if word == "" {
		return fmt.Errorf("is missing; write one of %s", strings.Join(list, ", "))
	}
	return fmt.Errorf("unknown word %s; write one of %s", quoted(string(word)), strings.Join(list, ", "))
}

// quoted bounds what a message repeats of a document.
func quoted(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

var digestFormat = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// mistakes collects what a Validate finds.
type mistakes struct{ list FieldErrors }

func (m *mistakes) add(path, format string, args ...any) {
	m.list = append(m.list, FieldError{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (m *mistakes) word(path string, err error) {
	if err != nil {
		m.add(path, "%s", err.Error())
	}
}

func (m *mistakes) digest(path, digest string) {
	if !digestFormat.MatchString(digest) {
		m.add(path, "is not \"sha256:\" and 64 hex digits")
	}
}

func (m *mistakes) notNegative(path string, n int) {
	if n < 0 {
		m.add(path, "is negative")
	}
}

func (m *mistakes) meta(t TypeMeta, kind string) {
	if t.APIVersion != APIVersion {
		m.add("apiVersion", "is %s; this program reads %q", quoted(t.APIVersion), APIVersion)
	}
	if t.Kind != kind {
		m.add("kind", "is %s; a document of kind %q is wanted here", quoted(t.Kind), kind)
	}
}

func (m *mistakes) span(startPath string, start time.Time, finishPath string, finish time.Time) {
	if start.IsZero() {
		m.add(startPath, "is missing")
	}
	if finish.Before(start) {
		m.add(finishPath, "is before %s", startPath)
	}
}

func (m *mistakes) err() error {
	if len(m.list) == 0 {
		return nil
	}
	return m.list
}

// Validate reports whether the word is one of the four.
func (w AnswerWord) Validate() error {
	return known(w, []AnswerWord{Met, PartlyMet, NotMet, DeclaredNotApplicable})
}

// Validate reports whether the protocol is one of the three.
func (p Protocol) Validate() error { return known(p, []Protocol{TCP, UDP, SCTP}) }

// Validate reports whether the name is one that checks know.
func (h HookName) Validate() error {
	return known(h, []HookName{HookBackup, HookRestore, HookFindLog, HookFindAudit})
}

// Validate gives every mistake of the site file as FieldErrors, or nil.
// Whether its IDs are the catalogue's is for codec.DecodeSite to say.
func (s Site) Validate() error {
	var m mistakes
	m.meta(s.TypeMeta, KindSite)
	m.line("name", s.Name, 120, true)
	m.line("organisation", s.Organisation, 200, true)
	m.line("contact", s.Contact, 200, false)
	m.word("protectionNeed", s.ProtectionNeed.Validate())
	m.images(s.Images)
	for i, r := range s.Registries {
		if !registryFormat.MatchString(r) {
			m.add(fmt.Sprintf("registries[%d]", i), "%s is no registry; write its host, with port and path where it has them and without a scheme, such as registry.example.org/verwaltung", quoted(r))
		}
	}
	ports := map[string]bool{}
	for i, p := range s.AllowedPorts {
		path := fmt.Sprintf("allowedPorts[%d]", i)
		m.between(path+".port", p.Port, 1, 65535)
		m.word(path+".protocol", p.Protocol.Validate())
		m.line(path+".reason", p.Reason, 300, true)
		m.unique(ports, path, fmt.Sprintf("%d/%s", p.Port, p.Protocol))
	}
	if len(s.ManagementTargets) > maxManagementTargets {
		m.add("managementTargets", "has %d entries, at most %d are allowed", len(s.ManagementTargets), maxManagementTargets)
	}
	targets := map[string]bool{}
	for i, t := range s.ManagementTargets {
		path := fmt.Sprintf("managementTargets[%d]", i)
		m.word(path+".address", hostAddress(t.Address))
		m.between(path+".port", t.Port, 1, 65535)
		m.unique(targets, path, fmt.Sprintf("%s port %d", t.Address, t.Port))
	}
	if c := s.EgressCanary; c != nil {
		m.word("egressCanary.address", hostAddress(c.Address))
		m.between("egressCanary.port", c.Port, 1, 65535)
	}
	hooks := map[string]bool{}
	for i, h := range s.Hooks {
		path := fmt.Sprintf("hooks[%d]", i)
		m.word(path+".name", h.Name.Validate())
		m.unique(hooks, path+".name", string(h.Name))
		m.image(path+".image", h.Image)
		m.between(path+".timeoutSeconds", h.TimeoutSeconds, 1, 3600)
		for j, a := range h.Arguments {
			m.line(fmt.Sprintf("%s.arguments[%d]", path, j), a, 1000, true)
		}
	}
	m.declarations(s.Answers, s.Waivers)
	return m.err()
}

// maxManagementTargets bounds how many ports of the site's own a run knocks at.
const maxManagementTargets = 20

// hostAddress wants the address of one host that others can reach.
func hostAddress(text string) error {
	if text == "" {
		return fmt.Errorf("is missing; write an IP address such as 192.0.2.7")
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return fmt.Errorf("%s is no IP address; write it such as 192.0.2.7 or 2001:db8::7", quoted(text))
	}
	if a = a.Unmap(); a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return fmt.Errorf("%s is not the address of another host", quoted(text))
	}
	return nil
}

// maxRegistryCA bounds the certificates of a registry's authority, in bytes.
const maxRegistryCA = 32 << 10

func (m *mistakes) images(i SiteImages) {
	if i.Cold != "" {
		m.image("images.cold", i.Cold)
	}
	three := []struct{ path, reference string }{{"images.signed", i.Signed}, {"images.unsigned", i.Unsigned}, {"images.wrongKey", i.WrongKey}}
	given := false
	for _, one := range three {
		given = given || one.reference != ""
	}
	if !given {
		for _, one := range []struct {
			path  string
			there bool
		}{{"images.pullSecret", i.PullSecret != ""}, {"images.plainHTTP", i.PlainHTTP}, {"images.registryCA", i.RegistryCA != ""}} {
			if one.there {
				m.add(one.path, "is for the images signed, unsigned and wrongKey, which are missing; bvc mirror makes them")
			}
		}
		return
	}
	digests := map[string]bool{}
	for _, one := range three {
		if one.reference == "" {
			m.add(one.path, "is missing; signed, unsigned and wrongKey are given together, and bvc mirror makes them")
			continue
		}
		m.image(one.path, one.reference)
		_, digest, _ := strings.Cut(one.reference, "@")
		if digests[digest] {
			m.add(one.path, "is the same image as another of signed, unsigned and wrongKey; the signature belongs to the digest")
		}
		digests[digest] = true
		// Another repository could be out of the rule's scope, and then nothing would follow from it.
		if i.Signed != "" && repositoryOf(one.reference) != repositoryOf(i.Signed) {
			m.add(one.path, "is in another repository than images.signed; only the signature may differ")
		}
	}
	if i.PullSecret != "" && (len(i.PullSecret) > 253 || !objectNameFormat.MatchString(i.PullSecret)) {
		m.add("images.pullSecret", "%s is no name of a Secret", quoted(i.PullSecret))
	}
	if i.RegistryCA != "" {
		m.word("images.registryCA", certificates(i.RegistryCA))
		if i.PlainHTTP {
			m.add("images.registryCA", "and plainHTTP can not both be given")
		}
	}
}

// repositoryOf is a reference without tag and digest.
func repositoryOf(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	if i := strings.LastIndex(reference, ":"); i > strings.LastIndex(reference, "/") {
		reference = reference[:i]
	}
	return reference
}

// certificates wants nothing but certificates in PEM.
func certificates(text string) error {
	if len(text) > maxRegistryCA {
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(text), maxRegistryCA)
	}
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return fmt.Errorf("is not PEM that begins with -----BEGIN CERTIFICATE-----")
		}
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("holds a %s; only certificates belong here", quoted(block.Type))
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("holds a certificate that can not be read")
		}
		if len(bytes.TrimSpace(rest)) == 0 {
			return nil
		}
	}
}

// declarations looks at what a site file and a report hold alike.
func (m *mistakes) declarations(answers []Answer, waivers []Waiver) {
	answered := map[string]bool{}
	for i, a := range answers {
		path := fmt.Sprintf("answers[%d]", i)
		m.unique(answered, path+".statement", a.Statement)
		m.word(path+".says", a.Says.Validate())
		m.line(path+".text", a.Text, 500, a.Says != Met && a.Says.Validate() == nil)
		m.line(path+".evidence", a.Evidence, 300, true)
		m.line(path+".role", a.Role, 120, true)
		m.word(path+".date", a.Date.Validate())
		m.word(path+".expires", a.Expires.Validate())
		if a.Date.Validate() == nil && a.Expires.Validate() == nil && a.Expires <= a.Date {
			m.add(path+".expires", "is not after the date of the answer")
		}
	}
	for i, w := range waivers {
		path := fmt.Sprintf("waivers[%d]", i)
		if w.Check == "" {
			m.add(path+".check", "is missing")
		}
		m.line(path+".scope", w.Scope, 300, true)
		m.line(path+".reason", w.Reason, 500, true)
		m.line(path+".owner", w.Owner, 120, true)
		m.line(path+".approver", w.Approver, 120, true)
		m.word(path+".expires", w.Expires.Validate())
		if w.Owner != "" && strings.EqualFold(strings.TrimSpace(w.Owner), strings.TrimSpace(w.Approver)) {
			m.add(path+".approver", "is the owner; somebody else accepts a deviation")
		}
	}
}

var (
	imageFormat      = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)+(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?@sha256:[0-9a-f]{64}$`)
	objectNameFormat = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	registryFormat   = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)*$`)
)

func (m *mistakes) image(path, reference string) {
	if len(reference) > 500 || !imageFormat.MatchString(reference) {
		m.add(path, "%s is not an image reference by digest; write registry/repository@sha256:… without a scheme", quoted(reference))
	}
}

func (m *mistakes) between(path string, n, least, most int) {
	if n < least || n > most {
		m.add(path, "is %d; write a number from %d to %d", n, least, most)
	}
}

// line wants one bounded line of text without control characters: the report
// repeats it.
func (m *mistakes) line(path, s string, most int, required bool) {
	if strings.TrimSpace(s) == "" {
		if required {
			m.add(path, "is missing or empty")
		} else if s != "" {
			m.add(path, "holds only spaces; leave it out instead")
		}
		return
	}
	if n := utf8.RuneCountInString(s); n > most {
		m.add(path, "has %d characters, at most %d are allowed", n, most)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
		m.add(path, "has line breaks, control characters or characters that turn the direction of text")
	}
}

// Validate gives every mistake of the report as FieldErrors, or nil. It looks
// at the report alone: whether it belongs to a catalogue or to an evidence is
// for rollup and rejudge to say.
func (r ConformanceReport) Validate() error {
	var m mistakes
	m.meta(r.TypeMeta, KindConformanceReport)
	m.word("site.protectionNeed", r.Site.ProtectionNeed.Validate())
	m.digest("suite.catalogueDigest", r.Suite.CatalogueDigest)
	if r.Run.ID == "" {
		m.add("run.id", "is missing")
	}
	m.span("run.startedAt", r.Run.StartedAt, "run.finishedAt", r.Run.FinishedAt)
	for i, n := range r.Cluster.Nodes {
		m.notNegative(fmt.Sprintf("cluster.nodes[%d].count", i), n.Count)
	}
	m.results(r.Results)
	seen := map[string]bool{}
	for i, s := range r.Statements {
		path := fmt.Sprintf("statements[%d]", i)
		m.unique(seen, path+".id", s.ID)
		m.word(path+".state", s.State.Validate())
	}
	seen = map[string]bool{}
	for i, q := range r.Requirements {
		path := fmt.Sprintf("requirements[%d]", i)
		m.unique(seen, path+".id", q.ID)
		m.word(path+".state", q.State.Validate())
		m.tally(path+".muss", q.Muss)
		m.tally(path+".sollte", q.Sollte)
	}
	m.word("conclusion.result", r.Conclusion.Result.Validate())
	m.declarations(r.Answers, r.Waivers)
	return m.err()
}

func (m *mistakes) unique(seen map[string]bool, path, id string) {
	switch {
	case id == "":
		m.add(path, "is missing")
	case seen[id]:
		m.add(path, "%s is there twice", quoted(id))
	}
	seen[id] = true
}

func (m *mistakes) tally(path string, t Tally) {
	if t.Settled < 0 || t.Failed < 0 || t.Settled+t.Failed > t.Total {
		m.add(path, "settled %d and failed %d do not fit into total %d", t.Settled, t.Failed, t.Total)
	}
}

func (m *mistakes) results(results []Result) {
	seen := map[string]bool{}
	for i, r := range results {
		path := fmt.Sprintf("results[%d]", i)
		m.unique(seen, path+".checkID", r.CheckID)
		if i > 0 && r.CheckID < results[i-1].CheckID {
			m.add(path+".checkID", "results are not sorted by check ID")
		}
		m.word(path+".outcome", r.Outcome.Validate())
		switch {
		case r.Outcome == Fail && len(r.Findings) == 0:
			m.add(path+".findings", "outcome fail needs at least one finding")
		case r.Outcome != Fail && len(r.Findings) > 0:
			m.add(path+".findings", "outcome %s can not have findings", quoted(string(r.Outcome)))
		}
		if r.Reason.IsZero() && (r.Outcome == Inconclusive || r.Outcome == NotApplicable || r.Outcome == NotRun) {
			m.add(path+".reason", "outcome %s needs a reason", r.Outcome)
		}
		m.notNegative(path+".attempts", r.Attempts)
		for j, o := range r.Observations {
			m.digest(fmt.Sprintf("%s.observations[%d].sha256", path, j), o.SHA256)
		}
	}
}

// Validate gives every mistake of the evidence as FieldErrors, or nil.
func (e Evidence) Validate() error {
	var m mistakes
	m.meta(e.TypeMeta, KindEvidence)
	if e.RunID == "" {
		m.add("runID", "is missing")
	}
	seen := map[string]bool{}
	for i, o := range e.Observations {
		path := fmt.Sprintf("observations[%d]", i)
		m.unique(seen, path+".probe", o.Probe)
		if i > 0 && o.Probe < e.Observations[i-1].Probe {
			m.add(path+".probe", "observations are not sorted by probe")
		}
		m.notNegative(path+".schemaVersion", o.SchemaVersion)
		if len(o.Data) > MaxObservationBytes {
			m.add(path+".data", "has %d bytes, at most %d are allowed", len(o.Data), MaxObservationBytes)
		}
		if o.Problem != nil && o.Problem.Kind == "" {
			m.add(path+".problem.kind", "is missing")
		}
	}
	return m.err()
}

// Validate gives every mistake of the catalogue as FieldErrors, or nil:
// unknown words, doubled IDs, and claims of coverage on which the check's and
// the statement's side disagree.
func (c Catalogue) Validate() error {
	var m mistakes
	covers := map[string]map[string]bool{}
	checks := map[string]bool{}
	for i, k := range c.Checks {
		path := fmt.Sprintf("checks[%d]", i)
		m.unique(checks, path+".id", k.ID)
		covers[k.ID] = map[string]bool{}
		for _, id := range k.Covers {
			covers[k.ID][id] = true
		}
	}
	requirements, statements := map[string]bool{}, map[string]bool{}
	for i, q := range c.Requirements {
		path := fmt.Sprintf("requirements[%d]", i)
		m.unique(requirements, path+".id", q.ID)
		m.word(path+".level", q.Level.Validate())
		if len(q.Statements) == 0 {
			m.add(path+".statements", "is empty; a requirement has at least one statement")
		}
		for j, s := range q.Statements {
			at := fmt.Sprintf("%s.statements[%d]", path, j)
			m.unique(statements, at+".id", s.ID)
			m.word(at+".modalVerb", s.ModalVerb.Validate())
			for n, k := range s.Checks {
				m.coverage(fmt.Sprintf("%s.checks[%d]", at, n), s.ID, k, covers)
			}
		}
	}
	for i, k := range c.Checks {
		for j, id := range k.Covers {
			if !statements[id] {
				m.add(fmt.Sprintf("checks[%d].covers[%d]", i, j), "no statement %s", quoted(id))
			}
		}
	}
	return m.err()
}

func (m *mistakes) coverage(path, statement string, k Coverage, covers map[string]map[string]bool) {
	m.word(path+".decides", k.Decides.Validate())
	if k.Decides == Whole && k.Why == "" {
		m.add(path+".why", "decides whole needs a sentence that says why")
	}
	claims, registered := covers[k.ID]
	switch {
	case !registered:
		m.add(path+".id", "no check %s", quoted(k.ID))
	case !claims[statement]:
		m.add(path+".id", "check %s does not say that it covers %s", quoted(k.ID), quoted(statement))
	}
}

// AsFieldErrors gives the mistakes in an error of Validate, nil for others.
func AsFieldErrors(err error) FieldErrors {
	var all FieldErrors
	if errors.As(err, &all) {
		return all
	}
	return nil
}
