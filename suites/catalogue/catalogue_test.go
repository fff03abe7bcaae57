package catalogue

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

func norm(t *testing.T) v1alpha1.Catalogue {
	t.Helper()
	c, err := Load(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNormIsCompleteAndValid(t *testing.T) {
	c := norm(t)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	requirements, statements := map[string]int{}, map[string]int{}
	for _, r := range c.Requirements {
		requirements[r.Module]++
		statements[r.Module] += len(r.Statements)
	}
	for module, want := range map[string][2]int{"APP.4.4": {21, 68}, "SYS.1.6": {26, 75}, "SOUVAP": {59, 77}} {
		if got := [2]int{requirements[module], statements[module]}; got != want {
			t.Errorf("%s has %d requirements and %d statements, want %d and %d", module, got[0], got[1], want[0], want[1])
		}
	}
	if c.Checks == nil || len(c.Checks) != 0 {
		t.Errorf("checks are %v, want an empty list", c.Checks)
	}
}

// TestBindingCounts holds the number of binding and other sentences of each
// requirement against a count that was made from the German text of Edition
// 2022 and not from these files; Edition 2023 adds one MUSS to SYS.1.6.A6.
func TestBindingCounts(t *testing.T) {
	type count struct {
		id              string
		binding, sollte int
	}
	want := []count{
		{"APP.4.4.A1", 3, 3}, {"APP.4.4.A2", 3, 0}, {"APP.4.4.A3", 4, 2}, {"APP.4.4.A4", 2, 0},
		{"APP.4.4.A5", 3, 1}, {"APP.4.4.A6", 0, 3}, {"APP.4.4.A7", 0, 5}, {"APP.4.4.A8", 0, 3},
		{"APP.4.4.A9", 0, 7}, {"APP.4.4.A10", 0, 2}, {"APP.4.4.A11", 0, 5}, {"APP.4.4.A12", 0, 1},
		{"APP.4.4.A13", 0, 2}, {"APP.4.4.A14", 0, 4}, {"APP.4.4.A15", 0, 1}, {"APP.4.4.A16", 0, 1},
		{"APP.4.4.A17", 0, 2}, {"APP.4.4.A18", 0, 4}, {"APP.4.4.A19", 0, 3}, {"APP.4.4.A20", 0, 1},
		{"APP.4.4.A21", 0, 3}, {"SYS.1.6.A1", 2, 1}, {"SYS.1.6.A2", 4, 0}, {"SYS.1.6.A3", 5, 2},
		{"SYS.1.6.A4", 1, 0}, {"SYS.1.6.A5", 1, 2}, {"SYS.1.6.A6", 6, 0}, {"SYS.1.6.A7", 1, 0},
		{"SYS.1.6.A8", 3, 1}, {"SYS.1.6.A9", 0, 3}, {"SYS.1.6.A10", 0, 2}, {"SYS.1.6.A11", 0, 1},
		{"SYS.1.6.A12", 0, 4}, {"SYS.1.6.A13", 0, 1}, {"SYS.1.6.A14", 0, 2}, {"SYS.1.6.A15", 0, 2},
		{"SYS.1.6.A16", 0, 4}, {"SYS.1.6.A17", 0, 4}, {"SYS.1.6.A18", 0, 3}, {"SYS.1.6.A19", 0, 4},
		{"SYS.1.6.A20", 0, 2}, {"SYS.1.6.A21", 0, 4}, {"SYS.1.6.A22", 0, 1}, {"SYS.1.6.A23", 0, 2},
		{"SYS.1.6.A24", 0, 4}, {"SYS.1.6.A25", 0, 1}, {"SYS.1.6.A26", 0, 1},
	}
	var got []count
	for _, r := range norm(t).Requirements {
		if r.Module == "SOUVAP" {
			continue
		}
		n := count{id: r.ID}
		for _, s := range r.Statements {
			if s.ModalVerb.Binding() {
				n.binding++
			} else {
				n.sollte++
			}
		}
		if r.ID == "SYS.1.6.A6" {
			n.binding--
		}
		got = append(got, n)
	}
	if len(got) != len(want) {
		t.Fatalf("%d requirements, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}

// TestVerbsThatAreEasilyLost pins what a careless edit or a look at an English
// translation would change. Everything else is plain MUSS or SOLLTE.
func TestVerbsThatAreEasilyLost(t *testing.T) {
	want := map[v1alpha1.ModalVerb][]string{
		v1alpha1.DarfNur: {
			"APP.4.4.A2-UA.1",
			"APP.4.4.A3-UA.3",
			"SYS.1.6.A2-UA.1",
			"SOUVAP.7.4.2-UA.1",
			"SOUVAP.7.4.3-UA.1",
		},
		v1alpha1.DarfNicht: {
			"APP.4.4.A3-UA.2",
			"APP.4.4.A5-UA.4",
			"SYS.1.6.A6-UA.4",
			"SOUVAP.7-UA.2",
			"SOUVAP.7.2.2.2-UA.3",
			"SOUVAP.7.3.3.1.1-UA.1",
			"SOUVAP.7.3.3.1.3-UA.2",
			"SOUVAP.7.3.3.1.5-UA.1",
			"SOUVAP.7.3.3.1.7-UA.3",
			"SOUVAP.7.3.3.4.8-UA.2",
			"SOUVAP.7.3.3.4.9.2-UA.1",
			"SOUVAP.7.3.3.10-UA.2",
			"SOUVAP.7.3.3.14.4-UA.1",
			"SOUVAP.7.3.3.14.4-UA.2",
		},
		v1alpha1.SollteNur: {
			"APP.4.4.A6-UA.3",
			"APP.4.4.A7-UA.2",
			"APP.4.4.A7-UA.4",
			"APP.4.4.A17-UA.2",
			"SYS.1.6.A19-UA.1",
		},
		v1alpha1.SollteNicht: {
			"APP.4.4.A9-UA.1",
			"SYS.1.6.A16-UA.2",
		},
		v1alpha1.Sollte: {
			"SOUVAP.7.2.2.2-UA.2",
			"SOUVAP.7.3.3.4.4-UA.2",
			"SOUVAP.7.3.3.4.6-UA.1",
			"SOUVAP.7.3.3.13-UA.1",
		},
	}
	got := map[v1alpha1.ModalVerb][]string{}
	for _, r := range norm(t).Requirements {
		for _, s := range r.Statements {
			switch {
			case s.ModalVerb == v1alpha1.Muss:
			case s.ModalVerb == v1alpha1.Sollte && r.Module != "SOUVAP":
			default:
				got[s.ModalVerb] = append(got[s.ModalVerb], s.ID)
			}
		}
	}
	for verb := range got {
		if _, expected := want[verb]; !expected {
			t.Errorf("%s was not expected, but %v have it", verb, got[verb])
		}
	}
	for verb, ids := range want {
		if !slices.Equal(got[verb], ids) {
			t.Errorf("%s:\n got %v\nwant %v", verb, got[verb], ids)
		}
	}
}

// TestSouvAPRows pins the sections and how many statements each has: other
// packages name these IDs.
func TestSouvAPRows(t *testing.T) {
	type section struct {
		id         string
		statements int
	}
	want := []section{
		{"SOUVAP.7", 3},
		{"SOUVAP.7.1", 3},
		{"SOUVAP.7.2.1.1", 1},
		{"SOUVAP.7.2.2.1", 1},
		{"SOUVAP.7.2.2.2", 3},
		{"SOUVAP.7.2.2.3", 1},
		{"SOUVAP.7.2.2.4", 1},
		{"SOUVAP.7.2.2.4.1", 1},
		{"SOUVAP.7.2.5", 1},
		{"SOUVAP.7.2.6", 1},
		{"SOUVAP.7.2.6.1.2", 1},
		{"SOUVAP.7.2.6.1.3", 1},
		{"SOUVAP.7.2.8.1", 1},
		{"SOUVAP.7.3.3.1", 1},
		{"SOUVAP.7.3.3.1.1", 2},
		{"SOUVAP.7.3.3.1.2", 1},
		{"SOUVAP.7.3.3.1.3", 2},
		{"SOUVAP.7.3.3.1.4", 1},
		{"SOUVAP.7.3.3.1.5", 1},
		{"SOUVAP.7.3.3.1.6", 1},
		{"SOUVAP.7.3.3.1.7", 3},
		{"SOUVAP.7.3.3.3", 1},
		{"SOUVAP.7.3.3.4", 1},
		{"SOUVAP.7.3.3.4.1", 1},
		{"SOUVAP.7.3.3.4.2", 1},
		{"SOUVAP.7.3.3.4.3", 1},
		{"SOUVAP.7.3.3.4.4", 2},
		{"SOUVAP.7.3.3.4.5", 1},
		{"SOUVAP.7.3.3.4.6", 1},
		{"SOUVAP.7.3.3.4.7", 1},
		{"SOUVAP.7.3.3.4.8", 3},
		{"SOUVAP.7.3.3.4.9", 1},
		{"SOUVAP.7.3.3.4.9.1", 1},
		{"SOUVAP.7.3.3.4.9.2", 1},
		{"SOUVAP.7.3.3.4.9.3", 1},
		{"SOUVAP.7.3.3.4.10", 1},
		{"SOUVAP.7.3.3.4.11", 1},
		{"SOUVAP.7.3.3.5", 1},
		{"SOUVAP.7.3.3.5.1", 1},
		{"SOUVAP.7.3.3.5.2", 1},
		{"SOUVAP.7.3.3.6", 1},
		{"SOUVAP.7.3.3.7", 2},
		{"SOUVAP.7.3.3.7.1", 1},
		{"SOUVAP.7.3.3.8.2", 1},
		{"SOUVAP.7.3.3.9", 1},
		{"SOUVAP.7.3.3.10", 2},
		{"SOUVAP.7.3.3.11", 3},
		{"SOUVAP.7.3.3.12", 1},
		{"SOUVAP.7.3.3.13", 1},
		{"SOUVAP.7.3.3.14.1", 1},
		{"SOUVAP.7.3.3.14.2", 1},
		{"SOUVAP.7.3.3.14.3", 1},
		{"SOUVAP.7.3.3.14.4", 2},
		{"SOUVAP.7.3.3.14.5", 1},
		{"SOUVAP.7.3.3.14.6", 1},
		{"SOUVAP.7.4.1", 1},
		{"SOUVAP.7.4.2", 1},
		{"SOUVAP.7.4.3", 1},
		{"SOUVAP.7.4.8", 1},
	}
	var got []section
	for _, r := range norm(t).Requirements {
		if r.Module == "SOUVAP" {
			got = append(got, section{r.ID, len(r.Statements)})
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestStyle keeps what the loader does not know about language: whole
// sentences, questions that ask, and none of the words that a report must not
// use because they would sound like a verdict of BSI.
func TestStyle(t *testing.T) {
	reference := regexp.MustCompile(`^(IG BvC \d{3}|IG BvC PoC [a-z]+(-[a-z]+)*|Grundschutz\+\+ [A-Z]+(\.\d+)+ \(draft mapping\)|CIS \d\.\d{1,2}\.\d{1,2} \(v1\.9\)|RFC \d+|BSI TR-02102-[12]( \d{4}-\d{2}( Tab\. \d+(, \d+)*)?)?|DVS-\d{3}-R\d{2})$`)
	verdict := regexp.MustCompile(`(?i)\b(erfüllt|konform|zertifiziert\w*|compliant|is (it |this )?(met|fulfilled))\b`)
	verb := regexp.MustCompile(`\b(MUSS|MÜSSEN|DARF|DÜRFEN|SOLLTEN?|MUST|SHOULD)\b`)
	seen := map[string]string{}
	for _, r := range norm(t).Requirements {
		for _, s := range r.Statements {
			for _, text := range []string{s.Text.De, s.Text.En} {
				if !strings.HasSuffix(text, ".") {
					t.Errorf("%s: %q is not a sentence", s.ID, text)
				}
				if verb.MatchString(text) {
					t.Errorf("%s: %q carries a modal verb of its own", s.ID, text)
				}
			}
			for _, text := range []string{s.Question.De, s.Question.En} {
				if !strings.Contains(text, "?") {
					t.Errorf("%s: %q asks nothing", s.ID, text)
				}
			}
			for _, text := range []string{s.Text.De, s.Text.En, s.Question.De, s.Question.En} {
				if verdict.MatchString(text) {
					t.Errorf("%s: %q sounds like a verdict", s.ID, text)
				}
				if other, double := seen[text]; double {
					t.Errorf("%s and %s say the same: %q", other, s.ID, text)
				}
				seen[text] = s.ID
			}
			for _, ref := range s.References {
				if !reference.MatchString(ref) {
					t.Errorf("%s: reference %q is of no known rule book", s.ID, ref)
				}
			}
		}
	}
}

// TestLevels pins the level of every requirement of the two modules by the
// number of the last one that has it.
func TestLevels(t *testing.T) {
	last := map[string][2]int{"APP.4.4": {5, 12}, "SYS.1.6": {8, 20}}
	for _, r := range norm(t).Requirements {
		if r.Module == "SOUVAP" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimPrefix(r.ID, r.Module+".A"))
		if err != nil {
			t.Fatal(err)
		}
		want := v1alpha1.Hoch
		switch {
		case n <= last[r.Module][0]:
			want = v1alpha1.Basis
		case n <= last[r.Module][1]:
			want = v1alpha1.Standard
		}
		if r.Level != want {
			t.Errorf("%s has level %s, want %s", r.ID, r.Level, want)
		}
	}
}

// TestReferencesAreComplete: no policy of the IG BvC may be without a
// statement, and BSI's draft mapping is taken over as it is, neither more nor
// less of it.
func TestReferencesAreComplete(t *testing.T) {
	policies := strings.Fields(`001 003 004 005 009 012 013 014 015 016 017 018 019 020 026 027 029 101 102 126 130 501`)
	firstConcept := strings.Fields(`disallow-add-capabilities disallow-host-namespaces disallow-privileged-containers disallow-selinux-options
		imagepullpolicy-always require-default-proc-mount require-health-and-liveness-check require-limits-and-requests
		require-non-root-groups require-ro-rootfs require-run-as-non-root restrict-apparmor restrict-image-registries restrict-sysctls`)
	mapping := map[string][]string{
		"APP.4.4.A1-UA.1":  {"ARCH.7.3", "TEST.4.1.1.1"},
		"APP.4.4.A2-UA.2":  {"TEST.3.1.5"},
		"APP.4.4.A3-UA.6":  {"TEST.1.3"},
		"APP.4.4.A7-UA.1":  {"ARCH.2.1"},
		"APP.4.4.A15-UA.1": {"ARCH.7.1", "KONF.6.1.2"},
		"APP.4.4.A18-UA.3": {"ARCH.2.2"},
		"SYS.1.6.A5-UA.1":  {"ARCH.2.2.7"},
		"SYS.1.6.A5-UA.3":  {"ARCH.2.3"},
		"SYS.1.6.A11-UA.1": {"ARCH.7.1"},
		"SYS.1.6.A20-UA.2": {"TEST.2.1"},
		"SYS.1.6.A24-UA.2": {"DET.4.6"},
	}
	numbers, names, mapped := map[string]bool{}, map[string]bool{}, map[string][]string{}
	for _, r := range norm(t).Requirements {
		for _, s := range r.Statements {
			for _, ref := range s.References {
				if name, ok := strings.CutPrefix(ref, "IG BvC PoC "); ok {
					names[name] = true
				} else if number, ok := strings.CutPrefix(ref, "IG BvC "); ok {
					numbers[number] = true
				} else if id, ok := strings.CutPrefix(ref, "Grundschutz++ "); ok {
					mapped[s.ID] = append(mapped[s.ID], strings.TrimSuffix(id, " (draft mapping)"))
				}
			}
		}
	}
	if got := slices.Sorted(maps.Keys(numbers)); !slices.Equal(got, policies) {
		t.Errorf("policies of the IG BvC:\n got %v\nwant %v", got, policies)
	}
	if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, firstConcept) {
		t.Errorf("policies of the first proof of concept:\n got %v\nwant %v", got, firstConcept)
	}
	if !maps.EqualFunc(mapped, mapping, slices.Equal) {
		t.Errorf("Grundschutz++:\n got %v\nwant %v", mapped, mapping)
	}
}

func TestEditionNote(t *testing.T) {
	for _, r := range norm(t).Requirements {
		for _, s := range r.Statements {
			if r.Module == "SOUVAP" {
				continue
			}
			if is := s.Note != nil; is != (s.ID == "SYS.1.6.A6-UA.7") {
				t.Errorf("%s has a note: %v", s.ID, is)
			}
		}
	}
}

func TestLoadIsDeterministicAndLeavesItsInputAlone(t *testing.T) {
	checks := []v1alpha1.CheckInfo{
		{ID: "SYS.1.6.A7/z", Requirement: "SYS.1.6.A7", Covers: []string{"SYS.1.6.A7-UA.1", "APP.4.4.A4-UA.1"}, Needs: []string{"b", "a"}},
		{ID: "APP.4.4.A4/a", Requirement: "APP.4.4.A4", Covers: []string{"APP.4.4.A4-UA.1"}, Probes: []string{"q", "p"}},
	}
	coverage := map[string][]v1alpha1.Coverage{
		"SYS.1.6.A7-UA.1": {{ID: "SYS.1.6.A7/z", Decides: v1alpha1.Whole, Why: "Because."}},
		"APP.4.4.A4-UA.1": {{ID: "SYS.1.6.A7/z", Decides: v1alpha1.Part}, {ID: "APP.4.4.A4/a", Decides: v1alpha1.Part}},
	}
	a, err := Load(checks, coverage)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Validate(); err != nil {
		t.Error(err)
	}
	if checks[0].Needs[0] != "b" || checks[1].Probes[0] != "q" || coverage["APP.4.4.A4-UA.1"][0].ID != "SYS.1.6.A7/z" {
		t.Error("Load changed its input")
	}
	slices.Reverse(checks)
	slices.Reverse(coverage["APP.4.4.A4-UA.1"])
	b, err := Load(checks, coverage)
	if err != nil {
		t.Fatal(err)
	}
	if a.Digest != b.Digest {
		t.Error("the order of the input changes the digest")
	}
	if again, err := Digest(a); err != nil || again != a.Digest {
		t.Errorf("Digest of the result is %s (%v), want %s", again, err, a.Digest)
	}
	if !strings.HasPrefix(a.Digest, "sha256:") || len(a.Digest) != len("sha256:")+64 || a.Digest == norm(t).Digest {
		t.Errorf("digest %q", a.Digest)
	}
	if a.Checks[0].ID != "APP.4.4.A4/a" || a.Checks[0].Needs == nil || a.Checks[0].Policies == nil || a.Checks[0].Probes[0] != "p" {
		t.Errorf("checks are not in order: %+v", a.Checks)
	}
	for _, r := range a.Requirements {
		for _, s := range r.Statements {
			if whole := s.ID == "SYS.1.6.A7-UA.1"; whole != (s.Question == nil) {
				t.Errorf("%s: question %v", s.ID, s.Question)
			}
			if s.Checks == nil {
				t.Errorf("%s: checks are nil", s.ID)
			}
			if s.ID == "APP.4.4.A4-UA.1" && (len(s.Checks) != 2 || s.Checks[0].ID != "APP.4.4.A4/a") {
				t.Errorf("%s: %v", s.ID, s.Checks)
			}
		}
	}
}
