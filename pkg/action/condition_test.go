package action_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func TestParseCondition(t *testing.T) {
	for _, c := range []struct {
		phase action.Phase
		text  string
		level action.Level // 0: refused
	}{
		{action.Request, "*", action.LevelAll},
		{action.Request, "zitadel.user.v2.UserService", action.LevelGroup},
		{action.Request, "Service", action.LevelGroup},
		{action.Request, "/zitadel.user.v2.UserService/AddHumanUser", action.LevelExact},
		{action.Response, "*", action.LevelAll},
		{action.Response, "s.T", action.LevelGroup},
		{action.Response, "/s.T/M", action.LevelExact},
		{action.Request, "", 0},
		{action.Request, "/", 0},
		{action.Request, "/s.T", 0},
		{action.Request, "/s.T/*", 0},
		{action.Request, "/*", 0},
		{action.Request, "s.*", 0},
		{action.Request, "**", 0},
		{action.Response, " *", 0},
		{action.Function, "create_id_token", action.LevelExact},
		{action.Function, "a.b", action.LevelExact},
		{action.Function, "*", 0},
		{action.Function, "a.*", 0},
		{action.Function, "", 0},
		{action.OnEvent, "*", action.LevelAll},
		{action.OnEvent, "user.*", action.LevelGroup},
		{action.OnEvent, "user.human.*", action.LevelGroup},
		{action.OnEvent, "user.added", action.LevelExact},
		{action.OnEvent, "user", action.LevelExact},
		{action.OnEvent, "", 0},
		{action.OnEvent, ".*", 0},
		{action.OnEvent, "*.*", 0},
		{action.OnEvent, "user.*.*", 0},
		{action.OnEvent, "user*", 0},
		{action.OnEvent, "user.a*", 0},
		{action.OnEvent, "*.added", 0},
		{action.OnEvent, "user.>", 0},
		{action.OnEvent, "user.*\n", 0},
		{"", "*", 0},
		{"Request", "*", 0},
	} {
		got, err := action.ParseCondition(c.phase, c.text)
		if c.level == 0 {
			require.Error(t, err, "%s %q", c.phase, c.text)
			continue
		}
		require.NoError(t, err, "%s %q", c.phase, c.text)
		require.Equal(t, action.Condition{Phase: c.phase, Match: c.text}, got)
		require.Equal(t, c.level, got.Level(), got.String())
		require.Equal(t, string(c.phase)+" "+c.text, got.String())
	}
}

func TestConditionBounds(t *testing.T) {
	longest := strings.Repeat("t", action.MaxEventType)
	_, err := action.ParseCondition(action.OnEvent, longest+".*")
	require.NoError(t, err, "the bound is the type's, the star comes on top")
	_, err = action.ParseCondition(action.OnEvent, longest+"t.*")
	require.ErrorContains(t, err, "255")
}

func TestLevelsAreOrdered(t *testing.T) {
	require.Less(t, action.LevelAll, action.LevelGroup)
	require.Less(t, action.LevelGroup, action.LevelExact)
	require.Equal(t, []action.Phase{"request", "response", "function", "event"}, action.Phases)
}
