package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestCatalogueForOtherPrograms reads `bvc catalogue -o json` as a program
// would that knows nothing of our types: its keys are a promise, and looking
// them up in maps takes no other spelling for them.
func TestCatalogueForOtherPrograms(t *testing.T) {
	got := bvc(t.Context(), "catalogue", "-o", "json")
	if got.code != exitOK || got.stderr != "" {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	type object = map[string]any
	var c object
	if err := json.Unmarshal([]byte(got.stdout), &c); err != nil {
		t.Fatal(err)
	}
	list := func(o object, key string) (out []object) {
		all, ok := o[key].([]any)
		if !ok {
			t.Fatalf("%q is no list in %v", key, o)
		}
		for _, one := range all {
			out = append(out, one.(object))
		}
		return out
	}
	word := func(o object, key string) string {
		s, _ := o[key].(string)
		if s == "" {
			t.Errorf("%v lacks %q", o, key)
		}
		return s
	}
	both := func(o object, key string) {
		t.Helper()
		if text, ok := o[key].(object); !ok || text["de"] == "" || text["en"] == "" || len(text) != 2 {
			t.Errorf("%v lacks %q in German and English", o, key)
		}
	}
	requirements, statements, rules := 0, 0, 0
	for _, r := range list(c, "requirements") {
		id := word(r, "id")
		word(r, "level")
		both(r, "title")
		for _, s := range list(r, "statements") {
			if !strings.HasPrefix(word(s, "id"), id+"-UA.") {
				t.Errorf("%s has the statement %s", id, s["id"])
			}
			word(s, "modalVerb")
			both(s, "text")
			if roles, ok := s["responsible"].([]any); !ok || len(roles) == 0 {
				t.Errorf("nobody is responsible for %s", s["id"])
			}
			whole := false
			for _, k := range list(s, "checks") {
				word(k, "id")
				whole = whole || word(k, "decides") == "whole"
			}
			if !whole {
				both(s, "question")
			}
		}
		if strings.HasPrefix(id, "SOUVAP.") {
			rules += len(list(r, "statements"))
		} else {
			requirements++
			statements += len(list(r, "statements"))
		}
	}
	if requirements != 47 || statements < 143 || rules < 77 {
		t.Errorf("%d requirements and %d statements of the two modules, want 47 and 143 or more; %d rules, want 77 or more", requirements, statements, rules)
	}
	checks := list(c, "checks")
	for _, k := range checks {
		word(k, "id")
		word(k, "area")
		word(k, "requirement")
		for _, key := range []string{"policies", "exclusive", "needs"} {
			if _, there := k[key]; !there {
				t.Errorf("check %v lacks %q", k["id"], key)
			}
		}
	}
	if len(checks) == 0 || !strings.HasPrefix(word(c, "digest"), "sha256:") {
		t.Errorf("%d checks, digest %v", len(checks), c["digest"])
	}
}

// TestCatalogueForPeople: both forms for people hold what the site has to
// answer, and text is what comes without -o.
func TestCatalogueForPeople(t *testing.T) {
	for format, want := range map[string]string{"text": "\n    Frage: ", "markdown": "<br>*Frage:* "} {
		got := bvc(t.Context(), "catalogue", "-o", format)
		if n := strings.Count(got.stdout, want); got.code != exitOK || got.stderr != "" || n < 143 {
			t.Errorf("%s: exit code %d, %d times %q: %s", format, got.code, n, want, got.stderr)
		}
	}
	if got := bvc(t.Context(), "catalogue"); !strings.HasPrefix(got.stdout, "APP.4.4.A1 (basis) ") {
		t.Errorf("it begins with %.60q", got.stdout)
	}
}
