package admission

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// mutant is the golden pod with one fault in one place.
type mutant struct {
	fault, variant string
	apply          func(*corev1.Pod)
	// present says of the pod as stored whether the fault is in it.
	present func(*corev1.Pod) bool
}

// Places of a fault. A rule that looks at one of them and forgets another is
// no rule, so each has a mutant of its own.
const (
	inPod       = "pod"
	inContainer = "container"
	inInit      = "initContainer"
)

// mutants are tried in this order in each round.
func mutants() []mutant {
	var all []mutant
	for _, group := range [][]mutant{
		privilegedMutants(), capabilityMutants(), escalationMutants(), hostNamespaceMutants(), hostPathMutants(), hostPortMutants(),
		rootUserMutants(), rootGroupMutants(), writableRootMutants(), procMountMutants(), seccompMutants(), appArmorMutants(),
		seLinuxMutants(), sysctlMutants(), registryMutants(), pullPolicyMutants(), resourceMutants(), healthMutants(), serviceAccountMutants(),
	} {
		all = append(all, group...)
	}
	return all
}

// Variants lists the mutants of a fault, by the names of their variants. A
// Judge needs each of them.
func Variants(fault string) []string {
	var all []string
	for _, m := range mutants() {
		if m.fault == fault {
			all = append(all, m.variant)
		}
	}
	return all
}

// place is a container of the golden pod in which a fault is put.
type place struct {
	name string
	of   func(*corev1.Pod) *corev1.Container
}

func containers() []place {
	return []place{
		{inContainer, func(p *corev1.Pod) *corev1.Container { return &p.Spec.Containers[0] }},
		{inInit, func(p *corev1.Pod) *corev1.Container { return &p.Spec.InitContainers[0] }},
	}
}

// inEach makes one mutant for each kind of container.
func inEach(fault, suffix string, apply func(*corev1.Container), present func(*corev1.Pod) bool) []mutant {
	var all []mutant
	for _, c := range containers() {
		all = append(all, mutant{fault, c.name + suffix, func(pod *corev1.Pod) { apply(c.of(pod)) }, present})
	}
	return all
}

// every lists the containers of a pod of whatever kind.
func every(pod *corev1.Pod) []corev1.Container {
	all := slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
	for _, e := range pod.Spec.EphemeralContainers {
		all = append(all, corev1.Container(e.EphemeralContainerCommon))
	}
	return all
}

// anyContainer reports whether one container of the pod is so.
func anyContainer(is func(corev1.Container) bool) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool { return slices.ContainsFunc(every(pod), is) }
}

// anyContext reports whether the security context of one container is so.
func anyContext(is func(*corev1.SecurityContext) bool) func(*corev1.Pod) bool {
	return anyContainer(func(c corev1.Container) bool { return c.SecurityContext != nil && is(c.SecurityContext) })
}

func isTrue(b *bool) bool { return b != nil && *b }

func privilegedMutants() []mutant {
	return inEach(FaultPrivileged, "", func(c *corev1.Container) {
		c.SecurityContext.Privileged = new(true)
		// The API refuses privileged with allowPrivilegeEscalation=false
		// before any rule of the site sees the pod. Every privileged pod has
		// this second fault, so a site that refuses the second refuses the
		// first in every form.
		c.SecurityContext.AllowPrivilegeEscalation = nil
	}, anyContext(func(sc *corev1.SecurityContext) bool { return isTrue(sc.Privileged) }))
}

func capabilityMutants() []mutant {
	return inEach(FaultCapabilities, "", func(c *corev1.Container) {
		c.SecurityContext.Capabilities.Add = []corev1.Capability{"NET_ADMIN"}
	}, anyContext(func(sc *corev1.SecurityContext) bool {
		return sc.Capabilities != nil && slices.Contains(sc.Capabilities.Add, "NET_ADMIN")
	}))
}

