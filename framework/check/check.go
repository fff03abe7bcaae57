package check

import (
	"errors"
	"fmt"
	"runtime"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Area groups checks for filters and truth tables (design.md, "Files and
// output that others read").
type Area string

// The six areas.
const (
	Admission    Area = "admission"
	Network      Area = "network"
	Data         Area = "data"
	Lifecycle    Area = "lifecycle"
	IdentityArea Area = "identity"
	Nodes        Area = "nodes"
)

// Covers is one statement that a check covers.
type Covers struct {
	// Statement such as APP.4.4.A7-UA.3.
	Statement string
	Decides   v1alpha1.Decides
	// Why is the reviewer's sentence that a Whole needs; empty for Part.
	Why string
}

// Meta is what is known of a check without running it.
type Meta struct {
	// ID is the requirement, a slash and what is required in lower case with
	// dashes: SYS.1.6.A17/privileged-pod-rejected.
	ID    string
	Title v1alpha1.Text
	Area  Area
	// Covers has at least one statement.
	Covers []Covers
	// Policies are IG BvC policies with their numbers, such as
	// "015 disallow-privileged-containers".
	Policies []string
	// Recorded gives, for outcomes that a test cluster can not produce, the
	// reason; empty when all can be produced.
	Recorded string
}

// Verdict is what a Judge says.
type Verdict struct {
	Outcome v1alpha1.Outcome
	// Reason in one sentence; may be empty only for Fail.
	Reason   v1alpha1.Text
	Findings []v1alpha1.Finding
	Controls []v1alpha1.Control
	Figures  []v1alpha1.Figure
	Matrix   []v1alpha1.MatrixRow
	// Attempts is how often the deciding observation was repeated.
	Attempts int
}

// Check is a registered check.
type Check struct {
	Meta
	// Probes whose observations the Judge needs.
	Probes []*Probe
	judge  func(observations []any) Verdict
}

// Of makes a check over one probe. The Judge must be pure: same observation,
// same verdict.
func Of[O any](meta Meta, probe *Probe, judge func(O) Verdict) *Check {
	return &Check{
		Meta:   meta,
		Probes: []*Probe{probe},
		judge:  func(observations []any) Verdict { return judge(observations[0].(O)) },
	}
}

// Requirement is the part of the ID before the slash.
func (c *Check) Requirement() string {
	requirement, _ := splitID(c.ID)
	return requirement
}

// Exclusive reports whether the check needs to run alone.
func (c *Check) Exclusive() bool {
	for _, p := range c.Probes {
		if p.Exclusive {
			return true
		}
	}
	return false
}

// Judge gives the result of the check from evidence. It never passes over an
// observation that is missing, not readable, of another schema version, or
// that its probe could not finish (verdict rules 1 and 2); a deviation that
// such an observation already shows stays a deviation (rule 3).
func (c *Check) Judge(evidence []v1alpha1.Observation) v1alpha1.Result {
	result := v1alpha1.Result{CheckID: c.ID}
	decoded := make([]any, 0, len(c.Probes))
	var problem *v1alpha1.Problem
	for _, p := range c.Probes {
		o := find(evidence, p.Name)
		if o == nil {
			return c.without(result, v1alpha1.NotRun, v1alpha1.T(
				"Es liegt keine Beobachtung der Sonde "+p.Name+" vor.",
				"There is no observation by probe "+p.Name+"."))
		}
		result.Observations = append(result.Observations, v1alpha1.ObservationRef{Probe: p.Name, SHA256: o.Digest()})
		result.DurationSeconds += o.FinishedAt.Sub(o.StartedAt).Seconds()
		if o.Problem != nil {
			problem = o.Problem
			if notTried(problem.Kind) {
				return c.without(result, v1alpha1.NotRun, problemText(p.Name, problem))
			}
			if isNull(o.Data) {
				return c.without(result, v1alpha1.Inconclusive, problemText(p.Name, problem))
			}
		}
		if o.SchemaVersion != p.SchemaVersion {
			return c.without(result, v1alpha1.Inconclusive, v1alpha1.T(
				fmt.Sprintf("Die Beobachtung der Sonde %s hat die Schemaversion %d, erwartet wird %d.", p.Name, o.SchemaVersion, p.SchemaVersion),
				fmt.Sprintf("The observation by probe %s has schema version %d, expected is %d.", p.Name, o.SchemaVersion, p.SchemaVersion)))
		}
		d, err := p.decode(o.Data)
		if err != nil {
			return c.without(result, v1alpha1.Inconclusive, v1alpha1.T(
				"Die Beobachtung ist nicht lesbar oder unvollständig: "+err.Error(),
				"The observation is not readable or not complete: "+err.Error()))
		}
		decoded = append(decoded, d)
	}
	v := c.guarded(decoded)
	if problem != nil && v.Outcome != v1alpha1.Fail {
		v.Outcome, v.Reason = v1alpha1.Inconclusive, problemText(c.Probes[0].Name, problem)
	}
	v = consistent(v)
	result.Outcome, result.Reason, result.Findings = v.Outcome, v.Reason, v.Findings
	result.Controls, result.Figures, result.Matrix, result.Attempts = v.Controls, v.Figures, v.Matrix, v.Attempts
	return result
}

// guarded judges; the crash of one Judge must take neither the run nor the
// results of the other checks with it. A Judge is pure: the evidence of the
// run brings the crash about again wherever it is looked for.
func (c *Check) guarded(decoded []any) (v Verdict) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		what := "panic"
		var fault runtime.Error
		if err, ok := r.(error); ok && errors.As(err, &fault) {
			what = v1alpha1.Plain(fault.Error(), 120)
		}
		v = Verdict{Outcome: v1alpha1.Inconclusive, Reason: v1alpha1.T(
			"Fehler der Prüfung selbst: Ihr Urteil stürzte ab ("+what+").", "The check itself is at fault: its Judge crashed ("+what+").")}
	}()
	return c.judge(decoded)
}

