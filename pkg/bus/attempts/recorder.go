package attempts

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/share"
)

// Bounds of what a worker holds of attempts that are not stored yet: records and
// bytes of one instance while no other has any, and records on their way.
const (
	queuedRecords = 4096
	queuedBytes   = 8 << 20
	underWay      = 256
)

const (
	confirmFor = 5 * time.Second       // how long a confirmation is waited for
	gatherFor  = 20 * time.Millisecond // how long records are gathered before they are sent
	sayEvery   = 10 * time.Second      // how often it is said, at most, that records were dropped
	absentFor  = time.Second           // how long a log that is not there is left alone
	endFor     = 100 * time.Millisecond
	lookEvery  = 100 * time.Millisecond // how often it is looked for what is not confirmed, while there is no room
)

// Recorder stores what became of attempts, one behind the other, while those who
// tell of them go on. It may be used from any goroutine.
type Recorder struct {
	bus      *bus.Bus
	worker   string
	queue    chan queued
	records  *share.Pool
	bytes    *share.Pool
	logs     sync.Map      // *log by instance
	room     chan struct{} // holds one for each record on its way
	onWay    onWay
	open     map[*log]*batch // of run
	free     []*batch        // of run, to be used again
	text     []byte          // of run: the record that is being stored
	stopping chan struct{}
	over     chan struct{} // closed when the time of Stop is over
	stop     sync.Once
	ended    chan struct{}
	full     atomic.Uint64 // records that were dropped because too many waited
	lost     atomic.Uint64 // records that were sent and not confirmed
}

// queued is a record that waits, and what it takes of the bytes.
type queued struct {
	Record
	size int64
}

// log is the log of an instance, as its records tell of it.
type log struct {
	instance, stream string

	dropped atomic.Uint64
	absent  atomic.Int64 // until when it is left alone because it is not there, in nanoseconds
}

// NewRecorder makes a recorder of a worker, which is named in each record. Stop
// must be called.
func NewRecorder(b *bus.Bus, worker string) (*Recorder, error) {
	r := &Recorder{bus: b, worker: worker, queue: make(chan queued, share.Size(queuedRecords)), records: share.New(queuedRecords),
		bytes: share.New(queuedBytes), room: make(chan struct{}, underWay), open: map[*log]*batch{}, stopping: make(chan struct{}), over: make(chan struct{}), ended: make(chan struct{})}
	if err := r.onWay.listen(b.Conn(), r.answered); err != nil {
		return nil, bus.Failure(err)
	}
	go r.run()
	return r, nil
}

// Record takes what became of an attempt, to be stored soon. It never waits: what
// is over the bounds is dropped and counted.
func (r *Recorder) Record(rec Record) {
	of := r.of(rec.Instance)
	if time.Now().UnixNano() < of.absent.Load() {
		of.dropped.Add(1)
		return
	}
	rec.Worker, rec.Dropped = r.worker, of.dropped.Load()
	q := queued{rec, rec.size()}
	if !r.take(q) {
		of.dropped.Add(1)
		r.full.Add(1)
		return
	}
	r.queue <- q // there is room for as many as have a place
}

// take tells whether a record has a place among those that wait.
func (r *Recorder) take(q queued) bool {
	select {
	case <-r.stopping:
		return false
	default:
	}
	if !r.records.Take(q.Instance, 1) {
		return false
	}
	if !r.bytes.Take(q.Instance, q.size) {
		r.records.Give(q.Instance, 1)
		return false
	}
	return true
}

func (r *Recorder) give(q queued) {
	r.records.Give(q.Instance, 1)
	r.bytes.Give(q.Instance, q.size)
}

func (r *Recorder) of(instance string) *log {
	if of, ok := r.logs.Load(instance); ok {
		return of.(*log)
	}
	of, _ := r.logs.LoadOrStore(instance, &log{instance: instance, stream: r.bus.Instance(instance).Attempts})
	return of.(*log)
}

// Dropped is how many records of an instance were not kept.
func (r *Recorder) Dropped(instance string) uint64 { return r.of(instance).dropped.Load() }

