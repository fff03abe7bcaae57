package catalogue

import (
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

func TestText(t *testing.T) {
	const whole, part = "APP.4.4.A1/all", "APP.4.4.A1/some"
	c, err := loadSample(sample,
		[]v1alpha1.CheckInfo{
			{ID: whole, Requirement: "APP.4.4.A1", Covers: []string{"APP.4.4.A1-UA.1"}},
			{ID: part, Requirement: "APP.4.4.A1", Covers: []string{"APP.4.4.A1-UA.2"}},
		},
		map[string][]v1alpha1.Coverage{
			"APP.4.4.A1-UA.1": {{ID: whole, Decides: v1alpha1.Whole, Why: "It looks at all of it."}},
			"APP.4.4.A1-UA.2": {{ID: part, Decides: v1alpha1.Part}},
		})
	if err != nil {
		t.Fatal(err)
	}
	want := `APP.4.4.A1 (basis) Titel
  APP.4.4.A1-UA.1 MUSS: Etwas ist getan.
    Verantwortlich: Plattformbetreiber
    Verweise: IG BvC 001
    Prüfung: APP.4.4.A1/all (ganz: It looks at all of it.)
  APP.4.4.A1-UA.2 SOLLTE: Mehr ist | getan.
    Verantwortlich: Softwarebetreiber, Softwarelieferant
    Prüfung: APP.4.4.A1/some (teilweise)
    Frage: Was noch?
    Hinweis: Ein Hinweis.

1 Anforderungen, 2 Teilanforderungen, 2 Prüfungen, ` + c.Digest + "\n"
	if got := string(Text(c)); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
