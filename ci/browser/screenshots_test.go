package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestScreenshots writes pictures for people into the folder that the
// environment names, and else one page's to see that it works: the beginning of each page as it opens, a check that deviates, an
// open requirement, and the rest, on a phone and on a desk.
func TestScreenshots(t *testing.T) {
	folder, names := os.Getenv("BVC_SCREENSHOTS"), "*.html"
	if folder == "" {
		folder, names = t.TempDir(), "empty.html"
	}
	files, err := filepath.Glob(filepath.Join(need("BVC_PAGES"), names))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	scenes := []struct{ name, prepare string }{
		{"1-top", ""},
		{"2-deviations", `document.getElementById("deviations").scrollIntoView()`},
		{"3-coverage", `document.getElementById("coverage").scrollIntoView()`},
		{"4-find", `document.getElementById("find").scrollIntoView()`},
		{"5-requirement", `{const d = document.querySelector("details.requirement:has([data-state=fail], [data-state=partly])") || document.querySelector("details.requirement"); if (d) { d.open = true; d.scrollIntoView(); }}`},
		{"6-check", `{const d = document.querySelector("details.check"); if (d) { d.open = true; d.scrollIntoView(); }}`},
		{"7-waivers", `document.getElementById("waivers").scrollIntoView()`},
		{"8-about", `document.getElementById("about").scrollIntoView()`},
	}
	for _, path := range files {
		for device, l := range map[string]look{"phone": {width: 390}, "desktop": {width: 1280}, "dark": {width: 1280, dark: true}} {
			for _, language := range []string{"de", "en"} {
				l.language = language
				b := visit(t, path, l)
				for _, s := range scenes {
					if s.prepare != "" {
						b.eval(s.prepare)
					}
					picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
					if err != nil {
						t.Fatal(err)
					}
					name := strings.TrimSuffix(filepath.Base(path), ".html") + "-" + device + "-" + language + "-" + s.name + ".png"
					if err := os.WriteFile(filepath.Join(folder, name), picture, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}
