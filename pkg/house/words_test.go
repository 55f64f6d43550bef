package house

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// A word that no committed file holds. This file is the one exception, since
// it lists them. Add a row to forbid another: bad is a text that it must
// catch, good one that it must leave alone.
type word struct {
	because   string
	pattern   *regexp.Regexp
	bad, good string
}

var forbidden = []word{{
	because: "a path of one machine",
	pattern: regexp.MustCompile("(?:^|[\\s\"'`(=:,])/(?:work|root|home|Users)/"),
	bad:     "see /" + "work/main", good: "pkg/work/story.go and https://example.com/home/x",
}, {
	because: "a host that serves modules or packages",
	pattern: regexp.MustCompile(`(?i)\b(?:proxy\.golang\.org|sum\.golang\.org|goproxy\.\w+|registry\.npmjs\.org|(?:deb|security)\.debian\.org|pypi\.org)\b`),
	bad:     "GOPROXY=https://proxy.golang.org", good: "golang.org/x/time",
}, {
	because: "work left undone: finish it, or open an issue",
	pattern: regexp.MustCompile(`\b(?:TODO|FIXME|XXX)\b`),
	bad:     "// TODO: retry", good: "todos",
}, {
	because: "a paper that is not in the repository",
	pattern: regexp.MustCompile(`\b(?:DESIGN|FACTS)(?:\.md\b|,? \d)`),
	bad:     "as DESIGN 5 says", good: "the design of a line",
}, {
	because: "how the text came to be: it speaks of Callout alone",
	pattern: regexp.MustCompile(`(?i)\b(?:claude|anthropic|chatgpt|llm|sub-?agents?|ai assistant|coding (?:agent|session)|shared/)`),
	bad:     "written by an LLM", good: "User-Agent, and user.session.added",
}}

const words = "pkg/house/words_test.go"

// ForbiddenWords names each forbidden word in text, with its line.
func ForbiddenWords(name string, text []byte) []string {
	var found []string
	for i, line := range bytes.Split(text, []byte("\n")) {
		for _, w := range forbidden {
			if hit := w.pattern.Find(line); hit != nil {
				found = append(found, fmt.Sprintf("%s:%d: %q: %s", name, i+1, bytes.TrimSpace(hit), w.because))
			}
		}
	}
	return found
}

func TestCommittedFilesHoldNoForbiddenWord(t *testing.T) {
	for _, name := range repositoryFiles(t) {
		// Checksums are random letters; a file with a zero byte is no text.
		if name == words || path.Ext(name) == ".sum" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		if bytes.IndexByte(text, 0) >= 0 {
			continue
		}
		for _, f := range ForbiddenWords(name, text) {
			t.Error(f)
		}
	}
}

func TestForbiddenWords(t *testing.T) {
	for _, w := range forbidden {
		t.Run(w.because, func(t *testing.T) {
			found := ForbiddenWords("a.md", []byte("fine\n"+w.bad+"\n"))
			require.Len(t, found, 1)
			require.Regexp(t, `^a\.md:2: ".*": `+regexp.QuoteMeta(w.because)+`$`, found[0])
			require.Empty(t, ForbiddenWords("a.md", []byte(w.good)))
		})
	}
}
