package outcome_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/outcome"
)

// TestWithoutWorker: going on without a worker is never silent, and stopping
// never looks like a success.
func TestWithoutWorker(t *testing.T) {
	require.Equal(t, action.Result{Outcome: action.Continue, Revision: 7}, outcome.WithoutWorker(false, false, 7))
	require.Equal(t, action.Result{Outcome: action.Continue, Revision: 7}, outcome.WithoutWorker(false, true, 7), "nothing would have run")

	stopped := outcome.WithoutWorker(true, true, 7)
	require.Equal(t, action.Result{Outcome: action.Unavailable, Revision: 7, Error: &action.Error{
		Code: action.CodeUnavailable, Stage: action.StageBus, Status: 503, Message: "no worker is available"}}, stopped)

	passed := outcome.WithoutWorker(true, false, 7)
	require.Equal(t, action.Result{Outcome: action.Continue, Revision: 7, Warnings: []action.Warning{
		{Code: action.CodeUnavailable, Status: 503, Message: "no worker is available"}}}, passed)
}

func TestTooLateIsAFailure(t *testing.T) {
	late := outcome.TooLate(7)
	require.Equal(t, action.Failed, late.Outcome)
	require.Equal(t, action.CodeDeadline, late.Error.Code)
	require.Nil(t, late.Object)
	require.EqualValues(t, 7, late.Revision)
}