func escalationMutants() []mutant {
	present := anyContainer(func(c corev1.Container) bool {
		return c.SecurityContext == nil || c.SecurityContext.AllowPrivilegeEscalation == nil || *c.SecurityContext.AllowPrivilegeEscalation
	})
	return slices.Concat(
		inEach(FaultEscalation, "", func(c *corev1.Container) { c.SecurityContext.AllowPrivilegeEscalation = new(true) }, present),
		// Left out it is allowed: that is Kubernetes' default.
		inEach(FaultEscalation, "Unset", func(c *corev1.Container) { c.SecurityContext.AllowPrivilegeEscalation = nil }, present))
}

func hostNamespaceMutants() []mutant {
	return []mutant{
		{FaultHostNamespaces, "hostPID", func(p *corev1.Pod) { p.Spec.HostPID = true }, func(p *corev1.Pod) bool { return p.Spec.HostPID }},
		{FaultHostNamespaces, "hostIPC", func(p *corev1.Pod) { p.Spec.HostIPC = true }, func(p *corev1.Pod) bool { return p.Spec.HostIPC }},
		{FaultHostNamespaces, "hostNetwork", func(p *corev1.Pod) { p.Spec.HostNetwork = true }, func(p *corev1.Pod) bool { return p.Spec.HostNetwork }},
	}
}

func hostPathMutants() []mutant {
	return []mutant{{FaultHostPath, inPod, func(p *corev1.Pod) {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}})
		p.Spec.Containers[0].VolumeMounts = append(p.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "host", MountPath: "/host", ReadOnly: true})
	}, func(p *corev1.Pod) bool {
		return slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.HostPath != nil })
	}}}
}

func hostPortMutants() []mutant {
	const port = 28765
	return inEach(FaultHostPorts, "", func(c *corev1.Container) {
		c.Ports = append(c.Ports, corev1.ContainerPort{ContainerPort: port, HostPort: port, Protocol: corev1.ProtocolTCP})
	}, anyContainer(func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.HostPort != 0 })
	}))
}

// mayBeRoot reports whether nothing in the pod keeps a container from running
// as root.
func mayBeRoot(pod *corev1.Pod) bool {
	of := pod.Spec.SecurityContext
	if of == nil {
		of = &corev1.PodSecurityContext{}
	}
	return slices.ContainsFunc(every(pod), func(c corev1.Container) bool {
		user, nonRoot := of.RunAsUser, of.RunAsNonRoot
		if sc := c.SecurityContext; sc != nil {
			if sc.RunAsUser != nil {
				user = sc.RunAsUser
			}
			if sc.RunAsNonRoot != nil {
				nonRoot = sc.RunAsNonRoot
			}
		}
		return !isTrue(nonRoot) && (user == nil || *user == 0)
	})
}

func rootUserMutants() []mutant {
	return slices.Concat(
		inEach(FaultRootUser, "", func(c *corev1.Container) {
			c.SecurityContext.RunAsUser, c.SecurityContext.RunAsNonRoot = new(int64(0)), new(false)
		}, mayBeRoot),
		[]mutant{
			{FaultRootUser, inPod, func(p *corev1.Pod) {
				p.Spec.SecurityContext.RunAsUser, p.Spec.SecurityContext.RunAsNonRoot = new(int64(0)), new(false)
				for _, c := range containers() {
					c.of(p).SecurityContext.RunAsUser, c.of(p).SecurityContext.RunAsNonRoot = nil, nil
				}
			}, mayBeRoot},
			// The image's own account decides, which may be root.
			{FaultRootUser, "unset", func(p *corev1.Pod) {
				p.Spec.SecurityContext.RunAsUser, p.Spec.SecurityContext.RunAsNonRoot = nil, nil
				for _, c := range containers() {
					c.of(p).SecurityContext.RunAsUser, c.of(p).SecurityContext.RunAsNonRoot = nil, nil
				}
			}, mayBeRoot},
		})
}

