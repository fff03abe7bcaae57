package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmware-tanzu/sonobuoy/pkg/plugin"
	"github.com/vmware-tanzu/sonobuoy/pkg/plugin/aggregation"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kuberuntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func ended(code int32, reason string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}}
}

func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
}

// podOf is a pod of a run with its containers in these states.
func podOf(name string, states ...corev1.ContainerState) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: sonobuoyNamespace, Name: name, Labels: map[string]string{"component": "sonobuoy"}}}
	if name != aggregation.DefaultStatusPodName {
		p.Labels["sonobuoy-plugin"] = "bvc"
	}
	containers := []string{pluginContainer, "sonobuoy-worker"}
	for i, s := range states {
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: containers[i], Image: "registry.example.org/bvc:v1", State: s})
	}
	return p
}

func unscheduled(p corev1.Pod, message string) corev1.Pod {
	p.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionFalse},
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message},
	}
	return p
}

func TestTroubleOf(t *testing.T) {
	scheduled := podOf("p", running(), running())
	scheduled.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	evicted := podOf("p", ended(137, "Error"), ended(137, "Error"))
	evicted.Status.Phase, evicted.Status.Reason = corev1.PodFailed, "Evicted"
	refused := podOf("p")
	refused.Status.Phase, refused.Status.Reason, refused.Status.Message = corev1.PodFailed, "OutOfcpu", "not enough cpu"
	for _, c := range []struct {
		name  string
		pod   corev1.Pod
		says  []string // nothing for no trouble
		final bool
	}{
		{"nothing known yet", podOf("p"), nil, false},
		{"scheduled, not ready", scheduled, nil, false},
		{"running", podOf("p", running(), running()), nil, false},
		{"being made", podOf("p", waiting("ContainerCreating", ""), waiting("PodInitializing", "")), nil, false},
		{"waiting without a word", podOf("p", waiting("", ""), running()), nil, false},
		{"ended well", podOf("p", ended(0, "Completed"), running()), nil, false},

		{"unschedulable", unscheduled(podOf("p"), "0/3 nodes are available: 3 Insufficient cpu."), []string{"pod p is not scheduled", "Insufficient cpu"}, false},
		{"image pull", podOf("p", waiting("ErrImagePull", "401 Unauthorized"), running()), []string{"container plugin of pod p", "ErrImagePull", "registry.example.org/bvc:v1", "401 Unauthorized"}, false},
		{"image pull, backing off", podOf("p", waiting("ImagePullBackOff", "Back-off"), running()), []string{"ImagePullBackOff", "registry.example.org/bvc:v1"}, false},
		{"image name", podOf("p", waiting("InvalidImageName", "couldn't parse"), running()), []string{"InvalidImageName"}, false},
		{"never pulled", podOf("p", waiting("ErrImageNeverPull", ""), running()), []string{"ErrImageNeverPull"}, false},
		{"of the worker", podOf("p", running(), waiting("ImagePullBackOff", "")), []string{"container sonobuoy-worker"}, false},
		{"configuration", podOf("p", waiting("CreateContainerConfigError", `secret "x" not found`), running()), []string{"CreateContainerConfigError", `secret "x" not found`}, false},
		{"crash loop", podOf("p", waiting("CrashLoopBackOff", "back-off 5m0s"), running()), []string{"CrashLoopBackOff"}, false},

		{"ended badly", podOf("p", ended(5, "Error"), running()), []string{"container plugin of pod p ended with exit code 5 (Error)"}, true},
		{"out of memory", podOf("p", ended(137, "OOMKilled"), running()), []string{"137", "OOMKilled"}, true},
		{"worker ended badly", podOf("p", ended(0, "Completed"), ended(1, "Error")), []string{"container sonobuoy-worker", "exit code 1"}, true},
		{"refused by the kubelet", refused, []string{"pod p failed (OutOfcpu)", "not enough cpu"}, true},
		{"evicted", evicted, []string{"exit code 137"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			trouble, final := troubleOf(c.pod)
			if (trouble == "") != (c.says == nil) || final != c.final {
				t.Fatalf("%q, final: %v", trouble, final)
			}
			for _, s := range c.says {
				if !strings.Contains(trouble, s) {
					t.Errorf("%q does not say %q", trouble, s)
				}
			}
			if strings.Contains(trouble, "\n") {
				t.Errorf("%q is not one line", trouble)
			}
		})
	}
}

