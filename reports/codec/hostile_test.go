package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// mark is a text in the least documents that an attack puts something else for.
const mark = `"MARK"`

// leastReport and leastEvidence are small documents of one run that are read,
// with the mark as the site's name and in the data of an observation.
func leastReport() string {
	return `{"apiVersion":"conformance.opencode.de/v1alpha1","kind":"ConformanceReport",` +
		`"suite":{"version":"","commit":"","catalogueDigest":"sha256:` + strings.Repeat("0", 64) + `","image":""},` +
		`"site":{"name":` + mark + `,"organisation":"","protectionNeed":"normal","fileDigest":""},` +
		`"cluster":{"distribution":"","kubernetesVersion":"","nodes":[],"cni":[],"policyEngines":[],"storage":[],"tenantIdentity":"","rights":[]},` +
		`"run":{"id":"r","startedAt":"2026-01-01T00:00:00Z","finishedAt":"2026-01-01T00:00:00Z","via":"","mode":"","filter":"","arguments":[],"interrupted":false,"apiRequests":0,"peakMemoryBytes":0},` +
		`"results":[{"checkID":"R/c","outcome":"pass","reason":{"de":"","en":""},"durationSeconds":1}],` +
		`"statements":[],"requirements":[],"conclusion":{"result":"noDeviation","because":[],"checks":` + zeroes(v1alpha1.OutcomeCounts{}) +
		`,"requirements":` + zeroes(v1alpha1.StateCounts{}) + `,"muss":` + zeroes(v1alpha1.StateCounts{}) + `,"sollte":` + zeroes(v1alpha1.StateCounts{}) + `}}`
}

func leastEvidence() string {
	return `{"apiVersion":"conformance.opencode.de/v1alpha1","kind":"Evidence","runID":"r","observations":[{"probe":"p","schemaVersion":1,` +
		`"startedAt":"2026-01-01T00:00:00Z","finishedAt":"2026-01-01T00:00:00Z","data":{"name":` + mark + `}}]}`
}

func leastCatalogue() string {
	return `{"requirements":[],"checks":[{"id":"R/c","area":"","requirement":"","title":{"de":` + mark + `,"en":""},"policies":[],"exclusive":false,"needs":[],"covers":[],"probes":[]}],"digest":""}`
}

