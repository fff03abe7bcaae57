package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1/schema"
)

var update = flag.Bool("update", false, "write the schemas anew")

const (
	sources = "../.."
	samples = "../../testdata/"
)

func TestSchemasAreCurrent(t *testing.T) {
	if *update {
		if err := write(sources, ".."); err != nil {
			t.Fatal(err)
		}
	}
	words, err := read(sources)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents() {
		want, err := words.schema(d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../" + d.name + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not current; run go run ./reports/v1alpha1/schema/gen", d.name)
		}
	}
}

// TestEnumsAreTheWordsThatValidateKnows keeps the constants and the lists of
// Validate together.
func TestEnumsAreTheWordsThatValidateKnows(t *testing.T) {
	words, err := read(sources)
	if err != nil {
		t.Fatal(err)
	}
	for name, valid := range map[string]func(string) error{
		"Outcome":        func(w string) error { return v1alpha1.Outcome(w).Validate() },
		"State":          func(w string) error { return v1alpha1.State(w).Validate() },
		"ConclusionWord": func(w string) error { return v1alpha1.ConclusionWord(w).Validate() },
		"Level":          func(w string) error { return v1alpha1.Level(w).Validate() },
		"ModalVerb":      func(w string) error { return v1alpha1.ModalVerb(w).Validate() },
		"ProtectionNeed": func(w string) error { return v1alpha1.ProtectionNeed(w).Validate() },
		"Decides":        func(w string) error { return v1alpha1.Decides(w).Validate() },
		"AnswerWord":     func(w string) error { return v1alpha1.AnswerWord(w).Validate() },
		"Protocol":       func(w string) error { return v1alpha1.Protocol(w).Validate() },
		"HookName":       func(w string) error { return v1alpha1.HookName(w).Validate() },
	} {
		for _, w := range words.enums[name] {
			if err := valid(w); err != nil {
				t.Errorf("%s: the constant %q is not known to Validate", name, w)
			}
		}
		message := valid("?").Error()
		if n := strings.Count(message[strings.Index(message, "one of"):], ",") + 1; n != len(words.enums[name]) {
			t.Errorf("%s: Validate knows %d words, there are %d constants", name, n, len(words.enums[name]))
		}
	}
	var typed []string
	for _, d := range documents() {
		typed = append(typed, wordTypes(d.of, map[reflect.Type]bool{})...)
	}
	for _, name := range typed {
		if name == "Date" { // a format, no words
			continue
		}
		if len(words.enums[name]) == 0 {
			t.Errorf("type %s has no constants", name)
		}
	}
}

// wordTypes lists the string types of the package that a type holds.
func wordTypes(t reflect.Type, seen map[reflect.Type]bool) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if seen[t] || t.PkgPath() != reflect.TypeFor[v1alpha1.Site]().PkgPath() {
		return nil
	}
	seen[t] = true
	if t.Kind() == reflect.String {
		return []string{t.Name()}
	}
	var all []string
	for i := range t.NumField() {
		all = append(all, wordTypes(t.Field(i).Type, seen)...)
	}
	return all
}

// TestSamplesAgainstSchemas validates the samples with a validator that is
// not ours, and shows that it can refuse.
func TestSamplesAgainstSchemas(t *testing.T) {
	for name, file := range map[string]string{
		schema.ConformanceReport: "report.json", schema.Evidence: "evidence.json", schema.Catalogue: "catalogue.json", schema.Site: "site.yaml",
	} {
		rules := compiled(t, name)
		sample, err := os.ReadFile(samples + file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".yaml") {
			var v any
			if err := yaml.Unmarshal(sample, &v); err != nil {
				t.Fatal(err)
			}
			if sample, err = json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
		if err := valid(t, rules, sample); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for what, change := range map[string][2]string{
			"unknown field":   {"{", `{"unknown": 1,`},
			"word of outcome": {`"outcome": "pass"`, `"outcome": "passed"`},
			"word of need":    {`"protectionNeed":"normal"`, `"protectionNeed":"low"`},
			"word of decides": {`"decides": "part"`, `"decides": "all"`},
			"local time":      {`Z"`, `+01:00"`},
			"word of date":    {`"2026-10-01"`, `"1.10.2026"`},
			"word of answer":  {`"met"`, `"yes"`},
			"kind":            {`"kind": "`, `"kind": "X`},
		} {
			changed := bytes.Replace(sample, []byte(change[0]), []byte(change[1]), 1)
			if !slices.Equal(changed, sample) && valid(t, rules, changed) == nil {
				t.Errorf("%s: %s is accepted", file, what)
			}
		}
	}
	if _, err := schema.Read("nothing"); err == nil {
		t.Error("a schema that is not there was read")
	}
}

// TestKeptReports validates the reports that earlier versions of bvc wrote.
func TestKeptReports(t *testing.T) {
	folders, err := filepath.Glob(samples + "kept/*/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) < 2 {
		t.Errorf("%d kept reports, want one of each profile", len(folders))
	}
	for _, folder := range folders {
		for name, file := range map[string]string{schema.ConformanceReport: v1alpha1.ReportFile, schema.Evidence: v1alpha1.EvidenceFile} {
			data, err := os.ReadFile(filepath.Join(folder, file))
			if err != nil {
				t.Fatal(err)
			}
			if err := valid(t, compiled(t, name), data); err != nil {
				t.Errorf("%s: %v", filepath.Join(folder, file), err)
			}
		}
	}
}

// compiled is a published schema, made ready by a validator that is not ours.
func compiled(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	data, err := schema.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, data []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v) //nolint:wrapcheck // only shown
}
