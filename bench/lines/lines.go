// Package lines measures what an engine delivers over the number of its lines: how fast, at what cost, and what is lost,
// repeated and overtaken, also when a worker is killed, and beside lines that misbehave.
package lines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/bench/engine"
	"github.com/callout-hq/callout/bench/result"
	"github.com/callout-hq/callout/bench/target"
)

// The modes, in the order in which the same engine is taken through them. It is started before the first, and stopped and
// started again after the last.
const (
	Flow       = "flow"       // events are delivered while they are published
	Idle       = "idle"       // nothing happens
	Burst      = "burst"      // all events are stored, then a worker starts
	Kill       = "kill"       // as burst, and the worker is killed in the middle
	Neighbours = "neighbours" // a paced flow, with and without lines that fail, hang and flood
)

// Modes are all of them.
var Modes = []string{Flow, Idle, Burst, Kill, Neighbours}

// Bin is where the programs of an engine are, and what that is called.
type Bin struct{ Name, Dir string }

// Options of a measurement.
type Options struct {
	Bins        []Bin    // that are measured in turns
	Lines       []int    // how many lines, one after the other
	Modes       []string // which of Modes
	Turns       int
	Events      int // for each measurement; raised to two of each line
	Size        int // bytes of an event
	PerInstance int // lines of an instance, at most
	Dir         string
	IdleFor     time.Duration
	PaceFor     time.Duration // of each half of a pair of neighbours
	Pace        int           // events a second then
	Flood       int           // events of the line that floods
	Pairs       int           // with and without neighbours
	// Patience is how long nothing has to come until what has not come is lost; Longest how long a measurement may take.
	Patience, Longest time.Duration
	// Settle is how long nothing has to come at the end, so that repeats are seen: longer than what a lease lasts.
	Settle time.Duration
}

// Run measures, and adds to a run. What fails is a row of it, and others go on.
func Run(ctx context.Context, o Options, run *result.Run, say func(format string, of ...any)) error {
	for _, n := range o.Lines {
		for turn := range o.Turns {
			for _, bin := range o.Bins {
				say("%d lines, turn %d of %d, %s", n, turn+1, o.Turns, bin.Name)
				l := &life{o: o, n: n, bin: bin, turn: turn, run: run, say: say}
				if err := l.live(ctx); err != nil {
					say("%d lines, %s: %v", n, bin.Name, err)
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
		}
	}
	return nil
}

// life is one engine, from its start to its end.
type life struct {
	o      Options
	n      int
	bin    Bin
	turn   int
	run    *result.Run
	say    func(format string, of ...any)
	dir    string // of its state and logs
	engine *engine.Engine
	target *target.Target
}

func (l *life) live(ctx context.Context) error {
	err := l.measure("start", func() (map[string]float64, error) { return l.start(ctx) })
	defer l.end()
	if err != nil {
		return err
	}
	for _, mode := range Modes {
		if !slices.Contains(l.o.Modes, mode) {
			continue
		}
		measure := map[string]func(context.Context) (map[string]float64, error){Flow: l.flow, Idle: l.idle, Burst: l.burst, Kill: l.kill, Neighbours: l.neighbours}[mode]
		if err := l.measure(mode, func() (map[string]float64, error) { return measure(ctx) }); err != nil {
			return err
		}
	}
	return l.measure("stop", func() (map[string]float64, error) { return l.stop(ctx) })
}

func (l *life) measure(mode string, do func() (map[string]float64, error)) error {
	return l.run.Measure(mode, fmt.Sprintf("%d lines", l.n), l.bin.Name, l.turn, func() (map[string]float64, error) {
		began := time.Now()
		values, err := do()
		if err != nil {
			return values, err
		}
		l.say("  %s took %s", mode, time.Since(began).Round(100*time.Millisecond))
		return values, nil
	})
}

// start starts a target and an engine without lines, makes these, and has each deliver once.
func (l *life) start(ctx context.Context) (values map[string]float64, err error) {
	if l.dir, err = os.MkdirTemp(l.o.Dir, fmt.Sprintf("lines-%d-", l.n)); err != nil {
		return nil, err
	}
	if l.target, err = target.Start(ctx, l.dir); err != nil {
		return nil, err
	}
	if l.engine, err = engine.Start(ctx, engine.Options{Bin: l.bin.Dir, Dir: l.dir, Logs: l.dir, Instances: l.instances(), Within: l.o.Longest}); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := l.engine.Apply(ctx); err != nil {
		return nil, err
	}
	applied := time.Since(began)
	r, err := l.send(ctx, target.Expect{Keys: l.n, PerKey: 1})
	if err != nil {
		return nil, err
	}
	values = map[string]float64{"apply s": applied.Seconds(), "lost": float64(r.Lost)}
	if r.Lost == 0 {
		values["first round s"] = r.Last.Sub(began.Add(applied)).Seconds()
	}
	return values, nil
}

// end ends what is left, and keeps the logs.
func (l *life) end() {
	if l.engine != nil {
		l.engine.Kill()
	}
	if l.target != nil {
		l.target.Stop()
	}
	_ = os.RemoveAll(filepath.Join(l.dir, "data"))
}

// stop stops the engine, and starts it again with what it has kept.
func (l *life) stop(ctx context.Context) (map[string]float64, error) {
	took, err := l.engine.Stop()
	values := map[string]float64{"stop s": took.Seconds()}
	if err = errors.Join(err, l.engine.StartDispatcher(ctx)); err != nil {
		return values, err
	}
	if err := l.engine.StartWorker(ctx); err != nil {
		return values, err
	}
	values["start s"] = l.engine.TookToStart().Seconds()
	return values, nil
}

// instances divide the lines among as few instances as may hold them. Each line has a target of its own.
func (l *life) instances() []engine.Instance {
	var all []engine.Instance
	for first := 0; first < l.n; first += l.o.PerInstance {
		var targets, events strings.Builder
		for line := first; line < min(first+l.o.PerInstance, l.n); line++ {
			fmt.Fprintf(&targets, "  l%d: {type: webhook, url: \"%s%s/\"}\n", line, l.target.URL, target.OK)
			fmt.Fprintf(&events, "  bench.l%d: {targets: [{target: l%d}]}\n", line, line)
		}
		if first == 0 {
			for _, noise := range []struct{ name, path string }{{failing, target.Fail}, {hanging, target.Hang}, {flooding, target.OK}} {
				fmt.Fprintf(&targets, "  %s: {type: webhook, timeout: 1s, retry: {attempts: 1}, url: \"%s%s/\"}\n", noise.name, l.target.URL, noise.path)
				fmt.Fprintf(&events, "  noise.%s: {targets: [{target: %s}]}\n", noise.name, noise.name)
			}
		}
		name := l.instance(first)
		all = append(all, engine.Instance{Name: name, Config: "instance: " + name + "\ntargets:\n" + targets.String() + "events:\n" + events.String()})
	}
	return all
}

func (l *life) instance(line int) string { return fmt.Sprintf("bench%d", line/l.o.PerInstance) }
