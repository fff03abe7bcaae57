package check

import "testing"

type inner struct {
	N int `json:"n"`
}

type sample struct {
	Flag  bool           `json:"flag"`
	List  []inner        `json:"list"`
	Map   map[string]int `json:"map"`
	Maybe *inner         `json:"maybe,omitempty"`
}

// TestDecodeRefusesWhatIsAbsent proves that no field can be left out or be
// null and then be judged as a zero value.
func TestDecodeRefusesWhatIsAbsent(t *testing.T) {
	whole := `{"flag":true,"list":[{"n":1}],"map":{"a":1}}`
	for name, c := range map[string]struct {
		data string
		ok   bool
	}{
		"whole":                {whole, true},
		"empty list":           {`{"flag":true,"list":[],"map":{}}`, true},
		"optional given":       {`{"flag":true,"list":[],"map":{},"maybe":{"n":0}}`, true},
		"missing bool":         {`{"list":[],"map":{}}`, false},
		"null bool":            {`{"flag":null,"list":[],"map":{}}`, false},
		"missing list":         {`{"flag":true,"map":{}}`, false},
		"missing in element":   {`{"flag":true,"list":[{}],"map":{}}`, false},
		"null in element":      {`{"flag":true,"list":[{"n":null}],"map":{}}`, false},
		"null element":         {`{"flag":true,"list":[null],"map":{}}`, false},
		"null in map":          {`{"flag":true,"list":[],"map":{"a":null}}`, false},
		"missing in optional":  {`{"flag":true,"list":[],"map":{},"maybe":{}}`, false},
		"unknown field":        {`{"flag":true,"list":[],"map":{},"more":1}`, false},
		"wrong type":           {`{"flag":"yes","list":[],"map":{}}`, false},
		"trailing data":        {whole + `{}`, false},
		"truncated":            {whole[:20], false},
		"null document":        {`null`, false},
		"list for a structure": {`[]`, false},
	} {
		var s sample
		if err := Decode([]byte(c.data), &s); (err == nil) != c.ok {
			t.Errorf("%s: error %v, want ok %v", name, err, c.ok)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"flag":true,"list":[{"n":1}],"map":{"a":1}}`))
	f.Add([]byte(`{"flag":null}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var s sample
		_ = Decode(data, &s) // must not panic
	})
}
