package bus

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// answers takes what comes back for requests, over one subscription for all of
// them: making one for each costs the server twenty times the request.
type answers struct {
	mu      sync.Mutex
	prefix  string
	waiting map[string]*waiter
	free    sync.Pool
}

// perRequest is how many answers of one request may wait to be read.
const perRequest = 4

// waiter waits for the answers of one request. Waiters are used again.
type waiter struct {
	arrived chan *nats.Msg
	over    *time.Timer // for who needs one
	token   string
	reply   string // the subject to answer to
}

// open begins to wait; close must follow.
func (a *answers) open(nc *nats.Conn) (*waiter, error) {
	w, _ := a.free.Get().(*waiter)
	if w == nil {
		w = &waiter{arrived: make(chan *nats.Msg, perRequest), over: time.NewTimer(time.Hour)}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.prefix == "" {
		prefix := nc.NewInbox() + "."
		if _, err := nc.Subscribe(prefix+"*", a.arrive); err != nil {
			return nil, err
		}
		a.prefix, a.waiting = prefix, map[string]*waiter{}
	}
	for { // who saw one inbox must not guess another, and cancel or answer in it
		w.reply = a.prefix + strconv.FormatUint(rand.Uint64(), 36)
		w.token = w.reply[len(a.prefix):]
		if a.waiting[w.token] == nil {
			break
		}
	}
	a.waiting[w.token] = w
	return w, nil
}

// close ends the wait. What comes later reaches nobody.
func (a *answers) close(w *waiter) {
	w.over.Stop()
	a.mu.Lock()
	delete(a.waiting, w.token)
	a.mu.Unlock()
	for {
		select {
		case <-w.arrived:
		default:
			a.free.Put(w)
			return
		}
	}
}

// arrive hands an answer over under the lock: a waiter that is used again must
// not get what was for the request before.
func (a *answers) arrive(m *nats.Msg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.waiting[strings.TrimPrefix(m.Subject, a.prefix)]
	if w == nil {
		return // nobody waits any more
	}
	select {
	case w.arrived <- m:
	default: // more than was asked for
	}
}

// next waits for the next answer. The error is that of ctx, nats.ErrTimeout
// when w.over fires, or nats.ErrDisconnected when broken is closed.
func (w *waiter) next(ctx context.Context, broken <-chan struct{}) (*nats.Msg, error) {
	select {
	case m := <-w.arrived:
		return m, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.over.C:
		return nil, nats.ErrTimeout
	case <-broken:
		return nil, nats.ErrDisconnected
	}
}

// Ask publishes a request and waits for its answer, until ctx ends, the time is
// over, or the connection breaks. id is what a worker knows the request by.
func (b *Bus) Ask(ctx context.Context, msg *nats.Msg, timeout time.Duration) (id string, answer *nats.Msg, err error) {
	link := *b.link.Load()
	w, err := b.answers.open(b.nc)
	if err != nil {
		return "", nil, err
	}
	defer b.answers.close(w)
	id, msg.Reply = w.reply, w.reply
	if err := ctx.Err(); err != nil {
		return id, nil, err
	}
	if err := b.nc.PublishMsg(msg); err != nil {
		return id, nil, err
	}
	w.over.Reset(timeout)
	if answer, err = w.next(ctx, link.Done()); err != nil {
		return id, nil, err
	}
	if len(answer.Data) == 0 && StatusOf(answer) == statusNobody {
		return id, nil, nats.ErrNoResponders
	}
	return id, answer, nil
}

// statusNobody is what the server answers when nobody listens.
const statusNobody = "503"
