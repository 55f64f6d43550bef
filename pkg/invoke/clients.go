package invoke

import (
	"container/list"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/callout-hq/callout/pkg/action"
)

// maxClients bounds how many targets have a pool at once, besides those with an
// exchange under way. Past it the one longest unused goes; it costs its next
// request a new connection, and its breaker and rate begin anew.
const maxClients = 4096

var errClosed = errors.New("the invoker is closed")

type clientKey struct{ instance, owner, name string }

// clientEntry is what is kept of one target. Its fields are guarded by the
// clients' lock; client and limits themselves are never changed, but replaced.
type clientEntry struct {
	key    clientKey
	users  atomic.Int64 // exchanges under way or waiting; they come under the lock, and leave without
	client *client
	limits *limits
}

// clients keeps one entry for each target, the latest used first.
type clients struct {
	mu     sync.Mutex
	max    int
	byKey  map[clientKey]*list.Element
	order  *list.List // of *clientEntry
	closed bool
}

func newClients(most int) *clients {
	return &clients{max: most, byKey: map[clientKey]*list.Element{}, order: list.New()}
}

// visit is one use of a target's entry, with its client and limits as they were
// when it began.
type visit struct {
	entry  *clientEntry
	client *client
	limits *limits
}

// enter finds the target's client and limits, or makes them. A client whose
// target has changed is replaced; requests under way on it run to their end.
// leave must follow.
func (i *Invoker) enter(instance, owner string, t definition) (visit, *action.Error) {
	s, key := i.clients, clientKey{instance, owner, t.Name}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return visit{}, action.NewError(action.CodeInternal, action.StageInvoke, "").WithCause(errClosed)
	}
	found := s.byKey[key]
	var e *clientEntry
	if found != nil {
		e = found.Value.(*clientEntry)
	}
	if e == nil || !e.client.fits(t) {
		made, refused := i.newClient(t)
		if refused != nil {
			return visit{}, refused
		}
		if e == nil {
			e = &clientEntry{key: key}
			found = s.order.PushFront(e)
			s.byKey[key] = found
		} else {
			i.options.Log.Debug().Str("target", t.Name).Msg("target changed, its connections are replaced")
			e.client.transport.CloseIdleConnections()
		}
		e.client = made
	}
	if e.limits == nil || !e.limits.fit(t.Target) {
		e.limits = e.limits.follow(t.Target)
	}
	e.users.Add(1)
	s.order.MoveToFront(found)
	s.shrink()
	return visit{e, e.client, e.limits}, nil
}

func (s *clients) leave(v visit) { v.entry.users.Add(-1) }

// shrink drops what is longest unused, over the bound.
func (s *clients) shrink() {
	for e := s.order.Back(); e != nil && s.order.Len() > s.max; {
		before := e.Prev()
		if e.Value.(*clientEntry).users.Load() == 0 {
			s.drop(e)
		}
		e = before
	}
}

func (s *clients) drop(e *list.Element) {
	entry := s.order.Remove(e).(*clientEntry)
	delete(s.byKey, entry.key)
	entry.client.transport.CloseIdleConnections()
}

// Forget drops the connections and the limits of all targets of an instance, which
// was deleted: one that is made again under its name begins anew.
func (i *Invoker) Forget(instance string) {
	s := i.clients
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, e := range s.byKey {
		if key.instance == instance {
			s.drop(e)
		}
	}
}

func (s *clients) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.order.Len() > 0 {
		s.drop(s.order.Back())
	}
}
