package dispatch

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// quotas are what is known of how much instances may have and do.
type quotas struct{ of sync.Map } // *limited by instance

// limited is the quota of one instance, with what is left of this second.
type limited struct {
	quota         action.Quota
	events, calls *rate.Limiter // nil = no bound
}

func (q *quotas) set(instance string, is action.Quota) {
	if is == (action.Quota{}) {
		q.of.Delete(instance)
		return
	}
	q.of.Store(instance, &limited{quota: is, events: perSecond(is.Events), calls: perSecond(is.Calls)})
}

// perSecond lets so many through in a second, and as many at once.
func perSecond(n int) *rate.Limiter {
	if n == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(n), n)
}

func (q *quotas) get(instance string) *limited {
	if l, ok := q.of.Load(instance); ok {
		return l.(*limited) //nolint:forcetypeassert // set alone stores
	}
	return &limited{}
}

// spends refuses what an instance may not do any more in this second. One request with
// more events than a second's may come at no time, and is told so.
func (d *Dispatcher) spends(w http.ResponseWriter, of *rate.Limiter, n int, what string) bool {
	if of == nil || of.AllowN(time.Now(), n) {
		return true
	}
	err := action.NewError(action.CodeTooManyRequests, action.StageAccess, "the instance has had as many "+what+" in this second as its quota allows")
	if n > of.Burst() {
		err = action.NewError(action.CodeOverQuota, action.StageAccess, "one request has more "+what+" than the instance's quota allows for a second: send fewer at once")
	} else {
		w.Header().Set("Retry-After", "1")
	}
	d.refuse(w, err)
	return false
}

// withinQuota refuses an edit by which the instance has more of something than it may,
// and than it had before: what is over a quota that came later can shrink. It asks what
// is known here: NATS may stand still while an edit is made.
func (i *Instance) withinQuota(current, next *catalog.Matcher) error {
	q := i.dispatcher.quotas.get(i.ID).quota
	if q == (action.Quota{}) {
		return nil
	}
	hadTargets, hadExecutions := objectsOf(current.Snapshot())
	targets, executions := objectsOf(next.Snapshot())
	for _, one := range []struct {
		what           string
		had, have, may int
	}{
		{"targets", hadTargets, targets, q.Targets}, {"executions", hadExecutions, executions, q.Executions},
		{"lines", len(current.Lines()), len(next.Lines()), q.Lines},
	} {
		if one.may > 0 && one.have > one.may && one.have > one.had {
			return action.OverQuota(one.what, one.have, one.may)
		}
	}
	return nil
}

// SetQuota says how much the instance may have and do from now on.
func (i *Instance) SetQuota(ctx context.Context, q action.Quota) error {
	if err := q.Check(); err != nil {
		return err
	}
	if err := i.exists(ctx); err != nil {
		return err
	}
	if err := i.bus.SetQuota(ctx, q); err != nil {
		return err
	}
	i.dispatcher.quotas.set(i.ID, q)
	return nil
}

// Quota tells how much the instance may have and do; the zero value is no bound.
func (i *Instance) Quota(ctx context.Context) (action.Quota, error) { return i.bus.Quota(ctx) }
