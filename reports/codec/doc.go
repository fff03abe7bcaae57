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
)

// MaxSiteBytes bounds a site file; a person writes it by hand.
const MaxSiteBytes = 192 << 10

// MaxCatalogueBytes bounds a catalogue.
const MaxCatalogueBytes = 8 << 20

// maxDepth bounds how deep a document nests, so that no reader runs out of
// stack.
const maxDepth = 64

// maxMistakes bounds an Error: after so many nobody reads on.
const maxMistakes = 50

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

// Error gives one line for each mistake: file:line:column: path: message.
func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Mistakes))
	for _, m := range e.Mistakes {
		path := m.Path
		if path != "" {
			path += ": "
		}
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s%s", e.File, m.Line, m.Column, path, m.Message))
	}
	return strings.Join(lines, "\n")
}
