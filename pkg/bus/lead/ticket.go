package lead

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nuid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// The waits of one that asks the server.
const (
	leadAsk    = 2 * time.Second        // how long one answer of the server is waited for
	leadLeave  = 500 * time.Millisecond // how long giving back may take; then it lapses
	leadSoon   = 5 * time.Millisecond   // the first wait before looking again
	leadSeldom = leadFor / 4            // the longest
)

// reading is a rota as it was found.
type reading struct {
	rota
	raw      []byte // nil = there is none
	revision uint64
	current  bool // from the store itself, and so may be written over
	written  bool // and was put there by who has it
	foreign  bool // of another version: to be left alone
}

func newReading(raw []byte) reading {
	r, ok := readRota(raw)
	return reading{rota: r, raw: raw, foreign: !ok}
}

// take waits until the rota names the ticket, or nobody, and says that it leads.
// sent is when it did.
func (q *queue) take(ctx context.Context) (last reading, sent moment, err error) {
	var again pause
	ticket, waits := q.ticket, q.ticket != ""
	if !waits {
		ticket = nuid.Next()
	}
	for known := (reading{}); ; {
		news := q.newsOf() // before looking: what comes later wakes
		next, write := known.next(ticket, q.untilLate(known.rota) <= 0)
		switch {
		case known.foreign || !write:
			waits = true
			known, err = q.await(ctx, known, news, &again)
		case !known.current:
			known, err = q.read(ctx)
		case len(next.Waiting) > rotaMost:
			return reading{}, moment{}, action.NewError(action.CodeBusy, action.StageCatalog, "as many dispatchers wait for the instance as may")
		default:
			q.ticket, sent = ticket, now()
			known, err = q.write(ctx, known, next, &again)
			if err == nil && known.Leader == ticket && known.Beat > 0 && known.written && now().since(sent) < leadTrust {
				return known, sent, nil
			}
		}
		if err != nil {
			if err = q.endure(ctx, err, waits, &again); err != nil {
				return reading{}, moment{}, err
			}
			known = reading{}
		}
	}
}

// await waits for a change, or until there may be something to do without one:
// what lapses on the server is not told. When the watch and the last look
// disagree, one of them is behind, and it looks again soon.
func (q *queue) await(ctx context.Context, known reading, news <-chan struct{}, again *pause) (reading, error) {
	q.follow()
	wait := max(q.untilLate(known.rota), time.Millisecond)
	if known.foreign { // it lapses when its leader is gone
		wait = leadSeldom
	}
	if q.agrees(known) {
		*again = 0
	} else {
		wait = min(wait, again.next())
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-news:
		*again = 0
		return q.toldLast(), nil
	case <-q.bus.Renewed(): // made anew: nobody knows what was missed
	case <-timer.C:
	case <-ctx.Done():
		return reading{}, ctx.Err()
	}
	return reading{}, nil
}

// endure waits before the next try when the server did not answer; it gives the
// error that ends the waiting. Who waits already stays patient.
func (q *queue) endure(ctx context.Context, err error, waits bool, again *pause) error {
	if ctx.Err() != nil && waits && q.bus.Connected() {
		return gaveUp(ctx)
	}
	if missing := q.missing(err); missing != nil {
		return missing
	}
	if ctx.Err() != nil || !waits {
		return action.NewError(action.CodeUnavailable, action.StageBus, "NATS does not answer right now").WithCause(err)
	}
	select {
	case <-q.bus.Renewed():
	case <-time.After(again.next()):
	case <-ctx.Done():
	}
	return nil
}

// missing gives the error of a bucket that is not there, nil when it is, or that
// cannot be told.
func (q *queue) missing(err error) error {
	if action.CodeOf(err) == action.CodeMissing {
		return err
	}
	return nil
}

// renew counts the leader on until ctx ends or the lead is over. It gives what the
// rota was last.
func (q *queue) renew(ctx context.Context, t *term, last reading) reading {
	ticker := time.NewTicker(leadRenew)
	defer ticker.Stop()
	for t.held() == nil {
		select {
		case <-ctx.Done():
			return last
		case <-ticker.C:
		}
		if t.held() == nil {
			last = q.renewOnce(ctx, t, last)
		}
	}
	return last
}

// renewOnce leaves it to the term when the server does not answer.
func (q *queue) renewOnce(ctx context.Context, t *term, last reading) reading {
	ctx, cancel := context.WithTimeout(ctx, leadRenew)
	defer cancel()
	for again := pause(0); ; {
		sent := now()
		found, err := q.write(ctx, last, last.ledBy(q.ticket), &again)
		switch {
		case err != nil:
			return last
		case found.written:
			t.renewed(sent)
			return found
		case found.raw == nil || !found.foreign && found.Leader == q.ticket:
			last = found // somebody stands in since, or a renewal arrived whose answer did not
		case found.revision > last.revision:
			t.finish(leadOver("another dispatcher has taken over the instance"))
			return last
		default: // read where the last write has not arrived, or the bucket is another one
			if again.wait(ctx) != nil {
				return last
			}
		}
	}
}

// release takes the ticket out of the rota as it was last known, and names the
// next when it led. What fails lapses.
func (q *queue) release(known reading) {
	if q.ticket == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leadLeave)
	defer cancel()
	var err error
	if !known.current {
		known, err = q.read(ctx)
	}
	for again := pause(0); err == nil && !known.foreign; {
		next, write := known.left(q.ticket)
		if !write {
			break
		}
		known, err = q.write(ctx, known, next, &again)
	}
	q.ticket = ""
}

func (q *queue) read(ctx context.Context) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, leadAsk)
	defer cancel()
	v, there, err := q.bus.Bucket(bus.BucketLeads).Get(ctx, q.key)
	if err != nil {
		return reading{}, err
	}
	var found reading
	if there {
		found = newReading(v.Bytes)
		found.revision = v.Revision
	}
	found.current = true
	q.note(found)
	return found, nil
}

// write puts a rota in the place of what was read. When somebody else wrote in
// between, it gives what that was, and written is false.
func (q *queue) write(ctx context.Context, over reading, r rota, again *pause) (reading, error) {
	found, err := q.writeOver(ctx, over, r)
	if action.CodeOf(err) != action.CodeConflict {
		return found, err
	}
	for {
		found, err = q.read(ctx)
		if err != nil || found.revision != over.revision {
			return found, err
		}
		if err = again.wait(ctx); err != nil { // it was read where that has not arrived yet
			return reading{}, err
		}
	}
}

func (q *queue) writeOver(ctx context.Context, over reading, r rota) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, leadAsk)
	defer cancel()
	raw, err := json.Marshal(r)
	if err != nil {
		return reading{}, err
	}
	mine := reading{rota: r, raw: raw, current: true, written: true}
	before := over.revision
	if over.raw == nil {
		before = 0
	}
	mine.revision, err = q.bus.Bucket(bus.BucketLeads).Update(ctx, q.key, raw, before)
	if err == nil {
		q.note(mine)
	}
	return mine, err
}

// pause is a wait that doubles.
type pause time.Duration

func (p *pause) next() time.Duration {
	*p = min(max(2**p, pause(leadSoon)), pause(leadSeldom))
	return time.Duration(*p)
}

func (p *pause) wait(ctx context.Context) error {
	select {
	case <-time.After(p.next()):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
