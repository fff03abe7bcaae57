package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/vmware-tanzu/sonobuoy/pkg/client"
	"github.com/vmware-tanzu/sonobuoy/pkg/config"
	"github.com/vmware-tanzu/sonobuoy/pkg/dynamic"
	"github.com/vmware-tanzu/sonobuoy/pkg/plugin/aggregation"
	"github.com/vmware-tanzu/sonobuoy/pkg/plugin/manifest"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kuberuntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
)

const (
	// pollEvery is how often the run's state is looked at.
	pollEvery = 2 * time.Second
	// troubleLimit is how long a pod may be without its image, unschedulable
	// or gone before the run is given up: long enough for a slow registry,
	// shorter than Sonobuoy's own five minutes.
	troubleLimit = 90 * time.Second
	// finalLimit is the same for a pod that ended or is gone: it leaves the
	// worker time to hand over what the plugin wrote before its end.
	finalLimit = 15 * time.Second
	// retrieveTries of a download whose checksum must match.
	retrieveTries = 5
	// sonobuoyMargin is what a run through Sonobuoy may need beside the suite:
	// pulling images, removing what was made, handing over.
	sonobuoyMargin = 20 * time.Minute
	// handOverLimit of an interrupted run: the plugin's grace period and the
	// way of its results through Sonobuoy.
	handOverLimit = pluginGrace + 30*time.Second
	// downloadLimit of one try: some 100 KB, over a slow line.
	downloadLimit = 2 * time.Minute
	// maxTarball bounds what is taken from a cluster.
	maxTarball = 256 << 20
)

// sonobuoyRun is one run through Sonobuoy.
type sonobuoyRun struct {
	options runOptions
	client  *client.SonobuoyClient
	kube    kubernetes.Interface
	line    *line
	// trouble is what keeps the run's pods from getting on, and since when;
	// final when it can not change any more.
	trouble string
	final   bool
	since   time.Time
	sawPod  bool
}

// runSonobuoy starts Sonobuoy, awaits it, fetches the bundle, and removes
// Sonobuoy's objects and, should the plugin not have done it, the run's.
func runSonobuoy(ctx context.Context, o runOptions, l *line) (b codec.Bundle, err error) {
	if o.sonobuoyImage == "" {
		return b, usageError("no Sonobuoy image: name it as the cluster pulls it with --sonobuoy-image, or run with --via direct")
	}
	r := &sonobuoyRun{options: o, line: l}
	if r.kube, err = kubernetes.NewForConfig(o.suite.rest); err != nil {
		return b, usageError("make a client from the kubeconfig: %w", err)
	}
	if err := preflightRun(ctx, r.kube, o); err != nil {
		return b, err
	}
	// Sonobuoy's library logs every step at info, and its aggregator inherits
	// the level: at info its log names every namespace and resource type. It
	// does not know the level warning by the name that its library gives it.
	logrus.SetLevel(logrus.ErrorLevel)
	logrus.SetOutput(o.suite.log)
	helper, err := dynamic.NewAPIHelperFromRESTConfig(o.suite.rest)
	if err != nil {
		return b, usageError("reach the cluster: %w", err)
	}
	if r.client, err = client.NewSonobuoyClient(o.suite.rest, helper); err != nil {
		return b, usageError("make Sonobuoy's client: %w", err)
	}
	l.set("starting Sonobuoy in namespace %s", o.namespace)
	// From here on there is something to remove, whatever happens.
	defer func() {
		l.set("removing what the run made")
		if left := r.remove(context.WithoutCancel(ctx)); left != nil && err == nil {
			err = &exitError{exitInconclusive, fmt.Errorf("the run is over, but objects stay in the cluster: %w\nRemove them with: bvc cleanup", left)}
		} else if left != nil {
			err = fmt.Errorf("%w\nObjects stay in the cluster (%w). Remove them with: bvc cleanup", err, left)
		}
	}()
	if err := r.start(); err != nil {
		return b, usageError("start Sonobuoy: %w", err)
	}
	status, err := r.await(ctx)
	if errors.Is(err, errInterrupted) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), handOverLimit)
		defer cancel()
		status, err = r.handOver(ctx)
	}
	if err != nil {
		return b, err
	}
	l.set("fetching the results")
	return r.retrieve(ctx, status)
}

