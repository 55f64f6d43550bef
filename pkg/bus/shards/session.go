package shards

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"math"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
)

// session is one life of a worker among the others: when they have taken it for
// dead, another begins. Holder.mu guards it.
//
// Others take it for dead when they have not heard of it for the lease that it has said
// last, as far as they know, by a compare-and-set of its entry. So a lease is made longer
// by a beat that is confirmed alone, from the moment on when that was sent: either the
// beat was first, and who knows only of the shorter one is refused; or the burial was,
// and the beat is. A lease is made shorter by a beat that was sent, confirmed or not:
// others may have heard of it. Its own end is at leaseShare of that.
type session struct {
	id       string
	ctx      context.Context
	end      context.CancelFunc
	revision uint64    // of its entry, as far as is known; 0 = it is not stored
	until    time.Time // up to when it is good
	began    time.Time // when the first beat was sent that was confirmed
	count    uint64    // of beats that were sent
	heard    int       // beats that were confirmed
	open     []beat    // those that are not confirmed and may be stored yet, in their order
	lapse    *time.Timer
}

// beat is one word of a session.
type beat struct {
	number uint64
	sent   time.Time
	lease  time.Duration
}

// leaseShare is the part of a lease after which the worker itself does nothing more.
const leaseShare = 0.75

// good is until when the worker may act if this beat is the last that others heard.
func (b beat) good() time.Time {
	return b.sent.Add(time.Duration(float64(b.lease) * leaseShare))
}

// openMost is how many beats are remembered that nobody has confirmed. One before them
// that is confirmed after all counts for nothing.
const openMost = 16

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

func newSession() *session {
	s := &session{id: newID()}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

func sessionKey(id string) string { return "session." + id }

// stored tells whether the others know of it.
func (s *session) stored() bool { return s.revision != 0 }

func (s *session) good() bool { return s.stored() && !bus.Past(s.until) }

// send notes a beat that is about to be sent.
func (s *session) send(lease time.Duration, now time.Time) beat {
	s.count++
	b := beat{number: s.count, sent: now, lease: lease}
	if len(s.open) == openMost {
		s.open = s.open[1:]
	}
	s.open = append(s.open, b)
	s.shorten(b)
	return b
}

// shorten has it end no later than a beat says that may be the last others heard.
func (s *session) shorten(b beat) {
	if good := b.good(); s.stored() && good.Before(s.until) {
		s.until = good
	}
}

// confirm notes that a beat was stored, and that it was the last then.
func (s *session) confirm(number, revision uint64) {
	if revision <= s.revision {
		return
	}
	s.revision = revision
	for len(s.open) > 0 && s.open[0].number <= number { // those before it are refused from now on
		b := s.open[0]
		s.open = s.open[1:]
		if b.number == number {
			if s.heard++; s.began.IsZero() {
				s.began = b.sent
			}
			s.until = b.good()
		}
	}
	for _, b := range s.open {
		s.shorten(b)
	}
}

// A session is young for a while: it has a lease of youngLease at least until a few
// beats have shown what they cost, since a process that starts on a busy machine knows
// nothing of that.
const (
	youngLease = 5 * time.Second
	youngFor   = time.Second
	youngBeats = 4
)

func (s *session) young(now time.Time) bool {
	return s.heard < youngBeats || now.Sub(s.began) < youngFor
}

// costs is what beats cost lately, from when each was due to its confirmation: the most,
// of which half is forgotten each costsHalve. It is not for several goroutines at once.
type costs struct {
	most time.Duration
	at   time.Time
}

const (
	costsHalve = 10 * time.Second
	costsLease = 8 // a lease is so many times what beats cost
)

func (c *costs) now(now time.Time) time.Duration {
	return time.Duration(float64(c.most) * math.Exp2(-float64(max(now.Sub(c.at), 0))/float64(costsHalve)))
}

func (c *costs) add(cost time.Duration, now time.Time) {
	c.most, c.at = max(c.now(now), cost), now
}

// lease is the one that goes with them.
func (c *costs) lease(least time.Duration, now time.Time) time.Duration {
	return min(max(costsLease*c.now(now), least), longestLease)
}
