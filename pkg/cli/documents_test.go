package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A page is run as a reader follows it, from its first line to its last, in an empty
// folder. What a fenced block is for stands behind its language:
//
//	sh             lines of a shell; they must end well
//	sh stays       a line that goes on, such as a server
//	sh elsewhere   lines that nobody can run here; the test names them
//	yaml NAME      a file of that name; the text before names it too
//	json answer    what the block before printed, with … for what is another each time
//
// A block of another language without a word behind it is there to be read.
// Sections with the title of a language are alternatives: one is followed.
type document struct {
	name   string
	only   string // the one section with this title; empty = all of it
	chosen string // of the alternatives

	elsewhere []string
}

var alternatives = []string{"Python", "Node", "Go"}

// block is a fenced block of a page.
type block struct {
	line           int // of the page
	section        string
	language, word string
	text, before   string // what it holds, and the paragraph before it
}

var (
	fence   = regexp.MustCompile("^```(\\w*) *(.*)$")
	heading = regexp.MustCompile(`^(#+) (.+)$`)
)

// blocksOf reads the blocks of a page that this reader follows.
func (p document) blocksOf(text string) (blocks []block) {
	var open *block
	section, alternative, inside := "", "", p.only == ""
	paragraph, ended := "", true
	for n, line := range strings.Split(text, "\n") {
		mark := fence.FindStringSubmatch(line)
		title := heading.FindStringSubmatch(line)
		switch {
		case open != nil && line == "```":
			if inside && (alternative == "" || alternative == p.chosen) {
				blocks = append(blocks, *open)
			}
			open, paragraph = nil, ""
		case open != nil:
			open.text += line + "\n"
		case mark != nil:
			open = &block{line: n + 1, section: section, language: mark[1], word: mark[2], before: paragraph}
		case title != nil:
			section, alternative = title[2], ""
			if slices.Contains(alternatives, section) {
				alternative = section
			}
			if p.only != "" && title[1] == "##" {
				inside = section == p.only
			}
		case line == "":
			ended = true
			continue
		case ended:
			paragraph = line
		default:
			paragraph += " " + line
		}
		ended = mark != nil || title != nil
	}
	return blocks
}

// follow does what a page says, in its order, and fails at the first thing that does
// not go as it says.
func (p document) follow(t *testing.T, b *reader) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", p.name))
	require.NoError(t, err)
	printed, elsewhere := "", []string(nil)
	blocks := p.blocksOf(string(text))
	require.NotEmpty(t, blocks)
	for _, k := range blocks {
		at := fmt.Sprintf("%s:%d", p.name, k.line)
		switch {
		case k.language == "sh" && k.word == "":
			t.Log(at)
			printed = b.run(t, k.text)
		case k.language == "sh" && k.word == "stays":
			t.Log(at)
			printed = b.start(t, k.text).String()
		case k.language == "sh" && k.word == "elsewhere":
			elsewhere = append(elsewhere, strings.Fields(k.text)[0])
		case k.language == "sh":
			require.Fail(t, "a block of the shell that nobody knows", "%s: %s", at, k.word)
		case k.word == "answer":
			want := regexp.QuoteMeta(strings.TrimSpace(b.ports.Replace(k.text)))
			require.Regexp(t, "^(?s:"+strings.ReplaceAll(want, "…", ".*?")+")$", strings.TrimSpace(printed), at)
		case k.word != "":
			require.Contains(t, k.before, "`"+k.word+"`", "%s: the text before a file names it", at)
			b.write(t, k.word, k.text)
		}
	}
	require.Equal(t, p.elsewhere, elsewhere, "what cannot be run here")
}

// TestDocuments follows the pages.
func TestDocuments(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]document{
		"targets in Python": {name: "docs/targets.md", chosen: "Python"},
		"targets in Node":   {name: "docs/targets.md", chosen: "Node"},
		"targets in Go":     {name: "docs/targets.md", chosen: "Go"},
		"core in Python":    {name: "docs/core.md", chosen: "Python"},
		"core in Node":      {name: "docs/core.md", chosen: "Node"},
		"core in Go":        {name: "docs/core.md", chosen: "Go"},
		"configuration":     {name: "docs/configuration.md"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for language, program := range map[string]string{"Python": "python3", "Node": "node"} {
				if p.chosen == language {
					needs(t, program)
				}
			}
			p.follow(t, newReader(t))
		})
	}
}

// TestDocumentsHaveOneSource: the targets and cores of the pages are those that init
// writes.
func TestDocumentsHaveOneSource(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("start/*/*")
	require.NoError(t, err)
	shown := 0
	for _, file := range files {
		page, isTarget := "../../docs/core.md", strings.HasPrefix(filepath.Base(file), "target.")
		if isTarget {
			page = "../../docs/targets.md"
		} else if !strings.HasPrefix(filepath.Base(file), "core.") {
			continue
		}
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), "\n"+string(source)+"```\n", "%s in %s", file, page)
		shown++
	}
	require.Equal(t, 6, shown)
}

// TestDocumentsAreRead: what the reader of pages makes of one.
func TestDocumentsAreRead(t *testing.T) {
	t.Parallel()
	const text = "# P\n\nWrite `a.py`,\nnow:\n\n```python a.py\nx\n```\n\n## One\n\n```sh\necho\n\n# no heading\n```\n\n### Go\n\n```sh stays\ngo\n```\n\n### Node\n\n```sh\nnode\n```\n\n## Two\n\n```json answer\n{}\n```\n"
	read := func(p document) (all []string) {
		for _, k := range p.blocksOf(text) {
			all = append(all, fmt.Sprintf("%d %s|%s|%s|%s", k.line, k.language, k.word, k.before, k.text))
		}
		return all
	}
	require.Equal(t, []string{"6 python|a.py|Write `a.py`, now:|x\n", "12 sh|||echo\n\n# no heading\n", "20 sh|stays||go\n", "32 json|answer||{}\n"}, read(document{chosen: "Go"}))
	require.Equal(t, []string{"12 sh|||echo\n\n# no heading\n", "26 sh|||node\n"}, read(document{only: "One", chosen: "Node"}))
}
