package admission

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

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
	// lookInterval lies between two looks at pods and events.
	lookInterval = 2 * time.Second
	// placeLimit is how long the scheduler may take to choose the node for the
	// DaemonSets.
	placeLimit = 30 * time.Second
	// listLimit bounds what one look reads: more pods than nodes that a
	// DaemonSet could reach are never made.
	listLimit = 500
)

// Workloads has controllers make golden and mutant pods, and follows each to
// its pod or to the reason why there is none: rules may know pods and forget
// controllers, and policies may exempt the accounts of controllers.
var Workloads = check.NewProbe[*cluster.Env, Surfaces](check.ProbeMeta{
	Name: "workloads", SchemaVersion: 1, Timeout: 6 * time.Minute, Weight: 1,
	Needs: []check.Right{
		{As: check.Tenant, Verb: "create", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "get", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "list", Resource: "pods", Scope: check.TenantNamespaces},
		{As: check.Tenant, Verb: "list", Resource: "events", Scope: check.TenantNamespaces},
	},
}, observeWorkloads)

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
		// First, because it is due on the minute: the others are tried meanwhile.
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
	// refused reads what kept an object or a pod from being stored, settle a
	// pod that was: LearntNothing means that it has to be looked at again.
	refused func(err error) Attempt
	event   func(message string) Attempt
	settle  func(pod *corev1.Pod, m *mutant) (Attempt, Learnt)
	// node takes the DaemonSets.
	node  string
	start time.Time
}

// batch is the objects of one controller.
type batch struct {
	controller
	series
	allowed  bool
	deadline time.Time
	names    []string
	by       map[string]*workload
}

func (b *batch) seen() Surface {
	s := Surface{Name: b.surface, Allowed: b.allowed, Tries: []Try{}}
	for _, name := range b.names {
		s.Tries = append(s.Tries, b.by[name].try)
	}
	return s
}

// open reports whether a try may still come to another end: a controller tries
// again after trouble.
func (b *batch) open() bool {
	for _, w := range b.by {
		if w.try.Class == Infrastructure && w.try.Learnt != LearntRequest {
			return true
		}
	}
	return false
}

func observeWorkloads(ctx context.Context, env *cluster.Env) (Surfaces, error) {
	own := env.PodAccount(env.Namespaces[0]) != ""
	o := Surfaces{OwnServiceAccount: own, Surfaces: []Surface{}}
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
		refused: Classify, event: ClassifyMessage,
		settle: func(pod *corev1.Pod, m *mutant) (Attempt, Learnt) {
			return settled(Attempt{Class: Admitted, By: ByNobody, Cause: CauseNone}, pod, m), LearntPod
		},
	}
	o.Surfaces, err = s.run(ctx, env, controllers())
	return o, err
}

// run takes the kinds one after the other. It returns what was seen also with
// an error.
func (s series) run(ctx context.Context, env *cluster.Env, kinds []controller) ([]Surface, error) {
	var all []*batch
	seen := func(phase string, err error) ([]Surface, error) {
		out := []Surface{}
		for _, b := range all {
			out = append(out, b.seen())
		}
		if err != nil {
			err = &check.Stopped{Phase: phase, Err: err}
		}
		return out, err
	}
	for _, c := range kinds {
		b := &batch{controller: c, series: s, by: map[string]*workload{}}
		all = append(all, b)
		var err error
		if b.allowed, err = may(ctx, env, "create", c.resource.Group, c.resource.Resource, ""); err != nil {
			return seen(c.surface, err)
		}
		if !b.allowed {
			continue
		}
		if err := b.create(ctx, env); err != nil {
			return seen(c.surface, err)
		}
		if c.surface == SurfaceCronJob {
			continue
		}
		if err := b.follow(ctx, env); err != nil {
			return seen(c.surface, err)
		}
	}
	for _, b := range all {
		// Due on the minute, and followed last.
		if b.surface == SurfaceCronJob && b.allowed {
			return seen(b.surface, b.follow(ctx, env))
		}
	}
	return seen("", nil)
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
	defer func() { _ = env.DeletePod(context.WithoutCancel(ctx), pod) }()
	placed, err := wait.For(ctx, placeLimit, "a pod to be scheduled", func(ctx context.Context) (*corev1.Pod, error) {
		return env.Tenant.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	}, func(p *corev1.Pod) (bool, string) { return p.Spec.NodeName != "", string(cluster.PodTrouble(p)) })
	if err != nil {
		return "", cluster.Unschedulable
	}
	return placed.Spec.NodeName, nil
}

