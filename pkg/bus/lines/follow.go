package lines

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// Events is what is followed of the fleet besides the catalog; what is nil is
// not reported.
type Events struct {
	Line   func(key string, l *Line)                 // nil = removed
	Record func(key string, r *action.LineRecord)    // nil = removed
	Paused func(t bus.TargetKey, reason action.Code) // "" = resumed
	// Resumed tells until when a target was paused; it comes before the news
	// that it goes on. Zero = nothing is known of a pause any more.
	Resumed func(t bus.TargetKey, at time.Time)
}

// Follow follows lines, records and paused targets of all instances. What cannot
// be read is not told, and what was told before still counts; of a pause only the
// reason is left out. The callbacks run in one goroutine. The channel is closed
// when all that stood was read.
func Follow(ctx context.Context, b *bus.Bus, on Events) <-chan struct{} {
	k := b.Bucket(bus.BucketLines)
	return k.Follow(ctx, ">", func(v bus.Value) { k.Judge(v, on.tell(v)) })
}

// Check is why an entry of the lines' bucket cannot be read; nil = it can.
func Check(v bus.Value) error { return (&Events{}).tell(v) }

func (on *Events) tell(v bus.Value) error {
	switch kindOf(v.Key) {
	case kindLine:
		return on.tellLine(v)
	case kindRecord:
		return on.tellRecord(v)
	case kindPosition:
		if v.Bytes == nil {
			return nil
		}
		_, err := readPosition(v)
		return err
	case kindPaused, kindResumed:
		return on.tellPause(v)
	}
	if v.Bytes == nil {
		return nil
	}
	return errors.New("its key is none of this bucket")
}

func (on *Events) tellLine(v bus.Value) error {
	var l *Line
	if v.Bytes != nil {
		read, err := readLine(v)
		if err != nil {
			return err
		}
		l = &read
	}
	if on.Line != nil {
		on.Line(v.Key, l)
	}
	return nil
}

func (on *Events) tellRecord(v bus.Value) error {
	var r *action.LineRecord
	if v.Bytes != nil {
		read, err := readRecord(v.Key, v.Bytes)
		if err != nil {
			return err
		}
		r = &read
	}
	if on.Record != nil {
		on.Record(v.Key, r)
	}
	return nil
}

func (on *Events) tellPause(v bus.Value) error {
	t, err := bus.PauseOf(strings.Split(v.Key, "."))
	if err != nil {
		return err
	}
	if kindOf(v.Key) == kindPaused {
		var reason action.Code
		if v.Bytes != nil {
			reason, err = bus.ReasonOf(v)
		}
		if on.Paused != nil {
			on.Paused(t, reason)
		}
		return err
	}
	var at time.Time
	if v.Bytes != nil {
		err = at.UnmarshalText(v.Bytes[:min(len(v.Bytes), len(time.RFC3339Nano)+1)])
	}
	if err != nil {
		return fmt.Errorf("the end of a pause is no time: %w", err)
	}
	if on.Resumed != nil {
		on.Resumed(t, at)
	}
	return nil
}
