// Package posture finds out who looks at the pods of the tenant and how firmly:
// which webhooks and policies have them in their scope, what these do when they
// can not be asked, whether a violation is refused or only reported, and
// whether the tenant can leave their scope or change them.
//
// What the cluster's objects say explains; what decides is what became of pods
// that the probe created meanwhile, in each namespace of the tenant and through
// each API server, and the API servers' own count of webhooks that could not be
// asked and let pods pass. Rules that an API server has from its own
// configuration (Pod Security) show in no object, only in their refusals.
package posture

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

// maxCandidates bounds the labels and names that are tried.
const maxCandidates = 12

const registrationGroup = "admissionregistration.k8s.io"

// Probe looks at rules as the runner and tries them as the tenant. To ask the
// authoriser about oneself, and for the groups of the API, every authenticated
// account has the right.
var Probe = check.NewProbe[*cluster.Env, Observation](check.ProbeMeta{
	Name:          "posture",
	SchemaVersion: 2,
	Timeout:       4 * time.Minute,
	Weight:        1,
	Needs: append(append(cluster.APIServerRights(), engineRights()...),
		check.Right{As: check.Runner, Verb: "list", Group: registrationGroup, Resource: "validatingwebhookconfigurations"},
		check.Right{As: check.Runner, Verb: "list", Group: registrationGroup, Resource: "mutatingwebhookconfigurations"},
		check.Right{As: check.Runner, Verb: "list", Group: registrationGroup, Resource: "validatingadmissionpolicies"},
		check.Right{As: check.Runner, Verb: "list", Group: registrationGroup, Resource: "validatingadmissionpolicybindings"},
		check.Right{As: check.Tenant, Verb: "get", Resource: "namespaces", Scope: check.TenantNamespaces},
		check.Right{As: check.Tenant, Verb: "create", Resource: "pods", Scope: check.TenantNamespaces},
		check.Right{As: check.Tenant, Verb: "delete", Resource: "pods", Scope: check.TenantNamespaces},
		check.Right{As: check.Tenant, Verb: "deletecollection", Resource: "pods", Scope: check.TenantNamespaces},
	),
}, Observe)

// Observe looks, tries between two readings of the counters, and asks.
func Observe(ctx context.Context, env *cluster.Env) (Observation, error) {
	o := Observation{
		Expected: len(env.Namespaces), Namespaces: []Namespace{}, Rules: []Rule{}, Engines: []EnginePolicies{}, Exceptions: []Exceptions{}, Servers: []Server{}, Faults: []FaultTry{},
		After: notTried(), Escape: Escape{Golden: notTried(), Tries: []EscapeTry{}}, Lifts: []Lift{},
		OwnServiceAccount: env.PodAccount(env.Namespaces[0]) != "",
	}
	stopped := func(phase string, err error) (Observation, error) {
		return o, &check.Stopped{Phase: phase, Err: errors.New(word(err))}
	}
	var err error
	if o.MayCreatePods, err = env.TenantMay(ctx, authorizationv1.ResourceAttributes{Namespace: env.Namespaces[0], Verb: "create", Resource: "pods"}); err != nil {
		return stopped("ask whether the tenant may create pods", err)
	}
	if o.MayCreatePods {
		if err := admission.GateHolds(ctx, env); err != nil {
			return o, &check.Stopped{Phase: "see whether pods keep their gate", Err: err}
		}
	}
	var labels []map[string]string
	for i, name := range env.Namespaces {
		ns, err := env.Tenant.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return stopped(fmt.Sprintf("read the labels of namespace %d", i+1), err)
		}
		labels = append(labels, ns.Labels)
		o.Namespaces = append(o.Namespaces, namespaceOf(i+1, ns))
	}
	rules, err := look(ctx, env, labels, env.Labels(nil))
	if err != nil {
		return o, &check.Stopped{Phase: "look at the rules", Err: err}
	}
	o.Rules, o.OtherRules = rules.rules, rules.other
	for _, r := range o.Rules {
		o.RuleCount += r.Count
	}
	known, err := discover(env)
	if err != nil {
		return stopped("ask for the API's resources", err)
	}
	for _, r := range EngineResources() {
		o.Engines = append(o.Engines, enginePolicies(ctx, env, known, r, labels, &rules.candidates))
	}
	for _, r := range ExceptionResources() {
		o.Exceptions = append(o.Exceptions, exceptions(ctx, env, known, r, labels, &rules.candidates))
	}
	if o.Lifts, err = lifts(ctx, env, known); err != nil {
		return stopped("ask what the tenant may change", err)
	}
	if !o.MayCreatePods {
		return o, nil // every refusal would be the authoriser's
	}
	if err := o.try(ctx, env, rules); err != nil {
		return o, err
	}
	// A pod whose create answer was lost has no name that could be deleted.
	if err := env.DeleteAll(ctx, cluster.Pods); err != nil {
		return stopped("delete pods", err)
	}
	return o, nil
}