func zeroes(counts any) string {
	data, err := json.Marshal(counts)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func TestLeastDocumentsAreRead(t *testing.T) {
	if _, err := DecodeReport("f", []byte(leastReport())); err != nil {
		t.Error(err)
	}
	if _, err := DecodeEvidence("f", []byte(leastEvidence())); err != nil {
		t.Error(err)
	}
	if _, err := DecodeCatalogue("f", []byte(leastCatalogue())); err != nil {
		t.Error(err)
	}
}

// attack is a change of a document that has to be refused.
type attack struct {
	name string
	// value stands for the mark; whole, where it is given, makes the document.
	value string
	whole func(document string) string
	want  string // in the error
	// onlyTyped says that it is good JSON and that the data of an observation
	// may hold it: nobody shows that but through its check.
	onlyTyped bool
}

func (a attack) on(document string) string {
	if a.whole != nil {
		return a.whole(document)
	}
	return strings.Replace(document, mark, a.value, 1)
}

// keys puts two fields where the field with the mark is.
func keys(first, second string) func(string) string {
	return func(document string) string {
		at := strings.Index(document, mark)
		from := strings.LastIndexAny(document[:at], "{,") + 1
		return document[:from] + first + `:"a",` + second + `:"b"` + document[at+len(mark):]
	}
}

func attacks() []attack {
	whole := func(before, after string) func(string) string {
		return func(document string) string { return before + document + after }
	}
	return []attack{
		// Text that is none.
		{name: "utf8_byte", value: "\"\xff\"", want: "is not valid UTF-8"},
		{name: "utf8_overlong", value: "\"\xc0\x80\"", want: "is not valid UTF-8"},
		{name: "utf8_surrogate", value: "\"\xed\xa0\x80\"", want: "is not valid UTF-8"},
		{name: "utf8_cut", value: "\"\xe2\x82\"", want: "is not valid UTF-8"},
		{name: "utf8_in_key", whole: keys(`"a"`, "\"b\xff\""), want: "is not valid UTF-8"},
		{name: "surrogate_alone", value: `"\ud800"`, want: "a surrogate without its partner"},
		{name: "surrogate_second_alone", value: `"\udc00x"`, want: "a surrogate without its partner"},
		{name: "surrogate_first_twice", value: `"\ud800\ud800"`, want: "a surrogate without its partner"},
		{name: "surrogates_reversed", value: `"\udc00\ud800"`, want: "a surrogate without its partner"},
		{name: "surrogate_and_letter", value: `"\ud800\u0061"`, want: "a surrogate without its partner"},
		{name: "surrogate_in_key", whole: keys(`"a"`, `"\ud800"`), want: "a surrogate without its partner"},
		{name: "control_raw", value: "\"a\x01\"", want: "a control character in a string"},
		{name: "control_raw_last", value: "\"a\x1f\"", want: "a control character in a string"},
		{name: "nul_raw", value: "\"a\x00\"", want: "a control character in a string"},
		{name: "line_break_raw", value: "\"a\n\"", want: "a control character in a string"},
		{name: "escape_unknown", value: `"\x41"`, want: "is not a JSON string"},
		{name: "escape_short", value: `"\u00"`, want: "four hex digits"},
		{name: "escape_no_hex", value: `"\u00g0"`, want: "four hex digits"},
		{name: "no_end", whole: func(d string) string { return d[:strings.Index(d, mark)+3] }, want: "the string has no end"},
		{name: "no_end_in_escape", whole: func(d string) string { return d[:strings.Index(d, mark)] + `"\` }, want: "the string has no end"},
		{name: "single_quotes", value: `'a'`, want: "a value is expected here"},

		// Keys that two readers take for one or for two.
		{name: "key_twice", whole: keys(`"name"`, `"name"`), want: `field "name" is there twice, first in line 1`},
		{name: "key_twice_escaped", whole: keys(`"name"`, `"n\u0061me"`), want: `field "name" is there twice, first in line 1`},
		{name: "key_twice_by_case", whole: keys(`"name"`, `"Name"`), want: `field "Name" is there twice but for case, first as "name" in line 1`},
		{name: "key_twice_by_kelvin", whole: keys(`"kind"`, "\"\u212aind\""), want: `is there twice but for case, first as "kind"`},
		{name: "key_twice_by_long_s", whole: keys(`"seconds"`, `"\u017feconds"`), want: `is there twice but for case, first as "seconds"`},
		{name: "key_empty_twice", whole: keys(`""`, `""`), want: `field "" is there twice`},
		{name: "key_no_text", whole: keys(`1`, `"a"`), want: "a field name in quotes is expected here"},

		// Numbers.
		{name: "number_leading_zero", value: `01`, want: `"01" is no JSON value`},
		{name: "number_plus", value: `+1`, want: `"+1" is no JSON value`},
		{name: "number_hex", value: `0x10`, want: `"0x10" is no JSON value`},
		{name: "number_dot", value: `.5`, want: `".5" is no JSON value`},
		{name: "number_open", value: `1.`, want: `"1." is no JSON value`},
		{name: "number_minus", value: `-`, want: `"-" is no JSON value`},
		{name: "number_nan", value: `NaN`, want: `"NaN" is no JSON value`},
		{name: "number_infinity", value: `-Infinity`, want: `"-Infinity" is no JSON value`},
		{name: "number_long", value: strings.Repeat("9", 1000) + "x", want: `999…" is no JSON value`},

		// The document around it.
		{name: "byte_order_mark", whole: whole("\ufeff", ""), want: "begins with a byte order mark"},
		{name: "utf16", whole: func(d string) string {
			var b strings.Builder
			for _, u := range utf16.Encode([]rune(d)) {
				b.WriteByte(byte(u))
				b.WriteByte(byte(u >> 8))
			}
			return b.String()
		}, want: "1:2: a field name in quotes is expected here"},
		{name: "trailing_document", whole: whole("", "{}"), want: "data after the end of the document"},
		{name: "trailing_nul", whole: whole("", "\x00"), want: "data after the end of the document"},
		{name: "trailing_comma", whole: func(d string) string { return strings.TrimSuffix(d, "}") + ",}" }, want: "a field name in quotes is expected here"},
		{name: "trailing_bracket", whole: whole("", "]"), want: "data after the end of the document"},
		{name: "comment", whole: whole("/* */", ""), want: "a value is expected here"},
		{name: "cut", whole: func(d string) string { return d[:len(d)-1] }, want: `a comma or "}" is expected here`},
		{name: "empty", whole: func(string) string { return "" }, want: "the document ends where a value is expected"},
		{name: "space", whole: func(string) string { return " \t\r\n" }, want: "the document ends where a value is expected"},
		{name: "null", whole: func(string) string { return "null" }, want: "is null; an object is wanted"},
		{name: "deep_lists", value: strings.Repeat("[", 5000), want: "nests deeper than 64"},
		{name: "deep_objects", value: strings.Repeat(`{"a":`, 5000), want: "nests deeper than 64"},

		// Text that a terminal or an eye takes for something else.
		{name: "text_escape", value: `"\u001b[31mred"`, want: "character 1 is U+001B", onlyTyped: true},
		{name: "text_c1", value: "\"a\u009b31m\"", want: "character 2 is U+009B", onlyTyped: true},
		{name: "text_delete", value: "\"a\x7f\"", want: "character 2 is U+007F", onlyTyped: true},
		{name: "text_nul", value: `"a\u0000"`, want: "character 2 is U+0000", onlyTyped: true},
		{name: "text_line_break", value: `"a\nb"`, want: "character 2 is U+000A", onlyTyped: true},
		{name: "text_line_separator", value: "\"a\u2028b\"", want: "character 2 is U+2028", onlyTyped: true},
		{name: "text_bidi", value: "\"a\u202egpj.exe\"", want: "character 2 is U+202E", onlyTyped: true},
		{name: "text_bidi_escaped", value: `"a\u2066b"`, want: "character 2 is U+2066", onlyTyped: true},
		{name: "text_byte_order_mark", value: `"a\ufeff"`, want: "character 2 is U+FEFF", onlyTyped: true},
		{name: "text_no_character", value: `"a\uffff"`, want: "character 2 is U+FFFF", onlyTyped: true},
		{name: "text_long", value: `"` + strings.Repeat("ä", maxText+1) + `"`, want: "has 4097 characters, at most 4096 are allowed", onlyTyped: true},
		{name: "other_kind", value: `{"a":[1e999,-0,1e-999]}`, want: "is an object; text is wanted", onlyTyped: true},
	}
}

// TestAttacksOnJSON proves that no document with an attack in it is read, in
// typed fields and in the data of an observation alike, and that the error
// names file and place.
func TestAttacksOnJSON(t *testing.T) {
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			for kind, refuse := range map[string]func() error{
				"report":    func() error { _, err := DecodeReport("f.json", []byte(a.on(leastReport()))); return err },
				"catalogue": func() error { _, err := DecodeCatalogue("f.json", []byte(a.on(leastCatalogue()))); return err },
				"evidence":  func() error { _, err := DecodeEvidence("f.json", []byte(a.on(leastEvidence()))); return err },
			} {
				err := refuse()
				if a.onlyTyped && kind == "evidence" {
					if err != nil {
						t.Errorf("evidence: %v; the data of an observation may hold it", err)
					}
					continue
				}
				if err == nil || !strings.HasPrefix(err.Error(), "f.json:1:") && a.name != "space" || !strings.Contains(err.Error(), a.want) {
					t.Errorf("%s: got %v, want %s", kind, err, a.want)
				}
			}
		})
	}
}

