package file

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// The first example of a configuration holds real mistakes. Each is found,
// where it stands, and nothing else is.
func TestEpicFlaws(t *testing.T) {
	src := testdata(t, "epic.yaml")
	s, problems := Parse("epic.yaml", src)
	require.Nil(t, s)
	golden(t, "epic", show(problems))
	require.Equal(t, 10, count(problems, catalog.Error))
	require.Equal(t, 5, count(problems, catalog.Warning))

	lines := strings.Split(string(src), "\n")
	for _, p := range problems {
		name := map[catalog.Severity]string{catalog.Error: "target: ", catalog.Warning: ""}[p.Severity]
		text := lines[p.Line-1]
		require.True(t, strings.HasSuffix(text[:p.Col-1], name), "%s points at %q", p, text[p.Col-1:])
		require.Contains(t, p.Message, `"`+strings.TrimSuffix(text[p.Col-1:], ":")+`"`)
	}
}

func TestEpicMended(t *testing.T) {
	s, problems := Parse("epic-mended.yaml", testdata(t, "epic-mended.yaml"))
	require.Empty(t, problems)
	m, err := catalog.Compile(s)
	require.NoError(t, err)

	plan := m.Call(action.Request, "/zitadel.user.v2.UserService/AddHumanUser", "acme")
	require.Equal(t, []string{"set_display_name", "logger", "allow_list", "logger", "allow_list", "call_counter"}, turnNames(plan.Turns))
	require.Equal(t, action.UnavailableFail, plan.OnUnavailable)
	require.Equal(t, action.Async, plan.Turns[1].Target.Kind)
	require.Equal(t, action.CallOut, plan.Turns[0].Target.Kind)
	require.Equal(t, action.DefaultTimeout, plan.Turns[1].Target.Timeout)

	plan = m.Call(action.Response, "/zitadel.user.v2.UserService/AddHumanUser", "")
	require.Equal(t, []string{"hook", "hook", "hook"}, turnNames(plan.Turns))
	require.Equal(t, []string{"hook", "allow_list_ignore_err"}, turnNames(m.Call(action.Function, "create_id_token", "").Turns))
}

func turnNames(turns []catalog.Turn) []string {
	var names []string
	for _, t := range turns {
		names = append(names, t.Target.Name)
	}
	return names
}
