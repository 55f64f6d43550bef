package lead

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// ErrLeadOver is in the chain of the cause of a context whose lead is over:
// another dispatcher may be at work on the instance by now, so nothing may be
// written.
var ErrLeadOver = errors.New("the lead of the instance is over")

func leadOver(why string) error {
	return action.NewError(action.CodeConflict, action.StageCatalog, why).WithCause(ErrLeadOver)
}

// term is the time for which one leads an instance, by one's own clock: from the
// moment at which the last renewal was sent that the server confirmed. Nobody
// needs to answer for it to end.
type term struct {
	instance string
	outer    *term // the lead within which this one began, of another instance
	end      context.CancelCauseFunc

	mu    sync.Mutex
	sent  moment
	over  error
	timer *time.Timer
}

type termKey struct{}

// newTerm begins at the moment at which the lead was asked for. do's context
// carries it.
func newTerm(ctx context.Context, instance string, sent moment) (context.Context, *term) {
	t := &term{instance: instance, outer: termOf(ctx), sent: sent}
	ctx, t.end = context.WithCancelCause(context.WithValue(ctx, termKey{}, t))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer = time.AfterFunc(leadTrust-now().since(sent), func() { _ = t.held() })
	return ctx, t
}

func termOf(ctx context.Context) *term {
	t, _ := ctx.Value(termKey{}).(*term)
	return t
}

// held gives why the lead is over, nil while it is held. The clocks are read
// here and not left to the timer, which may run later than who asks: after a
// stop of the process, or a suspended machine.
func (t *term) held() error {
	t.mu.Lock()
	left := leadTrust - now().since(t.sent)
	if t.over == nil && left <= 0 {
		t.over = leadOver("the lead of the instance was not confirmed in time")
	}
	over := t.over
	if over == nil {
		t.timer.Reset(left)
	}
	t.mu.Unlock()
	if over != nil {
		t.end(over)
	}
	return over
}

// renewed moves the end on; a term that is over stays over.
func (t *term) renewed(sent moment) {
	if t.held() != nil {
		return
	}
	t.mu.Lock()
	t.sent = sent
	t.mu.Unlock()
	_ = t.held() // sets the timer
}

// finish ends it for a reason, unless it is over already.
func (t *term) finish(why error) {
	t.mu.Lock()
	if t.over == nil {
		t.over = why
	}
	t.timer.Stop()
	t.mu.Unlock()
	_ = t.held()
}