// TestPlaceOfAttack proves that lines and columns are those of the attack.
func TestPlaceOfAttack(t *testing.T) {
	for value, want := range map[string]string{
		"\"\xff\"":            "f:2:3: is not valid UTF-8",
		`"ä` + "\x01" + `"`:   "f:2:4: a control character",
		`"ä\ud800"`:           "f:2:4: a surrogate",
		`"a", "Name": "b"`:    `f:2:7: field "Name" is there twice`,
		`"a` + "\u202e" + `"`: "f:2:2: site.name: character 2 is U+202E",
	} {
		_, err := DecodeReport("f", []byte(strings.Replace(leastReport(), mark, "\n "+value, 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", value, err, want)
		}
	}
}

// TestEveryTextIsLookedAt puts a character that turns the direction of text in
// front of each text of the samples in turn.
func TestEveryTextIsLookedAt(t *testing.T) {
	withProblem := strings.Replace(leastEvidence(), `"data":{"name":`+mark+`}`, `"data":null,"problem":{"phase":"a","kind":"b","cause":"c","message":"d"}`, 1)
	for name, c := range map[string]struct {
		data   []byte
		refuse func(string, []byte) error
		least  int // texts
	}{
		"report":    {read(t, samples+"report.json"), reportError, 100},
		"catalogue": {read(t, samples+"catalogue.json"), catalogueError, 50},
		"evidence":  {[]byte(withProblem), evidenceError, 10},
	} {
		if err := c.refuse("f", c.data); err != nil {
			t.Fatal(err)
		}
		var document any
		if err := json.Unmarshal(c.data, &document); err != nil {
			t.Fatal(err)
		}
		texts := 0
		each(document, func(text string, set func(string)) {
			texts++
			set("\u202e" + text)
			changed, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.refuse("f", changed); err == nil {
				t.Errorf("%s: %q is taken", name, text)
			}
			set(text)
		})
		if texts < c.least {
			t.Errorf("%s: %d texts were looked at", name, texts)
		}
	}
}

// each hands over every text of a document and what changes it.
func each(document any, look func(text string, set func(string))) {
	one := func(value any, set func(any)) {
		if text, is := value.(string); is {
			look(text, func(s string) { set(s) })
			return
		}
		each(value, look)
	}
	switch x := document.(type) {
	case map[string]any:
		for key, value := range x {
			one(value, func(v any) { x[key] = v })
		}
	case []any:
		for i, value := range x {
			one(value, func(v any) { x[i] = v })
		}
	}
}

func TestNumbersInTypedFields(t *testing.T) {
	for value, want := range map[string]string{
		"1": "", "-0": "", "1e300": "", "1e-999": "", "0.25": "",
		"1e999": "durationSeconds: the number is out of range", "-1e999": "the number is out of range",
		`"NaN"`: "is text; a number is wanted", "null": "is null; a number is wanted",
		strings.Repeat("9", 5000): "the number is out of range",
	} {
		_, err := DecodeReport("f", []byte(strings.Replace(leastReport(), `"durationSeconds":1`, `"durationSeconds":`+value, 1)))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("durationSeconds %.20s: got %v, want %s", value, err, want)
		}
	}
	for value, want := range map[string]string{
		"9223372036854775807": "", "-0": "",
		"9223372036854775808": "is not a whole number in range", "1e3": "is not a whole number in range", "1.0": "is not a whole number in range",
		strings.Repeat("9", 5000): `999…" is not a whole number in range`,
	} {
		_, err := DecodeReport("f", []byte(strings.Replace(leastReport(), `"apiRequests":0`, `"apiRequests":`+value, 1)))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("apiRequests %.20s: got %v, want %s", value, err, want)
		}
	}
}

