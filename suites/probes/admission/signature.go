package admission

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/registry"
)

// Signatures is what became of images that differ in their signature only.
type Signatures struct {
	// Given says that the site named the three images.
	Given bool `json:"given"`
	// Nodes on which pods could have run, 0 when that is not known.
	Nodes int `json:"nodes"`
	// Signed, Unsigned and WrongKey are what the registry has of them.
	Signed   Kept `json:"signed"`
	Unsigned Kept `json:"unsigned"`
	WrongKey Kept `json:"wrongKey"`
	Surfaces
}

// Kept is what the registry has of one image.
type Kept struct {
	// Asked says that the registry answered.
	Asked bool `json:"asked"`
	// Cause why it did not (registry.Cause), empty when it did.
	Cause string `json:"cause"`
	// Exists says that the image is there.
	Exists bool `json:"exists"`
	// Certain says that everything in which a signature could lie was read.
	Certain bool `json:"certain"`
	// Tag, Bundle and Other count the signatures by their form, of the image
	// and of its platform's manifest.
	Tag    int `json:"tag"`
	Bundle int `json:"bundle"`
	Other  int `json:"other"`
}

// unsigned reports whether the image is there and certainly has no signature.
func (k Kept) unsigned() bool {
	return k.Asked && k.Exists && k.Certain && k.Tag+k.Bundle+k.Other == 0
}

// signed reports whether it has one.
func (k Kept) signed() bool { return k.Asked && k.Exists && k.Tag+k.Bundle+k.Other > 0 }

// Repeats of pods, and how they are spread: each of the mutants over more than
// Span.
const (
	signaturePods  = 5
	signaturePause = 650 * time.Millisecond
	// runLimit is how long a pod may take until its container runs or is kept
	// from it.
	runLimit = 60 * time.Second
	// lookEvery lies between two looks at a container that is to run.
	lookEvery = 2 * time.Second
	// selfCheckLimit bounds what the registry is asked about one image.
	selfCheckLimit = 20 * time.Second
)

// Signature runs three images of the site that have the same layers and lie in
// one repository: signed by the site, not signed, signed by a key that nobody
// trusts. Pods are not kept at a gate: a node may be what checks signatures.
var Signature = check.NewProbe[*cluster.Env, Signatures](check.ProbeMeta{
	Name: "signatures", SchemaVersion: 1, Timeout: 8 * time.Minute, Weight: 1,
	Needs: append(followRights(),
		check.Right{As: check.Tenant, Verb: "patch", Resource: "pods", Scope: check.TenantNamespaces},
		check.Right{As: check.Tenant, Verb: "get", Resource: "secrets", Scope: check.TenantNamespaces}),
}, observeSignatures)

// signatureMutants give the pod another image; init containers run what they
// run as well.
func signatureMutants(env *cluster.Env) []mutant {
	var all []mutant
	for fault, image := range map[string]string{FaultUnsigned: env.Signatures.Unsigned, FaultWrongKey: env.Signatures.WrongKey} {
		digest := image[strings.LastIndexByte(image, '@')+1:]
		all = append(all, inEach(fault, "", func(c *corev1.Container) { c.Image = image },
			anyContainer(func(c corev1.Container) bool { return strings.HasSuffix(c.Image, digest) }))...)
	}
	slices.SortFunc(all, func(a, b mutant) int { return strings.Compare(a.fault+a.variant, b.fault+b.variant) })
	return all
}

