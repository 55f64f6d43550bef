package work

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/callout-hq/callout/pkg/action"
)

// quotas are how many calls a second instances may have made by this worker.
type quotas struct{ of sync.Map } // *rate.Limiter by instance

func (q *quotas) set(instance string, is action.Quota) {
	if is.Calls == 0 {
		q.of.Delete(instance)
		return
	}
	q.of.Store(instance, rate.NewLimiter(rate.Limit(is.Calls), is.Calls))
}

// spend takes a call off what an instance may have made in this second.
func (q *quotas) spend(instance string) error {
	of, ok := q.of.Load(instance)
	if !ok || of.(*rate.Limiter).AllowN(time.Now(), 1) { //nolint:forcetypeassert // set alone stores
		return nil
	}
	return action.NewError(action.CodeTooManyRequests, action.StageAccess, "the instance has had as many calls in this second as its quota allows")
}
