package lines

import (
	"context"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// NextStray finds an event that lies where no line can see it: its publisher
// put a literal wildcard into the subject, which the stream takes and does not
// transform. ok is false when there is none.
func (i Lines) NextStray(ctx context.Context) (m bus.Message, ok bool, err error) {
	for _, subject := range wire.StraysOf(i.ID) {
		if m, ok, err = i.Next(ctx, i.Events, subject, 1); ok || err != nil {
			return m, ok, err
		}
	}
	return m, false, nil
}

// DropStray takes such an event out of the stream, once it is kept elsewhere.
func (i Lines) DropStray(ctx context.Context, m bus.Message) error {
	return i.take(ctx, i.Events, m.Sequence)
}

// Orphans lists the subjects of async deliveries that none of the lines takes, and no
// consumer that is there. It is for who holds the lead, so that no line is being made.
func (i Lines) Orphans(ctx context.Context, all []Line) (subjects []string, err error) {
	stream, err := i.Stream(ctx, i.Async)
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(wire.AsyncOf(i.ID)))
	if err != nil {
		return nil, i.StreamFailure(ctx, i.Async, err)
	}
	waits := info.State.Subjects
	for _, l := range all {
		delete(waits, l.filter())
	}
	if len(waits) == 0 {
		return nil, nil
	}
	// That of a line whose entry cannot be read stands all the same.
	consumers, err := i.consumers(ctx, i.Async)
	if err != nil {
		return nil, err
	}
	for _, info := range consumers {
		delete(waits, info.Config.FilterSubject)
	}
	for subject := range waits {
		subjects = append(subjects, subject)
	}
	slices.Sort(subjects)
	return subjects, nil
}

// NextOrphan reads the first message of a subject that Orphans gave. ok is false when
// there is none that this version reads.
func (i Lines) NextOrphan(ctx context.Context, subject string) (m bus.Message, ok bool, err error) {
	for {
		m, ok, err = i.Next(ctx, i.Async, subject, m.Sequence+1)
		if err != nil || !ok || m.Subject == subject { // with a literal wildcard in it, it is asked for others
			return m, ok && err == nil && bus.CheckMessage(m.Header) == nil, err
		}
	}
}

// DropOrphan takes such a message out of the stream, once it is kept elsewhere.
func (i Lines) DropOrphan(ctx context.Context, m bus.Message) error {
	return i.take(ctx, i.Async, m.Sequence)
}
