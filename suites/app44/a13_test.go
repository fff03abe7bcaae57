package app44

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/fresh"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/posture"
)

// postureSeen is what was recorded of a cluster that enforces everything.
func postureSeen(t *testing.T) posture.Observation {
	t.Helper()
	data, err := os.ReadFile("../../fixtures/recorded/APP.4.4.A13_rules-enforced-not-only-reported/pass-conformant.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded v1alpha1.Observation
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	var o posture.Observation
	if err := check.Decode(recorded.Data, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

var (
	admittedPod = admission.Attempt{Class: admission.Admitted, By: admission.ByNobody, HTTPStatus: 201, Cause: admission.CauseNone}
	refusedPod  = admission.Attempt{Class: admission.Policy, By: admission.ByWebhook, HTTPStatus: 400, Cause: admission.CauseNone}
	lostPod     = admission.Attempt{Class: admission.Infrastructure, By: admission.ByNobody, HTTPStatus: 500, Cause: admission.CauseWebhookDown}
)

// usedUp is asked last: every rule let the pod through.
var usedUp = admission.Attempt{Class: admission.Quota, By: admission.ByNobody, HTTPStatus: 403, Cause: admission.CauseQuotaExceeded}

type postureCase struct {
	name   string
	change func(*posture.Observation)
	want   v1alpha1.Outcome
	says   string
}

func tryPosture(t *testing.T, judge func(posture.Observation) check.Verdict, cases []postureCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := postureSeen(t)
			c.change(&o)
			v := judge(o)
			said := v.Reason.De
			for _, f := range v.Findings {
				said += "\n" + f.Observed.De
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

func withOpen(o *posture.Observation) {
	o.Rules = append(o.Rules, posture.Rule{Kind: posture.ValidatingWebhook, Engine: "Kyverno", Fails: posture.FailsOpen, Effect: posture.EffectUnknown, Namespaces: 3, Count: 1})
	o.RuleCount++
	o.Servers[0].Open.Calls = 12
	o.Engines[0].State = posture.StateRead
}

func all(o *posture.Observation, a admission.Attempt) {
	for i := range o.Servers {
		o.Servers[i].Privileged = a
	}
	for i := range o.Namespaces {
		o.Namespaces[i].Privileged = a
	}
	for i := range o.Faults {
		o.Faults[i].Attempt = a
	}
}

func TestJudgeEnforced(t *testing.T) {
	tryPosture(t, judgeEnforced, []postureCase{
		{"all refused", func(*posture.Observation) {}, v1alpha1.Pass, "18 von 18 Mängeln wurden abgelehnt (Pod Security, ValidatingAdmissionPolicy)"},
		{"nothing seen", func(o *posture.Observation) { *o = posture.Observation{} }, v1alpha1.Inconclusive, "keine Pods anlegen"},
		{"nothing tried", func(o *posture.Observation) { *o = posture.Observation{MayCreatePods: true, After: admittedPod} }, v1alpha1.Inconclusive, "unvollständig"},
		{"no right", func(o *posture.Observation) { o.MayCreatePods = false; all(o, admittedPod) }, v1alpha1.Inconclusive, "keine Pods anlegen"},
		{"all admitted", func(o *posture.Observation) { all(o, admittedPod) }, v1alpha1.Fail, "Jeder Pod mit Mangel wurde angenommen (18 Mängel"},
		{"all admitted, golden refused", func(o *posture.Observation) { all(o, admittedPod); o.After = refusedPod }, v1alpha1.Fail, "Jeder Pod mit Mangel"},
		{"all admitted but for a default", func(o *posture.Observation) {
			all(o, admittedPod)
			for i, f := range o.Faults {
				if f.Fault == admission.FaultResources {
					o.Faults[i].Class = admission.Neutralised
				}
			}
		}, v1alpha1.Fail, "1 weitere nahm allein ein Vorgabewert"},
		{"all admitted and one lost", func(o *posture.Observation) { all(o, admittedPod); o.Faults[3].Attempt = lostPod }, v1alpha1.Inconclusive, "Admission-Webhook war nicht erreichbar"},
		{"all lost", func(o *posture.Observation) { all(o, lostPod); o.After = lostPod }, v1alpha1.Inconclusive, "kein Pod hinein, auch kein fehlerhafter"},
		{"some admitted", func(o *posture.Observation) { o.Faults[13].Attempt = admittedPod }, v1alpha1.Pass, "17 von 18"},
		{"some admitted, and a policy only reports", func(o *posture.Observation) {
			o.Faults[13].Attempt, o.Rules[0].Effect = admittedPod, posture.Reports
		}, v1alpha1.Fail, "melden nur, und Pods mit diesen Mängeln wurden angenommen: foreignRegistry"},
		{"some admitted, and the engine only reports", func(o *posture.Observation) {
			o.Faults[13].Attempt, o.Engines[0].State, o.Engines[0].Reporting = admittedPod, posture.StateRead, 2
		}, v1alpha1.Fail, "2 Regeln für Pods"},
		{"some admitted, and a policy reports on whom a condition chooses", func(o *posture.Observation) {
			o.Faults[13].Attempt, o.Rules[0].Effect, o.Rules[0].MatchConditions = admittedPod, posture.Reports, true
		}, v1alpha1.Inconclusive, "Bedingungen entscheiden darüber"},
		{"some admitted, and the engine reports on whom a condition chooses", func(o *posture.Observation) {
			o.Faults[13].Attempt, o.Engines[0].State, o.Engines[0].Conditional = admittedPod, posture.StateRead, 1
		}, v1alpha1.Inconclusive, "Bedingungen entscheiden darüber"},
		{"policies not readable", func(o *posture.Observation) { o.Engines[1].State = posture.StateNotReadable }, v1alpha1.Inconclusive, "nicht zu lesen"},
		{"a quota is used up in another namespace", func(o *posture.Observation) {
			o.Namespaces[1].Privileged = usedUp
		}, v1alpha1.Inconclusive, "ResourceQuota"},
		{"a quota is used up for a fault", func(o *posture.Observation) {
			o.Faults[3].Attempt = usedUp
		}, v1alpha1.Inconclusive, "ResourceQuota"},
		{"an engine whose policies are not known", func(o *posture.Observation) {
			withOpen(o)
			o.Rules[len(o.Rules)-1].Engine = "Gatekeeper"
		}, v1alpha1.Inconclusive, "nicht zu lesen"},
		{"some admitted, a webhook of nobody knows what", func(o *posture.Observation) {
			withOpen(o)
			o.Faults[13].Attempt, o.Rules[len(o.Rules)-1].Engine = admittedPod, posture.EngineOther
		}, v1alpha1.Inconclusive, "ob er ablehnt oder nur meldet"},
		{"one more rule only reports", func(o *posture.Observation) { o.Rules[0].Effect = posture.Reports }, v1alpha1.Pass, "meldet nur"},
		{"one namespace exempted", func(o *posture.Observation) { o.Namespaces[2].Privileged = admittedPod }, v1alpha1.Fail, "in 1 von 3 Versuchen angenommen"},
		{"refused every other time", func(o *posture.Observation) { o.Servers[0].Privileged = admittedPod }, v1alpha1.Fail, "in 1 von 3 Versuchen angenommen"},
		{"privileged allowed everywhere, the rest not", func(o *posture.Observation) {
			o.Servers[0].Privileged, o.Faults[0].Attempt = admittedPod, admittedPod
			for i := range o.Namespaces {
				o.Namespaces[i].Privileged = admittedPod
			}
		}, v1alpha1.Pass, "Angenommen wurden Pods mit diesen Mängeln, über die eigene Prüfungen urteilen: privileged"},
		{"fails open, was asked", withOpen, v1alpha1.Pass, "Empfehlung: failurePolicy"},
		{"fails open, and did", func(o *posture.Observation) { withOpen(o); o.Servers[0].Open.FailedOpen = 3 }, v1alpha1.Fail, "ließen 3 Anfragen ungeprüft durch"},
		{"failed open before only", func(o *posture.Observation) { withOpen(o); o.Servers[0].Open.FailedOpenBefore = 3 }, v1alpha1.Pass, ""},
		{"fails open, never called", func(o *posture.Observation) { withOpen(o); o.Servers[0].Open.Calls = 0 }, v1alpha1.Inconclusive, "nicht vollständig zu lesen"},
		{"fails open, spared by a condition", func(o *posture.Observation) {
			withOpen(o)
			o.Servers[0].Open.Calls, o.Rules[len(o.Rules)-1].MatchConditions = 0, true
		}, v1alpha1.Pass, ""},
		{"fails open, another process", func(o *posture.Observation) { withOpen(o); o.Servers[0].SameProcess = false }, v1alpha1.Inconclusive, "nicht vollständig zu lesen"},
		{"fails open, counted by another process", func(o *posture.Observation) {
			withOpen(o)
			o.Servers[0].SameProcess, o.Servers[0].Open.FailedOpen = false, 3
		}, v1alpha1.Inconclusive, "nicht vollständig zu lesen"},
		{"fails open, counter switched off", func(o *posture.Observation) { withOpen(o); o.Servers[0].FailOpenShown = false }, v1alpha1.Inconclusive, ""},
		{"fails open, metrics forbidden", func(o *posture.Observation) { withOpen(o); o.Servers[0].Trouble = cluster.ServerForbidden }, v1alpha1.Inconclusive, ""},
		{"fails closed, metrics forbidden", func(o *posture.Observation) {
			o.Servers[0].Trouble, o.Servers[0].SameProcess = cluster.ServerForbidden, false
		}, v1alpha1.Pass, ""},
		{"a mutating webhook fails open", func(o *posture.Observation) {
			withOpen(o)
			o.Rules[len(o.Rules)-1].Kind, o.Servers[0].Open.Calls = posture.MutatingWebhook, 0
		}, v1alpha1.Pass, "MutatingWebhook (Kyverno)"},
		{"an API server not listed", func(o *posture.Observation) { o.ServersListed++ }, v1alpha1.Inconclusive, "unvollständig"},
		{"no API server reached", func(o *posture.Observation) { o.Servers[0].Via = cluster.ViaNothing }, v1alpha1.Pass, ""},
		{"golden refused in one namespace", func(o *posture.Observation) { o.Namespaces[1].Golden = refusedPod }, v1alpha1.Inconclusive, "Das Image des Laufs in der Policy zulassen"},
	})
}

func TestJudgeExempt(t *testing.T) {
	spared := func(o *posture.Observation) {
		o.Escape = posture.Escape{Candidates: 1, Rounds: 1, Golden: admittedPod}
		for _, f := range o.Faults {
			o.Escape.Expected++
			o.Escape.Tries = append(o.Escape.Tries, posture.EscapeTry{Fault: f.Fault, With: refusedPod, WithoutAgain: lostPod, WithAgain: lostPod})
		}
	}
	tryPosture(t, judgeExempt, []postureCase{
		{"no label, no right", func(*posture.Observation) {}, v1alpha1.Pass, "Weder Label noch Name war zu finden"},
		{"nothing seen", func(o *posture.Observation) { *o = posture.Observation{} }, v1alpha1.Inconclusive, "keine Pods anlegen"},
		{"a right", func(o *posture.Observation) {
			o.Lifts[5].Served, o.Lifts[5].Asked, o.Lifts[5].Allowed = true, 3, []string{"create"}
		}, v1alpha1.Fail, "policyexceptions.kyverno.io: create"},
		{"a right not asked about", func(o *posture.Observation) { o.Lifts[5].Served = true }, v1alpha1.Inconclusive, "unvollständig"},
		{"no pods, but a right", func(o *posture.Observation) { o.MayCreatePods, o.Lifts[0].Allowed = false, []string{"patch"} }, v1alpha1.Fail, "patch"},
		{"policies not readable", func(o *posture.Observation) { o.Engines[0].State = posture.StateNotReadable }, v1alpha1.Inconclusive, "nicht zu lesen"},
		{"an engine whose policies are not known", func(o *posture.Observation) {
			withOpen(o)
			o.Rules[len(o.Rules)-1].Engine = "Gatekeeper"
		}, v1alpha1.Inconclusive, "nicht zu lesen"},
		{"a webhook of nobody knows whom it spares", func(o *posture.Observation) {
			withOpen(o)
			o.Rules[len(o.Rules)-1].Engine = posture.EngineOther
		}, v1alpha1.Inconclusive, "wen er ausnimmt"},
		{"a right to policies of its namespace, of which there are none", func(o *posture.Observation) {
			o.Engines[3].State = posture.StateRead
			o.Lifts[13].Served, o.Lifts[13].Asked, o.Lifts[13].Allowed = true, 3, []string{"delete"}
		}, v1alpha1.Pass, ""},
		{"a right to policies of its namespace, of which there is one", func(o *posture.Observation) {
			o.Engines[3].State, o.Engines[3].Enforcing = posture.StateRead, 1
			o.Lifts[13].Served, o.Lifts[13].Asked, o.Lifts[13].Allowed = true, 3, []string{"delete"}
		}, v1alpha1.Fail, "policies.kyverno.io: delete"},
		{"with the label the quota is used up", func(o *posture.Observation) { spared(o); o.Escape.Tries[2].With = usedUp }, v1alpha1.Inconclusive, "ResourceQuota"},
		{"a label that spares nothing", spared, v1alpha1.Pass, "auch mit ihnen wurden alle 18 Pods mit Mangel abgelehnt"},
		{"a label that spares", func(o *posture.Observation) {
			spared(o)
			o.Escape.Tries[2].With, o.Escape.Tries[2].WithoutAgain, o.Escape.Tries[2].WithAgain = admittedPod, refusedPod, admittedPod
		}, v1alpha1.Fail, "zweimal angenommen: privilegeEscalation"},
		{"admitted with and without", func(o *posture.Observation) {
			spared(o)
			o.Escape.Tries[2].With, o.Escape.Tries[2].WithoutAgain, o.Escape.Tries[2].WithAgain = admittedPod, admittedPod, admittedPod
		}, v1alpha1.Inconclusive, "bestätigten nicht"},
		{"admitted once", func(o *posture.Observation) {
			spared(o)
			o.Escape.Tries[2].With, o.Escape.Tries[2].WithoutAgain, o.Escape.Tries[2].WithAgain = admittedPod, refusedPod, refusedPod
		}, v1alpha1.Inconclusive, "bestätigten nicht"},
		{"a try lost", func(o *posture.Observation) { spared(o); o.Escape.Tries[2].With = lostPod }, v1alpha1.Inconclusive, "blieb ohne Aussage"},
		{"a condition unsolved", func(o *posture.Observation) { o.Escape.Unsolved = 1 }, v1alpha1.Inconclusive, "1 Bedingungen"},
		{"a round missing", func(o *posture.Observation) { spared(o); o.Escape.Candidates = 2 }, v1alpha1.Inconclusive, "unvollständig"},
		{"tries missing", func(o *posture.Observation) { spared(o); o.Escape.Tries = o.Escape.Tries[1:] }, v1alpha1.Inconclusive, "unvollständig"},
		{"too few expected", func(o *posture.Observation) {
			spared(o)
			o.Escape.Tries, o.Escape.Expected = o.Escape.Tries[1:], o.Escape.Expected-1
		}, v1alpha1.Inconclusive, "unvollständig"},
		{"golden with the label lost", func(o *posture.Observation) { spared(o); o.Escape.Golden = lostPod }, v1alpha1.Inconclusive, "nicht erreichbar"},
		{"all protected", func(o *posture.Observation) { o.Escape.Candidates, o.Escape.Protected = 2, 2 }, v1alpha1.Pass, "alle 2 sind geschützt"},
		{"too many labels", func(o *posture.Observation) { spared(o); o.Escape.Candidates, o.Escape.NotTried = 8, 2 }, v1alpha1.Inconclusive, "2 davon wurden nicht versucht"},
		{"a name that spares", func(o *posture.Observation) {
			spared(o)
			o.Escape.Tries[2] = posture.EscapeTry{Fault: o.Escape.Tries[2].Fault, Named: true, With: admittedPod, WithoutAgain: refusedPod, WithAgain: admittedPod}
		}, v1alpha1.Fail, "mit Labels oder Namen, nach denen Regeln Pods ausnehmen, zweimal angenommen: privilegeEscalation"},
		{"exceptions not readable", func(o *posture.Observation) { o.Exceptions[1].State = posture.StateNotReadable }, v1alpha1.Inconclusive, "Ausnahmeobjekte"},
		{"exceptions not looked at", func(o *posture.Observation) { o.Exceptions = nil }, v1alpha1.Inconclusive, "unvollständig"},
		{"no rule at all", func(o *posture.Observation) { all(o, admittedPod); o.Rules, o.RuleCount = nil, 0 }, v1alpha1.NotApplicable, "Nichts bindet"},
		{"no rule seen, but one takes effect", func(o *posture.Observation) { o.Rules, o.RuleCount = nil, 0 }, v1alpha1.Pass, ""},
		{"no rule at all, but a right", func(o *posture.Observation) {
			all(o, admittedPod)
			o.Rules, o.RuleCount, o.Lifts[0].Allowed = nil, 0, []string{"patch"}
		}, v1alpha1.Fail, "patch"},
		{"rules that refuse nothing", func(o *posture.Observation) { all(o, admittedPod) }, v1alpha1.Inconclusive, "Kein Pod mit Mangel wurde von einer Regel abgelehnt"},
		{"an engine that only reports", func(o *posture.Observation) {
			all(o, admittedPod)
			o.Rules, o.RuleCount, o.Engines[0].State, o.Engines[0].Reporting = nil, 0, posture.StateRead, 1
		}, v1alpha1.Inconclusive, "Kein Pod mit Mangel wurde von einer Regel abgelehnt"},
		{"golden lost at the end", func(o *posture.Observation) { o.After = lostPod }, v1alpha1.Inconclusive, "am Ende nicht angenommen"},
	})
}

func TestJudgeFresh(t *testing.T) {
	good := func() fresh.Observation {
		o := fresh.Observation{ReadySeconds: 1, Gone: true}
		for _, at := range []float64{10, 24} {
			r := fresh.Round{AtSeconds: at, Before: admittedPod, UserNamespace: admittedPod, After: admittedPod}
			for _, f := range admission.Faults() {
				r.Faults = append(r.Faults, fresh.FaultTry{Fault: f, Attempt: refusedPod})
			}
			o.Rounds = append(o.Rounds, r)
		}
		return o
	}
	index := func(fault string) int { return slices.Index(admission.Faults(), fault) }
	quota := admission.Attempt{Class: admission.Quota, By: admission.ByNobody, HTTPStatus: 403, Cause: admission.CauseQuotaUnspecified}
	for _, c := range []struct {
		name   string
		change func(*fresh.Observation)
		want   v1alpha1.Outcome
		says   string
	}{
		{"all refused", func(*fresh.Observation) {}, v1alpha1.Pass, "alle 38 Pods"},
		{"nothing", func(o *fresh.Observation) { *o = fresh.Observation{} }, v1alpha1.Inconclusive, "unvollständig"},
		{"one admitted", func(o *fresh.Observation) {
			o.Rounds[0].Faults[0].Attempt, o.Rounds[1].Faults = admittedPod, o.Rounds[1].Faults[1:]
		}, v1alpha1.Fail, "angenommen: privileged."},
		{"one admitted the second time", func(o *fresh.Observation) { o.Rounds[1].Faults[0].Attempt = admittedPod }, v1alpha1.Fail, "privileged in 1 von 2 Versuchen"},
		{"one admitted, golden refused", func(o *fresh.Observation) {
			o.Rounds[0].Faults[0].Attempt, o.Rounds[0].Before = admittedPod, refusedPod
		}, v1alpha1.Fail, ""},
		{"golden refused", func(o *fresh.Observation) { o.Rounds[1].After = refusedPod }, v1alpha1.Inconclusive, "ohne Mangel nicht angenommen"},
		{"one lost", func(o *fresh.Observation) { o.Rounds[1].Faults[3].Attempt = lostPod }, v1alpha1.Inconclusive, "(hostNamespaces) ohne Aussage"},
		{"one neutralised", func(o *fresh.Observation) { o.Rounds[1].Faults[3].Class = admission.Neutralised }, v1alpha1.Pass, ""},
		{"a fault missing", func(o *fresh.Observation) { o.Rounds[1].Faults = o.Rounds[1].Faults[1:] }, v1alpha1.Inconclusive, "unvollständig"},
		{"a fault twice", func(o *fresh.Observation) { o.Rounds[1].Faults[1] = o.Rounds[1].Faults[0] }, v1alpha1.Inconclusive, "unvollständig"},
		{"one round", func(o *fresh.Observation) { o.Rounds = o.Rounds[:1] }, v1alpha1.Inconclusive, "unvollständig"},
		{"rounds at once", func(o *fresh.Observation) { o.Rounds[1].AtSeconds = 15 }, v1alpha1.Inconclusive, "unvollständig"},
		{"a namespace left", func(o *fresh.Observation) { o.Gone = false }, v1alpha1.Inconclusive, "unvollständig"},
		{"a quota wants figures", func(o *fresh.Observation) { o.Rounds[0].Faults[index(admission.FaultResources)].Attempt = quota }, v1alpha1.Pass, ""},
		{"a quota refuses another", func(o *fresh.Observation) { o.Rounds[0].Faults[0].Attempt = quota }, v1alpha1.Inconclusive, "ResourceQuota"},
		{"no user namespaces", func(o *fresh.Observation) { o.Rounds[0].UserNamespace, o.Rounds[1].UserNamespace = lostPod, lostPod }, v1alpha1.Pass, "alle 36 Pods"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good()
			c.change(&o)
			v := judgeFresh(o)
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
