package catalogue

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Roles that a statement can name as responsible (German administration cloud).
const (
	Plattformbetreiber = "Plattformbetreiber"
	Softwarebetreiber  = "Softwarebetreiber"
	Softwarelieferant  = "Softwarelieferant"
)

// Roles lists the roles in the order in which statements name them.
func Roles() []string { return []string{Plattformbetreiber, Softwarebetreiber, Softwarelieferant} }

// Error is every mistake that Load found, one per line, as file:line: message
// where it belongs to a line.
type Error struct {
	// Mistakes in the order of the catalogue, then those of the checks.
	Mistakes []string
}

// Error gives one mistake per line.
func (e *Error) Error() string { return strings.Join(e.Mistakes, "\n") }

// fault is one mistake; without a file it belongs to the checks.
type fault struct {
	file string
	line int
	text string
}

type faults []fault

func (f *faults) add(file string, line int, format string, args ...any) {
	*f = append(*f, fault{file, line, fmt.Sprintf(format, args...)})
}

// err sorts by file and line, because coverage comes out of a map, and drops
// what was said twice.
func (f faults) err(books []module) error {
	rank := func(file string) int {
		if i := slices.IndexFunc(books, func(m module) bool { return m.file == file }); i >= 0 {
			return i
		}
		return len(books)
	}
	slices.SortFunc(f, func(a, b fault) int {
		if d := rank(a.file) - rank(b.file); d != 0 {
			return d
		}
		if d := a.line - b.line; d != 0 {
			return d
		}
		return strings.Compare(a.text, b.text)
	})
	e := &Error{}
	for _, x := range slices.Compact(f) {
		where := ""
		switch {
		case x.line > 0:
			where = fmt.Sprintf("%s:%d: ", x.file, x.line)
		case x.file != "":
			where = x.file + ": "
		}
		e.Mistakes = append(e.Mistakes, where+x.text)
	}
	return e
}

// requirement remembers where it and its statements were written.
type requirement struct {
	v1alpha1.Requirement
	file  string
	lines []int // of the statements
}

// reader turns the nodes of one file into requirements. yaml.v3's own strict
// decoding is not used: it stops describing a mapping at its first unknown
// field, names our Go types in its messages, and forgets the lines that
// later rules need.
type reader struct {
	module
	faults
	seen map[string]int // line of every ID
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.add(r.file, n.Line, format, args...)
}

// decode reads one file strictly and gives all of its mistakes. What could be
// read is returned beside them, so that later rules can report theirs, too.
func decode(m module, data []byte) ([]requirement, faults) {
	r := &reader{module: m, seen: map[string]int{}}
	root, err := parse(data)
	if err != nil {
		line := 0
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		if _, e := fmt.Sscanf(text, "line %d: ", &line); e == nil {
			_, text, _ = strings.Cut(text, ": ")
		}
		r.add(m.file, line, "%s", text)
		return nil, r.faults
	}
	if !r.plain(root) {
		return nil, r.faults
	}
	file := r.mapping(root, "the file", []string{"requirements"}, nil)
	var out []requirement
	for _, n := range r.list(file["requirements"], "requirements") {
		out = append(out, r.requirement(n))
	}
	r.order(out, root)
	return out, r.faults
}

// parse gives the only document of a file.
func parse(data []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) || err == nil && len(doc.Content) != 1 {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, err
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one document")
	}
	return doc.Content[0], nil
}

// plain refuses anchors, aliases and tags: what a statement says has to be
// read in its own place.
func (r *reader) plain(n *yaml.Node) bool {
	ok := true
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		r.fail(n, "anchors and aliases are not allowed; write the text where it belongs")
		return false
	}
	if n.Style&yaml.TaggedStyle != 0 {
		r.fail(n, "tags such as %q are not allowed", n.Tag)
		ok = false
	}
	for _, c := range n.Content {
		ok = r.plain(c) && ok
	}
	return ok
}

func (r *reader) requirement(n *yaml.Node) requirement {
	out := requirement{file: r.file}
	f := r.mapping(n, "a requirement", []string{"id", "level", "title", "statements"}, nil)
	out.ID, out.Module = r.scalar(f["id"], "id"), r.name
	out.Level = v1alpha1.Level(r.scalar(f["level"], "level"))
	out.Title = r.text(f["title"], "title")
	if l := f["level"]; l != nil && out.Level != "" && !slices.Contains(r.levels, out.Level) {
		r.fail(l, "unknown level %q in %s, want one of %s", out.Level, r.name, join(r.levels))
	}
	r.unique(f["id"], out.ID)
	for i, c := range r.list(f["statements"], "statements") {
		s := r.statement(c, fmt.Sprintf("%s-UA.%d", out.ID, i+1))
		out.Statements, out.lines = append(out.Statements, s), append(out.lines, c.Line)
	}
	return out
}

