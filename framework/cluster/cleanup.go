package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// CleanupLimit is how long removing everything may take (design.md,
// "Objects"); Sonobuoy gives a plugin 60 s after SIGTERM, and the report still
// has to be written after it.
const CleanupLimit = 45 * time.Second

// place is where objects of one kind were made.
type place struct {
	resource  schema.GroupVersionResource
	namespace string
}

// owned is the registry of what the run made.
type owned struct {
	mu     sync.Mutex
	places map[place]bool
	// fresh are namespaces, which go with all that is in them, and for how long
	// each may still appear.
	fresh map[string]time.Duration
}

func newOwned() *owned { return &owned{places: map[place]bool{}, fresh: map[string]time.Duration{}} }

func (o *owned) add(resource schema.GroupVersionResource, namespace string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.places[place{resource, namespace}] = true
}

func (o *owned) addFresh(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fresh[name] = lateLimit
}

func (o *owned) answeredFresh(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fresh[name] = 0
}

func (o *owned) namespaces() map[string]time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.fresh)
}

func (o *owned) list() []place {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]place, 0, len(o.places))
	for p := range o.places {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].namespace != out[j].namespace {
			return out[i].namespace < out[j].namespace
		}
		return out[i].resource.Resource < out[j].resource.Resource
	})
	return out
}

// Cleanup removes everything the run made and waits until it is gone. The
// context should be a fresh one: the run's own may be the one that was
// cancelled. What is still there is returned; nil means that nothing is.
func (e *Env) Cleanup(ctx context.Context) []v1alpha1.Leftover {
	// At the same time: the limit is one for all.
	var fresh []v1alpha1.Leftover
	var done sync.WaitGroup
	done.Go(func() { fresh = removeFresh(ctx, e.Runner, e.owned.namespaces()) })
	tenants, privileged := split(e.owned.list())
	var ours []v1alpha1.Leftover
	done.Go(func() {
		// Registered before it is asked for: where it was never given there is
		// nothing, and nobody may look.
		if e.privileged.Load() > 0 {
			ours = remove(ctx, e.runnerDynamic, privileged, LabelRun+"="+e.RunID)
		}
	})
	left := remove(ctx, e.tenantDynamic, tenants, LabelRun+"="+e.RunID)
	done.Wait()
	return slices.Concat(left, ours, fresh)
}

// split gives the places where the tenant removes, and those where the runner does.
func split(places []place) (tenants, privileged []place) {
	for _, p := range places {
		if p.namespace == PrivilegedNamespace {
			privileged = append(privileged, p)
			continue
		}
		tenants = append(tenants, p)
	}
	return tenants, privileged
}

// Sweep removes the objects of every run, or of one, from the namespaces.
func Sweep(ctx context.Context, client dynamic.Interface, namespaces []string, runID string) []v1alpha1.Leftover {
	selector := LabelManagedBy + "=" + ManagedBy + "," + LabelRun
	if runID != "" {
		selector = LabelRun + "=" + runID
	}
	var places []place
	for _, ns := range namespaces {
		for _, r := range Resources() {
			places = append(places, place{r, ns})
		}
	}
	return remove(ctx, client, places, selector)
}

func remove(ctx context.Context, client dynamic.Interface, places []place, selector string) []v1alpha1.Leftover {
	ctx, cancel := context.WithTimeout(ctx, CleanupLimit)
	defer cancel()
	var mu sync.Mutex
	left := map[string]v1alpha1.Leftover{}
	for t := range tiers {
		// What can not be removed must not take the time of what runs.
		limited, done := ctx, context.CancelFunc(func() {})
		if t < tiers-1 {
			limited, done = context.WithTimeout(ctx, CleanupLimit/tiers)
		}
		var all sync.WaitGroup
		for _, p := range places {
			if tier(p.resource) != t {
				continue
			}
			all.Go(func() {
				count, err := removeFrom(limited, client.Resource(p.resource).Namespace(p.namespace), selector)
				if err == nil {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				l := left[p.resource.Resource]
				l.Resource, l.Count, l.Reason = p.resource.Resource, l.Count+count, reasonLeft(err)
				left[p.resource.Resource] = l
			})
		}
		all.Wait()
		done()
	}
	var out []v1alpha1.Leftover
	for _, l := range left {
		out = append(out, l)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Resource < out[j].Resource })
	return out
}

// reasonLeft says why something is left in words of our own: messages of API
// servers name accounts and objects of the site.
func reasonLeft(err error) string {
	var carrier apierrors.APIStatus
	if errors.As(err, &carrier) {
		if reason := carrier.Status().Reason; reason != "" {
			return "the API server answers " + string(reason)
		}
		return "the API server refuses"
	}
	return err.Error()
}

// tiers of removal: what makes others is gone before they are, so that nothing
// is made again behind the last look.
const tiers = 4

func tier(r schema.GroupVersionResource) int {
	switch r {
	case CronJobs:
		return 0
	case Jobs, Deployments:
		return 1
	case ReplicaSets, StatefulSets, DaemonSets:
		return 2
	}
	return tiers - 1
}

// removeFrom deletes what the selector matches and waits until the list is
// empty. The count is what was there at the last look.
func removeFrom(ctx context.Context, client dynamic.ResourceInterface, selector string) (int, error) {
	selected := metav1.ListOptions{LabelSelector: selector}
	// Deleting is part of each look: a pod whose create request was still under
	// way at the first look would otherwise stay.
	list, err := wait.For(ctx, CleanupLimit, "the objects of the run to be gone",
		func(ctx context.Context) (*unstructured.UnstructuredList, error) {
			found, err := client.List(ctx, selected)
			if err != nil || len(found.Items) == 0 {
				return found, err
			}
			return found, client.DeleteCollection(ctx, atOnce(), selected)
		},
		func(l *unstructured.UnstructuredList) (bool, string) {
			return len(l.Items) == 0, fmt.Sprintf("%d still there", len(l.Items))
		})
	if err == nil {
		return 0, nil
	}
	if list == nil {
		return 0, err
	}
	return len(list.Items), err
}
