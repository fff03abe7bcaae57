package catalogue

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// BSI's text is not ours to give away, so what our own text is compared with
// are 32 bits of the SHA-256 of every run of six words in it: enough to find a
// run that was taken over, too little to bring one back. Two runs that have
// nothing in common meet by chance less than once in a hundred catalogues;
// then reword.
const (
	runOfWords = 6
	normHashes = "testdata/norm_hashes.txt"
)

// runs gives every run of six words, in lower case and without punctuation.
func runs(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var out []string
	for i := 0; i+runOfWords <= len(words); i++ {
		out = append(out, strings.Join(words[i:i+runOfWords], " "))
	}
	return out
}

func hashOf(run string) string {
	sum := sha256.Sum256([]byte(run))
	return fmt.Sprintf("%x", sum[:4])
}

// taken gives the runs of text that are among the hashes, which are sorted.
func taken(text string, hashes []string) []string {
	var out []string
	for _, run := range runs(text) {
		if _, found := slices.BinarySearch(hashes, hashOf(run)); found {
			out = append(out, run)
		}
	}
	return out
}

// TestOwnWords: no six words in a row may be those of the norm. Whoever has
// the German text, as JSON of the form {requirement: {"s": [sentences]}}, names
// the file in BVC_NORM; then the hashes are compared with it, and -update
// writes them.
func TestOwnWords(t *testing.T) {
	if path := os.Getenv("BVC_NORM"); path != "" {
		compareHashes(t, path)
	}
	data, err := os.ReadFile(normHashes)
	if err != nil {
		t.Fatal(err)
	}
	hashes := strings.Fields(string(data))
	if len(hashes) < 1000 || !slices.IsSorted(hashes) {
		t.Fatalf("%s has %d hashes, want more than 1000 in order", normHashes, len(hashes))
	}
	for _, r := range norm(t).Requirements {
		for _, s := range r.Statements {
			texts := []string{s.Text.De, s.Question.De}
			if s.Note != nil {
				texts = append(texts, s.Note.De)
			}
			for _, text := range texts {
				for _, run := range taken(text, hashes) {
					t.Errorf("%s has six words of the norm in a row: %q", s.ID, run)
				}
			}
		}
	}
}

func compareHashes(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var text map[string]struct {
		S []string `json:"s"`
	}
	if err := json.Unmarshal(data, &text); err != nil {
		t.Fatal(err)
	}
	var hashes []string
	for _, requirement := range text {
		for _, sentence := range requirement.S {
			for _, run := range runs(sentence) {
				hashes = append(hashes, hashOf(run))
			}
		}
	}
	slices.Sort(hashes)
	want := strings.Join(slices.Compact(hashes), "\n") + "\n"
	if *update {
		if err := os.WriteFile(normHashes, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(normHashes)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s does not belong to %s; run the test with -update", normHashes, path)
	}
}

// TestTakenFindsARun proves that TestOwnWords can fail.
func TestTakenFindsARun(t *testing.T) {
	var hashes []string
	for _, run := range runs("Eins zwei, drei vier „fünf“ sechs und sieben.") {
		hashes = append(hashes, hashOf(run))
	}
	slices.Sort(hashes)
	if len(hashes) != 3 {
		t.Fatalf("%d runs of six in eight words, want 3", len(hashes))
	}
	if got := taken("Hier: ZWEI drei Vier fünf sechs und acht.", hashes); !slices.Equal(got, []string{"zwei drei vier fünf sechs und"}) {
		t.Errorf("got %q", got)
	}
	if got := taken("Zwei drei vier fünf sechs oder sieben.", hashes); got != nil {
		t.Errorf("five words in a row: got %q", got)
	}
}
