package action_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func TestSigns(t *testing.T) {
	for _, c := range []struct {
		styles            []action.Signature
		zitadel, standard bool
	}{
		{nil, true, true},
		{[]action.Signature{action.SignZitadel}, true, false},
		{[]action.Signature{action.SignStandard}, false, true},
		{[]action.Signature{action.SignStandard, action.SignZitadel}, true, true},
	} {
		target := &action.Target{Signatures: c.styles}
		require.Equal(t, c.zitadel, target.Signs(action.SignZitadel), "%v", c.styles)
		require.Equal(t, c.standard, target.Signs(action.SignStandard), "%v", c.styles)
	}
}

func TestLineLanes(t *testing.T) {
	for _, c := range []struct {
		kind        action.Kind
		lanes, want int
	}{
		{action.Webhook, 0, 1}, {action.Webhook, 1, 1}, {action.Webhook, 16, 16}, {action.CallOut, 64, 64},
		{action.Async, 0, 1}, {action.Async, 16, 1},
	} {
		require.Equal(t, c.want, (&action.Target{Kind: c.kind, Lanes: c.lanes}).LineLanes(), "%+v", c)
	}
}

func TestDefaults(t *testing.T) {
	require.Equal(t, 1<<20, (&action.Target{}).AnswerLimit())
	require.Equal(t, 7, (&action.Target{MaxAnswer: 7}).AnswerLimit())
	require.Equal(t, action.Retry{Initial: time.Second, Max: 5 * time.Minute, MaxAge: 24 * time.Hour}, action.DefaultRetry())
	require.True(t, (&action.Execution{}).IsList())
	require.False(t, (&action.Execution{Match: "*"}).IsList())
}

// TestBodiesOfOperationsStayOutside: what need not be JSON, or must not be
// shown, has no place in an encoding.
func TestBodiesOfOperationsStayOutside(t *testing.T) {
	raw, err := json.Marshal(action.DeadLetter{DeliveryID: "d", Body: json.RawMessage("not JSON")})
	require.NoError(t, err)
	require.NotContains(t, string(raw), "not JSON")
	raw, err = json.Marshal(action.Event{ID: "secret"})
	require.NoError(t, err)
	require.NotContains(t, string(raw), "secret")
	raw, err = json.Marshal(action.LineRecord{Sequence: 7, State: action.LineRunning})
	require.NoError(t, err)
	require.Equal(t, `{"sequence":7,"attempts":0,"state":"running"}`, string(raw))
}

func TestAnswerLimitIsBounded(t *testing.T) {
	for have, want := range map[int]int{
		0: action.DefaultAnswer, -1: action.DefaultAnswer, math.MinInt: action.DefaultAnswer, 7: 7,
		action.CeilingAnswer: action.CeilingAnswer, action.CeilingAnswer + 1: action.CeilingAnswer, math.MaxInt: action.CeilingAnswer,
	} {
		require.Equal(t, want, (&action.Target{MaxAnswer: have}).AnswerLimit())
	}
}
