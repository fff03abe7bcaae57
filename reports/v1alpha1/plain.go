package v1alpha1

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escapes are the terminal sequences that colour text or move a cursor.
var escapes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-_])`)

// Plain gives s as one line that any reader may show: without terminal
// sequences, control and text-direction characters and broken UTF-8, and of at
// most so many characters, the last of them then "…". Line breaks and tabs
// become spaces.
func Plain(s string, most int) string {
	// A first cut on bytes keeps the work bounded by what is shown.
	if room := 8*most + 64; len(s) > room {
		s = s[:room] + strings.Repeat("…", most+1)
	}
	s = escapes.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\uFEFF' || r == '\uFFFE' || r == '\uFFFF':
			return -1
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:max(most-1, 0)]) + "…"
}

// Decimal writes a measured value with the decimal sign of each language.
func Decimal(value float64, digits int) Text {
	en := strconv.FormatFloat(value, 'f', digits, 64)
	return Text{De: strings.Replace(en, ".", ",", 1), En: en}
}
