package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sonobuoyplugin "github.com/vmware-tanzu/sonobuoy/pkg/plugin"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/spec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/rejudge"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/rollup"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/sonobuoy"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestHandOver(t *testing.T) {
	results := t.TempDir()
	report, evidence := documents(t, with(allPass(), a17, "fail-admitted"))
	if err := handOver(results, report, evidence); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names(t, results), " "); got != "bvc done" {
		t.Errorf("in the results directory: %s", got)
	}
	dir := filepath.Join(results, "bvc")
	if got := strings.Join(names(t, dir), " "); got != "bvc.yaml evidence.json report.json" {
		t.Errorf("in the directory handed over: %s", got)
	}
	done, err := os.ReadFile(filepath.Join(results, doneFile))
	if err != nil || string(done) != dir || !filepath.IsAbs(string(done)) {
		t.Errorf("done says %q, error %v", done, err)
	}
	// The worker beside it runs as another user.
	for _, path := range []string{filepath.Join(results, doneFile), filepath.Join(dir, v1alpha1.ReportFile), filepath.Join(dir, v1alpha1.EvidenceFile), filepath.Join(dir, resultsFile), dir} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o004 == 0 {
			t.Errorf("%s is not readable by all: %v", path, err)
		}
	}
	if b, err := codec.ReadBundle(os.DirFS(dir)); err != nil || b.Report.Conclusion.Result == v1alpha1.NoDeviation {
		t.Errorf("%s, error %v", b.Report.Conclusion.Result, err)
	}
}

// TestDoneIsLast makes each file fail in turn: done must not be there then,
// because the worker takes what it names as soon as it appears.
func TestDoneIsLast(t *testing.T) {
	report, evidence := documents(t, nil)
	for _, name := range []string{v1alpha1.ReportFile, v1alpha1.EvidenceFile, resultsFile} {
		results := t.TempDir()
		if err := os.MkdirAll(filepath.Join(results, "bvc", name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := handOver(results, report, evidence); err == nil {
			t.Errorf("%s can not be written, and that is not told", name)
		}
		if _, err := os.Stat(filepath.Join(results, doneFile)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("done is there without %s", name)
		}
	}
	// Nor for documents that a reader would refuse.
	results := t.TempDir()
	report.Conclusion.Result = "fine"
	if err := handOver(results, report, evidence); err == nil {
		t.Error("a report is handed over that nobody can read")
	}
	if len(names(t, results)) > 0 {
		t.Errorf("written: %v", names(t, results))
	}
}

// looksLikeNothing wants the report of a run that could not look: complete,
// readable, and without anything good in it.
func looksLikeNothing(t *testing.T, report v1alpha1.ConformanceReport, evidence v1alpha1.Evidence) {
	t.Helper()
	if err := errors.Join(report.Validate(), evidence.Validate()); err != nil {
		t.Fatal(err)
	}
	cat, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Results) != len(check.Default.Checks()) {
		t.Errorf("%d results of %d checks", len(report.Results), len(check.Default.Checks()))
	}
	for _, r := range report.Results {
		if r.Outcome != v1alpha1.NotRun || r.Reason.De == "" || r.Reason.En == "" || strings.ContainsAny(r.Reason.En, "\n\x1b") || len(r.Reason.En) > 1000 {
			t.Errorf("%s: %s %q", r.CheckID, r.Outcome, r.Reason.En)
		}
	}
	if report.Conclusion.Result != v1alpha1.ConclInconcl || report.Run.Complete() {
		t.Errorf("concludes %s, complete: %v", report.Conclusion.Result, report.Run.Complete())
	}
	for _, s := range report.Statements {
		if s.State != v1alpha1.StateOpen {
			t.Errorf("%s is %s", s.ID, s.State)
		}
	}
	if len(report.Requirements) != len(cat.Requirements) || len(evidence.Observations) > 0 {
		t.Errorf("%d requirements of %d, %d observations", len(report.Requirements), len(cat.Requirements), len(evidence.Observations))
	}
	if s := sonobuoy.Results(report, cat).Status; s == sonobuoy.Passed || s == sonobuoy.Skipped {
		t.Errorf("Sonobuoy would show %s", s)
	}
	o := rejudge.Compare(report, evidence, rejudge.Rules{Catalogue: cat, Judge: judge, Roll: rollup.Roll, Conclude: rollup.Conclude})
	if len(o.Differences) > 0 {
		t.Errorf("does not follow from its evidence: %v", o.Differences)
	}
}

func TestNothing(t *testing.T) {
	known := site{Site: v1alpha1.Site{Name: "a", Organisation: "b", ProtectionNeed: v1alpha1.NeedNormal}}
	for name, c := range map[string]struct {
		s     suite
		cause error
	}{
		"site known":         {suite{site: known, via: viaSonobuoy}, errors.New("no way to the API server")},
		"site unknown":       {suite{via: viaSonobuoy}, errors.New("the site file has mistakes")},
		"long, coloured":     {suite{site: known, via: viaSonobuoy}, errors.New("\x1b[31m" + strings.Repeat("line\n", 1000))},
		"with a filter":      {suite{site: known, via: viaSonobuoy, filter: "area: containsAny data"}, errors.New("x")},
		"nothing to be said": {suite{site: known, via: viaSonobuoy}, errors.New("")},
	} {
		t.Run(name, func(t *testing.T) {
			report, evidence, err := nothing(c.s, c.cause)
			if err != nil {
				t.Fatal(err)
			}
			looksLikeNothing(t, report, evidence)
			if _, err := encodeBundle(report, evidence); err != nil {
				t.Error(err)
			}
			if c.s.site.ProtectionNeed != "" && report.Site.ProtectionNeed != c.s.site.ProtectionNeed {
				t.Errorf("protection need %s", report.Site.ProtectionNeed)
			}
		})
	}
}

// TestPluginHandsOverInAnyCase proves that Sonobuoy gets results when the run
// can not even begin: without them it waits, and the site learns nothing.
func TestPluginHandsOverInAnyCase(t *testing.T) {
	for name, c := range map[string]struct{ site, says string }{
		"no site file":     {"", "no such file"},
		"broken site file": {"kind: Site\nname: [\n", "site file has mistakes"},
		"outside of a pod": {"apiVersion: conformance.opencode.de/v1alpha1\nkind: Site\nname: a\norganisation: b\nprotectionNeed: normal\n", "inside a pod"},
	} {
		t.Run(name, func(t *testing.T) {
			results, config := t.TempDir(), t.TempDir()
			t.Setenv("SONOBUOY_RESULTS_DIR", results)
			t.Setenv("SONOBUOY_CONFIG_DIR", config)
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			if c.site != "" {
				write(t, filepath.Join(config, siteFileName), []byte(c.site))
			}
			got := bvc(t.Context(), "plugin")
			if got.code != exitOK {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			said(t, got.stderr)
			if !strings.Contains(got.stderr, c.says) {
				t.Errorf("does not say %q: %s", c.says, got.stderr)
			}
			done, err := os.ReadFile(filepath.Join(results, doneFile))
			if err != nil {
				t.Fatal(err)
			}
			b, err := codec.ReadBundle(os.DirFS(string(done)))
			if err != nil {
				t.Fatal(err)
			}
			looksLikeNothing(t, b.Report, b.Evidence)
			if !strings.Contains(b.Report.Results[0].Reason.En, c.says) {
				t.Errorf("the report does not say why: %s", b.Report.Results[0].Reason.En)
			}
		})
	}
}

func TestOwnImage(t *testing.T) {
	t.Setenv("POD_NAMESPACE", sonobuoyNamespace)
	t.Setenv("POD_NAME", "p")
	pod := func(container, image, imageID string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: sonobuoyNamespace, Name: "p"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "sonobuoy-worker", Image: "sonobuoy"}, {Name: container, Image: image}}},
			Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "sonobuoy-worker", ImageID: "other"}, {Name: container, ImageID: imageID}}},
		}
	}
	for name, c := range map[string]struct {
		pod                 *corev1.Pod
		reference, resolved string
	}{
		"resolved":          {pod(pluginContainer, "r/bvc:v1", "r/bvc@sha256:1"), "r/bvc:v1", "r/bvc@sha256:1"},
		"not resolved":      {pod(pluginContainer, "r/bvc:v1", ""), "r/bvc:v1", "r/bvc:v1"},
		"no such container": {pod("other", "r/bvc:v1", "x"), "", ""},
		"no such pod":       {&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: sonobuoyNamespace, Name: "q"}}, "", ""},
	} {
		reference, resolved, err := ownImage(t.Context(), fake.NewClientset(c.pod))
		if reference != c.reference || resolved != c.resolved || (err == nil) != (c.reference != "") {
			t.Errorf("%s: %q, %q, %v", name, reference, resolved, err)
		}
	}
}

