// Package codec reads and writes the published formats. Reading is strict:
// an unknown or doubled field, a missing one, data after the end, text that
// is not UTF-8, a document of another version or kind and a document over its
// size are errors, and every mistake is named at once with file, line and
// column. Writing is deterministic: the same value gives the same bytes, and
// reading them back gives the same value.
//
// # Hostile input
//
// Reports, evidence, site files and tarballs come from others. What two
// readers could read as two things is refused:
//
//   - JSON: names that are there twice, also by an escape or but for case (as
//     encoding/json takes them), data after the end, a byte order mark, invalid
//     UTF-8, a surrogate without its partner, numbers and times out of range or
//     form.
//   - YAML: anchors, aliases, merges, tags, a second document, a field twice.
//   - Tarballs: see FromTarball.
//   - Directories: anything but a regular file in the place of a bundle's file.
//   - Text in typed fields: control characters, line breaks and characters that
//     turn the direction of text. Writing makes text plain instead
//     (v1alpha1.Plain), so that no word of a cluster ends a run without a
//     report. The data of an observation may hold any text: its digest is over
//     its bytes, and it is shown only through its check or escaped.
//
// # Limits
//
// All limits, also of other packages. What is larger is refused and never cut,
// unless it says so here.
//
//	report.json          512 KiB    v1alpha1.MaxReportBytes
//	evidence.json        4096 KiB   v1alpha1.MaxEvidenceBytes
//	one observation      128 KiB    v1alpha1.MaxObservationBytes; its checks are inconclusive
//	site file            192 KiB    MaxSiteBytes; its texts: v1alpha1.Site.Validate
//	catalogue as JSON    8192 KiB   MaxCatalogueBytes
//	depth of a document  64         both JSON and YAML
//	values in JSON       524288     objects, lists, texts, numbers and the rest
//	text in JSON         4096       characters; writing cuts it and ends it with "…"
//	tarball              1024 MiB   DefaultLimits; the same again once unpacked
//	entries in it        200000     DefaultLimits
//	archives in it       1          deep, and only where the plugin's results are
//	header of an entry   1 MiB      archive/tar
//	lines of an error    50         and one that counts the others, 200 + 200 + 600 characters each
//	mistakes counted     1000       then reading ends
//	tarball of a cluster 256 MiB    plugins/bvc, on its way from the aggregator
//	page in HTML         html.MaxBytes; it is shortened and says so
//	JUnit                500 characters a line, 50 findings a result; cut, and says so
//	results for Sonobuoy 200 characters a name, 300 a detail; cut with "…"
//	line of the agent    4 KiB      framework/agent; a longer one is passed over
//	greeting of an agent 512 bytes  framework/agent; a longer one has no answer
//	terminal             v1alpha1.Plain; cut with "…"
package codec

import (
	"fmt"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// MaxSiteBytes bounds a site file; a person writes it by hand.
const MaxSiteBytes = 192 << 10

// MaxCatalogueBytes bounds a catalogue.
const MaxCatalogueBytes = 8 << 20

// Bounds of a document besides its size.
const (
	// maxDepth bounds how deep a document nests, so that no reader runs out of
	// stack.
	maxDepth = 64
	// maxValues bounds the memory that a document of empty lists takes, to
	// about 100 MB. An evidence that is written here holds fewer: at its size,
	// indented, no value has less than eleven bytes.
	maxValues = 1 << 19
	// maxText bounds a text in characters. None that is read by people is as long.
	maxText = 4096
)

// Bounds of an Error: it is shown in a terminal.
const (
	// maxMistakes bounds the lines: after so many nobody reads on.
	maxMistakes = 50
	// maxCollected bounds the mistakes that are looked for, and with them the
	// work that a hostile document makes.
	maxCollected = 1000
	// maxPlace and maxMessage bound the parts of a line, in characters.
	maxPlace   = 200
	maxMessage = 600
)

// Mistake is one thing that is wrong in a document.
type Mistake struct {
	// Line and Column count from 1; columns count characters.
	Line, Column int
	// Path of the field, such as images.cold; empty for the document.
	Path string
	// Message says what is wrong and, where it can, what would be right.
	Message string
}

// Error is why a document was refused.
type Error struct {
	// File is the name that the caller gave.
	File string
	// Mistakes in the order of the document, at least one.
	Mistakes []Mistake
}

// Error gives one plain and bounded line for each mistake:
// file:line:column: path: message. Names of files and of fields come from who
// handed the document in.
func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Mistakes))
	for _, m := range e.Mistakes {
		path := v1alpha1.Plain(m.Path, maxPlace)
		if path != "" {
			path += ": "
		}
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s%s", v1alpha1.Plain(e.File, maxPlace), m.Line, m.Column, path, v1alpha1.Plain(m.Message, maxMessage)))
	}
	return strings.Join(lines, "\n")
}
