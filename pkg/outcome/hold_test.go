package outcome_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/outcome"
)

// A delivery that makes three workers panic in a row is given up; one fault of
// another kind in between begins the count anew.
func TestAThirdPanicInARowEndsADelivery(t *testing.T) {
	a := failed(action.CodeInternal, 0)
	for n, panicked := range []bool{true, true, false, true, true} {
		d := outcome.Hold(a, panicked)
		require.Equal(t, outcome.Retry, d.Verdict, "%d", n)
		a.Before = d.Record
	}
	d := outcome.Hold(a, true)
	require.Equal(t, outcome.Dead, d.Verdict)
	require.Equal(t, action.CodeInternal, d.Record.Reason)
	require.Equal(t, action.LineGivenUp, d.Record.State)
}

// Of a delivery of which nothing is known, not even its target, the policy is the
// default's: it ends all the same.
func TestAnUnknownDeliveryEndsToo(t *testing.T) {
	a := failed(action.CodeUnavailable, 0)
	a.Policy = action.Retry{}
	first := outcome.Hold(a, false)
	require.Equal(t, outcome.Retry, first.Verdict)
	require.Equal(t, now, first.Record.HeldSince)
	a.Before, a.Now = first.Record, now.Add(action.DefaultRetry().MaxAge-time.Second)
	require.Equal(t, outcome.Retry, outcome.Hold(a, false).Verdict)
	a.Now = a.Now.Add(time.Second)
	require.Equal(t, outcome.Dead, outcome.Hold(a, false).Verdict)
}
