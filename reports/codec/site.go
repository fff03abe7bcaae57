package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// DecodeSite reads a site file in YAML, whose answers and waivers name
// statements and checks of the catalogue. The error is an *Error with every
// mistake, each with a suggestion where one is near. Anchors, aliases, tags
// and a second document are refused: what a reviewer reads is what counts.
func DecodeSite(name string, data []byte, cat v1alpha1.Catalogue) (v1alpha1.Site, error) {
	var none v1alpha1.Site
	if len(data) > MaxSiteBytes {
		return none, tooLarge(name, len(data), MaxSiteBytes)
	}
	at := func(line, column int, message string) error {
		return &Error{File: name, Mistakes: []Mistake{{Line: max(line, 1), Column: max(column, 1), Message: message}}}
	}
	if !utf8.Valid(data) {
		return none, at(1, 1, "is not valid UTF-8")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return none, at(1, 1, "the file is empty")
	} else if err != nil {
		line, message := yamlError(err)
		return none, at(line, 1, message)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return none, at(second.Line, second.Column, "a second document; a site file has one")
	} else if !errors.Is(err, io.EOF) {
		line, message := yamlError(err)
		return none, at(line, 1, message)
	}
	if len(document.Content) != 1 {
		return none, at(1, 1, "the file is empty")
	}
	y := &yamlReader{}
	root := y.node(document.Content[0], "", 0)
	if len(y.mistakes) > 0 {
		if len(y.mistakes) > maxMistakes {
			y.mistakes = y.mistakes[:maxMistakes]
		}
		if y.broken {
			return none, &Error{File: name, Mistakes: y.mistakes}
		}
	}
	var asJSON bytes.Buffer
	if err := writeNode(&asJSON, root); err != nil {
		return none, fmt.Errorf("read %s: %w", name, err)
	}
	site, err := fill(name, root, asJSON.Bytes(), func(s v1alpha1.Site) error {
		all := append(v1alpha1.AsFieldErrors(s.Validate()), ids(s, cat)...)
		if len(all) == 0 {
			return nil
		}
		return all
	})
	var refused *Error
	if errors.As(err, &refused) {
		refused.Mistakes = append(y.mistakes, refused.Mistakes...)
		return none, refused
	}
	if err == nil && len(y.mistakes) > 0 {
		return none, &Error{File: name, Mistakes: y.mistakes}
	}
	return site, err
}

// ids names every ID of a site file that the catalogue does not have, and
// answers to what is measured.
func ids(s v1alpha1.Site, cat v1alpha1.Catalogue) v1alpha1.FieldErrors {
	var all v1alpha1.FieldErrors
	add := func(path, format string, args ...any) {
		all = append(all, v1alpha1.FieldError{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	questions := map[string]bool{}
	var statements, checks []string
	for _, q := range cat.Requirements {
		for _, st := range q.Statements {
			statements, questions[st.ID] = append(statements, st.ID), st.Question != nil
		}
	}
	for _, k := range cat.Checks {
		checks = append(checks, k.ID)
	}
	for i, a := range s.Answers {
		path := fmt.Sprintf("answers[%d].statement", i)
		asked, there := questions[a.Statement]
		switch {
		case a.Statement == "":
		case !there:
			add(path, "the catalogue has no statement %s%s; bvc catalogue lists them", shorten(a.Statement), nearest(a.Statement, statements))
		case !asked:
			add(path, "%s is measured; the catalogue has no question to answer", a.Statement)
		}
	}
	for i, w := range s.Waivers {
		if w.Check != "" && !slices.Contains(checks, w.Check) {
			add(fmt.Sprintf("waivers[%d].check", i), "there is no check %s%s; bvc catalogue lists them", shorten(w.Check), nearest(w.Check, checks))
		}
	}
	return all
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// yamlError takes the line out of an error of the YAML parser.
func yamlError(err error) (int, string) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	found := yamlLine.FindStringSubmatch(message)
	if found == nil {
		return 1, "is not YAML: " + message
	}
	line, _ := strconv.Atoi(found[1]) // digits by the expression
	return line, "is not YAML: " + strings.Replace(message, found[0], "", 1)
}

// yamlReader turns YAML into nodes and collects what is refused.
type yamlReader struct {
	mistakes []Mistake
	// broken says that the nodes do not hold what the document says, so that
	// looking at their shape would give mistakes that are not there.
	broken bool
}

func (y *yamlReader) refuse(n *yaml.Node, path, format string, args ...any) {
	y.mistakes = append(y.mistakes, Mistake{Line: n.Line, Column: n.Column, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (y *yamlReader) node(n *yaml.Node, path string, depth int) *node {
	out := &node{kind: nullNode, at: position{n.Line, n.Column}}
	switch {
	case depth > maxDepth:
		y.broken = true
		y.refuse(n, path, "nests deeper than %d", maxDepth)
		return out
	case n.Kind == yaml.AliasNode:
		y.broken = true
		y.refuse(n, path, "an alias; write the value out")
		return out
	case n.Anchor != "":
		y.refuse(n, path, "an anchor; a site file needs none")
	case n.Style&yaml.TaggedStyle != 0:
		y.refuse(n, path, "a tag (%s); a site file needs none", shorten(n.Tag))
	}
	switch n.Kind {
	case yaml.MappingNode:
		out.kind = objectNode
		y.fields(n, out, path, depth)
	case yaml.SequenceNode:
		out.kind = listNode
		for i, item := range n.Content {
			out.items = append(out.items, y.node(item, fmt.Sprintf("%s[%d]", path, i), depth+1))
		}
	case yaml.ScalarNode:
		out.kind, out.text = scalar(n)
	}
	return out
}

func (y *yamlReader) fields(n *yaml.Node, out *node, path string, depth int) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" || key.Anchor != "" {
			y.broken = true
			y.refuse(key, path, "a field name is expected here")
			continue
		}
		if line, twice := seen[key.Value]; twice {
			y.refuse(key, path, "field %s is there twice, first in line %d", shorten(key.Value), line)
			continue
		}
		seen[key.Value] = key.Line
		out.fields = append(out.fields, field{name: key.Value, at: position{key.Line, key.Column}, value: y.node(value, join(path, key.Value), depth+1)})
	}
}

// scalar gives what a scalar is. Numbers of YAML that JSON does not know
// (0x10, .inf) stay text: no field of a site file wants them.
func scalar(n *yaml.Node) (nodeKind, string) {
	switch n.ShortTag() {
	case "!!null":
		return nullNode, "null"
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return boolNode, strconv.FormatBool(b)
		}
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return numberNode, n.Value
		}
	}
	return textNode, n.Value
}

// writeNode writes a node as JSON.
func writeNode(b *bytes.Buffer, n *node) error {
	text := func(s string) error {
		data, err := json.Marshal(s)
		b.Write(data)
		return err
	}
	switch n.kind {
	case objectNode:
		b.WriteByte('{')
		for i, f := range n.fields {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := text(f.name); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := writeNode(b, f.value); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case listNode:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeNode(b, item); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case textNode:
		return text(n.text)
	default:
		b.WriteString(n.text)
	}
	return nil
}
