package admission

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

func TestClassifyMessage(t *testing.T) {
	for text, want := range map[string]Attempt{
		`Error creating: pods "x-abc" is forbidden: violates PodSecurity "restricted:latest": privileged`:                                  {Class: Policy, By: ByPodSecurity, Cause: CauseNone},
		`create Pod x-0 in StatefulSet x failed error: pods "x-0" is forbidden: violates PodSecurity "restricted:latest": privileged`:      {Class: Policy, By: ByPodSecurity, Cause: CauseNone},
		`Error creating: pods "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`:                         {Class: Policy, By: ByAdmissionPolicy, Cause: CauseNone},
		`Error creating: admission webhook "validate.kyverno.svc-fail" denied the request: must specify limits`:                            {Class: Policy, By: ByWebhook, Cause: CauseNone},
		`Error creating: pods "x" is forbidden: unable to validate against any security context constraint`:                                {Class: Policy, By: BySCC, Cause: CauseNone},
		`Error creating: Internal error occurred: failed calling webhook "v.k.svc": failed to call webhook: Post "https://x": i/o timeout`: {Class: Infrastructure, By: ByNobody, Cause: CauseWebhookDown},
		`Error creating: pods "x" is forbidden: exceeded quota: q, requested: pods=1`:                                                      {Class: Quota, By: ByNobody, Cause: CauseQuotaExceeded},
		`Error creating: pods "x" is forbidden: failed quota: q: must specify limits.cpu for: agent`:                                       {Class: Quota, By: ByNobody, Cause: CauseQuotaUnspecified},
		`Error creating: pods "x" is forbidden: error looking up service account a/b: serviceaccount "b" not found`:                        {Class: Infrastructure, By: ByNobody, Cause: CauseServiceAccount},
		`Error creating: Pod "x" is invalid: spec.containers[0].image: Required value`:                                                     {Class: APIValidation, By: ByNobody, Cause: CauseInvalidField},
		`Error creating: admission webhook "validation.gatekeeper.sh" denied the request: context deadline exceeded`:                       {Class: Infrastructure, By: ByNobody, Cause: CauseUnexpected},
		`Error creating: Internal error occurred: admission webhook "x" attempted to modify the object, which is not supported`:            {Class: Infrastructure, By: ByNobody, Cause: CauseUnexpected},
		`Error creating: pods "x" is forbidden: Post "https://imagepolicy": dial tcp: connect: connection refused`:                         {Class: Infrastructure, By: ByNobody, Cause: CauseUnexpected},
		`Error creating: context deadline exceeded`:                                                                                        {Class: Infrastructure, By: ByNobody, Cause: CauseUnexpected},
		`Error creating: etcdserver: request timed out`:                                                                                    {Class: Infrastructure, By: ByNobody, Cause: CauseUnexpected},
		``: {Class: Infrastructure, By: ByNobody, Cause: CauseUnexpected},
		`Error creating: pods "x" is forbidden: User "system:serviceaccount:kube-system:job-controller" cannot create resource "pods" in a`: {Class: Infrastructure, By: ByNobody, Cause: CauseRBAC},
	} {
		if got := ClassifyMessage(text); got != want {
			t.Errorf("%s\n got %+v\nwant %+v", text, got, want)
		}
	}
}

// What the API lets an ephemeral container have, and nothing else.
func TestInEphemeral(t *testing.T) {
	for fault, want := range map[string]bool{
		FaultPrivileged: true, FaultCapabilities: true, FaultEscalation: true, FaultRootUser: true, FaultRootGroup: true, FaultWritableRoot: true,
		FaultProcMount: true, FaultSeccomp: true, FaultAppArmor: true, FaultSELinux: true, FaultRegistry: true, FaultPullPolicy: true,
		FaultHostNamespaces: false, FaultHostPath: false, FaultHostPorts: false, FaultSysctls: false, FaultResources: false, FaultHealth: false, FaultServiceAccount: false,
	} {
		if got := InEphemeral(fault); got != want {
			t.Errorf("%s: got %t", fault, got)
		}
	}
}

func TestSameImage(t *testing.T) {
	for image, want := range map[string]string{
		"r.example:5000/a/b@sha256:0":   "r.example:5000/a/b:bvc@sha256:0",
		"r.example:5000/a/b:1@sha256:0": "r.example:5000/a/b@sha256:0",
		"r.example:5000/a/b:1":          "r.example:5000/a/b:1",
	} {
		if got := sameImage(image); got != want {
			t.Errorf("%s: got %s, want %s", image, got, want)
		}
	}
}

