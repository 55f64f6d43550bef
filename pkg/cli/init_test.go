package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A stranger is to have a call answered this soon after init.
const soonEnough = 2 * time.Minute

var triedLine = regexp.MustCompile(`(?m)^  (.+)$`)

// TestInit does what init says, line by line: the target and Callout stay, the core
// makes a call and publishes an event.
func TestInit(t *testing.T) {
	t.Parallel()
	for language, program := range map[string]string{"go": "go", "python": "python3", "node": "node"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			needs(t, program)
			b := newReader(t)
			began := time.Now()
			said := b.run(t, "callout init 'a b/try' --core "+language)
			lines := triedLine.FindAllStringSubmatch(said, -1)
			require.Len(t, lines, 3, said)
			config := filepath.Join(b.dir, "a b/try/callout.yaml")
			text, err := os.ReadFile(config)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(config, []byte(b.ports.Replace(string(text))), 0o600))

			target := b.start(t, lines[0][1])
			b.start(t, lines[1][1])
			require.Equal(t, "created: {\"givenName\":\"Ada\",\"familyName\":\"Lovelace\",\"displayName\":\"Ada Lovelace\"}\n"+
				"stored: 1 event\nrefused: 422 a user needs a given name\n", b.run(t, lines[2][1]))
			took := time.Since(began)
			target.await(t, "event user.added of u1\n", nil)
			t.Logf("from nothing to an answered call: %s", took.Round(time.Millisecond))
			require.Less(t, took, soonEnough)
		})
	}
}

// TestInitVerifies: what is not signed with the key, or long ago, is refused.
func TestInitVerifies(t *testing.T) {
	t.Parallel()
	for language, program := range map[string]string{"go": "go", "python": "python3", "node": "node"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			needs(t, program)
			b := newReader(t)
			said := b.run(t, "callout init . --core "+language)
			b.start(t, triedLine.FindStringSubmatch(said)[1])
			key, err := os.ReadFile(filepath.Join(b.dir, "signing.key"))
			require.NoError(t, err)
			tryForgeries(t, b.ports.Replace("http://127.0.0.1:9000/audit"), strings.TrimSpace(string(key)))
		})
	}
}

func TestInitWritesOverNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".hidden"), nil, 0o600))
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"a folder that is not empty", nil, 1, "callout: . is not empty, it has .hidden: nothing is written; name another folder\n"},
		{"a file", []string{".hidden"}, 1, ""},
		{"below a file", []string{".hidden/x"}, 1, ""},
		{"a language that is not known", []string{"new", "--core", "cobol"}, 2, "callout: --core \"cobol\": go, python or node is known\nSee \"callout init --help\".\n"},
		{"two folders", []string{"new", "newer"}, 2, "callout: callout init takes one DIR, not 2\nSee \"callout init --help\".\n"},
	} {
		got := runWith(t, "callout", runOptions{dir: dir}, append([]string{"init"}, tt.args...)...)
		require.Equal(t, tt.code, got.code, "%s: %s", tt.name, got.err)
		require.Empty(t, got.out, tt.name)
		if tt.says != "" {
			require.Equal(t, tt.says, got.err, tt.name)
		}
		there, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, there, 1, tt.name)
	}
}

// TestInitKeepsTheKey to its owner, and each folder has another.
func TestInitKeepsTheKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var keys []string
	for _, name := range []string{"a", "b"} {
		require.Equal(t, 0, runWith(t, "callout", runOptions{dir: dir}, "init", name).code)
		file := filepath.Join(dir, name, "signing.key")
		is, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), is.Mode().Perm())
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		keys = append(keys, string(text))
		ignored, err := os.ReadFile(filepath.Join(dir, name, ".gitignore"))
		require.NoError(t, err)
		require.Contains(t, string(ignored), "/signing.key\n")
	}
	require.NotEqual(t, keys[0], keys[1])
	got := runWith(t, "callout", runOptions{dir: filepath.Join(dir, "a")}, "check", "-f", "callout.yaml")
	require.Equal(t, result{0, "callout.yaml: 0 errors, 0 warnings\n", ""}, got)
}
