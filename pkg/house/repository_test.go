package house

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the repository's, seen from this folder: tests run in their own.
const root = "../.."

// testCommand is the one that README.md gives, CONTRIBUTING.md repeats and
// .ci/run calls.
const testCommand = "go tool -modfile=deploy/tools/go.mod task test"

// repositoryFiles lists the files that are committed or would be, as paths
// from the root with forward slashes.
func repositoryFiles(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err, "git ls-files, which lists what is committed")
	var files []string
	folders := map[string]bool{}
	for _, name := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || !info.Mode().IsRegular() {
			continue // removed, and not committed yet
		}
		files = append(files, name)
		for dir := path.Dir(name); !folders[dir]; dir = path.Dir(dir) {
			folders[dir] = true
			// The go command keeps a test's result until a file or folder
			// that it opened changes. It does not see what git opens.
			_, err := os.ReadDir(filepath.Join(root, dir))
			require.NoError(t, err)
		}
	}
	require.NotEmpty(t, files)
	return files
}

// readFile gives a file of the repository.
func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err, "the repository needs a file %s", name)
	return string(text)
}

func TestTestCommandIsTheSameEverywhere(t *testing.T) {
	for _, name := range []string{"README.md", "CONTRIBUTING.md", ".ci/run"} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, readFile(t, name), testCommand)
		})
	}
	info, err := os.Stat(filepath.Join(root, ".ci/run"))
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o100, ".ci/run can be executed")
}
