package follow

import (
	"sync/atomic"

	"github.com/fsnotify/fsnotify"
)

// watch is what the system tells of the directories of a way. All but told is
// for one goroutine.
type watch struct {
	told   chan struct{} // holds one word: something has happened on the way
	way    atomic.Pointer[way]
	notify *fsnotify.Watcher // nil when the system gives none
	ended  chan struct{}     // closed when notify tells nothing more
	held   int               // directories that are watched
	err    error             // why some are not, or none
}

func newWatch() *watch {
	w := &watch{told: make(chan struct{}, 1)}
	w.way.Store(&way{})
	return w
}

// keep watches the directories of a path. It returns when they are those that
// the way led through after the watch began, so that nothing is missed between.
func (w *watch) keep(path string) {
	for range 3 { // and at the next look again
		to := resolve(path)
		if w.covers(to) {
			w.way.Store(&to)
			return
		}
		w.renew(to)
	}
}

// covers tells whether all that can be watched of a way is. A directory that
// was removed has left the list, also when another has its place and its inode.
func (w *watch) covers(to way) bool {
	if w.notify == nil || !w.way.Load().same(to) {
		return false
	}
	select {
	case <-w.ended:
		return false
	default:
		return len(w.notify.WatchList()) == w.held
	}
}

// renew takes a new watcher: one that goes on with other directories may hold
// some that have moved.
func (w *watch) renew(to way) {
	w.close()
	w.way.Store(&to)
	if w.notify, w.err = fsnotify.NewWatcher(); w.err != nil {
		w.notify = nil
		return
	}
	w.ended = make(chan struct{})
	go w.listen(w.notify, w.ended)
	for _, d := range to.directories {
		if err := w.notify.Add(d.path); err != nil {
			w.err = err
		}
	}
	w.held = len(w.notify.WatchList()) // two of them may be one directory, mounted twice
}

// listen always takes what a watcher tells: it holds its lock meanwhile, which
// all its methods wait for.
func (w *watch) listen(notify *fsnotify.Watcher, ended chan<- struct{}) {
	defer close(ended)
	for {
		select {
		case event, open := <-notify.Events:
			if !open {
				return
			}
			if !w.way.Load().holds(event.Name) {
				continue
			}
		case _, open := <-notify.Errors: // something was not told
			if !open {
				return
			}
		}
		select {
		case w.told <- struct{}{}:
		default: // it is said already
		}
	}
}

func (w *watch) close() {
	if w.notify == nil {
		return
	}
	_ = w.notify.Close() // nothing is lost with it
	<-w.ended
	w.notify = nil
}
