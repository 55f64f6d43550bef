package lines

import (
	"context"
	"errors"
	"time"

	"github.com/callout-hq/callout/bench/broker"
	"github.com/callout-hq/callout/bench/engine"
	"github.com/callout-hq/callout/bench/result"
	"github.com/callout-hq/callout/bench/target"
)

// The lines that misbehave. A delivery of theirs is given up after one attempt, so that each noise ends by itself.
const (
	failing  = "failing"
	hanging  = "hanging"
	flooding = "flooding"
)

// quietFor is how long nothing has to come until a noise has ended: the hanging target is asked once a second.
const quietFor = 2500 * time.Millisecond

// neighbours paces events over the lines, in turns with nothing beside it and with three lines that misbehave.
func (l *life) neighbours(ctx context.Context) (map[string]float64, error) {
	var quiet, noisy, ratios []float64
	var lost float64
	for range l.o.Pairs {
		alone, err := l.paced(ctx)
		if err != nil {
			return nil, err
		}
		noise := make(chan error, 1)
		go func() { noise <- l.noise(ctx) }()
		beside, err := l.paced(ctx)
		if err = errors.Join(err, <-noise); err != nil {
			return nil, err
		}
		if _, err := l.target.Await(ctx, 0, quietFor); err != nil {
			return nil, err
		}
		quiet, noisy = append(quiet, alone.P99.Seconds()*1000), append(noisy, beside.P99.Seconds()*1000)
		if alone.Events == 0 || beside.Events == 0 {
			return nil, errors.New("nothing has come")
		}
		ratios = append(ratios, beside.P99.Seconds()/alone.P99.Seconds())
		lost += float64(alone.Lost + beside.Lost)
	}
	ratio := result.SpreadOf(ratios)
	return map[string]float64{
		"p99 alone ms": result.SpreadOf(quiet).Middle, "p99 beside ms": result.SpreadOf(noisy).Middle, "lost": lost,
		"ratio": ratio.Middle, "ratio least": ratio.Least, "ratio most": ratio.Most,
	}, nil
}

// paced sends events at a steady pace over the lines, or over some of them where there are more than events.
func (l *life) paced(ctx context.Context) (target.Report, error) {
	total := max(int(l.o.PaceFor.Seconds()*float64(l.o.Pace)), 1)
	keys := min(l.n, total)
	e := target.Expect{Keys: keys, PerKey: total / keys}
	if err := l.target.Expect(ctx, e); err != nil {
		return target.Report{}, err
	}
	err := l.engine.Publisher().Publish(ctx, e.Keys*e.PerKey, time.Second/time.Duration(l.o.Pace), func(i int) broker.Message {
		key := i % keys
		return l.message(key*(l.n/keys), key, i/keys)
	})
	if err != nil {
		return target.Report{}, err
	}
	return l.await(ctx)
}

// noise has the flooding line flooded at once, and the failing and the hanging line get as many events as they may take
// in the time that a pace lasts.
func (l *life) noise(ctx context.Context) error {
	hangs := max(int(l.o.PaceFor.Seconds()), 1)
	publish := func(line string, n int) error {
		eventType := "noise." + line
		body := target.Body(target.Event{Key: -1}, eventType, l.o.Size)
		return l.engine.Publisher().Publish(ctx, n, 0, func(int) broker.Message {
			return broker.Message{Subject: engine.Subject(l.instance(0), 0, eventType), Body: body}
		})
	}
	return errors.Join(publish(hanging, hangs), publish(failing, 100*hangs), publish(flooding, l.o.Flood))
}