// TestProgressBody holds what is posted against Sonobuoy's own type.
func TestProgressBody(t *testing.T) {
	var got sonobuoyplugin.ProgressUpdate
	var request *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		request = r
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		got = sonobuoyplugin.ProgressUpdate{}
		if err := d.Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	post := postProgress(u.Port(), io.Discard)
	for _, c := range []struct {
		p         spec.Progress
		completed int64
	}{
		{spec.Progress{Result: v1alpha1.Result{CheckID: a7, Outcome: v1alpha1.Pass}, Completed: 1, Total: 4}, 1},
		// Sonobuoy shows completed as passed and failures beside it.
		{spec.Progress{Result: v1alpha1.Result{CheckID: a17, Outcome: v1alpha1.Fail}, Completed: 3, Total: 4, Failed: []string{a17}}, 2},
	} {
		post(c.p)
		if request == nil {
			t.Fatal("nothing came")
		}
		if request.Method != http.MethodPost || request.URL.Path != "/progress" || request.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s, %s", request.Method, request.URL, request.Header.Get("Content-Type"))
		}
		if got.Total != int64(c.p.Total) || got.Completed != c.completed || strings.Join(got.Failures, " ") != strings.Join(c.p.Failed, " ") || got.IsAppending() {
			t.Errorf("%+v", got)
		}
		if !strings.Contains(got.Message, c.p.Result.CheckID) || !strings.Contains(got.Message, string(c.p.Result.Outcome)) {
			t.Errorf("message %q", got.Message)
		}
		if remaining := got.Total - got.Completed - int64(len(got.Failures)); remaining != int64(c.p.Total-c.p.Completed) {
			t.Errorf("Sonobuoy would show %d remaining", remaining)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestProgressIsBounded proves that a worker that is silent, refuses or fails
// costs the run seconds at most and nothing else.
func TestProgressIsBounded(t *testing.T) {
	transport := http.DefaultTransport
	defer func() { http.DefaultTransport = transport }()
	for name, answer := range map[string]roundTrip{
		"silent": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"refuses": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"fails": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusInternalServerError, Body: http.NoBody, Request: r}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the time in here is not ours
				http.DefaultTransport = answer
				var log bytes.Buffer
				began := time.Now()
				postProgress("8099", &log)(spec.Progress{Result: v1alpha1.Result{CheckID: a7, Outcome: v1alpha1.Pass}, Completed: 1, Total: 4})
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("held the run for %s", took)
				}
				if !strings.Contains(log.String(), "1 of 4: "+a7+": pass") {
					t.Errorf("log: %s", log.String())
				}
			})
		})
	}
}
