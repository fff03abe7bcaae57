package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// site is the site file and the hash of its bytes.
type site struct {
	v1alpha1.Site
	digest string
	raw    []byte
}

func (s site) summary() v1alpha1.SiteSummary {
	return v1alpha1.SiteSummary{Name: s.Name, Organisation: s.Organisation, Contact: s.Contact,
		ProtectionNeed: s.ProtectionNeed, FileDigest: s.digest}
}

// readSite reads the site file strictly; its mistakes are the user's to mend.
func readSite(path string) (site, error) {
	if path == "" {
		return site{}, usageError("no site file: write one after the example plugins/bvc/site.example.yaml and name it with --site")
	}
	raw, err := readBounded(path, codec.MaxSiteBytes)
	if err != nil {
		return site{}, usageError("read the site file: %w", err)
	}
	cat, err := loadCatalogue()
	if err != nil {
		return site{}, err
	}
	decoded, err := codec.DecodeSite(path, raw, cat)
	if err != nil {
		return site{}, usageError("the site file has mistakes:\n%w", err)
	}
	sum := sha256.Sum256(raw)
	return site{Site: decoded, digest: "sha256:" + hex.EncodeToString(sum[:]), raw: raw}, nil
}

// readBounded reads at most a byte more than most, which the decoder then
// refuses: a path given by mistake may hold anything. Links are followed, as a
// mounted ConfigMap is one.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most+1))
}
