package main

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

// explanation says why the two disagree, found out by a person. What is empty
// stands for all.
type explanation struct {
	cluster string
	stage   reachability.StageName
	who     reachability.Who
	way     reachability.Way
	why     string
}

var explained = []explanation{}

func explain(cluster string, d Disagreement) string {
	for _, e := range explained {
		if (e.cluster == "" || e.cluster == cluster) && (e.stage == "" || e.stage == d.Stage) && (e.who == "" || e.who == d.Pair.Who) && (e.way == "" || e.way == d.Pair.Way) {
			return e.why
		}
	}
	return "**Not explained.**"
}
