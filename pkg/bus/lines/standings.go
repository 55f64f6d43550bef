package lines

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/shards"
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
			one.Standing = placed[l.Name].standing(cmp.Or(l.AckWait, i.AckWait()))
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

// placements tells how all packed lines of an instance stand: a question for each shard.
// What waits in those that are far behind, and whose shard nobody holds, is counted one
// by one.
func (i Lines) placements(ctx context.Context, all []Line) (map[string]placement, error) {
	of := map[shards.Shard][]Line{}
	for _, l := range all {
		if l.Packed() {
			of[l.shard()] = append(of[l.shard()], l)
		}
	}
	out := map[string]placement{}
	for s, its := range of {
		a, err := i.ask(ctx, s, question{Do: askStanding})
		if err != nil && !errors.Is(err, errNobody) {
			return nil, err
		}
		for _, l := range its {
			p, known := a.Lines[l.Name]
			if !known {
				p, err = i.written(ctx, l)
			} else {
				p, err = i.counted(ctx, l, p)
			}
			if err != nil {
				return nil, err
			}
			out[l.Name] = p
		}
	}
	return out, nil
}
