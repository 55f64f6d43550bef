package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func TestAttemptSubject(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ id, target, org, name, want string }{
		{"dlv_1", "hook", "acme", "user.added", "callout.attempt.a=2Eb.49.hook.acme.event.user.added"},
		{"dlv_1", "a.b", "", "user.added", "callout.attempt.a=2Eb.49.a=2Eb.=.event.user.added"},
		{"dlv_1", "hook", "acme", "user.*", "callout.attempt.a=2Eb.49.hook.acme.event"},
		{"dlv_1", "hook", "acme", "", "callout.attempt.a=2Eb.49.hook.acme.event"},
	} {
		require.Equal(t, tt.want, AttemptSubject("a.b", tt.id, tt.target, tt.org, action.OnEvent, tt.name))
	}
	require.Equal(t, "callout.attempt.i.49.hook.acme.request", AttemptSubject("i", "dlv_1", "hook", "acme", action.Request, "/a.B/C"))

	worst := strings.Repeat("ß", action.MaxID/2)
	subject := AttemptSubject(worst, worst, worst, worst, action.OnEvent, strings.Repeat("a", action.MaxEventType))
	_, err := checkSubject(subject)
	require.NoError(t, err)
	instance, err := ParseAttemptInstance(subject)
	require.NoError(t, err)
	require.Equal(t, worst, instance)
	require.NotEqual(t, AttemptSubject("i", "d", worst, "", action.Request, ""), AttemptSubject("i", "d", worst[2:]+"ä", "", action.Request, ""))
	for _, foreign := range []string{"", "callout.attempt.i", "callout.event.i.a", "callout.attempt.=X.a"} {
		_, err := ParseAttemptInstance(foreign)
		require.Error(t, err, foreign)
	}
}

func TestAttemptFilter(t *testing.T) {
	t.Parallel()
	require.Equal(t, "callout.attempt.i.*.*.*.>", AttemptFilter("i", "", "", "", ""))
	require.Equal(t, "callout.attempt.i.49.hook.acme.event.user.added", AttemptFilter("i", "dlv_1", "hook", "acme", "user.added"))
	require.Equal(t, "callout.attempt.i.*.*.a=2Eb.event.user.>", AttemptFilter("i", "", "", "a.b", "user.*"))
	require.Equal(t, "callout.attempt.i.*.hook.*.event.>", AttemptFilter("i", "", "hook", "", "*"))
}
