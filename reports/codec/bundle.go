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

// readFile reads a regular file of at most so many bytes; a link or a device
// in a bundle is refused.
func readFile(dir fs.FS, name string, most int) ([]byte, error) {
	info, err := fs.Lstat(dir, name)
	if err != nil {
		return nil, fmt.Errorf("look for %s in the bundle: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s of the bundle: not a regular file", name)
	}
	f, err := dir.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open %s of the bundle: %w", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("read %s of the bundle: %w", name, err)
	}
	if len(data) > most {
		return nil, tooLarge(name, len(data), most)
	}
	return data, nil
}

// NewBundle reads the two files of a bundle from their bytes.
func NewBundle(report, evidence []byte) (Bundle, error) {
	r, err := DecodeReport(v1alpha1.ReportFile, report)
	if err != nil {
		return Bundle{}, err
	}
	e, err := DecodeEvidence(v1alpha1.EvidenceFile, evidence)
	if err != nil {
		return Bundle{}, err
	}
	if r.Run.ID != e.RunID {
		return Bundle{}, fmt.Errorf("read the bundle: the report is of run %s, the evidence of run %s", shorten(r.Run.ID), shorten(e.RunID))
	}
	return Bundle{Report: r, Evidence: e, ReportBytes: report, EvidenceBytes: evidence}, nil
}

// Limits bound what is read of a tarball. The zero value is no limit at all
// and refuses everything; DefaultLimits is the right one.
type Limits struct {
	// Bytes after decompression, nested archives included.
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

// FromTarball finds a bundle in a Sonobuoy tarball: a gzip stream with
// report.json and evidence.json under plugins/bvc/results/global, or with an
// archive there that holds the two at its root. Nothing is written anywhere.
// Links, devices and everything else are passed over; a path that leaves the
// archive, a name that is there twice and anything over the limits make the
// whole archive refused.
func FromTarball(r io.Reader, limits Limits) (Bundle, error) {
	s := &tarScan{left: limits.Bytes, entries: limits.Entries, found: map[string][]byte{}}
	if err := s.archive(r, resultsDir, true); err != nil {
		return Bundle{}, fmt.Errorf("read the tarball: %w", err)
	}
	for _, name := range []string{v1alpha1.ReportFile, v1alpha1.EvidenceFile} {
		if s.found[name] == nil {
			return Bundle{}, fmt.Errorf("read the tarball: no %s/%s in it; is it a result of this plugin?", resultsDir, name)
		}
	}
	b, err := NewBundle(s.found[v1alpha1.ReportFile], s.found[v1alpha1.EvidenceFile])
	if err != nil {
		return Bundle{}, fmt.Errorf("read the tarball: %w", err)
	}
	return b, nil
}

// tarScan is one pass over an archive and those in it.
type tarScan struct {
	left    int64 // bytes that may still come out of decompression
	entries int
	found   map[string][]byte
}

// Read limits are shared by nested archives: meter counts for all of them.
type meter struct {
	from io.Reader
	scan *tarScan
}

func (m meter) Read(p []byte) (int, error) {
	if m.scan.left <= 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > m.scan.left {
		p = p[:m.scan.left]
	}
	n, err := m.from.Read(p)
	m.scan.left -= int64(n)
	return n, err //nolint:wrapcheck // io.EOF must stay itself
}

func (s *tarScan) archive(r io.Reader, dir string, nested bool) error {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("open the gzip stream: %w", err)
	}
	entries := tar.NewReader(meter{from: unzipped, scan: s})
	for {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("next entry: %w", err)
		}
		if s.entries--; s.entries < 0 {
			return fmt.Errorf("entries: %w", ErrTooLarge)
		}
		if err := s.entry(h, entries, dir, nested); err != nil {
			return fmt.Errorf("entry %s: %w", shorten(h.Name), err)
		}
	}
}

func (s *tarScan) entry(h *tar.Header, data io.Reader, dir string, nested bool) error {
	name := path.Clean(strings.ReplaceAll(h.Name, "\\", "/"))
	if path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") {
		return errors.New("the path leaves the archive")
	}
	if h.Typeflag != tar.TypeReg || path.Dir(name) != dir {
		return nil
	}
	switch base := path.Base(name); {
	case base == v1alpha1.ReportFile:
		return s.keep(base, data, v1alpha1.MaxReportBytes)
	case base == v1alpha1.EvidenceFile:
		return s.keep(base, data, v1alpha1.MaxEvidenceBytes)
	case nested && (strings.HasSuffix(base, ".tar.gz") || strings.HasSuffix(base, ".tgz")):
		return s.archive(data, ".", false)
	}
	return nil
}

func (s *tarScan) keep(name string, data io.Reader, most int) error {
	if s.found[name] != nil {
		return errors.New("a file of this name is there twice")
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(data, int64(most)+1))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if n > int64(most) {
		return fmt.Errorf("over %d bytes: %w", most, ErrTooLarge)
	}
	s.found[name] = b.Bytes()
	return nil
}