func observeSignatures(ctx context.Context, env *cluster.Env) (Signatures, error) {
	given := env.Signatures
	o := Signatures{Given: given.Given(), Surfaces: Surfaces{OwnServiceAccount: env.PodAccount(env.Namespaces[0]) != "", Surfaces: []Surface{}}}
	if !o.Given {
		return o, nil
	}
	if selection, err := env.Workers(ctx); err == nil {
		o.Nodes = selection.Schedulable
	}
	client, err := registryClient(ctx, env)
	if err != nil {
		return o, &check.Stopped{Phase: "prepare to ask the registry", Err: err}
	}
	o.Signed, o.Unsigned, o.WrongKey = ask(ctx, client, given.Signed), ask(ctx, client, given.Unsigned), ask(ctx, client, given.WrongKey)

	node, err := someNode(ctx, env)
	if err != nil {
		return o, &check.Stopped{Phase: "find a node", Err: err}
	}
	options := goldenOptions(env, "bvc-signed-")
	options.Image, options.Gated, options.PullSecret = given.Signed, false, given.PullSecret
	all := signatureMutants(env)
	s := series{
		prefix: "sig-", options: options, goldens: []string{""}, node: node, start: time.Now(),
		mutants: func(surface string) []mutant {
			if surface == SurfacePod {
				return slices.Repeat(all, signaturePods)
			}
			return slices.Repeat(slices.DeleteFunc(slices.Clone(all), func(m mutant) bool { return m.variant != inContainer }), signatureRepeats)
		},
		settle: func(pod *corev1.Pod, m *mutant) (Attempt, Learnt) { return settleRunning(pod, m, given.Signed) },
	}
	kinds := controllers()
	for i := range kinds {
		kinds[i].limit += runLimit
	}
	kinds = append(kinds, controller{surface: SurfacePod, resource: cluster.Pods, limit: runLimit, pause: signaturePause, object: barePod})
	// Side by side: all of them mostly wait.
	var updates, ephemeral Surface
	var updatesErr, ephemeralErr error
	var others sync.WaitGroup
	var crashed atomic.Bool
	others.Go(guarded(&crashed, func() { updates, updatesErr = signatureUpdates(ctx, env, s, all) }))
	others.Go(guarded(&crashed, func() { ephemeral, ephemeralErr = signatureEphemeral(ctx, env, s, all) }))
	o.Surfaces.Surfaces, err = s.run(ctx, env, kinds)
	others.Wait()
	o.Surfaces.Surfaces = append(o.Surfaces.Surfaces, updates, ephemeral)
	switch {
	case err != nil:
		return o, err
	case crashed.Load():
		return o, &check.Stopped{Phase: "updates and ephemeral containers", Err: errors.New("crashed, a fault of the tool")}
	case updatesErr != nil:
		return o, &check.Stopped{Phase: updates.Name, Err: updatesErr}
	case ephemeralErr != nil:
		return o, &check.Stopped{Phase: ephemeral.Name, Err: ephemeralErr}
	}
	return o, nil
}

// barePod is a pod as the objects of controllers are.
func barePod(m metav1.ObjectMeta, t corev1.PodTemplateSpec) metav1.Object {
	m.Labels = t.Labels
	return &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: m, Spec: t.Spec}
}

// registryClient reaches the registry with the pull secret of the tenant, as
// the nodes do.
func registryClient(ctx context.Context, env *cluster.Env) (*registry.Client, error) {
	o := registry.Options{PlainHTTP: env.Signatures.PlainHTTP, CA: []byte(env.Signatures.CA), Timeout: selfCheckLimit, UserAgent: "bvc"}
	if name := env.Signatures.PullSecret; name != "" {
		secret, err := env.Tenant.CoreV1().Secrets(env.Namespaces[0]).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, errors.New("the pull secret of the site file could not be read: " + string(apierrors.ReasonForError(err)))
		}
		if o.Keychain, err = registry.DockerConfig(secret.Data[corev1.DockerConfigJsonKey]); err != nil {
			return nil, err
		}
	}
	return registry.New(o)
}

// ask looks what the registry has of an image.
func ask(ctx context.Context, client *registry.Client, image string) Kept {
	facts, err := client.Inspect(ctx, image, nil)
	if err != nil {
		return Kept{Cause: string(registry.CauseOf(err))}
	}
	k := Kept{Asked: true, Exists: facts.Exists, Certain: true}
	for _, s := range facts.Subjects {
		k.Certain = k.Certain && s.Unreadable == 0 && !s.Incomplete
		for _, one := range s.Signatures {
			switch one.Form {
			case registry.TagForm:
				k.Tag++
			case registry.BundleForm:
				k.Bundle++
			default:
				k.Other++
			}
		}
	}
	return k
}

// registryTrouble are words by which verifiers and runtimes say that they could
// not look at an image or its signature. They only ever take an answer out of
// Policy.
var registryTrouble = regexp.MustCompile(`(?i)unauthorized|authentication required|no such host|server misbehaving|connection refused|connection reset|no route to host|network is unreachable|i/o timeout|deadline exceeded|x509:|tls: |certificate (signed by|has expired|is valid|is not valid|is not trusted)|server gave http response|too ?many ?requests|service unavailable|bad gateway|internal server error`)

// noSuchTag are words by which they say that the registry has no image of that
// tag. They count where the fault is a tag, which nobody may have given.
var noSuchTag = regexp.MustCompile(`(?i)(manifest|name)[ _]unknown|not found|no such (manifest|image|tag)|status(:| code) 404`)

