package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// variant writes a changed copy of an example, to see a test fail.
func variant(t *testing.T, name, old, replacement string) string {
	t.Helper()
	data, err := os.ReadFile(file(name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s does not hold %q", name, old)
	}
	path := filepath.Join(t.TempDir(), "variant.html")
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), old, replacement, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTroubleIsSeen proves that show would notice a request, a violation of
// the policy and a script of the data.
func TestTroubleIsSeen(t *testing.T) {
	image := visit(t, variant(t, "declared", "<h1>", `<img src="http://192.0.2.1/x.png" alt=""><h1>`), look{})
	script := visit(t, variant(t, "declared", "<h1>", `<script>window.attacked = 1</script><h1>`), look{})
	for _, b := range []*tab{image, script} {
		b.do(chromedp.Poll[chromedp.Void](`document.readyState === "complete"`))
		if said := strings.Join(b.troubles(), "\n"); !strings.Contains(said, "ContentSecurityPolicy") && !strings.Contains(said, "Content Security Policy") {
			t.Errorf("the violation was not noticed: %q", said)
		}
	}
	open := visit(t, variant(t, "declared", `<meta http-equiv="Content-Security-Policy"`, `<meta name="nothing"`), look{})
	open.eval(`new Image().src = "http://192.0.2.1/x.png"; console.log("x");`)
	if said := strings.Join(open.troubles(), "\n"); !strings.Contains(said, "192.0.2.1") || !strings.Contains(said, "console") {
		t.Errorf("the request and the message were not noticed: %q", said)
	}
}

// TestNothingOfTheDataRuns opens, touches and focuses everything of the
// hostile page; show sees to requests and violations.
func TestNothingOfTheDataRuns(t *testing.T) {
	b := show(t, file("hostile"), look{open: true})
	b.eval(`document.querySelectorAll("*").forEach(e => {
		for (const kind of ["mouseover", "click", "focus", "error", "load"]) { if (!e.href) { e.dispatchEvent(new Event(kind)); } }
		if (e.focus) { e.focus(); }
	})`)
	if value[bool](b, `"attacked" in window`) {
		t.Error("a script of the data ran")
	}
	if n := value[int](b, `document.querySelectorAll("script").length + document.querySelectorAll("style").length`); n != 2 {
		t.Errorf("%d scripts and styles, want one of each", n)
	}
	if n := value[int](b, `[...document.querySelectorAll("a, [src], [action]")].filter(e => !e.getAttribute("href")?.startsWith("#")).length`); n != 0 {
		t.Errorf("%d elements point outside", n)
	}
}

// TestLanguage switches by mouse and by keyboard, and asks what a screen
// reader would be told.
func TestLanguage(t *testing.T) {
	b := show(t, file("declared"), look{open: true})
	heard := func() string {
		var words []string
		for _, n := range call(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
			if !n.Ignored && n.Name != nil && n.Role != nil && strings.Contains(string(n.Role.Value), "StaticText") {
				words = append(words, string(n.Name.Value))
			}
		}
		return strings.Join(words, "\n")
	}
	german, english := []string{"Abweichungen", "Nicht gemessen", "Wirksame Rechte", "Zustand"}, []string{"Deviations", "Not measured", "Effective rights", "State"}
	check := func(lang, title string, there, away []string) {
		t.Helper()
		if got := value[string](b, `document.documentElement.lang`); got != lang {
			t.Errorf("the page says that it is in %q", got)
		}
		if got := value[string](b, `document.title`); !strings.HasPrefix(got, title) {
			t.Errorf("the title is %q", got)
		}
		seen, words := value[string](b, `document.body.innerText`), heard()
		for _, w := range there {
			if !strings.Contains(seen, w) || !strings.Contains(words, w) {
				t.Errorf("in %s %q is not said", lang, w)
			}
		}
		for _, w := range away {
			if strings.Contains(seen, "\n"+w+"\n") || strings.Contains(words, "\""+w+"\"") {
				t.Errorf("in %s the other language says %q", lang, w)
			}
		}
	}
	check("de", "Prüfbericht ", german, english)
	b.do(chromedp.Click(chromedp.CSS(`label[for="lang-en"]`)))
	check("en", "Test report ", english, german)
	b.eval(`document.getElementById("lang-en").focus()`)
	b.do(chromedp.KeyEvent(kb.ArrowLeft))
	check("de", "Prüfbericht ", german, english)
}

// TestSearchAndFilters proves that what is shown is what was asked for.
func TestSearchAndFilters(t *testing.T) {
	b := show(t, file("big"), look{})
	shown := func(selector string) int {
		t.Helper()
		return value[int](b, fmt.Sprintf(`[...document.querySelectorAll(%q)].filter(e => e.checkVisibility()).length`, selector))
	}
	choose := func(id, option string) {
		b.eval(fmt.Sprintf(`{const e = document.getElementById(%q); e.value = %q; e.dispatchEvent(new Event("input"));}`, id, option))
	}
	if q, k := shown("details.requirement"), shown("details.check"); q != 110 || k != 100 {
		t.Fatalf("%d requirements and %d checks at first", q, k)
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#words"), "check-of-the-requirement-42"))
	if q, k := shown("details.requirement"), shown("details.check"); q != 1 || k != 1 {
		t.Errorf("%d requirements and %d checks with the words", q, k)
	}
	if got := value[string](b, `document.querySelector("[role=status]").innerText`); got != "1 von 110 Anforderungen, 1 von 100 Prüfungen" {
		t.Errorf("it says %q", got)
	}
	if shown("details.requirement .statement") != 2 {
		t.Error("what was found is not opened")
	}
	b.do(chromedp.Click(chromedp.CSS("#reset")))
	for _, c := range []struct {
		id, option   string
		requirements int
		checks       int
	}{{"by-state", "fail", 34, 34}, {"by-state", "declared", 10, 0}, {"by-verb", "sollte", 110, 100}, {"by-verb", "kann", 0, 0}, {"by-level", "hoch", 16, 16}, {"by-module", "2", 60, 50}} {
		choose(c.id, c.option)
		if q, k := shown("details.requirement"), shown("details.check"); q != c.requirements || k != c.checks {
			t.Errorf("%s %s: %d requirements and %d checks, want %d and %d", c.id, c.option, q, k, c.requirements, c.checks)
		}
		if c.id == "by-verb" && c.option == "sollte" {
			b.do(chromedp.Click(chromedp.CSS("#open-all")))
			if n := shown(".statement"); n != 110 {
				t.Errorf("%d SOLLTE statements", n)
			}
			b.do(chromedp.Click(chromedp.CSS("#close-all")))
		}
		choose(c.id, "")
	}
	// A search in the language that is shown.
	choose("words", "Abhilfe")
	if n := shown("details.check"); n != 34 {
		t.Errorf("a German word is found %d times", n)
	}
	b.do(chromedp.Click(chromedp.CSS(`label[for="lang-en"]`)))
	if shown("details.check") != 0 || value[string](b, `document.querySelector("#by-state").options[0].text`) != "all" {
		t.Error("the search did not follow the language")
	}
	// A link to what is filtered away shows it.
	b.eval(`location.hash = "#APP.4.4.A3-UA.1"`)
	b.do(chromedp.Poll[chromedp.Void](`document.getElementById("APP.4.4.A3-UA.1").checkVisibility()`))
}

// TestEveryDeviationIsTwoClicksAway follows every deviation of the summary:
// after one click it is said what was required, what was observed, on which
// object, and what to do.
func TestEveryDeviationIsTwoClicksAway(t *testing.T) {
	for _, name := range []string{"declared", "big"} {
		for _, script := range []bool{true, false} {
			b := show(t, file(name), look{noScript: !script})
			links := value[[]string](b, `[...document.querySelectorAll('section[aria-labelledby="deviations"] ol a.id')].map(a => a.getAttribute("href"))`)
			if len(links) == 0 {
				t.Fatalf("%s has no deviations", name)
			}
			if script {
				b.do(chromedp.Click(chromedp.CSS("#close-all")))
			}
			for _, link := range links[:min(len(links), 5)] {
				b.do(chromedp.Click(chromedp.CSS(fmt.Sprintf(`section[aria-labelledby="deviations"] a.id[href=%q]`, link))))
				where := fmt.Sprintf(`document.getElementById(%q)`, link[1:])
				b.do(chromedp.Poll[chromedp.Void](where + `.open`))
				if top := value[float64](b, where+`.getBoundingClientRect().top`); top < -1 || top > 500 {
					t.Errorf("%s: %s is at %.0f px after the click", name, link, top)
				}
				text := value[string](b, where+`.innerText`)
				for _, w := range []string{"Gefordert", "Beobachtet", "Gegenstand", "Abhilfe"} {
					if !strings.Contains(text, w) {
						t.Errorf("%s: %s does not say %q", name, link, w)
					}
				}
				if script && value[string](b, `document.activeElement.tagName`) != "SUMMARY" {
					t.Errorf("%s: the focus is not on what the link points at", link)
				}
			}
		}
	}
}

// TestDeepLinks opens pages at IDs of the catalogue.
func TestDeepLinks(t *testing.T) {
	for _, id := range []string{"APP.4.4.A7-UA.1", "APP.4.4.A7", "APP.4.4.A7/network-policy-enforced"} {
		b := show(t, file("declared"), look{fragment: "#" + id})
		where := fmt.Sprintf(`document.getElementById(%q)`, id)
		if !value[bool](b, where+`.closest("details").open && `+where+`.getBoundingClientRect().top < 500 && `+where+`.getBoundingClientRect().top >= -1`) {
			t.Errorf("%s is not opened or not in view", id)
		}
	}
	show(t, file("declared"), look{fragment: "#no%zz"})
	show(t, file("declared"), look{fragment: "#nothing"})
}

// TestKeyboardAlone walks with Tab from the first control to the last: each is
// reached in the order of the page, and each shows that it has the focus.
func TestKeyboardAlone(t *testing.T) {
	b := show(t, file("declared"), look{open: true})
	b.eval(`window.controls = [...document.querySelectorAll("a[href], button, input, select, summary")].filter(e => e.checkVisibility() && !(e.type === "radio" && !e.checked))`)
	n := value[int](b, `controls.length`)
	if n < 50 {
		t.Fatalf("only %d controls", n)
	}
	for i := range n {
		b.do(chromedp.KeyEvent(kb.Tab))
		at := value[struct {
			Index   int
			Name    string
			Outline float64
			Top     float64
		}](b, `(() => {
			const e = document.activeElement, ring = e.type === "radio" ? e.closest("fieldset") : e, s = getComputedStyle(ring), r = ring.getBoundingClientRect();
			return {Index: controls.indexOf(e), Name: e.outerHTML.slice(0, 80), Outline: s.outlineStyle === "none" ? 0 : parseFloat(s.outlineWidth), Top: r.bottom > 0 && r.top < innerHeight ? 1 : 0};
		})()`)
		if at.Index != i {
			t.Fatalf("after %d steps the focus is on %s (%d)", i+1, at.Name, at.Index)
		}
		if at.Outline < 2 || at.Top != 1 {
			t.Errorf("the focus can not be seen on %s", at.Name)
		}
	}
	// Enter and Space open and close, Enter follows links and presses buttons.
	summary := `document.querySelector("details.requirement > summary")`
	for _, key := range []string{kb.Enter, " "} {
		before := value[bool](b, summary+`.parentElement.open`)
		b.eval(summary + `.focus()`)
		b.do(chromedp.KeyEvent(key))
		if value[bool](b, summary+`.parentElement.open`) == before {
			t.Errorf("the key %q does nothing", key)
		}
	}
	b.eval(`document.querySelector(".skip").focus()`)
	b.do(chromedp.KeyEvent(kb.Enter))
	if got := value[string](b, `document.activeElement.id`); got != "main" {
		t.Errorf("the skip link leads to %q", got)
	}
	b.eval(`document.getElementById("close-all").focus()`)
	b.do(chromedp.KeyEvent(kb.Enter))
	if n := value[int](b, `document.querySelectorAll("details[open]").length`); n != 0 {
		t.Errorf("%d are open after closing all", n)
	}
}

// TestReflow proves that at 320 px, which is 1280 px at 400 %, nothing has to
// be scrolled sideways.
func TestReflow(t *testing.T) {
	for _, name := range examples {
		for _, language := range []string{"de", "en"} {
			b := show(t, file(name), look{width: 320, language: language, open: true})
			if w := value[int](b, `document.documentElement.scrollWidth`); w > 320 {
				t.Errorf("%s, %s: %d px wide: %s", name, language, w, value[string](b, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > 321).slice(0, 3).map(e => e.outerHTML.slice(0, 160)).join("\n")`))
			}
			// What is cut off can not be read either.
			if cut := value[int](b, `[...document.querySelectorAll("main *")].filter(e => !e.closest("svg") && getComputedStyle(e).overflowX === "hidden" && e.scrollWidth > e.clientWidth + 1 && !e.matches(".away")).length`); cut > 0 {
				t.Errorf("%s, %s: %d elements are cut", name, language, cut)
			}
		}
	}
}

// TestNoScriptNeeded proves that all can be read and the language be switched
// without the script.
func TestNoScriptNeeded(t *testing.T) {
	b := show(t, file("declared"), look{noScript: true})
	if value[bool](b, `document.getElementById("find").checkVisibility()`) {
		t.Error("controls are shown that do nothing")
	}
	b.do(chromedp.Click(chromedp.CSS("details.requirement > summary")))
	if !value[bool](b, `document.querySelector("details.requirement .statement").checkVisibility()`) {
		t.Error("a requirement does not open")
	}
	b.do(chromedp.Click(chromedp.CSS(`label[for="lang-en"]`)))
	if text := value[string](b, `document.querySelector("h2").innerText`); text != "Result" {
		t.Errorf("after the switch it says %q", text)
	}
}

// TestPrint prints to PDF, with and without the script: every statement, check
// and remedy is on paper although nothing was opened and a filter is set, and
// no control is.
func TestPrint(t *testing.T) {
	// Line breaks are the paper's, and signs are the style sheet's.
	space := regexp.MustCompile(`[\s\x{ad}✕✓◐○–§?-]+`)
	flat := func(s string) string { return space.ReplaceAllString(s, "") }
	for _, script := range []bool{true, false} {
		b := show(t, file("declared"), look{noScript: !script})
		want := value[[]string](b, `[...document.querySelectorAll(".statement > p, .finding dd, .plain li, .waiver p, .answer p")].map(e => {
			const c = e.cloneNode(true);
			c.querySelectorAll("[lang=en]:not(.keep)").forEach(x => x.remove());
			return c.textContent;
		})`)
		if len(want) < 50 {
			t.Fatalf("only %d texts", len(want))
		}
		if script {
			b.do(chromedp.SendKeys(chromedp.CSS("#words"), "nothing has these words"))
		}
		pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(chromedp.PDFPrintBackground(), chromedp.PDFPaper(chromedp.PaperA4)))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "report.pdf")
		if err := os.WriteFile(path, pdf, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "pdftotext", "-raw", path, "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		printed := flat(string(out))
		for _, w := range want {
			if !strings.Contains(printed, flat(w)) {
				t.Errorf("with script %t not on paper: %q", script, w)
			}
		}
		for _, control := range []string{"Suchen und filtern", "English", "Zum Inhalt"} {
			if strings.Contains(printed, flat(control)) {
				t.Errorf("on paper: %q", control)
			}
		}
	}
}
