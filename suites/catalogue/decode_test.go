package catalogue

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// sample is a module of one requirement with two statements, lines 1 to 25.
const sample = `requirements:
- id: APP.4.4.A1
  level: basis
  title:
    de: "Titel"
    en: "Title"
  statements:
  - id: APP.4.4.A1-UA.1
    modalVerb: MUSS
    text:
      de: "Etwas ist getan."
      en: "Something is done."
    responsible: [Plattformbetreiber]
    references: ["IG BvC 001"]
    question:
      de: "Was ist getan?"
      en: "What is done?"
  - id: APP.4.4.A1-UA.2
    modalVerb: SOLLTE
    text:
      de: "Mehr ist | getan."
      en: "More is <done>."
    responsible: [Softwarebetreiber, Softwarelieferant]
    question: {de: "Was noch?", en: "What else?"}
    note: {de: "Ein Hinweis.", en: "A note."}
`

func sampleBook() []module { return modules()[:1] }

// loadSample reads one file in the place of APP.4.4.
func loadSample(data string, checks []v1alpha1.CheckInfo, coverage map[string][]v1alpha1.Coverage) (v1alpha1.Catalogue, error) {
	return load(fstest.MapFS{"app_4_4.yaml": {Data: []byte(data)}}, sampleBook(), checks, coverage)
}

func mistakes(t *testing.T, err error) []string {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %T %v, want *Error", err, err)
	}
	return e.Mistakes
}

