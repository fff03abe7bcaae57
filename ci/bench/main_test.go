package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

func TestBar(t *testing.T) {
	start := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	seen := func(probe string, seconds int) v1alpha1.Observation {
		return v1alpha1.Observation{Probe: probe, StartedAt: start, FinishedAt: start.Add(time.Duration(seconds) * time.Second)}
	}
	observations := []v1alpha1.Observation{seen("a", 10), seen("b", 40), seen("c", 20), seen("d", 100)}
	// 1.25 x ((20 + 100) + 40) + 30
	if got := Bar(observations, map[string]bool{"c": true, "d": true}); got != 230 {
		t.Errorf("got %v, want 230", got)
	}
}

func TestDemoTimes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "demo-times")
	if err := os.WriteFile(file, []byte("2026-11-20\tabc\twarm\t400\n2026-11-21\tdef\twarm\t250\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := demoTimes(&out, file); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"250 s (2026-11-21, commit def)", "nothing built before | not measured on this machine"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s, want %q in it", out.String(), want)
		}
	}
	if strings.Contains(out.String(), "400") {
		t.Errorf("got %s, want the latest time of each kind only", out.String())
	}
}
