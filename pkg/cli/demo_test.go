package cli_test

import (
	"encoding/json"
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
