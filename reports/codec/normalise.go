package codec

import (
	"reflect"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// normalise gives every list that is always written an empty value instead of
// null, and every time in UTC without a monotonic reading: two values that
// say the same get the same bytes. Text becomes a plain line of at most
// maxText characters: what a cluster says (a line break in an error of its API
// server) must not be why a run ends without a report. v must be addressable.
// Lists are copied before anything in them is changed, because the caller
// keeps its own.
func normalise(v reflect.Value) {
	switch {
	case v.Type() == timeType:
		v.Set(reflect.ValueOf(v.Interface().(time.Time).UTC().Round(0)))
	case v.Type() == rawType:
	case v.Type() == textType:
		v.SetString(v1alpha1.Plain(v.String(), maxText))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			normalise(v.Field(i))
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(v.Elem())
		normalise(c.Elem())
		v.Set(c)
	case v.Kind() == reflect.Slice:
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		for i := range c.Len() {
			normalise(c.Index(i))
		}
		v.Set(c)
	}
}
