package souvap

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/start"
)

const startRecorded = "../../fixtures/recorded/SOUVAP.7.2.2.2_container-start-60s/"

func recordedStart(t *testing.T, name string) start.Observation {
	t.Helper()
	data, err := os.ReadFile(startRecorded + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded v1alpha1.Observation
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	var o start.Observation
	if err := check.Decode(recorded.Data, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestStartRecordings(t *testing.T) {
	files, err := filepath.Glob(startRecorded + "*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		want, _, _ := strings.Cut(name, "-")
		if v := judgeStart(recordedStart(t, name)); string(v.Outcome) != want {
			t.Errorf("%s: %s (%s)", name, v.Outcome, v.Reason.En)
		}
	}
}

func TestStartOneChangedStart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*start.Start)
		want   v1alpha1.Outcome
	}{
		"at the limit":         {func(s *start.Start) { s.Seconds = 60 }, v1alpha1.Pass},
		"over it, not proven":  {func(s *start.Start) { s.Seconds = 60.001 }, v1alpha1.Inconclusive},
		"over it, proven":      {func(s *start.Start) { s.Seconds, s.ScheduledSeconds, s.NotReadyAfterLimit = 60.2, 0.1, true }, v1alpha1.Fail},
		"contradiction":        {func(s *start.Start) { s.NotReadyAfterLimit = true }, v1alpha1.Inconclusive},
		"pulled for 10 of 65":  {func(s *start.Start) { *s = lateBy(65, 10) }, v1alpha1.Inconclusive},
		"pulled for 2 of 65":   {func(s *start.Start) { *s = lateBy(65, 2) }, v1alpha1.Fail},
		"late, image unknown":  {func(s *start.Start) { *s = lateBy(65, 0); s.Image = start.ImageUnknown }, v1alpha1.Inconclusive},
		"evicted":              {func(s *start.Start) { s.Ready, s.Trouble = false, cluster.Evicted }, v1alpha1.Inconclusive},
		"not accepted":         {func(s *start.Start) { s.Accepted, s.Ready, s.Trouble = false, false, cluster.Quota }, v1alpha1.Inconclusive},
		"no time":              {func(s *start.Start) { s.Seconds = 0 }, v1alpha1.Inconclusive},
		"another node":         {func(s *start.Start) { s.Node = 7 }, v1alpha1.Inconclusive},
		"another round":        {func(s *start.Start) { s.Round = 1 }, v1alpha1.Inconclusive},
		"ready, but crashed":   {func(s *start.Start) { s.Trouble = cluster.Crash }, v1alpha1.Inconclusive},
		"image from somewhere": {func(s *start.Start) { s.Image = "" }, v1alpha1.Inconclusive},
	} {
		o := recordedStart(t, "pass-conformant")
		c.change(&o.Warm[len(o.Warm)-1])
		if v := judgeStart(o); v.Outcome != c.want {
			t.Errorf("%s: %s (%s), want %s", name, v.Outcome, v.Reason.En, c.want)
		}
	}
}

// lateBy is a third start on worker 2 that was late, pull included.
func lateBy(seconds, pull float64) start.Start {
	image := start.ImagePresent
	if pull > 0 {
		image = start.ImagePulled
	}
	return start.Start{Node: 2, Round: 3, Accepted: true, Scheduled: true, ScheduledSeconds: 0.1, Image: image, PullSeconds: pull,
		Ready: true, Seconds: seconds, NotReadyAfterLimit: true}
}

func TestStartNoPassOverWhatIsNotThere(t *testing.T) {
	for name, change := range map[string]func(*start.Observation){
		"no warm starts":     func(o *start.Observation) { o.Warm = nil },
		"no priming":         func(o *start.Observation) { o.Priming = nil },
		"no specimen":        func(o *start.Observation) { o.Specimen = start.Start{} },
		"early specimen":     func(o *start.Observation) { o.Specimen.NotReadyAfterLimit = false },
		"no nodes":           func(o *start.Observation) { o.MeasuredNodes, o.SchedulableNodes = 0, 0 },
		"a node not started": func(o *start.Observation) { o.MeasuredNodes, o.SchedulableNodes = 3, 3 },
		"another limit":      func(o *start.Observation) { o.LimitSeconds = 600 },
		"two rounds planned": func(o *start.Observation) { o.Rounds = 2 },
		"cold without start": func(o *start.Observation) { o.ColdGiven, o.Cold = true, nil },
		"all absent":         func(o *start.Observation) { *o = start.Observation{} },
	} {
		o := recordedStart(t, "pass-conformant")
		o.ColdGiven, o.Cold = false, nil
		change(&o)
		if v := judgeStart(o); v.Outcome != v1alpha1.Inconclusive || v.Reason.IsZero() {
			t.Errorf("%s: %s (%s), want inconclusive with a reason", name, v.Outcome, v.Reason.En)
		}
	}
}

func TestStartFiguresKeepTheSlowest(t *testing.T) {
	v := judgeStart(recordedStart(t, "fail-never-ready"))
	if v.Figures[0].Value < 90 {
		t.Errorf("longest warm start %v s: the one that never was ready was left out", v.Figures[0].Value)
	}
	if got := len(judgeStart(recordedStart(t, "pass-vanilla-with-cold")).Figures); got != 4 {
		t.Errorf("%d figures, want warm and cold", got)
	}
}