// notTried stands for a try that it did not come to.
func notTried() admission.Attempt {
	return admission.Attempt{Class: admission.Infrastructure, By: admission.ByNobody, Cause: admission.CauseNoAnswer}
}

// word says what kind of trouble an error is; messages name objects.
func word(err error) string {
	switch {
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return "not allowed"
	case apierrors.IsNotFound(err):
		return "not found"
	case wait.Transient(err):
		return "no answer in time, or an error of the server"
	default:
		return "refused"
	}
}

func namespaceOf(index int, ns *corev1.Namespace) Namespace {
	level := func(mode string) Level {
		switch l := Level(ns.Labels["pod-security.kubernetes.io/"+mode]); l {
		case "":
			return LevelNone
		case LevelPrivileged, LevelBaseline, LevelRestricted:
			return l
		default:
			return LevelOther
		}
	}
	return Namespace{Index: index, Enforce: level("enforce"), Audit: level("audit"), Warn: level("warn"), Golden: notTried(), Privileged: notTried()}
}

// faultsToTry leaves out faults whose specimen has another fault: a privileged
// mount of proc wants a user namespace, and where every pod runs under the
// default account that is no fault of one.
func faultsToTry(ownServiceAccount bool) []string {
	var out []string
	for _, f := range admission.Faults() {
		if f == admission.FaultProcMount || f == admission.FaultServiceAccount && !ownServiceAccount {
			continue
		}
		out = append(out, f)
	}
	return out
}

// try creates the pods between two readings of the counters.
func (o *Observation) try(ctx context.Context, env *cluster.Env, rules seen) error {
	addresses, err := env.APIServers(ctx)
	if err != nil {
		return &check.Stopped{Phase: "list the API servers", Err: err}
	}
	o.ServersListed = len(addresses)
	type reading struct {
		server *cluster.APIServer
		before cluster.Metrics
	}
	var readings []reading
	for i, address := range addresses {
		if i == cluster.MaxAPIServers {
			break // ServersListed says that there are more
		}
		s := Server{Golden: notTried(), Privileged: notTried()}
		var r reading
		if r.server, s.Via, s.Trouble = env.Reach(ctx, address, len(addresses) == 1); s.Trouble == cluster.ServerFine {
			r.before, s.Trouble = readCounters(ctx, r.server)
		}
		o.Servers, readings = append(o.Servers, s), append(readings, r)
	}

	first := env.Namespaces[0]
	for i, r := range readings {
		if r.server == nil {
			continue
		}
		through := env.Through(r.server)
		o.Servers[i].Golden = admission.Specimen{Namespace: first}.Send(ctx, through)
		o.Servers[i].Privileged = admission.Specimen{Namespace: first, Fault: admission.FaultPrivileged}.Send(ctx, through)
	}
	for i, ns := range env.Namespaces {
		o.Namespaces[i].Golden = admission.Specimen{Namespace: ns}.Send(ctx, env)
		o.Namespaces[i].Privileged = admission.Specimen{Namespace: ns, Fault: admission.FaultPrivileged}.Send(ctx, env)
	}
	// A webhook that does not answer may take half a minute for each pod, and no
	// try would say anything.
	if o.Namespaces[0].Golden.Class != admission.Infrastructure {
		for _, fault := range faultsToTry(o.OwnServiceAccount) {
			o.Faults = append(o.Faults, FaultTry{fault, admission.Specimen{Namespace: first, Fault: fault}.Send(ctx, env)})
		}
		o.escape(ctx, env, rules.candidates)
	}
	o.After = admission.Specimen{Namespace: first}.Send(ctx, env)

	for i, r := range readings {
		if r.before == nil {
			continue
		}
		after, trouble := readCounters(ctx, r.server)
		if trouble != cluster.ServerFine {
			o.Servers[i].Trouble = trouble
			continue
		}
		s := &o.Servers[i]
		s.SameProcess = r.before.Start() == after.Start()
		s.FailOpenShown = failOpenShown(after)
		s.Open, s.Closed = growth(r.before, after, rules.open), growth(r.before, after, rules.closed)
	}
	if err := ctx.Err(); err != nil {
		return &check.Stopped{Phase: "try pods", Err: err}
	}
	return nil
}

