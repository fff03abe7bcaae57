package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/spec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/sonobuoy"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Names in Sonobuoy's contract (research/sonobuoy.md, 1.3 and 1.4).
const (
	defaultResultsDir = "/tmp/sonobuoy/results"
	defaultConfigDir  = "/tmp/sonobuoy/config"
	siteFileName      = "site.yaml"
	doneFile          = "done"
	// resultsFile is what `sonobuoy results` reads (plugin.yaml, result-files).
	resultsFile = "bvc.yaml"
	// pluginContainer is the container of plugin.yaml.
	pluginContainer = "plugin"
)

// suiteTimeout ends a run before Sonobuoy gives up on the plugin (sonobuoy.json,
// timeoutseconds), so that what was seen until then is still handed over.
const suiteTimeout = 40 * time.Minute

func pluginCommand() *cobra.Command {
	var s suite
	c := &cobra.Command{
		Use: "plugin", Short: "Run as Sonobuoy plugin (inside the plugin pod only)", Args: noArguments,
		Example: "  bvc plugin --label-filter 'area: containsAny admission'",
		Long: `Runs the suite inside the cluster and hands the report bundle to Sonobuoy's worker. The file done is
written last; after it the exit code is 0, whatever the verdict: the verdict is in the report.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return runPlugin(c.Context(), s, c.ErrOrStderr())
		},
	}
	suiteFlags(c, &s)
	c.Flags().StringVar(&s.coldImage, "cold-image", "", "image with a fresh layer for the figure of a cold start")
	return c
}

// suiteFlags are the flags that `bvc run` hands on to `bvc plugin`.
func suiteFlags(c *cobra.Command, s *suite) {
	c.Flags().StringVar(&s.filter, "label-filter", "", "run only checks whose labels (req:, level:, area:) match, in Ginkgo's syntax; such a report is incomplete")
	c.Flags().StringSliceVar(&s.namespaces, "tenant-namespaces", cluster.TenantNamespaces(), "prepared namespaces; the first holds the ServiceAccount tenant")
	c.Flags().DurationVar(&s.timeout, "timeout", suiteTimeout, "time for the whole suite; what was seen until then is reported")
	c.Flags().Float32Var(&s.qps, "qps", 5, "requests per second to the API server; more is faster")
}

func runPlugin(ctx context.Context, s suite, log io.Writer) error {
	results := envOr("SONOBUOY_RESULTS_DIR", defaultResultsDir)
	s.via, s.log, s.arguments = viaSonobuoy, log, os.Args[1:]
	report, evidence, err := conductInCluster(ctx, &s)
	if err != nil {
		fmt.Fprintln(log, "bvc:", err)
		// Sonobuoy must get results in any case: without them it waits, and
		// the site learns nothing.
		if report, evidence, err = nothing(s, err); err != nil {
			return err
		}
	}
	if err := handOver(results, report, evidence); err != nil {
		return &exitError{exitToolFailed, fmt.Errorf("hand the results to Sonobuoy: %w", err)}
	}
	return nil
}

func conductInCluster(ctx context.Context, s *suite) (report v1alpha1.ConformanceReport, evidence v1alpha1.Evidence, err error) {
	if s.site, err = readSite(filepath.Join(envOr("SONOBUOY_CONFIG_DIR", defaultConfigDir), siteFileName)); err != nil {
		return report, evidence, err
	}
	if s.coldImage == "" {
		s.coldImage = s.site.Images.Cold
	}
	if s.rest, err = rest.InClusterConfig(); err != nil {
		return report, evidence, usageError("bvc plugin runs inside a pod: %w", err)
	}
	client, err := kubernetes.NewForConfig(s.rest)
	if err != nil {
		return report, evidence, toolFailed(err)
	}
	var ran string
	if s.image, ran, err = ownImage(ctx, client); err != nil {
		return report, evidence, usageError("find out the plugin's own image: %w", err)
	}
	s.progress = postProgress(envOr("SONOBUOY_PROGRESS_PORT", "8099"), s.log)
	if report, evidence, err = conduct(ctx, *s); err == nil {
		report.Suite.Image = ran
	}
	return report, evidence, err
}

// ownImage is the reference that the plugin's container was started from, for
// the probe pods, and the digest that the node resolved it to, for the report.
func ownImage(ctx context.Context, client kubernetes.Interface) (reference, resolved string, err error) {
	pod, err := client.CoreV1().Pods(os.Getenv("POD_NAMESPACE")).Get(ctx, os.Getenv("POD_NAME"), metav1.GetOptions{})
	if err != nil {
		return "", "", err
	}
	for _, c := range pod.Spec.Containers {
		if c.Name == pluginContainer {
			reference = c.Image
		}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == pluginContainer && c.ImageID != "" {
			resolved = v1alpha1.Plain(c.ImageID, 256)
		}
	}
	if reference == "" {
		return "", "", fmt.Errorf("pod %s has no container %q", pod.Name, pluginContainer)
	}
	if resolved == "" {
		resolved = reference
	}
	return reference, resolved, nil
}

// handOver writes the bundle and Sonobuoy's results file into a directory of
// their own and names it in done, last.
func handOver(results string, report v1alpha1.ConformanceReport, evidence v1alpha1.Evidence) error {
	cat, err := loadCatalogue()
	if err != nil {
		return err
	}
	b, err := encodeBundle(report, evidence)
	if err != nil {
		return err
	}
	var yaml bytes.Buffer
	if err := sonobuoy.Write(&yaml, report, cat); err != nil {
		return err
	}
	dir := filepath.Join(results, "bvc")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range map[string][]byte{v1alpha1.ReportFile: b.ReportBytes, v1alpha1.EvidenceFile: b.EvidenceBytes, resultsFile: yaml.Bytes()} {
		if err := writeWhole(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return writeWhole(filepath.Join(results, doneFile), []byte(dir))
}

// postProgress tells Sonobuoy's worker how far the run is. Trouble with it is
// no trouble of the run.
func postProgress(port string, log io.Writer) func(spec.Progress) {
	client := &http.Client{Timeout: 5 * time.Second}
	silent := false
	return func(p spec.Progress) {
		fmt.Fprintf(log, "%d of %d: %s: %s\n", p.Completed, p.Total, p.Result.CheckID, p.Result.Outcome)
		body, err := json.Marshal(map[string]any{
			"msg":   fmt.Sprintf("%d of %d checks, the last %s: %s", p.Completed, p.Total, p.Result.CheckID, p.Result.Outcome),
			"total": p.Total, "completed": p.Completed - len(p.Failed), "failures": p.Failed,
		})
		if err != nil || silent {
			return
		}
		// A run that is being interrupted still says how far it came.
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://localhost:"+port+"/progress", bytes.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(request)
		if err != nil {
			// A worker that does not take it now will not later, and each try costs the run its timeout.
			silent = true
			fmt.Fprintln(log, "progress was not taken:", err)
			return
		}
		answer.Body.Close()
	}
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
