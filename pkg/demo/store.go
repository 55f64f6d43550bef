package demo

import (
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/callout-hq/callout/pkg/action"
)

// maxUsers bounds the event store: --hold lets anybody on the machine create
// users for as long as it runs.
const maxUsers = 10_000

// store is the core's own event store: what is in it has happened, whatever
// becomes of its delivery. Safe for concurrent use.
type store struct {
	mu     sync.Mutex
	events []action.Event
	users  map[string]User
}

func newStore() *store { return &store{users: map[string]User{}} }

// add gives u its id and keeps it with its user.added event. It fails with
// code stream_full past maxUsers and with conflict for a username in use.
func (s *store) add(u User) (User, action.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.users) >= maxUsers {
		return u, action.Event{}, action.NewError(action.CodeStreamFull, action.StageStore, "the demo keeps no more users")
	}
	if _, taken := s.users[u.Username]; taken {
		return u, action.Event{}, action.NewError(action.CodeConflict, action.StageStore, "the username is taken")
	}
	u.ID = ulid.Make().String()
	s.users[u.Username] = u
	e := action.Event{
		ID: ulid.Make().String(), AggregateID: u.ID, AggregateType: "user",
		ResourceOwner: organization, InstanceID: instance, Version: "v1",
		Sequence: 1, Type: userAdded, CreatedAt: time.Now().UTC(), UserID: u.ID,
		Payload: encode(u),
	}
	s.events = append(s.events, e)
	return u, e, nil
}

// count tells how many events are stored.
func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}
