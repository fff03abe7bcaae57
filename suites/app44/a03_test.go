package app44

import (
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/relabel"
)

func TestJudgeRelabel(t *testing.T) {
	good := func() relabel.Observation {
		n := relabel.Namespace{Control: relabel.Changed, Patch: relabel.RefusedByAuthoriser, Update: relabel.NotTried}
		n.Lifts = []relabel.Lift{}
		o := relabel.Observation{Expected: 2, Namespaces: []relabel.Namespace{n, n}}
		o.Namespaces[0].Index, o.Namespaces[1].Index = 1, 2
		return o
	}
	// may lets the tenant change the namespace, with these answers.
	may := func(n *relabel.Namespace, patch relabel.Answer, known bool, lifts ...relabel.Answer) {
		n.MayPatch, n.Patch, n.Restored, n.LiftsKnown = true, patch, patch == relabel.Changed, known
		for i, l := range lifts {
			n.Lifts = append(n.Lifts, relabel.Lift{PodSecurity: i == 0, Answer: l})
		}
	}
	for _, c := range []struct {
		name   string
		change func(*relabel.Observation)
		want   v1alpha1.Outcome
		says   string
	}{
		{"no right", func(*relabel.Observation) {}, v1alpha1.Pass, "2-mal fehlte das Recht, 0-mal griff eine Regel"},
		{"a rule", func(o *relabel.Observation) {
			may(&o.Namespaces[1], relabel.RefusedByRule, true, relabel.RefusedByRule)
		}, v1alpha1.Pass, "1-mal fehlte das Recht, 1-mal griff eine Regel"},
		{"a mutation", func(o *relabel.Observation) {
			may(&o.Namespaces[1], relabel.Neutralised, true, relabel.Neutralised)
		}, v1alpha1.Pass, ""},
		{"a rule that knows other labels only", func(o *relabel.Observation) {
			may(&o.Namespaces[1], relabel.RefusedByRule, true, relabel.Changed)
		}, v1alpha1.Inconclusive, "Ein Probelauf allein beweist es nicht"},
		{"a rule, not all rules read", func(o *relabel.Observation) {
			may(&o.Namespaces[1], relabel.RefusedByRule, false, relabel.RefusedByRule)
		}, v1alpha1.Inconclusive, "nicht alle Regeln waren zu lesen"},
		{"a rule, no label tried", func(o *relabel.Observation) { may(&o.Namespaces[1], relabel.RefusedByRule, true) }, v1alpha1.Inconclusive, "nicht alle Regeln waren zu lesen"},
		{"any label, but none on which rules depend", func(o *relabel.Observation) {
			may(&o.Namespaces[1], relabel.Changed, true, relabel.RefusedByRule, relabel.RefusedByRule)
		}, v1alpha1.Pass, "1-mal griff eine Regel"},
		{"any label, none on which rules depend was tried", func(o *relabel.Observation) { may(&o.Namespaces[1], relabel.Changed, true) }, v1alpha1.Inconclusive, "nicht alle Regeln waren zu lesen"},
		{"any label, dry runs refused", func(o *relabel.Observation) {
			may(&o.Namespaces[1], relabel.Changed, true, relabel.RefusedByRule, relabel.Trouble)
		}, v1alpha1.Inconclusive, "Probelauf (dry run) ohne Aussage"},
		{"set and taken back", func(o *relabel.Observation) {
			may(&o.Namespaces[1], relabel.Changed, false, relabel.Changed)
		}, v1alpha1.Fail, "eigenen Namespace (patch), und das Label pod-security.kubernetes.io/enforce nähme"},
		{"a label of rules", func(o *relabel.Observation) {
			may(&o.Namespaces[1], relabel.Changed, false, relabel.RefusedByRule, relabel.Changed)
		}, v1alpha1.Fail, "1 Änderungen von Labels"},
		{"set and left", func(o *relabel.Observation) {
			may(&o.Namespaces[0], relabel.Changed, true, relabel.Changed)
			o.Namespaces[0].Restored = false
		}, v1alpha1.Fail, "ließ sich nicht zurücknehmen"},
		{"perhaps set and left", func(o *relabel.Observation) { may(&o.Namespaces[0], relabel.Trouble, true, relabel.Changed) }, v1alpha1.Inconclusive, "vielleicht noch gesetzt"},
		{"set by update", func(o *relabel.Observation) {
			may(&o.Namespaces[0], relabel.RefusedByRule, true, relabel.Changed)
			o.Namespaces[0].MayUpdate, o.Namespaces[0].Update = true, relabel.Changed
		}, v1alpha1.Fail, "(update)"},
		{"set although the control failed", func(o *relabel.Observation) {
			may(&o.Namespaces[0], relabel.Changed, true, relabel.Changed)
			o.Namespaces[0].Control = relabel.Trouble
		}, v1alpha1.Fail, ""},
		{"nothing", func(o *relabel.Observation) { *o = relabel.Observation{} }, v1alpha1.Inconclusive, "Von 0 Namespaces"},
		{"one missing", func(o *relabel.Observation) { o.Namespaces = o.Namespaces[:1] }, v1alpha1.Inconclusive, "Von 2 Namespaces"},
		{"empty namespaces", func(o *relabel.Observation) { o.Namespaces = make([]relabel.Namespace, 2) }, v1alpha1.Inconclusive, "unvollständig"},
		{"control not tried", func(o *relabel.Observation) { o.Namespaces[1].Control = relabel.NotTried }, v1alpha1.Inconclusive, "sagt daher nichts"},
		{"trouble", func(o *relabel.Observation) { o.Namespaces[1].Patch = relabel.Trouble }, v1alpha1.Inconclusive, "ohne Aussage"},
		{"may update, not tried", func(o *relabel.Observation) { o.Namespaces[1].MayUpdate = true }, v1alpha1.Inconclusive, "ohne Aussage"},
		{"may patch, refused for want of rights", func(o *relabel.Observation) { o.Namespaces[1].MayPatch = true }, v1alpha1.Inconclusive, "widersprechen"},
		{"may not patch, refused by a rule", func(o *relabel.Observation) { o.Namespaces[1].Patch = relabel.RefusedByRule }, v1alpha1.Inconclusive, "widersprechen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good()
			c.change(&o)
			v := judgeRelabel(o)
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
