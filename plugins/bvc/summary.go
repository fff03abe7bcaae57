package main

import (
	"fmt"
	"io"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// printSummary tells the report in about twenty lines, German first.
func printSummary(w io.Writer, r v1alpha1.ConformanceReport, cat v1alpha1.Catalogue) {
	words := map[v1alpha1.ConclusionWord]string{
		v1alpha1.MussDeviations:   "Abweichungen bei MUSS-Anforderungen",
		v1alpha1.SollteDeviations: "Abweichungen bei SOLLTE-Anforderungen",
		v1alpha1.ConclInconcl:     "nicht abschließend beurteilt",
		v1alpha1.NoDeviation:      "keine Abweichung festgestellt",
	}
	titles := map[string]v1alpha1.Text{}
	for _, c := range cat.Checks {
		titles[c.ID] = c.Title
	}
	outcomes := map[v1alpha1.Outcome]string{
		v1alpha1.Pass: "keine Abweichung", v1alpha1.Fail: "ABWEICHUNG", v1alpha1.Inconclusive: "nicht entschieden",
		v1alpha1.NotApplicable: "nicht anwendbar", v1alpha1.NotRun: "nicht gelaufen",
	}
	fmt.Fprintf(w, "%s (%s), Kubernetes %s, Lauf %s\n", v1alpha1.Plain(r.Site.Name, 80), v1alpha1.Plain(r.Site.Organisation, 80), r.Cluster.KubernetesVersion, r.Run.ID)
	fmt.Fprintf(w, "Ergebnis: %s\n\n", words[r.Conclusion.Result])
	for _, x := range r.Results {
		fmt.Fprintf(w, "  %-18s %s\n", outcomes[x.Outcome], x.CheckID)
		text := x.Reason.De
		if len(x.Findings) > 0 {
			text = x.Findings[0].Observed.De
			if more := len(x.Findings) - 1; more > 0 {
				text += fmt.Sprintf(" (und %d weitere)", more)
			}
		}
		if text != "" {
			fmt.Fprintf(w, "  %-18s   %s\n", "", v1alpha1.Plain(text, 200))
		}
	}
	c := r.Conclusion
	total := func(n v1alpha1.StateCounts) int {
		return n.Pass + n.Fail + n.PartlyObserved + n.Inconclusive + n.NotApplicable + n.Declared + n.Open
	}
	fmt.Fprintf(w, "\nAussagen: MUSS %d von %d abweichend, %d teilweise beobachtet; SOLLTE %d von %d abweichend, %d teilweise beobachtet\n",
		c.Muss.Fail, total(c.Muss), c.Muss.PartlyObserved, c.Sollte.Fail, total(c.Sollte), c.Sollte.PartlyObserved)
	if len(r.Run.Leftovers) > 0 {
		fmt.Fprintf(w, "Es blieben Objekte des Laufs im Cluster: bvc cleanup entfernt sie.\n")
	}
	if r.Run.Filter != "" || r.Run.Interrupted {
		fmt.Fprintln(w, "Der Lauf war nicht vollständig (Filter oder Abbruch).")
	}
}