// TestTimesAreReadOneWay has times that one of Go's two parsers takes.
func TestTimesAreReadOneWay(t *testing.T) {
	for _, value := range []string{"2026-01-01T0:00:00Z", "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:60Z", "2026-02-30T00:00:00Z", "10000-01-01T00:00:00Z", "2026-01-01T00:00:00z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "02026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00"} {
		_, err := DecodeReport("f", []byte(strings.Replace(leastReport(), "2026-01-01T00:00:00Z", value, 1)))
		var refused *Error
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "run.startedAt: ") || !strings.Contains(err.Error(), "is not a time such as") {
			t.Errorf("%s: got %v", value, err)
		}
	}
}

func TestDepthAtItsBound(t *testing.T) {
	// The first list of the data lies three deep in the evidence.
	for depth, good := range map[int]bool{maxDepth - 2: true, maxDepth - 1: false} {
		data := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		_, err := DecodeEvidence("f", []byte(strings.Replace(leastEvidence(), `{"name":`+mark+`}`, data, 1)))
		if (err == nil) != good {
			t.Errorf("%d lists: %v", depth, err)
		}
	}
}

// flood is a document of at most so many bytes, which is one value again and again.
func flood(before, value, after string, most int) []byte {
	n := (most - len(before) - len(after)) / (len(value) + 1)
	return []byte(before + strings.Repeat(value+",", n-1) + value + after)
}

