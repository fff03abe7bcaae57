package html

import "gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"

// badge is a word with a symbol: nothing is told by colour alone.
type badge struct {
	Class  string // of the style sheet
	Symbol string
	Word   v1alpha1.Text
}

func unknownBadge(word string) badge {
	word = v1alpha1.Plain(word, 40)
	return badge{"inconclusive", "?", v1alpha1.T("unbekanntes Wort „"+word+"“", "unknown word “"+word+"”")}
}

func outcomeBadge(o v1alpha1.Outcome) badge {
	switch o {
	case v1alpha1.Pass:
		return badge{"pass", "✓", v1alpha1.T("wie gefordert beobachtet", "observed as required")}
	case v1alpha1.Fail:
		return badge{"fail", "✕", v1alpha1.T("Abweichung", "deviation")}
	case v1alpha1.Inconclusive:
		return badge{"inconclusive", "?", v1alpha1.T("nicht entschieden", "inconclusive")}
	case v1alpha1.NotApplicable:
		return badge{"none", "–", v1alpha1.T("nicht anwendbar", "not applicable")}
	case v1alpha1.NotRun:
		return badge{"open", "○", v1alpha1.T("nicht gelaufen", "not run")}
	}
	return unknownBadge(string(o))
}

func stateBadge(s v1alpha1.State) badge {
	switch s {
	case v1alpha1.StatePass:
		return badge{"pass", "✓", v1alpha1.T("wie gefordert beobachtet", "observed as required")}
	case v1alpha1.StateFail:
		return badge{"fail", "✕", v1alpha1.T("Abweichung", "deviation")}
	case v1alpha1.StatePartlyObserved:
		return badge{"partly", "◐", v1alpha1.T("teilweise beobachtet", "partly observed")}
	case v1alpha1.StateInconclusive:
		return badge{"inconclusive", "?", v1alpha1.T("nicht entschieden", "inconclusive")}
	case v1alpha1.StateNotApplicable:
		return badge{"none", "–", v1alpha1.T("nicht anwendbar", "not applicable")}
	case v1alpha1.StateDeclared:
		return badge{"declared", "§", v1alpha1.T("vom Standort erklärt", "declared by the site")}
	case v1alpha1.StateOpen:
		return badge{"open", "○", v1alpha1.T("offen", "open")}
	}
	return unknownBadge(string(s))
}

// conclusion is the run in one plain sentence and what it means.
type conclusion struct {
	badge
	Means v1alpha1.Text
}

func conclusionOf(w v1alpha1.ConclusionWord) conclusion {
	switch w {
	case v1alpha1.MussDeviations:
		return conclusion{badge{"fail", "✕", v1alpha1.T("Abweichungen bei MUSS", "Deviations at MUSS (must)")},
			v1alpha1.T("Mindestens eine Prüfung hat etwas beobachtet, das eine verbindliche Aussage nicht zulässt.",
				"At least one check observed something that a binding statement does not allow.")}
	case v1alpha1.SollteDeviations:
		return conclusion{badge{"fail", "✕", v1alpha1.T("Abweichungen bei SOLLTE", "Deviations at SOLLTE (should)")},
			v1alpha1.T("Bei MUSS wurde keine Abweichung festgestellt. Mindestens eine Prüfung hat etwas beobachtet, das von einer SOLLTE-Aussage abweicht.",
				"No deviation was found at MUSS. At least one check observed something that deviates from a SOLLTE statement.")}
	case v1alpha1.ConclInconcl:
		return conclusion{badge{"inconclusive", "?", v1alpha1.T("Nicht entschieden", "Inconclusive")},
			v1alpha1.T("Es wurde keine Abweichung festgestellt, die beim Schutzbedarf zählt, aber auch nicht alles beobachtet, was zu beobachten war. Das Ergebnis ist deshalb offen und nicht gut.",
				"No deviation was found that counts at the protection need, but not everything was observed that should have been. The result is therefore open, and not good.")}
	case v1alpha1.NoDeviation:
		return conclusion{badge{"pass", "✓", v1alpha1.T("Keine Abweichung festgestellt", "No deviation found")},
			v1alpha1.T("Alle Prüfungen liefen, und keine stellte eine Abweichung fest, die beim Schutzbedarf zählt. Was keine Prüfung beobachtet, bleibt offen.",
				"All checks ran, and none found a deviation that counts at the protection need. What no check observes stays open.")}
	}
	return conclusion{unknownBadge(string(w)), v1alpha1.T("Der Bericht endet mit einem Wort, das diese Seite nicht kennt.", "The report ends with a word that this page does not know.")}
}

