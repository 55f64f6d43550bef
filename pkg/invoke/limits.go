package invoke

import (
	"context"
	"errors"
	"time"

	"golang.org/x/time/rate"

	"github.com/callout-hq/callout/pkg/action"
)

// againSoon is when to look again for what may end at any moment: a free slot,
// the end of a probe.
const againSoon = 250 * time.Millisecond

// limits are what one worker holds a target to. They belong to the target, not
// to its connections: no target waits for another. A changed definition gets
// new limits that follow the old ones, see follow.
type limits struct {
	url         string
	concurrency int
	rateOf      action.Rate
	breakerOf   action.Breaker

	slots   *slots
	rate    *rate.Limiter // nil = none
	breaker *breaker      // nil = none
}

func (l *limits) fit(t *action.Target) bool {
	return l.url == t.URL && l.concurrency == t.Concurrency && l.rateOf == t.Rate && l.breakerOf == t.Breaker
}

// follow makes the limits of t from those that its definition had before, or
// from nothing. What is under way keeps its slots, whatever changed, so that
// the target never has more than it allows. The rate goes on from the tokens
// that are left. A breaker starts closed when the URL or its own settings are
// others: what failed was another server, or is to be judged otherwise.
func (l *limits) follow(t *action.Target) *limits {
	next := &limits{url: t.URL, concurrency: t.Concurrency, rateOf: t.Rate, breakerOf: t.Breaker}
	if l == nil {
		next.slots = &slots{limit: max(t.Concurrency, 0)}
	} else {
		next.slots = l.slots
		next.slots.resize(max(t.Concurrency, 0))
		next.rate, next.breaker = l.rate, l.breaker
	}
	if l == nil || l.rateOf != t.Rate {
		next.rate = newRate(next.rate, t.Rate)
	}
	if l == nil || l.url != t.URL || l.breakerOf != t.Breaker {
		next.breaker = newBreaker(t.Breaker)
	}
	return next
}

// newRate is a bucket of N tokens, refilled evenly over Per: N exchanges may
// come at once, and less than 2 N within any Per.
func newRate(old *rate.Limiter, of action.Rate) *rate.Limiter {
	if of.N <= 0 || of.Per <= 0 {
		return nil
	}
	every := rate.Limit(float64(of.N) / of.Per.Seconds())
	if old == nil {
		return rate.NewLimiter(every, of.N)
	}
	old.SetLimit(every)
	old.SetBurst(of.N)
	return old
}

// permit is the right to one exchange. Its end must be told.
type permit struct {
	slots  *slots
	report func(error) // nil = no breaker
	shares *Shares     // of which it has a place; nil = none was taken
	of     party
}

// end gives back what was taken and tells the breaker what came of it.
func (p permit) end(caller context.Context, a Answer) {
	if p.shares != nil {
		p.shares.leave(p.of)
	}
	if p.report != nil {
		p.report(blame(caller, a))
	}
	p.slots.give()
}

// admit waits for the right to one exchange: at most wait, and never beyond
// ctx. A breaker that is open lets nobody wait. If there is none, the answer
// says so, and refused is true.
//
// The slot comes before the token: tokens kept by those who wait for a slot
// would all be spent at once when it comes.
func (l *limits) admit(ctx context.Context, wait time.Duration) (p permit, a Answer, refused bool) {
	if l.breaker != nil && l.breaker.shut() {
		return permit{}, uncharged(action.CodeBreakerOpen, l.breaker.remaining()), true
	}
	until := time.Now().Add(wait)
	if !l.slots.take(ctx, wait) {
		return permit{}, overOr(ctx, action.CodeBusy, againSoon), true
	}
	if l.rate != nil {
		if delay := l.token(ctx, until); delay > 0 {
			l.slots.give()
			return permit{}, overOr(ctx, action.CodeRateLimited, delay), true
		}
	}
	p.slots = l.slots
	if l.breaker != nil {
		var err error
		if p.report, err = l.breaker.steps.Allow(); err != nil {
			l.slots.give()
			return permit{}, uncharged(action.CodeBreakerOpen, l.breaker.remaining()), true
		}
	}
	return p, Answer{}, false
}

// neverWaits tells of limits that let an exchange begin or refuse it, and let none
// wait.
func (l *limits) neverWaits() bool { return l.concurrency <= 0 && l.rate == nil }

// token takes one token of the rate, waiting for it if it comes before until
// and the end of ctx. It is 0 when it has one, and else the time that the next
// one takes: at once when waiting would be in vain.
func (l *limits) token(ctx context.Context, until time.Time) time.Duration {
	now := time.Now()
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(until) {
		until = deadline
	}
	reserved := l.rate.ReserveN(now, 1)
	delay := reserved.DelayFrom(now)
	if delay == 0 {
		return 0
	}
	if now.Add(delay).After(until) {
		reserved.CancelAt(now)
		return delay
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return 0
	case <-ctx.Done():
		reserved.Cancel()
		return max(delay-time.Since(now), action.MinWait)
	}
}

// uncharged is the answer of an exchange that a limit of ours did not let begin.
func uncharged(code action.Code, after time.Duration) Answer {
	return Answer{Uncharged: true, RetryAfter: after, Err: action.NewError(code, action.StageInvoke, "")}
}

// overOr is uncharged, unless the caller went away: that is said first.
func overOr(ctx context.Context, code action.Code, after time.Duration) Answer {
	if errors.Is(ctx.Err(), context.Canceled) {
		return Answer{Err: classify(ctx, ctx, nil, ctx.Err())}
	}
	return uncharged(code, after)
}
