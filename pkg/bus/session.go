package bus

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Session gives a context that ends with ctx, at the deadline, or when the
// connection has been made anew: what was asked on the old one is forgotten.
func (b *Bus) Session(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	waiting, end := context.WithDeadline(ctx, deadline)
	waiting, cancel := context.WithCancelCause(waiting)
	stop := context.AfterFunc(*b.connection.Load(), func() { cancel(errRenewed) })
	return waiting, func() { stop(); cancel(nil); end() }
}

// errRenewed is the cause of a session that ended because the connection was
// made anew.
var errRenewed = action.NewError(action.CodeUnavailable, action.StageBus, "the connection to NATS was made anew meanwhile")

// orRenewed gives the error of a session that ended because the connection was made
// anew, in the place of one that only says that it has ended: nobody cancelled it.
func orRenewed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(err, context.Canceled) && errors.Is(cause, errRenewed) {
		return cause
	}
	return err
}

// Renewed is closed when the connection has been made anew.
func (b *Bus) Renewed() <-chan struct{} { return (*b.connection.Load()).Done() }

// renewed ends the session of the old connection.
func (b *Bus) renewed() { succeed(&b.connection, &b.endSession) }

// broken ends what waits for an answer that this connection would have brought.
func (b *Bus) broken() { succeed(&b.link, &b.endLink) }

// succeed puts a fresh context in the place of one that it ends.
func succeed(current *atomic.Pointer[context.Context], end *atomic.Pointer[context.CancelFunc]) {
	next, cancel := context.WithCancel(context.Background())
	current.Store(&next)
	if old := end.Swap(&cancel); old != nil {
		(*old)()
	}
}
