package dispatch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
)

// How often a dispatcher looks whether all is there that the engine keeps in
// NATS, how soon again at the earliest when somebody missed something, and how
// long mending one instance may take.
const (
	lookEvery   = time.Second
	lookAgainAt = 100 * time.Millisecond
	lookFor     = 5 * time.Second
	healFor     = time.Minute
)

// health is what a dispatcher does so that what the engine keeps in NATS stays
// there. All dispatchers look; one at a time mends an instance.
type health struct {
	dispatcher *Dispatcher
	secrets    *bus.Memory
	declared   *bus.Memory
	book       *bus.Memory

	mu      sync.Mutex
	before  map[looked]bus.StreamLook // as it was when last the instance lacked nothing
	mending map[string]bool           // instances
	ill     map[string]string         // what an instance lacks, in words
	said    map[string]string         // why an instance could not be mended, as it was said last
	files   map[string]error          // why what a followed file holds is not in force, by path
	marked  map[string]revisions.Root // the newest marker of an instance that was looked into
	handed  map[string]uint64         // revision of the conditions that cores were given
	doubts  map[string]doubt          // what is spoilt of an instance
	strange map[string]time.Time      // since when lines are there of an instance that is not, by watched key
	logless map[string]string         // why the attempts of an instance are not recorded

	notices notices
}

// looked is a stream as one instance was looked after in it.
type looked struct{ instance, stream string }

// remember begins to remember what could be lost. The channels are closed when it
// is read.
func (h *health) remember(ctx context.Context, d *Dispatcher) (read []<-chan struct{}) {
	h.dispatcher = d
	h.before, h.mending, h.ill = map[looked]bus.StreamLook{}, map[string]bool{}, map[string]string{}
	h.said, h.files = map[string]string{}, map[string]error{}
	h.marked, h.handed, h.doubts = map[string]revisions.Root{}, map[string]uint64{}, map[string]doubt{}
	h.strange = map[string]time.Time{}
	h.logless = map[string]string{}
	for _, bucket := range []struct {
		name  string
		into  **bus.Memory
		check func(bus.Value) error
	}{{bus.BucketSecrets, &h.secrets, bus.CheckSecret}, {bus.BucketDeclared, &h.declared, d.checkDeclaration}, {bus.BucketLines, &h.book, lines.Check}} {
		var first <-chan struct{}
		*bucket.into, first = d.bus.Bucket(bucket.name).Remember(ctx, bucket.check)
		read = append(read, first)
	}
	return append(read, revisions.WatchConditions(ctx, d.bus, h.told))
}

