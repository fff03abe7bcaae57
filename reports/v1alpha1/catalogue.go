package v1alpha1

// Catalogue is what `bvc catalogue -o json` prints: every requirement and
// statement of the norm in our own words, every registered check, and which
// covers which.
type Catalogue struct {
	// Requirements in the order of the norm.
	Requirements []Requirement `json:"requirements"`
	// Checks, sorted by ID.
	Checks []CheckInfo `json:"checks"`
	// Digest is "sha256:" and the hex SHA-256 of the catalogue's JSON with
	// this field empty. Reports with the same digest are comparable.
	Digest string `json:"digest"`
}

// Requirement is one entry of the norm.
type Requirement struct {
	// ID such as APP.4.4.A7 or SOUVAP.7.2.2.2.
	ID string `json:"id"`
	// Module is the first part of the ID: APP.4.4, SYS.1.6 or SOUVAP.
	Module string `json:"module"`
	Title  Text   `json:"title"`
	Level  Level  `json:"level"`
	// Statements in the order of the text, at least one.
	Statements []Statement `json:"statements"`
}

// Statement is one sentence of a requirement.
type Statement struct {
	// ID such as APP.4.4.A7-UA.3. The ordinals are ours, in the order of the text.
	ID        string    `json:"id"`
	ModalVerb ModalVerb `json:"modalVerb"`
	// Text is our own paraphrase.
	Text Text `json:"text"`
	// Responsible: Plattformbetreiber, Softwarebetreiber or Softwarelieferant.
	Responsible []string `json:"responsible"`
	// References to other rule books, such as "IG BvC 014" or "CIS 5.2.2".
	References []string `json:"references,omitempty"`
	// Checks that cover the statement, sorted by ID; filled from the registry.
	Checks []Coverage `json:"checks"`
	// Question has to be answered by the site for what no check decides;
	// nil when a check decides the whole statement.
	Question *Text `json:"question,omitempty"`
	// Note says where the statement is known from when it is not the edition
	// that the catalogue was written against.
	Note *Text `json:"note,omitempty"`
}

// Coverage is one check's claim on a statement.
type Coverage struct {
	ID      string  `json:"id"`
	Decides Decides `json:"decides"`
	// Why is a reviewer's sentence that says why the check decides the whole
	// statement; required for whole, empty for part.
	Why string `json:"why,omitempty"`
}

// CheckInfo is what the catalogue says of a registered check.
type CheckInfo struct {
	// ID such as SYS.1.6.A17/privileged-pod-rejected.
	ID    string `json:"id"`
	Title Text   `json:"title"`
	// Area: admission, network, data, lifecycle, identity or nodes.
	Area string `json:"area"`
	// Requirement is the ID before the slash.
	Requirement string `json:"requirement"`
	// Covers lists the statements, sorted.
	Covers []string `json:"covers"`
	// Policies are the IG BvC policies with their numbers.
	Policies []string `json:"policies"`
	// Probes whose observations the check judges, sorted.
	Probes []string `json:"probes"`
	// Exclusive checks run alone.
	Exclusive bool `json:"exclusive"`
	// Needs are the rights without which the check is not run, sorted.
	Needs []string `json:"needs"`
}
