package html

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// TestFullCatalogueIsShownWhole proves that a report of the size that is
// planned, 100 requirements with 300 statements and 120 checks, larger than the catalogue of today, is shown
// without being shortened.
func TestFullCatalogueIsShownWhole(t *testing.T) {
	r, e, c := samples(t)
	text := v1alpha1.T(strings.Repeat("Ein Satz der Norm. ", 9), strings.Repeat("A sentence of it. ", 9))
	base := c.Checks[0]
	sampleResult := r.Results[2]
	c.Checks, c.Requirements, r.Results, r.Statements, r.Requirements = nil, nil, nil, nil, nil
	for i := range 100 {
		q := v1alpha1.Requirement{ID: fmt.Sprintf("APP.4.4.A%d", i+1), Module: "APP.4.4", Title: text, Level: v1alpha1.Basis}
		for j := range 3 {
			s := v1alpha1.Statement{ID: fmt.Sprintf("%s-UA.%d", q.ID, j+1), ModalVerb: v1alpha1.Muss, Text: text, Responsible: []string{"Plattformbetreiber"}, Question: &text}
			s.Checks = append(s.Checks, v1alpha1.Coverage{ID: fmt.Sprintf("check/%d", (3*i+j)%120), Decides: v1alpha1.Part})
			q.Statements = append(q.Statements, s)
			r.Statements = append(r.Statements, v1alpha1.StatementState{ID: s.ID, State: v1alpha1.StateFail})
		}
		c.Requirements = append(c.Requirements, q)
		r.Requirements = append(r.Requirements, v1alpha1.RequirementState{ID: q.ID, State: v1alpha1.StateFail, Counts: true})
	}
	for i := range 120 {
		k := base
		k.ID = fmt.Sprintf("check/%d", i)
		c.Checks = append(c.Checks, k)
		one := sampleResult
		one.CheckID = k.ID
		if i%4 != 0 {
			one.Outcome, one.Findings = v1alpha1.Pass, nil
		}
		one.Observations = slices.Clone(one.Observations)
		r.Results = append(r.Results, one)
	}
	v := newView(r, e, c, Options{}, steps()[0])
	v.Style, v.Script = "", ""
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d KiB", b.Len()>>10)
	if b.Len() > MaxBytes-64<<10 {
		t.Errorf("%d bytes: a full report would be shortened", b.Len())
	}
	inert(t, render(t, r, e, c, Options{}))
}