func rootGroupMutants() []mutant {
	ofPod := func(variant string, apply func(*corev1.PodSecurityContext), is func(*corev1.PodSecurityContext) bool) mutant {
		return mutant{FaultRootGroup, variant, func(p *corev1.Pod) { apply(p.Spec.SecurityContext) },
			func(p *corev1.Pod) bool { return p.Spec.SecurityContext != nil && is(p.Spec.SecurityContext) }}
	}
	return slices.Concat(
		inEach(FaultRootGroup, "", func(c *corev1.Container) { c.SecurityContext.RunAsGroup = new(int64(0)) },
			anyContext(func(sc *corev1.SecurityContext) bool { return sc.RunAsGroup != nil && *sc.RunAsGroup == 0 })),
		[]mutant{
			ofPod("fsGroup", func(sc *corev1.PodSecurityContext) { sc.FSGroup = new(int64(0)) },
				func(sc *corev1.PodSecurityContext) bool { return sc.FSGroup != nil && *sc.FSGroup == 0 }),
			ofPod("supplementalGroups", func(sc *corev1.PodSecurityContext) { sc.SupplementalGroups = []int64{0} },
				func(sc *corev1.PodSecurityContext) bool { return slices.Contains(sc.SupplementalGroups, 0) }),
			{FaultRootGroup, inPod, func(p *corev1.Pod) {
				p.Spec.SecurityContext.RunAsGroup = new(int64(0))
				for _, c := range containers() {
					c.of(p).SecurityContext.RunAsGroup = nil
				}
			}, rootGroupByPod},
		})
}

// rootGroupByPod reports whether a container takes group 0 from the pod.
func rootGroupByPod(pod *corev1.Pod) bool {
	of := pod.Spec.SecurityContext
	return of != nil && of.RunAsGroup != nil && *of.RunAsGroup == 0 && slices.ContainsFunc(every(pod), func(c corev1.Container) bool {
		return c.SecurityContext == nil || c.SecurityContext.RunAsGroup == nil
	})
}

func writableRootMutants() []mutant {
	present := anyContainer(func(c corev1.Container) bool {
		return c.SecurityContext == nil || !isTrue(c.SecurityContext.ReadOnlyRootFilesystem)
	})
	return slices.Concat(
		inEach(FaultWritableRoot, "", func(c *corev1.Container) { c.SecurityContext.ReadOnlyRootFilesystem = new(false) }, present),
		inEach(FaultWritableRoot, "Unset", func(c *corev1.Container) { c.SecurityContext.ReadOnlyRootFilesystem = nil }, present))
}

// userNamespaced gives the pod a user namespace of its own, without which the
// API refuses an unmasked /proc before any rule of the site sees it.
func userNamespaced(p *corev1.Pod) { p.Spec.HostUsers = new(false) }

func procMountMutants() []mutant {
	unmasked := corev1.UnmaskedProcMount
	all := inEach(FaultProcMount, "", func(c *corev1.Container) { c.SecurityContext.ProcMount = &unmasked },
		anyContext(func(sc *corev1.SecurityContext) bool { return sc.ProcMount != nil && *sc.ProcMount == unmasked }))
	for i, m := range all {
		all[i].apply = func(p *corev1.Pod) { userNamespaced(p); m.apply(p) }
	}
	return all
}

func seccompMutants() []mutant {
	unconfined := func() *corev1.SeccompProfile {
		return &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
	}
	is := func(p *corev1.SeccompProfile) bool { return p != nil && p.Type == corev1.SeccompProfileTypeUnconfined }
	return append(
		inEach(FaultSeccomp, "", func(c *corev1.Container) { c.SecurityContext.SeccompProfile = unconfined() },
			anyContext(func(sc *corev1.SecurityContext) bool { return is(sc.SeccompProfile) })),
		mutant{FaultSeccomp, inPod, func(p *corev1.Pod) {
			p.Spec.SecurityContext.SeccompProfile = unconfined()
			for _, c := range containers() {
				c.of(p).SecurityContext.SeccompProfile = nil
			}
		}, func(p *corev1.Pod) bool {
			return p.Spec.SecurityContext != nil && is(p.Spec.SecurityContext.SeccompProfile) && slices.ContainsFunc(every(p), func(c corev1.Container) bool {
				return c.SecurityContext == nil || c.SecurityContext.SeccompProfile == nil
			})
		}})
}

