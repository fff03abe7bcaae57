// Package catalogue is the norm that a cluster is looked at against: every
// requirement and statement of APP.4.4 and SYS.1.6 (IT-Grundschutz, Edition
// 2023) and of the architecture of the Souveräner Arbeitsplatz, paraphrased in
// German and English.
//
// The IDs, levels and German titles of the two modules are BSI's; its text is
// not in here and must not be pasted in. The ordinals -UA.n are our own. Each
// text describes the state that is to be reached, and the modal verb beside it
// only says how binding it is: "SOLLTE NICHT" beside "No pod runs under the
// default service account" does not turn the sentence round.
package catalogue

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

//go:embed app_4_4.yaml sys_1_6.yaml souvap.yaml
var sources embed.FS

// module is one rule book and the file that holds it.
type module struct {
	name, file string
	levels     []v1alpha1.Level
	// numbered modules count their requirements A1, A2, ... without a gap;
	// the others use the section numbers of the document, in its order.
	numbered bool
}

// modules gives the rule books in the order of the catalogue.
func modules() []module {
	grundschutz := []v1alpha1.Level{v1alpha1.Basis, v1alpha1.Standard, v1alpha1.Hoch}
	return []module{
		{"APP.4.4", "app_4_4.yaml", grundschutz, true},
		{"SYS.1.6", "sys_1_6.yaml", grundschutz, true},
		{"SOUVAP", "souvap.yaml", []v1alpha1.Level{v1alpha1.SouvAP}, false},
	}
}

// Load reads the catalogue that is built into the program and enters what the
// given checks cover, by statement ID; check.Describe gives both. Load(nil,
// nil) gives the norm alone, with a question at every statement.
//
// A statement that a check decides as a whole loses its question, because
// nobody has to answer what was measured. The result is sorted, carries its
// digest, and is the same for the same input. The error is an *Error with
// every mistake in the files and in the coverage.
func Load(checks []v1alpha1.CheckInfo, coverage map[string][]v1alpha1.Coverage) (v1alpha1.Catalogue, error) {
	return load(sources, modules(), checks, coverage)
}

func load(files fs.FS, books []module, checks []v1alpha1.CheckInfo, coverage map[string][]v1alpha1.Coverage) (v1alpha1.Catalogue, error) {
	var found faults
	var requirements []requirement
	readable := true
	for _, m := range books {
		data, err := fs.ReadFile(files, m.file)
		if err != nil {
			found.add(m.file, 0, "%v", err)
			readable = false
			continue
		}
		part, mistakes := decode(m, data)
		readable = readable && len(part) > 0
		requirements = append(requirements, part...)
		found = append(found, mistakes...)
	}
	catalogue := v1alpha1.Catalogue{
		Requirements: make([]v1alpha1.Requirement, 0, len(requirements)),
		Checks:       sorted(checks),
	}
	// Against a file that can not be read at all every claim would be one on an
	// unknown statement, and the one real mistake would drown.
	if readable {
		found = append(found, enter(requirements, catalogue.Checks, coverage)...)
	}
	if len(found) > 0 {
		return v1alpha1.Catalogue{}, found.err(books)
	}
	for _, r := range requirements {
		catalogue.Requirements = append(catalogue.Requirements, r.Requirement)
	}
	digest, err := Digest(catalogue)
	if err != nil {
		return v1alpha1.Catalogue{}, err
	}
	catalogue.Digest = digest
	return catalogue, nil
}

