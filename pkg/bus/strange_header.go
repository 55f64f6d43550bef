package bus

import (
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// maxStrange is how many names of strange headers a process tells of.
const maxStrange = 100

// strangeHeaders are the names that were told of.
type strangeHeaders struct {
	mu   sync.Mutex
	told map[string]bool
}

// NoteHeaders logs a header of ours on a stored event that means nothing there, such as
// one of another case: each name once. The event is delivered all the same, its headers
// are its publisher's.
func (i Instance) NoteHeaders(sequence uint64, h nats.Header) {
	err := wire.CheckHeaders(h, wire.HeaderAggregate, wire.HeaderEventID, headerFormat)
	if err == nil {
		return
	}
	name := action.AsError(err, action.StageDecode).Field
	s := &i.strange
	s.mu.Lock()
	first := !s.told[name] && len(s.told) < maxStrange
	if first {
		if s.told == nil {
			s.told = map[string]bool{}
		}
		s.told[name] = true
	}
	s.mu.Unlock()
	if first {
		i.log.Warn().Err(err).Str("instance", i.ID).Uint64("sequence", sequence).Msg("an event has a header that is passed over")
	}
}
