package v1alpha1

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

func sample[T any](t *testing.T, name string) T {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSamplesAreValid(t *testing.T) {
	for name, err := range map[string]error{
		"report":    sample[ConformanceReport](t, "report.json").Validate(),
		"evidence":  sample[Evidence](t, "evidence.json").Validate(),
		"catalogue": sample[Catalogue](t, "catalogue.json").Validate(),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	report, evidence := sample[ConformanceReport](t, "report.json"), sample[Evidence](t, "evidence.json")
	digests := map[string]string{}
	for _, o := range evidence.Observations {
		digests[o.Probe] = o.Digest()
	}
	for _, r := range report.Results {
		for _, o := range r.Observations {
			if digests[o.Probe] != o.SHA256 {
				t.Errorf("%s: digest of %s is %s, the evidence has %s", r.CheckID, o.Probe, o.SHA256, digests[o.Probe])
			}
		}
	}
}

func TestValidateNamesEveryMistake(t *testing.T) {
	report := sample[ConformanceReport](t, "report.json")
	report.Kind = "Report"
	report.Run.FinishedAt = report.Run.StartedAt.Add(-1)
	report.Results[0], report.Results[1] = report.Results[1], report.Results[0]
	report.Results[2].Findings = nil
	report.Results[3].Reason = Text{}
	report.Results[3].Observations[0].SHA256 = "sha256:x"
	report.Statements[1].ID = report.Statements[0].ID
	report.Requirements[0].Muss.Settled = 3
	report.Conclusion.Result = "perfect"
	all := AsFieldErrors(report.Validate())
	var paths []string
	for _, e := range all {
		paths = append(paths, e.Path)
	}
	want := []string{"kind", "run.finishedAt", "results[1].checkID", "results[2].findings", "results[3].reason",
		"results[3].observations[0].sha256", "statements[1].id", "requirements[0].muss", "conclusion.result"}
	if !reflect.DeepEqual(paths, want) {
		t.Errorf("got %q\nwant %q", paths, want)
	}
	catalogue := sample[Catalogue](t, "catalogue.json")
	catalogue.Checks[0].Covers[0] = "nowhere"
	catalogue.Requirements[4].Statements[0].Checks[0].Why = ""
	catalogue.Requirements[5].Statements[0].Checks[0].ID = "nobody"
	message := catalogue.Validate().Error()
	for _, w := range []string{"does not say that it covers", "no statement \"nowhere\"", "decides whole needs a sentence", "no check \"nobody\""} {
		if !strings.Contains(message, w) {
			t.Errorf("%q is not in %s", w, message)
		}
	}
}

// TestEveryFieldHasACamelCaseTag keeps names that could not be corrected
// later out of the published types.
func TestEveryFieldHasACamelCaseTag(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ.PkgPath() != reflect.TypeFor[Site]().PkgPath() || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.Anonymous && (name == "" || !unicode.IsLower(rune(name[0])) || strings.ContainsAny(name, "_-")) {
				t.Errorf("%s.%s has the tag %q", typ.Name(), f.Name, name)
			}
			walk(f.Type)
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[Site](), reflect.TypeFor[ConformanceReport](), reflect.TypeFor[Evidence](), reflect.TypeFor[Catalogue]()} {
		walk(typ)
	}
}

func TestComplete(t *testing.T) {
	if !(Run{}).Complete() || (Run{Interrupted: true}).Complete() || (Run{Filter: "x"}).Complete() {
		t.Error("a run is complete without an interruption and a filter, and only then")
	}
}