// errInterrupted says that a person ended the run.
var errInterrupted = &exitError{exitInconclusive, errors.New("interrupted before the run was complete; there is no report")}

// handOver ends the plugin in order: it reports what it saw until now, as it
// does when its time is over.
func (r *sonobuoyRun) handOver(ctx context.Context) (*aggregation.Status, error) {
	if !r.sawPod {
		return nil, errInterrupted
	}
	r.line.lasting("interrupted: waiting until the plugin has handed over what it saw; a second Ctrl-C ends at once, and then bvc cleanup removes what is left")
	err := r.kube.CoreV1().Pods(r.options.namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "sonobuoy-plugin=bvc"})
	if err != nil {
		return nil, errInterrupted
	}
	status, err := r.await(ctx)
	if err != nil {
		return nil, errInterrupted
	}
	return status, nil
}

// start generates Sonobuoy's manifests with exactly the rights of design.md
// and creates them.
func (r *sonobuoyRun) start() error {
	plugin, err := r.options.plugin()
	if err != nil {
		return err
	}
	c := config.New()
	if err := json.Unmarshal(sonobuoyConfig, c); err != nil {
		return fmt.Errorf("read sonobuoy.json: %w", err)
	}
	c.Namespace, c.WorkerImage, c.ImagePullPolicy = r.options.namespace, r.options.sonobuoyImage, r.options.pullPolicy
	// Sonobuoy must not give the plugin up before the plugin's own time is over.
	c.Aggregation.TimeoutSeconds = max(c.Aggregation.TimeoutSeconds, int((r.options.suite.timeout + sonobuoyMargin).Seconds()))
	generate := &client.GenConfig{Config: c, EnableRBAC: false, ImagePullPolicy: r.options.pullPolicy, StaticPlugins: []*manifest.Manifest{plugin}, KubeVersion: "unknown"}
	objects, err := r.client.GenerateManifest(generate)
	if err != nil {
		return err
	}
	return r.client.RunManifest(&client.RunConfig{GenConfig: *generate}, objects)
}

// plugin is plugin.yaml with the run's image, site file and flags.
func (o runOptions) plugin() (*manifest.Manifest, error) {
	var m manifest.Manifest
	if err := kuberuntime.DecodeInto(manifest.Decoder, pluginManifest, &m); err != nil {
		return nil, fmt.Errorf("read plugin.yaml: %w", err)
	}
	m.Spec.Image, m.Spec.ImagePullPolicy = o.suite.image, corev1.PullPolicy(o.pullPolicy)
	m.Spec.Args = append(m.Spec.Args, "--timeout", o.suite.timeout.String(), "--qps", fmt.Sprint(o.suite.qps),
		"--tenant-namespaces", strings.Join(o.suite.namespaces, ","))
	if o.suite.filter != "" {
		m.Spec.Args = append(m.Spec.Args, "--label-filter", o.suite.filter)
	}
	if o.suite.coldImage != "" {
		m.Spec.Args = append(m.Spec.Args, "--cold-image", o.suite.coldImage)
	}
	m.ConfigMap = map[string]string{siteFileName: string(o.suite.site.raw)}
	return &m, nil
}

