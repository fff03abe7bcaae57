package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// most is how long an area may take on kind at the rate that sites get.
var most = map[string]float64{"admission": 240, "network": 360}

// writeArea writes what the checks of one area cost on each cluster, given as
// NAME=FOLDER with the bundle of a run of that area alone.
func writeArea(w io.Writer, area, command string, clusters []string) error {
	type run struct {
		name   string
		report v1alpha1.ConformanceReport
		probes map[string]float64
	}
	var runs []run
	names := map[string]bool{}
	for _, c := range clusters {
		name, folder, ok := strings.Cut(c, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form NAME=FOLDER", c)
		}
		bundle, err := codec.ReadBundle(os.DirFS(folder))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r := run{name, bundle.Report, map[string]float64{}}
		for _, o := range bundle.Evidence.Observations {
			r.probes[o.Probe] = o.FinishedAt.Sub(o.StartedAt).Seconds()
			names[o.Probe] = true
		}
		runs = append(runs, r)
	}
	if len(runs) == 0 {
		return fmt.Errorf("no cluster is given")
	}
	first := runs[0].report
	fmt.Fprintf(w, "# What the area %s costs\n\nMeasured by `%s` on %s, commit %s (Kubernetes %s, %s), through Sonobuoy, at the rate that sites get unless they choose another (`bvc run --qps`).\nMachine: %s.\n\n",
		area, command, first.Run.FinishedAt.UTC().Format(time.DateOnly), first.Suite.Commit, first.Cluster.KubernetesVersion, nodes(first.Cluster.Nodes), machine())
	fmt.Fprint(w, "| cluster | wall time | bar | requests to the API | a second | deviations | inconclusive |\n|---|---|---|---|---|---|---|\n")
	for _, r := range runs {
		wall := r.report.Run.FinishedAt.Sub(r.report.Run.StartedAt).Seconds()
		bar := ""
		if limit := most[area]; limit > 0 {
			bar = fmt.Sprintf("%.0f s; %s", limit, kept(wall <= limit))
		}
		count := map[v1alpha1.Outcome]int{}
		for _, result := range r.report.Results {
			count[result.Outcome]++
		}
		fmt.Fprintf(w, "| %s | %.1f s | %s | %d | %.1f | %d | %d |\n", r.name, wall, bar, r.report.Run.APIRequests, float64(r.report.Run.APIRequests)/wall,
			count[v1alpha1.Fail], count[v1alpha1.Inconclusive])
	}
	fmt.Fprint(w, "\nRequests are those of both identities; the rate holds for both together. Probes run side by side:\n\n| probe |")
	for _, r := range runs {
		fmt.Fprintf(w, " %s |", r.name)
	}
	fmt.Fprint(w, "\n|---|"+strings.Repeat("---|", len(runs))+"\n")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(w, "| %s |", name)
		for _, r := range runs {
			fmt.Fprintf(w, " %.1f s |", r.probes[name])
		}
		fmt.Fprintln(w)
	}
	return nil
}
