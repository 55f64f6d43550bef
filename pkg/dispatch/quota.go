package dispatch

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/share"
)

// quotas are what is known of how much instances may have and do.
type quotas struct {
	of            sync.Map // action.Quota by instance
	events, calls share.Rates
}

func (q *quotas) set(instance string, is action.Quota) {
	q.events.Set(instance, is.Events)
	q.calls.Set(instance, is.Calls)
	if is == (action.Quota{}) {
		q.of.Delete(instance)
		return
	}
	q.of.Store(instance, is)
}

// divide has this dispatcher let through its part of what all of them may.
func (q *quotas) divide(dispatchers int) {
	q.events.Divide(dispatchers)
	q.calls.Divide(dispatchers)
}

func (q *quotas) get(instance string) action.Quota {
	is, _ := q.of.Load(instance)
	quota, _ := is.(action.Quota)
	return quota
}

// spends refuses what an instance may not do any more in this second. One request with
// more events than a second's may come at no time, and is told so.
func (d *Dispatcher) spends(w http.ResponseWriter, of *share.Rates, instance string, n int, what string) bool {
	taken, ever := of.Take(instance, n, time.Now())
	switch {
	case taken:
		return true
	case ever:
		w.Header().Set("Retry-After", "1")
		d.refuse(w, action.TooFast(what))
	default:
		d.refuse(w, action.NewError(action.CodeOverQuota, action.StageAccess, "one request has more "+what+" than the instance's quota allows for a second: send fewer at once"))
	}
	return false
}

// withinQuota refuses an edit by which the instance has more of something than it may,
// and than it had before: what is over a quota that came later can shrink. It asks what
// is known here: NATS may stand still while an edit is made.
func (i *Instance) withinQuota(current, next *catalog.Matcher) error {
	q := i.dispatcher.quotas.get(i.ID)
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
	return i.bus.FitStorage(ctx, q.Storage)
}

// Quota tells how much the instance may have and do; the zero value is no bound.
func (i *Instance) Quota(ctx context.Context) (action.Quota, error) { return i.bus.Quota(ctx) }
