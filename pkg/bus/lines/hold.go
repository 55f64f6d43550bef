package lines

import (
	"context"
	"time"
)

// Stop holds a line until somebody resumes it. The server keeps it stopped over
// restarts.
func (i Lines) Stop(ctx context.Context, l Line) error { return i.pauseUntil(ctx, l, farAway()) }

// farAway is the date that a pause without an end needs.
func farAway() time.Time { return time.Now().AddDate(100, 0, 0) }

// Hold keeps a line from handing anything out for a while, by the server's
// clock: it goes on by itself then, also when whoever held it has died.
func (i Lines) Hold(ctx context.Context, l Line, d time.Duration) error {
	if l.Packed() {
		return i.pauseUntil(ctx, l, time.Now().Add(d))
	}
	info, err := i.info(ctx, l)
	if err != nil {
		return err
	}
	return i.pauseUntil(ctx, l, info.TimeStamp.Add(d))
}

func (i Lines) pauseUntil(ctx context.Context, l Line, t time.Time) error {
	if l.Packed() {
		return i.tell(ctx, l, question{Do: askHold, Until: t})
	}
	if _, err := i.JetStream().PauseConsumer(ctx, i.stream(l), l.Name, t); err != nil {
		return i.failure(ctx, l, err)
	}
	return nil
}

// wakeIn is how far ahead a pause is set to end when a line is resumed, at
// first and at most.
const (
	wakeIn     = 10 * time.Millisecond
	wakeAtMost = 640 * time.Millisecond
)

// Resume lets a stopped line go on. The pause is set to end in a moment rather
// than lifted: lifting it wakes nobody, and pulls that are waiting would get
// nothing until they expire. The moment is by the server's own clock; when it is
// past before the server hears of it, one further ahead is set.
func (i Lines) Resume(ctx context.Context, l Line) error {
	if l.Packed() {
		return i.tell(ctx, l, question{Do: askHold})
	}
	info, err := i.info(ctx, l)
	if err != nil {
		return err
	}
	for ahead := wakeIn; ; ahead *= 2 {
		paused, err := i.JetStream().PauseConsumer(ctx, i.stream(l), l.Name, info.TimeStamp.Add(ahead))
		if err != nil {
			return i.failure(ctx, l, err)
		}
		if paused.Paused || ahead >= wakeAtMost {
			return nil
		}
	}
}
