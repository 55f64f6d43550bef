package lines

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/shards"
)

// What a dispatcher does to a packed line it asks of the worker that holds the shard,
// or does itself while nobody does.

// placementOf tells how a packed line stands; what waits in it may not be counted.
func (i Lines) placementOf(ctx context.Context, l Line) (p placement, err error) {
	for range askTries {
		var a answer
		a, err = i.ask(ctx, l.shard(), question{Do: askStanding, Line: l.Name})
		if errors.Is(err, errNobody) {
			break
		}
		if p, known := a.Lines[l.Name]; err == nil && known {
			return p, nil
		}
		select { // who holds its shard has not heard of it yet, or has just lost it
		case <-ctx.Done():
			return p, bus.Failure(ctx.Err())
		case <-time.After(askAgain):
		}
	}
	if err != nil && !errors.Is(err, errNobody) {
		return p, err
	}
	all, err := shards.Read(ctx, i.Bus, l.shard())
	if err != nil {
		return p, err
	}
	return i.writtenIn(ctx, all, l)
}

// placements tells how all these packed lines stand: a question for each shard and
// answerMost lines. What waits in those that are far behind, or whose shard nobody holds,
// is not counted.
func (i Lines) placements(ctx context.Context, all []Line) (map[string]placement, error) {
	of := map[shards.Shard][]Line{}
	for _, l := range all {
		if l.Packed() {
			of[l.shard()] = append(of[l.shard()], l)
		}
	}
	out := map[string]placement{}
	for s, its := range of {
		told, err := i.askAll(ctx, s)
		if err != nil {
			return nil, err
		}
		var written *shards.Places
		for _, l := range its {
			p, known := told[l.Name]
			if !known && written == nil {
				all, err := shards.Read(ctx, i.Bus, s)
				if err != nil {
					return nil, err
				}
				written = &all
			}
			if !known {
				if p, err = i.writtenIn(ctx, *written, l); err != nil {
					return nil, err
				}
			}
			out[l.Name] = p
		}
	}
	return out, nil
}

// askAll asks the holder of a shard for all its lines; nobody knows of any where nobody
// holds it.
func (i Lines) askAll(ctx context.Context, s shards.Shard) (map[string]placement, error) {
	all := map[string]placement{}
	for q := (question{Do: askStanding}); ; {
		a, err := i.ask(ctx, s, q)
		if errors.Is(err, errNobody) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		maps.Copy(all, a.Lines)
		if a.More <= q.After {
			return all, nil
		}
		q.After = a.More
	}
}

// writtenIn tells how a packed line stands by what is written of its shard.
func (i Lines) writtenIn(ctx context.Context, all shards.Places, l Line) (placement, error) {
	place, known := all.Lines[l.Name]
	p := placement{Floor: all.Read}
	switch {
	case !known:
		kept, err := i.position(ctx, l)
		if err != nil {
			return p, err
		}
		p.Floor = max(kept, max(l.Cut, 1)-1)
	case place.Next > 0:
		p.Floor = place.Next - 1
	}
	if place.Until > 0 {
		p.Until = time.Unix(0, place.Until)
	}
	p.Handed = p.Floor
	return p, nil
}

// countedOf tells how a packed line stands, and what waits in it.
func (i Lines) countedOf(ctx context.Context, l Line) (placement, error) {
	p, err := i.placementOf(ctx, l)
	if err != nil {
		return p, err
	}
	return i.counted(ctx, l, p)
}

// standing is a placement in the words of a Standing, without its record.
func (p placement) standing(ackWait time.Duration) Standing {
	s := Standing{Backlog: Backlog{Pending: p.Pending, InWork: p.InWork, Floor: p.Floor}, AckWait: ackWait, LastAck: p.Moved}
	if left := time.Until(p.Until); left > 0 {
		s.Held, s.Paused = true, left > standsFrom
	}
	if p.Tried {
		s.Redelivered = p.InWork
	}
	return s
}

// standPacked lets a packed line stand that is to stand, and go on when nobody of us
// has stopped it.
func (i Lines) standPacked(ctx context.Context, l Line) (changed string, err error) {
	p, err := i.placementOf(ctx, l)
	if err != nil {
		return "", err
	}
	r, err := i.LineRecord(ctx, l)
	if err != nil {
		return "", err
	}
	switch stop, resume := p.astray(l, r); {
	case stop:
		return "pause", i.Stop(ctx, l)
	case resume:
		return "pause", i.Resume(ctx, l)
	}
	return "", nil
}

// astray tells of a packed line that hands something out and is to stand, or stands
// though nobody of us has stopped it. The record was read behind the placement.
func (p placement) astray(l Line, r action.LineRecord) (stop, resume bool) {
	left := time.Until(p.Until)
	return l.stands(r) && !l.Fenced && left <= standsFrom, !l.stands(r) && left > longestHold
}

// PackedLine is a packed line as it stands, but for what waits in it.
type PackedLine struct {
	Line   Line
	Floor  uint64            // every sequence up to it is done
	Paused bool              // somebody stopped it
	Astray bool              // it stands and is not to, or is to and does not: see PutRight
	Record action.LineRecord // zero = it never failed
}

// PackedLines tells how all packed lines of the instance stand that are not drained: a
// few questions however many there are, where PutRight, Backlog and Standing ask several
// for each. What is to be done about one by what it tells is to be asked of that again.
func (i Lines) PackedLines(ctx context.Context) ([]PackedLine, error) {
	all, err := i.List(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(l Line) bool { return !l.Packed() || l.Drained })
	if len(all) == 0 {
		return nil, nil
	}
	placed, err := i.placements(ctx, all)
	if err != nil {
		return nil, err
	}
	records, err := i.records(ctx) // behind the placements, see setPauseBack
	if err != nil {
		return nil, err
	}
	out := make([]PackedLine, 0, len(all))
	for _, l := range all {
		p, r := placed[l.Name], records[l.RecordKey()]
		stop, resume := p.astray(l, r)
		out = append(out, PackedLine{Line: l, Floor: p.Floor, Paused: p.standing(0).Paused, Astray: stop || resume, Record: r})
	}
	return out, nil
}