// TestFloodsEndSoon has documents that take long or much memory where the
// place of a value, a mistake or a suggestion costs as much as the document.
func TestFloodsEndSoon(t *testing.T) {
	observations := `{"apiVersion":"conformance.opencode.de/v1alpha1","kind":"Evidence","runID":"r","observations":[`
	var unknown, numbered strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&unknown, `%q:1,`, fmt.Sprintf("observation%d", i))
	}
	for i := range 2_000 {
		fmt.Fprintf(&numbered, `{"right":"\u0007%d","granted":true},`, i)
	}
	for name, c := range map[string]struct {
		decode func(string, []byte) error
		data   []byte
		want   string
	}{
		"lists in one line":      {evidenceError, flood("[", "[]", "]", v1alpha1.MaxEvidenceBytes), "holds more than 524288 values"},
		"numbers in one line":    {reportError, flood(`{"results":[`, "0", "]}", v1alpha1.MaxReportBytes), "and more than 950 more mistakes"},
		"empty observations":     {evidenceError, flood(observations, "{}", "]}", 3*(maxValues-10)), "and more than 950 more mistakes; the document was read no further"},
		"unknown fields":         {evidenceError, []byte("{" + unknown.String() + `"last":1}`), "and more than 950 more mistakes"},
		"one field name":         {evidenceError, []byte(`{"` + strings.Repeat("a", v1alpha1.MaxEvidenceBytes-10) + `":1}`), `unknown field "aaa`},
		"one text":               {reportError, []byte(strings.Replace(leastReport(), mark, `"`+strings.Repeat("a", 1<<18)+`"`, 1)), "site.name: has 262144 characters"},
		"escapes":                {reportError, []byte(strings.Replace(leastReport(), mark, `"`+strings.Repeat(`\u0061`, 1<<15)+`"`, 1)), "site.name: has 32768 characters"},
		"hostile text by number": {reportError, []byte(strings.Replace(leastReport(), `"rights":[]`, `"rights":[`+strings.TrimSuffix(numbered.String(), ",")+"]", 1)), "and more than 950 more mistakes"},
		"catalogue":              {catalogueError, flood(`{"requirements":[`, "{}", "]}", 3*(maxValues-10)), "and more than 950 more mistakes"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			err := c.decode("f", c.data)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%d bytes took %s", len(c.data), took)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %.300v, want %s", err, c.want)
			}
			boundedError(t, err, c.data)
		})
	}
}

func reportError(name string, data []byte) error   { _, err := DecodeReport(name, data); return err }
func evidenceError(name string, data []byte) error { _, err := DecodeEvidence(name, data); return err }
func catalogueError(name string, data []byte) error {
	_, err := DecodeCatalogue(name, data)
	return err
}