// escape tries to leave the scope of rules by labels and names: each alone, and
// one value of each key and a name together, because an exemption may want
// several. First on a pod without fault, because some may be protected, then on
// each fault that was refused without.
func (o *Observation) escape(ctx context.Context, env *cluster.Env, c candidates) {
	first := env.Namespaces[0]
	e := &o.Escape
	free, own := c.sorted()
	e.Candidates, e.NotTried, e.Unsolved = len(free)+len(own), len(own), c.unsolved
	if more := len(free) - maxCandidates; more > 0 {
		e.NotTried += more
		free = free[:maxCandidates]
	}
	golden := func(as map[string]string) bool {
		a := disguised(first, "", as).Send(ctx, env)
		if a.Class == admission.Policy {
			return false
		}
		// One that was not admitted is kept: it decides.
		if e.Rounds == 0 || e.Golden.Class == admission.Admitted {
			e.Golden = a
		}
		e.Rounds++
		return true
	}
	var sets []map[string]string
	together := map[string]string{}
	for _, l := range free {
		alone := map[string]string{l.key: l.value}
		if !golden(alone) {
			e.Protected++
			continue
		}
		sets = append(sets, alone)
		if _, there := together[l.key]; !there {
			together[l.key] = l.value
		}
	}
	if len(together) > 1 && golden(together) {
		sets = append(sets, together)
	}
	for _, as := range sets {
		for _, f := range o.Faults {
			if !f.Kept() {
				continue
			}
			e.Expected++
			with := disguised(first, f.Fault, as)
			t := EscapeTry{Fault: f.Fault, Named: with.Name != "", With: with.Send(ctx, env), WithoutAgain: notTried(), WithAgain: notTried()}
			if t.With.Class == admission.Admitted {
				// In this order: a rule that holds every other time would otherwise
				// look like one that spares the label.
				t.WithAgain = with.Send(ctx, env)
				t.WithoutAgain = admission.Specimen{Namespace: first, Fault: f.Fault}.Send(ctx, env)
			}
			e.Tries = append(e.Tries, t)
		}
	}
}

// disguised is a pod with labels by key, and the name of byName.
func disguised(namespace, fault string, as map[string]string) admission.Specimen {
	s := admission.Specimen{Namespace: namespace, Fault: fault, Labels: map[string]string{}, Name: as[byName]}
	for key, value := range as {
		if key != byName {
			s.Labels[key] = value
		}
	}
	return s
}

// Families of an API server's metrics.
const (
	familyCalls      = "apiserver_admission_webhook_admission_duration_seconds"
	familyRejections = "apiserver_admission_webhook_rejection_count"
	familyFailOpen   = "apiserver_admission_webhook_fail_open_count"
	familyOff        = "disabled_metrics_total"
)

func readCounters(ctx context.Context, s *cluster.APIServer) (cluster.Metrics, cluster.ServerTrouble) {
	return s.Metrics(ctx, familyCalls, familyRejections, familyFailOpen, familyOff)
}

// failOpenShown: a counter with labels is not shown before its first count, so
// absent means never, unless it was switched off.
func failOpenShown(m cluster.Metrics) bool {
	if len(m[familyFailOpen]) > 0 {
		return true
	}
	for _, s := range m[familyOff] {
		if s.Value > 0 {
			return false
		}
	}
	return len(m[familyOff]) > 0
}

// growth sums the counters of validating webhooks with these names.
func growth(before, after cluster.Metrics, names map[string]bool) Counters {
	sum := func(m cluster.Metrics, family string) int64 {
		var n int64
		for _, s := range m[family] {
			if names[s.Labels["name"]] && strings.HasPrefix(s.Labels["type"], "validat") {
				n += cluster.WholeCount(s.Value)
			}
		}
		return n
	}
	c := Counters{CallsBefore: sum(before, familyCalls), RejectionsBefore: sum(before, familyRejections), FailedOpenBefore: sum(before, familyFailOpen)}
	c.Calls = sum(after, familyCalls) - c.CallsBefore
	c.Rejections = sum(after, familyRejections) - c.RejectionsBefore
	c.FailedOpen = sum(after, familyFailOpen) - c.FailedOpenBefore
	return c
}