func statusOf(run string, plugins ...string) *aggregation.Status {
	s := &aggregation.Status{Status: run}
	for _, p := range plugins {
		s.Plugins = append(s.Plugins, aggregation.PluginStatus{Plugin: "bvc", Node: "global", Status: p})
	}
	return s
}

func TestHandedOver(t *testing.T) {
	for name, c := range map[string]struct {
		status *aggregation.Status
		want   bool
	}{
		"no status yet":   {nil, false},
		"no plugins yet":  {statusOf(aggregation.RunningStatus), false},
		"running":         {statusOf(aggregation.RunningStatus, aggregation.RunningStatus), false},
		"complete":        {statusOf(aggregation.RunningStatus, aggregation.CompleteStatus), true},
		"failed":          {statusOf(aggregation.RunningStatus, aggregation.FailedStatus), true},
		"post-processing": {statusOf(aggregation.PostProcessingStatus, aggregation.CompleteStatus), true},
	} {
		if got := handedOver(c.status); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestProgressText(t *testing.T) {
	posted := statusOf(aggregation.RunningStatus, aggregation.RunningStatus)
	posted.Plugins[0].Progress = &plugin.ProgressUpdate{Message: "2 of 4 checks"}
	silent := statusOf(aggregation.RunningStatus, aggregation.RunningStatus)
	silent.Plugins[0].Progress = &plugin.ProgressUpdate{}
	for name, c := range map[string]struct {
		status *aggregation.Status
		want   string
	}{
		"no status yet":        {nil, "waiting for Sonobuoy to start"},
		"no progress yet":      {statusOf(aggregation.RunningStatus, aggregation.RunningStatus), "Sonobuoy: running"},
		"progress with a word": {posted, "2 of 4 checks"},
		"progress without one": {silent, "Sonobuoy: running"},
		"after the plugin":     {statusOf(aggregation.PostProcessingStatus, aggregation.CompleteStatus), "Sonobuoy: post-processing"},
	} {
		if got := progressText(c.status); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestPluginErrors(t *testing.T) {
	if got := pluginErrors(statusOf(aggregation.CompleteStatus, aggregation.CompleteStatus)); got != "" {
		t.Errorf("%q", got)
	}
	if got := pluginErrors(statusOf(aggregation.CompleteStatus, aggregation.FailedStatus)); !strings.Contains(got, "counts the plugin as failed") {
		t.Errorf("%q", got)
	}
}

// aggregator is Sonobuoy's pod with a status noted on it, nil for none yet.
func aggregator(s *aggregation.Status) corev1.Pod {
	p := podOf(aggregation.DefaultStatusPodName, running())
	if s != nil {
		text, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		p.Annotations = map[string]string{aggregation.StatusAnnotationName: string(text)}
	}
	return p
}

// TestAwait follows runs whose pods are told by a table, in a time that is
// not ours. It proves when a run is given up and what is said then; what pods
// do on a cluster is for ci/e2e.
func TestAwait(t *testing.T) {
	const (
		soon  = 10 * time.Second // and a look
		never = 30 * time.Minute
	)
	started := statusOf(aggregation.RunningStatus, aggregation.RunningStatus)
	handed := statusOf(aggregation.PostProcessingStatus, aggregation.CompleteStatus)
	complete := statusOf(aggregation.CompleteStatus, aggregation.CompleteStatus)
	const job = "sonobuoy-bvc-job"
	working := podOf(job, running(), running())
	timeout := apierrors.NewTimeoutError("the server is busy", 1)
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "sonobuoy", errors.New("no"))
	pods := func(p ...corev1.Pod) []corev1.Pod { return p }
	for _, c := range []struct {
		name string
		// world tells what the cluster answers at a time of the run.
		world func(at time.Duration) ([]corev1.Pod, error)
		says  string // in the error, empty for a run that completes
		after time.Duration
		until time.Duration
	}{
		{"completes", func(at time.Duration) ([]corev1.Pod, error) {
			switch {
			case at < 4*time.Second:
				return pods(aggregator(nil)), nil
			case at < 10*time.Minute:
				return pods(aggregator(started), working), nil
			}
			return pods(aggregator(complete)), nil
		}, "", 10 * time.Minute, 10*time.Minute + soon},
		{"image never comes", func(time.Duration) ([]corev1.Pod, error) {
			return pods(aggregator(started), podOf(job, waiting("ImagePullBackOff", "Back-off"), running())), nil
		}, "ImagePullBackOff", troubleLimit, troubleLimit + soon},
		{"image never comes, in changing words", func(at time.Duration) ([]corev1.Pod, error) {
			// As the kubelet tells it: a try, and a longer wait after each.
			reason, tried := "ImagePullBackOff", time.Duration(0)
			for wait := soon; tried <= at; wait *= 2 {
				if at < tried+5*time.Second {
					reason = "ErrImagePull"
				}
				tried += wait
			}
			return pods(aggregator(started), podOf(job, waiting(reason, "no such image"), running())), nil
		}, "no such image", troubleLimit, troubleLimit + soon},
		{"the aggregator's image never comes", func(time.Duration) ([]corev1.Pod, error) {
			return pods(podOf(aggregation.DefaultStatusPodName, waiting("ErrImagePull", "not found"))), nil
		}, "ErrImagePull", troubleLimit, troubleLimit + soon},
		{"image comes late", func(at time.Duration) ([]corev1.Pod, error) {
			switch {
			case at < troubleLimit-soon:
				return pods(aggregator(started), podOf(job, waiting("ImagePullBackOff", "Back-off"), running())), nil
			case at < 5*time.Minute:
				return pods(aggregator(started), working), nil
			}
			return pods(aggregator(complete)), nil
		}, "", 5 * time.Minute, 5*time.Minute + soon},
		{"trouble that passes does not add up", func(at time.Duration) ([]corev1.Pod, error) {
			switch {
			case at > 10*time.Minute:
				return pods(aggregator(complete)), nil
			case at%time.Minute < 40*time.Second:
				return pods(aggregator(started), podOf(job, waiting("CreateContainerConfigError", ""), running())), nil
			}
			return pods(aggregator(started), working), nil
		}, "", 10 * time.Minute, 10*time.Minute + soon},
		{"no room", func(time.Duration) ([]corev1.Pod, error) {
			return pods(aggregator(started), unscheduled(podOf(job), "0/3 nodes are available")), nil
		}, "is not scheduled: 0/3 nodes", troubleLimit, troubleLimit + soon},
		{"plugin ends badly", func(at time.Duration) ([]corev1.Pod, error) {
			if at < time.Minute {
				return pods(aggregator(started), working), nil
			}
			return pods(aggregator(started), podOf(job, ended(137, "OOMKilled"), running())), nil
		}, "exit code 137 (OOMKilled)", time.Minute + finalLimit, time.Minute + finalLimit + soon},
		{"plugin ends badly, its results come all the same", func(at time.Duration) ([]corev1.Pod, error) {
			switch {
			case at < time.Minute:
				return pods(aggregator(started), working), nil
			case at < time.Minute+finalLimit:
				return pods(aggregator(started), podOf(job, ended(137, "OOMKilled"), running())), nil
			}
			return pods(aggregator(complete)), nil
		}, "", time.Minute + finalLimit, time.Minute + finalLimit + soon},
		{"plugin is removed", func(at time.Duration) ([]corev1.Pod, error) {
			if at < time.Minute {
				return pods(aggregator(started), working), nil
			}
			return pods(aggregator(started)), nil
		}, "removed from the cluster before it handed over", time.Minute + finalLimit, time.Minute + finalLimit + soon},
		{"plugin is removed after it handed over", func(at time.Duration) ([]corev1.Pod, error) {
			switch {
			case at < time.Minute:
				return pods(aggregator(started), working), nil
			case at < 4*time.Minute:
				return pods(aggregator(handed)), nil
			}
			return pods(aggregator(complete)), nil
		}, "", 4 * time.Minute, 4*time.Minute + soon},
		{"plugin is made late", func(at time.Duration) ([]corev1.Pod, error) {
			if at < 4*time.Minute {
				return pods(aggregator(started)), nil
			}
			return pods(aggregator(complete)), nil
		}, "", 4 * time.Minute, 4*time.Minute + soon},
		{"cluster falls silent", func(at time.Duration) ([]corev1.Pod, error) {
			if at < time.Minute {
				return pods(aggregator(started), working), nil
			}
			return nil, timeout
		}, "the cluster has not answered for 1m30s", time.Minute + troubleLimit, time.Minute + troubleLimit + soon},
		{"cluster is silent again and again", func(at time.Duration) ([]corev1.Pod, error) {
			switch {
			case at > 10*time.Minute:
				return pods(aggregator(complete)), nil
			case at%time.Minute < 50*time.Second:
				return nil, timeout
			}
			return pods(aggregator(started), working), nil
		}, "", 10 * time.Minute, 10*time.Minute + soon},
		{"rights are taken away", func(at time.Duration) ([]corev1.Pod, error) {
			if at < time.Minute {
				return pods(aggregator(started), working), nil
			}
			return nil, forbidden
		}, "read the state of the run", time.Minute, time.Minute + soon},
		{"aggregator is removed", func(at time.Duration) ([]corev1.Pod, error) {
			if at < time.Minute {
				return pods(aggregator(started), working), nil
			}
			return pods(working), nil
		}, "aggregator pod is gone", time.Minute, time.Minute + soon},
		{"status is no JSON", func(at time.Duration) ([]corev1.Pod, error) {
			a := aggregator(started)
			if at > time.Minute {
				a.Annotations[aggregation.StatusAnnotationName] = "{"
			}
			return pods(a, working), nil
		}, "read Sonobuoy's status", time.Minute, time.Minute + soon},
		{"Ctrl-C", func(time.Duration) ([]corev1.Pod, error) {
			return pods(aggregator(started), working), nil
		}, "interrupted before the run was complete", never, never + soon},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				kube := fake.NewClientset()
				kube.PrependReactor("*", "pods", func(a clienttesting.Action) (bool, kuberuntime.Object, error) {
					all, err := c.world(time.Since(began))
					if err != nil {
						return true, nil, err
					}
					get, one := a.(clienttesting.GetAction)
					if !one {
						return true, &corev1.PodList{Items: all}, nil
					}
					i := slices.IndexFunc(all, func(p corev1.Pod) bool { return p.Name == get.GetName() })
					if i < 0 {
						return true, nil, apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, get.GetName())
					}
					return true, &all[i], nil
				})
				ctx, cancel := context.WithTimeout(t.Context(), never)
				defer cancel()
				r := &sonobuoyRun{options: runOptions{namespace: sonobuoyNamespace}, kube: kube, line: newLine(io.Discard)}
				status, err := r.await(ctx)
				if took := time.Since(began); took < c.after || took > c.until {
					t.Errorf("ended after %s, want %s to %s", took, c.after, c.until)
				}
				if c.says == "" {
					if err != nil || status == nil || status.Status != aggregation.CompleteStatus {
						t.Errorf("status %+v, error %v", status, err)
					}
					return
				}
				refusedInOneLine(t, err, c.says)
				var coded *exitError
				if !errors.As(err, &coded) || coded.code != exitInconclusive {
					t.Errorf("exit code of %v", err)
				}
			})
		})
	}
}

