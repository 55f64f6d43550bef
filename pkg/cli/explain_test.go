package cli_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// questions are asked of both examples; the answers stand in one golden file.
var questions = [][]string{
	{"-f", "callout.yaml", "request", "/zitadel.user.v2.UserService/AddHumanUser", "--org", "acme"},
	{"-f", "callout.yaml", "response", "/zitadel.user.v2.UserService/AddHumanUser"},
	{"-f", "callout.yaml", "function", "create_id_token", "--org", "nobody"},
	{"-f", "callout.yaml", "event", "user.added", "--org", "acme"},
	{"-f", "callout.yaml", "event", "usergrant.added"},
	{"-f", "match.yaml", "request", "/user.v2.User/DeleteMetadata"},
	{"-f", "match.yaml", "request", "/user.v2.User/Quiet"},
	{"-f", "match.yaml", "event", "user.human.added"},
	{"-f", "match.yaml", "event", "user.added", "--org", "acme"},
	{"-f", "match.yaml", "response", "/user.v2.User/Delete"},
	{"-f", "match.yaml", "function", "claims", "-o", "json"},
	{"-f", "match.yaml", "function", "claims", "-o", "yaml"},
}

func TestExplain(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i, question := range questions {
		name := []string{"explain", "match"}[i%2] // the alias is the same
		got := runWith(t, "callout", runOptions{dir: examples}, append([]string{name}, question...)...)
		require.Zero(t, got.code, got.err)
		require.Empty(t, got.err)
		b.WriteString("$ callout explain " + strings.Join(question, " ") + "\n" + got.out + "\n")
	}
	golden(t, "explain.golden", b.String())
}

// TestExplainOfAServer says the same of what is in force as of the file, and
// which revision that is.
func TestExplainOfAServer(t *testing.T) {
	t.Parallel()
	_, callout := unconfigured(t)
	require.Zero(t, callout("", "apply", "-f", "match.yaml").code)
	for _, question := range questions {
		if question[1] != "match.yaml" {
			continue
		}
		offline := callout("", append([]string{"explain"}, question...)...)
		online := callout("", append([]string{"explain"}, question[2:]...)...)
		require.Zero(t, online.code, online.err)
		require.NotEqual(t, offline.out, online.out)
		without := strings.NewReplacer(", revision 2)", ")", `"revision":2`, `"revision":0`, "revision: 2", "revision: 0")
		require.Equal(t, offline.out, without.Replace(online.out))
	}
}

func TestExplainOfABadFile(t *testing.T) {
	t.Parallel()
	got := runWith(t, "callout", runOptions{stdin: "targets: ["}, "explain", "event", "user.added", "-f", "-")
	require.Equal(t, result{1, "", "stdin:1:10: error: sequence end token ']' not found [syntax]\ncallout: the configuration has errors; see \"callout check -\"\n"}, got)
}
