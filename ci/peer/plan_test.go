package main

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

// Every pair that the probe expects something of is planned, but for node
// ports, between the nodes in both directions.
func TestPlanIsWhatTheProbeMeasures(t *testing.T) {
	plan := NewPlan("servers", "clients")
	got := 0
	ways := map[reachability.Expectation]bool{}
	for _, e := range reachability.Expectations(true) {
		if !e.Way.OnNode() {
			e.Group = "" // cyclonus has one
			ways[e] = true
		}
	}
	want := nodes * len(ways)
	pods := map[string]Pod{}
	for _, p := range plan.Pods {
		if _, twice := pods[p.key()]; twice {
			t.Errorf("%s is planned twice", p.key())
		}
		pods[p.key()] = p
	}
	if len(plan.Stages) != len(reachability.StageNames()) {
		t.Errorf("got %d stages, want %d", len(plan.Stages), len(reachability.StageNames()))
	}
	for _, s := range plan.Stages {
		got += len(s.Pairs)
		if len(s.Labels) != len(plan.Pods) {
			t.Errorf("%s: %d pods have labels, want %d", s.Name, len(s.Labels), len(plan.Pods))
		}
		for _, p := range s.Pairs {
			from, known := pods[p.From]
			to, knownToo := pods[p.To]
			if !known || !knownToo || from.Node != p.Client || to.Node != p.Server || from.Node == to.Node {
				t.Errorf("%s: %s goes from %s to %s", s.Name, describe(s.Name, p), p.From, p.To)
			}
		}
	}
	if got != want {
		t.Errorf("got %d pairs, want %d", got, want)
	}
}

// Policies have names that stay, select pods that are there, and live in the
// two namespaces.
func TestPlannedPolicies(t *testing.T) {
	for _, s := range NewPlan("servers", "clients").Stages {
		names := map[string]bool{}
		for _, p := range s.Policies {
			key := p.Namespace + "/" + p.Name
			if p.Name == "" || p.GenerateName != "" || names[key] {
				t.Errorf("%s: the policy %q has no name of its own", s.Name, key)
			}
			names[key] = true
			if !slices.Contains([]string{"servers", "clients"}, p.Namespace) {
				t.Errorf("%s: %s is in a foreign namespace", s.Name, key)
			}
			selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
			if err != nil {
				t.Fatal(err)
			}
			selected := false
			for pod, own := range s.Labels {
				selected = selected || pod[:len(p.Namespace)+1] == p.Namespace+"/" && selector.Matches(labels.Set(own))
			}
			if !selected {
				t.Errorf("%s: %s selects no pod", s.Name, key)
			}
		}
	}
}

func TestLabelsSwapOnce(t *testing.T) {
	swapped := false
	for _, s := range NewPlan("servers", "clients").Stages {
		swapped = swapped || s.Name == reachability.StageRelabelled
		good, other := s.Labels["clients/good-1"]["bvc-segment"], s.Labels["clients/other-2"]["bvc-segment"]
		if want := map[bool][2]string{false: {"good", "other"}, true: {"other", "good"}}[swapped]; [2]string{good, other} != want {
			t.Errorf("%s: got the labels %s and %s, want %v", s.Name, good, other, want)
		}
		if local := s.Labels["servers/goodlocal-1"]["bvc-segment"]; local != "good" {
			t.Errorf("%s: the local client has the label %s", s.Name, local)
		}
	}
}
