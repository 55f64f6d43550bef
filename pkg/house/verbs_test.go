package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// How each SDK declares a name, in the order of the columns of docs/targets.md. %s is the name.
var sdks = []struct{ language, files, declares string }{
	{"Go", `^sdk/go/[a-z]+\.go$`, `(?m)^func (?:\([^)]*\) )?%s[\[(]|^\t%s[( ]`},
	{"TypeScript", `^sdk/typescript/src/[a-z]+\.ts$`, `(?m)^export const %s = |^  (?:async |get )?%s[<(]`},
	{"Python", `^sdk/python/src/callout/[a-z]+\.py$`, `(?m)^ *(?:async )?(?:def|class) %s\b`},
	{"Java", `^sdk/java/src/main/java/io/github/callouthq/callout/[A-Za-z]+\.java$`, `(?m)^ +(?:public |static )*[\w<>., ]+ %s\(|^public final class %s `},
}

// verbs is the table of names: for each row a cell for each SDK, "" where it has another way.
func verbs(text string) [][]string {
	_, text, _ = strings.Cut(text, "\n## The words of the SDKs\n")
	var rows [][]string
	name := regexp.MustCompile("^`(\\w+)`$")
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != len(sdks)+1 || strings.HasPrefix(cells[0], "-") || strings.TrimSpace(cells[1]) == sdks[0].language {
			continue
		}
		var row []string
		for _, cell := range cells[1:] {
			found := name.FindStringSubmatch(strings.TrimSpace(cell))
			if found == nil {
				found = []string{"", ""}
			}
			row = append(row, found[1])
		}
		rows = append(rows, row)
	}
	return rows
}

// A thing has the same name in the four SDKs, but for the casing of the language, and the table that says so
// names what is there.
func TestTheSDKsHaveTheSameWords(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/targets.md"))
	require.NoError(t, err)
	rows := verbs(string(text))
	require.Greater(t, len(rows), 15)
	files := repositoryFiles(t)
	for i, sdk := range sdks {
		var source strings.Builder
		for _, name := range files {
			if regexp.MustCompile(sdk.files).MatchString(name) {
				text, err := os.ReadFile(filepath.Join(root, name))
				require.NoError(t, err)
				source.Write(text)
			}
		}
		for _, row := range rows {
			if row[i] == "" {
				continue
			}
			declares := regexp.MustCompile(strings.ReplaceAll(sdk.declares, "%s", row[i]))
			assert.True(t, declares.MatchString(source.String()), "the SDK for %s has no %s", sdk.language, row[i])
		}
	}
	for _, row := range rows {
		want := ""
		for _, name := range row {
			plain := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "On"), "_", ""))
			if want == "" {
				want = plain
			}
			assert.True(t, plain == "" || plain == want, "%s is %s in another SDK: give them one name", want, name)
		}
	}
}