func levelWord(l v1alpha1.Level) v1alpha1.Text {
	switch l {
	case v1alpha1.Basis:
		return v1alpha1.T("Basis", "basic")
	case v1alpha1.Standard:
		return v1alpha1.T("Standard", "standard")
	case v1alpha1.Hoch:
		return v1alpha1.T("erhöhter Schutzbedarf", "high protection need")
	case v1alpha1.SouvAP:
		return v1alpha1.T("Souveräner Arbeitsplatz", "Souveräner Arbeitsplatz")
	}
	return v1alpha1.T(string(l), string(l))
}

func needWord(n v1alpha1.ProtectionNeed) v1alpha1.Text {
	switch n {
	case v1alpha1.NeedNormal:
		return v1alpha1.T("normal", "normal")
	case v1alpha1.NeedHigh:
		return v1alpha1.T("hoch", "high")
	case v1alpha1.NeedVeryHigh:
		return v1alpha1.T("sehr hoch", "very high")
	}
	return v1alpha1.T("nicht angegeben", "not given")
}

func moduleTitle(module string) v1alpha1.Text {
	switch module {
	case "APP.4.4":
		return v1alpha1.T("APP.4.4 Kubernetes", "APP.4.4 Kubernetes")
	case "SYS.1.6":
		return v1alpha1.T("SYS.1.6 Containerisierung", "SYS.1.6 Containerisation")
	case "SOUVAP":
		return v1alpha1.T("Souveräner Arbeitsplatz", "Souveräner Arbeitsplatz")
	}
	return v1alpha1.T(module, module)
}

func yesNo(b bool) v1alpha1.Text {
	if b {
		return v1alpha1.T("ja", "yes")
	}
	return v1alpha1.T("nein", "no")
}

// waiverBadge never looks better than the deviation that it stands beside.
func waiverBadge(s v1alpha1.WaiverStatus) badge {
	switch s {
	case v1alpha1.WaiverEffective:
		return badge{"declared", "§", v1alpha1.T("Ausnahme wirksam", "waiver effective")}
	case v1alpha1.WaiverExpired:
		return badge{"fail", "!", v1alpha1.T("Ausnahme abgelaufen", "waiver expired")}
	case v1alpha1.WaiverNotNeeded:
		return badge{"none", "–", v1alpha1.T("Ausnahme nicht nötig", "waiver not needed")}
	case v1alpha1.WaiverUndecided:
		return badge{"inconclusive", "?", v1alpha1.T("Ausnahme unentschieden", "waiver undecided")}
	}
	return unknownBadge(string(s))
}

func answerBadge(w v1alpha1.AnswerWord) badge {
	switch w {
	case v1alpha1.Met:
		return badge{"declared", "§", v1alpha1.T("selbst erklärt: umgesetzt", "self-declared: put into practice")}
	case v1alpha1.DeclaredNotApplicable:
		return badge{"declared", "§", v1alpha1.T("selbst erklärt: nicht anwendbar", "self-declared: not applicable")}
	case v1alpha1.PartlyMet:
		return badge{"fail", "◐", v1alpha1.T("selbst erklärt: teilweise umgesetzt", "self-declared: partly put into practice")}
	case v1alpha1.NotMet:
		return badge{"fail", "✕", v1alpha1.T("selbst erklärt: nicht umgesetzt", "self-declared: not put into practice")}
	}
	return unknownBadge(string(w))
}

// levelKey and verbKey are words for the filters of the page; they are ours,
// whatever a catalogue says.
func levelKey(l v1alpha1.Level) string {
	if l.Validate() != nil {
		return "other"
	}
	return string(l)
}

func verbKey(v v1alpha1.ModalVerb) string {
	switch v {
	case v1alpha1.Muss, v1alpha1.DarfNur, v1alpha1.DarfNicht:
		return "muss"
	case v1alpha1.Sollte, v1alpha1.SollteNicht, v1alpha1.SollteNur:
		return "sollte"
	case v1alpha1.Kann:
		return "kann"
	}
	return "other"
}