// run looks until ctx ends: every second, and at once when somebody misses
// something. Where looking takes long, it is done less often.
func (h *health) run(ctx context.Context) {
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	for {
		began := time.Now()
		h.look(ctx)
		took := time.Since(began)
		timer.Reset(max(lookEvery, 20*took))
		missed := h.dispatcher.bus.Missed()
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			continue
		case <-missed:
		}
		timer.Reset(lookAgainAt)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// look finds out what is missing, and has it mended.
func (h *health) look(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	d := h.dispatcher
	known := d.catalogs.Known() // before the look: one that is made meanwhile lacks nothing
	h.judgeStrange(time.Now())
	look, err := d.bus.Look(asking)
	if err != nil {
		return // whoever needs it says so
	}
	if lacks := look.Lacks(d.bus.Needed()); len(lacks) > 0 {
		err := d.bus.EnsureInstallation(asking)
		d.log.Error().Err(err).Strs("missing", lacks).Msg("what all instances share is missing in NATS, and is made again")
		if look, err = d.bus.Look(asking); err != nil {
			return
		}
	}
	h.putDeclarationsBack(asking, look)
	defer h.makeAttempts(asking, known, look) // nothing else waits for it
	defer d.fitStorage(asking, known, look)
	d.came.note(known, look, d.bus)
	for _, id := range known {
		if !d.catalogs.Knows(id) { // it was deleted meanwhile
			continue
		}
		loss := h.lossOf(asking, d.shared(id), look)
		if loss.none() {
			h.well(id, look)
		}
		if !loss.none() || h.due(id, loss.spoilt) {
			h.begin(ctx, d.shared(id), loss)
		}
	}
}

// strangeAfter is how long lines may be there before their instance is: those of a
// new one are made first.
const strangeAfter = 2 * time.Second

// judgeStrange names the lines of instances that are not there, as what cannot be
// read is named. Nobody takes from them until their instance appears.
func (h *health) judgeStrange(now time.Time) {
	strange := h.dispatcher.lines.strange(h.dispatcher.catalogs.Knows)
	book := h.dispatcher.bus.Bucket(bus.BucketLines)
	h.mu.Lock()
	defer h.mu.Unlock()
	for watched, instance := range strange {
		if h.strange[watched].IsZero() {
			h.strange[watched] = now
		}
		if now.Sub(h.strange[watched]) >= strangeAfter {
			book.Judge(bus.Value{Key: watched}, fmt.Errorf("there is no instance %q: the line waits for it", instance))
		}
	}
	for watched := range h.strange {
		if _, still := strange[watched]; !still {
			delete(h.strange, watched)
			if h.dispatcher.lines.has(watched) { // else what stands there now was judged by who read it
				book.Judge(bus.Value{Key: watched}, nil)
			}
		}
	}
}

// putDeclarationsBack stores again what cores have declared when its bucket was
// lost: they need not be there any more.
func (h *health) putDeclarationsBack(ctx context.Context, look bus.Look) {
	name := bus.BucketStream(bus.BucketDeclared)
	h.mu.Lock()
	at := looked{"", name}
	before, after := h.before[at]
	now := look.Streams[name]
	h.mu.Unlock()
	if after && (!now.Made.Equal(before.Made) || now.EmptiedSince(before)) {
		if _, err := h.declared.PutBack(ctx, "", func(string, []byte) bool { return true }); err != nil {
			return // the next look tries again
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before[at] = now
}

// begin mends an instance, unless that is under way.
func (h *health) begin(ctx context.Context, i *Instance, l loss) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !l.none() {
		h.ill[i.ID] = l.String()
	}
	if h.mending[i.ID] {
		return
	}
	h.mending[i.ID] = true
	h.dispatcher.ended.Go(func() {
		defer func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			delete(h.mending, i.ID)
		}()
		h.say(i, l, h.mend(ctx, i, l))
	})
}

// say says why an instance could not be mended, once.
func (h *health) say(i *Instance, l loss, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	h.mu.Lock()
	known := h.said[i.ID] == text
	h.said[i.ID] = text
	h.mu.Unlock()
	if err != nil && !known && action.CodeOf(err) != action.CodeCancelled {
		i.log.Error().Err(err).Str("missing", l.String()).Strs("spoilt", l.spoilt).Msg("what is missing in NATS could not be made again yet")
	}
}

// mend mends an instance as the only one who does.
func (h *health) mend(ctx context.Context, i *Instance, l loss) error {
	ctx, cancel := context.WithTimeout(ctx, healFor)
	defer cancel()
	var after bus.Look
	err := h.dispatcher.withKeyFiles(ctx, func(files keyFiles) error {
		return i.lead(ctx, func(ctx context.Context) (err error) {
			healing := &healing{Instance: i, health: h, loss: l, files: files}
			after, err = healing.heal(ctx)
			return err
		})
	})
	if err == nil && !l.none() && h.dispatcher.catalogs.Knows(i.ID) {
		h.well(i.ID, after)
	}
	return err
}

// forget drops what is known of an instance that was deleted.
func (h *health) forget(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for at := range h.before {
		if at.instance == id {
			delete(h.before, at)
		}
	}
	delete(h.ill, id)
	delete(h.said, id)
	delete(h.marked, id)
	delete(h.handed, id)
	delete(h.doubts, id)
	delete(h.logless, id)
}

// well notes that an instance has all it needs.
func (h *health) well(id string, look bus.Look) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.ill, id)
	for _, name := range h.dispatcher.bus.Needed(id) {
		h.before[looked{id, name}] = look.Streams[name]
	}
}

// warn notes why what a followed file holds is not in force; nil = it is.
func (h *health) warn(path string, why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.files[path] = why; why == nil {
		delete(h.files, path)
	}
}