// boundedError proves of the refusal of a document that it says file and
// place, that the place is in the document, and that it can be shown.
func boundedError(t *testing.T, err error, data []byte) {
	t.Helper()
	var refused *Error
	if !errors.As(err, &refused) {
		t.Fatalf("error %T: %v", err, err)
	}
	if n := len(refused.Mistakes); n == 0 || n > 2*maxMistakes+1 {
		t.Errorf("%d mistakes", n)
	}
	// YAML knows more line breaks than JSON, and gives an empty document the line after its end.
	lines := 1
	for _, r := range string(data) {
		if strings.ContainsRune("\n\r\u0085\u2028\u2029", r) {
			lines++
		}
	}
	for _, m := range refused.Mistakes {
		if m.Line < 1 || m.Line > lines+1 || m.Column < 1 || m.Column > len(data)+1 {
			t.Errorf("line %d, column %d are not in the document: %s", m.Line, m.Column, m.Message)
		}
		if m.Message == "" {
			t.Error("a mistake without words")
		}
	}
	shown := strings.Split(err.Error(), "\n")
	if len(shown) != len(refused.Mistakes) {
		t.Errorf("%d lines for %d mistakes", len(shown), len(refused.Mistakes))
	}
	for _, line := range shown {
		if utf8.RuneCountInString(line) > 2*maxPlace+maxMessage+30 || v1alpha1.Plain(line, 2000) != line {
			t.Errorf("a line can not be shown: %q", line)
		}
	}
}

// TestErrorIsPlain has the parts of an error that come from outside.
func TestErrorIsPlain(t *testing.T) {
	bad := "\x1b[31m\n\u202e\xff" + strings.Repeat("x", 1<<20)
	err := &Error{File: bad, Mistakes: []Mistake{{Line: 1, Column: 2, Path: bad, Message: bad}, {Line: 3, Column: 4, Message: "m"}}}
	got := strings.Split(err.Error(), "\n")
	if len(got) != 2 || len(got[0]) > 4000 || v1alpha1.Plain(got[0], 4000) != got[0] || !strings.HasSuffix(got[1], ":3:4: m") {
		t.Errorf("got %.300q", got)
	}
}

// TestCursor holds the counting on against counting from the start.
func TestCursor(t *testing.T) {
	data := []byte("ab\n\näö€😀c\r\n\tx\n😀")
	naive := func(offset int) position {
		before := string(data[:offset])
		line := strings.LastIndexByte(before, '\n') + 1
		return position{strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[line:]) + 1}
	}
	c := newCursor(data)
	var starts []int
	for i := range string(data) {
		starts = append(starts, i)
	}
	starts = append(starts, len(data))
	for _, offset := range starts {
		if got := c.position(offset); got != naive(offset) {
			t.Errorf("offset %d is %v, want %v", offset, got, naive(offset))
		}
	}
	for range 200 {
		offset := starts[rand.IntN(len(starts))]
		if got := c.position(offset); got != naive(offset) {
			t.Errorf("back and forth: offset %d is %v, want %v", offset, got, naive(offset))
		}
	}
	if got := c.position(len(data) + 5); got != naive(len(data)) {
		t.Errorf("past the end: %v", got)
	}
}

// TestFoldIsThatOfEncodingJSON proves that names fold together exactly when
// encoding/json takes one for the other.
func TestFoldIsThatOfEncodingJSON(t *testing.T) {
	type names struct {
		K, S, Å int
	}
	for r := ' '; r <= 0x2fff; r++ {
		if r == '"' || r == '\\' {
			continue
		}
		var into names
		if err := json.Unmarshal([]byte(`{"`+string(r)+`":1}`), &into); err != nil {
			t.Fatal(err)
		}
		for letter, taken := range map[string]bool{"K": into.K == 1, "S": into.S == 1, "Å": into.Å == 1} {
			if taken != (fold(string(r)) == fold(letter)) {
				t.Errorf("%U for %s: encoding/json %t", r, letter, taken)
			}
		}
	}
	if fold("kindS") != fold("\u212aIND\u017f") || fold("a") == fold("ä") || fold("") != "" {
		t.Error("whole names")
	}
}

