package sonobuoy

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	oldyaml "sigs.k8s.io/yaml"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// everywhere gives a report and a catalogue with the text in every field.
func everywhere(text, outcome string) (v1alpha1.ConformanceReport, v1alpha1.Catalogue) {
	both := v1alpha1.T(text, text)
	hostile := v1alpha1.Result{CheckID: text, Outcome: v1alpha1.Outcome(outcome), Reason: both}
	found := v1alpha1.Result{CheckID: "R/" + text, Outcome: v1alpha1.Outcome(outcome), Findings: []v1alpha1.Finding{{Required: both, Observed: both, Remedy: both}}}
	run := v1alpha1.Run{Filter: text}
	for range 12 {
		run.Leftovers = append(run.Leftovers, v1alpha1.Leftover{Resource: text, Count: 1, Reason: text})
	}
	return v1alpha1.ConformanceReport{Run: run, Results: []v1alpha1.Result{hostile, found}},
		v1alpha1.Catalogue{
			Requirements: []v1alpha1.Requirement{{ID: "R", Level: v1alpha1.Level(text)}},
			Checks:       []v1alpha1.CheckInfo{{ID: text}, {ID: "R/" + text}},
		}
}

// attacks are texts that mean something in YAML, that it can not hold, or that
// its older readers, Sonobuoy's among them, take for something else than text.
func attacks() []string {
	return []string{
		"", " ", " a ", "plain", "Prüfung „ä“ 😀",
		"a: b", "a:", "- a", "? a", "# a", "a # b", "[a", "{a", "]", "}", ",", "|", ">", "|-\n  a", "---", "...", "--- a", "%YAML 1.1", "@a", "`a",
		"&a b", "*a", "!!binary aGk=", "!!python/object:a", "!a", "<<", "=", "'", `"`, `'"\`, `\x1b`,
		"y", "no", "ON", "true", "~", "null", "Null", "0x10", "0o17", "017", "1_000", "0b1", "+1", "1e3", ".inf", "-.INF", ".nan", "1:30", "2026-01-01", "2026-01-01T00:00:00Z",
		"\x00", "\x01\x1f", "\x1b[31mred\x1b[0m", "\x7f", "\u009b31m", "a\nb\r\nc\td", "\n---\n", "\u0085\u2028\u2029", "\t",
		"\u202egpj.exe", "\u2066\u061c", "\ufeff", "\ufffe\uffff", "\U0001fffe", "\ufffd", "\ue000", "\u200b", "\U000e0001",
		"\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82",
		"pass", "fail", "notApplicable", "a/b/c", "/", strings.Repeat("x", 1<<12), strings.Repeat("a b ", 300), strings.Repeat("ä", 600),
	}
}

// FuzzWrite proves of any text in any field that what is written is read back
// as it was meant, by our reader of YAML and by one of the kind that Sonobuoy
// has, that it has Sonobuoy's four words only, and that it is bounded.
func FuzzWrite(f *testing.F) {
	for _, text := range attacks() {
		f.Add(text, text)
	}
	f.Add("x", "notRun")
	f.Fuzz(func(t *testing.T, text, outcome string) {
		report, cat := everywhere(text, outcome)
		want := Results(report, cat)
		var b, again bytes.Buffer
		if err := errors.Join(Write(&b, report, cat), Write(&again, report, cat)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Error("written twice, other bytes")
		}
		if got := read(t, b.Bytes()); !reflect.DeepEqual(got, want) {
			t.Errorf("read back %+v\nwant %+v", got, want)
		}
		var old any
		if err := oldyaml.UnmarshalStrict(b.Bytes(), &old); err != nil {
			t.Fatalf("an older reader: %v\n%s", err, b.Bytes())
		}
		if plain := asAny(want); !reflect.DeepEqual(old, plain) {
			t.Errorf("an older reader has %+v\nwant %+v", old, plain)
		}
		// Four leaves and their parents, escaped at most tenfold.
		if b.Len() > 10*8*(2*maxName+2*maxDetail+200) {
			t.Errorf("%d bytes", b.Len())
		}
		if want.Status != Failed {
			t.Errorf("a filtered run with leftovers is %s", want.Status)
		}
		for _, l := range leaves(want) {
			switch l.Status {
			case Failed, Unknown:
			case Passed, Skipped:
				if o := v1alpha1.Outcome(outcome); o != v1alpha1.Pass && o != v1alpha1.NotApplicable {
					t.Errorf("outcome %q is %s", outcome, l.Status)
				}
			default:
				t.Errorf("%q is no word of Sonobuoy", l.Status)
			}
			shown(t, l.Name, maxName)
			for _, d := range l.Details {
				shown(t, d, maxDetail)
			}
		}
	})
}

func shown(t *testing.T, line string, most int) {
	t.Helper()
	if v1alpha1.Plain(line, most) != line || utf8.RuneCountInString(line) > most {
		t.Errorf("can not be shown: %q", line)
	}
}

// asAny gives an item as a reader without types has it.
func asAny(i Item) any {
	out := map[string]any{"name": i.Name, "status": string(i.Status)}
	for name, texts := range map[string]map[string]string{"meta": i.Meta, "details": i.Details} {
		if len(texts) == 0 {
			continue
		}
		all := map[string]any{}
		for k, v := range texts {
			all[k] = v
		}
		out[name] = all
	}
	if len(i.Items) > 0 {
		var all []any
		for _, c := range i.Items {
			all = append(all, asAny(c))
		}
		out["items"] = all
	}
	return out
}

// TestLeftoversAreNamed proves that a long reason leaves room for the next
// resource, and that many leftovers end visibly.
func TestLeftoversAreNamed(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	why := cleanup(v1alpha1.Run{Leftovers: []v1alpha1.Leftover{{Resource: "pods", Count: 1, Reason: long}, {Resource: "secrets", Count: 2, Reason: long}}}).Details["reason-en"]
	if !strings.Contains(why, "1 pods (xxx") || !strings.Contains(why, "2 secrets (xxx") {
		t.Errorf("long reasons: %s", why)
	}
	why = cleanup(v1alpha1.Run{Leftovers: make([]v1alpha1.Leftover, 11)}).Details["reason-en"]
	if strings.Count(why, "0 ") != 10 || !strings.HasSuffix(why, ", …") {
		t.Errorf("eleven leftovers: %s", why)
	}
}
