package lines

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// EarlierOptions choose stored events.
type EarlierOptions struct {
	Type      action.Condition // of phase OnEvent: a type, a group or all
	Org       string           // "" = those of all organizations
	Aggregate string           // "" = those of all aggregates
	Since     time.Time        // stored at or after; zero = all
	Before    uint64           // of a lower sequence; 0 = from the newest on
	Limit     int              // at least 1
}

// Bounds of one question for earlier events.
const (
	earlierBytes   = 4 << 20 // of their bodies, but one at least
	earlierLooked  = 10000   // messages that are looked at
	earlierWindows = 256     // stretches of the stream that are looked through
	earlierSpan    = 8192    // the longest of them, in sequences
)

// Earlier gives stored events, the newest first: at most o.Limit, 4 MiB of bodies
// and what 10,000 messages of the stream hold, so it may be fewer, or none, before
// the end. next is what Before is for those behind them, 0 = there are none.
func (i Lines) Earlier(ctx context.Context, o EarlierOptions) (events []StoredEvent, next uint64, err error) {
	info, err := i.State(ctx, i.Events)
	if err != nil {
		return nil, 0, err
	}
	s := earlier{Lines: i, EarlierOptions: o, first: max(info.State.FirstSeq, 1)}
	end := info.State.LastSeq + 1
	if o.Before > 0 {
		end = min(o.Before, end)
	}
	if !o.Since.IsZero() {
		since, err := i.SequenceAt(ctx, o.Since)
		if err != nil {
			return nil, 0, err
		}
		s.first = max(s.first, since)
	}
	lane, lanes := 0, 1
	if o.Aggregate != "" {
		lane, lanes = wire.Partition(o.Aggregate, 64), 64
	}
	s.filter = wire.LineFilter(i.ID, o.Org, o.Type, lane, lanes)
	return s.walk(ctx, end)
}

// earlier is a way back through the stream, a stretch at a time: the server reads
// forward only.
type earlier struct {
	Lines
	EarlierOptions
	filter string
	first  uint64 // no event before it is wanted
	looked int
	found  []StoredEvent // oldest first
	bytes  int
	left   bool // there was no room for all that was found
}

func (s *earlier) walk(ctx context.Context, end uint64) ([]StoredEvent, uint64, error) {
	span := uint64(max(s.Limit, 64))
	var all []StoredEvent
	for range earlierWindows {
		if end <= s.first || s.looked >= earlierLooked {
			break
		}
		begin := s.first
		if end-s.first > span {
			begin = end - span
		}
		looked := s.looked
		s.found = nil
		if err := s.through(ctx, begin, end); err != nil {
			return nil, 0, err
		}
		slices.Reverse(s.found)
		all = append(all, s.found...)
		if s.left || len(all) >= s.Limit || s.bytes >= earlierBytes {
			return all, all[len(all)-1].Sequence, nil
		}
		end = begin
		if s.looked-looked < int(span)/4 {
			span = min(4*span, earlierSpan)
		}
		s.Limit -= len(s.found)
	}
	if end <= s.first {
		end = 0
	}
	return all, end, nil
}

// through looks through the messages from begin up to, and without, end. It keeps
// the newest.
func (s *earlier) through(ctx context.Context, begin, end uint64) error {
	for begin < end {
		some, err := s.Read(ctx, s.Events, s.filter, begin, int(end-begin))
		if err != nil || len(some) == 0 {
			return err
		}
		for _, m := range some {
			begin = m.Sequence + 1
			if begin > end {
				return nil
			}
			s.looked++
			s.take(m)
		}
	}
	return nil
}

func (s *earlier) take(m bus.Message) {
	e := eventOf(m)
	if s.Aggregate != "" && s.Aggregate != e.Aggregate && s.Aggregate != aggregateIn(m.Body) {
		return
	}
	s.found, s.bytes = append(s.found, e), s.bytes+len(m.Body)
	for len(s.found) > 1 && (len(s.found) > s.Limit || s.bytes > earlierBytes) {
		s.bytes -= len(s.found[0].Body)
		s.found, s.left = s.found[1:], true
	}
}

// aggregateIn is the aggregate that a body names.
func aggregateIn(body []byte) string {
	var named struct {
		AggregateID string `json:"aggregateID"`
	}
	_ = json.Unmarshal(body, &named) // what is none names none
	return named.AggregateID
}
