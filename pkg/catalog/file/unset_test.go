package file

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// TestWhatIsNotSet: every key of a target and of an execution stands in what is
// edited, set or as a comment, and the comments change nothing.
func TestWhatIsNotSet(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"", "acme"} {
		for _, text := range []string{
			"targets:\n  audit: {type: webhook, url: https://hooks.example.com/a}",
			"targets:\n  audit: {type: call, url: https://hooks.example.com/a, timeout: 3s, headers: {timeout: x}, retry: {max: 1m}, lanes: 4}",
		} {
			if scope != "" {
				text = "orgs:\n  acme:\n    " + strings.ReplaceAll(text, "\n", "\n    ")
			}
			s, problems := Parse("test.yaml", []byte(text))
			require.NotNil(t, s, "%v", problems)
			got := string(ExportWithUnset(s))
			for _, k := range TargetKeys {
				want := !k.Nothing && !slices.Contains(otherwise, k.Name)
				require.Equal(t, want, strings.Contains(got, "    # "+k.Name+":") != strings.Contains(got, "    "+k.Name+":"), "%s in\n%s", k.Name, got)
			}
			require.Contains(t, got, "# concurrency:  # no limit\n")
			same(t, s, got)
		}
	}
	for phase, text := range map[action.Phase]string{
		action.OnEvent: "events:\n  user.added: {targets: [{target: a}]}", action.Request: "requests:\n  '*': {targets: [{target: a}], on_unavailable: continue}",
	} {
		s, problems := Parse("test.yaml", []byte(text+"\ntargets: {a: {type: webhook, url: https://a.example}}"))
		require.NotNil(t, s, "%v", problems)
		delete(s.Scopes[""].Targets, "a")
		got := string(ExportExecutionWithUnset(s, phase))
		require.Equal(t, phase == action.OnEvent, strings.Contains(got, "# max_stop: 168h\n"), got)
		require.Equal(t, phase == action.OnEvent, strings.Contains(got, "# on_exhausted: dead_letter\n"), got)
		require.NotContains(t, got, "# on_unavailable")
		same(t, s, got)
	}
}

// same holds that a text says what a catalog does, apart from what it names.
func same(t *testing.T, want *catalog.Snapshot, text string) {
	t.Helper()
	got, problems, err := ReadFiles(t.Context(), want.Instance, []File{{Name: "edit", Text: []byte(text)}})
	require.NoError(t, err)
	require.NotNil(t, got, "%v\n%s", problems, text)
	require.Empty(t, catalog.Diff(want, got), text)
}
