package invoke

import (
	"container/list"
	"errors"
	"sync"

	"github.com/callout-hq/callout/pkg/action"
)

// maxClients bounds how many targets have a pool at once. Past it the one
// longest unused goes; it costs its next request a new connection, no more.
const maxClients = 4096

var errClosed = errors.New("the invoker is closed")

type clientKey struct{ owner, name string }

type clientEntry struct {
	key    clientKey
	client *client
}

// clients keeps one client for each target, the latest used first.
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

// client finds the target's client, or makes one. A client whose target has
// changed is replaced; requests under way on it run to their end.
func (i *Invoker) client(owner string, t *action.Target) (*client, *action.Error) {
	s, key := i.clients, clientKey{owner, t.Name}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, action.NewError(action.CodeInternal, action.StageInvoke, "").WithCause(errClosed)
	}
	found := s.byKey[key]
	if found != nil {
		if have := found.Value.(*clientEntry).client; have.fits(t) {
			s.order.MoveToFront(found)
			return have, nil
		}
	}
	made, refused := i.newClient(t)
	if refused != nil {
		return nil, refused
	}
	if found != nil {
		i.options.Log.Debug().Str("target", t.Name).Msg("target changed, its connections are replaced")
		s.drop(found)
	}
	s.byKey[key] = s.order.PushFront(&clientEntry{key, made})
	if s.order.Len() > s.max {
		s.drop(s.order.Back())
	}
	return made, nil
}

func (s *clients) drop(e *list.Element) {
	entry := s.order.Remove(e).(*clientEntry)
	delete(s.byKey, entry.key)
	entry.client.transport.CloseIdleConnections()
}

func (s *clients) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.order.Len() > 0 {
		s.drop(s.order.Back())
	}
}
