package outcome_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/outcome"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func failed(code action.Code, status int) outcome.Attempt {
	return outcome.Attempt{
		Err: action.NewError(code, action.StageInvoke, ""), Status: status,
		Policy:   action.Retry{Initial: time.Second, Max: time.Minute, MaxAge: time.Hour},
		Sequence: 7, DeliveryID: "d", StoredAt: now.Add(-time.Second), Now: now, Jitter: 0.5,
	}
}

func TestVerdictByAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		code   action.Code
		status int
		want   outcome.Verdict
	}{
		{"400 is final", action.CodeStatus, 400, outcome.Dead},
		{"401 is final", action.CodeStatus, 401, outcome.Dead},
		{"404 is final", action.CodeStatus, 404, outcome.Dead},
		{"422 is final", action.CodeStatus, 422, outcome.Dead},
		{"408 is retried", action.CodeStatus, 408, outcome.Retry},
		{"409 is retried", action.CodeStatus, 409, outcome.Retry},
		{"425 is retried", action.CodeStatus, 425, outcome.Retry},
		{"429 is retried", action.CodeStatus, 429, outcome.Retry},
		{"410 pauses", action.CodeGone, 410, outcome.Pause},
		{"500 is retried", action.CodeStatus, 500, outcome.Retry},
		{"999 is retried", action.CodeStatus, 999, outcome.Retry},
		{"redirect is retried", action.CodeRedirect, 302, outcome.Retry},
		{"timeout is retried", action.CodeTimeout, 0, outcome.Retry},
		{"tls is retried", action.CodeTLS, 0, outcome.Retry},
		{"a forwarded 400 in a 2xx is a failed attempt", action.CodeRejected, 200, outcome.Retry},
	} {
		require.Equal(t, c.want, outcome.Decide(failed(c.code, c.status)).Verdict, c.name)
	}
	ok := failed("", 200)
	ok.Err = nil
	require.Equal(t, outcome.Ack, outcome.Decide(ok).Verdict)
}

func TestWaitsDoubleUpToTheLimit(t *testing.T) {
	a := failed(action.CodeStatus, 500)
	a.Policy.MaxAge = 24 * time.Hour
	var waits []time.Duration
	for range 9 {
		d := outcome.Decide(a)
		waits = append(waits, d.Delay)
		require.Equal(t, a.Now.Add(d.Delay), d.Record.NextTry)
		a.Before = d.Record
	}
	s := time.Second
	require.Equal(t, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s}, waits)
	require.Equal(t, 9, a.Before.Attempts)
}

func TestRetryAfterLengthensAndIsClamped(t *testing.T) {
	a := failed(action.CodeStatus, 503)
	a.RetryAfter = 10 * time.Second
	require.Equal(t, 10*time.Second, outcome.Decide(a).Delay)
	a.RetryAfter = time.Millisecond
	require.Equal(t, time.Second, outcome.Decide(a).Delay, "it never shortens")
	a.RetryAfter = 9223372036 * time.Second
	require.Equal(t, time.Minute, outcome.Decide(a).Delay)
}

func TestAttemptsAndStop(t *testing.T) {
	a := failed(action.CodeTimeout, 0)
	a.Policy.Attempts = 2
	first := outcome.Decide(a)
	require.Equal(t, outcome.Retry, first.Verdict)
	a.Before = first.Record
	last := outcome.Decide(a)
	require.Equal(t, outcome.Dead, last.Verdict)
	require.Equal(t, action.CodeExhausted, last.Record.Reason)
	require.Equal(t, 2, last.Record.Attempts)

	a.OnExhausted = action.ExhaustedStop
	stopped := outcome.Decide(a)
	require.Equal(t, outcome.Stop, stopped.Verdict)
	require.Equal(t, action.LineStopped, stopped.Record.State)
	require.Equal(t, now, stopped.Record.StoppedSince)
}

func TestMaxAgeRunsFromTheLaterOfStoredAndFailing(t *testing.T) {
	a := failed(action.CodeTimeout, 0)
	a.StoredAt = now.Add(-48 * time.Hour) // a backlog, the target works until now
	require.Equal(t, outcome.Retry, outcome.Decide(a).Verdict, "a backlog does not expire unsent")

	a.Before = action.LineRecord{Sequence: 6, FailingSince: now.Add(-2 * time.Hour)} // dead for long
	d := outcome.Decide(a)
	require.Equal(t, outcome.Dead, d.Verdict, "a dead target does not hold its line")
	require.Equal(t, action.CodeExpired, d.Record.Reason)
	require.Equal(t, now.Add(-2*time.Hour), d.Record.FailingSince, "the line still fails")
	require.Equal(t, 1, d.Record.Attempts, "of this delivery")

	a.Before.FailingSince = now.Add(-time.Hour + 300*time.Millisecond)
	require.Equal(t, 300*time.Millisecond, outcome.Decide(a).Delay, "the last wait ends when the age does")
}

