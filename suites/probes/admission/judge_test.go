package admission

import (
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// seen is an observation in which every pod without fault was admitted and
// every mutant of the fault refused.
func seen(fault string) Observation {
	good := Golden{Attempt: Attempt{Class: Admitted, By: ByNobody, HTTPStatus: 201, Cause: CauseNone}}
	o := Observation{MayCreatePods: true, OwnServiceAccount: true}
	for i := range Rounds {
		r := Round{Before: good, UserNamespace: good, After: good}
		for _, name := range Variants(fault) {
			r.Mutants = append(r.Mutants, Mutant{Fault: fault, Variant: name, Surface: SurfacePod, AtSeconds: 2.6 * float64(i),
				Attempt: Attempt{Class: Policy, By: ByPodSecurity, HTTPStatus: 403, Cause: CauseNone}})
		}
		o.Rounds = append(o.Rounds, r)
	}
	return o
}

func TestJudge(t *testing.T) {
	quota := Attempt{Class: Quota, By: ByNobody, HTTPStatus: 403, Cause: CauseQuotaUnspecified}
	down := Attempt{Class: Infrastructure, By: ByNobody, HTTPStatus: 500, Cause: CauseWebhookDown}
	admitted := Attempt{Class: Admitted, By: ByNobody, HTTPStatus: 201, Cause: CauseNone}
	for _, c := range []struct {
		name, fault string
		change      func(*Observation)
		want        v1alpha1.Outcome
		says        string
	}{
		{"refused", FaultPrivileged, func(*Observation) {}, v1alpha1.Pass, "in 10 Versuchen 10-mal von Pod Security Admission abgelehnt"},
		{"nothing seen", FaultPrivileged, func(o *Observation) { *o = Observation{} }, v1alpha1.Inconclusive, "darf im verwendeten Namensraum keine Pods anlegen"},
		{"no rounds", FaultPrivileged, func(o *Observation) { o.Rounds = nil }, v1alpha1.Inconclusive, "Es wurde kein Pod"},
		{"another fault", FaultHostPath, func(o *Observation) { *o = seen(FaultPrivileged) }, v1alpha1.Inconclusive, "Es wurde kein Pod"},
		{"init containers forgotten", FaultPrivileged, func(o *Observation) {
			for i := range o.Rounds {
				o.Rounds[i].Mutants[1].Attempt = admitted
			}
		}, v1alpha1.Fail, "angenommen: initContainer in 5 von 5 Versuchen. Nicht angenommen: container."},
		{"once admitted", FaultPrivileged, func(o *Observation) { o.Rounds[3].Mutants[0].Attempt = admitted }, v1alpha1.Fail, "container in 1 von 5 Versuchen. Nicht angenommen: initContainer. Er wird also nur manchmal"},
		{"admitted while the golden pod was not", FaultPrivileged, func(o *Observation) {
			o.Rounds[0].Before.Attempt, o.Rounds[0].Mutants[0].Attempt = down, admitted
		}, v1alpha1.Fail, "container in 1 von 5 Versuchen"},
		{"a variant that is not ours", FaultPrivileged, func(o *Observation) {
			o.Rounds[0].Mutants = append(o.Rounds[0].Mutants, Mutant{Fault: FaultPrivileged, Variant: "other", Surface: SurfacePod, Attempt: admitted})
		}, v1alpha1.Fail, "other in 1 von 1 Versuchen"},
		{"a variant missing", FaultPrivileged, func(o *Observation) {
			for i := range o.Rounds {
				o.Rounds[i].Mutants = o.Rounds[i].Mutants[:1]
			}
		}, v1alpha1.Inconclusive, "(initContainer) wurde 0-mal"},
		{"a round missing", FaultPrivileged, func(o *Observation) { o.Rounds = o.Rounds[:4] }, v1alpha1.Inconclusive, "4-mal in 7,8 s versucht"},
		{"too fast", FaultPrivileged, func(o *Observation) {
			for i := range o.Rounds {
				o.Rounds[i].Mutants[0].AtSeconds = float64(i)
			}
		}, v1alpha1.Inconclusive, "5-mal in 4,0 s versucht"},
		{"golden refused once", FaultPrivileged, func(o *Observation) {
			o.Rounds[4].After.Attempt = Attempt{Class: Policy, By: ByWebhook, HTTPStatus: 400}
		}, v1alpha1.Inconclusive, "Der Pod ohne Mangel wurde von einem Admission-Webhook abgelehnt"},
		{"webhook down once", FaultPrivileged, func(o *Observation) { o.Rounds[2].Mutants[1].Attempt = down }, v1alpha1.Inconclusive, "Admission-Webhook war nicht erreichbar"},
		{"neutralised", FaultPrivileged, func(o *Observation) { o.Rounds[0].Mutants[0].Class = Neutralised }, v1alpha1.Pass, "1-mal ohne den Mangel gespeichert"},
		{"quota is no rule on privileges", FaultPrivileged, func(o *Observation) { o.Rounds[0].Mutants[0].Attempt = quota }, v1alpha1.Inconclusive, "ResourceQuota"},
		{"quota is a rule on resources", FaultResources, func(o *Observation) { o.Rounds[0].Mutants[0].Attempt = quota }, v1alpha1.Pass, "1-mal von einer ResourceQuota oder einem LimitRange abgelehnt"},
		{"an exhausted quota is none", FaultResources, func(o *Observation) {
			o.Rounds[0].Mutants[0].Attempt = Attempt{Class: Quota, HTTPStatus: 403, Cause: CauseQuotaExceeded}
		}, v1alpha1.Inconclusive, "ResourceQuota"},
		{"user namespaces refused", FaultProcMount, func(o *Observation) { o.Rounds[0].UserNamespace.Attempt = down }, v1alpha1.Inconclusive, "Der Pod ohne Mangel wurde nicht angenommen"},
		{"user namespaces are no matter of others", FaultPrivileged, func(o *Observation) { o.Rounds[0].UserNamespace.Attempt = down }, v1alpha1.Pass, ""},
		{"no account of its own", FaultServiceAccount, func(o *Observation) { o.OwnServiceAccount = false }, v1alpha1.Inconclusive, "keinen ServiceAccount"},
		{"own account", FaultServiceAccount, func(*Observation) {}, v1alpha1.Pass, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := seen(c.fault)
			c.change(&o)
			v := Rule{Fault: c.fault, With: v1alpha1.T("mit Mangel", "with a fault"), Remedy: v1alpha1.T("Abhilfe.", "Remedy.")}.Judge(o)
			said := v.Reason.De
			for _, f := range v.Findings {
				said += f.Observed.De
			}
			if v.Outcome != c.want || !strings.Contains(said, c.says) {
				t.Errorf("got %s: %s; want %s: %s", v.Outcome, said, c.want, c.says)
			}
			for _, control := range v.Controls {
				if v.Outcome == v1alpha1.Pass && !control.Held {
					t.Errorf("passes although a control did not hold: %s", control.Name.En)
				}
			}
		})
	}
}

// Every class and cause is a sentence in both languages; an unknown one too.
func TestEveryTroubleHasWords(t *testing.T) {
	for _, class := range []Class{Infrastructure, Quota, APIValidation, "new"} {
		for _, cause := range []Cause{CauseNoAnswer, CauseWebhookDown, CauseRBAC, CauseNamespace, "new"} {
			if text := attemptTrouble(Attempt{Class: class, Cause: cause}); text.De == "" || text.En == "" {
				t.Errorf("%s, %s: no words", class, cause)
			}
		}
	}
}
