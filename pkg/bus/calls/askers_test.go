package calls

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAskers: each hears that its own asker goes away, also where two asked at one inbox
// and the first was answered; and all hear of the end, those included that come after it.
func TestAskers(t *testing.T) {
	var a askers
	begin := func(inbox string) (*asker, context.Context) {
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		return a.wait(inbox, cancel), ctx
	}
	first, ofFirst := begin("_INBOX.a")
	second, ofSecond := begin("_INBOX.a")
	third, ofThird := begin("_INBOX.b")
	a.answered("_INBOX.a", first)
	require.NoError(t, ofSecond.Err())
	a.abandon("_INBOX.a")
	require.NoError(t, ofFirst.Err())
	require.ErrorIs(t, ofSecond.Err(), context.Canceled)
	require.NoError(t, ofThird.Err())

	fourth, ofFourth := begin("_INBOX.b") // the third is known by no inbox now
	fifth, ofFifth := begin("_INBOX.c")
	a.answered("_INBOX.c", fifth)
	a.end()
	require.ErrorIs(t, ofThird.Err(), context.Canceled)
	require.ErrorIs(t, ofFourth.Err(), context.Canceled)
	require.NoError(t, ofFifth.Err(), "it was answered")
	late, ofLate := begin("_INBOX.d")
	require.ErrorIs(t, ofLate.Err(), context.Canceled)
	a.answered("_INBOX.d", late)
	a.answered("_INBOX.b", third)
	a.answered("_INBOX.a", second)
	a.answered("_INBOX.b", fourth)
	require.Nil(t, a.first)
	require.Empty(t, a.by)
}
