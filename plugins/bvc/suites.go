package main

import (
	"fmt"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/app44"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/catalogue"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/souvap"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/sys16"
)

// loadCatalogue joins the norm with the registered checks. Mistakes in either
// are faults of the program, all reported at once.
func loadCatalogue() (v1alpha1.Catalogue, error) {
	if err := check.Default.Validate(); err != nil {
		return v1alpha1.Catalogue{}, &exitError{exitToolFailed, fmt.Errorf("the registered checks have mistakes:\n%w", err)}
	}
	cat, err := catalogue.Load(check.Describe(check.Default.Checks()))
	if err != nil {
		return v1alpha1.Catalogue{}, &exitError{exitToolFailed, fmt.Errorf("the catalogue has mistakes:\n%w", err)}
	}
	return cat, nil
}

func levels(cat v1alpha1.Catalogue) map[string]v1alpha1.Level {
	out := map[string]v1alpha1.Level{}
	for _, r := range cat.Requirements {
		out[r.ID] = r.Level
	}
	return out
}

// declaredRights are the rights of the tool and of all probes of the checks.
func declaredRights(checks []*check.Check) []check.Right {
	rights := cluster.Base()
	for _, p := range check.Probes(checks) {
		rights = append(rights, p.Needs...)
	}
	return rights
}

// judge re-judges one check over an evidence.
func judge(checkID string, observations []v1alpha1.Observation) (v1alpha1.Result, error) {
	for _, c := range check.Default.Checks() {
		if c.ID == checkID {
			return c.Judge(observations), nil
		}
	}
	return v1alpha1.Result{}, fmt.Errorf("check %q is not registered in this version", checkID)
}
