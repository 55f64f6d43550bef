package bus

import (
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// answers takes requests that are answered by several messages, over one
// subscription for all of them: making one for each costs the server twenty
// times the request.
type answers struct {
	mu      sync.Mutex
	prefix  string
	next    uint64
	waiting map[string]chan *nats.Msg
}

// perRequest is how many answers of one request may wait to be read.
const perRequest = 4

// open gives a reply subject and the channel of what arrives there, until done
// is called.
func (a *answers) open(nc *nats.Conn) (arrived <-chan *nats.Msg, reply string, done func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.prefix == "" {
		prefix := nc.NewInbox() + "."
		if _, err := nc.Subscribe(prefix+"*", a.arrive); err != nil {
			return nil, "", nil, err
		}
		a.prefix, a.waiting = prefix, map[string]chan *nats.Msg{}
	}
	a.next++
	token := strconv.FormatUint(a.next, 36)
	c := make(chan *nats.Msg, perRequest)
	a.waiting[token] = c
	return c, a.prefix + token, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting, token)
	}, nil
}

func (a *answers) arrive(m *nats.Msg) {
	a.mu.Lock()
	c := a.waiting[strings.TrimPrefix(m.Subject, a.prefix)]
	a.mu.Unlock()
	if c == nil {
		return // nobody waits any more
	}
	select {
	case c <- m:
	default: // more than was asked for
	}
}
