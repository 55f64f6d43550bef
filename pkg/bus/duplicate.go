package bus

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// same holds an event that the stream takes for a duplicate against what it has
// under the message's id. Another event is a conflict: who hears that his own is
// stored forgets it. One that is not there any more cannot be compared, and is
// believed. The error is an *action.Error; not_stored when the stream does not
// answer.
func (i Instance) same(ctx context.Context, e NewEvent, sequence uint64) error {
	stored, there, err := i.At(ctx, i.Events, sequence)
	for wait := 20 * time.Millisecond; err == nil && !there && wait <= shownWithin; wait *= 2 {
		select { // a replica may be behind
		case <-ctx.Done():
			return unread(ctx.Err())
		case <-time.After(wait):
		}
		stored, there, err = i.At(ctx, i.Events, sequence)
	}
	if err != nil {
		return unread(err)
	}
	if there && !e.is(&stored) {
		return action.NewError(action.CodeConflict, action.StageStore, fmt.Sprintf(
			"the id %q is that of another event, stored as %d: this one is not stored, give it an id of its own", e.ID, sequence)).WithField("id")
	}
	return nil
}

// shownWithin is about how long a replica may be behind with what is stored.
const shownWithin = 300 * time.Millisecond

// is tells whether a stored message is the event, by its place and its bytes.
// The aggregate is in the body.
func (e NewEvent) is(m *Message) bool {
	at, err := wire.ParseStoredEvent(m.Subject)
	return err == nil && at.Org == e.Org && at.Type == e.Type && at.Lane64 == wire.Partition(e.AggregateID, 64) && bytes.Equal(m.Body, e.Body)
}

func unread(err error) error {
	return action.NewError(action.CodeNotStored, action.StageStore,
		"the stream has an event of that id and could not show it: whether it is this one is not known, send it again").WithField("id").WithCause(err)
}
