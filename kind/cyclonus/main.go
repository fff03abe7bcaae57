// Command peer drives the engine of cyclonus over situations that another
// program planned (ci/peer): cyclonus changes policies and labels, waits,
// tries, tries again what is not as it expects, and computes what it expects.
// The command line of cyclonus can neither put pods on nodes, nor go from one
// set of policies to the next, nor leave pairs out; its packages can.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/mattfenwick/cyclonus/pkg/connectivity"
	"github.com/mattfenwick/cyclonus/pkg/connectivity/probe"
	"github.com/mattfenwick/cyclonus/pkg/generator"
	"github.com/mattfenwick/cyclonus/pkg/kube"
	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
)

// What the command line of cyclonus takes without flags (generate).
const (
	workers      = 15
	perturbation = 5 * time.Second
	jobSeconds   = 10
	retries      = 1
)

const account = "cyclonus"

// plan is that of ci/peer.
type plan struct {
	Ports []struct {
		Protocol corev1.Protocol `json:"protocol"`
		Number   int             `json:"number"`
	} `json:"ports"`
	Pods []struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
		Node      int    `json:"node"`
	} `json:"pods"`
	Stages []struct {
		Name     string                        `json:"name"`
		Policies []*networkingv1.NetworkPolicy `json:"policies"`
		Labels   map[string]map[string]string  `json:"labels"`
		Pairs    []json.RawMessage             `json:"pairs"`
	} `json:"stages"`
}

// pair is what of a planned pair is for cyclonus.
type pair struct {
	From     string          `json:"from"`
	To       string          `json:"to"`
	Protocol corev1.Protocol `json:"protocol"`
	Port     int             `json:"port"`
	Mode     string          `json:"mode"`
}