func (r *reader) statement(n *yaml.Node, id string) v1alpha1.Statement {
	var s v1alpha1.Statement
	f := r.mapping(n, "a statement", []string{"id", "modalVerb", "text", "responsible"}, []string{"references", "question", "note"})
	s.ID = r.scalar(f["id"], "id")
	if r.unique(f["id"], s.ID) && s.ID != id {
		r.fail(f["id"], "statement %q stands where %s is next; ordinals are consecutive and begin with the ID of the requirement", s.ID, id)
	}
	s.ModalVerb = v1alpha1.ModalVerb(r.scalar(f["modalVerb"], "modalVerb"))
	if s.ModalVerb != "" && s.ModalVerb.Validate() != nil {
		r.fail(f["modalVerb"], "unknown modal verb %q", s.ModalVerb)
	}
	s.Text = r.text(f["text"], "text")
	s.Responsible = r.words(f["responsible"], "responsible")
	rank := -1
	for i, role := range s.Responsible {
		at := slices.Index(Roles(), role)
		switch {
		case at < 0:
			r.fail(f["responsible"].Content[i], "unknown role %q, want one of %s", role, join(Roles()))
		case at <= rank:
			r.fail(f["responsible"].Content[i], "roles are named once each, in the order %s", join(Roles()))
		}
		rank = max(rank, at)
	}
	if c := f["references"]; c != nil {
		s.References = r.words(c, "references")
		for i, ref := range s.References {
			if slices.Index(s.References, ref) != i {
				r.fail(c.Content[i], "reference %q is named twice", ref)
			}
		}
	}
	if c := f["question"]; c != nil {
		t := r.text(c, "question")
		s.Question = &t
	}
	if c := f["note"]; c != nil {
		t := r.text(c, "note")
		s.Note = &t
	}
	return s
}

// unique remembers an ID and says whether it is a new one.
func (r *reader) unique(n *yaml.Node, id string) bool {
	if n == nil || id == "" {
		return false
	}
	if line, double := r.seen[id]; double {
		r.fail(n, "duplicate ID %q, first in line %d", id, line)
		return false
	}
	r.seen[id] = n.Line
	return true
}

// order checks the IDs of the requirements: consecutive numbers in a numbered
// module, rising sections elsewhere.
func (r *reader) order(all []requirement, root *yaml.Node) {
	form := regexp.MustCompile(`^` + regexp.QuoteMeta(r.name) + `((\.[1-9][0-9]{0,3})+)$`)
	if r.numbered {
		form = regexp.MustCompile(`^` + regexp.QuoteMeta(r.name) + `\.A([1-9][0-9]{0,3})$`)
	}
	var last []int
	for _, q := range all {
		if q.ID == "" {
			continue
		}
		found := form.FindStringSubmatch(q.ID)
		if found == nil {
			r.add(r.file, r.seen[q.ID], "requirement %q is not of the form %s", q.ID, form)
			continue
		}
		var place []int
		for _, p := range strings.Split(strings.TrimPrefix(found[1], "."), ".") {
			n, _ := strconv.Atoi(p)
			place = append(place, n)
		}
		switch {
		case slices.Equal(place, last): // reported as a duplicate
		case r.numbered && place[0] != 1+first(last):
			r.add(r.file, r.seen[q.ID], "requirement %q stands where %s.A%d is next", q.ID, r.name, 1+first(last))
		case !r.numbered && slices.Compare(place, last) < 0:
			r.add(r.file, r.seen[q.ID], "requirement %q stands after a later section", q.ID)
		}
		last = place
	}
}

func first(place []int) int {
	if len(place) == 0 {
		return 0
	}
	return place[0]
}

// mapping gives the values by field, having reported unknown, doubled and
// missing ones. On anything but a mapping it gives none.
func (r *reader) mapping(n *yaml.Node, what string, needed, optional []string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s has to be a mapping", what)
		return out
	}
	fields := append(slices.Clone(needed), optional...)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch _, double := out[key.Value]; {
		case key.Kind != yaml.ScalarNode || !slices.Contains(fields, key.Value):
			r.fail(key, "unknown field %q in %s, want one of %s", key.Value, what, join(fields))
		case double:
			r.fail(key, "field %q is given twice in %s", key.Value, what)
		default:
			out[key.Value] = n.Content[i+1]
		}
	}
	for _, f := range needed {
		if out[f] == nil {
			r.fail(n, "%s lacks the field %q", what, f)
		}
	}
	return out
}

// list gives the entries of a list that must not be empty. A missing field was
// reported by mapping and is no second mistake.
func (r *reader) list(n *yaml.Node, field string) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.fail(n, "%s has to be a list with at least one entry", field)
		return nil
	}
	return n.Content
}

func (r *reader) words(n *yaml.Node, field string) []string {
	var out []string
	for _, c := range r.list(n, field) {
		out = append(out, r.scalar(c, "an entry of "+field))
	}
	return out
}

func (r *reader) text(n *yaml.Node, field string) v1alpha1.Text {
	if n == nil {
		return v1alpha1.Text{}
	}
	f := r.mapping(n, field, []string{"de", "en"}, nil)
	return v1alpha1.Text{De: r.scalar(f["de"], field+".de"), En: r.scalar(f["en"], field+".en")}
}

// scalar gives one line of text. Control characters and line breaks are
// refused because the same text stands in tables.
func (r *reader) scalar(n *yaml.Node, field string) string {
	if n == nil {
		return ""
	}
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!str":
		r.fail(n, "%s has to be text", field)
		return ""
	case strings.TrimSpace(n.Value) == "":
		r.fail(n, "%s is empty", field)
		return ""
	case strings.TrimSpace(n.Value) != n.Value:
		r.fail(n, "%s begins or ends with a space", field)
	case strings.ContainsFunc(n.Value, unicode.IsControl):
		r.fail(n, "%s has a line break or another control character", field)
	}
	return n.Value
}

func join[T ~string](words []T) string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		out = append(out, string(w))
	}
	return strings.Join(out, ", ")
}
