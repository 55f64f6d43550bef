package invoke

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/callout-hq/callout/pkg/action"
)

// breaker keeps requests from a target that fails them all:
//
//	closed ── Failures failures in a row ──▶ open ── after Open ──▶ half-open
//	   ▲                                      ▲                        │ one probe,
//	   │                                      └──────── it fails ──────┤ others wait
//	   └─────────────────────────────────────────────── it succeeds ───┘
//
// It is gobreaker's rather than failsafe-go's for three things: an exchange can
// be left out of the count and hands its probe back, permission and report are
// two steps, and an exchange begun before the breaker opened says nothing about
// the probe after. What it lacks is the time that remains, kept here.
type breaker struct {
	steps *gobreaker.TwoStepCircuitBreaker[struct{}]
	made  time.Time
	until atomic.Int64 // when the open state ends, in nanoseconds since made
}

var (
	errFailed    = errors.New("the exchange failed by the target's making")
	errLeftAside = errors.New("the exchange says nothing about the target")
)

func newBreaker(of action.Breaker) *breaker {
	if of.Failures <= 0 || of.Open <= 0 {
		return nil
	}
	b := &breaker{made: time.Now()}
	b.steps = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1,
		Timeout:     of.Open,
		ReadyToTrip: func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= of.Failures },
		IsExcluded:  func(err error) bool { return errors.Is(err, errLeftAside) },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.until.Store(int64(time.Since(b.made) + of.Open))
			}
		},
	})
	return b
}

// shut tells whether nothing may be sent now: it is open, or half-open with its
// probe under way.
func (b *breaker) shut() bool {
	switch b.steps.State() {
	case gobreaker.StateOpen:
		return true
	case gobreaker.StateHalfOpen:
		c := b.steps.Counts()
		return c.Requests > c.TotalExclusions
	}
	return false
}

// remaining is how long the open state still lasts, at least againSoon.
func (b *breaker) remaining() time.Duration {
	return max(time.Duration(b.until.Load())-time.Since(b.made), againSoon)
}

// blame is what a breaker is told of an exchange. Only what is of the target's
// own making counts as a failure. A target that understood and refused is a
// target that works: rejected, and 4xx other than 408 and 429. What says
// nothing about it is left aside: the caller went away or had less time than
// the target's timeout, we refused its address, a fault of ours.
func blame(caller context.Context, a Answer) error {
	if a.Err == nil {
		return nil
	}
	if a.Err.Code.IsOurs() {
		return errLeftAside
	}
	switch a.Err.Code {
	case action.CodeRejected:
		return nil
	case action.CodeStatus, action.CodeGone:
		if a.Status >= 400 && a.Status <= 499 && a.Status != http.StatusRequestTimeout && a.Status != http.StatusTooManyRequests {
			return nil
		}
	case action.CodeCancelled, action.CodeBlockedAddress, action.CodeBadField:
		return errLeftAside
	case action.CodeTimeout:
		if caller.Err() != nil {
			return errLeftAside
		}
	}
	return errFailed
}
