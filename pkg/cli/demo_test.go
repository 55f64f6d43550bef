package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The demo through the command line: it holds, as one process and as a fleet of
// processes, and --json is one object a line.
func TestDemo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"one process", nil},
		{"a fleet of processes", []string{"--fleet", "3"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := run(t, "callout", append([]string{"demo"}, tt.args...)...)
			require.Zero(t, got.code, got.err+got.out)
			require.Empty(t, got.err)
			require.Contains(t, got.out, "UserAddedHook")
			require.NotContains(t, got.out, "\x1b", "plain lines when the output is no terminal")

			lines := demoLines(t, append([]string{"--json"}, tt.args...)...)
			require.Equal(t, "begin", lines[0]["kind"])
			require.Equal(t, "end", lines[len(lines)-1]["kind"])
			require.Equal(t, true, lines[len(lines)-1]["ok"])
		})
	}
}

// demoLines runs the demo and reads what it prints, line by line.
func demoLines(t *testing.T, args ...string) []map[string]any {
	t.Helper()
	got := run(t, "callout", append([]string{"demo"}, args...)...)
	require.Zero(t, got.code, got.err+got.out)
	require.Empty(t, got.err)
	var lines []map[string]any
	for text := range strings.Lines(got.out) {
		require.True(t, strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}\n"), text)
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line), text)
		lines = append(lines, line)
	}
	return lines
}

// A demo that cannot be played ends with 1 and names the step: here the user's
// own LDAP server is away.
func TestDemoFails(t *testing.T) {
	t.Parallel()
	got := run(t, "callout", "demo", "--ldap", "ldap://"+free(t), "--ldap-base", "ou=people,dc=example,dc=com")
	require.Equal(t, 1, got.code)
	require.Empty(t, got.err, "told once")
	require.Contains(t, got.out, "step UserAddedHook->>LDAP: Store new user")
}

// TestDemoHoldCommands runs what the demo gives to try, as it is printed, in the
// folder where the demo was started.
func TestDemoHoldCommands(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"named": os.Getenv("PATH"), "by its path": "/usr/bin:/bin"} { // testscript puts a callout there
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tryDemoCommands(t, path)
		})
	}
}

func tryDemoCommands(t *testing.T, path string) {
	t.Helper()
	dir := t.TempDir()
	p := newProcess("callout", []string{"PATH=" + path}, "demo", "--hold", "--json")
	p.cmd.Dir = dir
	require.NoError(t, p.start(t))
	p.out.await(t, " status --server")
	var tried []string
	for text := range strings.Lines(p.out.String()) {
		var line struct{ Kind, Command string }
		if json.Unmarshal([]byte(text), &line) != nil || line.Kind != "try" {
			continue
		}
		shell := command(t.Context(), "callout", []string{"PATH=" + path})
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line.Command)
		cmd.Env, cmd.Dir = shell.Env, dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", line.Command, out)
		tried = append(tried, line.Command)
	}
	require.GreaterOrEqual(t, len(tried), 3)
	require.Contains(t, strings.Join(tried, "\n"), " get subscriptions --server http://")
	code, _ := p.stop(t, interrupt)
	require.Zero(t, code, p.log)
}
