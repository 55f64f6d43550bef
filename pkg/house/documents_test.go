package house

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// documents are read by people who then look for what they name.
var documents = []string{"ARCHITECTURE.md", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"}

var (
	inBackticks = regexp.MustCompile("`([^`\n]+)`")
	inLinks     = regexp.MustCompile(`\]\(([^)\s#]+)`)
	fencedBlock = regexp.MustCompile("(?ms)^```.*?^```")

	// The folders of the repository, and what a file at its root ends with.
	folders  = []string{"cmd", "pkg", "schemas", "deploy", "docs", "bench", ".ci"}
	endings  = []string{".go", ".md", ".yml", ".yaml", ".mod", ".sum"}
	lineMark = regexp.MustCompile(`:\d+$`)
	exported = regexp.MustCompile(`\.[A-Z]\w*(\.\w+)*(\(\))?$`)
)

// MissingFiles lists what text names in backticks or links as a file or folder
// of the repository and exists does not find. Blocks of code are left out, and
// so is a pattern such as pkg/x/<name>.
func MissingFiles(text string, exists func(name string) bool) []string {
	text = fencedBlock.ReplaceAllString(text, "")
	var missing []string
	found := inBackticks.FindAllStringSubmatch(text, -1)
	for _, m := range append(found, inLinks.FindAllStringSubmatch(text, -1)...) {
		name, isFile := fileName(m[1])
		if isFile && !exists(name) && !slices.Contains(missing, m[1]) {
			missing = append(missing, m[1])
		}
	}
	return missing
}

// fileName takes a word for a name of a file: pkg/bus/line.go:12, ./cmd/worker,
// pkg/bus/..., pkg/action.Codes, line.go.
func fileName(word string) (name string, isFile bool) {
	if strings.ContainsAny(word, " <>{}$…") || strings.Contains(word, "://") {
		return "", false
	}
	name = lineMark.ReplaceAllString(strings.TrimPrefix(word, "./"), "")
	name = strings.TrimSuffix(strings.TrimSuffix(name, "/..."), "/")
	first, _, below := strings.Cut(name, "/")
	if below && slices.Contains(folders, first) {
		return exported.ReplaceAllString(name, ""), true
	}
	// Without a folder: go.mod, Taskfile.yml; but not a bare .go.
	return name, !below && slices.Contains(endings, filepath.Ext(name)) && filepath.Ext(name) != name
}

// inRepository finds a name from the root, with * and ?; a name without a
// folder is also found in any folder.
func inRepository(files []string) func(string) bool {
	return func(name string) bool {
		if there, err := filepath.Glob(filepath.Join(root, name)); err == nil && len(there) > 0 {
			return true
		}
		return slices.ContainsFunc(files, func(f string) bool { return filepath.Base(f) == name })
	}
}

func TestDocumentsNameFilesThatExist(t *testing.T) {
	exists := inRepository(repositoryFiles(t))
	for _, name := range documents {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root, name))
			require.NoError(t, err, "%s is one of the documents of the repository; it is not there", name)
			for _, missing := range MissingFiles(string(text), exists) {
				t.Errorf("%s names %s, which does not exist", name, missing)
			}
		})
	}
}

func TestMissingFiles(t *testing.T) {
	there := []string{"pkg/bus", "pkg/bus/line.go", "cmd/worker", "pkg/action", "Taskfile.yml", "docs/errors.md"}
	exists := func(name string) bool { return slices.Contains(there, name) }
	tests := []struct {
		name, text string
		want       []string
	}{
		{"a file", "A line lives in `pkg/bus/line.go`.", nil},
		{"a file that is gone", "A line lives in `pkg/bus/lane.go`.", []string{"pkg/bus/lane.go"}},
		{"a folder", "See `cmd/worker`, `./cmd/worker/` and `pkg/bus/...`.", nil},
		{"a folder that is gone", "See `cmd/wroker`.", []string{"cmd/wroker"}},
		{"a folder of a room that is gone", "`pkg/lost/...`", []string{"pkg/lost/..."}},
		{"a line of a file", "`pkg/bus/line.go:12`", nil},
		{"a line of a file that is gone", "`pkg/bus/lane.go:12`", []string{"pkg/bus/lane.go:12"}},
		{"a name in a package", "`pkg/action.Codes`, `pkg/action.Codes()`, `pkg/action.Error.Cause`", nil},
		{"a name in a package that is gone", "`pkg/auction.Codes`", []string{"pkg/auction.Codes"}},
		{"a file at the root", "`Taskfile.yml`", nil},
		{"a file at the root that is gone", "`Makefile.yml`", []string{"Makefile.yml"}},
		{"a link", "[codes](docs/errors.md#bus) and [the site](https://example.com/pkg/x)", nil},
		{"a link that is gone", "[codes](docs/mistakes.md#bus)", []string{"docs/mistakes.md"}},
		{"named twice", "`pkg/x` `pkg/x`", []string{"pkg/x"}},
		{"no files", "`application/json`, `callout.call.<i>`, `a/b`, `action.Error`, `.go`, `cmd/<name>`, `user.*`", nil},
		{"a block of code", "```\n`pkg/x`\n```\n`pkg/y`", []string{"pkg/y"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, MissingFiles(tt.text, exists))
		})
	}
}
