package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

// labelWorkload is on the pods of one workload; its value is the workload's name.
const labelWorkload = "conformance.opencode.de/workload"

const (
	// followLimit is how long a controller may take until it has made a pod or
	// said why it can not, after its object was stored.
	followLimit = 30 * time.Second
	// cronLimit has a whole minute more: a CronJob is due on the minute.
	cronLimit = followLimit + time.Minute
	// removeEvery lies between two removals of what has been seen enough of, and
	// removeMany of a kind do not wait for it: a controller whose pods are refused
	// tries again and again, and with many such comes to the next one late.
	removeEvery = 20 * time.Second
	removeMany  = 4
	// watchAgain is how long after its end a watch is begun again.
	watchAgain = time.Second
	// placeLimit is how long the scheduler may take to choose the node for the
	// DaemonSets.
	placeLimit = 30 * time.Second
)

// Workloads has controllers make golden and mutant pods, and follows each to
// its pod or to the reason why there is none: rules may know pods and forget
// controllers, and policies may exempt the accounts of controllers.
var Workloads = check.NewProbe[*cluster.Env, Surfaces](check.ProbeMeta{
	Name: "workloads", SchemaVersion: 1, Timeout: 8 * time.Minute, Weight: 1, Needs: followRights(),
}, observeWorkloads)

// followRights are needed to see what controllers do; which of them the tenant
// may create is asked of the authoriser one by one.
func followRights() []check.Right {
	var all []check.Right
	for _, verb := range []string{"create", "get", "list", "watch", "delete", "deletecollection"} {
		all = append(all, check.Right{As: check.Tenant, Verb: verb, Resource: "pods", Scope: check.TenantNamespaces})
	}
	for _, verb := range []string{"list", "watch"} {
		all = append(all, check.Right{As: check.Tenant, Verb: verb, Resource: "events", Scope: check.TenantNamespaces})
	}
	return all
}

// remove deletes the pod also when the run is being interrupted; what stays, the
// run's cleanup removes.
func remove(ctx context.Context, env *cluster.Env, pod *corev1.Pod) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestLimit)
	defer cancel()
	_ = env.DeletePod(limited, pod)
}

// controller is a kind of object that makes pods.
type controller struct {
	surface  string
	resource schema.GroupVersionResource
	limit    time.Duration
	// pause between two mutants.
	pause time.Duration
	// object makes one; its pods have the template.
	object func(meta metav1.ObjectMeta, template corev1.PodTemplateSpec) metav1.Object
}

func controllers() []controller {
	one := int32(1)
	selector := func(t corev1.PodTemplateSpec) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{labelWorkload: t.Labels[labelWorkload]}}
	}
	always := func(t corev1.PodTemplateSpec) corev1.PodTemplateSpec {
		t.Spec.RestartPolicy = corev1.RestartPolicyAlways
		return t
	}
	job := func(t corev1.PodTemplateSpec) batchv1.JobSpec {
		return batchv1.JobSpec{Template: t, Parallelism: &one, Completions: &one}
	}
	return []controller{
		// First, because it is due on the minute.
		{SurfaceCronJob, cluster.CronJobs, cronLimit, 0, func(m metav1.ObjectMeta, t corev1.PodTemplateSpec) metav1.Object {
			return &batchv1.CronJob{TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "CronJob"}, ObjectMeta: m, Spec: batchv1.CronJobSpec{
				Schedule: "* * * * *", ConcurrencyPolicy: batchv1.ForbidConcurrent,
				JobTemplate: batchv1.JobTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: t.Labels}, Spec: job(t)},
			}}
		}},
		{SurfaceDeployment, cluster.Deployments, followLimit, 0, func(m metav1.ObjectMeta, t corev1.PodTemplateSpec) metav1.Object {
			return &appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: m,
				Spec: appsv1.DeploymentSpec{Replicas: &one, Selector: selector(t), Template: always(t)}}
		}},
		{SurfaceReplicaSet, cluster.ReplicaSets, followLimit, 0, func(m metav1.ObjectMeta, t corev1.PodTemplateSpec) metav1.Object {
			return &appsv1.ReplicaSet{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"}, ObjectMeta: m,
				Spec: appsv1.ReplicaSetSpec{Replicas: &one, Selector: selector(t), Template: always(t)}}
		}},
		{SurfaceStatefulSet, cluster.StatefulSets, followLimit, 0, func(m metav1.ObjectMeta, t corev1.PodTemplateSpec) metav1.Object {
			return &appsv1.StatefulSet{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"}, ObjectMeta: m,
				Spec: appsv1.StatefulSetSpec{Replicas: &one, Selector: selector(t), Template: always(t), ServiceName: m.Name}}
		}},
		{SurfaceDaemonSet, cluster.DaemonSets, followLimit, 0, func(m metav1.ObjectMeta, t corev1.PodTemplateSpec) metav1.Object {
			return &appsv1.DaemonSet{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DaemonSet"}, ObjectMeta: m,
				Spec: appsv1.DaemonSetSpec{Selector: selector(t), Template: always(t)}}
		}},
		{SurfaceJob, cluster.Jobs, followLimit, 0, func(m metav1.ObjectMeta, t corev1.PodTemplateSpec) metav1.Object {
			return &batchv1.Job{TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}, ObjectMeta: m, Spec: job(t)}
		}},
	}
}