// consistent turns a verdict that contradicts itself into inconclusive: a
// mistake of a Judge must not become a verdict on a site.
func consistent(v Verdict) Verdict {
	wrong := ""
	switch v.Outcome {
	case v1alpha1.Pass:
		if len(v.Findings) > 0 {
			wrong = "pass with findings"
		}
		if len(v.Controls) == 0 {
			wrong = "pass without controls"
		}
		for _, control := range v.Controls {
			if !control.Held {
				wrong = "pass with a control that did not hold"
			}
		}
	case v1alpha1.Fail:
		if len(v.Findings) == 0 {
			wrong = "fail without a finding"
		}
	case v1alpha1.Inconclusive, v1alpha1.NotApplicable:
		if v.Reason.IsZero() {
			wrong = string(v.Outcome) + " without a reason"
		}
		v.Findings = nil
	default:
		wrong = fmt.Sprintf("outcome %q", v.Outcome)
	}
	if wrong == "" {
		return v
	}
	return Verdict{Outcome: v1alpha1.Inconclusive, Controls: v.Controls, Figures: v.Figures, Matrix: v.Matrix, Attempts: v.Attempts, Reason: v1alpha1.T(
		"Fehler der Prüfung selbst: "+wrong+".", "The check itself is at fault: "+wrong+".")}
}

func (c *Check) without(r v1alpha1.Result, outcome v1alpha1.Outcome, reason v1alpha1.Text) v1alpha1.Result {
	r.Outcome, r.Reason = outcome, reason
	return r
}

func find(evidence []v1alpha1.Observation, probe string) *v1alpha1.Observation {
	for i := range evidence {
		if evidence[i].Probe == probe {
			return &evidence[i]
		}
	}
	return nil
}

func isNull(data []byte) bool { return len(data) == 0 || string(data) == "null" }

// Kinds of a Problem (v1alpha1.Problem).
const (
	ProblemError        = "error"
	ProblemTimeout      = "timeout"
	ProblemPanic        = "panic"
	ProblemInterrupted  = "interrupted"
	ProblemTooLarge     = "tooLarge"
	ProblemNotScheduled = "notScheduled"
	ProblemMissingRight = "missingRight"
)

// notTried reports whether the kind of problem means that nothing was tried.
func notTried(kind string) bool { return kind == ProblemNotScheduled || kind == ProblemMissingRight }

func problemText(probe string, p *v1alpha1.Problem) v1alpha1.Text {
	de := map[string]string{
		ProblemError:        "brach ab",
		ProblemTimeout:      "wurde nicht rechtzeitig fertig",
		ProblemPanic:        "stürzte ab (Fehler des Werkzeugs)",
		ProblemInterrupted:  "wurde unterbrochen",
		ProblemTooLarge:     "sah mehr, als das Belegformat fasst",
		ProblemNotScheduled: "lief nicht, weil der Lauf vorher endete",
		ProblemMissingRight: "lief nicht, weil ein Recht fehlt",
	}[p.Kind]
	en := map[string]string{
		ProblemError:        "stopped",
		ProblemTimeout:      "did not finish in time",
		ProblemPanic:        "crashed (a fault of the tool)",
		ProblemInterrupted:  "was interrupted",
		ProblemTooLarge:     "saw more than the evidence format holds",
		ProblemNotScheduled: "did not run because the run ended before its turn",
		ProblemMissingRight: "did not run because a right is missing",
	}[p.Kind]
	var detail string
	switch {
	case p.Kind == ProblemNotScheduled || p.Kind == ProblemInterrupted: // the kind says it all
	case p.Kind == ProblemMissingRight:
		return v1alpha1.T(
			"Die Sonde "+probe+" "+de+": "+p.Message+". Wer den Cluster betreibt, erteilt die Rechte mit rbac.yaml oder dem genannten Manifest; was jedes kostet, sagt „bvc preflight“.",
			"Probe "+probe+" "+en+": "+p.Message+". Who runs the cluster grants the rights by rbac.yaml or the manifest named; \"bvc preflight\" says what each costs.")
	case p.Phase == "":
		detail = ": " + p.Message
	default:
		detail = " [" + p.Phase + "]: " + p.Message
	}
	cause, known := CauseText(p.Cause)
	if known {
		cause = v1alpha1.T(". "+cause.De, ". "+cause.En)
	}
	return v1alpha1.T("Die Sonde "+probe+" "+de+detail+cause.De, "Probe "+probe+" "+en+detail+cause.En)
}

