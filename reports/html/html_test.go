package html

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"html"
	"math"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

func sample[T any](t testing.TB, name string) T {
	t.Helper()
	data, err := os.ReadFile("../v1alpha1/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func samples(t testing.TB) (v1alpha1.ConformanceReport, v1alpha1.Evidence, v1alpha1.Catalogue) {
	t.Helper()
	return sample[v1alpha1.ConformanceReport](t, "report.json"), sample[v1alpha1.Evidence](t, "evidence.json"), sample[v1alpha1.Catalogue](t, "catalogue.json")
}

func render(t testing.TB, r v1alpha1.ConformanceReport, e v1alpha1.Evidence, c v1alpha1.Catalogue, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, r, e, c, o); err != nil {
		t.Fatal(err)
	}
	if b.Len() > MaxBytes {
		t.Errorf("%d bytes", b.Len())
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	x := declared(t)
	for _, language := range []Language{German, English} {
		name := "testdata/report." + string(language) + ".html"
		for range 2 {
			got := render(t, x.report, x.evidence, x.cat, Options{Language: language, Now: now})
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is not current; run with -update", name)
			}
		}
	}
}

// TestForbiddenWords proves that the page promises nothing: whatever the
// conclusion, the states and the outcomes are.
func TestForbiddenWords(t *testing.T) {
	r, e, c := samples(t)
	forbidden := regexp.MustCompile(`(?i)erfüllt|konform|zertifiziert|compliant|compliance|conformant|certified|fulfilled`)
	words := func(w v1alpha1.ConclusionWord, s v1alpha1.State, o v1alpha1.Outcome) {
		r.Conclusion.Result = w
		for i := range r.Statements {
			r.Statements[i].State = s
		}
		for i := range r.Results {
			r.Results[i].Outcome = o
		}
		if found := forbidden.FindString(render(t, r, e, c, Options{})); found != "" {
			t.Errorf("conclusion %s, state %s, outcome %s: the page says %q", w, s, o, found)
		}
	}
	for _, w := range []v1alpha1.ConclusionWord{v1alpha1.MussDeviations, v1alpha1.SollteDeviations, v1alpha1.ConclInconcl, v1alpha1.NoDeviation, "other"} {
		words(w, v1alpha1.StatePass, v1alpha1.Pass)
	}
	for _, s := range append(v1alpha1.States(), "other") {
		words(v1alpha1.NoDeviation, s, v1alpha1.Pass)
	}
	for _, o := range append(v1alpha1.Outcomes(), "other") {
		words(v1alpha1.NoDeviation, v1alpha1.StatePass, o)
	}
	r.Conclusion.Result = v1alpha1.NoDeviation
	if page := render(t, r, e, c, Options{}); !strings.Contains(page, "Keine Abweichung festgestellt") {
		t.Error("the page does not say „Keine Abweichung festgestellt“")
	}
}

// TestOnlyItsOwnStyleAndScript proves that the policy allows exactly what the
// page holds, and that nothing on it points outside.
func TestOnlyItsOwnStyleAndScript(t *testing.T) {
	r, e, c := samples(t)
	page := render(t, r, e, c, Options{})
	policy := html.UnescapeString(regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)[1])
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	for directive, tag := range map[string]string{"style-src": "style", "script-src": "script"} {
		found := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(page, -1)
		if len(found) != 1 {
			t.Fatalf("%d %s elements", len(found), tag)
		}
		sum := sha256.Sum256([]byte(found[0][1]))
		if want := directive + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	inert(t, page)
}