// workload is one object that is followed.
type workload struct {
	mutant *mutant
	try    Try
	// until is when its controller is no longer waited for.
	until   time.Time
	removed bool
}

// series is what is brought in by each controller.
type series struct {
	// prefix of the objects' names, after "bvc-".
	prefix string
	// options of the golden pod.
	options pods.Options
	// goldens are the variants of the golden pod that come before the mutants;
	// the plain one comes after them again.
	goldens []string
	// mutants over a surface.
	mutants func(surface string) []mutant
	// settle reads a pod that was stored: LearntNothing means that it has to be
	// looked at again.
	settle func(pod *corev1.Pod, m *mutant) (Attempt, Learnt)
	// node takes the DaemonSets.
	node  string
	start time.Time
}

// batch is the objects of one controller.
type batch struct {
	controller
	allowed bool
	// todo are the mutants (nil for the golden pod) in the order in which they
	// are sent, names what has been sent.
	todo  []planned
	names []string
	last  time.Time
}

type planned struct {
	mutant  *mutant
	variant string
}

func observeWorkloads(ctx context.Context, env *cluster.Env) (Surfaces, error) {
	own := env.PodAccount(env.Namespaces[0]) != ""
	o := Surfaces{OwnServiceAccount: own, Surfaces: []Surface{}}
	if err := GateHolds(ctx, env); err != nil {
		return o, &check.Stopped{Phase: "see whether pods keep their gate", Err: err}
	}
	node, err := someNode(ctx, env)
	if err != nil {
		return o, &check.Stopped{Phase: "find a node", Err: err}
	}
	s := series{
		options: goldenOptions(env, ""), goldens: []string{"", VariantUserNamespace}, node: node, start: time.Now(),
		mutants: func(surface string) []mutant {
			return mutantsFor(func(m mutant) bool {
				return (own || m.fault != FaultServiceAccount) && slices.Contains(WorkloadSurfaces(m.fault), surface)
			})
		},
		settle: func(pod *corev1.Pod, m *mutant) (Attempt, Learnt) {
			return settled(Attempt{Class: Admitted, By: ByNobody, Cause: CauseNone}, pod, m), LearntPod
		},
	}
	o.Surfaces, err = s.run(ctx, env, controllers())
	return o, err
}

// run tries the kinds in turn, so that no controller of the cluster gets many
// objects at once. It returns what was seen also with an error.
func (s series) run(ctx context.Context, env *cluster.Env, kinds []controller) (seen []Surface, err error) {
	f := &follower{series: s, env: env, by: map[string]*workload{}}
	var batches []*batch
	defer func() { seen = f.seen(batches) }()
	for _, c := range kinds {
		b := &batch{controller: c}
		batches = append(batches, b)
		// What could not be removed is not made.
		for _, verb := range []string{"deletecollection", "create"} {
			if b.allowed, err = may(ctx, env, verb, c.resource.Group, c.resource.Resource, ""); err != nil {
				return nil, &check.Stopped{Phase: c.surface, Err: err}
			}
			if !b.allowed {
				break
			}
		}
		if !b.allowed {
			continue
		}
		for _, variant := range s.goldens {
			b.todo = append(b.todo, planned{nil, variant})
		}
		for _, m := range s.mutants(c.surface) {
			b.todo = append(b.todo, planned{&m, m.variant})
		}
		b.todo = append(b.todo, planned{nil, ""})
	}
	watching, stop := context.WithCancel(ctx)
	var watches sync.WaitGroup
	defer watches.Wait()
	defer stop()
	watches.Go(guarded(&f.crashed, func() { f.watchEvents(watching) }))
	watches.Go(guarded(&f.crashed, func() { f.watchPods(watching) }))

	removed := time.Now()
	for {
		left := f.createNext(ctx, batches)
		least := removeMany
		if time.Since(removed) >= removeEvery {
			removed, least = time.Now(), 1
		}
		f.removeSettled(ctx, batches, least)
		if left == 0 && !f.open() {
			break
		}
		if err := errors.Join(ctx.Err(), f.broken()); err != nil {
			return nil, &check.Stopped{Phase: "follow the controllers", Err: err}
		}
		if left == 0 || f.paused(batches) {
			select {
			case <-ctx.Done():
			case <-time.After(wait.Interval):
			}
		}
	}
	for _, b := range batches {
		if !b.allowed {
			continue
		}
		if err := env.DeleteFrom(ctx, s.options.Namespace, b.resource, labelWorkload); err != nil {
			return nil, &check.Stopped{Phase: b.surface, Err: Classify(err).trouble()}
		}
	}
	return nil, nil
}

