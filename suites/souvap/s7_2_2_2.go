package souvap

import (
	"fmt"
	"sort"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/start"
)

var _ = check.Register(check.Of(check.Meta{
	ID: "SOUVAP.7.2.2.2/container-start-60s",
	Title: v1alpha1.T(
		"Ein Container ist auf jedem Node nach spätestens 60 Sekunden bereit",
		"A container is ready on every node after 60 seconds at the latest"),
	Area:   check.Lifecycle,
	Covers: []check.Covers{{Statement: "SOUVAP.7.2.2.2-UA.1", Decides: v1alpha1.Part}},
}, start.Probe, judgeStart))

const (
	// startLimit is the norm's, in seconds.
	startLimit = 60.0
	// startRounds are the warm starts on each node.
	startRounds = 3
)

func judgeStart(o start.Observation) check.Verdict {
	v := check.Verdict{Controls: startControls(o), Figures: startFigures(o), Attempts: len(o.Warm)}
	if findings := lateStarts(o); len(findings) > 0 {
		v.Outcome, v.Findings = v1alpha1.Fail, findings
		return v
	}
	undecided := func(reason v1alpha1.Text) check.Verdict {
		v.Outcome, v.Reason = v1alpha1.Inconclusive, reason
		return v
	}
	for _, s := range o.Warm {
		if why := unfit(s); !why.IsZero() {
			return undecided(v1alpha1.T(
				fmt.Sprintf("Start %d auf Worker %d entscheidet nicht: %s.", s.Round, s.Node, why.De),
				fmt.Sprintf("Start %d on worker %d does not decide: %s.", s.Round, s.Node, why.En)))
		}
	}
	for _, c := range v.Controls {
		if !c.Held {
			return undecided(v1alpha1.T("Eine Kontrolle hielt nicht: "+c.Name.De+" ("+c.Detail.De+").", "A control did not hold: "+c.Name.En+" ("+c.Detail.En+")."))
		}
	}
	longest := longestOf(o.Warm)
	v.Outcome = v1alpha1.Pass
	v.Reason = v1alpha1.T(
		fmt.Sprintf("Der längste von %d Starts auf %d von %d Nodes brauchte %s s (Worker %d); erlaubt sind 60 s.", len(o.Warm), o.MeasuredNodes, o.SchedulableNodes, v1alpha1.Decimal(longest.Seconds, 1).De, longest.Node),
		fmt.Sprintf("The longest of %d starts on %d of %d nodes took %.1f s (worker %d); 60 s are allowed.", len(o.Warm), o.MeasuredNodes, o.SchedulableNodes, longest.Seconds, longest.Node))
	return v
}

// lateStarts gives a finding for each warm start that is surely late.
func lateStarts(o start.Observation) []v1alpha1.Finding {
	anyReady := false
	for _, s := range append(append([]start.Start{}, o.Priming...), o.Warm...) {
		anyReady = anyReady || s.Ready
	}
	var findings []v1alpha1.Finding
	for _, s := range o.Warm {
		if !late(s, anyReady) {
			continue
		}
		observed := v1alpha1.T(
			fmt.Sprintf("Abweichung: Der Container war nach %s s bereit (Start %d).", v1alpha1.Decimal(s.Seconds, 1).De, s.Round),
			fmt.Sprintf("Deviation: the container was ready after %.1f s (start %d).", s.Seconds, s.Round))
		switch {
		case s.Trouble == cluster.Crash:
			observed = v1alpha1.T(
				fmt.Sprintf("Abweichung: Der Container endete nach %s s, ohne bereit zu werden (Start %d); andere Starte desselben Images gelangen.", v1alpha1.Decimal(s.Seconds, 1).De, s.Round),
				fmt.Sprintf("Deviation: the container ended after %.1f s without becoming ready (start %d); other starts of the same image succeeded.", s.Seconds, s.Round))
		case !s.Ready:
			observed = v1alpha1.T(
				fmt.Sprintf("Abweichung: Der Container war nach %s s noch nicht bereit (Start %d).", v1alpha1.Decimal(s.Seconds, 1).De, s.Round),
				fmt.Sprintf("Deviation: the container was still not ready after %.1f s (start %d).", s.Seconds, s.Round))
		}
		findings = append(findings, v1alpha1.Finding{
			Required: v1alpha1.T(
				"Ein Container, der einen Node und dessen Image dort hat, ist nach spätestens 60 s bereit.",
				"A container that has a node and its image there is ready after 60 s at the latest."),
			Observed: observed,
			Object:   v1alpha1.T(fmt.Sprintf("Pod des Laufs auf Worker %d", s.Node), fmt.Sprintf("pod of the run on worker %d", s.Node)),
			Remedy: v1alpha1.T(
				"Auf dem betroffenen Node Auslastung, Container-Runtime, CNI-Einrichtung und die Bereitschaftsprüfung durch das Kubelet untersuchen.",
				"On the node concerned look at its load, the container runtime, the set-up by the CNI and the kubelet's readiness probing."),
		})
	}
	return findings
}

