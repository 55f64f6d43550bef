package invoke

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// The breaker's whole life, in virtual time.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(func(t *action.Target) { t.Breaker = action.Breaker{Failures: 3, Open: 30 * time.Second} })
		ctx := t.Context()
		have := func(a Answer) {
			p, _, refused := l.admit(ctx, time.Second)
			require.False(t, refused)
			p.end(ctx, a)
		}
		requireOpen := func(after time.Duration) {
			start := time.Now()
			_, a, refused := l.admit(ctx, time.Hour)
			requireRefused(t, action.CodeBreakerOpen, a, refused)
			require.Equal(t, after, a.RetryAfter)
			require.Zero(t, time.Since(start), "nobody waits for a breaker")
		}
		for range 5 { // never three in a row
			have(broken)
			have(broken)
			have(works)
		}
		late, _, _ := l.admit(ctx, 0) // under way while it opens
		have(broken)
		have(broken)
		have(broken)
		requireOpen(30 * time.Second)
		time.Sleep(29 * time.Second)
		requireOpen(time.Second)
		late.end(ctx, works)
		requireOpen(time.Second) // begun before, says nothing

		time.Sleep(time.Second + time.Nanosecond)
		probe, _, refused := l.admit(ctx, 0)
		require.False(t, refused, "half-open")
		requireOpen(againSoon) // one probe at a time
		probe.end(ctx, broken)
		requireOpen(30 * time.Second) // and open again

		time.Sleep(31 * time.Second)
		probe, _, _ = l.admit(ctx, 0)
		gone, leave := context.WithCancel(ctx)
		leave()
		probe.end(gone, Answer{Err: action.NewError(action.CodeCancelled, action.StageInvoke, "")})
		have(works) // a probe that was cut off gives its place to the next
		for range 2 {
			have(broken)
		}
		have(works) // closed, and counts anew
	})
}

// A breaker that opens while others wait for a slot lets none of them through.
func TestBreakerOpensBeforeThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(func(t *action.Target) {
			t.Breaker, t.Concurrency = action.Breaker{Failures: 1, Open: time.Minute}, 1
		})
		p, _, _ := l.admit(t.Context(), 0)
		time.AfterFunc(time.Second, func() { p.end(t.Context(), broken) })
		_, a, refused := l.admit(t.Context(), time.Hour)
		requireRefused(t, action.CodeBreakerOpen, a, refused)
		require.Zero(t, l.slots.used)
	})
}

// Where all slots are taken, nobody waits for one while nothing may be sent.
func TestNobodyWaitsForASlotBehindABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(func(t *action.Target) {
			t.Breaker, t.Concurrency = action.Breaker{Failures: 1, Open: time.Minute}, 2
		})
		requireAtOnce := func() {
			start := time.Now()
			_, a, refused := l.admit(t.Context(), time.Hour)
			requireRefused(t, action.CodeBreakerOpen, a, refused)
			require.Zero(t, time.Since(start))
		}
		slow, _, _ := l.admit(t.Context(), 0)
		quick, _, _ := l.admit(t.Context(), 0)
		quick.end(t.Context(), broken)
		l.slots.used = l.slots.limit
		requireAtOnce() // open
		l.slots.used = 1
		time.Sleep(time.Minute + time.Second)
		probe, _, refused := l.admit(t.Context(), 0)
		require.False(t, refused)
		requireAtOnce() // the probe is under way
		probe.end(t.Context(), works)
		slow.end(t.Context(), works)
		require.Zero(t, l.slots.used)
	})
}

func TestBreakerFollowsItsDefinition(t *testing.T) {
	base := action.Target{URL: "http://a.example", Breaker: action.Breaker{Failures: 1, Open: time.Minute}}
	for name, tt := range map[string]struct {
		change func(*action.Target)
		open   bool
	}{
		"nothing":     {func(*action.Target) {}, true},
		"concurrency": {func(t *action.Target) { t.Concurrency = 5 }, true},
		"rate":        {func(t *action.Target) { t.Rate = action.Rate{N: 9, Per: time.Second} }, true},
		"url":         {func(t *action.Target) { t.URL = "http://b.example" }, false},
		"its own":     {func(t *action.Target) { t.Breaker.Open = time.Second }, false},
		"off":         {func(t *action.Target) { t.Breaker = action.Breaker{} }, false},
	} {
		l := (*limits)(nil).follow(&base)
		p, _, _ := l.admit(t.Context(), 0)
		p.end(t.Context(), broken)
		changed := base
		tt.change(&changed)
		_, _, refused := l.follow(&changed).admit(t.Context(), 0)
		require.Equal(t, tt.open, refused, name)
	}
}

// What counts against a target: what is of its own making, and nothing else.
func TestBlame(t *testing.T) {
	over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	of := func(code action.Code, status int, cause ...error) Answer {
		e := action.NewError(code, action.StageInvoke, "")
		if cause != nil {
			e = e.WithCause(cause[0])
		}
		return Answer{Status: status, Err: e}
	}
	dial := func(errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errno)}
	}
	for _, tt := range []struct {
		caller context.Context
		answer Answer
		want   error
	}{
		{nil, works, nil},
		{nil, of(action.CodeRejected, 200), nil},
		{nil, of(action.CodeStatus, 400), nil},
		{nil, of(action.CodeStatus, 404), nil},
		{nil, of(action.CodeStatus, 409), nil},
		{nil, of(action.CodeStatus, 499), nil},
		{nil, of(action.CodeGone, 410), nil},
		{nil, of(action.CodeStatus, 408), errFailed},
		{nil, of(action.CodeStatus, 429), errFailed},
		{nil, of(action.CodeStatus, 500), errFailed},
		{nil, of(action.CodeStatus, 503), errFailed},
		{nil, of(action.CodeStatus, 999), errFailed},
		{nil, of(action.CodeStatus, 101), errFailed},
		{nil, of(action.CodeRedirect, 302), errFailed},
		{nil, of(action.CodeTimeout, 0), errFailed},
		{over, of(action.CodeTimeout, 0), errLeftAside},
		{nil, of(action.CodeDNS, 0), errFailed},
		{nil, of(action.CodeConnect, 0, dial(syscall.ECONNREFUSED)), errFailed},
		{nil, of(action.CodeOurFault, 0, dial(syscall.EMFILE)), errLeftAside},
		{nil, of(action.CodeTLS, 0), errFailed},
		{nil, of(action.CodeAnswerBroken, 200), errFailed},
		{nil, of(action.CodeAnswerTooLarge, 200), errFailed},
		{nil, of(action.CodeHeadersTooLarge, 0), errFailed},
		{nil, of(action.CodeAnswerMalformed, 200), errFailed},
		{nil, of(action.CodeCancelled, 0), errLeftAside},
		{nil, of(action.CodeBlockedAddress, 0), errLeftAside},
		{nil, of(action.CodeBadField, 0), errLeftAside},
		{nil, of(action.CodeInternal, 0), errLeftAside},
	} {
		if tt.caller == nil {
			tt.caller = t.Context()
		}
		require.Equal(t, tt.want, blame(tt.caller, tt.answer), fmt.Sprint(tt.answer))
	}
}
