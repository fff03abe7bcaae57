package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

const samples = "../v1alpha1/testdata/"

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSamplesAreCanonical proves that the samples of all packages are exactly
// what the writers write, twice.
func TestSamplesAreCanonical(t *testing.T) {
	for name, again := range map[string]func([]byte) ([]byte, error){
		"report.json": func(d []byte) ([]byte, error) {
			v, err := DecodeReport("report.json", d)
			return both(v, err, EncodeReport)
		},
		"evidence.json": func(d []byte) ([]byte, error) {
			v, err := DecodeEvidence("evidence.json", d)
			return both(v, err, EncodeEvidence)
		},
		"catalogue.json": func(d []byte) ([]byte, error) {
			v, err := DecodeCatalogue("catalogue.json", d)
			return both(v, err, EncodeCatalogue)
		},
	} {
		data := read(t, samples+name)
		for range 2 {
			got, err := again(data)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(samples+name, got, 0o600); err != nil {
					t.Fatal(err)
				}
				data = got
			}
			if !bytes.Equal(got, data) {
				t.Errorf("%s is not canonical; run with -update", name)
			}
		}
	}
}

func both[T any](v T, err error, encode func(T) ([]byte, error)) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return encode(v)
}

func TestReportRefusesWithPlace(t *testing.T) {
	sample := string(read(t, samples+"report.json"))
	for _, c := range []struct {
		name, old, new string
		want           string // in the error
	}{
		{"unknown field", `"contact"`, `"contcat"`, `report.json:13:5: site: unknown field "contcat"; did you mean "contact"?`},
		{"field in capitals", `"contact"`, `"Contact"`, `did you mean "contact"?`},
		{"doubled field", `"name": "Cluster Nord 1",`, `"name": "a", "name": "b",`, `field "name" is there twice, first in line 11`},
		{"doubled field, escaped", `"name": "Cluster Nord 1",`, `"name": "a", "n\u0061me": "b",`, `field "name" is there twice`},
		{"missing field", `"name": "Cluster Nord 1",`, ``, `site: field "name" is missing`},
		{"missing need", `"protectionNeed": "normal",`, ``, `site: field "protectionNeed" is missing; write one of normal, high, veryHigh`},
		{"unknown need", `"protectionNeed": "normal"`, `"protectionNeed": "low"`, `site.protectionNeed: unknown word "low"; write one of normal, high, veryHigh`},
		{"wrong version", `/v1alpha1"`, `/v1"`, `report.json:2:17: apiVersion: is "conformance.opencode.de/v1"`},
		{"wrong kind", `"ConformanceReport"`, `"Evidence"`, `report.json:3:11: kind: is "Evidence"; a document of kind "ConformanceReport" is wanted here`},
		{"unknown outcome", `"outcome": "pass"`, `"outcome": "passed"`, `results[0].outcome: unknown word "passed"; write one of fail, inconclusive, notRun, notApplicable, pass`},
		{"pass with findings", `"outcome": "fail"`, `"outcome": "pass"`, `results[2].findings: outcome "pass" can not have findings`},
		{"local time", `"2026-11-20T22:02:04Z"`, `"2026-11-20T23:02:04+01:00"`, `run.startedAt: "2026-11-20T23:02:04+01:00" is not a time such as 2026-01-31T12:00:00Z, in UTC`},
		{"text for a number", `"apiRequests": 1184`, `"apiRequests": "1184"`, `run.apiRequests: is text; a number is wanted`},
		{"fraction", `"apiRequests": 1184`, `"apiRequests": 1184.5`, `run.apiRequests: "1184.5" is not a whole number in range`},
		{"null list", `"policyEngines": []`, `"policyEngines": null`, `cluster.policyEngines: is null; a list is wanted`},
		{"digest", `"fileDigest"`, `"filedigest"`, `did you mean "fileDigest"?`},
		{"lone surrogate", `"Cluster Nord 1"`, `"Cluster \ud800"`, `a surrogate without its partner`},
		{"control character", `"Cluster Nord 1"`, "\"Cluster\u0001\"", `report.json:11:21: a control character in a string`},
		{"invalid UTF-8", `"Cluster Nord 1"`, "\"Cluster\xff\"", `report.json:11:21: is not valid UTF-8`},
		{"comma", `"kind": "ConformanceReport",`, `"kind": "ConformanceReport"`, `a comma or "}" is expected here`},
		{"not a literal", `"interrupted": false`, `"interrupted": nope`, `"nope" is no JSON value`},
		{"number as JSON forbids", `"apiRequests": 1184`, `"apiRequests": 01184`, `is no JSON value`},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(sample, c.old, c.new, 1)
			if changed == sample {
				t.Fatal("nothing changed")
			}
			_, err := DecodeReport("report.json", []byte(changed))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if lines := strings.Count(err.Error(), "\n"); lines > 1 {
				t.Errorf("one mistake, %d lines: %v", lines+1, err)
			}
		})
	}
	for name, c := range map[string]struct{ data, want string }{
		"trailing data":  {sample + "{}", "data after the end of the document"},
		"empty":          {"", "r:1:1: the document ends where a value is expected"},
		"a list":         {"[]", "is a list; an object is wanted"},
		"null":           {"null", "is null; an object is wanted"},
		"cut":            {sample[:len(sample)/2], ""},
		"deep":           {strings.Repeat("[", 100), "nests deeper than 64"},
		"too large":      {strings.Repeat(" ", v1alpha1.MaxReportBytes+1), "at most 524288 are allowed"},
		"byte order":     {"\ufeff{}", "r:1:1: begins with a byte order mark; save the file as UTF-8 without one"},
		"other document": {string(read(t, samples+"evidence.json")), `unknown field "runID"`},
	} {
		_, err := DecodeReport("r", []byte(c.data))
		var refused *Error
		if !errors.As(err, &refused) || len(refused.Mistakes) == 0 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestDepthIsBoundedInObservations(t *testing.T) {
	var e v1alpha1.Evidence
	if err := json.Unmarshal(read(t, samples+"evidence.json"), &e); err != nil {
		t.Fatal(err)
	}
	e.Observations[0].Data = json.RawMessage(strings.Repeat("[", 70) + strings.Repeat("]", 70))
	if _, err := EncodeEvidence(e); err == nil || !strings.Contains(err.Error(), "nests deeper") {
		t.Errorf("got %v", err)
	}
	e.Observations[0].Data = json.RawMessage(`"` + strings.Repeat("x", v1alpha1.MaxObservationBytes) + `"`)
	if _, err := EncodeEvidence(e); err == nil || !strings.Contains(err.Error(), "observations[0].data: has") {
		t.Errorf("got %v", err)
	}
	e.Observations[0].Data = json.RawMessage(`{`)
	if _, err := EncodeEvidence(e); err == nil {
		t.Error("an observation that is not JSON was written")
	}
}

// TestDigestsSurviveTheFile proves that an observation has the same digest
// before it is written and after it is read, whatever is in it.
func TestDigestsSurviveTheFile(t *testing.T) {
	data, err := json.Marshal(map[string]any{"a": "<b>&\u2028ä\x7f", "n": 1.50, "deep": []any{[]any{}, map[string]any{}}})
	if err != nil {
		t.Fatal(err)
	}
	e := v1alpha1.Evidence{TypeMeta: v1alpha1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.KindEvidence}, RunID: "r",
		Observations: []v1alpha1.Observation{{Probe: "p", SchemaVersion: 1, Data: data}, {Probe: "q", SchemaVersion: 1, Data: json.RawMessage(`{ "x":1e2,
		"y" : "\u003c" }`)}, {Probe: "r", Data: nil}}}
	file, err := EncodeEvidence(e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeEvidence("e", file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if got.Observations[i].Digest() != e.Observations[i].Digest() {
			t.Errorf("observation %d: %s became %s", i, e.Observations[i].Data, got.Observations[i].Data)
		}
	}
	if string(got.Observations[2].Data) != "null" {
		t.Errorf("no data was written as %s", got.Observations[2].Data)
	}
}

// TestEncodeNormalises proves that values that say the same get the same
// bytes, and that the caller's value is left alone.
func TestEncodeNormalises(t *testing.T) {
	r, err := DecodeReport("r", read(t, samples+"report.json"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := EncodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	other := r
	other.Cluster.PolicyEngines = nil
	other.Run.StartedAt = r.Run.StartedAt.In(time.FixedZone("x", 3600))
	other.Results = slices.Clone(r.Results)
	other.Results[0].Findings = []v1alpha1.Finding{}
	got, err := EncodeReport(other)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the same report got other bytes")
	}
	if other.Cluster.PolicyEngines != nil {
		t.Error("the caller's value was changed")
	}
	other.Results = append(slices.Clone(r.Results), r.Results[0])
	if _, err := EncodeReport(other); err == nil || !strings.Contains(err.Error(), "is there twice") {
		t.Errorf("a doubled result was written: %v", err)
	}
}

// TestKeptReports reads the reports that earlier versions of bvc wrote:
// whatever is added to the format, they stay readable, and what is written of
// them is what was read.
func TestKeptReports(t *testing.T) {
	folders, err := filepath.Glob(samples + "kept/*/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) < 2 {
		t.Errorf("%d kept reports, want one of each profile", len(folders))
	}
	for _, folder := range folders {
		b, err := ReadBundle(os.DirFS(folder))
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		report, err := EncodeReport(b.Report)
		if err != nil || !bytes.Equal(report, b.ReportBytes) {
			t.Errorf("%s: the report is written otherwise than it was: %v", folder, err)
		}
		evidence, err := EncodeEvidence(b.Evidence)
		if err != nil || !bytes.Equal(evidence, b.EvidenceBytes) {
			t.Errorf("%s: the evidence is written otherwise than it was: %v", folder, err)
		}
	}
}

// norm is a catalogue for site files: one question, one measured statement, one check.
func norm() v1alpha1.Catalogue {
	return v1alpha1.Catalogue{
		Requirements: []v1alpha1.Requirement{{ID: "APP.4.4.A1", Statements: []v1alpha1.Statement{
			{ID: "APP.4.4.A1-UA.1", Question: &v1alpha1.Text{De: "?", En: "?"}}, {ID: "APP.4.4.A1-UA.2"}}}},
		Checks: []v1alpha1.CheckInfo{{ID: "APP.4.4.A7/network-policy-enforced"}},
	}
}

func TestSite(t *testing.T) {
	site, err := DecodeSite("site.yaml", read(t, samples+"site.yaml"), norm())
	if err != nil {
		t.Fatal(err)
	}
	digest := "@sha256:6b51d431df5d7f141cbececcf79edf3dd861c3b4069f0b11661a3eefacbba918"
	want := v1alpha1.Site{
		TypeMeta: v1alpha1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.KindSite},
		Name:     "Cluster Nord 1", Organisation: "Rechenzentrum Beispielland", Contact: "Betrieb Plattform, plattform@rz.example.org",
		ProtectionNeed: v1alpha1.NeedNormal,
		Images: v1alpha1.SiteImages{Cold: "registry.example.org/bvc/cold" + digest,
			Signed:     "registry.example.org/verwaltung/bvc" + digest,
			Unsigned:   "registry.example.org/verwaltung/bvc@sha256:19581e27de7ced00ff1ce50b2047e7a567c76b1cbaebabe5ef03f7c3017bb5b7",
			WrongKey:   "registry.example.org/verwaltung/bvc@sha256:2c624232cdd221771294dfbb310aca000a0df6ac8b66b696d90ef06fdefb64a3",
			PullSecret: "registry"},
		Registries:        []string{"registry.example.org/verwaltung", "localhost:5000"},
		AllowedPorts:      []v1alpha1.AllowedPort{{Port: 6443, Protocol: v1alpha1.TCP, Reason: "Operatoren der Fachverfahren"}},
		ManagementTargets: []v1alpha1.ManagementTarget{{Address: "192.0.2.17", Port: 443}},
		EgressCanary:      &v1alpha1.EgressCanary{Address: "2001:db8::7", Port: 443},
		OnlyTR02102Suites: true,
		Hooks:             []v1alpha1.Hook{{Name: v1alpha1.HookFindLog, Image: "registry.example.org/hooks/find-log:1.2" + digest, Arguments: []string{"--since", "10m"}, TimeoutSeconds: 120}},
		Answers: []v1alpha1.Answer{{Statement: "APP.4.4.A1-UA.1", Says: v1alpha1.Met, Evidence: "Trennungskonzept 3.1, Abschnitt 4", Role: "Leitung Plattform",
			Date: "2026-10-01", Expires: "2027-09-30"}},
		Waivers: []v1alpha1.Waiver{{Check: "APP.4.4.A7/network-policy-enforced", Scope: "Worker 2", Reason: "Austausch des CNI bis Jahresende", Owner: "Betrieb Netz",
			Approver: "ISB", Expires: "2026-12-31"}},
	}
	if !reflect.DeepEqual(site, want) {
		t.Errorf("read %+v\nwant %+v", site, want)
	}
}

func TestSiteNamesEveryMistakeAtOnce(t *testing.T) {
	const header = "apiVersion: conformance.opencode.de/v1alpha1\nkind: Site\n"
	const body = header + "name: a\norganisation: b\nprotectionNeed: high\n"
	const answers = "answers:\n" +
		"- {statement: APP.4.4.A1-UA.11, says: met, evidence: x, role: y, date: 2026-10-01, expires: 2027-10-01}\n" +
		"- {statement: APP.4.4.A1-UA.2, says: notMet, text: '', evidence: x, role: y, date: 2026-10-01, expires: 2026-10-01}\n" +
		"- {statement: APP.4.4.A1-UA.2, says: met, evidence: somewhere in a cupboard, role: y, date: 2026-02-30}\n"
	image := func(digit string) string { return "registry.example.org:5000/bvc@sha256:" + strings.Repeat(digit, 64) }
	three := "images:\n  signed: " + strings.Replace(image("1"), "@", ":1.0@", 1) + "\n  unsigned: " + image("2") + "\n  wrongKey: " + image("3") + "\n"
	for _, c := range []struct {
		name, data string
		want       []string
	}{
		{"empty", "", []string{"s.yaml:1:1: the file is empty"}},
		{"comment only", "# hello\n", []string{"s.yaml:1:1: the file is empty"}},
		{"need missing", header + "name: a\norganisation: b\n", []string{`s.yaml:1:1: field "protectionNeed" is missing; write one of normal, high, veryHigh`}},
		{"all at once", header + "nmae: a\norganisation: 12\nprotectionNeed: hihg\nimages:\n  colt: x\n", []string{
			`s.yaml:1:1: field "name" is missing`,
			`s.yaml:3:1: unknown field "nmae"; did you mean "name"?`,
			`s.yaml:4:15: organisation: is a number; text is wanted`,
			`s.yaml:5:17: protectionNeed: unknown word "hihg"; write one of normal, high, veryHigh`,
			`s.yaml:7:3: images: unknown field "colt"; did you mean "cold"?`}},
		{"doubled", body + "name: c\n", []string{`s.yaml:6:1: field "name" is there twice, first in line 3`}},
		{"anchor", header + "name: &a x\norganisation: *a\nprotectionNeed: high\n", []string{"s.yaml:3:7: name: an anchor", "s.yaml:4:15: organisation: an alias"}},
		{"merge", header + "<<: {name: a}\norganisation: b\nprotectionNeed: high\n", []string{"s.yaml:3:1: a field name is expected here"}},
		{"tag", header + "name: !!str 12\norganisation: b\nprotectionNeed: high\n", []string{`s.yaml:3:7: name: a tag ("!!str")`}},
		{"two documents", body + "---\n" + body, []string{"s.yaml:6:1: a second document"}},
		{"list", "- a\n", []string{"s.yaml:1:1: is a list; an object is wanted"}},
		{"not YAML", "a: b: c\n", []string{"s.yaml:1:1: is not YAML: "}},
		{"tab", "a:\n\tb: c\n", []string{"s.yaml:2:1: is not YAML: "}},
		{"empty value", body + "contact:\n", []string{"s.yaml:6:9: contact: is null; text is wanted"}},
		{"unquoted yes", header + "name: true\norganisation: b\nprotectionNeed: high\n", []string{"s.yaml:3:7: name: is true or false; text is wanted"}},
		{"wrong kind", strings.Replace(body, "Site", "Cluster", 1), []string{`s.yaml:2:7: kind: is "Cluster"`}},
		{"long name", strings.Replace(body, "name: a", "name: "+strings.Repeat("a", 121), 1), []string{"name: has 121 characters, at most 120"}},
		{"line break", strings.Replace(body, "name: a", `name: "a\nb"`, 1), []string{"name: has line breaks, control characters"}},
		{"turned text", strings.Replace(body, "name: a", `name: "a\u202eb"`, 1), []string{"name: has line breaks, control characters or characters that turn"}},
		{"URL for an image", body + "images: {cold: 'https://registry.example.org/a'}\n", []string{"images.cold: \"https://registry.example.org/a\" is not an image reference"}},
		{"image by tag", body + "images: {cold: 'registry.example.org/a:1'}\n", []string{"images.cold: \"registry.example.org/a:1\" is not an image reference by digest"}},
		{"one image of three", body + "images:\n  signed: " + image("1") + "\n", []string{
			"s.yaml:7:3: images.unsigned: is missing; signed, unsigned and wrongKey are given together", "images.wrongKey: is missing"}},
		{"images in two repositories", body + "images:\n  signed: " + image("1") + "\n  unsigned: " + strings.Replace(image("2"), "/bvc@", "/cvb@", 1) + "\n  wrongKey: " + image("3") + "\n", []string{
			"s.yaml:8:13: images.unsigned: is in another repository than images.signed"}},
		{"a tag makes no other repository", body + three + "  plainHTTP: 7\n", []string{"s.yaml:10:14: images.plainHTTP: is a number; true or false is wanted"}},
		{"the same image", body + "images:\n  signed: " + image("1") + "\n  unsigned: " + image("1") + "\n  wrongKey: " + image("3") + "\n", []string{
			"s.yaml:8:13: images.unsigned: is the same image as another"}},
		{"what is for images without them", body + "images: {pullSecret: a, plainHTTP: true, registryCA: x}\n", []string{
			"s.yaml:6:22: images.pullSecret: is for the images signed, unsigned and wrongKey, which are missing", "s.yaml:6:36: images.plainHTTP: is for", "s.yaml:6:54: images.registryCA: is for"}},
		{"no Secret", body + three + "  pullSecret: a/b\n", []string{`s.yaml:10:15: images.pullSecret: "a/b" is no name of a Secret`}},
		{"no certificate", body + three + "  registryCA: /etc/ca.pem\n", []string{"s.yaml:10:15: images.registryCA: is not PEM"}},
		{"a key as a certificate", body + three + "  registryCA: |\n    -----BEGIN PRIVATE KEY-----\n    AAAA\n    -----END PRIVATE KEY-----\n", []string{`s.yaml:10:15: images.registryCA: holds a "PRIVATE KEY"; only certificates`}},
		{"a broken certificate", body + three + "  registryCA: |\n    -----BEGIN CERTIFICATE-----\n    AAAA\n    -----END CERTIFICATE-----\n", []string{"s.yaml:10:15: images.registryCA: holds a certificate that can not be read"}},
		{"a long certificate", body + three + "  registryCA: " + strings.Repeat("a", 33<<10) + "\n", []string{"images.registryCA: has 33792 bytes, at most 32768"}},
		{"registry with a scheme", body + "registries: [registry.example.org, 'https://registry.example.org']\n", []string{`s.yaml:6:36: registries[1]: "https://registry.example.org" is no registry`}},
		{"ports", body + "allowedPorts:\n- {port: 70000, protocol: tcp, reason: x}\n- {port: 53, protocol: UDP, reason: ''}\n- {port: 53, protocol: UDP, reason: x}\n", []string{
			"s.yaml:7:10: allowedPorts[0].port: is 70000; write a number from 1 to 65535",
			`s.yaml:7:27: allowedPorts[0].protocol: unknown word "tcp"; write one of TCP, UDP, SCTP`,
			"s.yaml:8:37: allowedPorts[1].reason: is missing or empty",
			`s.yaml:9:3: allowedPorts[2]: "53/UDP" is there twice`}},
		{"management targets", body + "managementTargets:\n- {address: bmc.example.org, port: 443}\n- {address: 127.0.0.1, port: 0}\n- {address: 192.0.2.7, port: 443}\n- {address: 192.0.2.7, port: 443}\n", []string{
			`s.yaml:7:13: managementTargets[0].address: "bmc.example.org" is no IP address; write it such as 192.0.2.7`,
			`s.yaml:8:13: managementTargets[1].address: "127.0.0.1" is not the address of another host`,
			"s.yaml:8:30: managementTargets[1].port: is 0; write a number from 1 to 65535",
			`s.yaml:10:3: managementTargets[3]: "192.0.2.7 port 443" is there twice`}},
		{"canary", body + "egressCanary: {address: 'fe80::1', port: 443}\n", []string{`s.yaml:6:25: egressCanary.address: "fe80::1" is not the address of another host`}},
		{"canary without an address", body + "egressCanary: {port: 70000}\n", []string{`egressCanary: field "address" is missing`, "egressCanary.port: is 70000"}},
		{"hook", body + "hooks:\n- {name: backups, image: a, timeoutSeconds: 0}\n", []string{
			`s.yaml:7:10: hooks[0].name: unknown word "backups"; write one of backup, restore, findLog, findAudit`,
			`s.yaml:7:26: hooks[0].image: "a" is not an image reference`,
			"s.yaml:7:45: hooks[0].timeoutSeconds: is 0"}},
		{"answers", body + answers, []string{
			`s.yaml:7:15: answers[0].statement: the catalogue has no statement "APP.4.4.A1-UA.11"; did you mean "APP.4.4.A1-UA.1"?; bvc catalogue lists them`,
			`s.yaml:8:15: answers[1].statement: APP.4.4.A1-UA.2 is measured; the catalogue has no question to answer`,
			"s.yaml:8:52: answers[1].text: is missing or empty",
			`s.yaml:8:105: answers[1].expires: is not after the date of the answer`,
			`s.yaml:9:3: answers[2]: field "expires" is missing`,
			`s.yaml:9:15: answers[2].statement: "APP.4.4.A1-UA.2" is there twice`,
			`s.yaml:9:15: answers[2].statement: APP.4.4.A1-UA.2 is measured`,
			`s.yaml:9:93: answers[2].date: "2026-02-30" is no day`}},
		{"waivers", body + "waivers:\n- {check: APP.4.4.A7/network-policy-enforce, scope: all, reason: x, owner: ISB, approver: isb, expires: 2027-01-01}\n- {check: nothing, scope: all, reason: x, owner: a, approver: b, expires: soon}\n", []string{
			`s.yaml:7:11: waivers[0].check: there is no check "APP.4.4.A7/network-policy-enforce"; did you mean "APP.4.4.A7/network-policy-enforced"?`,
			"s.yaml:7:91: waivers[0].approver: is the owner",
			`s.yaml:8:11: waivers[1].check: there is no check "nothing"; bvc catalogue`,
			`s.yaml:8:75: waivers[1].expires: "soon" is no day`}},
		{"too large", strings.Repeat("#", MaxSiteBytes+1), []string{"at most 196608 are allowed"}},
		{"invalid UTF-8", body + "contact: \xff\n", []string{"is not valid UTF-8"}},
		{"deep", body + "images: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), []string{"nests deeper than 64"}},
		{"number as a key", body + "1: 2\n", []string{`s.yaml:6:1: unknown field "1"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := DecodeSite("s.yaml", []byte(c.data), norm())
			var refused *Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			got := strings.Split(err.Error(), "\n")
			for i, want := range c.want {
				if i >= len(got) || !strings.Contains(got[i], want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("%d mistakes, want %d: %q", len(got), len(c.want), got)
			}
		})
	}
}

// TestEveryWordRoundTrips writes and reads a report with each word of each
// enumeration.
func TestEveryWordRoundTrips(t *testing.T) {
	r, err := DecodeReport("r", read(t, samples+"report.json"))
	if err != nil {
		t.Fatal(err)
	}
	trip := func() {
		t.Helper()
		data, err := EncodeReport(r)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := DecodeReport("r", data); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("read back another report: %v", err)
		}
	}
	findings := r.Results[2].Findings
	for _, o := range v1alpha1.Outcomes() {
		r.Results[2].Outcome, r.Results[2].Findings = o, nil
		if o == v1alpha1.Fail {
			r.Results[2].Findings = findings
		}
		trip()
	}
	for _, s := range v1alpha1.States() {
		r.Statements[0].State, r.Requirements[0].State = s, s
		trip()
	}
	for _, w := range []v1alpha1.ConclusionWord{v1alpha1.MussDeviations, v1alpha1.SollteDeviations, v1alpha1.ConclInconcl, v1alpha1.NoDeviation} {
		r.Conclusion.Result = w
		trip()
	}
	for _, n := range []v1alpha1.ProtectionNeed{v1alpha1.NeedNormal, v1alpha1.NeedHigh, v1alpha1.NeedVeryHigh} {
		r.Site.ProtectionNeed = n
		trip()
	}
}