// late reports whether the start is a deviation: it had its node and its
// image, and the time without waiting for either is proven to exceed the limit.
func late(s start.Start, anyReady bool) bool {
	if !s.Accepted || !s.Scheduled {
		return false
	}
	switch {
	case s.Image == start.ImagePresent:
	case s.Image == start.ImagePulled && s.PullSeconds > 0:
	default:
		return false
	}
	switch {
	case s.Trouble == cluster.Crash && !s.Ready:
		// That the same image ran elsewhere tells the node's fault from ours.
		return anyReady
	case s.Ready && s.Trouble != cluster.NoTrouble, !s.Ready && s.Trouble != cluster.NotReady:
		return false
	}
	return s.NotReadyAfterLimit && s.Seconds-s.ScheduledSeconds-s.PullSeconds > startLimit
}

// unfit says why a start that is not late can not count for a pass either.
func unfit(s start.Start) v1alpha1.Text {
	switch {
	case !s.Accepted:
		return v1alpha1.T("der Pod wurde nicht angenommen ("+string(s.Trouble)+")", "the pod was not accepted ("+string(s.Trouble)+")")
	case !s.Scheduled:
		return v1alpha1.T("der Pod bekam keinen Node ("+string(s.Trouble)+")", "the pod got no node ("+string(s.Trouble)+")")
	case !s.Ready:
		return v1alpha1.T("der Pod wurde nicht bereit ("+string(s.Trouble)+")", "the pod did not become ready ("+string(s.Trouble)+")")
	case s.Image != start.ImagePresent && s.Image != start.ImagePulled:
		return v1alpha1.T("woher das Image kam, ist unbekannt", "where the image came from is unknown")
	case s.Trouble != cluster.NoTrouble || s.Seconds <= 0 || s.NotReadyAfterLimit:
		return v1alpha1.T("die Beobachtung widerspricht sich oder enthält Wartezeit der Infrastruktur", "the observation contradicts itself or contains waiting of the infrastructure")
	case s.Seconds > startLimit:
		return v1alpha1.T(
			fmt.Sprintf("erst nach %s s als bereit gesehen, doch dass er es bei 60 s nicht war, ist nicht belegt", v1alpha1.Decimal(s.Seconds, 1).De),
			fmt.Sprintf("seen ready only after %.1f s, but that it was not at 60 s is not proven", s.Seconds))
	}
	return v1alpha1.Text{}
}

