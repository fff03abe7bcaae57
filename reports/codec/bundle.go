package codec

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Bundle is a report with the evidence that it was judged from.
type Bundle struct {
	Report   v1alpha1.ConformanceReport
	Evidence v1alpha1.Evidence
	// ReportBytes and EvidenceBytes are the files as they were read: what a
	// signature is over.
	ReportBytes, EvidenceBytes []byte
}

// ReadBundle reads report.json and evidence.json at the root of a directory,
// such as os.DirFS(dir). They must be of the same run.
func ReadBundle(dir fs.FS) (Bundle, error) {
	report, err := readFile(dir, v1alpha1.ReportFile, v1alpha1.MaxReportBytes)
	if err != nil {
		return Bundle{}, err
	}
	evidence, err := readFile(dir, v1alpha1.EvidenceFile, v1alpha1.MaxEvidenceBytes)
	if err != nil {
		return Bundle{}, err
	}
	return NewBundle(report, evidence)
}

// readFile reads a regular file of at most so many bytes; a link, a pipe or a
// device in a bundle is refused before it is opened.
func readFile(dir fs.FS, name string, most int) ([]byte, error) {
	info, err := fs.Lstat(dir, name)
	if err != nil {
		return nil, fmt.Errorf("look for %s in the bundle: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s of the bundle: it is %s, not a regular file; put a copy of the file itself there", name, kindOfFile(info.Mode()))
	}
	if info.Size() > int64(most) {
		return nil, tooLarge(name, int(info.Size()), most)
	}
	f, err := dir.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open %s of the bundle: %w", name, err)
	}
	defer f.Close()
	// Not every file has the size that it names, and this one may still grow.
	// Who decodes it refuses the byte too many.
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("read %s of the bundle: %w", name, err)
	}
	return data, nil
}

func kindOfFile(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// NewBundle reads the two files of a bundle from their bytes.
func NewBundle(report, evidence []byte) (Bundle, error) {
	return newBundle(member{v1alpha1.ReportFile, report}, member{v1alpha1.EvidenceFile, evidence})
}

// member is one file of a bundle and where it was found.
type member struct {
	place string
	data  []byte
}

func newBundle(report, evidence member) (Bundle, error) {
	r, err := DecodeReport(report.place, report.data)
	if err != nil {
		return Bundle{}, err
	}
	e, err := DecodeEvidence(evidence.place, evidence.data)
	if err != nil {
		return Bundle{}, err
	}
	if r.Run.ID != e.RunID {
		return Bundle{}, fmt.Errorf("read the bundle: %s is of run %s, %s of run %s; hand over the two files of one run",
			report.place, shorten(r.Run.ID), evidence.place, shorten(e.RunID))
	}
	return Bundle{Report: r, Evidence: e, ReportBytes: report.data, EvidenceBytes: evidence.data}, nil
}

// Limits bound what is read of a tarball. The zero value is no limit at all
// and refuses everything; DefaultLimits is the right one.
type Limits struct {
	// Bytes of the tarball, and again of what it unpacks to, nested archives
	// included.
	Bytes int64
	// Entries of all archives together.
	Entries int
}

// DefaultLimits is enough for the tarball of a cluster with thousands of
// objects and far from what fills a machine.
func DefaultLimits() Limits { return Limits{Bytes: 1 << 30, Entries: 200_000} }

// resultsDir is where the aggregator puts what a job plugin named bvc hands
// in (research/sonobuoy.md, 1.10).
const resultsDir = "plugins/bvc/results/global"

// ErrTooLarge says that a tarball holds more than the limits allow.
var ErrTooLarge = errors.New("holds more than is read")

// instead is what to do about a tarball that is too large: it holds more than
// ours, a bundle does not.
const instead = "hand over a directory with its report.json and evidence.json instead"

// FromTarball finds a bundle in a Sonobuoy tarball: a gzip stream with
// report.json and evidence.json under plugins/bvc/results/global, or with an
// archive there that holds the two at its root. Nothing is written anywhere,
// and links, devices and everything else are passed over.
//
// What two readers of archives could read as two bundles is refused: a path
// that leaves the archive, one of the two files there twice, anything but a
// regular file in their place and anything but a directory above it, sparse
// files, global headers, and data after an archive's end. So is all that is
// over the limits, cut or not as its checksum says.
func FromTarball(r io.Reader, limits Limits) (Bundle, error) {
	s := &tarScan{
		limits:   limits,
		packed:   budget{limits.Bytes, fmt.Errorf("it %w, %d bytes; %s", ErrTooLarge, limits.Bytes, instead)},
		unpacked: budget{limits.Bytes, fmt.Errorf("it %w, %d bytes once unpacked; %s", ErrTooLarge, limits.Bytes, instead)},
		found:    map[string]member{},
	}
	// Also the packed side is counted: a stream of nothing but empty blocks is endless.
	if err := s.archive(meter{r, &s.packed}, resultsDir, ""); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) {
		return Bundle{}, fmt.Errorf("read the tarball: %w; the tarball is cut off or damaged, fetch it again", err)
	} else if err != nil {
		return Bundle{}, fmt.Errorf("read the tarball: %w", err)
	}
	for _, name := range []string{v1alpha1.ReportFile, v1alpha1.EvidenceFile} {
		if _, there := s.found[name]; !there {
			return Bundle{}, fmt.Errorf("read the tarball: no %s/%s in it; is it a result of this plugin?", resultsDir, name)
		}
	}
	b, err := newBundle(s.found[v1alpha1.ReportFile], s.found[v1alpha1.EvidenceFile])
	if err != nil {
		return Bundle{}, fmt.Errorf("read the tarball: %w", err)
	}
	return b, nil
}

