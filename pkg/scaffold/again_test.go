package scaffold_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/scaffold"
)

// folder is one that projects are generated into.
type folder struct {
	t *testing.T
	o scaffold.Options
}

func newFolder(t *testing.T, o scaffold.Options) *folder {
	t.Helper()
	o.Dir = filepath.Join(t.TempDir(), "hooks")
	if o.Look == nil {
		o.Look = nothing
	}
	return &folder{t, o}
}

func (f *folder) put(name, text string) {
	f.t.Helper()
	require.NoError(f.t, os.MkdirAll(filepath.Dir(filepath.Join(f.o.Dir, name)), 0o750))
	require.NoError(f.t, os.WriteFile(filepath.Join(f.o.Dir, name), []byte(text), 0o600))
}

func (f *folder) text(name string) string {
	f.t.Helper()
	raw, err := os.ReadFile(filepath.Join(f.o.Dir, name))
	require.NoError(f.t, err)
	return string(raw)
}

func (f *folder) generate() scaffold.Made {
	f.t.Helper()
	made, err := scaffold.Generate(f.t.Context(), f.o)
	require.NoError(f.t, err)
	return made
}

func (f *folder) refused(says ...string) {
	f.t.Helper()
	before := map[string]string{}
	for _, name := range kept(f.t, f.o.Dir) {
		before[name] = f.text(name)
	}
	_, err := scaffold.Generate(f.t.Context(), f.o)
	for _, s := range says {
		require.ErrorContains(f.t, err, s)
	}
	require.Len(f.t, kept(f.t, f.o.Dir), len(before))
	for name, text := range before {
		require.Equal(f.t, text, f.text(name), name)
	}
}

var removed = action.Condition{Phase: action.OnEvent, Match: "user.removed"}

// TestAgain: in every language, what somebody has filled in is kept, with force too, what he
// has not touched is written anew, and what his file lacks stands beside it until it does not.
func TestAgain(t *testing.T) {
	t.Parallel()
	for language, main := range map[string]string{
		"go": "main.go", "typescript": "src/hooks.ts", "python": "hooks.py", "java": "src/main/java/Hooks.java", "kotlin": "src/main/kotlin/Hooks.kt",
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, scaffold.Options{Language: language, Kind: scaffold.Server, Conditions: conditions})
			require.False(t, f.generate().Again)
			key := f.text("signing.key")
			made := f.generate()
			require.True(t, made.Again)
			require.Empty(t, made.Files, "nothing has changed")
			require.Equal(t, []string{"signing.key"}, made.Kept)

			f.o.Conditions = append(f.o.Conditions[:len(f.o.Conditions):len(f.o.Conditions)], removed)
			made = f.generate()
			require.Equal(t, []string{"callout.generated.json", "callout.yaml", main}, made.Files, "nobody has changed them")
			require.Contains(t, f.text(main), "user.removed")
			require.Empty(t, made.Lacks)

			mine := f.text(main) + "\n// mine\n"
			config := f.text("callout.yaml") + "\n# mine\n"
			f.put(main, mine)
			f.put("callout.yaml", config)
			f.put("more.txt", "mine too")
			moved := action.Condition{Phase: action.OnEvent, Match: "user.moved"}
			f.o.Conditions = append(f.o.Conditions, moved)
			for _, f.o.Force = range []bool{false, true} {
				made = f.generate()
				require.Equal(t, mine, f.text(main))
				require.Equal(t, config, f.text("callout.yaml"))
				require.Equal(t, "mine too", f.text("more.txt"))
				require.Equal(t, key, f.text("signing.key"))
				require.ElementsMatch(t, []string{"callout.yaml", main, "signing.key"}, made.Kept)
				require.Equal(t, []scaffold.Lack{
					{File: "callout.yaml", Conditions: []string{"event user.moved"}, New: "callout.yaml.new"},
					{File: main, Conditions: []string{"event user.moved"}, New: main + ".new"},
				}, made.Lacks)
				require.Contains(t, f.text(main+".new"), "user.moved")
				require.NotContains(t, f.text(main+".new"), "user.removed")
			}
			f.o.Conditions = f.o.Conditions[:len(f.o.Conditions)-1]
			made = f.generate()
			require.Empty(t, made.Lacks, "in whatever language it is found what is there")
			require.Equal(t, []string{"callout.yaml.new", main + ".new"}, made.Removed)

			require.NoError(t, os.Remove(filepath.Join(f.o.Dir, main)))
			require.NoError(t, os.Remove(filepath.Join(f.o.Dir, "signing.key")))
			f.o.Force = false
			made = f.generate()
			require.Equal(t, []string{main}, made.Gone, "it may be elsewhere by now")
			require.Len(t, made.Lacks, 1)
			require.True(t, made.Lacks[0].Unread)
			require.Contains(t, f.text(main+".new"), "user.removed")
			require.Contains(t, made.Files, "signing.key", "nobody has it whose checkout is new")
			f.o.Force = true
			require.Contains(t, f.generate().Files, main)
		})
	}
}

