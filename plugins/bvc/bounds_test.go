package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

type entry struct {
	name string
	kind byte
	data []byte
}

// tarball is a gzip-compressed tar archive.
func tarball(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o600}
		if e.kind == tar.TypeReg {
			h.Size = int64(len(e.data))
		} else {
			h.Linkname = "/etc/passwd"
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// refusedInOneLine wants a message that names the trouble and is no dump of it.
func refusedInOneLine(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	} else if len(err.Error()) > 500 || notForPeople.MatchString(err.Error()) {
		t.Errorf("not for people: %v", err)
	}
}

func TestFirstFile(t *testing.T) {
	inside := []byte("the tarball of the aggregator")
	file := entry{"202611210300_sonobuoy.tar.gz", tar.TypeReg, inside}
	whole := tarball(t, file)
	noise := make([]byte, 64<<10)
	for i := range noise { // not compressible, so that a cut falls into it
		noise[i] = byte(i * i >> 3)
	}
	large := tarball(t, entry{"large", tar.TypeReg, noise})
	for _, c := range []struct {
		name string
		data []byte
		want string // in the error, empty for none
	}{
		{"one file", whole, ""},
		{"a directory before it", tarball(t, entry{"tmp/", tar.TypeDir, nil}, file), ""},
		{"a link before it", tarball(t, entry{"latest", tar.TypeSymlink, nil}, file), ""},
		// Nothing is written by this name, so it can do no harm.
		{"a path that leaves the archive", tarball(t, entry{"../../etc/passwd", tar.TypeReg, inside}), ""},
		{"only a link", tarball(t, entry{"latest", tar.TypeSymlink, nil}), "look for the tarball in the archive"},
		{"no file", tarball(t), "look for the tarball in the archive"},
		{"nothing at all", nil, "open the archive"},
		{"no gzip", []byte("error: container not found"), "open the archive"},
		{"cut in the gzip header", whole[:5], "open the archive"},
		{"cut in the tar header", whole[:30], "look for the tarball in the archive"},
		{"cut in the file", large[:len(large)/2], "read the tarball"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := firstFile(bytes.NewReader(c.data))
			if c.want != "" {
				refusedInOneLine(t, err, c.want)
				return
			}
			if err != nil || !bytes.Equal(got, inside) {
				t.Errorf("%q, error %v", got, err)
			}
		})
	}
}

// zeros is an endless file that is no work to make.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestFirstFileTooLarge sends more than a cluster may make us hold.
func TestFirstFileTooLarge(t *testing.T) {
	from, to := io.Pipe()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		// Stored, not compressed: the test is about the reader.
		z, err := gzip.NewWriterLevel(to, gzip.NoCompression)
		if err == nil {
			w := tar.NewWriter(z)
			if err = w.WriteHeader(&tar.Header{Name: "bomb", Typeflag: tar.TypeReg, Size: 1 << 40}); err == nil {
				_, err = io.Copy(w, zeros{})
			}
		}
		to.CloseWithError(err)
	}()
	_, err := firstFile(from)
	if closeErr := from.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	<-sent
	refusedInOneLine(t, err, "the tarball is larger than 256 MiB")
}