// create sends the golden pods, the mutants, and the golden pod again.
func (b *batch) create(ctx context.Context, env *cluster.Env) error {
	for _, variant := range b.goldens {
		if err := b.add(ctx, env, nil, variant); err != nil {
			return err
		}
	}
	for _, m := range b.mutants(b.surface) {
		if err := b.add(ctx, env, &m, ""); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(b.pause):
		}
	}
	err := b.add(ctx, env, nil, "")
	b.deadline = time.Now().Add(b.limit)
	return err
}

func (b *batch) add(ctx context.Context, env *cluster.Env, m *mutant, variant string) error {
	// CronJobs may have 52 characters.
	name := strings.ToLower(fmt.Sprintf("bvc-%s%s-%.6s-%d", b.prefix, b.surface, env.RunID, len(b.names)))
	w := &workload{mutant: m, try: newTry(m, variant, b.start)}
	b.names, b.by[name] = append(b.names, name), w
	options := b.options
	if b.surface == SurfaceDaemonSet {
		options.Node = b.node
	}
	pod := pods.Golden(options)
	switch {
	case m != nil:
		m.apply(pod)
	case variant == VariantUserNamespace:
		userNamespaced(pod)
	}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: env.Labels(map[string]string{labelWorkload: name})}, Spec: pod.Spec}
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	if err := env.CreateWorkload(limited, b.resource, b.object(metav1.ObjectMeta{Name: name, Namespace: options.Namespace}, template)); err != nil {
		w.try.Attempt, w.try.Learnt = b.refused(err), LearntRequest
	}
	return ctx.Err()
}

// follow looks until each object has its pod or the reason why not, and then
// removes them.
func (b *batch) follow(ctx context.Context, env *cluster.Env) error {
	for {
		if err := b.look(ctx, env); err != nil {
			return err
		}
		if !b.open() || !time.Now().Before(b.deadline) {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookInterval):
		}
	}
	if err := env.DeleteFrom(ctx, b.options.Namespace, b.resource); err != nil {
		return Classify(err).trouble()
	}
	return nil
}

// look takes pods and events of the moment into the tries.
func (b *batch) look(ctx context.Context, env *cluster.Env) error {
	limited, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	client := env.Tenant.CoreV1()
	events, err := client.Events(env.Namespaces[0]).List(limited, metav1.ListOptions{FieldSelector: "reason=FailedCreate,type=Warning", Limit: listLimit})
	if err != nil {
		return Classify(err).trouble()
	}
	for _, e := range events.Items {
		if w := b.named(e.InvolvedObject.Name); w != nil && w.try.Learnt != LearntRequest {
			w.learn(b.event(e.Message), LearntEvent)
		}
	}
	made, err := client.Pods(env.Namespaces[0]).List(limited, metav1.ListOptions{
		LabelSelector: cluster.LabelRun + "=" + env.RunID + "," + labelWorkload, Limit: listLimit})
	if err != nil {
		return Classify(err).trouble()
	}
	for i := range made.Items {
		pod := &made.Items[i]
		if w := b.by[pod.Labels[labelWorkload]]; w != nil {
			w.learn(b.settle(pod, w.mutant))
		}
	}
	return nil
}

// named finds the object that an event is about: itself, or what it made, whose
// name begins with its own.
func (b *batch) named(object string) *workload {
	for name, w := range b.by {
		if object == name || strings.HasPrefix(object, name+"-") {
			return w
		}
	}
	return nil
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
