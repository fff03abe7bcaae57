// Command bench writes a table of what a run of the suite cost, from its
// report, the image in the registry and the recorded times of make demo. What
// was not measured is said to be so.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sort"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/app44"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/souvap"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/sys16"
)

// Bars of the issue and of design.md ("Concurrency").
const (
	mostImage  = 40e6
	mostMemory = 150e6
	factor     = 1.25
	allowance  = 30.0
)

func main() {
	area := flag.String("area", "", "write what this area of checks cost, on each of the clusters that follow as NAME=FOLDER")
	command := flag.String("command", "", "what was called to measure")
	report := flag.String("report", "", "folder with the bundle of the run")
	image := flag.String("image", "", "image in the registry, by digest")
	demos := flag.String("demos", "", "recorded times of make demo")
	flag.Parse()
	if *area != "" {
		if err := writeArea(os.Stdout, *area, *command, flag.Args()); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if err := write(os.Stdout, *report, *image, *demos); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func write(w io.Writer, folder, image, demos string) error {
	bundle, err := codec.ReadBundle(os.DirFS(folder))
	if err != nil {
		return err
	}
	r := bundle.Report
	size, err := compressed(image)
	if err != nil {
		return err
	}
	wall := r.Run.FinishedAt.Sub(r.Run.StartedAt).Seconds()
	bar := Bar(bundle.Evidence.Observations, exclusive())
	fmt.Fprintf(w, "# What a run costs\n\nMeasured by `make bench` on %s, commit %s, on the profile `conformant` (Kubernetes %s, %s) through Sonobuoy.\nMachine: %s.\n\n",
		r.Run.FinishedAt.UTC().Format(time.DateOnly), r.Suite.Commit, r.Cluster.KubernetesVersion, nodes(r.Cluster.Nodes), machine())
	fmt.Fprintf(w, "| what | measured | bar |\n|---|---|---|\n")
	fmt.Fprintf(w, "| wall time of the suite | %.1f s | %.1f s: %.2f x (exclusive checks + longest concurrent) + %.0f s; %s |\n", wall, bar, factor, allowance, kept(wall <= bar))
	fmt.Fprintf(w, "| requests to the API | %d | |\n", r.Run.APIRequests)
	fmt.Fprintf(w, "| peak memory of the runner | %.1f MB | %.0f MB; %s |\n", float64(r.Run.PeakMemoryBytes)/1e6, mostMemory/1e6,
		kept(r.Run.PeakMemoryBytes > 0 && float64(r.Run.PeakMemoryBytes) <= mostMemory))
	fmt.Fprintf(w, "| image, compressed | %.1f MB | %.0f MB; %s |\n", float64(size)/1e6, mostImage/1e6, kept(float64(size) <= mostImage))
	if err := demoTimes(w, demos); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n| check | outcome | time | runs alone |\n|---|---|---|---|\n")
	alone := exclusive()
	for _, result := range r.Results {
		probes := false
		for _, o := range result.Observations {
			probes = probes || alone[o.Probe]
		}
		fmt.Fprintf(w, "| %s | %s | %.1f s | %s |\n", result.CheckID, result.Outcome, result.DurationSeconds, map[bool]string{true: "yes", false: "no"}[probes])
	}
	return nil
}

// exclusive are the probes that run alone.
func exclusive() map[string]bool {
	out := map[string]bool{}
	for _, p := range check.Probes(check.Default.Checks()) {
		out[p.Name] = p.Exclusive
	}
	return out
}

// Bar is the wall time that a run may take.
func Bar(observations []v1alpha1.Observation, exclusive map[string]bool) float64 {
	alone, longest := 0.0, 0.0
	for _, o := range observations {
		d := o.FinishedAt.Sub(o.StartedAt).Seconds()
		if exclusive[o.Probe] {
			alone += d
		} else {
			longest = max(longest, d)
		}
	}
	return factor*(alone+longest) + allowance
}

func kept(ok bool) string {
	if ok {
		return "kept"
	}
	return "**not kept**"
}

// compressed is what a node pulls: manifest, configuration and layers.
func compressed(reference string) (int64, error) {
	ref, err := name.NewDigest(reference, name.Insecure)
	if err != nil {
		return 0, fmt.Errorf("image: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	image, err := remote.Image(ref, remote.WithContext(ctx))
	if err != nil {
		return 0, fmt.Errorf("ask the registry for the image: %w", err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return 0, fmt.Errorf("read the image's manifest: %w", err)
	}
	total := manifest.Config.Size
	for _, l := range manifest.Layers {
		total += l.Size
	}
	return total, nil
}

func nodes(groups []v1alpha1.NodeGroup) string {
	var out []string
	for _, g := range groups {
		out = append(out, fmt.Sprintf("%d %s", g.Count, g.Role))
	}
	return strings.Join(out, ", ")
}

func machine() string {
	memory := "memory unknown"
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib float64
		if _, err := fmt.Sscanf(string(data), "MemTotal: %f kB", &kib); err == nil {
			memory = fmt.Sprintf("%.0f GiB of memory", kib/(1<<20))
		}
	}
	return fmt.Sprintf("%d cores, %s, %s/%s", runtime.NumCPU(), memory, runtime.GOOS, runtime.GOARCH)
}

// demoTimes writes the latest recorded time of each kind: ci/demo.sh notes
// date, commit, what was there at its start, and seconds.
func demoTimes(w io.Writer, file string) error {
	latest := map[string]string{}
	f, err := os.Open(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	default:
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			fields := strings.Split(lines.Text(), "\t")
			if len(fields) != 4 {
				return fmt.Errorf("%s: line %q, want date, commit, state and seconds", file, lines.Text())
			}
			latest[fields[2]] = fmt.Sprintf("%s s (%s, commit %s)", fields[3], fields[0], fields[1])
		}
		if err := lines.Err(); err != nil {
			return err
		}
	}
	kinds := map[string]string{
		"cold":  "`make demo`, nothing built before",
		"built": "`make demo`, Kubernetes built before, clusters made anew",
		"warm":  "`make demo`, clusters reused",
	}
	order := make([]string, 0, len(kinds))
	for k := range kinds {
		order = append(order, k)
	}
	sort.Strings(order)
	for _, k := range order {
		value := latest[k]
		if value == "" {
			value = "not measured on this machine"
		}
		bar := ""
		if k == "warm" {
			bar = "300 s"
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", kinds[k], value, bar)
	}
	return nil
}