// someNode is a node that takes the tenant's pods, for DaemonSets: without one
// they would put a pod on each. The pod that asks for it is removed as soon as
// the scheduler has chosen.
func someNode(ctx context.Context, env *cluster.Env) (string, error) {
	pod, err := env.CreatePod(ctx, pods.Golden(pods.Options{
		GenerateName: "bvc-place-", Namespace: env.Namespaces[0], Image: env.Image, Args: []string{"serve"}, ServiceAccount: env.PodAccount(env.Namespaces[0]),
	}))
	if err != nil {
		return "", Classify(err).trouble()
	}
	defer remove(ctx, env, pod)
	placed, err := wait.For(ctx, placeLimit, "a pod to be scheduled", func(ctx context.Context) (*corev1.Pod, error) {
		return env.Tenant.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	}, func(p *corev1.Pod) (bool, string) { return p.Spec.NodeName != "", string(cluster.PodTrouble(p)) })
	if err != nil {
		return "", cluster.Unschedulable
	}
	return placed.Spec.NodeName, nil
}

// follower knows what became of each object.
type follower struct {
	series
	env *cluster.Env

	mu sync.Mutex
	by map[string]*workload
	// ungated says that a pod lost the gate it should have.
	ungated bool
	crashed atomic.Bool
}

// broken is why nothing more may be sent.
func (f *follower) broken() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ungated:
		return errGateTaken
	case f.crashed.Load():
		return errors.New("following the controllers crashed, a fault of the tool")
	}
	return nil
}

// guarded keeps the crash of a goroutine from taking the run's cleanup with it.
func guarded(crashed *atomic.Bool, do func()) func() {
	return func() {
		defer func() {
			if recover() != nil {
				crashed.Store(true)
			}
		}()
		do()
	}
}

// createNext sends one object of each kind and returns how many are left.
func (f *follower) createNext(ctx context.Context, batches []*batch) (left int) {
	for _, b := range batches {
		if len(b.todo) > 0 && time.Since(b.last) >= b.pause && ctx.Err() == nil {
			next := b.todo[0]
			b.todo, b.last = b.todo[1:], time.Now()
			f.create(ctx, b, next)
		}
		left += len(b.todo)
	}
	return left
}

// paused reports whether all that is left waits for its time.
func (f *follower) paused(batches []*batch) bool {
	for _, b := range batches {
		if len(b.todo) > 0 && time.Since(b.last) >= b.pause {
			return false
		}
	}
	return true
}

