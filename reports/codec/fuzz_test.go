package codec

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// trip proves that what a reader accepts is written and read back as the same
// value and the same bytes.
func trip[T any](t *testing.T, data []byte, decode func(string, []byte) (T, error), encode func(T) ([]byte, error)) {
	t.Helper()
	value, err := decode("f", data)
	if err != nil {
		if err.Error() == "" {
			t.Error("an error without words")
		}
		return
	}
	written, err := encode(value)
	if err != nil {
		// What was read at its limit may be too large once it is indented.
		if len(data) > 1<<14 {
			return
		}
		t.Fatalf("accepted, but not written: %v", err)
	}
	again, err := decode("f", written)
	if err != nil || !reflect.DeepEqual(again, value) {
		t.Fatalf("read back %+v, %v\nwant %+v", again, err, value)
	}
	if twice, err := encode(again); err != nil || !bytes.Equal(twice, written) {
		t.Fatalf("written twice, other bytes: %v", err)
	}
}

func FuzzReport(f *testing.F) {
	f.Add(read(f, samples+"report.json"))
	f.Fuzz(func(t *testing.T, data []byte) { trip(t, data, DecodeReport, EncodeReport) })
}

func FuzzEvidence(f *testing.F) {
	f.Add(read(f, samples+"evidence.json"))
	f.Fuzz(func(t *testing.T, data []byte) { trip(t, data, DecodeEvidence, EncodeEvidence) })
}

func FuzzCatalogue(f *testing.F) {
	f.Add(read(f, samples+"catalogue.json"))
	f.Fuzz(func(t *testing.T, data []byte) { trip(t, data, DecodeCatalogue, EncodeCatalogue) })
}

// FuzzSite proves that what is accepted can be written as JSON, which is YAML,
// and read back as the same.
func FuzzSite(f *testing.F) {
	f.Add(read(f, samples+"site.yaml"))
	f.Fuzz(func(t *testing.T, data []byte) {
		trip(t, data,
			func(name string, data []byte) (v1alpha1.Site, error) { return DecodeSite(name, data, norm()) },
			func(s v1alpha1.Site) ([]byte, error) { return json.Marshal(s) })
	})
}

func FuzzTarball(f *testing.F) {
	f.Add(archive(f, entry{resultsDir + "/report.json", 0, []byte("{}")}, entry{"../x", 0, nil}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := FromTarball(bytes.NewReader(data), Limits{Bytes: 1 << 20, Entries: 100}); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
