package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Decode reads an observation strictly: an unknown field is an error, and so
// is a missing one unless its tag says omitempty. That is how an absent field
// is never taken for a zero value that happens to look good.
func Decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("decode: data after the end of the document")
	}
	var raw any
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return complete(reflect.TypeOf(into).Elem(), raw, "")
}

// complete reports the first field of t that raw does not have.
func complete(t reflect.Type, raw any, path string) error {
	for t.Kind() == reflect.Pointer {
		if raw == nil {
			return nil // an explicit null of an optional field
		}
		t = t.Elem()
	}
	if raw == nil && t.Kind() != reflect.Slice && t.Kind() != reflect.Map && t.Kind() != reflect.Interface {
		// encoding/json leaves such a field at its zero value without a word.
		return fmt.Errorf("field %q is null", strings.TrimPrefix(path, "."))
	}
	switch t.Kind() {
	case reflect.Struct:
		return completeStruct(t, raw, path)
	case reflect.Slice, reflect.Array:
		items, ok := raw.([]any)
		if !ok {
			return nil // bytes, or null: an empty list
		}
		for i, item := range items {
			if err := complete(t.Elem(), item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		entries, ok := raw.(map[string]any)
		if !ok {
			return nil
		}
		for key, entry := range entries {
			if err := complete(t.Elem(), entry, path+"."+key); err != nil {
				return err
			}
		}
	}
	return nil
}

func completeStruct(t reflect.Type, raw any, path string) error {
	if t.PkgPath() == "time" {
		return nil // written as one string
	}
	fields, ok := raw.(map[string]any)
	if !ok {
		return fmt.Errorf("field %q is %T, want an object", strings.TrimPrefix(path, "."), raw)
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if f.Anonymous && name == "" {
			if err := completeStruct(f.Type, raw, path); err != nil {
				return err
			}
			continue
		}
		value, there := fields[name]
		if !there {
			if strings.Contains(options, "omitempty") {
				continue
			}
			return fmt.Errorf("field %q is missing", strings.TrimPrefix(path+"."+name, "."))
		}
		if err := complete(f.Type, value, path+"."+name); err != nil {
			return err
		}
	}
	return nil
}