type result struct {
	Version    string    `json:"version"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	// AllPairs says that every pod tried every pod, as it does by its command line.
	AllPairs bool          `json:"allPairs"`
	Stages   []stageResult `json:"stages"`
}

type stageResult struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	// Tries are rounds; Attempts are all connections that were tried in them.
	Tries    int          `json:"tries"`
	Attempts int          `json:"attempts"`
	Pairs    []pairResult `json:"pairs"`
}

type pairResult struct {
	Pair     json.RawMessage    `json:"pair"`
	Expected probe.Connectivity `json:"expected"`
	// First and Last are of the first and the last round.
	First probe.Connectivity `json:"first"`
	Last  probe.Connectivity `json:"last"`
}

func main() {
	registry := flag.String("image-registry", "", "registry of agnhost, as the nodes name it")
	file := flag.String("plan", "", "what is to be done")
	out := flag.String("output", "", "where the results go")
	all := flag.Bool("all-pairs", false, "every pod tries every pod, not only the pairs of the plan")
	only := flag.String("stages", "", "run these stages only, separated by commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *registry, *file, *out, *all, *only); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, registry, file, out string, all bool, only string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	var p plan
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	if len(p.Stages) == 0 {
		return errors.New("the plan has no stage")
	}
	kubernetes, err := kube.NewKubernetesForContext("")
	if err != nil {
		return err
	}
	// Its client's rate is that of client-go's defaults; commands in pods do not count there.
	r := result{Version: version(), StartedAt: time.Now().UTC(), AllPairs: all}
	resources, err := start(ctx, kubernetes, p, registry)
	if err != nil {
		return err
	}
	state := &connectivity.TestCaseState{Kubernetes: kubernetes, Resources: resources}
	// What the site has in these namespaces counts, as it does for our probe.
	if err := state.ReadPolicies(resources.NamespacesSlice()); err != nil {
		return err
	}
	site := len(state.Policies)
	for _, s := range p.Stages {
		if only != "" && !slices.Contains(strings.Split(only, ","), s.Name) {
			continue
		}
		began := time.Now()
		if err := change(state, state.Policies[:site], s.Policies, s.Labels); err != nil {
			return fmt.Errorf("stage %s: %w", s.Name, err)
		}
		select {
		case <-time.After(perturbation): // cyclonus gives the network so long, and looks then
		case <-ctx.Done():
			return ctx.Err()
		}
		sr, err := try(kubernetes, state, s.Pairs, all)
		if err != nil {
			return fmt.Errorf("stage %s: %w", s.Name, err)
		}
		sr.Name, sr.Seconds = s.Name, time.Since(began).Seconds()
		r.Stages = append(r.Stages, sr)
		fmt.Fprintf(os.Stderr, "%-18s %6.1f s, %d attempts in %d rounds\n", sr.Name, sr.Seconds, sr.Attempts, sr.Tries)
	}
	r.FinishedAt = time.Now().UTC()
	written, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(written, '\n'), 0o644)
}

// version is that of cyclonus, from what was built in.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/mattfenwick/cyclonus" {
				return m.Version
			}
		}
	}
	return "unknown"
}

// start makes pods and Services as cyclonus makes them, but on the planned
// nodes, and such that a strict cluster admits the pods.
func start(ctx context.Context, k *kube.Kubernetes, p plan, registry string) (*probe.Resources, error) {
	nodes, err := workerNodes(ctx, k)
	if err != nil {
		return nil, err
	}
	resources := &probe.Resources{Namespaces: map[string]map[string]string{}}
	for _, planned := range p.Pods {
		if planned.Node < 1 || planned.Node > len(nodes) {
			return nil, fmt.Errorf("pod %s is planned for node %d; %d nodes take pods", planned.Name, planned.Node, len(nodes))
		}
		var containers []*probe.Container
		for _, port := range p.Ports {
			containers = append(containers, probe.NewDefaultContainer(port.Number, port.Protocol, false, registry))
		}
		pod := probe.NewPod(planned.Namespace, planned.Name, p.Stages[0].Labels[planned.Namespace+"/"+planned.Name], "", containers)
		kubePod := pod.KubePod()
		kubePod.Spec.NodeSelector = map[string]string{corev1.LabelHostname: nodes[planned.Node-1]}
		restrict(kubePod)
		if _, err := k.CreatePod(kubePod); err != nil {
			return nil, err
		}
		service, err := k.CreateService(pod.KubeService())
		if err != nil {
			return nil, err
		}
		pod.ServiceIP = service.Spec.ClusterIP
		resources.Pods = append(resources.Pods, pod)
		if resources.Namespaces[planned.Namespace] == nil {
			namespace, err := k.GetNamespace(planned.Namespace)
			if err != nil {
				return nil, err
			}
			resources.Namespaces[planned.Namespace] = namespace.Labels
		}
	}
	missing := ""
	err = wait.PollUntilContextTimeout(ctx, time.Second, 3*time.Minute, true, func(context.Context) (bool, error) {
		for _, pod := range resources.Pods {
			is, err := k.GetPod(pod.Namespace, pod.Name)
			if err != nil {
				return false, err
			}
			running := len(is.Status.ContainerStatuses) == len(pod.Containers) && !slices.ContainsFunc(is.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return !c.Ready })
			if is.Status.Phase != corev1.PodRunning || is.Status.PodIP == "" || !running {
				missing = fmt.Sprintf("%s/%s is %s", pod.Namespace, pod.Name, is.Status.Phase)
				return false, nil
			}
			pod.IP = is.Status.PodIP
		}
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("wait for pods (%s): %w", missing, err)
	}
	return resources, nil
}

// workerNodes are named and ordered as bvc does it.
func workerNodes(ctx context.Context, k *kube.Kubernetes) ([]string, error) {
	list, err := k.ClientSet.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	var names []string
	for _, n := range list.Items {
		if !n.Spec.Unschedulable && len(n.Spec.Taints) == 0 {
			names = append(names, n.Labels[corev1.LabelHostname])
		}
	}
	slices.Sort(names)
	return names, nil
}

// restrict adds what Pod Security's level restricted and the rules of the
// profile conformant ask for; none of it is about the network. There is no
// limit of CPU: commands run in these containers. The probes are commands, and
// rare: a network may count the kubelet's connections as traffic of others, and
// 48 containers are there to be looked at.
func restrict(pod *corev1.Pod) {
	no, yes, id := false, true, int64(65532)
	pod.Spec.ServiceAccountName, pod.Spec.AutomountServiceAccountToken = account, &no
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{
		RunAsNonRoot: &yes, RunAsUser: &id, RunAsGroup: &id, FSGroup: &id, SupplementalGroups: []int64{id},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		c.ImagePullPolicy = corev1.PullAlways
		c.Resources = corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("5m"), corev1.ResourceMemory: resource.MustParse("16Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("768Mi")},
		}
		answers := corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/agnhost", "help"}}}
		c.ReadinessProbe = &corev1.Probe{ProbeHandler: answers, PeriodSeconds: 600, TimeoutSeconds: 60}
		c.LivenessProbe = &corev1.Probe{ProbeHandler: answers, InitialDelaySeconds: 3600, PeriodSeconds: 600, TimeoutSeconds: 60}
		c.SecurityContext = &corev1.SecurityContext{
			AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, RunAsNonRoot: &yes,
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}
	}
}

// change makes the policies and labels those of a stage, in the order of our
// probe: what opens is made before what else opens is deleted.
func change(state *connectivity.TestCaseState, site, want []*networkingv1.NetworkPolicy, labels map[string]map[string]string) error {
	find := func(in []*networkingv1.NetworkPolicy, p *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
		for _, one := range in {
			if one.Namespace == p.Namespace && one.Name == p.Name {
				return one
			}
		}
		return nil
	}
	before := slices.Clone(state.Policies)
	for _, p := range want {
		var err error
		switch is := find(before, p); {
		case is == nil:
			err = state.CreatePolicy(p)
		case !reflect.DeepEqual(is.Spec, p.Spec):
			err = state.UpdatePolicy(p)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range before {
		if find(site, p) == nil && find(want, p) == nil {
			if err := state.DeletePolicy(p.Namespace, p.Name); err != nil {
				return err
			}
		}
	}
	for _, pod := range state.Resources.Pods {
		if own := labels[pod.PodString().String()]; !reflect.DeepEqual(own, pod.Labels) {
			if err := state.SetPodLabels(pod.Namespace, pod.Name, own); err != nil {
				return err
			}
		}
	}
	return nil
}

// try is cyclonus's own probing of a step, for two modes and, unless all pairs
// are asked for, without the jobs that are not planned.
func try(k kube.IKubernetes, state *connectivity.TestCaseState, planned []json.RawMessage, all bool) (stageResult, error) {
	jobs, asked, err := jobsOf(state.Resources, planned, all)
	if err != nil {
		return stageResult{}, err
	}
	simulated := (&probe.SimulatedJobRunner{Policies: matcher.BuildNetworkPolicies(true, state.Policies)}).RunJobs(jobs)
	expected := map[*probe.Job]probe.Connectivity{}
	for _, j := range simulated {
		expected[j.Job] = j.Combined
	}
	var sr stageResult
	first, last := map[*probe.Job]probe.Connectivity{}, map[*probe.Job]probe.Connectivity{}
	for sr.Tries <= retries {
		agreed := true
		for _, j := range (&probe.KubeJobRunner{Kubernetes: k, Workers: workers}).RunJobs(jobs) {
			last[j.Job] = j.Combined
			if sr.Tries == 0 {
				first[j.Job] = j.Combined
			}
			agreed = agreed && j.Combined == expected[j.Job]
		}
		sr.Tries++
		sr.Attempts += len(jobs)
		if agreed {
			break
		}
	}
	for i, job := range asked {
		sr.Pairs = append(sr.Pairs, pairResult{planned[i], expected[job], first[job], last[job]})
	}
	return sr, nil
}

// jobsOf are cyclonus's jobs, and which of them each planned pair is.
func jobsOf(resources *probe.Resources, planned []json.RawMessage, all bool) (jobs, asked []*probe.Job, err error) {
	builder := &probe.JobBuilder{TimeoutSeconds: jobSeconds}
	known := map[pair]*probe.Job{}
	add := func(mode string, made []*probe.Job) {
		for _, j := range made {
			known[pair{j.FromKey, j.ToKey, j.Protocol, j.ResolvedPort, mode}] = j
			if all {
				jobs = append(jobs, j)
			}
		}
	}
	add(generator.ProbeModePodIP, builder.GetJobsForProbeConfig(resources, generator.NewAllAvailable(generator.ProbeModePodIP)).Valid)
	services := map[generator.PortProtocol]bool{}
	wanted := make([]pair, len(planned))
	for i, raw := range planned {
		if err := json.Unmarshal(raw, &wanted[i]); err != nil {
			return nil, nil, fmt.Errorf("read a pair: %w", err)
		}
		on := generator.PortProtocol{Port: intstr.FromInt32(int32(wanted[i].Port)), Protocol: wanted[i].Protocol}
		if wanted[i].Mode == generator.ProbeModeServiceIP && !services[on] {
			services[on] = true
			config := generator.NewProbeConfig(on.Port, on.Protocol, generator.ProbeModeServiceIP)
			add(generator.ProbeModeServiceIP, builder.GetJobsForProbeConfig(resources, config).Valid)
		}
	}
	for _, w := range wanted {
		job := known[w]
		if job == nil {
			return nil, nil, fmt.Errorf("cyclonus has no job for %+v", w)
		}
		asked = append(asked, job)
		if !all {
			jobs = append(jobs, job)
		}
	}
	return jobs, asked, nil
}