// TestPodsAsksForItsOwn proves that pods of others in the namespace do not
// end a run: the label selects.
func TestPodsAsksForItsOwn(t *testing.T) {
	stranger := podOf("stranger", ended(1, "Error"))
	stranger.Labels = map[string]string{"app": "x"}
	elsewhere := podOf("elsewhere", ended(1, "Error"))
	elsewhere.Namespace = "other"
	r := &sonobuoyRun{options: runOptions{namespace: sonobuoyNamespace}, kube: fake.NewClientset(&stranger, &elsewhere), line: newLine(io.Discard)}
	if err := r.pods(t.Context(), false); err != nil || r.trouble != "" {
		t.Errorf("trouble %q, error %v", r.trouble, err)
	}
	own := podOf("own", ended(1, "Error"))
	r.kube = fake.NewClientset(&own)
	if err := r.pods(t.Context(), false); err != nil || r.trouble == "" {
		t.Errorf("trouble %q, error %v", r.trouble, err)
	}
	// A failed look says nothing of the pods, and is no reason to forget.
	broken := fake.NewClientset()
	broken.PrependReactor("list", "pods", func(clienttesting.Action) (bool, kuberuntime.Object, error) {
		return true, nil, apierrors.NewGenericServerResponse(http.StatusServiceUnavailable, "list", schema.GroupResource{}, "", "", 0, true)
	})
	r.kube = broken
	if err := r.pods(t.Context(), false); err != nil || r.trouble == "" {
		t.Errorf("trouble %q, error %v", r.trouble, err)
	}
}
