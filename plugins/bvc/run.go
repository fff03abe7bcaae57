package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/spec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// runOptions are what a person gives `bvc run`.
type runOptions struct {
	access        access
	suite         suite
	siteFile      string
	output        string
	language      string
	verbose       bool
	namespace     string
	sonobuoyImage string
	pullPolicy    string
}

func runCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use: "run", Short: "Run the suite against a cluster and write its report", Args: noArguments,
		Long: `Runs the suite in the cluster through Sonobuoy, fetches the report bundle and removes what the run made.
The site applies rbac.yaml once before: kubectl apply -f plugins/bvc/rbac.yaml. With --via direct the suite runs
in this process with the rights of the kubeconfig, and no Sonobuoy is needed.

` + exitCodesForUsers,
		Example: `  bvc run --site site.yaml --image registry.example.org/bvc/bvc@sha256:... --sonobuoy-image registry.example.org/bvc/sonobuoy@sha256:...
  bvc run --via direct --kubeconfig cluster.kubeconfig --site site.yaml --image registry.example.org/bvc/bvc@sha256:...
  bvc run --site site.yaml --image ... --label-filter 'area: containsAny network'`,
		RunE: func(c *cobra.Command, _ []string) error {
			return run(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	o.access.flags(c)
	suiteFlags(c, &o.suite)
	c.Flags().StringVar(&o.suite.via, "via", viaSonobuoy, "sonobuoy, or direct for a run from this process")
	c.Flags().StringVar(&o.siteFile, "site", "", "site file (see plugins/bvc/site.example.yaml)")
	c.Flags().StringVar(&o.suite.image, "image", "", "bvc's image as the cluster pulls it, by digest")
	c.Flags().StringVar(&o.suite.coldImage, "cold-image", "", "image with a fresh layer for the figure of a cold start (overrides images.cold of the site file)")
	c.Flags().StringVar(&o.sonobuoyImage, "sonobuoy-image", "", "Sonobuoy's image as the cluster pulls it, by digest")
	c.Flags().StringVar(&o.pullPolicy, "image-pull-policy", "IfNotPresent", "pull policy of Sonobuoy's and the plugin's image")
	c.Flags().StringVarP(&o.output, "output", "o", "", "directory for the bundle and its readable forms (default: bvc-<run ID>)")
	c.Flags().StringVarP(&o.namespace, "namespace", "n", sonobuoyNamespace, "Sonobuoy's namespace")
	languageFlag(c, &o.language)
	c.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "print Ginkgo's own report and messages for people")
	return c
}

func run(ctx context.Context, o runOptions, stdout, stderr io.Writer) error {
	if err := knownLanguage(o.language); err != nil {
		return err
	}
	var err error
	if o.suite.site, err = readSite(o.siteFile); err != nil {
		return err
	}
	if o.suite.image == "" {
		return usageError("no image: name bvc's image as the cluster pulls it with --image, by digest")
	}
	if o.suite.coldImage == "" {
		o.suite.coldImage = o.suite.site.Images.Cold
	}
	if len(o.suite.namespaces) == 0 || o.suite.qps <= 0 || o.suite.timeout <= 0 {
		return usageError("--tenant-namespaces, --qps and --timeout must not be empty or zero")
	}
	if o.suite.rest, err = o.access.config(); err != nil {
		return err
	}
	o.suite.arguments, o.suite.log = os.Args[1:], io.Discard
	if o.verbose {
		o.suite.log = stderr
	}
	cat, err := loadCatalogue()
	if err != nil {
		return err
	}
	// Before anything is made: inside the plugin the mistake would cost a run.
	if _, err := spec.Select(check.Default.Checks(), levels(cat), o.suite.filter); err != nil {
		return &exitError{exitUsage, err}
	}
	var b codec.Bundle
	line := newLine(stderr)
	switch o.suite.via {
	case viaDirect:
		b, err = runDirect(ctx, o, line)
	case viaSonobuoy:
		b, err = runSonobuoy(ctx, o, line)
	default:
		err = usageError("--via %q: it is sonobuoy or direct", o.suite.via)
	}
	line.end()
	if err != nil {
		return err
	}
	dir := o.output
	if dir == "" {
		dir = "bvc-" + b.Report.Run.ID
	}
	if err := saveBundle(dir, b, cat, o.language); err != nil {
		return err
	}
	printSummary(stdout, b.Report, cat, o.language == english, b.Report.Run.FinishedAt)
	page, err := filepath.Abs(filepath.Join(dir, "report.html"))
	if err != nil {
		page = filepath.Join(dir, "report.html")
	}
	where := "Bericht mit Gefordertem, Beobachtetem, Gegenstand und Abhilfe: %s\nBündel (das, was abgegeben wird): %s, %s\n"
	if o.language == english {
		where = "Report with what was required, what was observed, on which object, and the remedy: %s\nBundle (what is handed in): %s, %s\n"
	}
	fmt.Fprintf(stdout, where, page, filepath.Join(dir, v1alpha1.ReportFile), v1alpha1.EvidenceFile)
	if code := codeOf(b.Report.Conclusion.Result); code != exitOK {
		return &exitError{code: code}
	}
	return nil
}

// runDirect runs the suite in this process.
func runDirect(ctx context.Context, o runOptions, line *line) (codec.Bundle, error) {
	if err := reachable(ctx, o.suite.rest); err != nil {
		return codec.Bundle{}, err
	}
	if err := needNamespaces(ctx, o.suite.rest, o.suite.namespaces); err != nil {
		return codec.Bundle{}, err
	}
	o.suite.progress = func(p spec.Progress) {
		line.lasting("%d of %d: %s: %s", p.Completed, p.Total, p.Result.CheckID, p.Result.Outcome)
		if len(p.Running) > 0 {
			line.set("running: %s", strings.Join(p.Running, ", "))
		}
	}
	line.set("running the suite from here")
	report, evidence, err := conduct(ctx, o.suite)
	if err != nil {
		return codec.Bundle{}, err
	}
	return encodeBundle(report, evidence)
}

// line is one live line on a terminal, and plain lines elsewhere.
type line struct {
	w        io.Writer
	terminal bool
	started  time.Time
	last     string
}

func newLine(w io.Writer) *line {
	f, ok := w.(*os.File)
	terminal := false
	if ok {
		if info, err := f.Stat(); err == nil {
			terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return &line{w: w, terminal: terminal, started: time.Now()}
}

// set replaces the live line; off a terminal it prints what changed.
func (l *line) set(format string, args ...any) {
	text := v1alpha1.Plain(fmt.Sprintf(format, args...), 160)
	if l.terminal {
		fmt.Fprintf(l.w, "\r\x1b[K%4.0fs %s", time.Since(l.started).Seconds(), text)
		return
	}
	if text != l.last {
		fmt.Fprintf(l.w, "%4.0fs %s\n", time.Since(l.started).Seconds(), text)
	}
	l.last = text
}

// lasting prints a line that stays.
func (l *line) lasting(format string, args ...any) {
	l.clear()
	fmt.Fprintf(l.w, "%4.0fs %s\n", time.Since(l.started).Seconds(), v1alpha1.Plain(fmt.Sprintf(format, args...), 240))
}

func (l *line) clear() {
	if l.terminal {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
}

func (l *line) end() { l.clear() }
