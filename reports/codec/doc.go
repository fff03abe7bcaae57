// Package codec reads and writes the published formats. Reading is strict:
// an unknown or doubled field, a missing one, data after the end, text that
// is not UTF-8, a document of another version or kind and a document over its
// size are errors, and every mistake is named at once with file, line and
// column. Writing is deterministic: the same value gives the same bytes, and
// reading them back gives the same value.
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
	// maxValues bounds the memory that a document of empty lists takes. The
	// largest document that this package writes holds fewer.
	maxValues = 1 << 19
	// maxText bounds a text in characters.
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