func startControls(o start.Observation) []v1alpha1.Control {
	nodes := v1alpha1.Control{
		Name: v1alpha1.T("Alle ausgewählten Nodes wurden gemessen", "All selected nodes were measured"),
		Held: o.MeasuredNodes > 0 && o.MeasuredNodes == min(o.SchedulableNodes, cluster.NodeLimit) && o.Rounds == startRounds && o.LimitSeconds == startLimit && o.WaitSeconds > startLimit,
		Detail: v1alpha1.T(fmt.Sprintf("%d gemessen, %d nehmen Pods auf, höchstens %d werden gemessen", o.MeasuredNodes, o.SchedulableNodes, cluster.NodeLimit),
			fmt.Sprintf("%d measured, %d take pods, at most %d are measured", o.MeasuredNodes, o.SchedulableNodes, cluster.NodeLimit)),
	}
	primed := covered(o.Priming, o.MeasuredNodes, []int{0})
	for _, s := range o.Priming {
		if !s.Ready {
			primed--
		}
	}
	warm := covered(o.Warm, o.MeasuredNodes, []int{1, 2, 3})
	controls := []v1alpha1.Control{
		nodes,
		count(v1alpha1.T("Vor der Messung lief das Image auf jedem Node", "Before the measurement the image ran on every node"), primed, o.MeasuredNodes, len(o.Priming)),
		count(v1alpha1.T("Auf jedem Node wurden drei Starts gemessen", "Three starts were measured on every node"), warm, o.MeasuredNodes*startRounds, len(o.Warm)),
	}
	if o.ColdGiven {
		controls = append(controls, count(v1alpha1.T("Auf jedem Node wurde ein kalter Start versucht (entscheidet nicht)", "A cold start was tried on every node (does not decide)"),
			covered(o.Cold, o.MeasuredNodes, []int{0}), o.MeasuredNodes, len(o.Cold)))
	}
	s := o.Specimen
	return append(controls, v1alpha1.Control{
		Name: v1alpha1.T("Ein absichtlich später Start wird als zu spät gemessen", "A start that is late on purpose is measured as late"),
		Held: s.Accepted && s.Scheduled && s.Node > 0 && s.Ready && s.NotReadyAfterLimit && o.SpecimenSeconds > startLimit && s.Seconds >= o.SpecimenSeconds,
		Detail: v1alpha1.T(fmt.Sprintf("bereit: %t, nach %s s; Absicht: nach %.0f s", s.Ready, v1alpha1.Decimal(s.Seconds, 1).De, o.SpecimenSeconds),
			fmt.Sprintf("ready: %t, after %.1f s; intended: after %.0f s", s.Ready, s.Seconds, o.SpecimenSeconds)),
	})
}

// covered counts the pairs of node and round that have a start.
func covered(starts []start.Start, nodes int, rounds []int) int {
	seen := map[[2]int]bool{}
	for _, s := range starts {
		seen[[2]int{s.Node, s.Round}] = true
	}
	n := 0
	for node := 1; node <= nodes; node++ {
		for _, round := range rounds {
			if seen[[2]int{node, round}] {
				n++
			}
		}
	}
	return n
}

// count is a control that demands a number of things, each once.
func count(name v1alpha1.Text, have, want, listed int) v1alpha1.Control {
	return v1alpha1.Control{
		Name: name, Held: want > 0 && have == want && listed == want,
		Detail: v1alpha1.T(fmt.Sprintf("%d von %d", max(have, 0), want), fmt.Sprintf("%d of %d", max(have, 0), want)),
	}
}

func longestOf(starts []start.Start) start.Start {
	var longest start.Start
	for _, s := range starts {
		if s.Seconds > longest.Seconds {
			longest = s
		}
	}
	return longest
}

func startFigures(o start.Observation) []v1alpha1.Figure {
	var figures []v1alpha1.Figure
	var warm []start.Start
	for _, s := range o.Warm {
		// Those that never were ready belong to it, with the time they were
		// awaited: leaving them out would make the rest look better.
		if s.Ready || s.Trouble == cluster.NotReady {
			warm = append(warm, s)
		}
	}
	if len(warm) > 0 {
		sort.Slice(warm, func(i, j int) bool { return warm[i].Seconds < warm[j].Seconds })
		median := warm[len(warm)/2].Seconds
		if len(warm)%2 == 0 {
			median = (warm[len(warm)/2-1].Seconds + median) / 2
		}
		figures = append(figures,
			v1alpha1.Figure{Name: v1alpha1.T("Längster warmer Start", "Longest warm start"), Value: warm[len(warm)-1].Seconds, Unit: "s"},
			v1alpha1.Figure{Name: v1alpha1.T("Median der warmen Starts", "Median of the warm starts"), Value: median, Unit: "s"})
	}
	var cold []start.Start
	for _, s := range o.Cold {
		if s.Ready && s.Image == start.ImagePulled { // only the pull proves that the start was cold
			cold = append(cold, s)
		}
	}
	if len(cold) > 0 {
		longest := longestOf(cold)
		figures = append(figures,
			v1alpha1.Figure{Name: v1alpha1.T("Längster kalter Start, mit Laden des Images", "Longest cold start, with the pull of the image"), Value: longest.Seconds, Unit: "s"},
			v1alpha1.Figure{Name: v1alpha1.T("Laden des Images beim längsten kalten Start", "Pull of the image in the longest cold start"), Value: longest.PullSeconds, Unit: "s"})
	}
	return figures
}
