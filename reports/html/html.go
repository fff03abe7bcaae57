// Package html renders a report as one self-contained page that people read,
// print and file: no network, no other files, and a content security policy
// that names the page's one style and one script by their hashes. The page
// shows what the report says and recomputes nothing but sums and digests.
package html

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// MaxBytes bounds a page, so that it can be mailed and opened on a phone.
const MaxBytes = 1_000_000

// Language of the page when it is opened; the reader can switch.
type Language string

// The two languages of a report.
const (
	German  Language = "de"
	English Language = "en"
)

// Options of a page. The zero value is a German page without notices, as of
// the end of the run.
type Options struct {
	// Now is the time as of which waivers and answers are shown as effective
	// or expired; the page says so. Zero is the run's end.
	Now time.Time
	// Language in which the page opens; German unless it is English.
	Language Language
	// Notices are shown above the summary: that the bundle came from a
	// tarball, whether a signature was verified, differences of a rejudge.
	Notices []v1alpha1.Text
}

// ErrTooLarge says that a page would be over MaxBytes even when shortened.
var ErrTooLarge = errors.New("the page would be too large")

//go:embed page.gohtml
var pageSource string

//go:embed page.css
var style string

//go:embed page.js
var script string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"w": v1alpha1.T, "link": link}).Parse(pageSource))

// link points at an anchor of the page, which is a number or one of our own IDs.
func link(anchor string) string { return "#" + anchor }

// limits bound what is shown. What they leave out is counted on the page, and
// the report itself has it.
type limits struct {
	text  int // characters of one text
	items int // entries of one list, such as findings of a check
	rows  int // checks, requirements
}

// steps of shortening: the first that gives a page within MaxBytes is taken.
// A real report needs the first only.
func steps() []limits {
	return []limits{{600, 100, 1000}, {300, 20, 600}, {160, 5, 300}, {60, 2, 150}}
}

// Render writes the page. Evidence is only used to say when an observation
// was made and whether its digest is the report's; the catalogue gives
// titles, statements and questions. Every text is escaped, freed of control
// and direction characters, and bounded.
func Render(w io.Writer, report v1alpha1.ConformanceReport, evidence v1alpha1.Evidence, cat v1alpha1.Catalogue, options Options) error {
	for _, l := range steps() {
		b, err := execute(report, evidence, cat, options, l)
		if err != nil {
			return err
		}
		if len(b) > MaxBytes {
			continue
		}
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
		return nil
	}
	return ErrTooLarge
}

// execute makes the page within the limits, however large it becomes.
func execute(report v1alpha1.ConformanceReport, evidence v1alpha1.Evidence, cat v1alpha1.Catalogue, options Options, l limits) ([]byte, error) {
	v := newView(report, evidence, cat, options, l)
	v.CSP = "default-src 'none'; style-src " + source(style) + "; script-src " + source(script) + "; base-uri 'none'; form-action 'none'"
	v.Style, v.Script = template.CSS(style), template.JS(script) //nolint:gosec // our own embedded files
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("render the page: %w", err)
	}
	return b.Bytes(), nil
}

// source is a source expression of a content security policy.
func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