func TestEveryWaitIsWithinPolicy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := failed(action.CodeStatus, 500)
		a.Policy.Initial = time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "initial"))
		a.Policy.Max = time.Duration(rapid.Int64Range(0, int64(action.MaxWait)).Draw(t, "max"))
		a.Policy.MaxAge = time.Duration(rapid.Int64Range(0, int64(100*24*time.Hour)).Draw(t, "age"))
		a.RetryAfter = time.Duration(rapid.Int64().Draw(t, "retry after"))
		a.Jitter = rapid.Float64Range(0, 0.999999).Draw(t, "jitter")
		a.Before = action.LineRecord{Sequence: 7, DeliveryID: "d", Attempts: rapid.IntRange(0, 1<<20).Draw(t, "attempts")}
		d := outcome.Decide(a)
		require.Equal(t, a.Before.Attempts+1, d.Record.Attempts)
		if d.Verdict == outcome.Retry {
			limit := max(a.Policy.Initial, a.Policy.Max, time.Second)
			require.GreaterOrEqual(t, d.Delay, action.MinWait)
			require.LessOrEqual(t, d.Delay, time.Duration(float64(limit)*1.2))
		}
	})
}

// A fault of ours is no attempt: however often it happens, nothing of the policy
// is used up, and the count of real attempts goes on behind it.
func TestAFaultOfOursIsNoAttempt(t *testing.T) {
	for _, code := range []action.Code{action.CodeOurFault, action.CodeInternal} {
		a := failed(code, 0)
		a.Policy.Attempts = 2
		for n := range 1000 {
			d := outcome.Decide(a)
			require.Equal(t, outcome.Retry, d.Verdict)
			require.Equal(t, min(time.Second<<min(n, 10), 15*time.Second), d.Delay)
			require.Zero(t, d.Record.Attempts)
			require.Zero(t, d.Record.FailingSince, "the target does not fail")
			require.Equal(t, now, d.Record.HeldSince)
			require.Equal(t, action.LineRetrying, d.Record.State)
			require.Equal(t, code, d.Record.LastCode)
			require.Equal(t, a.Now.Add(d.Delay), d.Record.NextTry)
			a.Before, a.Now = d.Record, now.Add(time.Duration(n)*time.Second)
		}
		a.Err = action.NewError(action.CodeTimeout, action.StageInvoke, "")
		first := outcome.Decide(a)
		require.Equal(t, outcome.Retry, first.Verdict)
		require.Equal(t, 1, first.Record.Attempts)
		require.Equal(t, a.Now, first.Record.FailingSince)
		require.Zero(t, first.Record.HeldSince)
		a.Before, a.Err = first.Record, action.NewError(code, action.StageInvoke, "")
		a.Before = outcome.Decide(a).Record
		require.Equal(t, 1, a.Before.Attempts)
		a.Err = action.NewError(action.CodeTimeout, action.StageInvoke, "")
		require.Equal(t, outcome.Dead, outcome.Decide(a).Verdict, "the second real attempt")
	}
}

// It does not hold a line for ever.
func TestAFaultOfOursEndsWithMaxAge(t *testing.T) {
	a := failed(action.CodeOurFault, 0)
	a.StoredAt = now.Add(-48 * time.Hour) // a backlog does not expire by it
	a.Before = action.LineRecord{Sequence: 7, DeliveryID: "d", HeldSince: now.Add(-time.Hour + time.Second)}
	require.Equal(t, outcome.Retry, outcome.Decide(a).Verdict)
	a.Before.HeldSince = now.Add(-time.Hour)
	d := outcome.Decide(a)
	require.Equal(t, outcome.Dead, d.Verdict)
	require.Equal(t, action.CodeInternal, d.Record.Reason)
	require.Zero(t, d.Record.Attempts)
	a.OnExhausted = action.ExhaustedStop
	require.Equal(t, outcome.Stop, outcome.Decide(a).Verdict)
	a.Resumed = now.Add(-time.Minute)
	require.Equal(t, outcome.Retry, outcome.Decide(a).Verdict, "time paused does not count")
	a.Resumed, a.Before.Sequence = time.Time{}, 6
	require.Equal(t, outcome.Retry, outcome.Decide(a).Verdict, "another delivery was held up")
}
