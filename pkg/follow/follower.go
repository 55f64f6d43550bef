package follow

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// pollEvery is how often a path is looked at of which nothing is told.
const pollEvery = time.Second

// Report is what a path has come to mean: the content of a file at rest, or
// what keeps it from being read, as a *fs.PathError.
type Report struct {
	Text []byte
	Err  error
	// Unwatched is why a directory of the way is not watched, or nil. What
	// happens there is noticed within a second, not at once.
	Unwatched error
}

// Follower follows one path until it is stopped. Its methods may be called from
// any goroutine.
type Follower struct {
	place   place
	reports chan Report
	stop    context.CancelFunc
	done    chan struct{}
	watch   *watch
}

// Start follows a path, whose file may have at most limit bytes; what is wrong
// with it, or that it is not there, is a report. A relative path is that of the
// directory in which the process is now.
func Start(path string, limit int64) *Follower {
	ctx, stop := context.WithCancel(context.Background())
	f := &Follower{place: place{path, absolute(path), limit}, reports: make(chan Report, 1), stop: stop, done: make(chan struct{}), watch: newWatch()}
	go f.run(ctx)
	return f
}

// Reports tells first what the path means, within patience, and then each time
// that this has become something else. Only the newest waits: who comes late is
// told no old ones. A fault is told once, and what is behind it again, also
// when it is as it was before. The channel is never closed.
func (f *Follower) Reports() <-chan Report { return f.reports }

// Stop ends the following, and waits for that until ctx ends: a file system
// that does not answer holds up nobody. It may be called again.
func (f *Follower) Stop(ctx context.Context) error {
	f.stop()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *Follower) run(ctx context.Context) {
	defer close(f.done)
	defer f.watch.close()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	told, ok := f.settle(ctx, sight{})
	if ok {
		f.report(told)
	}
	for ok {
		select {
		case <-ctx.Done():
			return
		case <-f.watch.told:
		case <-poll.C:
			f.watch.keep(f.place.path)
			if f.place.shows(told) {
				continue
			}
		}
		var now sight
		if now, ok = f.settle(ctx, told); ok && !now.tellsSame(told) {
			f.report(now)
		}
		told = now
	}
}

// report puts the newest in the place of what nobody has asked for yet.
func (f *Follower) report(s sight) {
	select {
	case <-f.reports:
	default:
	}
	f.reports <- Report{Text: s.text, Err: s.err, Unwatched: f.watch.err}
}

// settle looks until the path is at rest. What happens meanwhile is seen by the
// looks.
func (f *Follower) settle(ctx context.Context, told sight) (s sight, ok bool) {
	return f.place.settle(told, func() sight {
		f.watch.keep(f.place.path)
		return f.place.look()
	}, func(over <-chan time.Time) bool {
		for {
			select {
			case <-over:
				return true
			case <-f.watch.told:
			case <-ctx.Done():
				return false
			}
		}
	})
}

// Read reads a file of at most limit bytes when it is at rest, see the package;
// the error is a *fs.PathError. It takes at least two looks, and at most
// patience. It may be called from any goroutine.
func Read(ctx context.Context, path string, limit int64) ([]byte, error) {
	p := place{path, path, limit}
	s, ok := p.settle(sight{}, p.look, func(over <-chan time.Time) bool {
		select {
		case <-over:
			return true
		case <-ctx.Done():
			return false
		}
	})
	if !ok {
		s = p.failed(ctx.Err())
	}
	return s.text, s.err
}

// settle looks again and again, pausing between, until all is at rest or has
// had its time; ok is false when a pause ended it.
func (p place) settle(told sight, look func() sight, pause func(over <-chan time.Time) bool) (s sight, ok bool) {
	s = look()
	r := newRest(told, time.Now(), s)
	for !r.givenUp(time.Now()) {
		if !pause(time.After(lookEvery)) {
			return sight{}, false
		}
		if s = look(); r.see(time.Now(), s) {
			return s, true
		}
	}
	return p.failed(ErrRestless), true
}

// absolute keeps a path as it is written: a/.. may be elsewhere when a is a
// link.
func absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	here, err := os.Getwd()
	if err != nil {
		return path // there is no such directory any more; opening says so
	}
	return here + string(filepath.Separator) + path
}
