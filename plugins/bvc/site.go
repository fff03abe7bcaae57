package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

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

// soon is how long before its last day preflight names what expires.
const soon = 30 * 24 * time.Hour

// siteSurvey is what preflight says of a site file.
type siteSurvey struct {
	File           string                  `json:"file"`
	Name           string                  `json:"name"`
	Organisation   string                  `json:"organisation"`
	ProtectionNeed v1alpha1.ProtectionNeed `json:"protectionNeed"`
	// Questions of the catalogue, and how many of them have an answer.
	Questions int `json:"questions"`
	Answers   int `json:"answers"`
	Waivers   int `json:"waivers"`
	// SignatureImages says that the images for the checks on signatures are given.
	SignatureImages bool `json:"signatureImages"`
	// Expired and Expiring name answers and waivers, with their last day.
	Expired  []string `json:"expired"`
	Expiring []string `json:"expiring"`
	// Unread names fields that no check of this version reads.
	Unread []string `json:"unread"`
}

func (s site) survey(file string, cat v1alpha1.Catalogue, at time.Time) siteSurvey {
	v := siteSurvey{File: file, Name: s.Name, Organisation: s.Organisation, ProtectionNeed: s.ProtectionNeed,
		Answers: len(s.Answers), Waivers: len(s.Waivers), SignatureImages: s.Images.Signed != "", Expired: []string{}, Expiring: []string{}, Unread: []string{}}
	for _, q := range cat.Requirements {
		for _, st := range q.Statements {
			if st.Question != nil {
				v.Questions++
			}
		}
	}
	last := func(what string, day v1alpha1.Date) {
		what = fmt.Sprintf("%s (%s)", what, day)
		switch {
		case day.Over(at):
			v.Expired = append(v.Expired, what)
		case day.Over(at.Add(soon)):
			v.Expiring = append(v.Expiring, what)
		}
	}
	for _, a := range s.Answers {
		last("answer to "+a.Statement, a.Expires)
	}
	for _, w := range s.Waivers {
		last("waiver of "+w.Check, w.Expires)
	}
	for _, f := range []struct {
		name  string
		given bool
	}{{"registries", len(s.Registries) > 0}, {"hooks", len(s.Hooks) > 0}} {
		if f.given {
			v.Unread = append(v.Unread, f.name)
		}
	}
	return v
}

// print writes the survey for people.
func (v siteSurvey) print(w io.Writer) {
	fmt.Fprintf(w, "site  %s: %s (%s), protection need %s\n", v.File, v.Name, v.Organisation, v.ProtectionNeed)
	fmt.Fprintf(w, "      %d of %d questions answered, %d waivers\n", v.Answers, v.Questions, v.Waivers)
	if v.SignatureImages {
		fmt.Fprintln(w, "      images for the checks on signatures are given")
	} else {
		fmt.Fprintln(w, "      no images for the checks on signatures, which will be inconclusive: bvc mirror makes them")
	}
	for _, l := range []struct {
		title string
		names []string
	}{{"expired", v.Expired}, {"expires within 30 days", v.Expiring}, {"no check of this version reads", v.Unread}} {
		if len(l.names) > 0 {
			fmt.Fprintf(w, "      %s: %s\n", l.title, strings.Join(l.names, ", "))
		}
	}
}
