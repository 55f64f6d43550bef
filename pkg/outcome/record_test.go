package outcome_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/outcome"
)

func TestSuccessClearsTheRecord(t *testing.T) {
	a := failed("", 200)
	a.Err = nil
	a.Before = action.LineRecord{Sequence: 7, DeliveryID: "d", Attempts: 9, FailingSince: now.Add(-time.Hour), State: action.LineRetrying,
		LastStatus: 500, LastCode: action.CodeStatus}
	require.Equal(t, outcome.Decision{Verdict: outcome.Ack, Record: action.LineRecord{Sequence: 7, State: action.LineRunning}}, outcome.Decide(a))
}

func TestTheFirstFailureIsRecorded(t *testing.T) {
	require.Equal(t, outcome.Decision{Verdict: outcome.Retry, Delay: time.Second, Record: action.LineRecord{
		Sequence: 7, DeliveryID: "d", Attempts: 1, FailingSince: now, NextTry: now.Add(time.Second), State: action.LineRetrying,
		LastStatus: 503, LastCode: action.CodeStatus}}, outcome.Decide(failed(action.CodeStatus, 503)))
}

// TestCountsAreOfOneDelivery: a record of another one only tells since when
// the line fails.
func TestCountsAreOfOneDelivery(t *testing.T) {
	since := now.Add(-time.Minute)
	old := action.LineRecord{Sequence: 7, DeliveryID: "d", Attempts: 4, FailingSince: since, State: action.LineGivenUp,
		Reason: action.CodeExhausted, StoppedSince: since, LastStatus: 500, LastCode: action.CodeStatus}
	for name, c := range map[string]struct {
		sequence uint64
		id       string
		attempts int
	}{
		"the same":           {7, "d", 5},
		"written without id": {7, "", 5},
		"the one before":     {6, "d", 1},
		"another delivery":   {7, "e", 1},
	} {
		a := failed(action.CodeTimeout, 0)
		a.Before = old
		a.Before.Sequence, a.Before.DeliveryID = c.sequence, c.id
		d := outcome.Decide(a)
		require.Equal(t, outcome.Retry, d.Verdict, name)
		require.Equal(t, c.attempts, d.Record.Attempts, name)
		require.Equal(t, since, d.Record.FailingSince, name)
		require.Zero(t, d.Record.Reason, "%s: a line that tries again was not given up", name)
		require.Zero(t, d.Record.StoppedSince, name)
	}
}

func TestARefusalIsDeadAtOnceWhateverThePolicy(t *testing.T) {
	a := failed(action.CodeStatus, 400)
	a.OnExhausted, a.Policy.Attempts = action.ExhaustedStop, 100
	d := outcome.Decide(a)
	require.Equal(t, outcome.Dead, d.Verdict, "another attempt cannot help, and neither can waiting")
	require.Equal(t, action.LineGivenUp, d.Record.State)
	require.Equal(t, action.CodeStatus, d.Record.Reason)
	require.Equal(t, 400, d.Record.LastStatus)
	require.Zero(t, d.Record.StoppedSince)
}

func TestOnlyAStatusOf4xxIsFinal(t *testing.T) {
	for status := range 1000 {
		want := outcome.Retry
		if status >= 400 && status <= 499 && status != 408 && status != 409 && status != 425 && status != 429 {
			want = outcome.Dead
		}
		require.Equal(t, want, outcome.Decide(failed(action.CodeStatus, status)).Verdict, "%d", status)
	}
	for _, code := range action.Codes() {
		if code == action.CodeMalformed {
			require.Equal(t, outcome.Dead, outcome.Decide(failed(code, 0)).Verdict, "no JWT can be made of the body")
		} else if code != action.CodeStatus && code != action.CodeGone {
			require.Equal(t, outcome.Retry, outcome.Decide(failed(code, 404)).Verdict, "%s: the status is not the reason", code)
		}
	}
}