func (m *mutant) unlessRegistry(a Attempt, message string) Attempt {
	switch {
	case a.Class != Policy:
	case registryTrouble.MatchString(message):
		a.Class, a.By, a.Cause = Infrastructure, ByNobody, CauseRegistry
	case m.fault == FaultPullPolicy && noSuchTag.MatchString(message):
		a.Class, a.By, a.Cause = Infrastructure, ByNobody, CauseNoSuchTag
	}
	return a
}

// blockedByNode are forms by which runtimes say that a rule on signatures kept
// a container from running: Kubernetes' own reason (CRI-O), the transfer
// service of containerd, the policy of containers/image.
var blockedByNode = regexp.MustCompile(`SignatureValidationFailed|image verifier .* blocked pull|Source image rejected|[Ss]ignature was required|not signed`)

// settleRunning says of a stored pod whether what it was made for has run. A
// mutant has when the container with the other image was ever started.
func settleRunning(pod *corev1.Pod, m *mutant, signed string) (Attempt, Learnt) {
	if m != nil && !m.present(pod) {
		return replaced(pod, m, signed)
	}
	if pod.DeletionTimestamp != nil {
		// Of a container that never ran the kubelet then says that it ended.
		return Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseNotStarted}, LearntNothing
	}
	name, statuses := pods.Agent, pod.Status.ContainerStatuses
	if m != nil && m.variant == inInit {
		name, statuses = pods.Init, pod.Status.InitContainerStatuses
	}
	// By name: clusters put containers of their own before ours.
	if s := statusNamed(statuses, name); s != nil {
		return settleContainer(*s)
	}
	return Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseNotStarted}, LearntNothing
}

// replaced says of a pod that was stored with another image than it was sent
// with: it shows something only where that is the signed one.
func replaced(pod *corev1.Pod, m *mutant, signed string) (Attempt, Learnt) {
	containers, name := pod.Spec.Containers, pods.Agent
	if m.variant == inInit {
		containers, name = pod.Spec.InitContainers, pods.Init
	}
	digest := signed[strings.LastIndexByte(signed, '@')+1:]
	if own := containerNamed(containers, name); own != nil && strings.HasSuffix(own.Image, digest) {
		return Attempt{Class: Neutralised, By: ByOther, Cause: CauseNone}, LearntPod
	}
	return Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseImageReplaced}, LearntRequest
}

func statusNamed(all []corev1.ContainerStatus, name string) *corev1.ContainerStatus {
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}

// ended reports whether a container has run and ended. Kubelets say that of
// containers they lost sight of as well, and of such as could not be started;
// those have no time of start.
func ended(t *corev1.ContainerStateTerminated) bool { return t != nil && t.StartedAt.Unix() > 0 }

// settleContainer says of one container whether it ran.
func settleContainer(s corev1.ContainerStatus) (Attempt, Learnt) {
	waiting := s.State.Waiting
	switch {
	case s.State.Running != nil || ended(s.State.Terminated) || ended(s.LastTerminationState.Terminated):
		return Attempt{Class: Admitted, By: ByNobody, Cause: CauseNone}, LearntNode
	case waiting == nil:
	case waiting.Reason == "SignatureValidationFailed",
		blockedByNode.MatchString(waiting.Message) && !registryTrouble.MatchString(waiting.Message):
		return Attempt{Class: Policy, By: ByNode, Cause: CauseNone}, LearntNode
	case strings.Contains(waiting.Reason, "Image") || strings.Contains(waiting.Reason, "ErrPull") || waiting.Reason == "RegistryUnavailable":
		return Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseImagePull}, LearntNode
	}
	return Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseNotStarted}, LearntNothing
}

// signatureRepeats is how often each image is tried over a surface other than
// the pod.
const signatureRepeats = 3

// orSigned stands for the signed image, of which verifiers may say as well that
// they could not look.
func orSigned(m *mutant) *mutant {
	if m == nil {
		return &mutant{fault: FaultUnsigned}
	}
	return m
}

// afterwards is the status less what it says of the container that ran before.
func afterwards(s *corev1.ContainerStatus, before string) *corev1.ContainerStatus {
	if s == nil {
		return nil
	}
	rest := *s.DeepCopy()
	if t := rest.LastTerminationState.Terminated; t != nil && t.ContainerID == before {
		rest.LastTerminationState = corev1.ContainerState{}
	}
	if rest.ContainerID == before && (rest.State.Waiting == nil || rest.State.Waiting.Reason == "ContainerCreating") {
		return nil // it runs still, or ends
	}
	return &rest
}