// CauseText says what stood in a probe's way and what to do about it (see
// v1alpha1.Problem.Cause).
func CauseText(cause string) (v1alpha1.Text, bool) {
	text, known := map[string]v1alpha1.Text{
		"notPermitted": v1alpha1.T("Der privilegierte Namespace bvc-privileged oder das Recht, dort Pods anzulegen, fehlt: für die Dauer des Laufs privileged-namespace.yaml anwenden (kubectl apply) und danach zurücknehmen. Auch eine Richtlinie oder eine SCC (OpenShift) kann solche Pods ablehnen: den Namespace ausnehmen.",
			"The privileged namespace bvc-privileged, or the right to make pods there, is missing: for the time of the run apply privileged-namespace.yaml (kubectl apply), and take it back afterwards. A policy or an SCC (OpenShift) may refuse such pods as well: exempt the namespace."),
		"notAdmitted": v1alpha1.T("Der privilegierte Namespace bvc-privileged ist da, aber eine Richtlinie oder eine SCC (OpenShift) lehnt dort Pods im Netz des Nodes ab: für die Dauer des Laufs den Namespace von ihr ausnehmen; für OpenShift steht das RoleBinding dazu auskommentiert in privileged-namespace.yaml.",
			"The privileged namespace bvc-privileged is there, but a policy or an SCC (OpenShift) refuses pods in the node's network there: for the time of the run exempt the namespace from it; for OpenShift the RoleBinding is in privileged-namespace.yaml, commented out."),
		"quota": v1alpha1.T("Eine ResourceQuota oder ein LimitRange stand im Weg: In den Namensräumen des Mandanten Platz für die Pods der Sonden schaffen.",
			"A ResourceQuota or LimitRange stood in the way: make room for the probes' pods in the tenant namespaces."),
		"imageNotPulled": v1alpha1.T("Das Image der Sonden kam nicht auf den Node: Referenz, Registry und Pull-Secret prüfen.",
			"The probes' image did not get onto the node: check the reference, the registry and the pull secret."),
		"unschedulable": v1alpha1.T("Kein Node nahm den Pod an: freie CPU und freien Speicher, Taints und Node-Selektoren prüfen.",
			"No node took the pod: check free CPU and memory, taints and node selectors."),
		"rejected": v1alpha1.T("Der API-Server oder eine Richtlinie lehnte ein Objekt ab, das jedem Mandanten erlaubt sein soll: Richtlinien in den Namensräumen des Mandanten prüfen.",
			"The API server or a policy refused an object that any tenant should be allowed: check the policies in the tenant namespaces."),
		"crash": v1alpha1.T("Der Container der Sonde endete von selbst: Architektur des Nodes und Laufzeitumgebung prüfen.",
			"The probe's container ended by itself: check the node's architecture and its runtime."),
		"notReady": v1alpha1.T("Der Container der Sonde lief, wurde aber nicht bereit: prüfen, ob das Kubelet Pods auf seinem Node erreicht.",
			"The probe's container ran, but did not become ready: check whether the kubelet reaches pods on its node."),
		"evicted": v1alpha1.T("Ein Pod der Sonde wurde während der Messung entfernt: den Lauf in einer ruhigen Zeit wiederholen.",
			"A pod of the probe was removed while it measured: repeat the run at a quiet time."),
		"nodeNotReady": v1alpha1.T("Ein Node war nicht bereit: den Lauf wiederholen, wenn alle Nodes bereit sind.",
			"A node was not ready: repeat the run when all nodes are."),
		"infrastructure": v1alpha1.T("Der Cluster antwortete nicht, wie er soll (Zeitüberschreitung, Serverfehler, unerreichbarer Webhook): den Lauf wiederholen.",
			"The cluster did not answer as it should (timeout, server error, unreachable webhook): repeat the run."),
	}[cause]
	return text, known
}
