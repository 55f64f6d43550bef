package lines

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/callout-hq/callout/bench/broker"
	"github.com/callout-hq/callout/bench/engine"
	"github.com/callout-hq/callout/bench/process"
	"github.com/callout-hq/callout/bench/target"
)

// expect is what flow, burst and kill send: as many events for each line.
func (l *life) expect() target.Expect {
	return target.Expect{Keys: l.n, PerKey: max((l.o.Events+l.n-1)/l.n, 2)}
}

// flow publishes while the lines deliver.
func (l *life) flow(ctx context.Context) (map[string]float64, error) {
	before, workerBefore, err := l.engine.Cost()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	r, err := l.send(ctx, l.expect())
	if err != nil {
		return nil, err
	}
	after, workerAfter, err := l.engine.Cost()
	if err != nil {
		return nil, err
	}
	values, err := l.settled(ctx, r)
	values["deliveries/s"] = perSecond(r, began)
	values["CPU µs"] = each(after.CPU-before.CPU, r)
	values["worker's µs"] = each(workerAfter.CPU-workerBefore.CPU, r)
	values["RSS MiB"] = mebibytes(after)
	return values, err
}

// idle has nothing happen.
func (l *life) idle(ctx context.Context) (map[string]float64, error) {
	before, _, err := l.engine.Cost()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	select {
	case <-time.After(l.o.IdleFor):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after, _, err := l.engine.Cost()
	return map[string]float64{"idle CPU %": 100 * (after.CPU - before.CPU).Seconds() / time.Since(began).Seconds(), "RSS MiB": mebibytes(after)}, err
}

// burst stores all events before a worker starts. What the worker costs counts from its start.
func (l *life) burst(ctx context.Context) (map[string]float64, error) {
	if err := l.store(ctx); err != nil {
		return nil, err
	}
	began := time.Now()
	before, err := l.startWorker(ctx)
	if err != nil {
		return nil, err
	}
	r, err := l.await(ctx)
	if err != nil {
		return nil, err
	}
	after, worker, err := l.engine.Cost()
	if err != nil {
		return nil, err
	}
	values, err := l.settled(ctx, r)
	values["deliveries/s"] = perSecond(r, r.First)
	if r.Events > 0 {
		values["until the first s"] = r.First.Sub(began).Seconds()
	}
	values["CPU µs"] = each(after.CPU-before.CPU, r)
	values["worker's µs"] = each(worker.CPU, r)
	return values, err
}

// store stops the worker and stores all events.
func (l *life) store(ctx context.Context) error {
	if _, err := l.engine.StopWorker(); err != nil {
		return err
	}
	e := l.expect()
	if err := l.target.Expect(ctx, e); err != nil {
		return err
	}
	return l.publish(ctx, e)
}

// startWorker gives what the engine without a worker has used until then.
func (l *life) startWorker(ctx context.Context) (process.Cost, error) {
	before, _, err := l.engine.Cost()
	if err != nil {
		return before, err
	}
	return before, l.engine.StartWorker(ctx)
}

// kill stores all events, and kills the worker when half of them have come.
func (l *life) kill(ctx context.Context) (map[string]float64, error) {
	if err := l.store(ctx); err != nil {
		return nil, err
	}
	if _, err := l.startWorker(ctx); err != nil {
		return nil, err
	}
	e := l.expect()
	bounded, cancel := context.WithTimeout(ctx, l.o.Longest)
	defer cancel()
	half, err := l.target.Await(bounded, e.Keys*e.PerKey/2, l.o.Patience)
	if err != nil {
		return nil, err
	}
	l.engine.KillWorker()
	if err := l.target.Mark(ctx); err != nil {
		return nil, err
	}
	if half.Lost == 0 {
		return nil, errors.New("the fault never struck: all events had come before the worker was killed")
	}
	if err := l.engine.StartWorker(ctx); err != nil {
		return nil, err
	}
	r, err := l.await(ctx)
	if err != nil {
		return nil, err
	}
	values, err := l.settled(ctx, r)
	values["not gone on"] = float64(r.Waited - r.GoneOn)
	if r.Waited == r.GoneOn {
		values["all go on s"] = r.AllOn.Sub(r.Marked).Seconds()
	}
	if r.Lost == 0 {
		values["all done s"] = r.Last.Sub(r.Marked).Seconds()
	}
	return values, err
}

// settled waits until nothing comes any more, and tells what is wrong by then.
func (l *life) settled(ctx context.Context, r target.Report) (map[string]float64, error) {
	values := map[string]float64{}
	settled, err := l.target.Await(ctx, 0, l.o.Settle)
	if err != nil {
		return values, err
	}
	values["lost"], values["repeats"], values["late repeats"] = float64(settled.Lost), float64(settled.Repeats), float64(settled.LateRepeats)
	values["overtaken"], values["other ids"] = float64(settled.Overtaken), float64(settled.OtherIDs)
	values["p99 s"] = r.P99.Seconds()
	waiting, err := l.engine.Waiting(ctx)
	if err != nil {
		return values, fmt.Errorf("what waits is not told: %w", err)
	}
	values["waiting"] = float64(waiting)
	return values, nil
}

// send publishes what is expected, and waits for it.
func (l *life) send(ctx context.Context, e target.Expect) (target.Report, error) {
	if err := l.target.Expect(ctx, e); err != nil {
		return target.Report{}, err
	}
	if err := l.publish(ctx, e); err != nil {
		return target.Report{}, err
	}
	return l.await(ctx)
}

// await waits until all that is expected has come, nothing has for long, or it takes too long.
func (l *life) await(ctx context.Context) (target.Report, error) {
	r, err := l.target.Report(ctx)
	if err != nil {
		return r, err
	}
	bounded, cancel := context.WithTimeout(ctx, l.o.Longest)
	defer cancel()
	r, err = l.target.Await(bounded, r.Events+r.Lost, l.o.Patience)
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		r, err = l.target.Report(ctx)
	}
	return r, err
}

// publish publishes what is expected, a round of all lines at a time.
func (l *life) publish(ctx context.Context, e target.Expect) error {
	return l.engine.Publisher().Publish(ctx, e.Keys*e.PerKey, 0, func(i int) broker.Message {
		return l.message(i%e.Keys, i%e.Keys, i/e.Keys)
	})
}

// message is the event n of a key, for a line.
func (l *life) message(line, key, n int) broker.Message {
	eventType := fmt.Sprintf("bench.l%d", line)
	return broker.Message{
		Subject: engine.Subject(l.instance(line), key, eventType),
		Body:    target.Body(target.Event{Round: l.target.Round(), Key: key, N: n, At: time.Now().UnixNano()}, eventType, l.o.Size),
	}
}

// each is the time for each delivery, in microseconds.
func each(cpu time.Duration, r target.Report) float64 {
	return float64(cpu.Microseconds()) / float64(max(r.Events, 1))
}

// perSecond is how many events came in a second, from a time until the last.
func perSecond(r target.Report, from time.Time) float64 {
	if r.Events < 2 {
		return 0
	}
	return float64(r.Events) / r.Last.Sub(from).Seconds()
}

func mebibytes(c process.Cost) float64 { return float64(c.Resident) / (1 << 20) }