func appArmorMutants() []mutant {
	unconfined := func() *corev1.AppArmorProfile {
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	}
	is := func(p *corev1.AppArmorProfile) bool {
		return p != nil && p.Type == corev1.AppArmorProfileTypeUnconfined
	}
	return append(
		inEach(FaultAppArmor, "", func(c *corev1.Container) { c.SecurityContext.AppArmorProfile = unconfined() },
			anyContext(func(sc *corev1.SecurityContext) bool { return is(sc.AppArmorProfile) })),
		mutant{FaultAppArmor, inPod, func(p *corev1.Pod) { p.Spec.SecurityContext.AppArmorProfile = unconfined() },
			func(p *corev1.Pod) bool {
				return p.Spec.SecurityContext != nil && is(p.Spec.SecurityContext.AppArmorProfile)
			}})
}

func seLinuxMutants() []mutant {
	options := func() *corev1.SELinuxOptions { return &corev1.SELinuxOptions{Type: "spc_t"} }
	is := func(o *corev1.SELinuxOptions) bool { return o != nil && o.Type == "spc_t" }
	return append(
		inEach(FaultSELinux, "", func(c *corev1.Container) { c.SecurityContext.SELinuxOptions = options() },
			anyContext(func(sc *corev1.SecurityContext) bool { return is(sc.SELinuxOptions) })),
		mutant{FaultSELinux, inPod, func(p *corev1.Pod) { p.Spec.SecurityContext.SELinuxOptions = options() },
			func(p *corev1.Pod) bool {
				return p.Spec.SecurityContext != nil && is(p.Spec.SecurityContext.SELinuxOptions)
			}})
}

func sysctlMutants() []mutant {
	const unsafe = "kernel.msgmax"
	return []mutant{{FaultSysctls, inPod, func(p *corev1.Pod) {
		p.Spec.SecurityContext.Sysctls = []corev1.Sysctl{{Name: unsafe, Value: "65536"}}
	}, func(p *corev1.Pod) bool {
		return p.Spec.SecurityContext != nil && slices.ContainsFunc(p.Spec.SecurityContext.Sysctls, func(s corev1.Sysctl) bool { return s.Name == unsafe })
	}}}
}

// foreign is an image that no site can have allowed: its registry's name can
// not exist (RFC 6761, section 6.4).
const foreign = "registry.invalid/bvc/foreign@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// foreignRegistry is in the name however a cluster writes it: with a tag, or
// behind a mirror that hands on whatever it is asked for.
const foreignRegistry = "registry.invalid/"

func registryMutants() []mutant {
	return inEach(FaultRegistry, "", func(c *corev1.Container) { c.Image = foreign },
		anyContainer(func(c corev1.Container) bool { return strings.Contains(c.Image, foreignRegistry) }))
}

// latest is the image by the tag latest in place of its digest or tag.
func latest(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	return image + ":latest"
}

// pullPolicyMutants name their image by the tag latest: the policy of the IG
// BvC is about that tag, and what is named by its digest is the same image
// whenever it was pulled.
func pullPolicyMutants() []mutant {
	stale := func(policy corev1.PullPolicy) func(*corev1.Container) {
		return func(c *corev1.Container) { c.Image, c.ImagePullPolicy = latest(c.Image), policy }
	}
	present := anyContainer(func(c corev1.Container) bool {
		return strings.HasSuffix(c.Image, ":latest") && c.ImagePullPolicy != corev1.PullAlways
	})
	return append(
		inEach(FaultPullPolicy, "", stale(corev1.PullIfNotPresent), present),
		mutant{FaultPullPolicy, "never", func(p *corev1.Pod) { stale(corev1.PullNever)(&p.Spec.Containers[0]) }, present})
}

