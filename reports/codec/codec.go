package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// validator is what every published document has.
type validator interface{ Validate() error }

// DecodeReport reads a report.json. name is the file's name for messages. The
// error is an *Error with every mistake.
func DecodeReport(name string, data []byte) (v1alpha1.ConformanceReport, error) {
	return decodeJSON[v1alpha1.ConformanceReport](name, data, v1alpha1.MaxReportBytes)
}

// EncodeReport writes a report.json: indented, with a newline at its end. Text
// is written as v1alpha1.Plain gives it. It refuses a report that DecodeReport
// would refuse, so that a broken one is noticed where it was made.
func EncodeReport(r v1alpha1.ConformanceReport) ([]byte, error) {
	return encodeJSON(v1alpha1.ReportFile, r, v1alpha1.MaxReportBytes)
}

// DecodeEvidence reads an evidence.json as DecodeReport does a report.
func DecodeEvidence(name string, data []byte) (v1alpha1.Evidence, error) {
	return decodeJSON[v1alpha1.Evidence](name, data, v1alpha1.MaxEvidenceBytes)
}

// EncodeEvidence writes an evidence.json as EncodeReport does a report. An
// observation over v1alpha1.MaxObservationBytes is an error, never cut.
func EncodeEvidence(e v1alpha1.Evidence) ([]byte, error) {
	e, err := compactEvidence(e)
	if err != nil {
		return nil, err
	}
	return encodeJSON(v1alpha1.EvidenceFile, e, v1alpha1.MaxEvidenceBytes)
}

// DecodeCatalogue reads a catalogue as `bvc catalogue -o json` writes it.
func DecodeCatalogue(name string, data []byte) (v1alpha1.Catalogue, error) {
	return decodeJSON[v1alpha1.Catalogue](name, data, MaxCatalogueBytes)
}

// EncodeCatalogue writes a catalogue as EncodeReport does a report.
func EncodeCatalogue(c v1alpha1.Catalogue) ([]byte, error) {
	return encodeJSON("catalogue.json", c, MaxCatalogueBytes)
}

// compactEvidence takes the indentation out of the observations, so that their
// size does not depend on how a file was laid out.
func compactEvidence(e v1alpha1.Evidence) (v1alpha1.Evidence, error) {
	observations := make([]v1alpha1.Observation, len(e.Observations))
	for i, o := range e.Observations {
		if len(o.Data) == 0 {
			o.Data = json.RawMessage("null")
		}
		var b bytes.Buffer
		if err := json.Compact(&b, o.Data); err != nil {
			return v1alpha1.Evidence{}, fmt.Errorf("compact the observation of probe %q: %w", o.Probe, err)
		}
		o.Data = b.Bytes()
		observations[i] = o
	}
	e.Observations = observations
	return e, nil
}

func decodeJSON[T validator](name string, data []byte, most int) (T, error) {
	var none T
	if len(data) > most {
		return none, tooLarge(name, len(data), most)
	}
	root, m := parseJSON(data)
	if m != nil {
		return none, &Error{File: name, Mistakes: []Mistake{*m}}
	}
	return fill(name, root, data, func(value T) error {
		all := append(v1alpha1.AsFieldErrors(value.Validate()), texts(reflect.ValueOf(value), "")...)
		if len(all) == 0 {
			return nil
		}
		return all
	})
}

func tooLarge(name string, size, most int) error {
	return &Error{File: name, Mistakes: []Mistake{{Line: 1, Column: 1, Message: fmt.Sprintf("has %d bytes, at most %d are allowed", size, most)}}}
}

// fill checks the shape of a document, makes the value from its JSON and
// validates it; the FieldErrors of validate get their places in the document.
func fill[T any](name string, root *node, asJSON []byte, validate func(T) error) (T, error) {
	var none, value T
	s := &shape{places: map[string]position{}}
	s.check(root, reflect.TypeFor[T](), "")
	if s.full {
		return none, s.refusal(name)
	}
	err := json.Unmarshal(asJSON, &value)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err != nil && len(s.mistakes) == 0:
		return none, &Error{File: name, Mistakes: []Mistake{{Line: 1, Column: 1, Message: err.Error()}}}
	case err != nil && !errors.As(err, &wrongType):
		return none, s.refusal(name) // reading stopped; what follows is not known
	}
	unindent(&value)
	// One pass names every mistake, and none of them twice.
	named := map[string]bool{}
	for _, m := range s.mistakes {
		named[m.Path] = true
		if field, is := strings.CutPrefix(m.Message, "field \""); is {
			field, _, _ = strings.Cut(field, "\"")
			named[join(m.Path, field)] = true
		}
	}
	if err = validate(value); err != nil {
		all := v1alpha1.AsFieldErrors(err)
		if all == nil {
			return none, fmt.Errorf("validate %s: %w", name, err)
		}
		for _, f := range all {
			if !named[f.Path] && !s.inClosed(f.Path) {
				s.add(s.place(f.Path), f.Path, "%s", f.Message)
			}
		}
	}
	if len(s.mistakes) == 0 {
		return value, nil
	}
	return none, s.refusal(name)
}

// refusal makes the error of a document from its mistakes.
func (s *shape) refusal(name string) error {
	sort.SliceStable(s.mistakes, func(i, j int) bool {
		a, b := s.mistakes[i], s.mistakes[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	if more := len(s.mistakes) - maxMistakes; more > 0 {
		last := s.mistakes[maxMistakes]
		message := fmt.Sprintf("and %d more mistakes", more)
		if s.full {
			message = fmt.Sprintf("and more than %d more mistakes; the document was read no further", more)
		}
		s.mistakes = append(s.mistakes[:maxMistakes:maxMistakes], Mistake{Line: last.Line, Column: last.Column, Message: message})
	}
	return &Error{File: name, Mistakes: s.mistakes}
}

// unindent compacts what keeps its layout when it is read.
func unindent(value any) {
	e, is := value.(*v1alpha1.Evidence)
	if !is {
		return
	}
	if c, err := compactEvidence(*e); err == nil {
		*e = c
	}
}

// place finds a path in the document, or the nearest thing that holds it.
func (s *shape) place(path string) position {
	for path != "" {
		if at, there := s.places[path]; there {
			return at
		}
		path = path[:max(strings.LastIndexByte(path, '.'), strings.LastIndexByte(path, '['), 0)]
	}
	if at, there := s.places[""]; there {
		return at
	}
	return position{1, 1}
}

func encodeJSON[T validator](name string, value T, most int) ([]byte, error) {
	v := reflect.New(reflect.TypeFor[T]()).Elem()
	v.Set(reflect.ValueOf(value))
	normalise(v)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v.Interface()); err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := decodeJSON[T](name, b.Bytes(), most); err != nil {
		return nil, fmt.Errorf("refuse to write a document that could not be read back: %w", err)
	}
	return b.Bytes(), nil
}