func TestReadSite(t *testing.T) {
	const good = "apiVersion: conformance.opencode.de/v1alpha1\nkind: Site\nname: a\norganisation: b\nprotectionNeed: high\n"
	dir := t.TempDir()
	path := filepath.Join(dir, "site.yaml")
	file := func(data string) func() { return func() { write(t, path, []byte(data)) } }
	for _, c := range []struct {
		name string
		make func()
		want string // in the error, empty for none
	}{
		{"good", file(good), ""},
		{"a link, as in a mounted ConfigMap", func() {
			write(t, filepath.Join(dir, "..data"), []byte(good))
			if err := os.Symlink("..data", path); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"missing", func() {}, "no such file"},
		{"a link to nothing", func() {
			if err := os.Symlink("nothing", path); err != nil {
				t.Fatal(err)
			}
		}, "no such file"},
		{"a directory", func() {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is a directory"},
		{"empty", file(""), "the file is empty"},
		{"only comments", file("# nothing yet\n"), "the file is empty"},
		{"not UTF-8", file("name: Rechenzentrum M\xfcnchen\n"), "is not valid UTF-8"},
		{"binary", file("\x1f\x8b\x08\x00"), "is not valid UTF-8"},
		{"too large", file(good + strings.Repeat("#", codec.MaxSiteBytes)), "at most 196608 are allowed"},
		{"no protection need", file(strings.Replace(good, "protectionNeed: high\n", "", 1)), "protectionNeed"},
		{"misspelled field", file(strings.Replace(good, "protectionNeed", "protektionNeed", 1)), "protektionNeed"},
		{"bomb of aliases", file("a: &a [x, x]\nb: &b [*a, *a]\nname: *b\n"), "an alias"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			c.make()
			s, err := readSite(path)
			if c.want == "" {
				if err != nil || s.ProtectionNeed != v1alpha1.NeedHigh || string(s.raw) != good {
					t.Errorf("%+v, error %v", s.Site, err)
				}
				return
			}
			refusedInOneLine(t, err, c.want)
			var coded *exitError
			if !errors.As(err, &coded) || coded.code != exitUsage {
				t.Errorf("%v is not the user's to mend", err)
			}
		})
	}
}

// TestReadSiteIsBounded proves that a path given by mistake is not read whole.
func TestReadSiteIsBounded(t *testing.T) {
	const size = 64 << 20
	path := filepath.Join(t.TempDir(), "disk.img")
	write(t, path, nil)
	if err := os.Truncate(path, size); err != nil { // sparse: takes no room
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readSite(path)
	runtime.ReadMemStats(&after)
	refusedInOneLine(t, err, "at most 196608 are allowed")
	if took := after.TotalAlloc - before.TotalAlloc; took > size/8 {
		t.Errorf("took %d MiB of memory", took>>20)
	}
}

func TestOpenBundle(t *testing.T) {
	b := bundle(t, nil, nil)
	const in = "plugins/bvc/results/global/"
	r, e := entry{in + v1alpha1.ReportFile, tar.TypeReg, b.ReportBytes}, entry{in + v1alpha1.EvidenceFile, tar.TypeReg, b.EvidenceBytes}
	dir := func(edit func(dir string)) string {
		d := bundleDir(t, b)
		edit(d)
		return d
	}
	file := func(data []byte) string {
		path := filepath.Join(t.TempDir(), "sonobuoy.tar.gz")
		write(t, path, data)
		return path
	}
	link := func(from, to string) {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	whole := tarball(t, r, e)
	linked := filepath.Join(t.TempDir(), "latest")
	link(bundleDir(t, b), linked)
	for _, c := range []struct {
		name, path string
		want       string // in the error, empty for none
	}{
		{"directory", bundleDir(t, b), ""},
		{"tarball", file(whole), ""},
		// The user's own link to the whole bundle is the user's business.
		{"link to a directory", linked, ""},
		{"missing", filepath.Join(t.TempDir(), "gone"), "no such file"},
		{"empty directory", t.TempDir(), "report.json"},
		{"no evidence", dir(func(d string) { os.Remove(filepath.Join(d, v1alpha1.EvidenceFile)) }), "evidence.json"},
		{"link in a bundle", dir(func(d string) {
			secret := filepath.Join(t.TempDir(), "secret")
			write(t, secret, b.ReportBytes)
			os.Remove(filepath.Join(d, v1alpha1.ReportFile))
			link(secret, filepath.Join(d, v1alpha1.ReportFile))
		}), "not a regular file"},
		{"directory in place of a file", dir(func(d string) {
			os.Remove(filepath.Join(d, v1alpha1.EvidenceFile))
			if err := os.Mkdir(filepath.Join(d, v1alpha1.EvidenceFile), 0o700); err != nil {
				t.Fatal(err)
			}
		}), "not a regular file"},
		{"report too large", dir(func(d string) {
			if err := os.Truncate(filepath.Join(d, v1alpha1.ReportFile), v1alpha1.MaxReportBytes+1); err != nil {
				t.Fatal(err)
			}
		}), "are allowed"},
		{"evidence too large", dir(func(d string) {
			if err := os.Truncate(filepath.Join(d, v1alpha1.EvidenceFile), v1alpha1.MaxEvidenceBytes+1); err != nil {
				t.Fatal(err)
			}
		}), "are allowed"},
		{"empty report", dir(func(d string) { write(t, filepath.Join(d, v1alpha1.ReportFile), nil) }), "report.json:1:1"},
		{"report not UTF-8", dir(func(d string) {
			write(t, filepath.Join(d, v1alpha1.ReportFile), bytes.Replace(b.ReportBytes, []byte("Beispiel"), []byte("Beispie\xff"), 1))
		}), "UTF-8"},
		{"empty file", file(nil), "open the gzip stream"},
		{"no archive", file([]byte("hello")), "open the gzip stream"},
		{"cut", file(whole[:len(whole)/2]), "unexpected EOF"},
		{"path that leaves the archive", file(tarball(t, entry{"../../../etc/cron.d/x", tar.TypeReg, []byte("x")}, r, e)), "the path leaves the archive"},
		{"link in place of the report", file(tarball(t, entry{r.name, tar.TypeSymlink, nil}, e)), "is a symbolic link, not a regular file"},
		{"twice", file(tarball(t, r, e, r)), "is there twice"},
		{"of another plugin", file(tarball(t, entry{"plugins/e2e/results/global/report.json", tar.TypeReg, b.ReportBytes})), "is it a result of this plugin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, fromTarball, err := openBundle(c.path)
			if c.want != "" {
				refusedInOneLine(t, err, c.want)
				var coded *exitError
				if !errors.As(err, &coded) || coded.code != exitUsage {
					t.Errorf("%v is not the user's to mend", err)
				}
				return
			}
			if err != nil || got.Report.Run.ID != testID {
				t.Errorf("run %q, error %v", got.Report.Run.ID, err)
			}
			if fromTarball != strings.HasSuffix(c.path, ".tar.gz") {
				t.Errorf("from a tarball: %v", fromTarball)
			}
		})
	}
	// A site must be told not to hand on the tarball.
	got := bvc(t.Context(), "report", file(whole))
	if got.code != exitInconclusive || !strings.Contains(got.stderr, "hand on the bundle only") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// TestWriteWhole proves that a failed write leaves what was there, and nothing beside it.
func TestWriteWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.json")
	for _, data := range []string{"first", "second"} {
		if err := writeWhole(path, []byte(data)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != data {
			t.Errorf("%q, error %v", got, err)
		}
	}
	taken := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(taken, []byte("x")); err == nil {
		t.Error("a directory was replaced")
	}
	if err := writeWhole(filepath.Join(dir, "none", "x"), []byte("x")); err == nil {
		t.Error("a directory was made")
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if hidden, _ := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) != 2 || len(hidden) != 0 {
		t.Errorf("left behind: %v %v, error %v", left, hidden, err)
	}
}