// await follows the run until Sonobuoy says complete.
func (r *sonobuoyRun) await(ctx context.Context) (*aggregation.Status, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var unreadable time.Time
	var told *exitError
	for {
		select {
		case <-ctx.Done():
			return nil, errInterrupted
		case <-tick.C:
		}
		status, err := r.status(ctx)
		switch {
		case err == nil:
			unreadable = time.Time{}
			if status != nil && status.Status == aggregation.CompleteStatus {
				return status, nil
			}
		case ctx.Err() != nil:
			continue
		case errors.As(err, &told):
			return nil, err
		case !wait.Transient(err):
			return nil, &exitError{exitInconclusive, fmt.Errorf("read the state of the run: %w", err)}
		default:
			if unreadable.IsZero() {
				unreadable = time.Now()
			}
			if time.Since(unreadable) > troubleLimit {
				return nil, &exitError{exitInconclusive, fmt.Errorf("the cluster has not answered for %s: %w", troubleLimit, err)}
			}
			continue
		}
		if err := r.pods(ctx, handedOver(status)); err != nil {
			return nil, err
		}
		if r.trouble != "" {
			r.line.set("%s", r.trouble)
		} else {
			r.line.set("%s", progressText(status))
		}
	}
}

// status reads Sonobuoy's state from the aggregator's annotation; nil when it
// is not there yet.
func (r *sonobuoyRun) status(ctx context.Context) (*aggregation.Status, error) {
	pod, err := r.kube.CoreV1().Pods(r.options.namespace).Get(ctx, aggregation.DefaultStatusPodName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, &exitError{exitInconclusive, errors.New("Sonobuoy's aggregator pod is gone, and with it the results; run again")}
	}
	if err != nil {
		return nil, err
	}
	text, ok := pod.Annotations[aggregation.StatusAnnotationName]
	if !ok {
		return nil, nil
	}
	var status aggregation.Status
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return nil, &exitError{exitInconclusive, fmt.Errorf("read Sonobuoy's status: %w", err)}
	}
	return &status, nil
}

func progressText(s *aggregation.Status) string {
	if s == nil {
		return "waiting for Sonobuoy to start"
	}
	for _, p := range s.Plugins {
		if p.Progress != nil && p.Progress.Message != "" {
			return p.Progress.Message
		}
	}
	return "Sonobuoy: " + s.Status
}

// handedOver reports whether Sonobuoy is done with the plugin and removes its
// pod by itself.
func handedOver(s *aggregation.Status) bool {
	return s != nil && slices.ContainsFunc(s.Plugins, func(p aggregation.PluginStatus) bool { return p.Status != aggregation.RunningStatus })
}

// pods gives up on a run whose pods can not come to anything.
func (r *sonobuoyRun) pods(ctx context.Context, handedOver bool) error {
	list, err := r.kube.CoreV1().Pods(r.options.namespace).List(ctx, metav1.ListOptions{LabelSelector: "component=sonobuoy"})
	if err != nil {
		return nil //nolint:nilerr // the next look will tell, and status reports a cluster that stays silent
	}
	trouble, plugin, final := "", false, false
	for _, p := range list.Items {
		if p.Labels["sonobuoy-plugin"] == "bvc" {
			plugin, r.sawPod = true, true
		}
		if t, f := troubleOf(p); t != "" && !final {
			trouble, final = t, f
		}
	}
	if r.sawPod && !plugin && !handedOver {
		trouble, final = "the plugin's pod was removed from the cluster before it handed over its results", true
	}
	// The words of one trouble change, as from ErrImagePull to ImagePullBackOff and back.
	if (trouble == "") != (r.trouble == "") || final != r.final {
		r.since = time.Now()
	}
	r.trouble, r.final = trouble, final
	limit := troubleLimit
	if final {
		limit = finalLimit
	}
	if trouble != "" && time.Since(r.since) > limit {
		return &exitError{exitInconclusive, fmt.Errorf("the run was given up: %s", trouble)}
	}
	return nil
}

