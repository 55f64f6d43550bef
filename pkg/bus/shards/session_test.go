package shards

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWhatASessionSays is read as it was written, and what is of before, or of
// somebody else, counts for two seconds.
func TestWhatASessionSays(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]word{
		"alive 2500ms 7":                    {lease: 2500 * time.Millisecond, beat: 7},
		"dead":                              {dead: true},
		"alive":                             {lease: oldLease},
		"":                                  {lease: oldLease},
		"alive 3000ms":                      {lease: oldLease},
		"alive -3000ms 7":                   {lease: oldLease},
		"alive 99999999999999999999ms 7":    {lease: oldLease},
		"alive 0ms 7":                       {lease: shortestLease, beat: 7},
		"alive 3600000ms 7":                 {lease: longestLease, beat: 7},
		"alive 3000ms 99999999999999999999": {lease: 3 * time.Second, beat: 1<<64 - 1},
		"dead 3000ms 7":                     {lease: oldLease},
	} {
		require.Equal(t, want, wordOf([]byte(raw)), raw)
	}
	for _, w := range []word{{dead: true}, {lease: shortestLease, beat: 1}, {lease: longestLease, beat: 1 << 60}} {
		require.Equal(t, w, wordOf(w.bytes()))
	}
}

// TestWhatALeaseLasts: a longer one counts when it is confirmed, from when it was sent; a
// shorter one when it was sent, since others may have heard of it.
func TestWhatALeaseLasts(t *testing.T) {
	t.Parallel()
	began := time.Now()
	at := func(after time.Duration) time.Time { return began.Add(after) }
	s := newSession()
	defer s.end()
	s.send(8*time.Second, at(0))
	require.False(t, s.good(), "nobody has confirmed it")
	s.confirm(1, 10)
	require.Equal(t, at(6*time.Second), s.until)
	s.send(2*time.Second, at(time.Second))
	require.Equal(t, at(2500*time.Millisecond), s.until, "it may be what others heard last")
	s.send(8*time.Second, at(2*time.Second))
	require.Equal(t, at(2500*time.Millisecond), s.until, "nobody has confirmed it")
	s.confirm(2, 11)
	require.Equal(t, at(2500*time.Millisecond), s.until)
	s.confirm(3, 12)
	require.Equal(t, at(8*time.Second), s.until)
	s.send(8*time.Second, at(3*time.Second))
	s.send(2*time.Second, at(4*time.Second))
	require.Equal(t, at(5500*time.Millisecond), s.until)
	s.confirm(4, 13)
	require.Equal(t, at(5500*time.Millisecond), s.until, "the shorter one may have come behind it")
	s.send(8*time.Second, at(5*time.Second))
	s.confirm(6, 14)
	require.Equal(t, at(11*time.Second), s.until, "the shorter one before it is refused from now on")
	s.confirm(5, 12)
	require.Equal(t, at(11*time.Second), s.until, "it is told late")
	require.Empty(t, s.open)
	for range 3 * openMost {
		s.send(8*time.Second, at(6*time.Second))
	}
	require.Len(t, s.open, openMost)
	s.confirm(7, 15)
	require.Equal(t, []any{uint64(15), at(11 * time.Second), openMost}, []any{s.revision, s.until, len(s.open)}, "one that is forgotten lengthens nothing")
}

// TestALeaseGoesWithWhatBeatsCost: some times the dearest of the last, between bounds.
func TestALeaseGoesWithWhatBeatsCost(t *testing.T) {
	t.Parallel()
	began, least := time.Now(), 2*time.Second
	var c costs
	lease := func(after time.Duration) time.Duration {
		return c.lease(least, began.Add(after)).Round(time.Millisecond)
	}
	require.Equal(t, least, lease(0))
	c.add(5*time.Millisecond, began)
	require.Equal(t, least, lease(0))
	c.add(time.Second, began)
	c.add(time.Millisecond, began)
	require.Equal(t, 8*time.Second, lease(0))
	require.Equal(t, 4*time.Second, lease(costsHalve))
	require.Equal(t, least, lease(2*costsHalve))
	c.add(time.Minute, began)
	require.Equal(t, longestLease, lease(0))
}

// TestASessionIsYoungUntilItsBeatsTell: a second, and a few beats that were confirmed.
func TestASessionIsYoungUntilItsBeatsTell(t *testing.T) {
	t.Parallel()
	s, now := newSession(), time.Now()
	defer s.end()
	for n := range uint64(youngBeats) {
		require.True(t, s.young(now.Add(time.Hour)), "%d beats", n)
		s.send(youngLease, now)
		s.confirm(n+1, n+1)
	}
	require.True(t, s.young(now.Add(youngFor-1)))
	require.False(t, s.young(now.Add(youngFor)))
}