// Stop takes nothing more, stores what waits as long as ctx allows, and ends. What
// is not stored by then is dropped and counted. It may be called more than once.
func (r *Recorder) Stop(ctx context.Context) {
	r.stop.Do(func() {
		close(r.stopping)
		context.AfterFunc(ctx, func() { close(r.over) })
	})
	select {
	case <-r.ended:
	case <-ctx.Done():
		select {
		case <-r.ended:
		case <-time.After(endFor): // the connection takes nothing
		}
	}
	r.onWay.drained(ctx)
	r.giveUp(r.onWay.close())
	r.say()
}

// run stores records until Stop, and then those that wait.
func (r *Recorder) run() {
	defer close(r.ended)
	saying := time.NewTicker(sayEvery)
	defer saying.Stop()
	for {
		select {
		case q := <-r.queue:
			r.gather()
			r.store(q)
			r.flush()
		case <-saying.C:
			r.giveUp(r.onWay.overdue(time.Now().Add(-confirmFor)))
			r.say()
		case <-r.stopping:
			r.flush()
			return
		}
	}
}

// gather waits a moment for more: what is sent together costs the server, the
// connection and us a fraction of what it costs one by one.
func (r *Recorder) gather() {
	timer := time.NewTimer(gatherFor)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.stopping:
	}
}

func (r *Recorder) flush() {
	for {
		select {
		case q := <-r.queue:
			r.store(q)
		default:
			r.confirmAll()
			return
		}
	}
}

// store sends a record. It waits for nothing but room among those on their way.
func (r *Recorder) store(q queued) {
	defer r.give(q)
	of := r.of(q.Instance)
	if time.Now().UnixNano() < of.absent.Load() {
		of.dropped.Add(1)
		return
	}
	if !r.enter() {
		of.dropped.Add(1)
		r.full.Add(1)
		return
	}
	text, err := q.append(r.text[:0])
	if r.text = text; err != nil {
		r.lose(of, 1)
		return
	}
	r.add(of, q.subject())
}

// enter takes room among the records on their way, and gives up on those that were
// not confirmed in time. It is false when the time of Stop is over.
func (r *Recorder) enter() bool {
	select {
	case r.room <- struct{}{}:
		return true
	default:
	}
	r.confirmAll() // nothing else makes room
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case r.room <- struct{}{}:
			return true
		case <-r.over:
			return false
		case <-look.C:
			r.giveUp(r.onWay.overdue(time.Now().Add(-confirmFor)))
		}
	}
}

// giveUp counts records of which nobody knows whether they are stored.
func (r *Recorder) giveUp(all []sent) {
	for _, s := range all {
		r.lose(s.of, s.records)
	}
}

// lose gives the room of records back, and counts them as lost.
func (r *Recorder) lose(of *log, records int) {
	r.leave(records)
	of.dropped.Add(uint64(records))
	r.lost.Add(uint64(records))
}

func (r *Recorder) leave(records int) {
	for range records {
		<-r.room
	}
}

// answered hears what NATS says of a batch.
func (r *Recorder) answered(s sent, answer *nats.Msg) {
	var ack struct {
		Stream string `json:"stream"`
		Error  any    `json:"error"`
	}
	of := s.of
	switch {
	case len(answer.Data) == 0 && answer.Header.Get("Status") == statusNobody:
		r.leave(s.records)
		of.dropped.Add(uint64(s.records))
		if before := of.absent.Swap(time.Now().Add(absentFor).UnixNano()); before == 0 {
			r.bus.Log().Info().Str("instance", of.instance).Msg("the instance has no log of attempts: what becomes of them is not recorded until it has")
		}
		return
	case json.Unmarshal(answer.Data, &ack) != nil || ack.Error != nil || ack.Stream != of.stream: // somebody else's stream takes them
		r.lose(of, s.records)
		return
	case s.life != r.onWay.life(): // those before the last may have gone down with the connection
		r.lose(of, s.records-1)
		r.leave(1)
	default:
		r.leave(s.records)
	}
	if of.absent.Load() != 0 && of.absent.Swap(0) != 0 {
		r.bus.Log().Info().Str("instance", of.instance).Msg("the instance has a log of attempts again")
	}
}

// statusNobody is how NATS says that there is no stream.
const statusNobody = "503"

// say says how many records were dropped since it was last said.
func (r *Recorder) say() {
	full, lost := r.full.Swap(0), r.lost.Swap(0)
	if full+lost == 0 {
		return
	}
	r.bus.Log().Warn().Uint64("overrun", full).Uint64("unconfirmed", lost).
		Msg("attempts were not recorded: their log did not keep up; deliveries and calls went on")
}
