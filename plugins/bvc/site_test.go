package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

func TestSurveyOfASite(t *testing.T) {
	question := v1alpha1.T("?", "?")
	cat := v1alpha1.Catalogue{Requirements: []v1alpha1.Requirement{{ID: "R", Statements: []v1alpha1.Statement{
		{ID: "R-UA.1", Question: &question}, {ID: "R-UA.2", Question: &question}, {ID: "R-UA.3", Question: &question}, {ID: "R-UA.4"},
	}}}}
	s := site{Site: v1alpha1.Site{Name: "Nord", Organisation: "RZ", ProtectionNeed: v1alpha1.NeedHigh,
		Answers: []v1alpha1.Answer{{Statement: "R-UA.1", Expires: "2026-11-20"}, {Statement: "R-UA.2", Expires: "2026-11-21"}, {Statement: "R-UA.3", Expires: "2027-11-21"}},
		Waivers: []v1alpha1.Waiver{{Check: "R/a", Expires: "2026-01-01"}, {Check: "R/b", Expires: "2026-12-20"}, {Check: "R/c", Expires: "2026-12-22"}},
		Hooks:   []v1alpha1.Hook{{Name: v1alpha1.HookBackup}},
		Images:  v1alpha1.SiteImages{Signed: "a", Unsigned: "b", WrongKey: "c"},
	}}
	got := s.survey("site.yaml", cat, time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC))
	want := siteSurvey{File: "site.yaml", Name: "Nord", Organisation: "RZ", ProtectionNeed: v1alpha1.NeedHigh,
		Questions: 3, Answers: 3, Waivers: 3, SignatureImages: true,
		Expired:  []string{"answer to R-UA.1 (2026-11-20)", "waiver of R/a (2026-01-01)"},
		Expiring: []string{"answer to R-UA.2 (2026-11-21)", "waiver of R/b (2026-12-20)"},
		Unread:   []string{"hooks"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var text strings.Builder
	got.print(&text)
	for _, line := range []string{"site  site.yaml: Nord (RZ), protection need high", "3 of 3 questions answered, 3 waivers", "images for the checks on signatures are given",
		"expired: answer to R-UA.1 (2026-11-20), waiver of R/a", "expires within 30 days: answer to R-UA.2", "no check of this version reads: hooks"} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("%q is not in\n%s", line, text.String())
		}
	}
}

// The site file is looked at even when the cluster is out of reach.
func TestPreflightSaysOfTheSiteFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte("no kubeconfig"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := bvc(t.Context(), "preflight", "--site", "site.example.yaml", "--kubeconfig", path)
	if got.code != exitUsage || !strings.Contains(got.stdout, "site  site.example.yaml: Beispielcluster (Beispielrechenzentrum), protection need normal") || !strings.Contains(got.stdout, "no images for the checks on signatures, which will be inconclusive: bvc mirror makes them") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	said(t, got.stderr)
	if got := bvc(t.Context(), "preflight", "--site", "site.example.yaml", "-o", "yaml"); got.code != exitUsage || got.stdout != "" {
		t.Errorf("-o yaml: exit code %d: %s", got.code, got.stdout)
	}
}
