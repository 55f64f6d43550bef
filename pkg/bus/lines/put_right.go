package lines

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
)

// longestHold is longer than a line is ever held by us without a record of it.
const longestHold = time.Minute

// PutRight sets back what somebody has changed of a line's consumer, and names
// it; nothing is the usual answer. Where events may have been passed over, the
// line goes on at the position recorded last: what was delivered since may come
// again, nothing is left out. longer tells of an ack wait that is longer than the
// line's entry says: it may be about to be shortened. It is for who holds the
// lead.
func (i Lines) PutRight(ctx context.Context, l Line) (changed []string, longer bool, err error) {
	if l.Packed() {
		pause, err := i.standPacked(ctx, l)
		if pause != "" {
			changed = append(changed, pause)
		}
		return changed, false, err
	}
	info, err := i.info(ctx, l)
	another := IsAnother(err)
	if err == nil {
		if another, err = i.isAnother(ctx, info.Config, l); err != nil {
			return nil, false, err
		}
	}
	if another {
		if err := i.JetStream().DeleteConsumer(ctx, i.stream(l), l.Name); err != nil {
			return nil, false, i.failure(ctx, l, err)
		}
		_, err = i.PutBack(ctx, l)
		return []string{"all of it"}, false, err
	}
	if err != nil {
		return nil, false, err
	}
	changed, passed := i.compare(info.Config, l)
	if len(changed) > 0 {
		if err := i.setBack(ctx, l, info.Config, passed); err != nil {
			return nil, false, err
		}
	}
	pause, err := i.setPauseBack(ctx, l, info)
	if pause != "" {
		changed = append(changed, pause)
	}
	return changed, info.Config.AckWait > l.AckWait && l.AckWait > 0, err
}

// isAnother tells whether somebody has made a consumer of the line's name, of a
// kind that ours never is and cannot become, or one that begins behind what the
// line has done.
func (i Lines) isAnother(ctx context.Context, have jetstream.ConsumerConfig, l Line) (bool, error) {
	want := i.consumer(l)
	begins := have.DeliverPolicy == want.DeliverPolicy || have.DeliverPolicy == jetstream.DeliverByStartSequencePolicy
	if !begins || have.AckPolicy != want.AckPolicy || have.Durable == "" || have.ReplayPolicy != want.ReplayPolicy || have.MaxWaiting != want.MaxWaiting {
		return true, nil
	}
	if l.Async || have.OptStartSeq <= max(l.Cut, 1) {
		return false, nil
	}
	floor, err := i.position(ctx, l)
	return have.OptStartSeq > floor+1, err
}

// compare names what of a consumer's settings is not the line's. passed tells
// whether events may have been passed over meanwhile. Copies are the operator's.
func (i Lines) compare(have jetstream.ConsumerConfig, l Line) (changed []string, passed bool) {
	want := i.consumer(l)
	for _, c := range []struct {
		name   string
		is     bool
		passed bool
	}{
		{"filter", have.FilterSubject != want.FilterSubject || len(have.FilterSubjects) > 0, true},
		{"max deliver", have.MaxDeliver != want.MaxDeliver, true},
		{"headers only", have.HeadersOnly, true},
		{"max ack pending", have.MaxAckPending != want.MaxAckPending, false},
		{"back-off", len(have.BackOff) > 0, false},
		{"rate limit", have.RateLimit != 0, false},
		{"inactive threshold", have.InactiveThreshold != 0, false},
		{"max request", have.MaxRequestBatch != 0 || have.MaxRequestExpires != 0 || have.MaxRequestMaxBytes != 0, false},
		{"priority", len(have.PriorityGroups) > 0, false},
		{"ack wait", l.AckWait > 0 && have.AckWait < l.AckWait, false},
	} {
		if c.is {
			changed, passed = append(changed, c.name), passed || c.passed
		}
	}
	return changed, passed
}

// setBack gives a consumer the line's settings.
func (i Lines) setBack(ctx context.Context, l Line, have jetstream.ConsumerConfig, passed bool) error {
	cfg := i.consumer(l)
	cfg.DeliverPolicy, cfg.OptStartSeq, cfg.Replicas, cfg.PauseUntil = have.DeliverPolicy, have.OptStartSeq, have.Replicas, have.PauseUntil
	cfg.AckWait = max(have.AckWait, l.AckWait)
	if _, err := i.JetStream().UpdateConsumer(ctx, i.stream(l), cfg); err != nil {
		return i.failure(ctx, l, err)
	}
	if !passed {
		return nil
	}
	next := uint64(1) // what is done of async deliveries is not there any more
	if !l.Async {
		floor, err := i.position(ctx, l)
		if err != nil {
			return err
		}
		next = max(l.Cut, floor+1)
	}
	return i.MoveTo(ctx, l, max(next, have.OptStartSeq, 1))
}

// setPauseBack lets a line stand that is to stand, and go on when nobody of us
// has stopped it. The record of a stop is written before the stop, and removed
// before its end, so it is read behind what it is compared with.
func (i Lines) setPauseBack(ctx context.Context, l Line, info *jetstream.ConsumerInfo) (changed string, err error) {
	r, err := i.LineRecord(ctx, l)
	if err != nil {
		return "", err
	}
	switch stood := info.Paused && info.PauseRemaining > standsFrom; {
	case l.stands(r) && !stood:
		return "pause", i.Stop(ctx, l)
	case !l.stands(r) && info.Paused && info.PauseRemaining > longestHold:
		return "pause", i.Resume(ctx, l)
	}
	return "", nil
}

// stands tells whether a line is to hand out nothing until somebody lets it go.
func (l Line) stands(r action.LineRecord) bool {
	return l.Fenced || l.Job != "" || slices.Contains([]action.LineState{action.LinePaused, action.LineStopped}, r.State)
}

// IsAnother tells of an error that a consumer has the name of a line and is none
// of ours.
func IsAnother(err error) bool { return errors.Is(err, jetstream.ErrNotPullConsumer) }
