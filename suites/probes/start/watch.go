package start

import (
	"context"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

// watchPod sends each state of the pod that the selector matches, until ctx
// ends. A nil comes first of all: it says that the watch is open. A watch that
// breaks is opened again, and begins with the state of then.
func watchPod(ctx context.Context, env *cluster.Env, namespace, selector string) <-chan *corev1.Pod {
	out := make(chan *corev1.Pod, 16)
	selector += "," + cluster.LabelRun + "=" + env.RunID
	send := func(p *corev1.Pod) {
		select {
		case out <- p:
		case <-ctx.Done():
		}
	}
	go func() {
		tick := time.NewTicker(wait.Interval)
		defer tick.Stop()
		for first := true; ctx.Err() == nil; {
			// Without a resource version the watch begins with what is there.
			w, err := env.Tenant.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{LabelSelector: selector})
			if err == nil {
				if first {
					send(nil)
					first = false
				}
				forward(ctx, w, send)
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}()
	return out
}

func forward(ctx context.Context, w watch.Interface, send func(*corev1.Pod)) {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, open := <-w.ResultChan():
			if !open || e.Type == watch.Error {
				return
			}
			if pod, ok := e.Object.(*corev1.Pod); ok {
				send(pod)
			}
		}
	}
}

// opened waits until the watch is open.
func opened(ctx context.Context, seen <-chan *corev1.Pod) bool {
	select {
	case <-ctx.Done():
		return false
	case <-seen:
		return true
	}
}

// eventsLimit is how long the kubelet's events may take to arrive.
const eventsLimit = 8 * time.Second

// imageOf reads from the pod's events where its image was from.
func imageOf(ctx context.Context, env *cluster.Env, pod *corev1.Pod) (Image, float64) {
	image, pull := ImageUnknown, 0.0
	selector := "involvedObject.name=" + pod.Name + ",involvedObject.uid=" + string(pod.UID)
	_, err := wait.For(ctx, eventsLimit, "the event that tells of the image",
		func(ctx context.Context) (*corev1.EventList, error) {
			return env.Tenant.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{FieldSelector: selector})
		},
		func(l *corev1.EventList) (bool, string) {
			for _, e := range l.Items {
				if e.Reason == "Pulled" {
					image, pull = readPulled(e.Message)
				}
			}
			return image != ImageUnknown, "no such event"
		})
	_ = err // the image stays unknown, and the observation says so
	return image, pull
}

// pulledIn is the kubelet's "Successfully pulled image "x" in 1.2s (1.4s
// including waiting)"; older kubelets leave out the second time.
var pulledIn = regexp.MustCompile(`" in ([0-9a-zµ.]+)(?: \(([0-9a-zµ.]+) including waiting\))?`)

// readPulled reads the message of a Pulled event; the time is with waiting.
func readPulled(message string) (Image, float64) {
	switch {
	case strings.Contains(message, "already present on machine"):
		return ImagePresent, 0
	case strings.HasPrefix(message, "Successfully pulled image"):
		found := pulledIn.FindStringSubmatch(message)
		if found == nil {
			return ImagePulled, 0
		}
		text := found[2]
		if text == "" {
			text = found[1]
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return ImagePulled, 0
		}
		return ImagePulled, seconds(d)
	}
	return ImageUnknown, 0
}
