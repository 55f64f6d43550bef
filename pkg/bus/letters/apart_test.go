package letters_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/letters"
)

// large is a letter whose body leaves no room for its facts: an event of the
// size that may be stored.
func large(i bus.Instance, id string, filling byte) action.DeadLetter {
	d := aLetter(i, id)
	d.Body = bytes.Repeat([]byte{filling}, i.MaxBody()-256)
	d.LastError = strings.Repeat("e", 1000)
	return d
}

// messages is how many messages lie among the dead letters of an instance.
func messages(t *testing.T, i bus.Instance) int {
	t.Helper()
	info, err := i.State(bustest.Within(t, 20*time.Second), i.Dead)
	require.NoError(t, err)
	return int(info.State.Msgs)
}

// TestBodyApart: what does not fit into one message is two, one letter all the
// same, and no message is left of it.
func TestBodyApart(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, l := bustest.Within(t, 60*time.Second), letters.Of(i)
		a, b := large(i, "a", 'a'), large(i, "b", 'b')
		require.NoError(t, l.Keep(ctx, a, 0))
		require.NoError(t, l.Keep(ctx, b, 0))
		require.NoError(t, l.Keep(ctx, large(i, "a", 'x'), 0), "a repeat")
		require.Equal(t, 4, messages(t, i), "its body has gone again")
		require.Equal(t, []letters.Letter{{DeadLetter: a, Place: 2}, {DeadLetter: b, Place: 4}}, shown(all(t, i)))
		require.NoError(t, discard(ctx, l, "a"))
		require.Equal(t, 2, messages(t, i))

		require.NoError(t, redrive(ctx, l, "b"))
		require.Empty(t, shown(all(t, i)))
		sent := redrives(t, s, i)
		require.Len(t, sent, 1)
		require.Empty(t, sent[0].Data)
		got, err := l.ReadRedriven(ctx, sent[0])
		require.NoError(t, err)
		require.Equal(t, letters.Letter{DeadLetter: b, Place: 4}, got)
		require.Equal(t, 1, messages(t, i), "its body, stored anew")
	})
}

// TestBodyThatIsGone: the letter is not taken for one without a body.
func TestBodyThatIsGone(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, l := bustest.Within(t, 60*time.Second), letters.Of(i)
		require.NoError(t, l.Keep(ctx, large(i, "a", 'a'), 0))
		require.NoError(t, l.Keep(ctx, aLetter(i, "b"), 0))
		require.NoError(t, l.Forget(ctx, 1))
		_, err := l.Get(ctx, "a")
		bustest.Code(t, action.CodeNotFound, err)
		require.ErrorContains(t, err, "the body of a dead letter is gone")
		require.Equal(t, []letters.Letter{{DeadLetter: aLetter(i, "b"), Place: 3}}, shown(all(t, i)))
		bustest.Code(t, action.CodeNotFound, redrive(ctx, l, "a"))
		require.NoError(t, discard(ctx, l, "a"), "what is left of it can be taken out")
		require.Equal(t, 1, messages(t, i))
	})
}

// TestBodyWithoutALetter is what a crash left between the two. It is no letter.
func TestBodyWithoutALetter(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, l := bustest.Within(t, 60*time.Second), letters.Of(i)
		require.NoError(t, l.Keep(ctx, large(i, "a", 'a'), 0))
		require.NoError(t, l.Forget(ctx, 2))
		require.Equal(t, 1, messages(t, i))
		require.Empty(t, shown(all(t, i)))
		require.NoError(t, l.Keep(ctx, large(i, "a", 'b'), 0), "it may be kept once more")
		require.Len(t, all(t, i), 1)
	})
}