// troubleOf says in one sentence why a pod of the run does not get on, empty
// when it does, and whether that can not change any more.
func troubleOf(p corev1.Pod) (trouble string, final bool) {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return fmt.Sprintf("pod %s is not scheduled: %s", p.Name, c.Message), false
		}
	}
	for _, c := range p.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil && w.Reason != "" && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
			return fmt.Sprintf("container %s of pod %s does not start (%s): image %s; %s", c.Name, p.Name, w.Reason, c.Image, w.Message), false
		}
		if t := c.State.Terminated; t != nil && t.ExitCode != 0 {
			return fmt.Sprintf("container %s of pod %s ended with exit code %d (%s)", c.Name, p.Name, t.ExitCode, t.Reason), true
		}
	}
	if p.Status.Phase == corev1.PodFailed {
		return fmt.Sprintf("pod %s failed (%s): %s", p.Name, p.Status.Reason, p.Status.Message), true
	}
	return "", false
}

// retrieve fetches Sonobuoy's tarball, checks it against the checksum that the
// aggregator noted, and keeps the bundle only: the tarball names every
// namespace of the cluster.
func (r *sonobuoyRun) retrieve(ctx context.Context, status *aggregation.Status) (codec.Bundle, error) {
	var last error
	for try := 1; try <= retrieveTries; try++ {
		if try > 1 {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(try) * pollEvery):
			}
		}
		if ctx.Err() != nil {
			return codec.Bundle{}, &exitError{exitInconclusive, errors.New("interrupted while the results were fetched; there is no report")}
		}
		tarball, err := r.download(ctx)
		if err == nil {
			sum := sha256.Sum256(tarball)
			if got := hex.EncodeToString(sum[:]); got == status.Tarball.SHA256 {
				b, err := codec.FromTarball(bytes.NewReader(tarball), codec.DefaultLimits())
				if err != nil {
					return b, &exitError{exitInconclusive, fmt.Errorf("the plugin handed over no readable report: %w%s", err, pluginErrors(status))}
				}
				return b, nil
			}
			err = errors.New("the checksum of the tarball is not the one that Sonobuoy noted")
		}
		last = err
		r.line.lasting("try %d of %d to fetch the results: %v", try, retrieveTries, err)
	}
	return codec.Bundle{}, &exitError{exitInconclusive, fmt.Errorf("fetch the results: %w\nThey need pods/exec over SPDY, which some proxies cut", last)}
}

func pluginErrors(s *aggregation.Status) string {
	for _, p := range s.Plugins {
		if p.Status == aggregation.FailedStatus {
			return "; Sonobuoy counts the plugin as failed: its pod ended or was removed before it handed over its results"
		}
	}
	return ""
}

// download fetches the tarball. Sonobuoy's client takes no context, and a
// connection that was cut in silence would hold the run for ever.
func (r *sonobuoyRun) download(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, downloadLimit)
	defer cancel()
	type answer struct {
		tarball []byte
		err     error
	}
	got := make(chan answer, 1)
	go func() {
		tarball, err := r.stream()
		got <- answer{tarball, err}
	}()
	select {
	case a := <-got:
		return a.tarball, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the tarball did not come within %s: %w", downloadLimit, ctx.Err())
	}
}

// stream reads the tarball, which Sonobuoy sends inside another archive.
func (r *sonobuoyRun) stream() ([]byte, error) {
	stream, failed, err := r.client.RetrieveResults(&client.RetrieveConfig{Namespace: r.options.namespace, Path: config.AggregatorResultsPath})
	if err != nil {
		return nil, err
	}
	tarball, err := firstFile(stream)
	// The sender must be able to end, also when what came was not readable.
	if _, drainErr := io.Copy(io.Discard, stream); err == nil {
		err = drainErr
	}
	if sendErr := <-failed; sendErr != nil {
		return nil, sendErr
	}
	return tarball, err
}

func firstFile(stream io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(stream)
	if err != nil {
		return nil, fmt.Errorf("open the archive: %w", err)
	}
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if err != nil {
			return nil, fmt.Errorf("look for the tarball in the archive: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if h.Size > maxTarball {
			return nil, fmt.Errorf("the tarball is larger than %d MiB", maxTarball>>20)
		}
		data, err := io.ReadAll(t)
		if err != nil {
			return nil, fmt.Errorf("read the tarball: %w", err)
		}
		return data, nil
	}
}
