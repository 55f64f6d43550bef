package follow

import "time"

// How a path is looked at until it is at rest.
const (
	lookEvery = 50 * time.Millisecond

	replacedFor = 150 * time.Millisecond // how long another file in its place must stay as it is
	writtenFor  = 300 * time.Millisecond // the same, when it is written in its place
	nothingFor  = 500 * time.Millisecond // the same, when there is nothing to read

	longAgo  = 10 * time.Second // nobody is in the middle of what was written before
	wholeIn  = 3 * time.Second  // then what is whole is read, although it is not at rest
	patience = 5 * time.Second  // then it is given up
)

// rest tells when a path has come to rest, from one look after the other.
type rest struct {
	began   time.Time // of the first look
	last    sight
	since   time.Time // last has been found like this
	reads   time.Time // last has read like this, whenever it was touched
	written bool      // it is written in its place, so that a look may show half of it
}

// newRest begins with what was told last, which is nothing at first.
func newRest(told sight, now time.Time, s sight) *rest {
	return &rest{began: now, last: s, since: now, reads: now, written: told.info == nil || told.isFile(s.info)}
}

// see takes one look more, which is at least lookEvery behind the one before.
func (r *rest) see(now time.Time, s sight) (atRest bool) {
	same := s.same(r.last)
	if !same {
		r.written = s.isFile(r.last.info)
		r.since = now
		if !s.tellsSame(r.last) {
			r.reads = now
		}
		r.last = s
	}
	if same && now.Sub(r.since) >= r.quiet(now) {
		return true
	}
	if !s.hasText() || now.Sub(r.began) < wholeIn {
		return false
	}
	return same && !r.written || now.Sub(r.reads) >= writtenFor
}

// quiet is how long what was found last must stay as it is.
func (r *rest) quiet(now time.Time) time.Duration {
	switch {
	case !r.last.hasText():
		return nothingFor
	case now.Sub(r.last.info.ModTime()) > longAgo:
		return 0
	case r.written:
		return writtenFor
	}
	return replacedFor
}

// givenUp tells whether it has been waited for long enough.
func (r *rest) givenUp(now time.Time) bool { return now.Sub(r.began) >= patience }