// inert proves that a page loads nothing, runs nothing of a report and links
// only into itself.
func inert(t *testing.T, page string) {
	t.Helper()
	body := regexp.MustCompile(`(?s)<(style|script)>.*?</(style|script)>`).ReplaceAllString(page, "")
	if bad := regexp.MustCompile(`(?i)<(script|iframe|object|embed|img|link|base|form|video|audio|style|meta http-equiv="refresh)[ >/]`).FindString(body); bad != "" {
		t.Errorf("the page holds %s", bad)
	}
	for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(body, -1) {
		if bad := regexp.MustCompile(`(?i)\s(on[a-z]+|style|src|srcset|action|formaction)=`).FindString(tag); bad != "" {
			t.Errorf("attribute %s in %.100s", bad, tag)
		}
		for _, href := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(tag, -1) {
			if !strings.HasPrefix(href[1], "#") || !strings.Contains(page, `id="`+href[1][1:]+`"`) {
				t.Errorf("link to %q", href[1])
			}
		}
	}
	if strings.ContainsAny(page, "\x00\x1b\u202e\u2066\u200f") {
		t.Error("control or direction characters on the page")
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[id[1]] {
			t.Errorf("id %q is there twice", id[1])
		}
		ids[id[1]] = true
	}
}

// poison sets every text of a value to s.
func poison(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			poison(v.Field(i), s)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			for i := range v.Len() {
				poison(v.Index(i), s)
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), s)
		}
	}
}

func TestHostileTextInEveryField(t *testing.T) {
	for name, s := range map[string]string{
		"script":    `</style></script><script>alert(1)</script>`,
		"attribute": `" onmouseover="alert(1)" x='`,
		"link":      `javascript:alert(1)`,
		"template":  "{{.Site}}${alert(1)}<!--",
		"direction": "a\u202egnp.exe\u2066\u200f\x1b[31m\x00",
		"broken":    "\xff\xfe<svg onload=alert(1)>",
		"long":      strings.Repeat("<", 1<<20),
		"wide":      strings.Repeat("界", 1<<18),
	} {
		t.Run(name, func(t *testing.T) {
			r, e, c := samples(t)
			for _, v := range []any{&r, &e, &c} {
				poison(reflect.ValueOf(v).Elem(), s)
			}
			inert(t, render(t, r, e, c, Options{Notices: []v1alpha1.Text{v1alpha1.T(s, s)}, Language: Language(s)}))
			// The same, with IDs and words left whole, so that all parts of
			// the page are reached.
			x := hostile(t, s)
			inert(t, render(t, x.report, x.evidence, x.cat, Options{Now: now}))
		})
	}
}

// TestManyEntriesAreShortenedAndCounted proves that a page stays under its
// size and says what it leaves out.
func TestManyEntriesAreShortenedAndCounted(t *testing.T) {
	r, e, c := samples(t)
	long := strings.Repeat("<", 10_000)
	text := v1alpha1.T(long, long)
	for i := range r.Results {
		for range 5000 {
			r.Results[i].Findings = append(r.Results[i].Findings, v1alpha1.Finding{Required: text, Observed: text, Object: text, Remedy: text})
			r.Results[i].Controls = append(r.Results[i].Controls, v1alpha1.Control{Name: text, Detail: text})
		}
	}
	page := render(t, r, e, c, Options{})
	if !strings.Contains(page, "weitere stehen in report.json") {
		t.Error("what is left out is not counted")
	}
	one := r.Results[0]
	one.Findings, one.Controls = nil, nil
	r.Results = nil
	for range 20_000 {
		r.Results = append(r.Results, one)
	}
	inert(t, render(t, r, e, c, Options{}))
}

// TestWhatIsUnknownLooksBad proves that empty and unknown input never gives a
// page that looks good.
func TestWhatIsUnknownLooksBad(t *testing.T) {
	page := render(t, v1alpha1.ConformanceReport{}, v1alpha1.Evidence{}, v1alpha1.Catalogue{}, Options{})
	if strings.Contains(page, `class="conclusion pass"`) || !strings.Contains(page, `class="conclusion inconclusive"`) {
		t.Error("an empty report has a good conclusion")
	}
	r, e, c := samples(t)
	e.Observations = nil
	if page := render(t, r, e, c, Options{}); strings.Contains(page, "</code> ✓") || !strings.Contains(page, "fehlt in den Belegen") {
		t.Error("a missing observation is not said")
	}
	_, e, _ = samples(t)
	e.Observations[0].Data = json.RawMessage("{}")
	if page := render(t, r, e, c, Options{}); !strings.Contains(page, "Prüfsumme stimmt nicht") {
		t.Error("a wrong digest is not said")
	}
	r.Suite.CatalogueDigest, r.Run.ID = "sha256:other", "other"
	page = render(t, r, e, c, Options{})
	for _, notice := range []string{"mit einem anderen Katalog", "gehören zu verschiedenen Läufen"} {
		if !strings.Contains(page, notice) {
			t.Errorf("the page does not say %q", notice)
		}
	}
	r.Results[0].DurationSeconds = math.NaN()
	r.Results[1].Figures[0].Value = math.Inf(-1)
	render(t, r, e, c, Options{})
}

