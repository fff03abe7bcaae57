package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shape compares a node with the Go type it is meant for and collects every
// mistake: unknown fields with a suggestion, missing ones, wrong kinds.
type shape struct {
	mistakes []Mistake
	// places maps paths to where they are, so that what Validate finds later
	// can be shown in the document.
	places map[string]position
	// closed are paths of another kind than wanted: what should be in them is
	// not missing besides.
	closed []string
	// full says that maxCollected mistakes were found; the rest of the document
	// is not looked at any more.
	full bool
}

var (
	timeType = reflect.TypeFor[time.Time]()
	rawType  = reflect.TypeFor[json.RawMessage]()
)

func (s *shape) add(at position, path, format string, args ...any) {
	if s.full = len(s.mistakes) >= maxCollected; s.full {
		return
	}
	s.mistakes = append(s.mistakes, Mistake{Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (s *shape) check(n *node, t reflect.Type, path string) {
	if s.full {
		return
	}
	s.places[path] = n.at
	if t == rawType {
		return
	}
	if t.Kind() == reflect.Pointer {
		if n.kind == nullNode {
			return
		}
		t = t.Elem()
	}
	switch want := kindOf(t); {
	case n.kind != want:
		s.add(n.at, path, "is %s; %s is wanted", n.kind, want)
		s.closed = append(s.closed, path)
	case t == timeType:
		s.time(n, path)
	case want == objectNode:
		s.object(n, t, path)
	case want == listNode:
		for i, item := range n.items {
			s.check(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))
		}
	case want == numberNode:
		s.number(n, t, path)
	}
}

// kindOf gives the kind of node that a type is written as. The published
// types have no maps, so that the order of everything is known.
func kindOf(t reflect.Type) nodeKind {
	switch {
	case t == timeType || t.Kind() == reflect.String:
		return textNode
	case t.Kind() == reflect.Struct:
		return objectNode
	case t.Kind() == reflect.Slice:
		return listNode
	case t.Kind() == reflect.Bool:
		return boolNode
	}
	return numberNode
}

// inClosed reports whether a path lies in something of another kind.
func (s *shape) inClosed(path string) bool {
	for _, c := range s.closed {
		if c == "" || path == c || strings.HasPrefix(path, c+".") || strings.HasPrefix(path, c+"[") {
			return true
		}
	}
	return false
}

// timeFormat is what time.Parse alone is not: RFC 3339 in UTC and no more. It
// would take an hour of one digit and a comma before the fraction.
var timeFormat = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$`)

func (s *shape) time(n *node, path string) {
	if _, err := time.Parse(time.RFC3339Nano, n.text); err != nil || !timeFormat.MatchString(n.text) {
		s.add(n.at, path, "%s is not a time such as 2026-01-31T12:00:00Z, in UTC", shorten(n.text))
	}
}

func (s *shape) number(n *node, t reflect.Type, path string) {
	if t.Kind() == reflect.Float64 {
		if f, err := strconv.ParseFloat(n.text, 64); err != nil || math.IsInf(f, 0) {
			s.add(n.at, path, "the number is out of range")
		}
		return
	}
	if _, err := strconv.ParseInt(n.text, 10, t.Bits()); err != nil {
		s.add(n.at, path, "%s is not a whole number in range", shorten(n.text))
	}
}

func (s *shape) object(n *node, t reflect.Type, path string) {
	wanted := fieldsOf(t)
	names := make([]string, 0, len(wanted))
	for _, w := range wanted {
		names = append(names, w.name)
	}
	there := map[string]bool{}
	for _, f := range n.fields {
		at := join(path, f.name)
		i := slices.Index(names, f.name)
		if i < 0 {
			s.add(f.at, path, "unknown field %s%s", shorten(f.name), suggest(f.name, names))
			continue
		}
		there[f.name] = true
		s.check(f.value, wanted[i].of, at)
	}
	for _, w := range wanted {
		if !there[w.name] && !w.optional {
			s.add(n.at, path, "field %q is missing%s", w.name, w.hint())
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// wantedField is one field of a type as it is written.
type wantedField struct {
	name     string
	of       reflect.Type
	index    []int // as reflect.Value.FieldByIndex takes it
	optional bool
}

// hint gives the words to choose from where a missing field has some.
func (w wantedField) hint() string {
	type validator interface{ Validate() error }
	if w.of.Kind() != reflect.String {
		return ""
	}
	if v, ok := reflect.Zero(w.of).Interface().(validator); ok {
		if err := v.Validate(); err != nil {
			_, words, _ := strings.Cut(err.Error(), "; ")
			return "; " + words
		}
	}
	return ""
}

// fieldsOf lists the fields of a type by their JSON tags, embedded ones in place.
func fieldsOf(t reflect.Type) []wantedField {
	var all []wantedField
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			for _, w := range fieldsOf(f.Type) {
				w.index = append([]int{i}, w.index...)
				all = append(all, w)
			}
		case f.IsExported() && name != "-" && name != "":
			all = append(all, wantedField{name: name, of: f.Type, index: f.Index, optional: strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")})
		}
	}
	return all
}

// suggest names the field that was probably meant, or all that there are.
func suggest(name string, names []string) string {
	if near := nearest(name, names); near != "" {
		return near
	}
	return "; known are " + strings.Join(names, ", ")
}

// nearest names the word that was probably meant, or nothing.
func nearest(name string, names []string) string {
	best, least := "", 1+max(2, len(name)/3)
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d < least {
			best, least = n, d
		}
	}
	if best == "" || len(name) > 100 {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is Levenshtein's, over bytes; longer names are not compared.
func distance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return math.MaxInt
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := left
			if a[i] != b[j] {
				cost++
			}
			left = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
