package atrest

import (
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// Families that the probe reads of an API server's metrics.
const (
	familyTransformations = "apiserver_storage_transformation_operations_total"
	// familySibling is registered together with familyTransformations and,
	// having no labels, is shown from the start.
	familySibling = "apiserver_storage_envelope_transformation_cache_misses_total"
	familyRequest = "apiserver_request_total"
	familyOff     = "disabled_metrics_total"
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

// read takes the counts out of the families.
func read(m cluster.Metrics) counts {
	c := counts{start: m.Start(), perResource: NoSeries, disabledMetrics: -1}
	c.storageMetrics = len(m[familySibling]) > 0
	for i, s := range m[familyOff] {
		if i == 0 {
			c.disabledMetrics = 0
		}
		c.disabledMetrics += cluster.WholeCount(s.Value)
	}
	for _, s := range m[familyRequest] {
		l := s.Labels
		if l["verb"] == "POST" && l["resource"] == "secrets" && l["group"] == "" && l["subresource"] == "" && l["dry_run"] == "" && l["code"] == "201" {
			c.requests += cluster.WholeCount(s.Value)
		}
	}
	for _, s := range m[familyTransformations] {
		resource, labelled := s.Labels["resource"]
		switch {
		case !labelled:
			c.perResource = AllResources // one series without it is enough
		case c.perResource == NoSeries:
			c.perResource = SecretsOnly
		}
		if s.Labels["transformation_type"] != "to_storage" || s.Labels["status"] != "OK" || labelled && resource != "secrets" {
			continue
		}
		c.stored.add(s.Labels["transformer_prefix"], cluster.WholeCount(s.Value))
	}
	return c
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
