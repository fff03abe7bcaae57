package relabel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/posture"
)

// Label is what is tried; its value is the run's ID.
const Label = "conformance.opencode.de/relabel"

// requestLimit bounds one request: a webhook may take up to 30 s.
const requestLimit = 35 * time.Second

// undoLimit bounds taking the label back.
const undoLimit = 15 * time.Second

// Probe tries each tenant namespace. To ask the authoriser about oneself every
// authenticated account has the right. Reading rules says on which other labels
// they depend.
var Probe = check.NewProbe[*cluster.Env, Observation](check.ProbeMeta{
	Name:          "relabel",
	SchemaVersion: 2,
	Timeout:       2 * time.Minute,
	Weight:        1,
	Needs: append(posture.LookRights(),
		check.Right{As: check.Tenant, Verb: "create", Resource: "pods", Scope: check.TenantNamespaces},
		check.Right{As: check.Tenant, Verb: "patch", Resource: "pods", Scope: check.TenantNamespaces},
		check.Right{As: check.Tenant, Verb: "delete", Resource: "pods", Scope: check.TenantNamespaces},
	),
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
	if slices.ContainsFunc(o.Namespaces, Namespace.MayChange) {
		tryLifts(ctx, env, o.Namespaces)
	}
	return o, ctx.Err()
}

// MayChange is the authoriser's answer.
func (n Namespace) MayChange() bool { return n.MayPatch || n.MayUpdate }

func try(ctx context.Context, env *cluster.Env, namespace string) (Namespace, error) {
	n := Namespace{Control: NotTried, Patch: NotTried, Update: NotTried, Lifts: []Lift{}}
	var err error
	if n.MayPatch, err = may(ctx, env, namespace, "patch"); err != nil {
		return n, err
	}
	if n.MayUpdate, err = may(ctx, env, namespace, "update"); err != nil {
		return n, err
	}
	n.Control = control(ctx, env, namespace)
	n.Patch = patch(ctx, env, namespace, own(env), false)
	if n.Patch != Changed && n.MayUpdate {
		n.Update = update(ctx, env, namespace, own(env), false)
	}
	// An answer that was lost may be that of a request that had its effect.
	if undecided := func(a Answer) bool { return a == Changed || a == Trouble }; undecided(n.Patch) || undecided(n.Update) {
		n.Restored = undo(ctx, env, namespace)
	}
	return n, ctx.Err()
}

// tryLifts tries the labels on which rules depend, in the namespaces that the
// tenant may change.
func tryLifts(ctx context.Context, env *cluster.Env, namespaces []Namespace) {
	var labels []map[string]string
	for _, name := range env.Namespaces {
		namespace, err := env.Tenant.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return // LiftsKnown stays false
		}
		labels = append(labels, namespace.Labels)
	}
	changes, complete := posture.NamespaceChanges(ctx, env, labels)
	for i := range namespaces {
		n := &namespaces[i]
		if !n.MayChange() {
			continue
		}
		n.LiftsKnown = complete
		for _, c := range changes[i] {
			send := patch
			if !n.MayPatch {
				send = update
			}
			n.Lifts = append(n.Lifts, Lift{PodSecurity: c.PodSecurity(), Answer: send(ctx, env, env.Namespaces[i], c, true)})
		}
	}
}

func may(ctx context.Context, env *cluster.Env, namespace, verb string) (bool, error) {
	allowed, err := env.TenantMay(ctx, authorizationv1.ResourceAttributes{Namespace: namespace, Name: namespace, Verb: verb, Resource: "namespaces"})
	if err != nil {
		return false, errors.New("the authoriser was not asked: " + string(classify(err)))
	}
	return allowed, nil
}

// own is the change of the label that means nothing.
func own(env *cluster.Env) posture.NamespaceChange {
	return posture.NamespaceChange{Key: Label, Value: env.RunID, Set: true}
}

// merge is a merge patch that makes the change.
func merge(c posture.NamespaceChange) []byte {
	var value any
	if c.Set {
		value = c.Value
	}
	data, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{c.Key: value}}})
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
	changed, err := env.Tenant.CoreV1().Pods(namespace).Patch(limited, pod.Name, types.MergePatchType, merge(own(env)), metav1.PatchOptions{})
	return answer(changed.GetLabels(), own(env), err)
}

// patch changes the namespace; a dry run has no effect, and says what would
// become of it.
func patch(ctx context.Context, env *cluster.Env, namespace string, c posture.NamespaceChange, dryRun bool) Answer {
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	options := metav1.PatchOptions{}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	changed, err := env.Tenant.CoreV1().Namespaces().Patch(limited, namespace, types.MergePatchType, merge(c), options)
	return answer(changed.GetLabels(), c, err)
}

func update(ctx context.Context, env *cluster.Env, namespace string, c posture.NamespaceChange, dryRun bool) Answer {
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	object, err := env.Tenant.CoreV1().Namespaces().Get(limited, namespace, metav1.GetOptions{})
	if err != nil {
		return NotTried
	}
	if object.Labels == nil {
		object.Labels = map[string]string{}
	}
	object.Labels[c.Key] = c.Value
	if !c.Set {
		delete(object.Labels, c.Key)
	}
	options := metav1.UpdateOptions{}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	changed, err := env.Tenant.CoreV1().Namespaces().Update(limited, object, options)
	return answer(changed.GetLabels(), c, err)
}

// undo takes the label back, also when the run is being interrupted.
func undo(ctx context.Context, env *cluster.Env, namespace string) bool {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	changed, err := env.Tenant.CoreV1().Namespaces().Patch(limited, namespace, types.MergePatchType, merge(posture.NamespaceChange{Key: Label}), metav1.PatchOptions{})
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

func answer(labels map[string]string, c posture.NamespaceChange, err error) Answer {
	if err != nil {
		return classify(err)
	}
	if value, there := labels[c.Key]; there == c.Set && value == c.Value {
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
	case strings.Contains(status.Message, "failed calling webhook"), strings.Contains(status.Message, "does not support dry run"):
		return Trouble
	case status.Code == http.StatusForbidden && strings.Contains(status.Message, "cannot patch resource"),
		status.Code == http.StatusForbidden && strings.Contains(status.Message, "cannot update resource"):
		return RefusedByAuthoriser
	case status.Code == http.StatusForbidden, status.Code == http.StatusBadRequest, status.Code == http.StatusUnprocessableEntity:
		return RefusedByRule
	}
	return Trouble
}
