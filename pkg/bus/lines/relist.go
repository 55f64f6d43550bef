package lines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// metaLine is where the consumer of a line keeps the line's entry, for the case
// that it is lost or spoilt.
const metaLine = "callout_line"

// kept is the entry as its consumer keeps it, without what passes.
func (l Line) kept() string {
	l.Drained, l.Job, l.AckWait, l.Format = false, "", 0, action.Format
	raw, _ := json.Marshal(l) // it is made of texts and numbers
	return string(raw)
}

// Relist puts lines into the book again that have a consumer and no entry which
// can be read, and tells how many those were. all is what the book holds. It is for
// who holds the lead, so that no line is being made or removed.
func (i Lines) Relist(ctx context.Context, all []Line) (relisted int, err error) {
	there := make(map[string]bool, len(all))
	for _, l := range all {
		there[l.Name] = true
	}
	if relisted, err = i.relistPacked(ctx, there); err != nil {
		return relisted, err
	}
	for _, from := range []string{i.Events, i.Async} {
		state, err := i.State(ctx, from)
		if err != nil {
			return relisted, err
		}
		consumers, err := i.consumers(ctx, from)
		if err != nil {
			return relisted, err
		}
		for _, info := range consumers {
			if there[info.Name] {
				continue
			}
			l, err := i.lineOf(info, from == i.Async, state.Created.UnixNano())
			if err != nil { // it is no line
				continue
			}
			if err := i.put(ctx, l); err != nil {
				return relisted, err
			}
			i.Log().Error().Str("instance", i.ID).Str("line", l.Name).Msg("the entry of a line was lost or could not be read: it is made again from its consumer")
			relisted++
		}
	}
	return relisted, nil
}

// lineOf reads a line from its consumer. One of an older version keeps no entry,
// and what it tells otherwise has to do.
func (i Lines) lineOf(info *jetstream.ConsumerInfo, async bool, madeAt int64) (l Line, err error) {
	meta := info.Config.Metadata
	if _, is := bookmarkOf(info.Config); is || meta["callout_instance"] != i.ID {
		return l, errors.New("it is no consumer of a line")
	}
	if text := meta[metaLine]; text != "" {
		err = bus.Decode([]byte(text), &l)
	} else {
		l = Line{Name: info.Name, Instance: i.ID, Org: meta["callout_org"], Owner: meta["callout_owner"], Target: meta["callout_target"],
			Async: async, Unordered: info.Config.MaxAckPending != 1, Cut: info.Config.OptStartSeq}
		if l.Redrive = async && info.Config.FilterSubject == wire.RedriveOf(i.ID); !async {
			l.Condition, l.MadeAt = action.Condition{Phase: action.OnEvent, Match: meta["callout_condition"]}, madeAt
		}
		_, err = fmt.Sscanf(meta["callout_lane"]+" "+meta["callout_revision"], "%d/%d %d", &l.Lane, &l.Lanes, &l.Revision)
	}
	if err == nil && (l.Name != info.Name || l.Async != async) {
		err = errors.New("it keeps another line")
	}
	if err == nil {
		err = l.agrees(Line{Instance: i.ID, Name: info.Name}.entryKey(kindLine))
	}
	l.AckWait = info.Config.AckWait
	return l, err
}