// A pod with the fault is never hidden by what else was learnt, in any order.
func TestLearn(t *testing.T) {
	type lesson struct {
		Attempt
		Learnt
	}
	pod := lesson{Attempt{Class: Admitted}, LearntPod}
	mended := lesson{Attempt{Class: Neutralised}, LearntPod}
	refused := lesson{Attempt{Class: Policy, By: ByWebhook}, LearntEvent}
	down := lesson{Attempt{Class: Infrastructure, Cause: CauseWebhookDown}, LearntEvent}
	for _, c := range []struct {
		lessons []lesson
		want    lesson
	}{
		{nil, lesson{Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseNotFollowed}, LearntNothing}},
		{[]lesson{down}, down},
		{[]lesson{down, refused}, refused},
		{[]lesson{refused, down}, refused},
		{[]lesson{refused, pod}, pod},
		{[]lesson{pod, refused}, pod},
		{[]lesson{mended, pod}, pod},
		{[]lesson{refused, mended}, mended},
	} {
		w := &workload{try: Try{Learnt: LearntNothing, Attempt: Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseNotFollowed}}}
		for _, l := range c.lessons {
			w.learn(l.Attempt, l.Learnt)
		}
		if w.try.Attempt != c.want.Attempt || w.try.Learnt != c.want.Learnt {
			t.Errorf("%+v: got %+v %s", c.lessons, w.try.Attempt, w.try.Learnt)
		}
	}
}

// Events are about the object or about what it made; no other object's.
func TestNamed(t *testing.T) {
	one, eleven := &workload{}, &workload{}
	b := follower{by: map[string]*workload{"bvc-job-ab-1": one, "bvc-job-ab-11": eleven}}
	for name, want := range map[string]*workload{
		"bvc-job-ab-1": one, "bvc-job-ab-11": eleven, "bvc-job-ab-1-29400000": one, "bvc-job-ab-11-x": eleven, "bvc-job-ab-12": nil, "other": nil, "": nil,
	} {
		if got := b.named(name); got != want {
			t.Errorf("%q: got %p, want %p", name, got, want)
		}
	}
}

// Each controller's pods are what it was given, and a fault in the template is
// in the pod.
func TestControllers(t *testing.T) {
	env := &cluster.Env{Namespaces: []string{"a"}, Image: "i@sha256:0", PodAccounts: map[string]bool{"a": true}}
	var surfaces []string
	for _, c := range controllers() {
		surfaces = append(surfaces, c.surface)
		template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{labelWorkload: "w"}}, Spec: golden(env, "").Spec}
		if c.object(metav1.ObjectMeta{Name: "w", Namespace: "a"}, template).GetName() != "w" {
			t.Errorf("%s: another name", c.surface)
		}
		if template.Spec.RestartPolicy != corev1.RestartPolicyNever {
			t.Errorf("%s changes the template it was given", c.surface)
		}
	}
	slices.Sort(surfaces)
	want := WorkloadSurfaces(FaultPrivileged)
	slices.Sort(want)
	if !slices.Equal(surfaces, want) {
		t.Errorf("controllers %v, want %v", surfaces, want)
	}
	count := map[string]int{}
	for _, m := range mutantsFor(func(mutant) bool { return true }) {
		count[m.fault]++
	}
	for _, m := range mutants() {
		if count[m.fault] != Repeats(m.fault) {
			t.Errorf("%s is tried %d times, want %d", m.fault, count[m.fault], Repeats(m.fault))
		}
	}
}

