package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// DecodeSite reads a site file in YAML. The error is an *Error with every
// mistake, each with a suggestion where one is near. Anchors, aliases, tags
// and a second document are refused: what a reviewer reads is what counts.
func DecodeSite(name string, data []byte) (v1alpha1.Site, error) {
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
	site, err := fill[v1alpha1.Site](name, root, asJSON.Bytes())
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

// EncodeSite writes a site file in YAML, its fields in the order of the type.
func EncodeSite(site v1alpha1.Site) ([]byte, error) {
	var b bytes.Buffer
	line := func(indent, name, value string) error {
		if value == "" {
			return nil
		}
		// Text in double quotes means itself in YAML whatever it looks like.
		var quoted bytes.Buffer
		e := json.NewEncoder(&quoted)
		e.SetEscapeHTML(false)
		if err := e.Encode(value); err != nil {
			return fmt.Errorf("write field %s of the site file: %w", name, err)
		}
		b.WriteString(indent + name + ": " + quoted.String())
		return nil
	}
	var errs []error
	errs = append(errs,
		line("", "apiVersion", site.APIVersion),
		line("", "kind", site.Kind),
		line("", "name", site.Name),
		line("", "organisation", site.Organisation),
		line("", "contact", site.Contact),
		line("", "protectionNeed", string(site.ProtectionNeed)))
	if site.Images != (v1alpha1.SiteImages{}) {
		b.WriteString("images:\n")
		errs = append(errs, line("  ", "cold", site.Images.Cold))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	again, err := DecodeSite("site.yaml", b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("refuse to write a document that could not be read back: %w", err)
	}
	if again != site {
		return nil, errors.New("refuse to write a site file that would be read back as another: it has fields that this writer does not know, or text that is not UTF-8")
	}
	return b.Bytes(), nil
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
