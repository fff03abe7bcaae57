package codec

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// trip proves that what a reader accepts is written and read back as the same
// value and the same bytes.
func trip[T any](t *testing.T, data []byte, decode func(string, []byte) (T, error), encode func(T) ([]byte, error)) {
	t.Helper()
	value, err := decode("f", data)
	if err != nil {
		boundedError(t, err, data)
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
	f.Fuzz(func(t *testing.T, data []byte) {
		trip(t, data, DecodeReport, EncodeReport)
		if _, err := DecodeReport("f", data); err != nil {
			return
		}
		// bvc report -o json shows the bytes as they are.
		space := strings.NewReplacer("\t", " ", "\r", " ")
		for line := range strings.SplitSeq(string(data), "\n") {
			if line = space.Replace(line); v1alpha1.Plain(line, len(line)) != line {
				t.Errorf("read, and can not be shown: %q", line)
			}
		}
	})
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

// FuzzTarball mutates the packed bytes, FuzzArchive the archive in them.
func FuzzTarball(f *testing.F) {
	f.Add(archive(f, entry{resultsDir + "/report.json", 0, []byte("{}")}, entry{"../x", 0, nil}))
	f.Fuzz(func(t *testing.T, data []byte) { tarball(t, data) })
}

func FuzzArchive(f *testing.F) {
	for _, a := range tarAttacks(f) {
		if len(a.data) < 1<<16 {
			f.Add(a.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var packed bytes.Buffer
		z, err := gzip.NewWriterLevel(&packed, gzip.NoCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		tarball(t, packed.Bytes())
		// A stream that is cut is never a whole one.
		if _, err := FromTarball(bytes.NewReader(packed.Bytes()[:packed.Len()-1]), smallLimits()); err == nil {
			t.Error("a tarball without its last byte was read")
		}
	})
}

// tarball proves of any stream that it is read within its limits, that a
// bundle in it is good by itself, and that an error can be shown.
func tarball(t *testing.T, data []byte) {
	t.Helper()
	limits := Limits{Bytes: 1 << 20, Entries: 100}
	from := &counter{from: bytes.NewReader(data)}
	b, err := FromTarball(from, limits)
	if from.n > limits.Bytes {
		t.Errorf("%d bytes were read", from.n)
	}
	if err != nil {
		text := err.Error()
		if !strings.HasPrefix(text, "read the tarball: ") || len(text) > (2*maxMistakes+1)*8*(2*maxPlace+maxMessage) {
			t.Errorf("error of %d bytes: %.300q", len(text), text)
		}
		for line := range strings.SplitSeq(text, "\n") {
			if v1alpha1.Plain(line, 2000) != line {
				t.Errorf("can not be shown: %q", line)
			}
		}
		return
	}
	again, err := NewBundle(b.ReportBytes, b.EvidenceBytes)
	if err != nil || !reflect.DeepEqual(again, b) || b.Report.Run.ID != b.Evidence.RunID {
		t.Errorf("read as something else than its files: %v", err)
	}
}

// counter counts what is read of a stream.
type counter struct {
	from io.Reader
	n    int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}
