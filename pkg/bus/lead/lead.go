package lead

import (
	"context"
	"errors"
	"sync"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// The times of a lead. Whoever leads trusts it for leadTrust after a renewal was
// sent; the others set it aside leadLate after they saw that renewal. Both count
// from the same write, the second never from earlier, so what lies between them
// is what do has to come to a stop.
const (
	leadFor    = bus.LeadFor // how long the bucket keeps a value that nobody writes again
	leadTrust  = leadFor * 8 / 10
	leadLate   = leadFor * 9 / 10
	leadRenew  = leadFor / 4
	leadAnswer = leadFor / 2 // for who is named next, to say that it is there
)

// ErrLeadWithin is in the chain of the error of a Lead within a Lead of the same
// instance, which would wait for itself.
var ErrLeadWithin = errors.New("the instance is led already by who asks for its lead")

// Run runs do as the only dispatcher, and the only caller in this process, that
// touches the lines of an instance.
//
// It waits for its turn until ctx ends; then the error is conflict, with ctx's
// error in its chain. Callers in one process come in the order in which they
// asked, and so do processes: with n that wait, each has its turn within n turns.
// One that died costs the others 2.7 s when it led, and 1.5 s when its turn comes.
// At most 256 processes wait for an instance, and 4,096 callers in each; one more
// is told busy.
//
// do's context ends with a cause that has ErrLeadOver in its chain when the lead
// is lost: at the latest 2.4 s after the last renewal was sent that the server
// confirmed, whether it answers or not. Held asks for it before a write that
// matters. The lead is given back when do returns; if that fails, it lapses.
//
// A Lead within do for the same instance fails at once with ErrLeadWithin in its
// chain. When NATS cannot be reached as it begins, the error is unavailable, and
// missing when the bucket is not there; a connection that is lost later is waited for. It may be
// called from any goroutine.
func Run(ctx context.Context, i bus.Instance, do func(context.Context) error) error {
	for t := termOf(ctx); t != nil; t = t.outer {
		if t.instance == i.ID {
			return action.NewError(action.CodeInternal, action.StageCatalog, "").WithCause(ErrLeadWithin)
		}
	}
	q := queues.join(i.Bus, i.ID)
	defer queues.leave(q)
	if err := q.enter(ctx); err != nil {
		return err
	}
	defer q.exit()
	last, sent, err := q.take(ctx)
	if err != nil {
		return err
	}
	leading, t := newTerm(ctx, i.ID, sent)
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx)) // do leads until it returns
	var renewals sync.WaitGroup
	renewals.Go(func() { last = q.renew(renewing, t, last) })
	defer func() {
		stop()
		renewals.Wait()
		t.finish(leadOver("the lead of the instance was given back"))
		q.release(last)
	}()
	return do(leading)
}

// Held gives nil while the lead is held under which ctx was given to do, and
// those around it; else why not. It costs no message: ask right before a write
// that must not come behind another dispatcher's.
func Held(ctx context.Context) error {
	t := termOf(ctx)
	if t == nil {
		return action.NewError(action.CodeInternal, action.StageCatalog, "").WithCause(errors.New("there is no lead in the context"))
	}
	for ; t != nil; t = t.outer {
		if err := t.held(); err != nil {
			return err
		}
	}
	return nil
}
