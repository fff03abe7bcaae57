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
		o := relabel.Observation{Expected: 2, Namespaces: []relabel.Namespace{n, n}}
		o.Namespaces[0].Index, o.Namespaces[1].Index = 1, 2
		return o
	}
	for _, c := range []struct {
		name   string
		change func(*relabel.Observation)
		want   v1alpha1.Outcome
		says   string
	}{
		{"no right", func(*relabel.Observation) {}, v1alpha1.Pass, "2-mal fehlte das Recht, 0-mal griff eine Regel"},
		{"a rule", func(o *relabel.Observation) {
			o.Namespaces[1].MayPatch, o.Namespaces[1].Patch = true, relabel.RefusedByRule
		}, v1alpha1.Pass, "1-mal fehlte das Recht, 1-mal griff eine Regel"},
		{"a mutation", func(o *relabel.Observation) {
			o.Namespaces[1].MayPatch, o.Namespaces[1].Patch = true, relabel.Neutralised
		}, v1alpha1.Pass, ""},
		{"set and taken back", func(o *relabel.Observation) {
			o.Namespaces[1].MayPatch, o.Namespaces[1].Patch, o.Namespaces[1].Restored = true, relabel.Changed, true
		}, v1alpha1.Fail, "eigenen Namespace (patch)."},
		{"set and left", func(o *relabel.Observation) { o.Namespaces[0].Patch = relabel.Changed }, v1alpha1.Fail, "ließ sich nicht zurücknehmen"},
		{"set by update", func(o *relabel.Observation) {
			o.Namespaces[0].MayUpdate, o.Namespaces[0].Update = true, relabel.Changed
		}, v1alpha1.Fail, "(update)"},
		{"set although the control failed", func(o *relabel.Observation) {
			o.Namespaces[0].Control, o.Namespaces[0].Patch = relabel.Trouble, relabel.Changed
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
