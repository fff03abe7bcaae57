package admission

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

// readyLimit is how long the pod that is updated may take to run.
const readyLimit = 90 * time.Second

// Update gives a running pod another image: a rule that looks at pods only
// when they are created lets a tenant bring in any image by this way.
var Update = check.NewProbe[*cluster.Env, Surfaces](check.ProbeMeta{
	Name: "image-update", SchemaVersion: 1, Timeout: 4 * time.Minute, Weight: 1,
	Needs: []check.Right{
		{As: check.Tenant, Verb: "create", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "get", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "patch", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "delete", Resource: "pods", Scope: check.TenantNamespaces},
	},
}, observeUpdate)

func observeUpdate(ctx context.Context, env *cluster.Env) (Surfaces, error) {
	o := Surfaces{OwnServiceAccount: env.PodAccount(env.Namespaces[0]) != "", Surfaces: []Surface{{Name: SurfaceImageUpdate, Tries: []Try{}}}}
	s := &o.Surfaces[0]
	stopped := func(phase string, err error) (Surfaces, error) {
		return o, &check.Stopped{Phase: phase, Err: err}
	}
	var err error
	if s.Allowed, err = may(ctx, env, "patch", "", "pods", ""); err != nil {
		return stopped("ask whether the tenant may change pods", err)
	}
	if !s.Allowed {
		return o, nil
	}
	same := sameImage(env.Image)
	if same == env.Image {
		return stopped("update without fault", errors.New("the run's image is not named by its digest, so there is no other name for it"))
	}
	options := goldenOptions(env, "bvc-update-")
	options.Gated = false
	pod, err := runningPod(ctx, env, options)
	if err != nil {
		return stopped("start a pod", err)
	}
	// What stays is removed by the run's cleanup.
	defer remove(ctx, env, pod)

	start := time.Now()
	set := func(m *mutant, image string) error {
		t := newTry(m, "", start)
		stored, a, err := asked(ctx, env, m, func() (*corev1.Pod, error) { return patchImage(ctx, env, pod, image) })
		if err == nil {
			a.HTTPStatus = http.StatusOK
		} else {
			stored = nil
		}
		t.Attempt, t.Learnt = settled(a, stored, m), LearntRequest
		s.Tries = append(s.Tries, t)
		return ctx.Err()
	}
	if err := set(nil, same); err != nil {
		return stopped("update without fault", err)
	}
	for _, m := range mutantsFor(func(m mutant) bool { return m.fault == FaultRegistry && m.variant == inContainer }) {
		if err := set(&m, foreign); err != nil {
			return stopped("update with "+m.fault, err)
		}
		if s.Tries[len(s.Tries)-1].Class == Admitted {
			// Back, so that the next try is a change again and the kubelet
			// stops asking for the foreign image.
			if _, err := patchImage(ctx, env, pod, same); err != nil {
				return stopped("take the foreign image back", Classify(err).trouble())
			}
		}
	}
	if err := set(nil, env.Image); err != nil {
		return stopped("update without fault", err)
	}
	return o, nil
}

// runningPod starts a golden pod and waits until it is ready.
func runningPod(ctx context.Context, env *cluster.Env, options pods.Options) (*corev1.Pod, error) {
	pod, err := env.CreatePod(ctx, pods.Golden(options))
	if err != nil {
		return nil, Classify(err).trouble()
	}
	var last cluster.Trouble
	ready, err := wait.For(ctx, readyLimit, "the pod to be ready", func(ctx context.Context) (*corev1.Pod, error) {
		return env.Tenant.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	}, func(p *corev1.Pod) (bool, string) {
		last = cluster.PodTrouble(p)
		return last == cluster.NoTrouble, string(last)
	})
	if err != nil {
		remove(ctx, env, pod)
		if last != cluster.NoTrouble {
			return nil, last
		}
		return nil, cluster.Infrastructure
	}
	return ready, nil
}

// sameImage names the same image otherwise: beside a digest, a tag decides
// nothing. Changing to what is there already would be no change to the API.
func sameImage(image string) string {
	name, digest, pinned := strings.Cut(image, "@")
	if !pinned {
		return image
	}
	if tag := strings.LastIndexByte(name, ':'); tag > strings.LastIndexByte(name, '/') {
		return name[:tag] + "@" + digest
	}
	return name + ":bvc@" + digest
}

// patchImage changes the image of the agent.
func patchImage(ctx context.Context, env *cluster.Env, pod *corev1.Pod, image string) (*corev1.Pod, error) {
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"containers": []map[string]string{{"name": pods.Agent, "image": image}}}})
	if err != nil {
		panic(err) // maps of strings always have a JSON form
	}
	return env.Tenant.CoreV1().Pods(pod.Namespace).Patch(limited, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
}
