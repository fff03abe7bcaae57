package codec

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

type entry struct {
	name string
	kind byte // 0 for a regular file
	data []byte
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(e.data))}
		if e.kind != 0 {
			h.Typeflag, h.Size, h.Linkname = e.kind, 0, "/etc/passwd"
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == 0 {
			if _, err := w.Write(e.data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFromTarball(t *testing.T) {
	report, evidence := read(t, samples+"report.json"), read(t, samples+"evidence.json")
	r, e := entry{resultsDir + "/report.json", 0, report}, entry{resultsDir + "/evidence.json", 0, evidence}
	inner := archive(t, entry{"./report.json", 0, report}, entry{"evidence.json", 0, evidence})
	big := entry{"hosts/a", 0, make([]byte, 1<<20)}
	other := bytes.Replace(evidence, []byte("r-7f3k2q"), []byte("r-000000"), 1)
	for _, c := range []struct {
		name   string
		data   []byte
		limits Limits
		want   string // in the error, empty for none
	}{
		{"plain", archive(t, entry{"meta/info.json", 0, []byte("{}")}, r, e), DefaultLimits(), ""},
		{"with a dot", archive(t, entry{"./" + r.name, 0, report}, entry{"./" + e.name, 0, evidence}), DefaultLimits(), ""},
		{"nested", archive(t, entry{resultsDir + "/results.tar.gz", 0, inner}), DefaultLimits(), ""},
		{"links and devices are passed over", archive(t, entry{"a", tar.TypeSymlink, nil}, entry{"b", tar.TypeLink, nil}, entry{"c", tar.TypeChar, nil}, entry{"d", tar.TypeFifo, nil}, r, e), DefaultLimits(), ""},
		{"another plugin's report is none", archive(t, entry{"plugins/e2e/results/global/report.json", 0, report}, e), DefaultLimits(), "no plugins/bvc/results/global/report.json in it"},
		{"link in place of the report", archive(t, entry{r.name, tar.TypeSymlink, nil}, e), DefaultLimits(), `entry 1, "plugins/bvc/results/global/report.json": it is a symbolic link, not a regular file`},
		{"nothing", archive(t), DefaultLimits(), "is it a result of this plugin"},
		{"escape", archive(t, entry{"../../etc/passwd", 0, nil}, r, e), DefaultLimits(), "the path leaves the archive"},
		{"escape inside", archive(t, entry{"plugins/../../x", 0, nil}, r, e), DefaultLimits(), "the path leaves the archive"},
		{"escape by backslash", archive(t, entry{`..\x`, 0, nil}, r, e), DefaultLimits(), "the path leaves the archive"},
		{"absolute", archive(t, entry{"/" + r.name, 0, report}, e), DefaultLimits(), "the path leaves the archive"},
		{"twice", archive(t, r, e, r), DefaultLimits(), "is there twice"},
		{"plain and nested", archive(t, r, e, entry{resultsDir + "/results.tar.gz", 0, inner}), DefaultLimits(), "is there twice"},
		{"too many entries", archive(t, big, big, r, e), Limits{Bytes: 1 << 30, Entries: 3}, "holds more than is read"},
		{"too many bytes", archive(t, big, r, e), Limits{Bytes: 1 << 19, Entries: 10}, "holds more than is read"},
		{"no limits are no reading", archive(t, r, e), Limits{}, "holds more than is read"},
		{"nested bomb", archive(t, entry{resultsDir + "/results.tar.gz", 0, archive(t, big)}), Limits{Bytes: 1 << 19, Entries: 10}, "holds more than is read"},
		{"report too large", archive(t, entry{r.name, 0, make([]byte, 1<<20)}, e), DefaultLimits(), "holds more than is read"},
		{"report broken", archive(t, entry{r.name, 0, []byte("{")}, e), DefaultLimits(), "report.json:1:2:"},
		{"of another run", archive(t, r, entry{e.name, 0, other}), DefaultLimits(), `global/report.json is of run "r-7f3k2q", plugins/bvc/results/global/evidence.json of run "r-000000"`},
		{"not gzip", []byte("hello"), DefaultLimits(), "open the gzip stream"},
		{"cut", archive(t, big, r, e)[:500], DefaultLimits(), "unexpected EOF"},
		{"empty", nil, DefaultLimits(), "open the gzip stream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := FromTarball(bytes.NewReader(c.data), c.limits)
			if c.want == "" {
				if err != nil || b.Report.Run.ID != "r-7f3k2q" || !bytes.Equal(b.ReportBytes, report) || !bytes.Equal(b.EvidenceBytes, evidence) {
					t.Errorf("run %q, error %v", b.Report.Run.ID, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %s", err, c.want)
			}
		})
	}
}

// TestBombEndsEarly proves that a stream that expands for ever is not read
// further than the limit.
func TestBombEndsEarly(t *testing.T) {
	from, to := io.Pipe()
	go func() {
		z := gzip.NewWriter(to)
		w := tar.NewWriter(z)
		err := w.WriteHeader(&tar.Header{Name: "bomb", Typeflag: tar.TypeReg, Size: 1 << 50})
		block := make([]byte, 1<<16)
		for err == nil {
			_, err = w.Write(block)
		}
	}()
	_, err := FromTarball(from, Limits{Bytes: 1 << 24, Entries: 10})
	if closeErr := from.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestReadBundle(t *testing.T) {
	if b, err := ReadBundle(os.DirFS(samples)); err != nil || b.Report.Run.ID != b.Evidence.RunID {
		t.Errorf("run %q, error %v", b.Report.Run.ID, err)
	}
	report := &fstest.MapFile{Data: read(t, samples+"report.json")}
	for name, c := range map[string]struct {
		dir  fstest.MapFS
		want string
	}{
		"no report":   {fstest.MapFS{}, "look for report.json in the bundle"},
		"no evidence": {fstest.MapFS{"report.json": report}, "look for evidence.json in the bundle"},
		"a directory": {fstest.MapFS{"report.json": &fstest.MapFile{Mode: fs.ModeDir}}, "not a regular file"},
		"a link":      {fstest.MapFS{"report.json": &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("secret.json")}, "secret.json": report}, "not a regular file"},
		"too large":   {fstest.MapFS{"report.json": &fstest.MapFile{Data: make([]byte, 1<<20)}}, "at most 524288 are allowed"},
	} {
		if _, err := ReadBundle(c.dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}