// TestEncodeMakesTextPlain proves that what a cluster says does not keep a
// report from being written, and that words are not mended.
func TestEncodeMakesTextPlain(t *testing.T) {
	r, err := DecodeReport("f", []byte(leastReport()))
	if err != nil {
		t.Fatal(err)
	}
	bad := "two\nlines \x1b[31m\u202e" + strings.Repeat("x", 1<<20)
	r.Run.Leftovers = []v1alpha1.Leftover{{Resource: "pods", Count: 1, Reason: bad}}
	data, err := EncodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	if r.Run.Leftovers[0].Reason != bad {
		t.Error("the caller's value was changed")
	}
	again, err := DecodeReport("f", data)
	if err != nil || again.Run.Leftovers[0].Reason != v1alpha1.Plain(bad, maxText) {
		t.Errorf("read back %+v, %v", again.Run.Leftovers, err)
	}
	r.Results[0].Outcome = "pass\x00"
	if _, err := EncodeReport(r); err == nil || !strings.Contains(err.Error(), `unknown word "pass\x00"`) {
		t.Errorf("an unknown word was written: %v", err)
	}
}

// TestLimitsAreDocumented holds the list in doc.go against the constants.
func TestLimitsAreDocumented(t *testing.T) {
	doc := string(read(t, "doc.go"))
	for name, figure := range map[string]string{
		"report.json": fmt.Sprint(v1alpha1.MaxReportBytes>>10, " KiB"), "evidence.json": fmt.Sprint(v1alpha1.MaxEvidenceBytes>>10, " KiB"),
		"one observation": fmt.Sprint(v1alpha1.MaxObservationBytes>>10, " KiB"), "site file": fmt.Sprint(MaxSiteBytes>>10, " KiB"),
		"catalogue as JSON": fmt.Sprint(MaxCatalogueBytes>>10, " KiB"), "depth of a document": fmt.Sprint(maxDepth), "values in JSON": fmt.Sprint(maxValues),
		"text in JSON": fmt.Sprint(maxText), "tarball": fmt.Sprint(DefaultLimits().Bytes>>20, " MiB"), "entries in it": fmt.Sprint(DefaultLimits().Entries),
		"lines of an error": fmt.Sprint(maxMistakes), "mistakes counted": fmt.Sprint(maxCollected),
	} {
		if line := fmt.Sprintf("//\t%-20s %-10s ", name, figure); !strings.Contains(doc, line) {
			t.Errorf("doc.go lacks %q", line)
		}
	}
	if sizes := fmt.Sprintf("%d + %d + %d characters", maxPlace, maxPlace, maxMessage); !strings.Contains(doc, sizes) {
		t.Errorf("doc.go lacks %q", sizes)
	}
}

// corpus writes seeds of a fuzz test with -update, and without proves that the
// tree has each of them; exactly so where they do not depend on how this Go
// compresses.
func corpus(t *testing.T, fuzzTest string, exactly bool, seeds map[string][]byte) {
	t.Helper()
	dir := filepath.Join("testdata", "fuzz", fuzzTest)
	for name, data := range seeds {
		want := fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", data)
		file := filepath.Join(dir, name)
		if *update {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || exactly && string(got) != want {
			t.Errorf("%s is not current (%v); run with -update", file, err)
		}
	}
}

// TestCorpusHoldsEveryAttack keeps the seeds of the fuzz tests and the attacks
// together. A catalogue is read by the same parser.
func TestCorpusHoldsEveryAttack(t *testing.T) {
	report, evidence := map[string][]byte{"least": []byte(leastReport())}, map[string][]byte{"least": []byte(leastEvidence())}
	for _, a := range attacks() {
		report[a.name], evidence[a.name] = []byte(a.on(leastReport())), []byte(a.on(leastEvidence()))
	}
	corpus(t, "FuzzReport", true, report)
	corpus(t, "FuzzEvidence", true, evidence)
	corpus(t, "FuzzCatalogue", true, map[string][]byte{"least": []byte(leastCatalogue())})
}
