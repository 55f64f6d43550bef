package scaffold_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/scaffold"
)

var added = []action.Condition{{Phase: action.OnEvent, Match: "user.added"}}

func TestRefusals(t *testing.T) {
	t.Parallel()
	many := make([]action.Condition, scaffold.MaxConditions+1)
	for i := range many {
		many[i] = action.Condition{Phase: action.OnEvent, Match: "e" + strconv.Itoa(i)}
	}
	for _, c := range []struct {
		name string
		o    scaffold.Options
		says []string
	}{
		{"a language that nobody knows", scaffold.Options{Language: "cobol", Kind: scaffold.Server, Conditions: added}, []string{`"cobol" is no language that a server`, "go, typescript, python, java, kotlin are"}},
		{"a language without an SDK", scaffold.Options{Language: "rust", Kind: scaffold.Server, Conditions: added}, []string{`"rust" is no language that a server`}},
		{"no condition", scaffold.Options{Language: "go", Kind: scaffold.Server}, []string{"there is no condition", "--event user.added"}},
		{"none that is one", scaffold.Options{Language: "go", Kind: scaffold.Server, Conditions: []action.Condition{{Phase: action.OnEvent, Match: "user*"}}}, []string{`event "user*"`, `did you mean "user.*"`}},
		{"one twice", scaffold.Options{Language: "go", Kind: scaffold.Server, Conditions: append(slices.Clone(added), added...)}, []string{`event "user.added" is named twice`}},
		{"too many", scaffold.Options{Language: "go", Kind: scaffold.Server, Conditions: many}, []string{"there are 501 conditions", "at most 500"}},
		{"no checkout", scaffold.Options{Language: "go", Kind: scaffold.Server, Conditions: added, SDK: "testdata"}, []string{"is no checkout of Callout"}},
		{"no generator for Go", scaffold.Options{Language: "go", Kind: scaffold.Types}, []string{"ogen, which is not here", "go install github.com/ogen-go/ogen/cmd/ogen@v1.24.0"}},
		{"none for TypeScript", scaffold.Options{Language: "typescript", Kind: scaffold.Types}, []string{"npm install --global openapi-typescript@7.13.0"}},
		{"none for Python", scaffold.Options{Language: "python", Kind: scaffold.Types}, []string{"pipx install datamodel-code-generator==0.89.0"}},
		{"none for Rust", scaffold.Options{Language: "rust", Kind: scaffold.Types}, []string{"apt-get install maven"}},
		{"none for a typed server", scaffold.Options{Language: "go", Kind: scaffold.Server, Contract: typed(t)}, []string{"ogen, which is not here"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			above := t.TempDir()
			c.o.Dir, c.o.Look = filepath.Join(above, "new", "hooks"), nothing
			_, err := scaffold.Generate(t.Context(), c.o)
			for _, says := range c.says {
				require.ErrorContains(t, err, says)
			}
			require.Empty(t, kept(t, above), "something is left behind")
			require.NoDirExists(t, filepath.Join(above, "new"))
		})
	}
}

func TestAFolderWithFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := scaffold.Options{Language: "python", Kind: scaffold.Server, Dir: dir, Conditions: added, Look: nothing}
	put := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	text := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(raw)
	}
	put("hooks.py", "mine")
	put("signing.key", "whsec_mine")
	put("more.txt", "mine too")
	_, err := scaffold.Generate(t.Context(), o)
	require.ErrorContains(t, err, "is not empty, it has hooks.py, more.txt, signing.key")
	require.ErrorContains(t, err, "--force")
	require.Len(t, kept(t, dir), 3)
	require.Equal(t, "mine", text("hooks.py"))

	o.Force = true
	_, err = scaffold.Generate(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "mine", text("hooks.py"), "what is not ours is never written over")
	require.Contains(t, text("hooks.py.new"), "event_user_added")
	require.Equal(t, "mine too", text("more.txt"))
	require.Equal(t, "whsec_mine", text("signing.key"), "a key is never written over")
	require.Equal(t, []string{".gitignore", "README.md", "callout.generated.json", "callout.yaml", "hooks.py", "hooks.py.new", "more.txt", "pyproject.toml", "signing.key"}, kept(t, dir))
}

// TestNothingIsHalfWritten though the last file cannot be written.
func TestNothingIsHalfWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README.md"), []byte("mine"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "tsconfig.json"), 0o750)) // it is written behind src/hooks.ts
	_, err := scaffold.Generate(t.Context(), scaffold.Options{
		Language: "typescript", Kind: scaffold.Server, Dir: dir, Conditions: added, Force: true, Look: nothing,
	})
	require.ErrorContains(t, err, "tsconfig.json is no file")
	require.Equal(t, []string{"README.md"}, kept(t, dir))
	require.NoDirExists(t, filepath.Join(dir, "src"))
	raw, err := os.ReadFile(filepath.Join(dir, "README.md"))
	require.NoError(t, err)
	require.Equal(t, "mine", string(raw))
}

// TestAGeneratorThatFails is told with what it printed, and one that writes nothing too.
func TestAGeneratorThatFails(t *testing.T) {
	for script, says := range map[string]string{"echo 'no such schema' >&2; exit 3": "exit status 3\nno such schema", "echo fine": "wrote nothing\nfine"} {
		tools, above := t.TempDir(), t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(tools, "ogen"), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
		t.Setenv("PATH", tools+string(os.PathListSeparator)+os.Getenv("PATH"))
		_, err := scaffold.Generate(t.Context(), scaffold.Options{Language: "go", Kind: scaffold.Types, Dir: filepath.Join(above, "types")})
		require.ErrorContains(t, err, says)
		require.Empty(t, kept(t, above))
		require.False(t, strings.Contains(err.Error(), above), "it speaks of what it was given")
	}
}
