package attempts

import (
	"context"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// Log is what became of the attempts of one instance. It is a value, and may be
// used from any goroutine. Errors are *action.Error; missing when there is no log.
type Log struct{ bus.Instance }

// Of gives the log of an instance.
func Of(i bus.Instance) Log { return Log{i} }

// MaxLooked is how many records are looked at for one answer.
const MaxLooked = 10_000

// kept is a record and where it lies.
type kept struct {
	Record
	sequence uint64
}

// found is what one look into the log has brought.
type found struct {
	records []kept // oldest first
	left    int    // records that could not be read
	looked  int
	next    uint64 // where it goes on
	whole   bool   // there is nothing more up to where was looked
}

// between reads what a filter takes of the messages from a sequence up to another,
// oldest first, until it has looked at most of them. What cannot be read is left
// out: somebody else can have put it there, or a newer version.
func (l Log) between(ctx context.Context, filter string, from, to uint64, most int) (f found, err error) {
	for f.next = from; f.next <= to && f.looked < most; {
		batch, err := l.Read(ctx, l.Attempts, filter, f.next, min(batchMost, most-f.looked))
		if err != nil {
			return f, err
		}
		if len(batch) == 0 {
			break
		}
		for _, m := range batch {
			if m.Sequence > to {
				f.whole = true
				return f, nil
			}
			f.looked++
			f.next = m.Sequence + 1
			f.add(l, m)
		}
	}
	f.whole = f.next > to || f.looked < most
	return f, nil
}

func (f *found) add(l Log, m bus.Message) {
	r, err := l.read(m)
	if err == nil {
		f.records = append(f.records, kept{r, m.Sequence})
		return
	}
	f.left++
	if action.CodeOf(err) != action.CodeNewer {
		l.JudgeMessage(l.Attempts, m.Sequence, err)
	}
}

// batchMost is how many messages are asked for at once.
const batchMost = 256

// bounds is from which sequence up to which the log has what a filter asks for.
func (l Log) bounds(ctx context.Context, f *Filter) (from, to uint64, err error) {
	info, err := l.State(ctx, l.Attempts)
	if err != nil {
		return 0, 0, err
	}
	from, to = max(info.State.FirstSeq, 1), info.State.LastSeq
	since := f.Since
	if stored, known := l.storedAt(ctx, f.Sequence); known && stored.After(since) {
		since = stored
	}
	if !since.IsZero() {
		if from, err = l.SequenceSince(ctx, l.Attempts, wire.AttemptsOf(l.ID), since.Add(-clocksApart)); err != nil {
			return 0, 0, err
		}
	}
	if !f.Until.IsZero() {
		end, err := l.SequenceSince(ctx, l.Attempts, wire.AttemptsOf(l.ID), f.Until.Add(confirmFor+clocksApart))
		if err != nil {
			return 0, 0, err
		}
		to = min(to, end-1)
	}
	return from, to, nil
}

// clocksApart is by how much the clocks of a worker and of NATS may differ.
const clocksApart = 10 * time.Second

// storedAt is when an event was stored, while it is kept: no attempt is older.
func (l Log) storedAt(ctx context.Context, sequence uint64) (at time.Time, known bool) {
	if sequence == 0 {
		return at, false
	}
	found, err := l.Read(ctx, l.Events, ">", sequence, 1)
	if err != nil || len(found) == 0 || found[0].Sequence != sequence {
		return at, false
	}
	return found[0].StoredAt, true
}

// Attempts are those of one delivery, oldest first.
type Attempts struct {
	Records []Record
	// Next is where the log goes on when MaxLooked records were looked at, or the
	// answer became too large; 0 = these are all.
	Next    uint64
	Large   bool   // it became too large
	Dropped uint64 // records that the workers seen here had not kept before
	Left    int    // records that could not be read
}

// maxAnswer is how large one answer becomes, in bytes of its records, before it
// ends.
const maxAnswer = 1 << 20

// firstStored puts the turn of a call that stored a delivery before its attempts. Who made
// an attempt may have recorded it sooner, for it is another worker.
func firstStored(records []Record) {
	n := slices.IndexFunc(records, func(r Record) bool { return r.Decision == Stored })
	if n > 0 {
		stored := records[n]
		copy(records[1:n+1], records[:n])
		records[0] = stored
	}
}

// OfDelivery reads the attempts of one delivery that lie at a place or behind it.
func (l Log) OfDelivery(ctx context.Context, id string, from uint64) (a Attempts, err error) {
	info, err := l.State(ctx, l.Attempts)
	if err != nil {
		return a, err
	}
	defer func() { firstStored(a.Records) }()
	dropped, filter := map[string]uint64{}, wire.AttemptFilter(l.ID, id, "", "", "")
	from = max(from, info.State.FirstSeq, 1)
	for looked, size := 0, int64(0); ; {
		f, err := l.between(ctx, filter, from, info.State.LastSeq, batchMost)
		if err != nil {
			return a, err
		}
		looked, a.Left, from = looked+f.looked, a.Left+f.left, f.next
		for _, k := range f.records {
			if k.DeliveryID == id {
				a.Records = append(a.Records, k.Record)
				dropped[k.Worker] = max(dropped[k.Worker], k.Dropped)
				size += k.size()
			}
		}
		if a.Dropped = sum(dropped); f.whole {
			return a, nil
		}
		if looked >= MaxLooked || size > maxAnswer {
			a.Next, a.Large = from, looked < MaxLooked
			return a, nil
		}
	}
}

func sum(dropped map[string]uint64) (n uint64) {
	for _, d := range dropped {
		n += d
	}
	return n
}