func TestSampleIsGood(t *testing.T) {
	c, err := loadSample(sample, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Requirements[0].Statements; len(s) != 2 || s[1].Note.En != "A note." || s[0].References[0] != "IG BvC 001" || s[0].Question == nil {
		t.Errorf("got %+v", s)
	}
}

func TestBadYAML(t *testing.T) {
	// edit gives the sample with old replaced by new, once.
	edit := func(old, new string) string {
		if !strings.Contains(sample, old) {
			panic("the sample does not hold " + old)
		}
		return strings.Replace(sample, old, new, 1)
	}
	second := strings.TrimPrefix(sample, "requirements:\n")
	for name, c := range map[string]struct {
		data string
		want []string // whole mistakes or, after ~, parts of them
	}{
		"empty":                {"", []string{"app_4_4.yaml: the file is empty"}},
		"only a comment":       {"# nothing\n", []string{"app_4_4.yaml: the file is empty"}},
		"no YAML":              {"requirements: [", []string{"~app_4_4.yaml:1: "}},
		"two documents":        {sample + "---\nrequirements: []\n", []string{"app_4_4.yaml: the file holds more than one document"}},
		"a list":               {"- a\n", []string{"app_4_4.yaml:1: the file has to be a mapping"}},
		"no requirements":      {"requirements: []\n", []string{"app_4_4.yaml:1: requirements has to be a list with at least one entry"}},
		"unknown field on top": {"other: 1\n" + sample, []string{`app_4_4.yaml:1: unknown field "other" in the file, want one of requirements`}},
		"unknown field":        {edit("    modalVerb: MUSS", "    verb: MUSS"), []string{`app_4_4.yaml:8: a statement lacks the field "modalVerb"`, `~app_4_4.yaml:9: unknown field "verb" in a statement`}},
		"unknown language":     {edit(`      en: "Something is done."`, `      fr: "Fait."`), []string{`app_4_4.yaml:11: text lacks the field "en"`, `~app_4_4.yaml:12: unknown field "fr"`}},
		"field twice":          {edit("    modalVerb: MUSS", "    modalVerb: MUSS\n    modalVerb: MUSS"), []string{`app_4_4.yaml:10: field "modalVerb" is given twice in a statement`}},
		"unknown level":        {edit("basis", "gering"), []string{`app_4_4.yaml:3: unknown level "gering" in APP.4.4, want one of basis, standard, hoch`}},
		"level of another":     {edit("basis", "souvap"), []string{`~app_4_4.yaml:3: unknown level "souvap"`}},
		"unknown verb":         {edit("MUSS", "MUST"), []string{`app_4_4.yaml:9: unknown modal verb "MUST"`}},
		"unknown role":         {edit("[Plattformbetreiber]", "[Plattformbetreiber, Hausmeister]"), []string{`~app_4_4.yaml:13: unknown role "Hausmeister"`}},
		"roles out of order":   {edit("[Softwarebetreiber, Softwarelieferant]", "[Softwarelieferant, Softwarebetreiber]"), []string{"~app_4_4.yaml:23: roles are named once each"}},
		"role twice":           {edit("[Plattformbetreiber]", "[Plattformbetreiber, Plattformbetreiber]"), []string{"~app_4_4.yaml:13: roles are named once each"}},
		"no role":              {edit("[Plattformbetreiber]", "[]"), []string{"app_4_4.yaml:13: responsible has to be a list with at least one entry"}},
		"reference twice":      {edit(`["IG BvC 001"]`, `["IG BvC 001", "IG BvC 001"]`), []string{`app_4_4.yaml:14: reference "IG BvC 001" is named twice`}},
		"empty references":     {edit(`["IG BvC 001"]`, `[]`), []string{"app_4_4.yaml:14: references has to be a list with at least one entry"}},
		"empty German":         {edit(`"Etwas ist getan."`, `""`), []string{"app_4_4.yaml:11: text.de is empty"}},
		"empty English":        {edit(`"Title"`, `" "`), []string{"app_4_4.yaml:6: title.en is empty"}},
		"null":                 {edit(`"Etwas ist getan."`, ``), []string{"app_4_4.yaml:11: text.de has to be text"}},
		"a number":             {edit(`"Etwas ist getan."`, `7.2`), []string{"app_4_4.yaml:11: text.de has to be text"}},
		"surrounding space":    {edit(`"Etwas ist getan."`, `"Etwas ist getan. "`), []string{"app_4_4.yaml:11: text.de begins or ends with a space"}},
		"line break":           {edit(`"Etwas ist getan."`, `"Etwas\nist getan."`), []string{"app_4_4.yaml:11: text.de has a line break or another control character"}},
		"question half":        {edit(`{de: "Was noch?", en: "What else?"}`, `{de: "Was noch?"}`), []string{`app_4_4.yaml:24: question lacks the field "en"`}},
		"question missing":     {edit(`    question: {de: "Was noch?", en: "What else?"}`+"\n", ""), []string{"app_4_4.yaml:18: APP.4.4.A1-UA.2 has neither a check nor a question"}},
		"no statements":        {"requirements:\n- {id: APP.4.4.A1, level: hoch, title: {de: a, en: b}, statements: []}\n", []string{"app_4_4.yaml:2: statements has to be a list with at least one entry"}},
		"requirement twice":    {sample + second, []string{`app_4_4.yaml:26: duplicate ID "APP.4.4.A1", first in line 2`, `app_4_4.yaml:32: duplicate ID "APP.4.4.A1-UA.1", first in line 8`, `app_4_4.yaml:42: duplicate ID "APP.4.4.A1-UA.2", first in line 18`}},
		"statement twice":      {edit("A1-UA.2", "A1-UA.1"), []string{`app_4_4.yaml:18: duplicate ID "APP.4.4.A1-UA.1", first in line 8`}},
		"ordinal skipped":      {edit("A1-UA.2", "A1-UA.3"), []string{`~app_4_4.yaml:18: statement "APP.4.4.A1-UA.3" stands where APP.4.4.A1-UA.2 is next`}},
		"statement of another": {edit("A1-UA.2", "A2-UA.2"), []string{`~app_4_4.yaml:18: statement "APP.4.4.A2-UA.2" stands where APP.4.4.A1-UA.2 is next`}},
		"number skipped":       {strings.ReplaceAll(sample, "APP.4.4.A1", "APP.4.4.A2"), []string{`app_4_4.yaml:2: requirement "APP.4.4.A2" stands where APP.4.4.A1 is next`}},
		"module of another":    {strings.ReplaceAll(sample, "APP.4.4.A1", "SYS.1.6.A1"), []string{`~app_4_4.yaml:2: requirement "SYS.1.6.A1" is not of the form`}},
		"leading zero":         {strings.ReplaceAll(sample, "APP.4.4.A1", "APP.4.4.A01"), []string{`~requirement "APP.4.4.A01" is not of the form`}},
		"anchor":               {edit(`"Etwas ist getan."`, `&a "Etwas ist getan."`), []string{"~app_4_4.yaml:11: anchors and aliases are not allowed"}},
		"alias":                {edit(`"Etwas ist getan."`, `&a "x"`) + "x: *a\n", []string{"~app_4_4.yaml:11: anchors", "~app_4_4.yaml:26: anchors"}},
		"tag":                  {edit(`"Etwas ist getan."`, `!!str 7`), []string{"~app_4_4.yaml:11: tags such as"}},
		"many at once": {strings.NewReplacer("basis", "x", "MUSS", "y", "[Plattformbetreiber]", "[z]").Replace(sample),
			[]string{"~app_4_4.yaml:3: unknown level", "~app_4_4.yaml:9: unknown modal verb", "~app_4_4.yaml:13: unknown role"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadSample(c.data, nil, nil)
			compare(t, mistakes(t, err), c.want)
		})
	}
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	same := len(got) == len(want)
	for i := 0; same && i < len(want); i++ {
		part, isPart := strings.CutPrefix(want[i], "~")
		same = got[i] == part || isPart && strings.Contains(got[i], part)
	}
	if !same {
		t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestSectionsRise(t *testing.T) {
	book := modules()[2:]
	text := strings.NewReplacer("APP.4.4.A1", "SOUVAP.7.2.10", "basis", "souvap").Replace(sample)
	later := strings.TrimPrefix(strings.ReplaceAll(text, "7.2.10", "7.2.9"), "requirements:\n")
	if _, err := load(fstest.MapFS{"souvap.yaml": {Data: []byte(text)}}, book, nil, nil); err != nil {
		t.Error(err)
	}
	_, err := load(fstest.MapFS{"souvap.yaml": {Data: []byte(text + later)}}, book, nil, nil)
	compare(t, mistakes(t, err), []string{`souvap.yaml:26: requirement "SOUVAP.7.2.9" stands after a later section`})
}

func TestMissingFile(t *testing.T) {
	_, err := load(fstest.MapFS{}, sampleBook(), []v1alpha1.CheckInfo{{ID: "x"}}, nil)
	compare(t, mistakes(t, err), []string{"~app_4_4.yaml: "})
}

func TestBadCoverage(t *testing.T) {
	const one, two = "APP.4.4.A1-UA.1", "APP.4.4.A1-UA.2"
	check := func(id string, covers ...string) v1alpha1.CheckInfo {
		before, _, _ := strings.Cut(id, "/")
		return v1alpha1.CheckInfo{ID: id, Requirement: before, Covers: covers}
	}
	part := func(id string) v1alpha1.Coverage { return v1alpha1.Coverage{ID: id, Decides: v1alpha1.Part} }
	const a = "APP.4.4.A1/a"
	for name, c := range map[string]struct {
		checks   []v1alpha1.CheckInfo
		coverage map[string][]v1alpha1.Coverage
		want     []string
	}{
		"good":                        {[]v1alpha1.CheckInfo{check(a, one)}, map[string][]v1alpha1.Coverage{one: {part(a)}}, nil},
		"unknown statement":           {[]v1alpha1.CheckInfo{check(a, "APP.4.4.A1-UA.9")}, map[string][]v1alpha1.Coverage{"APP.4.4.A1-UA.9": {part(a)}}, []string{`check "APP.4.4.A1/a" covers the unknown statement "APP.4.4.A1-UA.9"`}},
		"unknown in the coverage":     {[]v1alpha1.CheckInfo{check(a)}, map[string][]v1alpha1.Coverage{"x": {part(a)}}, []string{`check "APP.4.4.A1/a" covers the unknown statement "x"`}},
		"unknown requirement":         {[]v1alpha1.CheckInfo{check("APP.4.4.A2/a", one)}, map[string][]v1alpha1.Coverage{one: {part("APP.4.4.A2/a")}}, []string{`~check "APP.4.4.A2/a": its requirement is "APP.4.4.A2"`}},
		"requirement of another":      {[]v1alpha1.CheckInfo{{ID: "SYS.1.6.A1/a", Requirement: "APP.4.4.A1"}}, nil, []string{`~check "SYS.1.6.A1/a": its requirement is "APP.4.4.A1"`}},
		"no slash":                    {[]v1alpha1.CheckInfo{{ID: "APP.4.4.A1", Requirement: "APP.4.4.A1"}}, nil, []string{`~check "APP.4.4.A1": its requirement`}},
		"registered twice":            {[]v1alpha1.CheckInfo{check(a), check(a)}, nil, []string{`check "APP.4.4.A1/a" is registered twice`}},
		"covers twice":                {[]v1alpha1.CheckInfo{check(a, one)}, map[string][]v1alpha1.Coverage{one: {part(a), part(a)}}, []string{`app_4_4.yaml:8: check "APP.4.4.A1/a" covers APP.4.4.A1-UA.1 twice`}},
		"check not registered":        {nil, map[string][]v1alpha1.Coverage{two: {part(a)}}, []string{`app_4_4.yaml:18: APP.4.4.A1-UA.2 is covered by check "APP.4.4.A1/a", which is not registered`}},
		"only the coverage says so":   {[]v1alpha1.CheckInfo{check(a)}, map[string][]v1alpha1.Coverage{one: {part(a)}}, []string{`app_4_4.yaml:8: check "APP.4.4.A1/a" does not say itself that it covers APP.4.4.A1-UA.1`}},
		"only the check says so":      {[]v1alpha1.CheckInfo{check(a, one)}, nil, []string{`check "APP.4.4.A1/a" says that it covers APP.4.4.A1-UA.1, and the coverage does not`}},
		"whole without why":           {[]v1alpha1.CheckInfo{check(a, one)}, map[string][]v1alpha1.Coverage{one: {{ID: a, Decides: v1alpha1.Whole, Why: " "}}}, []string{`app_4_4.yaml:8: check "APP.4.4.A1/a" decides the whole without a sentence that says why of APP.4.4.A1-UA.1`}},
		"part with why":               {[]v1alpha1.CheckInfo{check(a, one)}, map[string][]v1alpha1.Coverage{one: {{ID: a, Decides: v1alpha1.Part, Why: "x"}}}, []string{`~app_4_4.yaml:8: check "APP.4.4.A1/a" gives a reason that belongs to whole only`}},
		"decides nothing":             {[]v1alpha1.CheckInfo{check(a, one)}, map[string][]v1alpha1.Coverage{one: {{ID: a}}}, []string{`~app_4_4.yaml:8: check "APP.4.4.A1/a" decides ""`}},
		"sorted, files before checks": {[]v1alpha1.CheckInfo{check("Z/z"), check("B/b"), check(a)}, map[string][]v1alpha1.Coverage{one: {part(a)}}, []string{"~app_4_4.yaml:8: ", `~check "B/b"`, `~check "Z/z"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadSample(sample, c.checks, c.coverage)
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			compare(t, mistakes(t, err), c.want)
		})
	}
}

// TestQuestionMayOnlyBeMissingWhereACheckDecidesAll covers the one place where
// the files and the checks depend on each other.
func TestQuestionMayOnlyBeMissingWhereACheckDecidesAll(t *testing.T) {
	const id, check = "APP.4.4.A1-UA.2", "APP.4.4.A1/a"
	data := strings.Replace(sample, `    question: {de: "Was noch?", en: "What else?"}`+"\n", "", 1)
	checks := []v1alpha1.CheckInfo{{ID: check, Requirement: "APP.4.4.A1", Covers: []string{id}}}
	_, err := loadSample(data, checks, map[string][]v1alpha1.Coverage{id: {{ID: check, Decides: v1alpha1.Part}}})
	compare(t, mistakes(t, err), []string{"app_4_4.yaml:18: APP.4.4.A1-UA.2 has no question, and its checks decide only a part of it"})
	if _, err := loadSample(data, checks, map[string][]v1alpha1.Coverage{id: {{ID: check, Decides: v1alpha1.Whole, Why: "Because."}}}); err != nil {
		t.Error(err)
	}
}

// FuzzDecode: nothing a file can hold makes the decoder panic or take long,
// and what it accepts without a word is a valid catalogue.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(sample))
	for _, m := range modules() {
		data, err := os.ReadFile(m.file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 2000)])
	}
	for _, s := range []string{
		"", "a", "- - -", "? a\n: b", "requirements: &a [*a]", "requirements:\n- *x", "%YAML 1.1\n---\nrequirements: !!binary aa==",
		"requirements:\n- {id: APP.4.4.A1, level: basis, title: {de: a, en: b}, statements: [{id: APP.4.4.A1-UA.1}]}",
		"requirements:\n- <<: {id: x}\n", "\xff\xfe", "requirements:\n- [", "a: b: c", "!!x {}", "---\n---\n", "{requirements: [{id: [a], id: {b: c}}]}",
	} {
		f.Add([]byte(s))
	}
	for _, c := range hostile() {
		if len(c.data) < 1<<15 {
			f.Add([]byte(c.data))
		}
	}
	prefixed := regexp.MustCompile(`^app_4_4\.yaml(:[1-9][0-9]*)?: .`)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip("larger than any file of ours")
		}
		c, err := loadSample(string(data), nil, nil)
		if err != nil {
			all := mistakes(t, err)
			if len(all) == 0 {
				t.Fatal("an error without a mistake")
			}
			for _, m := range all {
				if !prefixed.MatchString(m) {
					t.Fatalf("mistake without its place: %q", m)
				}
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("accepted and not valid: %v", err)
		}
		for _, r := range c.Requirements {
			for _, s := range r.Statements {
				if s.Question == nil || s.Text.De == "" || s.Text.En == "" || s.Question.De == "" || len(s.Responsible) == 0 {
					t.Fatalf("accepted with a gap: %+v", s)
				}
			}
		}
		if !slices.IsSortedFunc(c.Requirements, func(a, b v1alpha1.Requirement) int { return len(a.ID) - len(b.ID) }) {
			t.Fatal("accepted out of order")
		}
	})
}
