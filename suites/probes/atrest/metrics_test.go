package atrest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

const (
	start   = "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1.79522712758e+09\n"
	sibling = "# TYPE apiserver_storage_envelope_transformation_cache_misses_total counter\napiserver_storage_envelope_transformation_cache_misses_total 0\n"
)

func transformations(labels string, n int) string {
	return fmt.Sprintf("apiserver_storage_transformation_operations_total{%s} %d\n", labels, n)
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       counts
	}{
		{"start only", start, counts{start: 1795227127.58, perResource: NoSeries, disabledMetrics: -1}},
		{
			"secretbox, counted once more by its key's name",
			start + sibling + "# TYPE disabled_metrics_total counter\ndisabled_metrics_total 0\n# TYPE apiserver_storage_transformation_operations_total counter\n" +
				transformations(`resource="secrets",status="OK",transformation_type="from_storage",transformer_prefix="k8s:enc:secretbox:v1:"`, 5) +
				transformations(`resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:secretbox:v1:"`, 7) +
				transformations(`resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="key1:"`, 7) +
				transformations(`resource="secrets",status="Unknown",transformation_type="to_storage",transformer_prefix="k8s:enc:secretbox:v1:"`, 9) +
				transformations(`resource="configmaps",status="OK",transformation_type="to_storage",transformer_prefix=""`, 3),
			counts{start: 1795227127.58, perResource: SecretsOnly, stored: Growth{Secretbox: 7, Unknown: 7}, storageMetrics: true},
		},
		{
			"every provider",
			start +
				transformations(`resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix=""`, 1) +
				transformations(`resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:aescbc:v1:"`, 2) +
				transformations(`resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:aesgcm:v1:"`, 3) +
				transformations(`resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:kms:v1:vault:"`, 4) +
				transformations(`resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:kms:v2:vault:"`, 5) +
				transformations(`resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:new:v1:"`, 6),
			counts{start: 1795227127.58, perResource: SecretsOnly, disabledMetrics: -1, stored: Growth{Identity: 1, AESCBC: 2, AESGCM: 3, KMS: 9, OtherEncrypted: 6}},
		},
		{
			"before 1.34, all resources together",
			start + transformations(`status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:aescbc:v1:"`, 12),
			counts{start: 1795227127.58, perResource: AllResources, disabledMetrics: -1, stored: Growth{AESCBC: 12}},
		},
		{
			"one series without the label",
			start + transformations(`status="OK",transformation_type="to_storage",transformer_prefix=""`, 1) +
				transformations(`resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:aescbc:v1:"`, 2),
			counts{start: 1795227127.58, perResource: AllResources, disabledMetrics: -1, stored: Growth{Identity: 1, AESCBC: 2}},
		},
		{
			"requests: only Secrets, created, for real",
			start + "# TYPE apiserver_request_total counter\n" +
				`apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="secrets",scope="resource",subresource="",verb="POST",version="v1"} 30` + "\n" +
				`apiserver_request_total{code="201",component="apiserver",dry_run="All",group="",resource="secrets",scope="resource",subresource="",verb="POST",version="v1"} 1` + "\n" +
				`apiserver_request_total{code="403",component="apiserver",dry_run="",group="",resource="secrets",scope="resource",subresource="",verb="POST",version="v1"} 2` + "\n" +
				`apiserver_request_total{code="201",component="apiserver",dry_run="",group="x.io",resource="secrets",scope="resource",subresource="",verb="POST",version="v1"} 4` + "\n" +
				`apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="secrets",scope="resource",subresource="",verb="GET",version="v1"} 8` + "\n",
			counts{start: 1795227127.58, perResource: NoSeries, disabledMetrics: -1, requests: 30},
		},
		{"a metric switched off", start + "# TYPE disabled_metrics_total counter\ndisabled_metrics_total 2\n", counts{start: 1795227127.58, perResource: NoSeries, disabledMetrics: 2}},
		{"unwanted lines may be anything", "]}{ nonsense\n# HELP x\n" + start + "x{a=\"" + strings.Repeat("y", 3*64<<10) + "\"} 1\n", counts{start: 1795227127.58, perResource: NoSeries, disabledMetrics: -1}},
		{"numbers that are none", start + transformations(`status="OK",transformation_type="to_storage",transformer_prefix=""`, -4) + "# TYPE disabled_metrics_total counter\ndisabled_metrics_total NaN\n", counts{start: 1795227127.58, perResource: AllResources}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse(strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		body io.Reader
		want error
	}{
		"nothing":               {strings.NewReader(""), cluster.ErrNoMetrics},
		"a page":                {strings.NewReader("<html>\nlogin\n</html>\n"), cluster.ErrNoMetrics},
		"another program":       {strings.NewReader("go_goroutines 5\n"), cluster.ErrNoMetrics},
		"start without a value": {strings.NewReader("process_start_time_seconds 0\n"), cluster.ErrNoMetrics},
		"cut":                   {strings.NewReader(start + "apiserver_request_total{code=\"201\"} 12"), cluster.ErrMetricsCut},
		"cut by an error":       {io.MultiReader(strings.NewReader(start), &failing{}), io.ErrUnexpectedEOF},
		"endless":               {io.MultiReader(strings.NewReader(start), &endless{text: "x 1\n"}), cluster.ErrMetricsTooLarge},
		"an endless line":       {io.MultiReader(strings.NewReader(start), &endless{text: "x"}), cluster.ErrMetricsTooLarge},
		"an endless label":      {io.MultiReader(strings.NewReader(start+"apiserver_request_total{a=\""), &endless{text: "x"}), cluster.ErrMetricsTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parse(c.body); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	if _, err := parse(strings.NewReader(start + "apiserver_request_total{code=201} x\n")); err == nil {
		t.Error("a line that is none was read")
	}
}

// parse is what look does with a body.
func parse(body io.Reader) (counts, error) {
	m, err := cluster.ReadMetrics(body, familyTransformations, familySibling, familyRequest, familyOff)
	if err != nil {
		return counts{}, err
	}
	return read(m), nil
}

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type endless struct{ text string }

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n+len(e.text) <= len(p) {
		n += copy(p[n:], e.text)
	}
	return n, nil
}

// Whatever a body holds, no count is negative, and a body without the start
// time of a process is never one of an API server.
func FuzzParse(f *testing.F) {
	f.Add(start + sibling)
	f.Add(start + transformations(`resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix=""`, 3))
	f.Add("apiserver_request_total{verb=\"POST\",resource=\"secrets\",code=\"201\"} 1e400\n" + start)
	f.Add("# TYPE apiserver_request_total histogram\napiserver_request_total_bucket{le=\"1\"} 2\n")
	f.Fuzz(func(t *testing.T, body string) {
		c, err := parse(strings.NewReader(body))
		if err != nil {
			return
		}
		if !strings.Contains(body, cluster.FamilyStart) || !(c.start > 0) {
			t.Fatal("metrics without a process were accepted")
		}
		g := c.stored
		for _, n := range []int64{c.requests, g.Identity, g.Secretbox, g.AESCBC, g.AESGCM, g.KMS, g.OtherEncrypted, g.Unknown} {
			if n < 0 {
				t.Fatalf("negative count in %+v", c)
			}
		}
		if c.perResource == NoSeries && !g.IsZero() {
			t.Fatalf("counts without a series in %+v", c)
		}
	})
}
