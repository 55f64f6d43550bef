package scaffold_test

import (
	"encoding/json"
	"errors"
	"flag"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/scaffold"
)

type jsonText = json.RawMessage

var update = flag.Bool("update", false, "write the golden files anew")

var conditions = []action.Condition{
	{Phase: action.Request, Match: createUser},
	{Phase: action.Request, Match: "/acme.admin.v1.UserService/CreateUser"},
	{Phase: action.Request, Match: "*"},
	{Phase: action.Response, Match: "acme.user.v1.UserService"},
	{Phase: action.Function, Match: "create_id_token"},
	{Phase: action.OnEvent, Match: "user.added"},
	{Phase: action.OnEvent, Match: "user.*"},
	{Phase: action.OnEvent, Match: `größe."$x\u0022`},
}

// TestProjects holds every template, with a handler of each kind, against what is kept.
func TestProjects(t *testing.T) {
	t.Parallel()
	for _, language := range scaffold.Languages(scaffold.Server) {
		for name, of := range map[string][]action.Condition{"all": conditions, "event": {{Phase: action.OnEvent, Match: "user.added"}}} {
			t.Run(language+"/"+name, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "hooks")
				made, err := scaffold.Generate(t.Context(), scaffold.Options{
					Language: language, Kind: scaffold.Server, Dir: dir, Conditions: of, Look: nothing,
				})
				require.NoError(t, err, "it needs no generator of types")
				golden := filepath.Join("testdata", language, name)
				if *update {
					require.NoError(t, os.RemoveAll(golden))
				}
				made.Files = slices.DeleteFunc(made.Files, func(name string) bool { return name == "callout.generated.json" }) // sums of the others
				for _, file := range made.Files {
					compare(t, filepath.Join(dir, file), filepath.Join(golden, file+".golden"))
				}
				require.Equal(t, made.Files, kept(t, golden), "run: go test ./pkg/scaffold -update")
			})
		}
	}
}

// TestTypedProjects holds what a project has where the types of bodies are known. The types
// themselves are none of ours: a program stands for their generator.
func TestTypedProjects(t *testing.T) {
	for _, l := range []struct{ language, tool, file string }{
		{"go", "ogen", "main.go"}, {"typescript", "openapi-typescript", "src/hooks.ts"}, {"python", "datamodel-codegen", "hooks.py"},
		{"java", "openapi-generator-cli", "src/main/java/Hooks.java"}, {"kotlin", "openapi-generator", "src/main/kotlin/Hooks.kt"},
	} {
		t.Run(l.language, func(t *testing.T) {
			tools := t.TempDir()
			script := "#!/bin/sh\nfor word; do case $word in */out*) echo \"$(cat targets.json | wc -l)\" > \"${word%.*}.made\" ; esac; done\n" +
				"cp targets.json \"" + tools + "/read.json\"\nfor word; do case $word in */out) echo made > $word/made;; esac; done\n"
			require.NoError(t, os.WriteFile(filepath.Join(tools, l.tool), []byte(script), 0o700))
			t.Setenv("PATH", tools+string(os.PathListSeparator)+os.Getenv("PATH"))
			var notes []string
			dir := filepath.Join(t.TempDir(), "hooks")
			_, err := scaffold.Generate(t.Context(), scaffold.Options{
				Language: l.language, Kind: scaffold.Server, Dir: dir, Contract: typed(t), Note: func(line string) { notes = append(notes, line) },
				Look: func(name string) (string, error) {
					if name == l.tool {
						return exec.LookPath(name)
					}
					return "", exec.ErrNotFound
				},
			})
			require.NoError(t, err)
			require.Equal(t, []string{"the types are made by " + l.tool}, notes, "what is run is said")
			compare(t, filepath.Join(dir, l.file), filepath.Join("testdata", "typed", filepath.Base(l.file)+".golden"))
			compare(t, filepath.Join(tools, "read.json"), filepath.Join("testdata", "typed", "contract.json.golden"))
		})
	}
}

// compare holds a file against one that is kept. A key is another one each time.
func compare(t *testing.T, file, golden string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	if filepath.Base(file) == "signing.key" {
		require.Regexp(t, `^whsec_[A-Za-z0-9+/]+=*\n$`, string(text))
		text = []byte("whsec_…\n")
	}
	if strings.HasSuffix(file, ".go") {
		formatted, err := format.Source(text)
		require.NoError(t, err)
		require.Equal(t, string(formatted), string(text), "%s is not formatted", file)
	}
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o750))
		require.NoError(t, os.WriteFile(golden, text, 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err, "run: go test ./pkg/scaffold -update")
	require.Equal(t, string(want), string(text), "run: go test ./pkg/scaffold -update")
}

// kept are the files below a folder, without .golden.
func kept(t *testing.T, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.Walk(dir, func(at string, is os.FileInfo, err error) error {
		if err == nil && !is.IsDir() {
			name, _ := filepath.Rel(dir, strings.TrimSuffix(at, ".golden"))
			names = append(names, filepath.ToSlash(name))
		}
		return err
	}))
	return names
}

func nothing(string) (string, error) { return "", errors.New("it is not here") }