// TestGeneratedFilesAreOurs: types that somebody has changed are written over by force
// alone, and never where they were not ours; those that nothing needs any more go.
func TestGeneratedFilesAreOurs(t *testing.T) {
	tools := t.TempDir()
	more := filepath.Join(tools, "more")
	script := "#!/bin/sh\nfor word; do case $word in */out/*) echo made > $word; if test -e " + more + "; then echo made > ${word%/*}/more.py; fi;; esac; done\n"
	tool := filepath.Join(tools, "datamodel-codegen")
	require.NoError(t, os.WriteFile(tool, []byte(script), 0o700))
	require.NoError(t, os.WriteFile(more, nil, 0o600))
	t.Setenv("PATH", tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	f := newFolder(t, scaffold.Options{Language: "python", Kind: scaffold.Server, Contract: typed(t), Look: func(string) (string, error) { return tool, nil }})
	f.generate()
	require.Equal(t, "made\n", f.text("hook_types.py"))
	require.NoError(t, os.Remove(more))
	require.Equal(t, []string{"more.py"}, f.generate().Removed)

	f.put("hook_types.py", "changed")
	f.refused("has hook_types.py, which is generated and has been changed since: nothing is written", "--force")
	f.o.Force = true
	require.Contains(t, f.generate().Files, "hook_types.py")
	require.Equal(t, "made\n", f.text("hook_types.py"))

	strange := newFolder(t, f.o)
	strange.put("hook_types.py", "mine")
	strange.put("hooks.py", "mine")
	strange.o.Force = false
	strange.refused("is not empty, it has hook_types.py, hooks.py: nothing is written", "--force")
	strange.o.Force = true
	strange.refused("has hook_types.py, which callout generate has not written")
	require.NoError(t, os.Remove(filepath.Join(strange.o.Dir, "hook_types.py")))
	made := strange.generate()
	require.Equal(t, "mine", strange.text("hooks.py"))
	require.Contains(t, made.Kept, "hooks.py")
	require.Len(t, made.Lacks[0].Conditions, 4)
	require.Contains(t, strange.text("hooks.py.new"), "hook_types")
}

// TestRecordsOfStrangers: what a record says is not believed where it leads out of the
// folder, is of another project or cannot be read.
func TestRecordsOfStrangers(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`{"language":"go","kind":"server","files":{"../a":{"sha256":"x","generated":true}}}`: `names "../a", which is not in the folder`,
		`{"language":"go","kind":"server","files":{"/etc/a":{"sha256":"x"}}}`:                "which is not in the folder",
		`{"language":"python","kind":"server"}`:                                              "has a server in python",
		`{"language":"go","kind":"types"}`:                                                   "has a type in go",
		`nothing`:                                                                            "cannot be read",
	} {
		f := newFolder(t, scaffold.Options{Language: "go", Kind: scaffold.Server, Conditions: added, Force: true})
		f.put("callout.generated.json", text)
		f.refused(says)
	}
}
