package invoke

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// limited is the limits of a target that has these.
func limited(change func(*action.Target)) *limits {
	t := &action.Target{Name: "hook", URL: "http://hook.example"}
	change(t)
	return (*limits)(nil).follow(t)
}

func requireRefused(t *testing.T, code action.Code, a Answer, refused bool) {
	t.Helper()
	require.True(t, refused)
	require.Equal(t, code, a.Err.Code)
	require.Equal(t, 503, a.Err.Status)
	require.Equal(t, action.StageInvoke, a.Err.Stage)
	require.True(t, a.Uncharged)
	require.False(t, a.Sent)
	require.Positive(t, a.RetryAfter)
}

var (
	works  = Answer{Status: 200}
	broken = Answer{Status: 500, Err: action.NewError(action.CodeStatus, action.StageAnswer, "")}
)

func TestConcurrencyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(func(t *action.Target) { t.Concurrency = 2 })
		first, _, refused := l.admit(t.Context(), time.Second)
		require.False(t, refused)
		second, _, _ := l.admit(t.Context(), time.Second)

		start := time.Now()
		_, a, refused := l.admit(t.Context(), time.Second)
		requireRefused(t, action.CodeBusy, a, refused)
		require.Equal(t, time.Second, time.Since(start), "as long as it may")
		require.Equal(t, againSoon, a.RetryAfter)

		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start = time.Now()
		_, a, refused = l.admit(ctx, time.Hour)
		requireRefused(t, action.CodeBusy, a, refused)
		require.Equal(t, 300*time.Millisecond, time.Since(start), "never beyond the caller's deadline")

		gone, leave := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { leave(errors.New("the lease has lapsed")) })
		_, a, refused = l.admit(gone, time.Hour)
		require.True(t, refused)
		require.Equal(t, action.CodeCancelled, a.Err.Code)
		require.ErrorContains(t, a.Err.Cause, "lease")
		require.False(t, a.Uncharged)

		time.AfterFunc(700*time.Millisecond, func() { first.end(t.Context(), works) })
		start = time.Now()
		third, _, refused := l.admit(t.Context(), time.Second)
		require.False(t, refused)
		require.Equal(t, 700*time.Millisecond, time.Since(start), "until a slot is free")
		second.end(t.Context(), works)
		third.end(t.Context(), works)
		require.Zero(t, l.slots.used)
		require.Zero(t, l.slots.waiting.Len())
	})
}

func TestWaitersComeInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slots{limit: 1}
		require.True(t, s.take(t.Context(), 0))
		var order []int
		var done sync.WaitGroup
		for n := range 5 {
			done.Go(func() {
				require.True(t, s.take(t.Context(), time.Hour))
				order = append(order, n)
				s.give()
			})
			synctest.Wait()
		}
		s.give()
		done.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)
	})
}

// A changed limit counts what is under way, and lets in who waits at once.
func TestConcurrencyFollowsItsDefinition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &action.Target{URL: "http://a.example"}
		open := (*limits)(nil).follow(target)
		var under []permit
		for range 3 { // no limit yet, counted all the same
			p, _, _ := open.admit(t.Context(), 0)
			under = append(under, p)
		}
		changed := *target
		changed.Concurrency, changed.URL = 3, "http://b.example"
		l := open.follow(&changed)
		_, a, refused := l.admit(t.Context(), time.Second)
		requireRefused(t, action.CodeBusy, a, refused)

		var done sync.WaitGroup
		for range 2 {
			done.Go(func() {
				_, _, refused := l.admit(t.Context(), time.Hour)
				require.False(t, refused)
			})
		}
		synctest.Wait()
		wider := changed
		wider.Concurrency = 4
		next := l.follow(&wider)
		synctest.Wait()
		require.Equal(t, 4, next.slots.used, "one of the two came in")
		narrow := changed
		narrow.Concurrency = 1
		next = next.follow(&narrow)
		for range 2 {
			under[0].end(t.Context(), works)
			under = under[1:]
		}
		synctest.Wait()
		require.Equal(t, 2, next.slots.used, "none comes in until it is below the new limit")
		next.follow(target) // no limit: everybody comes in
		done.Wait()
		require.Equal(t, 3, next.slots.used)
	})
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(func(t *action.Target) { t.Rate = action.Rate{N: 10, Per: time.Minute} })
		start := time.Now()
		pass := func() {
			p, _, refused := l.admit(t.Context(), time.Hour)
			require.False(t, refused)
			p.end(t.Context(), works)
		}
		for range 10 {
			pass()
		}
		require.Zero(t, time.Since(start), "as many as its number come at once")
		pass()
		require.Equal(t, 6*time.Second, time.Since(start), "then evenly")

		_, a, refused := l.admit(t.Context(), 5*time.Second)
		requireRefused(t, action.CodeRateLimited, a, refused)
		require.Equal(t, 6*time.Second, time.Since(start), "waiting in vain is not begun")
		require.InDelta(t, 6, a.RetryAfter.Seconds(), 0.01)

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, a, refused = l.admit(ctx, time.Hour)
		requireRefused(t, action.CodeRateLimited, a, refused)
		require.Equal(t, 6*time.Second, time.Since(start), "nor beyond the caller's deadline")

		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		_, a, refused = l.admit(gone, time.Hour)
		require.True(t, refused)
		require.Equal(t, action.CodeCancelled, a.Err.Code)
		require.Zero(t, l.slots.used)

		pass()
		require.InDelta(t, 12, time.Since(start).Seconds(), 0.01, "who was refused or left took no token")

		faster := action.Target{URL: l.url, Rate: action.Rate{N: 60, Per: time.Minute}}
		l = l.follow(&faster)
		pass()
		require.InDelta(t, 13, time.Since(start).Seconds(), 0.01, "a new rate goes on from the tokens left")
		l = l.follow(&action.Target{URL: l.url})
		require.Nil(t, l.rate)
	})
}

// Whatever comes whenever, a rate lets pass less than twice its number in any
// time that it names, and a concurrency limit is never passed.
func TestLimitsHoldProperty(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n, slots := rapid.IntRange(1, 8).Draw(r, "n"), rapid.IntRange(1, 4).Draw(r, "slots")
		waits := rapid.SliceOfN(rapid.IntRange(0, 400), 1, 40).Draw(r, "pauses in ms")
		synctest.Test(t, func(t *testing.T) {
			l := limited(func(t *action.Target) {
				t.Rate, t.Concurrency = action.Rate{N: n, Per: time.Second}, slots
			})
			var mu sync.Mutex
			var passed []time.Time
			under, most := 0, 0
			var done sync.WaitGroup
			for _, pause := range waits {
				time.Sleep(time.Duration(pause) * time.Millisecond) // virtual
				done.Go(func() {
					p, _, refused := l.admit(t.Context(), time.Duration(pause)*4*time.Millisecond)
					if refused {
						return
					}
					mu.Lock()
					passed = append(passed, time.Now())
					under++
					most = max(most, under)
					mu.Unlock()
					time.Sleep(time.Duration(pause) * time.Millisecond)
					mu.Lock()
					under--
					mu.Unlock()
					p.end(t.Context(), works)
				})
			}
			done.Wait()
			require.LessOrEqual(t, most, slots)
			require.Zero(t, l.slots.used)
			for i := range passed {
				if i >= 2*n {
					require.Greater(t, passed[i].Sub(passed[i-2*n]), time.Second-time.Millisecond)
				}
			}
		})
	})
}
