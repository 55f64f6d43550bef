package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const readme = "../../README.md"

// TestReadme follows "Use it" of the README, and runs its core in Go beside.
func TestReadme(t *testing.T) {
	t.Parallel()
	b := newReader(t)
	core := buildReadmeCore(t, b)
	needs(t, "python3")
	document{name: "README.md", only: "Use it"}.follow(t, b)
	require.Equal(t, "{\"name\":\"Ada\",\"displayName\": \"Ada of ACME\"}\n", b.run(t, core))
}

// buildReadmeCore builds the core in Go of the README as a program of this module:
// who follows the page gets the module from the network.
func buildReadmeCore(t *testing.T, b *reader) string {
	t.Helper()
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	for _, k := range (document{only: "Use it"}).blocksOf(string(text)) {
		if k.word == "core.go" {
			b.write(t, k.word, k.text)
		}
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "cmd/readme/core.go"): filepath.Join(b.dir, "core.go")}})
	require.NoError(t, err)
	b.write(t, "overlay.json", string(overlay))
	program := filepath.Join(b.home, "core")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(b.dir, "overlay.json"), "-o", program, "./cmd/readme")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

var calloutLine = regexp.MustCompile(`(?m)^callout [^#\n]*`)

// TestReadmeNamesCommands that there are, with flags that there are.
func TestReadmeNamesCommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	lines := calloutLine.FindAllString(string(text), -1)
	require.Greater(t, len(lines), 15)
	b := newReader(t)
	for _, line := range lines {
		b.run(t, strings.TrimSpace(line)+" --help")
	}
}

// TestInstallGivesThreePrograms: what `go install …/cmd/...` installs.
func TestInstallGivesThreePrograms(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Name}} {{.ImportPath}}", "../../cmd/...").Output()
	require.NoError(t, err)
	const module = "github.com/callout-hq/callout/cmd/"
	require.Equal(t, "main "+module+"callout\nmain "+module+"dispatcher\nmain "+module+"worker\n", string(out))
}
