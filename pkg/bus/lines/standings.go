package lines

import (
	"cmp"
	"context"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// StandingOf is a line and how it stands.
type StandingOf struct {
	Line Line
	Standing
	Lost bool // it has no consumer
}

// Standings tells how all lines of an instance stand, without what is the first
// that waits: a question for 256 of them, where Standing asks several for each.
func (i Lines) Standings(ctx context.Context) ([]StandingOf, error) {
	all, err := i.List(ctx)
	if err != nil {
		return nil, err
	}
	consumers := map[Key]*jetstream.ConsumerInfo{}
	for stream, async := range map[string]bool{i.Events: false, i.Async: true} {
		all, err := i.consumers(ctx, stream)
		if err != nil {
			return nil, err
		}
		for _, info := range all {
			consumers[Key{i.ID, async, info.Name}] = info
		}
	}
	placed, err := i.placements(ctx, all)
	if err != nil {
		return nil, err
	}
	records, err := i.records(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]StandingOf, 0, len(all))
	for _, l := range all {
		one := StandingOf{Line: l}
		if l.Packed() {
			p, err := i.counted(ctx, l, placed[l.Name])
			if err != nil {
				return nil, err
			}
			one.Standing = p.standing(cmp.Or(l.AckWait, i.AckWait()))
		} else if info := consumers[l.Key()]; info == nil {
			one.Lost = true
		} else {
			one.Standing = standingOf(info)
		}
		one.Record = records[l.RecordKey()]
		out = append(out, one)
	}
	return out, nil
}

// records reads the records of all ordered lines of an instance, and of unordered
// ones how a delivery failed last, by their keys.
func (i Lines) records(ctx context.Context) (map[string]action.LineRecord, error) {
	all := map[string]action.LineRecord{}
	err := i.book().Each(ctx, i.Token+"."+kindRecord+".*", func(v bus.Value) error {
		r, err := readRecord(v.Key, v.Bytes)
		if action.CodeOf(err) == action.CodeNewer {
			return err
		}
		if i.book().Judge(v, err) && strings.Count(v.Key, ".") == 2 {
			all[v.Key] = r
		}
		return nil
	})
	return all, err
}