// tarScan is one pass over an archive and those in it.
type tarScan struct {
	limits           Limits
	packed, unpacked budget
	entries          int
	found            map[string]member
}

// budget is how many bytes may still be read, and the error after that.
type budget struct {
	left int64
	over error
}

// meter counts what is read against a budget, which nested archives share.
type meter struct {
	from io.Reader
	*budget
}

func (m meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, m.over
	}
	if int64(len(p)) > m.left {
		p = p[:m.left]
	}
	n, err := m.from.Read(p)
	m.left -= int64(n)
	return n, err //nolint:wrapcheck // io.EOF must stay itself
}

// archive looks for the bundle's files in dir of an archive, which stands at
// the path within of the tarball; within is empty for the tarball itself.
func (s *tarScan) archive(r io.Reader, dir, within string) error {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("open the gzip stream: %w", err)
	}
	data := meter{unzipped, &s.unpacked}
	entries := tar.NewReader(data)
	for n := 1; ; n++ {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return padding(data)
		}
		if err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
		if s.entries++; s.entries > s.limits.Entries {
			return fmt.Errorf("it %w, %d entries; %s", ErrTooLarge, s.limits.Entries, instead)
		}
		if err := s.entry(h, entries, dir, within); err != nil {
			return fmt.Errorf("entry %d, %s: %w", n, shorten(h.Name), err)
		}
	}
}

// padding reads an archive from its end mark to the end of the stream, where
// gzip compares the checksum, and refuses a second archive hidden there.
func padding(r io.Reader) error {
	block := make([]byte, 32<<10)
	for {
		n, err := r.Read(block)
		if len(bytes.Trim(block[:n], "\x00")) > 0 {
			return errors.New("data after the end of the archive")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after the last entry: %w", err)
		}
	}
}

func (s *tarScan) entry(h *tar.Header, data io.Reader, dir, within string) error {
	// Nobody unpacks here, but some would, and some of them where a backslash
	// parts a path. It parts none in the names that we look for.
	if outside := path.Clean(strings.ReplaceAll(h.Name, "\\", "/")); path.IsAbs(outside) || outside == ".." || strings.HasPrefix(outside, "../") {
		return errors.New("the path leaves the archive")
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return errors.New("a global header, which some readers apply to every entry; pack the tarball without")
	}
	name := path.Clean(h.Name)
	if strings.HasPrefix(dir+"/", name+"/") && h.Typeflag != tar.TypeDir {
		return errors.New("it is no directory, but the bundle lies in it")
	}
	if path.Dir(name) != dir {
		return nil
	}
	most, wanted := map[string]int{v1alpha1.ReportFile: v1alpha1.MaxReportBytes, v1alpha1.EvidenceFile: v1alpha1.MaxEvidenceBytes}[path.Base(name)]
	isArchive := within == "" && (strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz"))
	switch {
	case !wanted && !isArchive:
		return nil
	case h.Typeflag != tar.TypeReg || strings.HasSuffix(h.Name, "/"):
		return fmt.Errorf("it is %s, not a regular file", kindOfEntry(h.Typeflag))
	case sparse(h):
		return errors.New("it is a sparse file, which not every reader knows; pack the tarball without them")
	case isArchive:
		return s.archive(data, ".", name)
	}
	return s.keep(path.Base(name), path.Join(within, name), data, most)
}

func kindOfEntry(flag byte) string {
	switch flag {
	case tar.TypeSymlink:
		return "a symbolic link"
	case tar.TypeLink:
		return "a hard link"
	case tar.TypeDir, tar.TypeReg: // a name with a slash at its end
		return "a directory"
	case tar.TypeFifo:
		return "a named pipe"
	case tar.TypeChar, tar.TypeBlock:
		return "a device"
	}
	return fmt.Sprintf("of type %q", string(flag))
}

// sparse reports a file with holes as GNU tar writes them into PAX headers; in
// its older format they have a type of their own.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func (s *tarScan) keep(name, place string, data io.Reader, most int) error {
	if first, twice := s.found[name]; twice {
		return fmt.Errorf("%s is there twice, first as %s", name, shorten(first.place))
	}
	b, err := io.ReadAll(io.LimitReader(data, int64(most)+1))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if len(b) > most {
		return fmt.Errorf("it %w, %d bytes; bvc writes no larger one", ErrTooLarge, most)
	}
	s.found[name] = member{place, b}
	return nil
}
