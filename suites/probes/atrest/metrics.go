package atrest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Families that the probe reads of an API server's metrics.
const (
	familyTransformations = "apiserver_storage_transformation_operations_total"
	// familySibling is registered together with familyTransformations and,
	// having no labels, is shown from the start.
	familySibling = "apiserver_storage_envelope_transformation_cache_misses_total"
	familyRequest = "apiserver_request_total"
	familyStart   = "process_start_time_seconds"
	familyOff     = "disabled_metrics_total"
)

func wanted(family string) bool {
	switch family {
	case familyTransformations, familySibling, familyRequest, familyStart, familyOff:
		return true
	default:
		return false
	}
}

// maxBody bounds a metrics body; those of busy API servers have a few dozen MB.
const maxBody = 64 << 20

// maxLine bounds one line of it.
const maxLine = 64 << 10

var (
	errTooLarge = errors.New("the metrics are larger than is read")
	// errCut: a last line without its end may have lost digits.
	errCut      = errors.New("the metrics end in the middle of a line")
	errNotThere = errors.New("the answer holds no metrics of an API server")
)

// counts is one look at the metrics of one server.
type counts struct {
	start           float64
	requests        int64
	perResource     PerResource
	stored          Growth
	storageMetrics  bool
	disabledMetrics int64
}

// parse reads the few families that are needed out of a metrics body.
func parse(body io.Reader) (counts, error) {
	lines, err := filter(body)
	if err != nil {
		return counts{}, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(lines))
	if err != nil {
		return counts{}, fmt.Errorf("read metrics: %w", err)
	}
	c := counts{perResource: NoSeries, disabledMetrics: -1}
	// value is of a counter, a gauge, or a series without a TYPE line.
	type series struct {
		labels map[string]string
		value  float64
	}
	read := func(name string) []series {
		var out []series
		for _, m := range families[name].GetMetric() {
			s := series{labels: map[string]string{}}
			for _, l := range m.GetLabel() {
				s.labels[l.GetName()] = l.GetValue()
			}
			switch {
			case m.GetCounter() != nil:
				s.value = m.GetCounter().GetValue()
			case m.GetGauge() != nil:
				s.value = m.GetGauge().GetValue()
			default:
				s.value = m.GetUntyped().GetValue()
			}
			out = append(out, s)
		}
		return out
	}

	starts := read(familyStart)
	if len(starts) != 1 || !(starts[0].value > 0) || math.IsInf(starts[0].value, 0) {
		return counts{}, errNotThere
	}
	c.start = starts[0].value
	c.storageMetrics = len(read(familySibling)) > 0
	for i, s := range read(familyOff) {
		if i == 0 {
			c.disabledMetrics = 0
		}
		c.disabledMetrics += whole(s.value)
	}
	for _, s := range read(familyRequest) {
		l := s.labels
		if l["verb"] == "POST" && l["resource"] == "secrets" && l["group"] == "" && l["subresource"] == "" && l["dry_run"] == "" && l["code"] == "201" {
			c.requests += whole(s.value)
		}
	}
	for _, s := range read(familyTransformations) {
		resource, labelled := s.labels["resource"]
		switch {
		case !labelled:
			c.perResource = AllResources // one series without it is enough
		case c.perResource == NoSeries:
			c.perResource = SecretsOnly
		}
		if s.labels["transformation_type"] != "to_storage" || s.labels["status"] != "OK" || labelled && resource != "secrets" {
			continue
		}
		c.stored.add(s.labels["transformer_prefix"], whole(s.value))
	}
	return c, nil
}

// whole turns a counter's value into a number; what is none counts as none.
func whole(v float64) int64 {
	if !(v >= 0) || v > math.MaxInt32*1e6 {
		return 0
	}
	return int64(v)
}

func (g *Growth) add(prefix string, n int64) {
	switch {
	case prefix == "":
		g.Identity += n
	case strings.HasPrefix(prefix, "k8s:enc:secretbox:"):
		g.Secretbox += n
	case strings.HasPrefix(prefix, "k8s:enc:aescbc:"):
		g.AESCBC += n
	case strings.HasPrefix(prefix, "k8s:enc:aesgcm:"):
		g.AESGCM += n
	case strings.HasPrefix(prefix, "k8s:enc:kms:"):
		g.KMS += n
	case strings.HasPrefix(prefix, "k8s:enc:"):
		g.OtherEncrypted += n
	default:
		g.Unknown += n
	}
}

func (g Growth) minus(b Growth) Growth {
	return Growth{
		Identity: g.Identity - b.Identity, Secretbox: g.Secretbox - b.Secretbox, AESCBC: g.AESCBC - b.AESCBC, AESGCM: g.AESGCM - b.AESGCM,
		KMS: g.KMS - b.KMS, OtherEncrypted: g.OtherEncrypted - b.OtherEncrypted, Unknown: g.Unknown - b.Unknown,
	}
}

// filter keeps the lines of the wanted families: a body of megabytes would
// otherwise become a hundred times as much in memory.
func filter(body io.Reader) ([]byte, error) {
	limited := &io.LimitedReader{R: body, N: maxBody + 1}
	lines := bufio.NewReaderSize(limited, maxLine)
	var kept bytes.Buffer
	for {
		line, err := lines.ReadSlice('\n')
		if limited.N <= 0 {
			return nil, errTooLarge
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			if wanted(family(line)) {
				return nil, errTooLarge
			}
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			line = nil
			if limited.N <= 0 {
				return nil, errTooLarge
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read metrics: %w", err)
		}
		if err != nil {
			if len(line) > 0 {
				return nil, errCut
			}
			return kept.Bytes(), nil
		}
		if wanted(family(line)) {
			kept.Write(line)
		}
	}
}

// family is the name of the family of a line: of a sample, or of its TYPE.
func family(line []byte) string {
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
