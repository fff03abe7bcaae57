// Gen writes the JSON Schemas of the published formats. They are made from
// the Go types by reflection, with the comments as descriptions and the typed
// constants as enumerations, both read from the sources: nothing is said
// twice, so nothing can be said differently.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1/schema"
)

// document is one schema to write.
type document struct {
	name string
	of   reflect.Type
	kind string // the value of the field kind, empty for a document without
}

func documents() []document {
	return []document{
		{schema.Catalogue, reflect.TypeFor[v1alpha1.Catalogue](), ""},
		{schema.ConformanceReport, reflect.TypeFor[v1alpha1.ConformanceReport](), v1alpha1.KindConformanceReport},
		{schema.Evidence, reflect.TypeFor[v1alpha1.Evidence](), v1alpha1.KindEvidence},
		{schema.Site, reflect.TypeFor[v1alpha1.Site](), v1alpha1.KindSite},
	}
}

func main() {
	sources := flag.String("sources", "reports/v1alpha1", "directory of the Go types")
	out := flag.String("out", "reports/v1alpha1/schema", "directory of the schemas")
	flag.Parse()
	if err := write(*sources, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(sources, out string) error {
	words, err := read(sources)
	if err != nil {
		return err
	}
	for _, d := range documents() {
		data, err := words.schema(d)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, d.name+".schema.json"), data, 0o644); err != nil { //nolint:gosec // a published file
			return fmt.Errorf("write the schema %s: %w", d.name, err)
		}
	}
	return nil
}

// source is what the Go files say besides the types.
type source struct {
	comments map[string]string   // by Type and Type.Field
	enums    map[string][]string // by type, in the order of the constants
}

func read(dir string) (source, error) {
	s := source{comments: map[string]string{}, enums: map[string][]string{}}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return s, fmt.Errorf("list the sources: %w", err)
	}
	sort.Strings(files)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return s, fmt.Errorf("parse the sources: %w", err)
		}
		for _, d := range file.Decls {
			if g, is := d.(*ast.GenDecl); is {
				s.declaration(g)
			}
		}
	}
	if len(s.comments) == 0 {
		return s, fmt.Errorf("no types in %s", dir)
	}
	return s, nil
}

func (s source) declaration(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			doc := spec.Doc
			if doc == nil {
				doc = g.Doc
			}
			s.comment(spec.Name.Name, doc)
			if t, is := spec.Type.(*ast.StructType); is {
				for _, f := range t.Fields.List {
					for _, n := range f.Names {
						s.comment(spec.Name.Name+"."+n.Name, f.Doc)
					}
				}
			}
		case *ast.ValueSpec:
			of, typed := spec.Type.(*ast.Ident)
			if g.Tok != token.CONST || !typed {
				continue
			}
			for _, v := range spec.Values {
				if literal, is := v.(*ast.BasicLit); is && literal.Kind == token.STRING {
					if word, err := strconv.Unquote(literal.Value); err == nil {
						s.enums[of.Name] = append(s.enums[of.Name], word)
					}
				}
			}
		}
	}
}

func (s source) comment(name string, doc *ast.CommentGroup) {
	if text := strings.Join(strings.Fields(doc.Text()), " "); text != "" {
		s.comments[name] = text
	}
}

// object is a JSON object that keeps the order in which it was made.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, v := range []any{m.name, m.value} {
			if j == 1 {
				b.WriteByte(':')
			}
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			if err := e.Encode(v); err != nil {
				return nil, fmt.Errorf("encode %s: %w", m.name, err)
			}
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (s source) schema(d document) ([]byte, error) {
	b := builder{source: s, made: map[string]object{}, kind: d.kind}
	root := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "https://conformance.opencode.de/v1alpha1/" + d.name + ".schema.json"},
		{"title", d.of.Name()},
	}
	root = append(root, b.structure(d.of)...)
	names := make([]string, 0, len(b.made))
	for name := range b.made {
		names = append(names, name)
	}
	sort.Strings(names)
	var defs object
	for _, name := range names {
		defs = append(defs, member{name, b.made[name]})
	}
	root = append(root, member{"$defs", defs})
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("encode the schema %s: %w", d.name, err)
	}
	return out.Bytes(), nil
}

type builder struct {
	source
	made map[string]object
	kind string
}

// structure gives the members of a struct's schema. Unknown fields are not
// allowed, as in the readers.
func (b *builder) structure(t reflect.Type) object {
	var properties object
	var required []string
	b.fields(t, &properties, &required)
	o := object{{"type", "object"}}
	if c := b.comments[t.Name()]; c != "" {
		o = object{{"description", c}, o[0]}
	}
	o = append(o, member{"additionalProperties", false}, member{"properties", properties})
	if len(required) > 0 {
		o = append(o, member{"required", required})
	}
	return o
}

func (b *builder) fields(t reflect.Type, properties *object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			b.fields(f.Type, properties, required)
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			*required = append(*required, name)
		}
		field := b.of(f.Type)
		if t == reflect.TypeFor[v1alpha1.TypeMeta]() {
			field = object{{"const", map[string]string{"apiVersion": v1alpha1.APIVersion, "kind": b.kind}[name]}}
		}
		if c := b.comments[t.Name()+"."+f.Name]; c != "" {
			field = append(object{{"description", c}}, field...)
		}
		*properties = append(*properties, member{name, field})
	}
}

func (b *builder) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{{"type", "string"}, {"format", "date-time"}, {"pattern", "Z$"}}
	case t == reflect.TypeFor[v1alpha1.Date]():
		return b.described(t, object{{"type", "string"}, {"format", "date"}})
	case t == reflect.TypeFor[json.RawMessage]():
		return object{}
	case t.Kind() == reflect.Pointer:
		return b.of(t.Elem())
	case t.Kind() == reflect.Slice:
		return object{{"type", "array"}, {"items", b.of(t.Elem())}}
	case t.Kind() == reflect.Bool:
		return object{{"type", "boolean"}}
	case t.Kind() == reflect.Float64:
		return object{{"type", "number"}}
	case t.Kind() == reflect.String:
		if words := b.enums[t.Name()]; t.PkgPath() != "" && len(words) > 0 {
			b.made[t.Name()] = b.described(t, object{{"type", "string"}, {"enum", words}})
			return reference(t)
		}
		return object{{"type", "string"}}
	case t.Kind() == reflect.Struct:
		if _, there := b.made[t.Name()]; !there {
			b.made[t.Name()] = nil // a type that holds itself ends here
			b.made[t.Name()] = b.structure(t)
		}
		return reference(t)
	}
	return object{{"type", "integer"}}
}

func (b *builder) described(t reflect.Type, o object) object {
	if c := b.comments[t.Name()]; c != "" {
		return append(object{{"description", c}}, o...)
	}
	return o
}

func reference(t reflect.Type) object { return object{{"$ref", "#/$defs/" + t.Name()}} }
