package v1alpha1

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlain(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"Prüfung", "Prüfung"},
		{"a\nb\tc", "a b c"},
		{"\x1b[31mred\x1b[0m", "red"},
		{"\x1b]0;title\x07text", "text"},
		{"a\x00b\x1b\x7f", "ab"},
		{"a\u202egnp.exe", "agnp.exe"},
		{"a\xffb", "a\uFFFDb"},
		{"a\uFFFEb", "ab"},
		{"12345678901", "123456789…"},
		{"ääääääääää", "ääääääääää"},
		{strings.Repeat("ä", 1<<20), "äääääääää…"},
		{strings.Repeat("\xff", 1<<20), "\uFFFD" + strings.Repeat("…", 9)},
	} {
		got := Plain(c.in, 10)
		if got != c.want {
			t.Errorf("Plain(%.20q…) = %q, want %q", c.in, got, c.want)
		}
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > 10 {
			t.Errorf("Plain(%.20q…) = %q is not valid or too long", c.in, got)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("\x1b[1mx\u2066", 3)
	f.Fuzz(func(t *testing.T, s string, most int) {
		if most < 1 || most > 1000 {
			return
		}
		got := Plain(s, most)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > most || strings.ContainsAny(got, "\x1b\n\u202e\x00") {
			t.Errorf("Plain(%q, %d) = %q", s, most, got)
		}
		if Plain(got, most) != got {
			t.Errorf("Plain is not settled after one pass for %q", s)
		}
	})
}

func TestDecimal(t *testing.T) {
	for _, c := range []struct {
		value  float64
		digits int
		de, en string
	}{{2, 1, "2,0", "2.0"}, {10.04, 1, "10,0", "10.0"}, {1234.5, 2, "1234,50", "1234.50"}, {7, 0, "7", "7"}} {
		if got := Decimal(c.value, c.digits); got != T(c.de, c.en) {
			t.Errorf("%v with %d digits: got %+v", c.value, c.digits, got)
		}
	}
}
