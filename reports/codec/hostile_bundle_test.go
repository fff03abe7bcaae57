package codec

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// raw gives one entry of an archive as bytes, also such that archive/tar does
// not write: its type, name and size are taken as they come.
func raw(flag byte, name string, size int, data []byte) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000600\x000000000\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x0000000000000\x00", size))
	h[156] = flag
	copy(h[157:], "/etc/passwd")
	copy(h[257:], "ustar\x0000")
	copy(h[148:], "        ")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return slices.Concat(h, data, make([]byte, (512-len(data)%512)%512))
}

func file(name string, data []byte) []byte { return raw('0', name, len(data), data) }

// pax gives an extended header of the type (x for the next entry, g for all).
func pax(flag byte, records ...string) []byte {
	var b strings.Builder
	for _, r := range records {
		n := len(r) + 3
		for len(fmt.Sprint(n))+len(r)+2 != n {
			n++
		}
		fmt.Fprintf(&b, "%d %s\n", n, r)
	}
	return raw(flag, "PaxHeaders.0/x", b.Len(), []byte(b.String()))
}

func end() []byte { return make([]byte, 1024) }

func together(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func zip(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tarAttack is an unpacked tarball and what its error says; nothing for one
// that is harmless and read.
type tarAttack struct {
	name string
	data []byte
	want string
}

func tarAttacks(t testing.TB) []tarAttack {
	t.Helper()
	const place = resultsDir + "/"
	report, evidence := []byte(leastReport()), []byte(leastEvidence())
	r, e := file(place+"report.json", report), file(place+"evidence.json", evidence)
	forged := bytes.Replace(report, []byte(`"R/c"`), []byte(`"R/d"`), 1)
	inner := zip(t, together(file("report.json", report), file("evidence.json", evidence), end()))
	whole := func(parts ...[]byte) []byte { return together(append(parts, end())...) }
	long := strings.Repeat("n", 1<<19)
	return []tarAttack{
		{"plain", whole(r, e), ""},
		{"no_end_mark", together(r, e), ""},
		{"padded_like_gnu_tar", whole(r, e, make([]byte, 9216)), ""},
		{"with_directories", whole(raw('5', "./", 0, nil), raw('5', "plugins/", 0, nil), raw('5', "plugins/bvc", 0, nil), raw('5', resultsDir, 0, nil), r, e), ""},
		{"name_in_extended_header", whole(pax('x', "path="+place+"report.json"), file("short", report), e), ""},

		// The files of the bundle at other paths are somebody else's.
		{"at_the_root", whole(file("report.json", forged), r, e), ""},
		{"deeper", whole(file(place+"a/report.json", forged), r, e), ""},
		{"of_another_plugin", whole(file("plugins/bvc2/results/global/report.json", forged), r, e), ""},
		{"of_a_node", whole(file("plugins/bvc/results/node-1/report.json", forged), r, e), ""},
		{"other_case", whole(file(place+"Report.json", forged), r, e), ""},
		{"begins_alike", whole(file("plugins/bv", nil), raw('2', "plugins/bvc/results/glob", 0, nil), r, e), ""},
		{"backslashes", whole(file(strings.ReplaceAll(place, "/", `\`)+"report.json", forged), r, e), ""},
		{"only_at_the_root", whole(file("report.json", report), file("evidence.json", evidence)), "no plugins/bvc/results/global/report.json in it"},
		{"only_evidence", whole(e), "no plugins/bvc/results/global/report.json in it"},

		// Twice.
		{"twice", whole(r, file(place+"report.json", forged), e), `entry 2, "plugins/bvc/results/global/report.json": report.json is there twice, first as "plugins/bvc/results/global/report.json"`},
		{"twice_first_empty", whole(file(place+"report.json", nil), r, e), `entry 2, "plugins/bvc/results/global/report.json": report.json is there twice`},
		{"twice_by_dots", whole(r, file("./plugins/x/../bvc//results/global/report.json", forged), e), "entry 2, \"./plugins/x/../bvc//results/global/report.json\": report.json is there twice"},
		{"twice_by_extended_header", whole(r, pax('x', "path="+place+"report.json"), file("harmless", forged), e), "entry 2, \"plugins/bvc/results/global/report.json\": report.json is there twice"},
		{"twice_plain_and_nested", whole(r, e, file(place+"results.tar.gz", inner)), `entry 3, "plugins/bvc/results/global/results.tar.gz": entry 1, "report.json": report.json is there twice`},
		{"twice_nested", whole(file(place+"a.tgz", inner), file(place+"b.tar.gz", inner)), `b.tar.gz": entry 1, "report.json": report.json is there twice, first as "plugins/bvc/results/global/a.tgz/report.json"`},

		// What is no file.
		{"symbolic_link", whole(raw('2', place+"report.json", 0, nil), r, e), `entry 1, "plugins/bvc/results/global/report.json": it is a symbolic link, not a regular file`},
		{"hard_link", whole(r, e, raw('1', place+"report.json", 0, nil)), "it is a hard link, not a regular file"},
		{"named_pipe", whole(raw('6', place+"evidence.json", 0, nil), r, e), "it is a named pipe, not a regular file"},
		{"character_device", whole(raw('3', place+"evidence.json", 0, nil), r, e), "it is a device, not a regular file"},
		{"block_device", whole(raw('4', place+"evidence.json", 0, nil), r, e), "it is a device, not a regular file"},
		{"directory", whole(raw('5', place+"report.json", 0, nil), r, e), "it is a directory, not a regular file"},
		{"slash_at_the_end", whole(file(place+"report.json/", report), e), "it is a directory, not a regular file"},
		{"contiguous_file", whole(raw('7', place+"report.json", len(report), report), e), `it is of type "7", not a regular file`},
		{"unknown_type", whole(raw('Z', place+"report.json", 0, nil), r, e), `it is of type "Z", not a regular file`},
		{"nested_is_a_link", whole(raw('2', place+"results.tar.gz", 0, nil), r, e), "it is a symbolic link, not a regular file"},
		{"links_elsewhere", whole(raw('2', "a", 0, nil), raw('1', "b", 0, nil), raw('3', "c", 0, nil), raw('6', "d", 0, nil), r, e), ""},
		{"link_above", whole(raw('2', "plugins/bvc", 0, nil), r, e), `entry 1, "plugins/bvc": it is no directory, but the bundle lies in it`},
		{"link_at_the_directory", whole(r, e, raw('2', resultsDir+"/", 0, nil)), "it is no directory, but the bundle lies in it"},
		{"file_above", whole(file("plugins", nil), r, e), "it is no directory, but the bundle lies in it"},

		// Paths that leave the archive.
		{"escape", whole(file("../x", nil), r, e), `entry 1, "../x": the path leaves the archive`},
		{"escape_inside", whole(file("plugins/../../x", nil), r, e), "the path leaves the archive"},
		{"escape_whole", whole(raw('5', "..", 0, nil), r, e), "the path leaves the archive"},
		{"escape_by_backslash", whole(file(`plugins\..\..\x`, nil), r, e), "the path leaves the archive"},
		{"escape_absolute", whole(file("/etc/passwd", nil), r, e), "the path leaves the archive"},
		{"escape_by_extended_header", whole(pax('x', "path=../../x"), file("harmless", nil), r, e), "the path leaves the archive"},
		{"escape_by_long_name", whole(raw('L', "././@LongLink", 8, []byte("../../x\x00")), file("harmless", nil), r, e), "the path leaves the archive"},
		{"escape_nested", whole(file(place+"x.tgz", zip(t, together(file("../x", nil), end()))), r, e), `x.tgz": entry 1, "../x": the path leaves the archive`},

		// Headers.
		{"global_header", whole(pax('g', "path="+place+"report.json"), file("x", forged), r, e), "a global header"},
		{"sparse", whole(pax('x', "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name="+place+"report.json", "GNU.sparse.realsize=1099511627776"), file("x", append([]byte("1\n0\n0\n"), make([]byte, 506)...)), e), "it is a sparse file"},
		{"sparse_old", whole(raw('S', place+"report.json", 0, nil), e), "entry 1: archive/tar: invalid tar header"},
		{"sparse_elsewhere", whole(pax('x', "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=hole", "GNU.sparse.realsize=1099511627776"), file("x", append([]byte("1\n0\n0\n"), make([]byte, 506)...)), r, e), ""},
		{"size_by_extended_header", whole(pax('x', "size=99999999999"), r, e), "unexpected EOF"},
		{"size_negative", whole(pax('x', "size=-1"), r, e), "invalid tar header"},
		{"size_beyond_the_end", whole(raw('0', place+"report.json", 8<<30-1, report), e), "read: unexpected EOF; the tarball is cut off or damaged, fetch it again"},
		{"name_with_nul", whole(pax('x', "path="+place+"report.json\x00x"), file("x", nil), r, e), "invalid tar header"},
		{"name_long", whole(pax('x', "path="+long), file("x", nil), r, e), ""},
		{"name_long_and_escapes", whole(pax('x', "path=../"+long), file("x", nil), r, e), "the path leaves the archive"},
		{"name_too_long", whole(pax('x', "path="+long+long), file("x", nil), r, e), "entry 1: archive/tar: header field too long"},
		{"name_of_control_characters", whole(file("../\x1b[31m\n\u202e", nil), r, e), `"../\x1b[31m\n\u202e": the path leaves the archive`},
		{"header_broken", whole(r, make([]byte, 512), e), "entry 2: archive/tar: invalid tar header"},

		// Streams.
		{"second_archive", whole(r, e, end(), file(place+"report.json", forged)), "data after the end of the archive"},
		{"garbage_after_the_end", whole(r, e, end(), []byte("x")), "data after the end of the archive"},
		{"nested_no_gzip", whole(file(place+"x.tgz", []byte("hello")), r, e), "open the gzip stream"},
		{"nested_cut", whole(file(place+"x.tgz", inner[:len(inner)-4]), r, e), "unexpected EOF"},
		{"nested_and_garbage", whole(file(place+"x.tgz", append(bytes.Clone(inner), "x"...))), "after the last entry"},
		{"nested_twice_deep", whole(file(place+"x.tgz", zip(t, together(file("y.tgz", inner), end())))), "no plugins/bvc/results/global/report.json in it"},
		{"nested", whole(file(place+"x.tgz", inner)), ""},
		{"two_runs", whole(r, file(place+"evidence.json", bytes.Replace(evidence, []byte(`"r"`), []byte(`"other"`), 1))), `report.json is of run "r", plugins/bvc/results/global/evidence.json of run "other"`},
		{"report_broken", whole(file(place+"report.json", []byte("{")), e), "plugins/bvc/results/global/report.json:1:2: a field name in quotes"},
		{"nested_report_broken", whole(file(place+"x.tgz", zip(t, together(file("report.json", []byte("{")), file("evidence.json", evidence), end())))), "plugins/bvc/results/global/x.tgz/report.json:1:2: a field name in quotes"},
		{"report_too_large", whole(file(place+"report.json", make([]byte, v1alpha1.MaxReportBytes+1)), e), fmt.Sprintf("it holds more than is read, %d bytes; bvc writes no larger one", v1alpha1.MaxReportBytes)},
		{"many_entries", whole(bytes.Repeat(file("x", nil), 101), r, e), "it holds more than is read, 100 entries; hand over a directory"},
		{"bomb", whole(file("x", make([]byte, 5<<20)), r, e), "it holds more than is read, 4194304 bytes once unpacked; hand over a directory"},
		{"bomb_after_the_end", whole(r, e, make([]byte, 5<<20)), "it holds more than is read, 4194304 bytes once unpacked"},
		{"bomb_nested", whole(file(place+"x.tgz", zip(t, make([]byte, 5<<20)))), "it holds more than is read, 4194304 bytes once unpacked"},
	}
}

// smallLimits are the limits of these tests.
func smallLimits() Limits { return Limits{Bytes: 4 << 20, Entries: 100} }

func TestAttacksOnTarballs(t *testing.T) {
	for _, a := range tarAttacks(t) {
		t.Run(a.name, func(t *testing.T) {
			b, err := FromTarball(bytes.NewReader(zip(t, a.data)), smallLimits())
			if a.want == "" {
				if err != nil || string(b.ReportBytes) != leastReport() || string(b.EvidenceBytes) != leastEvidence() {
					t.Errorf("report %.300q, error %v", b.ReportBytes, err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), "read the tarball: ") || !strings.Contains(err.Error(), a.want) {
				t.Fatalf("got %.500v, want %s", err, a.want)
			}
			if v1alpha1.Plain(err.Error(), 1000) != err.Error() {
				t.Errorf("can not be shown: %.2000q", err)
			}
		})
	}
}

// TestAttacksOnGzip has streams whose archive is good.
func TestAttacksOnGzip(t *testing.T) {
	good := together(file(resultsDir+"/report.json", []byte(leastReport())), file(resultsDir+"/evidence.json", []byte(leastEvidence())), end())
	packed := zip(t, good)
	flip := func(at int) []byte {
		b := bytes.Clone(packed)
		b[at] ^= 1
		return b
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"good":                   {packed, ""},
		"in two members":         {together(zip(t, good[:700]), zip(t, good[700:])), ""},
		"empty member in front":  {together(zip(t, nil), packed), ""},
		"checksum":               {flip(len(packed) - 8), "after the last entry: gzip: invalid checksum; the tarball is cut off or damaged, fetch it again"},
		"length":                 {flip(len(packed) - 1), "after the last entry: gzip: invalid checksum; the tarball is cut off or damaged, fetch it again"},
		"garbage behind":         {append(bytes.Clone(packed), "garbage behind"...), "after the last entry: gzip: invalid header"},
		"zeros behind":           {append(bytes.Clone(packed), make([]byte, 512)...), "after the last entry: gzip: invalid header"},
		"an archive behind":      {together(packed, packed), "data after the end of the archive"},
		"a bomb behind":          {together(packed, zip(t, make([]byte, 5<<20))), "4194304 bytes once unpacked"},
		"gzip in gzip":           {zip(t, packed), "entry 1: "},
		"no gzip":                {good, "open the gzip stream: gzip: invalid header"},
		"nothing":                {nil, "open the gzip stream: EOF"},
		"empty archive":          {zip(t, nil), "no plugins/bvc/results/global/report.json in it"},
		"header without its end": {append([]byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x00"), bytes.Repeat([]byte("n"), 1<<16)...), "open the gzip stream"},
	} {
		b, err := FromTarball(bytes.NewReader(c.data), smallLimits())
		if c.want == "" && (err != nil || string(b.ReportBytes) != leastReport()) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	for n := range packed {
		if _, err := FromTarball(bytes.NewReader(packed[:n]), smallLimits()); err == nil {
			t.Fatalf("the first %d of %d bytes are read as a whole tarball", n, len(packed))
		}
	}
}

// again repeats its bytes for ever.
type again struct {
	data []byte
	next int
}

func (a *again) Read(p []byte) (int, error) {
	n := copy(p, a.data[a.next:])
	a.next = (a.next + n) % len(a.data)
	return n, nil
}

// TestEndlessStreamsEnd has streams that never unpack to anything.
func TestEndlessStreamsEnd(t *testing.T) {
	for name, stream := range map[string][]byte{"members": zip(t, nil), "members of zeros": zip(t, make([]byte, 1024))} {
		done := make(chan error, 1)
		go func() {
			_, err := FromTarball(io.MultiReader(bytes.NewReader(zip(t, end())), &again{data: stream}), smallLimits())
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s: got %v", name, err)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: still reading", name)
		}
	}
}

// TestLimitsAreExact proves that what is at the limit is read.
func TestLimitsAreExact(t *testing.T) {
	good := together(file(resultsDir+"/report.json", []byte(leastReport())), file(resultsDir+"/evidence.json", []byte(leastEvidence())), end())
	for _, c := range []struct {
		limits Limits
		good   bool
	}{
		{Limits{int64(len(good)) + 1, 2}, true}, {Limits{int64(len(good)) - 1, 2}, false}, {Limits{1 << 20, 1}, false}, {Limits{}, false}, {Limits{-1, -1}, false},
	} {
		if _, err := FromTarball(bytes.NewReader(zip(t, good)), c.limits); (err == nil) != c.good || err != nil && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%+v: %v", c.limits, err)
		}
	}
}

// TestLargeReportIsNotReadWhole proves that a report of a gigabyte costs what a
// report at its limit does.
func TestLargeReportIsNotReadWhole(t *testing.T) {
	from := &counter{from: io.MultiReader(bytes.NewReader(raw('0', resultsDir+"/report.json", 1<<30, nil)), &again{data: make([]byte, 512)})}
	packed, to := io.Pipe()
	go func() {
		z, err := gzip.NewWriterLevel(to, gzip.NoCompression)
		if err == nil {
			_, err = io.Copy(z, from)
		}
		to.CloseWithError(err)
	}()
	_, err := FromTarball(packed, DefaultLimits())
	if closeErr := packed.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	if !errors.Is(err, ErrTooLarge) || from.n > 4*v1alpha1.MaxReportBytes {
		t.Errorf("%d bytes were read; error %v", from.n, err)
	}
}

// TestAttacksOnDirectories has a bundle's directory as a file system gives it.
func TestAttacksOnDirectories(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere.json")
	if err := os.WriteFile(elsewhere, []byte(leastReport()), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		place func(path string) error
		want  string
	}{
		"symbolic link":             {func(p string) error { return os.Symlink(elsewhere, p) }, "read report.json of the bundle: it is a symbolic link, not a regular file; put a copy"},
		"symbolic link to a device": {func(p string) error { return os.Symlink("/dev/zero", p) }, "it is a symbolic link"},
		"symbolic link to itself":   {func(p string) error { return os.Symlink(p, p) }, "it is a symbolic link"},
		"named pipe":                {func(p string) error { return syscall.Mkfifo(p, 0o600) }, "it is a named pipe"},
		"directory":                 {func(p string) error { return os.Mkdir(p, 0o700) }, "it is a directory"},
		"socket": {func(p string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: p, Net: "unix"})
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		}, "it is a socket"},
		"of a terabyte": {func(p string) error {
			return errors.Join(os.WriteFile(p, nil, 0o600), os.Truncate(p, 1<<40))
		}, fmt.Sprintf("report.json:1:1: has 1099511627776 bytes, at most %d are allowed", v1alpha1.MaxReportBytes)},
		"empty":   {func(p string) error { return os.WriteFile(p, nil, 0o600) }, "report.json:1:1: the document ends where a value is expected"},
		"missing": {func(string) error { return nil }, "look for report.json in the bundle"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "bvc") // shorter than t.TempDir: a socket's path is bounded
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			if err := c.place(filepath.Join(dir, "report.json")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "evidence.json"), []byte(leastEvidence()), 0o600); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { _, err := ReadBundle(os.DirFS(dir)); done <- err }()
			select {
			case err := <-done:
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %s", err, c.want)
				}
			case <-time.After(10 * time.Second):
				t.Error("still reading")
			}
		})
	}
}

// endless is a file system whose files say that they are empty and never end,
// as some under /proc do.
type endless struct{}

func (endless) Open(string) (fs.File, error) {
	return endlessFile{&again{data: []byte(" ")}}, nil
}

func (endless) Lstat(string) (fs.FileInfo, error)    { return nothing{}, nil }
func (endless) ReadLink(name string) (string, error) { return name, nil }

type endlessFile struct{ *again }

func (endlessFile) Stat() (fs.FileInfo, error) { return nothing{}, nil }
func (endlessFile) Close() error               { return nil }

type nothing struct{}

func (nothing) Name() string       { return "" }
func (nothing) Size() int64        { return 0 }
func (nothing) Mode() fs.FileMode  { return 0o444 }
func (nothing) ModTime() time.Time { return time.Time{} }
func (nothing) IsDir() bool        { return false }
func (nothing) Sys() any           { return nil }

func TestFileWithoutItsSize(t *testing.T) {
	if _, err := ReadBundle(endless{}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("at most %d are allowed", v1alpha1.MaxReportBytes)) {
		t.Errorf("got %v", err)
	}
}

// TestCorpusHoldsEveryClass keeps a seed for each class of attacks in the tree;
// the others are FuzzArchive's by f.Add, because zeros take much room there.
func TestCorpusHoldsEveryClass(t *testing.T) {
	seeds := map[string][]byte{}
	for _, a := range tarAttacks(t) {
		switch a.name {
		case "plain", "other_case", "twice", "twice_nested", "symbolic_link", "character_device", "slash_at_the_end", "link_above", "escape", "escape_by_long_name",
			"name_in_extended_header", "global_header", "sparse", "size_negative", "header_broken", "second_archive", "nested", "two_runs":
			seeds[a.name] = a.data
		}
	}
	if len(seeds) != 18 {
		t.Errorf("%d seeds: an attack has another name now", len(seeds))
	}
	corpus(t, "FuzzArchive", false, seeds)
	good := together(file(resultsDir+"/report.json", []byte(leastReport())), file(resultsDir+"/evidence.json", []byte(leastEvidence())), end())
	packed := zip(t, good)
	corpus(t, "FuzzTarball", false, map[string][]byte{
		"plain": packed, "two_members": together(zip(t, good[:700]), zip(t, good[700:])), "behind": append(bytes.Clone(packed), "x"...),
		"cut_trailer": packed[:len(packed)-3], "empty_members": bytes.Repeat(zip(t, nil), 20), "gzip_in_gzip": zip(t, packed),
		"bomb": zip(t, make([]byte, 2<<20)), "tar_without_gzip": good[:1024],
	})
}