// Digest is "sha256:" and the hex SHA-256 of the catalogue's compact JSON with
// an empty digest, whatever digest c carries: a reader computes it anew to see
// that a catalogue was not changed after it was written.
func Digest(c v1alpha1.Catalogue) (string, error) {
	c.Digest = ""
	data, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode the catalogue for its digest: %w", err)
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// sorted copies the checks in the order of the catalogue. Lists are never nil,
// so that the bytes do not depend on how a caller says "none".
func sorted(checks []v1alpha1.CheckInfo) []v1alpha1.CheckInfo {
	out := make([]v1alpha1.CheckInfo, 0, len(checks))
	for _, c := range checks {
		c.Covers = slices.Sorted(slices.Values(c.Covers))
		c.Probes = slices.Sorted(slices.Values(c.Probes))
		c.Needs = slices.Sorted(slices.Values(c.Needs))
		for _, list := range []*[]string{&c.Covers, &c.Probes, &c.Needs} {
			if *list == nil {
				*list = []string{}
			}
		}
		c.Policies = append([]string{}, c.Policies...)
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b v1alpha1.CheckInfo) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// enter puts the coverage into the statements and gives the mistakes in it. A
// claim has to stand on both sides, with the check and with the statement:
// what only one of them says would be counted by some readers and not by
// others.
func enter(requirements []requirement, checks []v1alpha1.CheckInfo, coverage map[string][]v1alpha1.Coverage) faults {
	var found faults
	claims := map[string][]string{}
	for _, c := range checks {
		if _, double := claims[c.ID]; double {
			found.add("", 0, "check %q is registered twice", c.ID)
		}
		claims[c.ID] = append(claims[c.ID], c.Covers...)
	}
	known, covered := map[string]bool{}, map[string]map[string]bool{}
	for _, r := range requirements {
		known[r.ID] = true
		for j := range r.Statements {
			s, at := &r.Statements[j], r.lines[j]
			covered[s.ID] = map[string]bool{}
			s.Checks = append([]v1alpha1.Coverage{}, coverage[s.ID]...)
			slices.SortStableFunc(s.Checks, func(a, b v1alpha1.Coverage) int { return strings.Compare(a.ID, b.ID) })
			whole := false
			for _, k := range s.Checks {
				whole = whole || k.Decides == v1alpha1.Whole
				if covered[s.ID][k.ID] {
					found.add(r.file, at, "check %q covers %s twice", k.ID, s.ID)
				}
				covered[s.ID][k.ID] = true
				if _, registered := claims[k.ID]; !registered {
					found.add(r.file, at, "%s is covered by check %q, which is not registered", s.ID, k.ID)
				} else if !slices.Contains(claims[k.ID], s.ID) {
					found.add(r.file, at, "check %q does not say itself that it covers %s", k.ID, s.ID)
				}
				if msg := badClaim(k); msg != "" {
					found.add(r.file, at, "check %q %s of %s", k.ID, msg, s.ID)
				}
			}
			switch {
			case whole:
				s.Question = nil
			case s.Question == nil && len(s.Checks) == 0:
				found.add(r.file, at, "%s has neither a check nor a question", s.ID)
			case s.Question == nil:
				found.add(r.file, at, "%s has no question, and its checks decide only a part of it", s.ID)
			}
		}
	}
	for id, claimed := range coverage {
		if _, exists := covered[id]; exists {
			continue
		}
		for _, k := range claimed {
			found.add("", 0, "check %q covers the unknown statement %q", k.ID, id)
		}
	}
	for _, c := range checks {
		if before, _, cut := strings.Cut(c.ID, "/"); !cut || before != c.Requirement || !known[c.Requirement] {
			found.add("", 0, "check %q: its requirement is %q, want the part of its ID before the slash and one of the catalogue's", c.ID, c.Requirement)
		}
		for _, id := range c.Covers {
			if covered[id] == nil {
				found.add("", 0, "check %q covers the unknown statement %q", c.ID, id)
			} else if !covered[id][c.ID] {
				found.add("", 0, "check %q says that it covers %s, and the coverage does not", c.ID, id)
			}
		}
	}
	return found
}

// badClaim says what is wrong with how a claim is made, or nothing.
func badClaim(k v1alpha1.Coverage) string {
	switch {
	case k.Decides.Validate() != nil:
		return fmt.Sprintf("decides %q, want %q or %q,", k.Decides, v1alpha1.Whole, v1alpha1.Part)
	case k.Decides == v1alpha1.Whole && strings.TrimSpace(k.Why) == "":
		return "decides the whole without a sentence that says why"
	case k.Decides == v1alpha1.Part && k.Why != "":
		return "gives a reason that belongs to whole only, while it decides a part"
	}
	return ""
}
