package main

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/catalogue"
)

var update = flag.Bool("update", false, "write the generated files")

// TestGenerated proves that the files generated from the checks are current.
func TestGenerated(t *testing.T) {
	rbac, err := renderRBAC(declaredRights(check.Default.Checks()))
	if err != nil {
		t.Fatal(err)
	}
	cat, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]byte{
		"rbac.yaml":                           rbac,
		"../../suites/catalogue/CATALOGUE.md": catalogue.Markdown(cat),
	} {
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not current: make update", path)
		}
	}
}
