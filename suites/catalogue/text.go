package catalogue

import (
	"bytes"
	"fmt"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Text renders the catalogue for a terminal, one block per statement and in
// German only: with both languages side by side no line would fit a screen.
// Markdown has both.
func Text(c v1alpha1.Catalogue) []byte {
	var b bytes.Buffer
	statements := 0
	for _, r := range c.Requirements {
		fmt.Fprintf(&b, "%s (%s) %s\n", r.ID, r.Level, r.Title.De)
		for _, s := range r.Statements {
			statements++
			statement(&b, s)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d Anforderungen, %d Teilanforderungen, %d Prüfungen, %s\n", len(c.Requirements), statements, len(c.Checks), c.Digest)
	return b.Bytes()
}

func statement(b *bytes.Buffer, s v1alpha1.Statement) {
	fmt.Fprintf(b, "  %s %s: %s\n", s.ID, s.ModalVerb, s.Text.De)
	fmt.Fprintf(b, "    Verantwortlich: %s\n", strings.Join(s.Responsible, ", "))
	if len(s.References) > 0 {
		fmt.Fprintf(b, "    Verweise: %s\n", strings.Join(s.References, ", "))
	}
	for _, k := range s.Checks {
		word := "teilweise"
		if k.Decides == v1alpha1.Whole {
			word = "ganz: " + k.Why
		}
		fmt.Fprintf(b, "    Prüfung: %s (%s)\n", k.ID, word)
	}
	if s.Question != nil {
		fmt.Fprintf(b, "    Frage: %s\n", s.Question.De)
	}
	if s.Note != nil {
		fmt.Fprintf(b, "    Hinweis: %s\n", s.Note.De)
	}
}
