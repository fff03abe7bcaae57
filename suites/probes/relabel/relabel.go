package relabel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// Label is what is tried; its value is the run's ID.
const Label = "conformance.opencode.de/relabel"

// requestLimit bounds one request: a webhook may take up to 30 s.
const requestLimit = 35 * time.Second

// undoLimit bounds taking the label back.
const undoLimit = 15 * time.Second

// Probe tries each tenant namespace. To ask the authoriser about oneself every
// authenticated account has the right.
var Probe = check.NewProbe[*cluster.Env, Observation](check.ProbeMeta{
	Name:          "relabel",
	SchemaVersion: 1,
	Timeout:       2 * time.Minute,
	Weight:        1,
	Needs: []check.Right{
		{As: check.Tenant, Verb: "create", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "patch", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "delete", Resource: "pods", Scope: check.TenantNamespaces},
	},
}, Observe)

// Observe tries the namespaces one after the other.
func Observe(ctx context.Context, env *cluster.Env) (Observation, error) {
	o := Observation{Expected: len(env.Namespaces), Namespaces: []Namespace{}}
	for i, name := range env.Namespaces {
		n, err := try(ctx, env, name)
		n.Index = i + 1
		o.Namespaces = append(o.Namespaces, n)
		if err != nil {
			return o, &check.Stopped{Phase: fmt.Sprintf("namespace %d", i+1), Err: err}
		}
	}
	return o, nil
}

func try(ctx context.Context, env *cluster.Env, namespace string) (Namespace, error) {
	n := Namespace{Control: NotTried, Patch: NotTried, Update: NotTried}
	var err error
	if n.MayPatch, err = may(ctx, env, namespace, "patch"); err != nil {
		return n, err
	}
	if n.MayUpdate, err = may(ctx, env, namespace, "update"); err != nil {
		return n, err
	}
	n.Control = control(ctx, env, namespace)
	if n.Patch = patch(ctx, env, namespace); n.Patch == Changed {
		n.Restored = undo(ctx, env, namespace)
		return n, nil
	}
	if n.MayUpdate {
		if n.Update = update(ctx, env, namespace); n.Update == Changed {
			n.Restored = undo(ctx, env, namespace)
		}
	}
	return n, ctx.Err()
}

func may(ctx context.Context, env *cluster.Env, namespace, verb string) (bool, error) {
	allowed, err := env.TenantMay(ctx, authorizationv1.ResourceAttributes{Namespace: namespace, Name: namespace, Verb: verb, Resource: "namespaces"})
	if err != nil {
		return false, errors.New("the authoriser was not asked: " + string(classify(err)))
	}
	return allowed, nil
}

// labelled is a merge patch that sets the label, or removes it.
func labelled(value any) []byte {
	data, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{Label: value}}})
	if err != nil {
		panic(err) // maps of strings always have a JSON form
	}
	return data
}

// control changes the same label of a pod of the tenant's own.
func control(ctx context.Context, env *cluster.Env, namespace string) Answer {
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	pod, err := env.CreatePod(limited, pods.Golden(pods.Options{
		GenerateName: "bvc-relabel-", Namespace: namespace, Image: env.Image, Args: []string{"serve"}, Gated: true, ServiceAccount: env.PodAccount(namespace),
	}))
	if err != nil {
		return NotTried
	}
	// What stays is removed by the run's cleanup.
	defer func() { _ = env.DeletePod(context.WithoutCancel(ctx), pod) }()
	changed, err := env.Tenant.CoreV1().Pods(namespace).Patch(limited, pod.Name, types.MergePatchType, labelled(env.RunID), metav1.PatchOptions{})
	return answer(changed.GetLabels(), env.RunID, err)
}

func patch(ctx context.Context, env *cluster.Env, namespace string) Answer {
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	changed, err := env.Tenant.CoreV1().Namespaces().Patch(limited, namespace, types.MergePatchType, labelled(env.RunID), metav1.PatchOptions{})
	return answer(changed.GetLabels(), env.RunID, err)
}

func update(ctx context.Context, env *cluster.Env, namespace string) Answer {
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	var object *corev1.Namespace
	object, err := env.Tenant.CoreV1().Namespaces().Get(limited, namespace, metav1.GetOptions{})
	if err != nil {
		return NotTried
	}
	if object.Labels == nil {
		object.Labels = map[string]string{}
	}
	object.Labels[Label] = env.RunID
	changed, err := env.Tenant.CoreV1().Namespaces().Update(limited, object, metav1.UpdateOptions{})
	return answer(changed.GetLabels(), env.RunID, err)
}

// undo takes the label back, also when the run is being interrupted.
func undo(ctx context.Context, env *cluster.Env, namespace string) bool {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	changed, err := env.Tenant.CoreV1().Namespaces().Patch(limited, namespace, types.MergePatchType, labelled(nil), metav1.PatchOptions{})
	if err != nil {
		// Whoever may update but not patch.
		object, getErr := env.Tenant.CoreV1().Namespaces().Get(limited, namespace, metav1.GetOptions{})
		if getErr != nil {
			return false
		}
		delete(object.Labels, Label)
		changed, err = env.Tenant.CoreV1().Namespaces().Update(limited, object, metav1.UpdateOptions{})
	}
	_, still := changed.GetLabels()[Label]
	return err == nil && !still
}

func answer(labels map[string]string, want string, err error) Answer {
	switch {
	case err != nil:
		return classify(err)
	case labels[Label] == want:
		return Changed
	}
	return Neutralised
}

// classify says what a refused request means.
func classify(err error) Answer {
	var carrier apierrors.APIStatus
	if !errors.As(err, &carrier) {
		return Trouble
	}
	status := carrier.Status()
	switch {
	case strings.Contains(status.Message, "failed calling webhook"):
		return Trouble
	case status.Code == http.StatusForbidden && strings.Contains(status.Message, "cannot patch resource"),
		status.Code == http.StatusForbidden && strings.Contains(status.Message, "cannot update resource"):
		return RefusedByAuthoriser
	case status.Code == http.StatusForbidden, status.Code == http.StatusBadRequest, status.Code == http.StatusUnprocessableEntity:
		return RefusedByRule
	}
	return Trouble
}
