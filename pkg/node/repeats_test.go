package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/wire"
)

// comeAgain are the words by which a worker says that a delivery will come again
// through no fault of its target: the one reason for an event to arrive twice. On a
// machine under load a lease of a second does lapse.
var comeAgain = []string{"lease lapsed", "the delivery will come again", "held up by a fault of ours"}

// repeats is a log that remembers of which events a worker said so.
type repeats struct {
	mu   sync.Mutex
	rest []byte // of a line that is not yet written to its end
	said map[string]bool
}

func (r *repeats) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rest = append(r.rest, p...)
	for {
		line, rest, whole := bytes.Cut(r.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		r.rest = rest
		var said struct {
			Instance string
			Sequence uint64
			Message  string
		}
		if json.Unmarshal(line, &said) != nil {
			continue
		}
		for _, words := range comeAgain {
			if strings.Contains(said.Message, words) {
				if r.said == nil {
					r.said = map[string]bool{}
				}
				r.said[wire.HeaderText(said.Instance)+" "+fmt.Sprint(said.Sequence)] = true
			}
		}
	}
}

// none tells whether no worker said it of any event.
func (r *repeats) none() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.said) == 0
}

// once checks that each event arrived for one subscription alone, and once, unless a
// worker said that it would come again. It gives how many there were.
func (r *repeats) once(t *testing.T, arrivals []arrival) int {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	first := map[string]string{} // delivery id
	for _, a := range arrivals {
		event := a.header.Get(wire.HeaderInstance) + " " + a.header.Get(wire.HeaderSequence)
		delivery := a.header.Get(wire.HeaderDelivery)
		before, again := first[event]
		if !again {
			first[event] = delivery
			continue
		}
		require.Equal(t, before, delivery, "%s arrived for two subscriptions", event)
		require.True(t, r.said[event], "%s arrived twice, and nobody said why", event)
	}
	return len(first)
}
