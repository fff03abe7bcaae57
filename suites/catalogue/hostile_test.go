package catalogue

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// hostile are files that a decoder of YAML reads for long, reads otherwise
// than a person does, or can not read, and what is said of them.
func hostile() map[string]struct{ data, want string } {
	change := func(old, new string) string { return strings.Replace(sample, old, new, 1) }
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 30 {
		alias := fmt.Sprintf("*a%d", i)
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(alias+",", 9)+alias)
	}
	return map[string]struct{ data, want string }{
		"alias_bomb":          {bomb + sample, "app_4_4.yaml:1: anchors and aliases are not allowed"},
		"alias_of_itself":     {"requirements: &a [*a]\n", "app_4_4.yaml:1: anchors and aliases are not allowed"},
		"alias_unknown":       {change(`"Title"`, "*nobody"), "app_4_4.yaml: unknown anchor"},
		"anchor_on_a_key":     {change("  level:", "  &a level:"), "app_4_4.yaml:3: anchors and aliases are not allowed"},
		"merge":               {change("  level: basis", "  <<: {level: basis}"), `app_4_4.yaml:3: unknown field "<<" in a requirement`},
		"deep_lists":          {strings.Repeat("[", 20_000), "exceeded max depth"},
		"deep_mappings":       {strings.Repeat("{a: ", 20_000), "exceeded max depth"},
		"deep_blocks":         {strings.Repeat("- ", 20_000) + "a", "exceeded max depth"},
		"key_twice_quoted":    {change("  level: basis", "  level: basis\n  \"level\": hoch"), `app_4_4.yaml:4: field "level" is given twice in a requirement`},
		"key_twice_escaped":   {change("  level: basis", "  level: basis\n  \"\\x6cevel\": hoch"), `app_4_4.yaml:4: field "level" is given twice in a requirement`},
		"key_of_other_case":   {change("  level: basis", "  Level: basis"), `app_4_4.yaml:3: unknown field "Level" in a requirement`},
		"key_of_two_lines":    {change("  level: basis", "  ? level\n    basis\n  : basis"), `app_4_4.yaml:3: unknown field "level basis" in a requirement`},
		"key_is_a_list":       {change("  level: basis", "  ? [level]\n  : basis"), `app_4_4.yaml:3: unknown field "" in a requirement`},
		"tag_of_a_language":   {change(`"Title"`, `!!python/object/apply:os.system ["x"]`), "app_4_4.yaml:6: tags such as"},
		"tag_binary":          {change(`"Title"`, `!!binary aGk=`), "app_4_4.yaml:6: tags such as"},
		"directive":           {"%YAML 3.0\n---\n" + sample, "found incompatible YAML document"},
		"tag_directive":       {"%TAG ! tag:example.org,2026:\n---\n" + change("level: basis", "level: !x basis"), "app_4_4.yaml:5: tags such as"},
		"second_document":     {sample + "...\n---\n" + sample, "app_4_4.yaml: the file holds more than one document"},
		"text_after_the_end":  {sample + "...\nmore", "app_4_4.yaml: the file holds more than one document"},
		"invalid_utf8":        {change(`"Title"`, "\"\xff\""), "invalid leading UTF-8 octet"},
		"utf8_overlong":       {change(`"Title"`, "\"\xc0\x80\""), "invalid length of a UTF-8 sequence"},
		"utf8_surrogate":      {change(`"Title"`, "\"\xed\xa0\x80\""), "invalid Unicode character"},
		"surrogate_escaped":   {change(`"Title"`, `"\ud800"`), "invalid Unicode character escape code"},
		"nul":                 {change(`"Title"`, "\"\x00\""), "control characters are not allowed"},
		"nul_escaped":         {change(`"Title"`, `"a\0"`), "app_4_4.yaml:6: title.en has a line break or another control character"},
		"terminal_escaped":    {change(`"Title"`, `"\e[31mred"`), "app_4_4.yaml:6: title.en has a line break or another control character"},
		"next_line_escaped":   {change(`"Title"`, `"a\Nb"`), "app_4_4.yaml:6: title.en has a line break or another control character"},
		"utf16":               {"\xff\xfer\x00e\x00", "app_4_4.yaml:1: the file has to be a mapping"},
		"tab":                 {change("  level:", "\tlevel:"), "app_4_4.yaml:2: found a tab character that violates indentation"},
		"block_text":          {change(`"Title"`, "|\n      Title"), "app_4_4.yaml:6: title.en begins or ends with a space"},
		"number_for_a_level":  {change("basis", "1e999"), `app_4_4.yaml:3: unknown level "1e999"`},
		"old_bool_for_a_text": {change(`"Title"`, "yes"), ""},
		"empty_text_by_null":  {change(`"Title"`, "~"), "app_4_4.yaml:6: title.en has to be text"},
		"comments":            {strings.Repeat("#\n", 50_000) + sample, ""},
		"long_text":           {change(`"Title"`, `"`+strings.Repeat("x", 1<<20)+`"`), ""},
		"many_mistakes":       {"requirements:\n" + strings.Repeat("- x\n", 20_000), "app_4_4.yaml:20001: a requirement has to be a mapping"},
	}
}

// TestHostileFiles proves that each mistake has file and line, and that none
// takes long to find.
func TestHostileFiles(t *testing.T) {
	place := regexp.MustCompile(`^app_4_4\.yaml(:[1-9][0-9]*)?: .`)
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := loadSample(c.data, nil, nil)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
			if c.want == "" {
				if err != nil {
					t.Errorf("got %.300v", err)
				}
				return
			}
			all := mistakes(t, err)
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.300q, want %s", all, c.want)
			}
			for _, m := range all {
				if !place.MatchString(m) {
					t.Errorf("a mistake without its place: %.300q", m)
				}
			}
		})
	}
}
