package cluster

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// FamilyStart is the metric that tells one process from another.
const FamilyStart = "process_start_time_seconds"

// maxBody bounds a metrics body; those of busy API servers have a few dozen MB.
const maxBody = 64 << 20

// maxLine bounds one line of it.
const maxLine = 64 << 10

// What can be wrong with a metrics body.
var (
	ErrMetricsTooLarge = errors.New("the metrics are larger than is read")
	// ErrMetricsCut: a last line without its end may have lost digits.
	ErrMetricsCut = errors.New("the metrics end in the middle of a line")
	ErrNoMetrics  = errors.New("the answer holds no metrics of an API server")
)

// Series is one line of a metric family: of a counter, a gauge or a series
// without a TYPE line its value, of a histogram or summary the count.
type Series struct {
	Labels map[string]string
	Value  float64
}

// Metrics are the families that were asked for, by name.
type Metrics map[string][]Series

// Start is when the server's process started; it tells one from another.
func (m Metrics) Start() float64 { return m[FamilyStart][0].Value }

// ReadMetrics reads the given families, and FamilyStart, of a metrics body.
func ReadMetrics(body io.Reader, families ...string) (Metrics, error) {
	lines, err := filterMetrics(body, func(f string) bool {
		return f == FamilyStart || slices.ContainsFunc(families, func(want string) bool {
			rest, found := strings.CutPrefix(f, want)
			return found && (rest == "" || rest == "_count" || rest == "_sum" || rest == "_bucket")
		})
	})
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	parsed, err := parser.TextToMetricFamilies(bytes.NewReader(lines))
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	out := Metrics{}
	for name, family := range parsed {
		for _, m := range family.GetMetric() {
			s := Series{Labels: map[string]string{}}
			for _, l := range m.GetLabel() {
				s.Labels[l.GetName()] = l.GetValue()
			}
			switch {
			case m.GetCounter() != nil:
				s.Value = m.GetCounter().GetValue()
			case m.GetGauge() != nil:
				s.Value = m.GetGauge().GetValue()
			case m.GetHistogram() != nil:
				s.Value = float64(m.GetHistogram().GetSampleCount())
			case m.GetSummary() != nil:
				s.Value = float64(m.GetSummary().GetSampleCount())
			default:
				s.Value = m.GetUntyped().GetValue()
			}
			out[name] = append(out[name], s)
		}
	}
	start := out[FamilyStart]
	if len(start) != 1 || !(start[0].Value > 0) || math.IsInf(start[0].Value, 0) {
		return nil, ErrNoMetrics
	}
	return out, nil
}

// WholeCount turns a counter's value into a number; what is none counts as none.
func WholeCount(v float64) int64 {
	if !(v >= 0) || v > math.MaxInt32*1e6 {
		return 0
	}
	return int64(v)
}

// filterMetrics keeps the lines of the wanted families: a body of megabytes
// would otherwise become a hundred times as much in memory.
func filterMetrics(body io.Reader, wanted func(family string) bool) ([]byte, error) {
	limited := &io.LimitedReader{R: body, N: maxBody + 1}
	lines := bufio.NewReaderSize(limited, maxLine)
	var kept bytes.Buffer
	for {
		line, err := lines.ReadSlice('\n')
		if limited.N <= 0 {
			return nil, ErrMetricsTooLarge
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			if wanted(familyOf(line)) {
				return nil, ErrMetricsTooLarge
			}
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			line = nil
			if limited.N <= 0 {
				return nil, ErrMetricsTooLarge
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read metrics: %w", err)
		}
		if err != nil {
			if len(line) > 0 {
				return nil, ErrMetricsCut
			}
			return kept.Bytes(), nil
		}
		if wanted(familyOf(line)) {
			kept.Write(line)
		}
	}
}

// familyOf is the name of the family of a line: of a sample, or of its TYPE.
func familyOf(line []byte) string {
	if rest, ok := bytes.CutPrefix(line, []byte("# TYPE ")); ok {
		line = rest
	} else if bytes.HasPrefix(line, []byte("#")) {
		return ""
	}
	if end := bytes.IndexAny(line, "{ \t\r\n"); end >= 0 {
		line = line[:end]
	}
	return string(line)
}