// TestBothLanguages proves that every German text has an English one beside
// it, and that the switch shows the language asked for.
func TestBothLanguages(t *testing.T) {
	r, e, c := samples(t)
	page := render(t, r, e, c, Options{Language: English})
	if !strings.Contains(page, `<html lang="en">`) || !strings.Contains(page, `id="lang-en" checked`) || strings.Contains(page, `id="lang-de" checked`) {
		t.Error("the page does not open in English")
	}
	if de, en := strings.Count(page, `<i lang=de>`), strings.Count(page, `<i lang=en>`); de != en || de == 0 {
		t.Errorf("%d German texts, %d English ones", de, en)
	}
	for _, hint := range []string{"Ergebnis", "Result", "Beobachtet wurde an 3 von 5 Anforderungen", "Deviations at SOLLTE", "weder ein Produkt noch ein Zertifikat des BSI", "neither a product nor a certificate of the BSI", "dass der Lauf ehrlich war",
		"sätze in eigenen Worten, die den Zustand beschreiben", "sentences in our own words that describe the state", "die Ordnungszahlen <code>-UA.n</code> sind eigene"} {
		if !strings.Contains(strings.ToLower(page), strings.ToLower(hint)) {
			t.Errorf("the page does not say %q", hint)
		}
	}
}

// TestContrast computes the contrast of every pair of text and ground that
// the style sheet uses, by day and by night: WCAG AA wants 4.5, and 3 for
// what is not text.
func TestContrast(t *testing.T) {
	day, night, found := strings.Cut(style, "@media screen and (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("there is no dark palette")
	}
	for name, sheet := range map[string]string{"day": day, "night": night} {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{3,6})`).FindAllStringSubmatch(sheet, -1) {
			if _, there := colours[m[1]]; !there {
				colours[m[1]] = m[2]
			}
		}
		pair := func(text, ground string, least float64) {
			if c := contrast(t, colours[text], colours[ground]); c < least {
				t.Errorf("%s: %s on %s: %.2f", name, text, ground, c)
			}
		}
		for _, ground := range []string{"paper", "wash", "target"} {
			for _, text := range []string{"ink", "soft", "accent", "fail", "doubt", "declared"} {
				pair(text, ground, 4.5)
			}
			pair("focus", ground, 3)
		}
		for _, state := range []string{"fail", "doubt", "pass", "partly", "open", "declared"} {
			pair(state, state+"-wash", 4.5)
			pair("ink", state+"-wash", 4.5)
		}
		pair("on-accent", "accent", 4.5)
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (math.Max(x, y) + .05) / (math.Min(x, y) + .05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	hex := strings.TrimPrefix(colour, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	if len(hex) != 6 {
		t.Fatalf("colour %q", colour)
	}
	sum := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		var n int
		for _, d := range hex[2*i : 2*i+2] {
			n = n<<4 + strings.IndexRune("0123456789abcdef", d)
		}
		f := float64(n) / 255
		if f <= .04045 {
			f /= 12.92
		} else {
			f = math.Pow((f+.055)/1.055, 2.4)
		}
		sum += weight * f
	}
	return sum
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteErrorIsReturned(t *testing.T) {
	if err := Render(full{}, v1alpha1.ConformanceReport{}, v1alpha1.Evidence{}, v1alpha1.Catalogue{}, Options{}); err == nil {
		t.Error("a write error was lost")
	}
}