func TestJudgeSurfaces(t *testing.T) {
	refused := Attempt{Class: Policy, By: ByPodSecurity, HTTPStatus: 0, Cause: CauseNone}
	admitted := Attempt{Class: Admitted, By: ByNobody, Cause: CauseNone}
	down := Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseWebhookDown}
	kept := func(fault string) Surfaces {
		o := Surfaces{OwnServiceAccount: true}
		for _, name := range WorkloadSurfaces(fault) {
			s := Surface{Name: name, Allowed: true, Tries: []Try{{Learnt: LearntPod, Attempt: admitted}, {Variant: VariantUserNamespace, Learnt: LearntPod, Attempt: admitted}}}
			for range Repeats(fault) {
				s.Tries = append(s.Tries, Try{Fault: fault, Variant: inContainer, Learnt: LearntEvent, Attempt: refused})
			}
			s.Tries = append(s.Tries, Try{Learnt: LearntPod, Attempt: admitted})
			o.Surfaces = append(o.Surfaces, s)
		}
		return o
	}
	for _, c := range []struct {
		name, fault string
		change      func(*Surfaces)
		want        v1alpha1.Outcome
		says        string
	}{
		{"kept out", FaultPrivileged, func(*Surfaces) {}, v1alpha1.Pass, "In 18 Versuchen"},
		{"nothing seen", FaultPrivileged, func(o *Surfaces) { *o = Surfaces{} }, v1alpha1.Inconclusive, "nicht versucht"},
		{"one surface missing", FaultPrivileged, func(o *Surfaces) { o.Surfaces = o.Surfaces[1:] }, v1alpha1.Inconclusive, "Deployment: nicht versucht"},
		{"no right", FaultPrivileged, func(o *Surfaces) { o.Surfaces[2].Allowed = false }, v1alpha1.Inconclusive, "StatefulSet: Dem Mandanten fehlt das Recht"},
		{"came in once", FaultPrivileged, func(o *Surfaces) { o.Surfaces[4].Tries[3].Attempt = admitted }, v1alpha1.Fail, "Job in 1 von 3 Versuchen"},
		{"came in while the golden pod did not", FaultPrivileged, func(o *Surfaces) {
			o.Surfaces[0].Tries[0].Attempt, o.Surfaces[0].Tries[2].Attempt = down, admitted
		}, v1alpha1.Fail, "Deployment in 1 von 3"},
		{"came in by a way that is not ours", FaultPrivileged, func(o *Surfaces) {
			o.Surfaces = append(o.Surfaces, Surface{Name: "other", Tries: []Try{{Fault: FaultPrivileged, Attempt: admitted}}})
		}, v1alpha1.Fail, "unbekannter Weg in 1 von 1"},
		{"golden refused", FaultPrivileged, func(o *Surfaces) { o.Surfaces[1].Tries[0].Attempt = refused }, v1alpha1.Inconclusive, "ReplicaSet: Der Pod ohne Mangel wurde von Pod Security"},
		{"no golden after", FaultPrivileged, func(o *Surfaces) { o.Surfaces[1].Tries = o.Surfaces[1].Tries[:5] }, v1alpha1.Inconclusive, "ReplicaSet: Es fehlt der Pod ohne Mangel"},
		{"no golden before", FaultPrivileged, func(o *Surfaces) { o.Surfaces[1].Tries = o.Surfaces[1].Tries[1:] }, v1alpha1.Inconclusive, "ReplicaSet: Es fehlt der Pod ohne Mangel"},
		{"too few", FaultPrivileged, func(o *Surfaces) { o.Surfaces[3].Tries = slices.Delete(o.Surfaces[3].Tries, 2, 3) }, v1alpha1.Inconclusive, "DaemonSet: 2-mal"},
		{"webhook down", FaultPrivileged, func(o *Surfaces) { o.Surfaces[3].Tries[2].Attempt = down }, v1alpha1.Inconclusive, "DaemonSet: Ein Versuch"},
		{"not followed", FaultPrivileged, func(o *Surfaces) { o.Surfaces[3].Tries[2].Learnt = LearntNothing }, v1alpha1.Inconclusive, "DaemonSet: Ein Versuch"},
		{"quota for another rule", FaultPrivileged, func(o *Surfaces) {
			o.Surfaces[3].Tries[2].Attempt = Attempt{Class: Quota, By: ByNobody, Cause: CauseQuotaUnspecified}
		}, v1alpha1.Inconclusive, "ResourceQuota"},
		{"quota for resources", FaultResources, func(o *Surfaces) {
			o.Surfaces[3].Tries[2].Attempt = Attempt{Class: Quota, By: ByNobody, Cause: CauseQuotaUnspecified}
		}, v1alpha1.Pass, "In 6 Versuchen"},
		{"neutralised", FaultPrivileged, func(o *Surfaces) {
			o.Surfaces[0].Tries[2].Attempt, o.Surfaces[0].Tries[2].Learnt = Attempt{Class: Neutralised, By: ByOther, Cause: CauseNone}, LearntPod
		}, v1alpha1.Pass, "1-mal wurde ohne den Mangel gespeichert"},
		{"health without jobs", FaultHealth, func(*Surfaces) {}, v1alpha1.Pass, "In 4 Versuchen (Deployment, ReplicaSet, StatefulSet, DaemonSet)"},
		{"proc without user namespace", FaultProcMount, func(o *Surfaces) { o.Surfaces[0].Tries = slices.Delete(o.Surfaces[0].Tries, 1, 2) }, v1alpha1.Inconclusive, "Deployment: Es fehlt"},
		{"proc, user namespace refused", FaultProcMount, func(o *Surfaces) { o.Surfaces[0].Tries[1].Attempt = refused }, v1alpha1.Inconclusive, "Deployment: Der Pod ohne Mangel"},
		{"user namespace refused, another rule", FaultPrivileged, func(o *Surfaces) { o.Surfaces[0].Tries[1].Attempt = refused }, v1alpha1.Pass, ""},
		{"no own account", FaultServiceAccount, func(o *Surfaces) { o.OwnServiceAccount = false }, v1alpha1.Inconclusive, "bvc-pods"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := kept(c.fault)
			c.change(&o)
			v := Rule{Fault: c.fault, With: v1alpha1.T("mit Mangel", "with fault"), Remedy: v1alpha1.T("Abhilfe", "remedy")}.judgeWorkloads(o)
			text := v.Reason.De
			for _, f := range v.Findings {
				text += f.Observed.De
			}
			if v.Outcome != c.want || !strings.Contains(text, c.says) {
				t.Errorf("got %s, want %s with %q: %s", v.Outcome, c.want, c.says, text)
			}
			for _, control := range v.Controls {
				if v.Outcome == v1alpha1.Pass && !control.Held {
					t.Errorf("passes without %q", control.Name.En)
				}
			}
		})
	}
}
