package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parseJSON reads one JSON document into a node. encoding/json alone would
// take the last of two equal keys, match names without regard to case and
// replace broken text, and each of these lets two readers see two reports in
// the same bytes.
func parseJSON(data []byte) (*node, *Mistake) {
	p := &jsonParser{data: data, places: newCursor(data)}
	if bytes.HasPrefix(data, []byte("\ufeff")) {
		return nil, p.mistake(0, "begins with a byte order mark; save the file as UTF-8 without one")
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return nil, p.mistake(i, "is not valid UTF-8")
		}
		i += size
	}
	root, m := p.value(0)
	if m != nil {
		return nil, m
	}
	p.space()
	if p.next < len(data) {
		return nil, p.mistake(p.next, "data after the end of the document")
	}
	return root, nil
}

type jsonParser struct {
	data   []byte
	next   int
	values int // so far
	places *cursor
}

func (p *jsonParser) mistake(offset int, format string, args ...any) *Mistake {
	at := p.places.position(offset)
	return &Mistake{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)}
}

func (p *jsonParser) space() {
	for p.next < len(p.data) {
		switch p.data[p.next] {
		case ' ', '\t', '\n', '\r':
			p.next++
		default:
			return
		}
	}
}

// peek gives the next byte that is not space, 0 at the end.
func (p *jsonParser) peek() byte {
	p.space()
	if p.next == len(p.data) {
		return 0
	}
	return p.data[p.next]
}

func (p *jsonParser) value(depth int) (*node, *Mistake) {
	if depth > maxDepth {
		return nil, p.mistake(p.next, "nests deeper than %d", maxDepth)
	}
	b := p.peek()
	if p.values++; p.values > maxValues {
		return nil, p.mistake(p.next, "holds more than %d values", maxValues)
	}
	n := &node{at: p.places.position(p.next)}
	switch {
	case p.next == len(p.data):
		return nil, p.mistake(p.next, "the document ends where a value is expected")
	case b == '{':
		n.kind = objectNode
		return n, p.object(n, depth)
	case b == '[':
		n.kind = listNode
		return n, p.list(n, depth)
	case b == '"':
		text, m := p.text()
		n.kind, n.text = textNode, text
		return n, m
	}
	return n, p.literal(n)
}

func (p *jsonParser) object(n *node, depth int) *Mistake {
	p.next++
	if p.peek() == '}' {
		p.next++
		return nil
	}
	seen := map[string]int{} // folded names to their places among the fields
	for {
		if p.peek() != '"' {
			return p.mistake(p.next, "a field name in quotes is expected here")
		}
		start := p.next
		f := field{at: p.places.position(start)}
		var m *Mistake
		if f.name, m = p.text(); m != nil {
			return m
		}
		same := fold(f.name)
		if i, twice := seen[same]; twice {
			first := n.fields[i]
			if first.name != f.name {
				return p.mistake(start, "field %s is there twice but for case, first as %s in line %d", shorten(f.name), shorten(first.name), first.at.line)
			}
			return p.mistake(start, "field %s is there twice, first in line %d", shorten(f.name), first.at.line)
		}
		seen[same] = len(n.fields)
		if p.peek() != ':' {
			return p.mistake(p.next, "a colon is expected here")
		}
		p.next++
		if f.value, m = p.value(depth + 1); m != nil {
			return m
		}
		n.fields = append(n.fields, f)
		if done, m := p.more('}'); done || m != nil {
			return m
		}
	}
}

// fold gives equal text for names that encoding/json takes for the same one.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			// The orbit of a letter rises to its greatest form and begins again at its least.
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}

func (p *jsonParser) list(n *node, depth int) *Mistake {
	p.next++
	if p.peek() == ']' {
		p.next++
		return nil
	}
	for {
		item, m := p.value(depth + 1)
		if m != nil {
			return m
		}
		n.items = append(n.items, item)
		if done, m := p.more(']'); done || m != nil {
			return m
		}
	}
}

// more steps over a comma, or over the closing bracket and says so.
func (p *jsonParser) more(closing byte) (done bool, m *Mistake) {
	switch p.peek() {
	case ',':
		p.next++
		return false, nil
	case closing:
		p.next++
		return true, nil
	}
	return false, p.mistake(p.next, "a comma or %q is expected here", string(closing))
}

// text reads a string in quotes. A surrogate without its partner is refused:
// it could not be written back.
func (p *jsonParser) text() (string, *Mistake) {
	start := p.next
	p.next++
	for p.next < len(p.data) {
		switch b := p.data[p.next]; {
		case b == '"':
			p.next++
			var s string
			if err := json.Unmarshal(p.data[start:p.next], &s); err != nil {
				return "", p.mistake(start, "is not a JSON string: %v", err)
			}
			return s, nil
		case b < 0x20:
			return "", p.mistake(p.next, "a control character in a string")
		case b == '\\':
			width, m := p.escape()
			if m != nil {
				return "", m
			}
			p.next += width
		default:
			p.next++
		}
	}
	return "", p.mistake(start, "the string has no end")
}

// escape gives the width of the escape at next.
func (p *jsonParser) escape() (int, *Mistake) {
	rest := p.data[p.next:]
	if len(rest) < 2 {
		return 0, p.mistake(p.next, "the string has no end")
	}
	if rest[1] != 'u' {
		return 2, nil
	}
	first, ok := hex4(rest[2:])
	switch {
	case !ok:
		return 0, p.mistake(p.next, "\\u needs four hex digits")
	case first >= 0xdc00 && first <= 0xdfff:
		return 0, p.mistake(p.next, "a surrogate without its partner")
	case first < 0xd800 || first > 0xdbff:
		return 6, nil
	}
	if len(rest) >= 12 && rest[6] == '\\' && rest[7] == 'u' {
		if second, ok := hex4(rest[8:]); ok && second >= 0xdc00 && second <= 0xdfff {
			return 12, nil
		}
	}
	return 0, p.mistake(p.next, "a surrogate without its partner")
}

func hex4(b []byte) (int, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n := 0
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 + int(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 + int(c-'a') + 10
		case c >= 'A' && c <= 'F':
			n = n<<4 + int(c-'A') + 10
		default:
			return 0, false
		}
	}
	return n, true
}

func (p *jsonParser) literal(n *node) *Mistake {
	start := p.next
	for p.next < len(p.data) && literalByte(p.data[p.next]) {
		p.next++
	}
	n.text = string(p.data[start:p.next])
	switch n.text {
	case "true", "false":
		n.kind = boolNode
	case "null":
		n.kind = nullNode
	case "":
		return p.mistake(start, "a value is expected here")
	default:
		n.kind = numberNode
		if !json.Valid([]byte(n.text)) {
			return p.mistake(start, "%s is no JSON value", shorten(n.text))
		}
	}
	return nil
}

func literalByte(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '+' || b == '-' || b == '.' || b == '_'
}

// shorten bounds what a message repeats of a document.
func shorten(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
