package codec

import (
	"fmt"
	"reflect"
	"unicode/utf8"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// textType is free text. Named string types have words or formats of their
// own, which Validate knows.
var textType = reflect.TypeFor[string]()

// texts names each text of a document that is too long or that a terminal or
// a reader's eye could take for something else: control characters, line
// breaks, characters that turn the direction of text.
func texts(v reflect.Value, path string) v1alpha1.FieldErrors {
	var all v1alpha1.FieldErrors
	switch {
	case v.Type() == timeType || v.Type() == rawType:
	case v.Type() == textType:
		if message := unfit(v.String()); message != "" {
			all = append(all, v1alpha1.FieldError{Path: path, Message: message})
		}
	case v.Kind() == reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			all = append(all, texts(v.FieldByIndex(f.index), join(path, f.name))...)
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		all = append(all, texts(v.Elem(), path)...)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			all = append(all, texts(v.Index(i), fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return all
}

// unfit says why a text is refused, nothing for a good one.
func unfit(s string) string {
	if n := utf8.RuneCountInString(s); n > maxText {
		return fmt.Sprintf("has %d characters, at most %d are allowed", n, maxText)
	}
	plain := v1alpha1.Plain(s, maxText)
	if plain == s {
		return ""
	}
	shown := []rune(plain)
	for i, r := range []rune(s) {
		if i >= len(shown) || shown[i] != r {
			return fmt.Sprintf("character %d is %U, which is not shown as itself; leave out control, line-break and text-direction characters", i+1, r)
		}
	}
	return "" // Plain never only adds
}
