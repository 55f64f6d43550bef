package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Follow calls do for every key that matches, now and whenever one changes,
// until ctx ends. A removed key has nil Bytes. first is closed when all that
// stood at the beginning was read. A watch that breaks is begun again: what is
// not there any more by then is told as removed, however long nobody listened;
// as lost when the bucket was made again meanwhile, or emptied by somebody. What
// a newer version has stored is not told.
func (k Bucket) Follow(ctx context.Context, match string, do func(v Value)) (first <-chan struct{}) {
	f := &following{bucket: k, match: match, do: do, known: map[string]uint64{}, first: make(chan struct{})}
	go f.run(ctx)
	return f.first
}

// following is one watch through all its beginnings.
type following struct {
	bucket Bucket
	match  string
	do     func(v Value)
	mu     sync.Mutex
	known  map[string]uint64 // revisions of the keys that stand, as far as was told
	read   bool              // all that stood when the watch began has been told
	made   time.Time         // when the bucket was made that is followed; zero = none was yet
	lost   bool              // what is not there any more was not removed by anybody
	newer  bool              // it was said that a newer version has stored in it
	first  chan struct{}
	once   sync.Once
}

// How soon a watch that broke is begun again, at first and at most, and how often
// is asked whether its bucket is still the same: a watch hears nothing of that.
const (
	followSoon  = 50 * time.Millisecond
	followAgain = time.Second
	followCheck = time.Second
	// followSettles is how long news may be on their way until they are missed.
	followSettles = 500 * time.Millisecond
)

func (f *following) run(ctx context.Context) {
	for wait := followSoon; ctx.Err() == nil; wait = min(2*wait, followAgain) {
		began := time.Now()
		err := f.follow(ctx)
		f.lost = f.lost || errors.Is(err, errEmptied)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > followAgain { // it held for a while
			wait = followSoon
		}
		f.interrupted(err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// interrupted says once, and aloud, that a newer version is needed.
func (f *following) interrupted(err error) {
	log := &f.bucket.bus.log
	newer := action.CodeOf(err) == action.CodeNewer
	if newer && !f.newer {
		log.Error().Err(err).Msg("what was read before counts; nothing newer is read")
	} else {
		log.Debug().Err(err).Str("bucket", f.bucket.name).Msg("watch interrupted")
	}
	f.newer = newer
}

// follow ends when the connection has been made anew, or the bucket: a watch
// notices only after its heartbeats, many seconds later, that a restarted server
// forgot it, and of another bucket it would be told what is new there only.
func (f *following) follow(ctx context.Context) error {
	if err := f.begin(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(*f.bucket.bus.connection.Load(), func() { cancel(errRenewed) })()
	var checking sync.WaitGroup
	defer checking.Wait()
	defer cancel(nil)
	checking.Go(func() { cancel(f.check(ctx)) })
	gone := maps.Clone(f.known) // until it is mentioned; f.known keeps it if this watch ends early too
	return f.bucket.watch(ctx, f.match, func(e *entry) error {
		switch {
		case e == nil:
			for key := range gone {
				f.tell(Value{Key: key, Lost: f.lost})
			}
			gone, f.lost = nil, false
			f.mu.Lock()
			f.read = true
			f.mu.Unlock()
			f.once.Do(func() { close(f.first) })
		case e.removed:
			delete(gone, e.Key)
			f.tell(Value{Key: e.Key, Revision: e.Revision, At: e.At})
		default:
			delete(gone, e.Key)
			f.tell(e.Value)
		}
		return nil
	})
}

// begin finds out which bucket it is that is followed now.
func (f *following) begin(ctx context.Context) error {
	info, err := f.bucket.state(ctx)
	if err != nil {
		return err
	}
	again := !f.made.IsZero() && !f.made.Equal(info.Made)
	f.lost = f.lost || again || len(f.known) > 0 && f.unheard(info) == len(f.known)
	f.made, f.read = info.Made, false
	return info.Newer
}

// unheard counts the keys that are not in the bucket any more as they were told:
// what became of them has not been heard yet, or never will be, since somebody
// emptied the bucket. That leads lapse is no such thing.
func (f *following) unheard(now StreamLook) (count int) {
	if f.bucket.name == BucketLeads {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, revision := range f.known {
		if revision < now.FirstSeq {
			count++
		}
	}
	return count
}

// emptied tells whether a look found the bucket emptied since it was read. What
// somebody has just changed or removed is heard within followSettles.
func (f *following) emptied(ctx context.Context, now StreamLook) bool {
	f.mu.Lock()
	read := f.read
	f.mu.Unlock()
	if !read || f.unheard(now) == 0 {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(followSettles):
		return f.unheard(now) > 0
	}
}

// check gives the reason to begin anew when there is one, or ctx ends.
func (f *following) check(ctx context.Context) error {
	made := f.made
	ticker := time.NewTicker(followCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		switch info, err := f.bucket.state(ctx); {
		case action.CodeOf(err) == action.CodeMissing:
			return err
		case err != nil: // nobody knows
		case info.Newer != nil:
			return info.Newer
		case !info.Made.Equal(made):
			return errMadeAgain
		case f.emptied(ctx, info):
			return errEmptied
		}
	}
}

var (
	errMadeAgain = errors.New("the bucket was made again")
	errEmptied   = errors.New("the bucket was emptied")
)

func (f *following) tell(v Value) {
	f.mu.Lock()
	if v.Bytes == nil {
		delete(f.known, v.Key)
	} else {
		f.known[v.Key] = v.Revision
	}
	f.mu.Unlock()
	v.Made = f.made
	f.do(v)
}

// state looks at the stream of a bucket.
func (k Bucket) state(ctx context.Context) (StreamLook, error) {
	ctx, cancel := context.WithTimeout(ctx, readyFor)
	defer cancel()
	stream, err := k.bus.js.Stream(ctx, k.stream())
	if err != nil {
		return StreamLook{}, k.failure(ctx, "", fmt.Errorf("bucket %s: %w", k.name, err))
	}
	return k.bus.note(stream.CachedInfo()), nil
}
