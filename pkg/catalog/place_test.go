package catalog

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

func TestPlacePaths(t *testing.T) {
	for _, c := range []struct {
		place             Place
		path, scope, text string
	}{
		{Place{"", target("audit")}, "targets.audit", "", "targets.audit"},
		{Place{"", target("two words")}, `targets."two words"`, "", "targets.two words"},
		{Place{"acme", target("a")}, "orgs.acme.targets.a", "orgs.acme", "orgs.acme.targets.a"},
		{Place{"acme.eu", entryOf(action.OnEvent, "user.*")}, `orgs."acme.eu".events."user.*"`, `orgs."acme.eu"`, "orgs.acme.eu.events.user.*"},
		{Place{"", entryOf(action.Request, "*")}, `requests."*"`, "", "requests.*"},
		{Place{"", entryOf(action.Response, "/s.S/M")}, `responses."/s.S/M"`, "", "responses./s.S/M"},
		{Place{"", entryOf(action.Function, "")}, `functions.""`, "", "functions."},
	} {
		require.Equal(t, []string{c.path, c.scope, c.text}, []string{c.place.Path(), c.place.ScopePath(), c.place.String()})
	}
	require.Empty(t, SectionKey("sideways"))
	for _, phase := range action.Phases {
		require.NotEmpty(t, SectionKey(phase), "a file has a section for each phase")
	}
}

// TestPathsAreOnesOwn: no two places have one path, whatever is in their names,
// and going up ends at the root.
func TestPathsAreOnesOwn(t *testing.T) {
	awkward := rapid.OneOf(rapid.SampledFrom([]string{"", ".", `"`, "[0]", "targets", "a.b", `a"."b`, "orgs"}), rapid.String())
	place := rapid.Custom(func(t *rapid.T) Place {
		return Place{awkward.Draw(t, "org"), Ref{rapid.SampledFrom(append([]action.Phase{""}, action.Phases...)).Draw(t, "phase"), awkward.Draw(t, "name")}}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := place.Draw(t, "a"), place.Draw(t, "b")
		require.Equal(t, a == b, a.Path() == b.Path(), "%q %q", a, b)
		steps := 0
		for path, ok := a.Path(), true; ok; path, ok = ParentPath(path) {
			require.Less(t, steps, len(a.Path())+2)
			steps++
		}
	})
}

func TestParentPath(t *testing.T) {
	var ups []string
	for path, ok := "requests.add.targets[1].include", true; ok; path, ok = ParentPath(path) {
		ups = append(ups, path)
	}
	require.Equal(t, []string{"requests.add.targets[1].include", "requests.add.targets[1]", "requests.add.targets", "requests.add", "requests", ""}, ups)
}

func TestKeyIsCondition(t *testing.T) {
	for _, c := range []struct {
		phase action.Phase
		key   string
		want  bool
	}{
		{action.Request, "*", true}, {action.Request, "/s.S/M", true}, {action.Response, "s.S", true}, {action.Request, "/x", true},
		{action.Request, "add user", false}, {action.Response, "**", false}, {action.Request, "", false},
		{action.OnEvent, "added", true}, {action.OnEvent, "user.*", true}, {action.Function, "claims", true},
	} {
		require.Equal(t, c.want, KeyIsCondition(c.phase, c.key), "%s %q", c.phase, c.key)
	}
}