func (f *follower) create(ctx context.Context, b *batch, next planned) {
	// CronJobs may have 52 characters.
	name := strings.ToLower(fmt.Sprintf("bvc-%s%s-%.6s-%d", f.prefix, b.surface, f.env.RunID, len(b.names)))
	w := &workload{mutant: next.mutant, until: time.Now().Add(b.limit), try: newTry(next.mutant, next.variant, f.start)}
	f.mu.Lock()
	b.names, f.by[name] = append(b.names, name), w
	f.mu.Unlock()
	options := f.options
	if b.surface == SurfaceDaemonSet {
		options.Node = f.node
	}
	pod := pods.Golden(options)
	switch {
	case next.mutant != nil:
		next.mutant.apply(pod)
	case next.variant == VariantUserNamespace:
		userNamespaced(pod)
	}
	labels := map[string]string{labelWorkload: name}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: f.env.Labels(labels)}, Spec: pod.Spec}
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	_, a, err := asked(limited, f.env, next.mutant, func() (*corev1.Pod, error) {
		return nil, f.env.CreateWorkload(limited, b.resource, b.object(metav1.ObjectMeta{Name: name, Namespace: options.Namespace, Labels: labels}, template))
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	w.until = time.Now().Add(b.limit) // the request itself may have waited its turn
	if err != nil {
		w.try.Attempt, w.try.Learnt, w.removed = a, LearntRequest, true
	}
}

// watchEvents learns from what controllers report. A watch that ends, or is
// refused, is begun again until the context ends; it begins with what is there.
func (f *follower) watchEvents(ctx context.Context) {
	f.watch(ctx, func() (watch.Interface, error) {
		return f.env.Tenant.CoreV1().Events(f.options.Namespace).Watch(ctx, metav1.ListOptions{FieldSelector: "reason=FailedCreate,type=Warning"})
	}, func(object runtime.Object) {
		if e, ok := object.(*corev1.Event); ok {
			if w := f.named(e.InvolvedObject.Name); w != nil && w.try.Learnt != LearntRequest {
				w.learn(messageFor(w.mutant, e.Message), LearntEvent)
			}
		}
	})
}

func (f *follower) watchPods(ctx context.Context) {
	f.watch(ctx, func() (watch.Interface, error) {
		return f.env.Tenant.CoreV1().Pods(f.options.Namespace).Watch(ctx, metav1.ListOptions{LabelSelector: cluster.LabelRun + "=" + f.env.RunID + "," + labelWorkload})
	}, func(object runtime.Object) {
		if pod, ok := object.(*corev1.Pod); ok {
			if w := f.by[pod.Labels[labelWorkload]]; w != nil {
				f.ungated = f.ungated || f.options.Gated && !gated(pod)
				w.learn(f.settle(pod, w.mutant))
			}
		}
	})
}

func (f *follower) watch(ctx context.Context, begin func() (watch.Interface, error), learn func(runtime.Object)) {
	for ctx.Err() == nil {
		if w, err := begin(); err == nil {
			for e := range w.ResultChan() {
				if e.Type == watch.Added || e.Type == watch.Modified {
					f.mu.Lock()
					learn(e.Object)
					f.mu.Unlock()
				}
			}
			w.Stop()
		}
		select {
		case <-ctx.Done():
		case <-time.After(watchAgain):
		}
	}
}

// named finds the object that an event is about: itself, or what it made, whose
// name begins with its own.
func (f *follower) named(object string) *workload {
	for name, w := range f.by {
		if object == name || strings.HasPrefix(object, name+"-") {
			return w
		}
	}
	return nil
}

// settled reports whether nothing more is expected; trouble of a controller may
// still give way to something.
func (w *workload) settled() bool {
	return w.try.Learnt == LearntRequest || w.try.Learnt != LearntNothing && w.try.Class != Infrastructure || time.Now().After(w.until)
}

func (f *follower) open() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.by {
		if !w.settled() {
			return true
		}
	}
	return false
}

// removeSettled removes the objects of which enough has been seen, where there
// are at least so many of a kind.
func (f *follower) removeSettled(ctx context.Context, batches []*batch, least int) {
	for _, b := range batches {
		var names []string
		f.mu.Lock()
		for _, name := range b.names {
			if w := f.by[name]; !w.removed && w.settled() {
				names = append(names, name)
			}
		}
		if len(names) < least {
			names = nil
		}
		for _, name := range names {
			f.by[name].removed = true
		}
		f.mu.Unlock()
		if len(names) > 0 {
			// What stays is removed at the end.
			_ = f.env.DeleteFrom(ctx, f.options.Namespace, b.resource, labelWorkload+" in ("+strings.Join(names, ",")+")")
		}
	}
}

func (f *follower) seen(batches []*batch) []Surface {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []Surface{}
	for _, b := range batches {
		s := Surface{Name: b.surface, Allowed: b.allowed, Tries: []Try{}}
		for _, name := range b.names {
			s.Tries = append(s.Tries, f.by[name].try)
		}
		out = append(out, s)
	}
	return out
}

// learn keeps what says the most: a pod with the fault above all, then a pod
// without it, then a refusal, and trouble only as long as there is nothing else.
func (w *workload) learn(a Attempt, by Learnt) {
	rank := func(a Attempt, by Learnt) int {
		switch {
		case by == LearntNothing:
			return 0
		case a.Class == Admitted:
			return 4
		case a.Class == Neutralised:
			return 3
		case a.Class == Infrastructure:
			return 1
		}
		return 2
	}
	if rank(a, by) > rank(w.try.Attempt, w.try.Learnt) {
		w.try.Attempt, w.try.Learnt = a, by
	}
}