func TestAPausedTargetCostsNothingMore(t *testing.T) {
	a := failed(action.CodeGone, 410)
	a.Policy.Attempts, a.OnExhausted = 1, action.ExhaustedStop
	d := outcome.Decide(a)
	require.Equal(t, outcome.Pause, d.Verdict)
	require.Zero(t, d.Record.Reason)
	require.Zero(t, d.Record.NextTry)
	require.Equal(t, action.CodeGone, d.Record.LastCode)
}

func TestExpiryStopsTheLineIfAsked(t *testing.T) {
	a := failed(action.CodeTimeout, 0)
	a.StoredAt, a.OnExhausted = now.Add(-time.Hour), action.ExhaustedStop
	a.Before = action.LineRecord{Sequence: 7, DeliveryID: "d", Attempts: 3, FailingSince: now.Add(-time.Hour)}
	d := outcome.Decide(a)
	require.Equal(t, outcome.Stop, d.Verdict)
	require.Equal(t, action.CodeExpired, d.Record.Reason)
	require.Equal(t, now, d.Record.StoppedSince)
	a.Policy.MaxAge = 0
	require.Equal(t, outcome.Retry, outcome.Decide(a).Verdict, "no max_age is no bound")
}

func TestJitterIsAFifthEitherWay(t *testing.T) {
	for jitter, want := range map[float64]time.Duration{0: 800 * time.Millisecond, 0.5: time.Second, 0.75: 1100 * time.Millisecond} {
		a := failed(action.CodeTimeout, 0)
		a.Jitter = jitter
		require.Equal(t, want, outcome.Decide(a).Delay)
	}
	a := failed(action.CodeTimeout, 0)
	a.Jitter, a.Policy.Initial, a.Policy.Max = 0, time.Nanosecond, time.Nanosecond
	require.Equal(t, action.MinWait, outcome.Decide(a).Delay, "never a hot loop")
}

// TestDecideIsTotal: whatever comes in, the verdict fits its record.
func TestDecideIsTotal(t *testing.T) {
	codes, states := action.Codes(), []action.LineState{"", action.LineRunning, action.LineRetrying, action.LineStopped, action.LineGivenUp}
	rapid.Check(t, func(t *rapid.T) {
		moment := rapid.Map(rapid.Int64Range(-1<<40, 1<<40), func(s int64) time.Time { return now.Add(time.Duration(s)) })
		a := failed(rapid.SampledFrom(codes).Draw(t, "code"), rapid.IntRange(0, 999).Draw(t, "status"))
		a.Policy.Attempts = rapid.IntRange(0, 3).Draw(t, "attempts")
		a.OnExhausted = rapid.SampledFrom([]action.OnExhausted{"", action.ExhaustedDeadLetter, action.ExhaustedStop}).Draw(t, "on exhausted")
		a.StoredAt, a.RetryAfter = moment.Draw(t, "stored"), time.Duration(rapid.Int64Range(math.MinInt64, math.MaxInt64).Draw(t, "retry after"))
		a.Before = action.LineRecord{Sequence: uint64(rapid.IntRange(6, 8).Draw(t, "sequence")), Attempts: rapid.IntRange(0, 5).Draw(t, "before"),
			FailingSince: moment.Draw(t, "since"), State: rapid.SampledFrom(states).Draw(t, "state"), Reason: action.CodeExpired, StoppedSince: now}
		d := outcome.Decide(a)
		require.Equal(t, a.Err.Code, d.Record.LastCode)
		require.Equal(t, a.Status, d.Record.LastStatus)
		require.Equal(t, d.Verdict == outcome.Dead || d.Verdict == outcome.Stop, d.Record.Reason != "")
		require.Equal(t, d.Verdict == outcome.Stop, d.Record.State == action.LineStopped)
		require.Equal(t, d.Verdict == outcome.Stop, !d.Record.StoppedSince.IsZero())
		require.Equal(t, d.Verdict == outcome.Dead, d.Record.State == action.LineGivenUp)
		require.Equal(t, d.Verdict == outcome.Retry, d.Delay > 0 && d.Record.NextTry.Equal(now.Add(d.Delay)))
		if a.OnExhausted != action.ExhaustedStop {
			require.NotEqual(t, outcome.Stop, d.Verdict)
		}
		require.Equal(t, d, outcome.Decide(a), "a function of its input")
	})
}