// signatureUpdates changes the image of a running signed pod.
func signatureUpdates(ctx context.Context, env *cluster.Env, s series, all []mutant) (Surface, error) {
	out := Surface{Name: SurfaceImageUpdate, Tries: []Try{}}
	var err error
	if out.Allowed, err = may(ctx, env, "patch", "", "pods", ""); err != nil || !out.Allowed {
		return out, err
	}
	var pod *corev1.Pod
	options := s.options
	// Otherwise a container that ended because its image was changed stays so,
	// and the node says nothing of the other image.
	options.Restart = corev1.RestartPolicyAlways
	try := func(m *mutant, image string) error {
		if pod == nil {
			if pod, err = runningPod(ctx, env, options); err != nil {
				return err
			}
		}
		t := newTry(m, "", s.start)
		before := ""
		if own := statusNamed(pod.Status.ContainerStatuses, pods.Agent); own != nil {
			before = own.ContainerID
		}
		if before == "" {
			return cluster.Infrastructure
		}
		stored, a, err := asked(ctx, env, orSigned(m), func() (*corev1.Pod, error) { return patchImage(ctx, env, pod, image) })
		t.Attempt, t.Learnt = a, LearntRequest
		if err == nil {
			t.Attempt, t.Learnt = awaitContainer(ctx, env, stored, m, func(p *corev1.Pod) *corev1.ContainerStatus {
				return afterwards(statusNamed(p.Status.ContainerStatuses, pods.Agent), before)
			})
			// The next try begins with the signed image again.
			remove(ctx, env, pod)
			pod = nil
		}
		out.Tries = append(out.Tries, t)
		return ctx.Err()
	}
	defer func() {
		if pod != nil {
			remove(ctx, env, pod)
		}
	}()
	err = eachSignature(env, all, try) // not in the return: it fills what is returned
	return out, err
}

// signatureEphemeral adds containers to a running signed pod.
func signatureEphemeral(ctx context.Context, env *cluster.Env, s series, all []mutant) (Surface, error) {
	out := Surface{Name: SurfaceEphemeralContainer, Tries: []Try{}}
	var err error
	if out.Allowed, err = may(ctx, env, "patch", "", "pods", "ephemeralcontainers"); err != nil || !out.Allowed {
		return out, err
	}
	pod, err := runningPod(ctx, env, s.options)
	if err != nil {
		return out, err
	}
	defer remove(ctx, env, pod)
	count := 0
	err = eachSignature(env, all, func(m *mutant, image string) error {
		t := newTry(m, "", s.start)
		scratch := pods.Golden(s.options)
		scratch.Spec.Containers[0].Image = image
		count++
		container := asEphemeral(scratch, count)
		stored, a, err := asked(ctx, env, orSigned(m), func() (*corev1.Pod, error) { return addEphemeral(ctx, env, pod, container) })
		t.Attempt, t.Learnt = a, LearntRequest
		if err == nil {
			t.Attempt, t.Learnt = awaitContainer(ctx, env, stored, m, func(p *corev1.Pod) *corev1.ContainerStatus {
				return statusNamed(p.Status.EphemeralContainerStatuses, container.Name)
			})
		}
		out.Tries = append(out.Tries, t)
		return ctx.Err()
	})
	return out, err
}

// eachSignature tries the signed image by another name, each of the others as
// often as needed, and the signed one again.
func eachSignature(env *cluster.Env, all []mutant, try func(m *mutant, image string) error) error {
	if err := try(nil, sameImage(env.Signatures.Signed)); err != nil {
		return err
	}
	for range signatureRepeats {
		for _, m := range all {
			if m.variant != inContainer {
				continue
			}
			image := env.Signatures.Unsigned
			if m.fault == FaultWrongKey {
				image = env.Signatures.WrongKey
			}
			if err := try(&m, image); err != nil {
				return err
			}
		}
	}
	return try(nil, sameImage(env.Signatures.Signed))
}

// awaitContainer looks until a container ran or was kept from it.
func awaitContainer(ctx context.Context, env *cluster.Env, pod *corev1.Pod, m *mutant, of func(*corev1.Pod) *corev1.ContainerStatus) (Attempt, Learnt) {
	if m != nil && !m.present(pod) {
		return replaced(pod, m, env.Signatures.Signed)
	}
	a, learnt := Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseNotStarted}, LearntNothing
	for deadline := time.Now().Add(runLimit); time.Now().Before(deadline); {
		seen, err := env.Tenant.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err == nil {
			if s := of(seen); s != nil {
				a, learnt = settleContainer(*s)
			}
			if learnt != LearntNothing && a.Class != Infrastructure {
				return a, learnt
			}
		}
		select {
		case <-ctx.Done():
			return a, learnt
		case <-time.After(lookEvery):
		}
	}
	return a, learnt
}