func resourceMutants() []mutant {
	lacks := func(c corev1.Container) bool {
		r := c.Resources
		return r.Limits.Memory().IsZero() || r.Requests.Memory().IsZero() || r.Requests.Cpu().IsZero()
	}
	present := anyContainer(lacks)
	return append(
		inEach(FaultResources, "", func(c *corev1.Container) { c.Resources = corev1.ResourceRequirements{} }, present),
		mutant{FaultResources, "memoryLimit", func(p *corev1.Pod) {
			delete(p.Spec.Containers[0].Resources.Limits, corev1.ResourceMemory)
		}, present},
		mutant{FaultResources, "cpuRequest", func(p *corev1.Pod) {
			// A limit alone would become the request as well.
			delete(p.Spec.Containers[0].Resources.Limits, corev1.ResourceCPU)
			delete(p.Spec.Containers[0].Resources.Requests, corev1.ResourceCPU)
		}, present})
}

func healthMutants() []mutant {
	without := func(variant string, apply func(*corev1.Container), is func(corev1.Container) bool) mutant {
		return mutant{FaultHealth, variant, func(p *corev1.Pod) { apply(&p.Spec.Containers[0]) },
			func(p *corev1.Pod) bool { return slices.ContainsFunc(p.Spec.Containers, is) }}
	}
	return []mutant{
		without("readiness", func(c *corev1.Container) { c.ReadinessProbe = nil }, func(c corev1.Container) bool { return c.ReadinessProbe == nil }),
		without("liveness", func(c *corev1.Container) { c.LivenessProbe = nil }, func(c corev1.Container) bool { return c.LivenessProbe == nil }),
	}
}

func serviceAccountMutants() []mutant {
	return []mutant{{FaultServiceAccount, inPod, func(p *corev1.Pod) { p.Spec.ServiceAccountName = "" },
		func(p *corev1.Pod) bool {
			return p.Spec.ServiceAccountName == "" || p.Spec.ServiceAccountName == "default"
		}}}
}

// compare says what the stored golden pod has otherwise than what was sent.
func compare(sent, stored *corev1.Pod) Altered {
	differ := func(a, b any) bool { return !equality.Semantic.DeepEqual(a, b) }
	s, t := &sent.Spec, &stored.Spec
	a := Altered{
		Containers:          len(s.Containers) != len(t.Containers) || len(s.InitContainers) != len(t.InitContainers),
		PodSecurityContext:  differ(s.SecurityContext, t.SecurityContext),
		HostNamespaces:      s.HostNetwork != t.HostNetwork || s.HostPID != t.HostPID || s.HostIPC != t.HostIPC || differ(s.HostUsers, t.HostUsers),
		ServiceAccountToken: differ(s.AutomountServiceAccountToken, t.AutomountServiceAccountToken),
		SchedulingGates:     differ(s.SchedulingGates, t.SchedulingGates),
	}
	own := containerNamed(t.Containers, s.Containers[0].Name)
	if own == nil {
		// Nothing to compare it with: everything of the container is gone.
		a.Containers, a.Image, a.PullPolicy, a.SecurityContext, a.Resources, a.HealthProbes = true, true, true, true, true, true
		return a
	}
	golden := s.Containers[0]
	a.Image = golden.Image != own.Image
	a.PullPolicy = golden.ImagePullPolicy != own.ImagePullPolicy
	a.SecurityContext = differ(golden.SecurityContext, own.SecurityContext)
	a.Resources = differ(golden.Resources, own.Resources)
	// Presence only: the API server fills in fields of a probe.
	a.HealthProbes = own.ReadinessProbe == nil || own.LivenessProbe == nil
	return a
}

func containerNamed(containers []corev1.Container, name string) *corev1.Container {
	for i := range containers {
		if containers[i].Name == name {
			return &containers[i]
		}
	}
	return nil
}
