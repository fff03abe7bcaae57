package catalogue

import (
	"bytes"
	"fmt"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Markdown renders the catalogue for readers who want it without the tool:
// one table per requirement with German beside English, then the checks. It
// always says whose text this is, because the file travels alone.
func Markdown(c v1alpha1.Catalogue) []byte {
	var b bytes.Buffer
	b.WriteString(preamble)
	if c.Digest != "" {
		fmt.Fprintf(&b, "\nDigest: `%s`\n", c.Digest)
	}
	summary(&b, c)
	module := ""
	for _, r := range c.Requirements {
		if r.Module != module {
			module = r.Module
			fmt.Fprintf(&b, "\n## %s\n", heading(module))
		}
		fmt.Fprintf(&b, "\n### %s %s / %s\n\n%s\n\n", r.ID, escape(r.Title.De), escape(r.Title.En), level(r.Level))
		b.WriteString("| Teilanforderung / Statement | Deutsch | English |\n|---|---|---|\n")
		for _, s := range r.Statements {
			row(&b, s)
		}
	}
	checks(&b, c.Checks)
	return b.Bytes()
}

const preamble = `<!-- Generated from suites/catalogue/*.yaml and the registered checks by "make update". Do not edit. -->

# Katalog / Catalogue

**Deutsch.** Die Texte geben die Teilanforderungen in eigenen Worten wieder; sie sind nicht der Wortlaut. Nummern, Stufen und deutsche Titel
der Anforderungen aus APP.4.4 und SYS.1.6 stammen aus dem IT-Grundschutz-Kompendium des BSI, Edition 2023; deren Text ist dort nachzulesen
und allein maßgeblich. Die Ordnungsnummern ` + "`-UA.n`" + ` sind unsere eigenen. Die Regeln ` + "`SOUVAP`" + ` folgen den Abschnitten der
Architektur des Souveränen Arbeitsplatzes. Dieser Katalog ist weder ein Produkt noch ein Zertifikat des BSI und von ihm nicht geprüft.
Gelesen wurde die Edition 2022; ihr Unterschied zur Edition 2023 (SYS.1.6.A6, sonst nur sprachlich) ist aus einer Sekundärquelle bekannt.

Jeder Text beschreibt den Zustand, der zu erreichen ist; das Modalverb daneben sagt nur, wie verbindlich das ist. Verneinungen gelten deshalb
nicht doppelt. Eine Frage beantwortet der Standort selbst, mit Nachweis: für alles, was keine Prüfung ganz entscheidet.

**English.** The texts restate the requirements in our own words; they are not the wording. Numbers, levels and German titles of the
requirements of APP.4.4 and SYS.1.6 are those of BSI's IT-Grundschutz-Kompendium, Edition 2023; its text is to be read there, and it alone is
authoritative. The ordinals ` + "`-UA.n`" + ` are our own. The ` + "`SOUVAP`" + ` rules follow the sections of the architecture of the Souveräner
Arbeitsplatz. This catalogue is neither a product nor a certificate of BSI, and BSI has not reviewed it. Edition 2022 was read; how it differs
from Edition 2023 (SYS.1.6.A6, elsewhere in language only) is known from a secondary source.

Each text describes the state to be reached; the modal verb beside it only says how binding that is, so negations do not count twice. A
question is answered by the site itself, with evidence: for everything that no check decides as a whole.

"IG BvC n" ist eine Richtlinie der IG BvC / is a policy of the IG BvC; "IG BvC PoC ..." eine ihres ersten Proof of Concept / one of its first
proof of concept; "CIS n (v1.9)" ein Abschnitt des / a section of the CIS Kubernetes Benchmark v1.9; "Grundschutz++ n (draft mapping)" eine
Anforderung, auf die BSIs Zuordnung im Entwurf (Juli 2026) verweist / a requirement to which BSI's draft mapping (July 2026) points.
`

// summary counts what the catalogue holds and how much of it checks decide.
func summary(b *bytes.Buffer, c v1alpha1.Catalogue) {
	type count struct{ requirements, statements, binding, whole, part int }
	var names []string
	counts := map[string]*count{}
	for _, r := range c.Requirements {
		n := counts[r.Module]
		if n == nil {
			n = &count{}
			counts[r.Module], names = n, append(names, r.Module)
		}
		n.requirements++
		for _, s := range r.Statements {
			n.statements++
			if s.ModalVerb.Binding() {
				n.binding++
			}
			switch {
			case decided(s):
				n.whole++
			case len(s.Checks) > 0:
				n.part++
			}
		}
	}
	b.WriteString("\n| | Anforderungen / Requirements | Teilanforderungen / Statements | MUSS, DARF NUR, DARF NICHT | ganz geprüft / decided as a whole | teilweise geprüft / in part | nur Frage / question only |\n|---|---|---|---|---|---|---|\n")
	for _, name := range names {
		n := counts[name]
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d | %d |\n", name, n.requirements, n.statements, n.binding, n.whole, n.part, n.statements-n.whole-n.part)
	}
}

func decided(s v1alpha1.Statement) bool {
	for _, k := range s.Checks {
		if k.Decides == v1alpha1.Whole {
			return true
		}
	}
	return false
}

func row(b *bytes.Buffer, s v1alpha1.Statement) {
	left := []string{"`" + s.ID + "`", "**" + string(s.ModalVerb) + "**", escape(strings.Join(s.Responsible, ", "))}
	if len(s.References) > 0 {
		left = append(left, escape(strings.Join(s.References, ", ")))
	}
	for _, k := range s.Checks {
		word := "teilweise / in part"
		if k.Decides == v1alpha1.Whole {
			word = "ganz / whole: " + escape(k.Why)
		}
		left = append(left, "`"+k.ID+"` ("+word+")")
	}
	de, en := []string{escape(s.Text.De)}, []string{escape(s.Text.En)}
	if s.Question != nil {
		de, en = append(de, "*Frage:* "+escape(s.Question.De)), append(en, "*Question:* "+escape(s.Question.En))
	}
	if s.Note != nil {
		de, en = append(de, "*Hinweis:* "+escape(s.Note.De)), append(en, "*Note:* "+escape(s.Note.En))
	}
	fmt.Fprintf(b, "| %s | %s | %s |\n", strings.Join(left, "<br>"), strings.Join(de, "<br>"), strings.Join(en, "<br>"))
}

func checks(b *bytes.Buffer, all []v1alpha1.CheckInfo) {
	if len(all) == 0 {
		return
	}
	b.WriteString("\n## Prüfungen / Checks\n\n| Prüfung / Check | Deutsch | English | Bereich / Area | deckt ab / covers | IG BvC | Rechte / Rights |\n|---|---|---|---|---|---|---|\n")
	for _, k := range all {
		id := "`" + k.ID + "`"
		if k.Exclusive {
			id += "<br>allein / runs alone"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s |\n", id, escape(k.Title.De), escape(k.Title.En), escape(k.Area),
			strings.Join(k.Covers, "<br>"), escapeAll(k.Policies), escapeAll(k.Needs))
	}
}

func escapeAll(words []string) string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		out = append(out, escape(w))
	}
	return strings.Join(out, "<br>")
}

func heading(module string) string {
	switch module {
	case "APP.4.4":
		return "APP.4.4 Kubernetes"
	case "SYS.1.6":
		return "SYS.1.6 Containerisierung / Containerisation"
	case "SOUVAP":
		return "SOUVAP Souveräner Arbeitsplatz"
	}
	return escape(module)
}

func level(l v1alpha1.Level) string {
	switch l {
	case v1alpha1.Basis:
		return "Stufe / Level: Basis"
	case v1alpha1.Standard:
		return "Stufe / Level: Standard"
	case v1alpha1.Hoch:
		return "Stufe / Level: erhöhter Schutzbedarf / raised protection need"
	case v1alpha1.SouvAP:
		return "Architekturregel / Architecture rule"
	}
	return escape(string(l))
}

// escape keeps text text in a table cell.
func escape(s string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "&", "&amp;", "<", "&lt;", ">", "&gt;", "*", "\\*", "_", "\\_", "`", "\\`",
		"[", "\\[", "]", "\\]", "\n", " ").Replace(s)
}
