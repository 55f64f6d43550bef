// Package peers measures Callout beside others that take events from a queue and post them: the same events, the same
// target, in turns. Each peer has its broker or database and its worker in processes of its own, and all run from the
// beginning to the end.
package peers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/callout-hq/callout/bench/process"
	"github.com/callout-hq/callout/bench/result"
	"github.com/callout-hq/callout/bench/target"
)

// Options of a measurement.
type Options struct {
	Peers     []string // by their names, in the order of the turns; the first is what others are held against
	Workloads []string // by their names
	Turns     int
	Events    int // of each measurement
	Size      int // bytes of an event
	Dir       string
	Bin       string // directory of Callout's programs
	Patience  time.Duration
	Longest   time.Duration // how long one measurement may take
}

// Names of the peers.
const (
	Floor     = "floor"
	Callout   = "Callout"
	Watermill = "Watermill"
	Bento     = "Bento"
	River     = "River"
)

// Names are all of them.
var Names = []string{Floor, Callout, Watermill, Bento, River}

// peer is one that delivers. What it costs is that of all that it needs: its broker or database is in it.
type peer interface {
	// start has it take from the queues of all workloads, and post to the target at a URL.
	start(ctx context.Context, o Options, dir, target string) error
	// store has it deliver n events of a workload, in their order.
	store(ctx context.Context, w Workload, n int, event func(i int) (key int, body []byte)) error
	cost() (process.Cost, error)
	stop()
}

func named(name string) (peer, error) {
	switch name {
	case Floor, Watermill:
		return &natsPeer{name: name, worker: ownWorker}, nil
	case Bento:
		return &natsPeer{name: name, worker: bentoWorker}, nil
	case Callout:
		return &calloutPeer{}, nil
	case River:
		return &riverPeer{}, nil
	default:
		return nil, fmt.Errorf("there is no peer %q", name)
	}
}

// errNotHere says that what a peer needs is not on this machine.
var errNotHere = errors.New("is left out")

// Run measures, and adds to a run. A peer that cannot be had here is left out, which is said.
func Run(ctx context.Context, o Options, run *result.Run, say func(format string, of ...any)) error {
	hook, err := target.Start(ctx, o.Dir)
	if err != nil {
		return err
	}
	defer hook.Stop()
	all := map[string]peer{}
	defer func() {
		for _, p := range all {
			p.stop()
		}
	}()
	for _, name := range o.Peers {
		p, err := named(name)
		if err != nil {
			return err
		}
		say("starting %s", name)
		all[name] = p
		err = p.start(ctx, o, o.Dir, hook.URL)
		if errors.Is(err, errNotHere) {
			say("%s %v", name, err)
			p.stop()
			delete(all, name)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return turns(ctx, o, run, say, hook, all)
}

func turns(ctx context.Context, o Options, run *result.Run, say func(format string, of ...any), hook *target.Target, all map[string]peer) error {
	for turn := -1; turn < o.Turns; turn++ { // the first warms up
		for _, w := range Workloads {
			if !slices.Contains(o.Workloads, w.Name) {
				continue
			}
			for _, name := range order(o.Peers, turn) {
				p := all[name]
				if p == nil {
					continue
				}
				m := measurement{o: o, w: w, hook: hook, peer: p, events: o.Events}
				if turn < 0 {
					m.events = min(w.Keys, max(o.Events/10, 1))
					if _, err := m.measure(ctx); err != nil {
						return fmt.Errorf("%s, %s, warming up: %w", name, w.Name, err)
					}
					continue
				}
				began := time.Now()
				if err := run.Measure(w.Means, "", name, turn, func() (map[string]float64, error) { return m.measure(ctx) }); err != nil {
					say("%s, %s: %v", name, w.Name, err)
				}
				say("turn %d of %d, %s, %s: %s", turn+1, o.Turns, w.Name, name, time.Since(began).Round(time.Millisecond))
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
		}
	}
	return nil
}

// order begins each turn with another, so that none is always behind the same.
func order(names []string, turn int) []string {
	if turn < 0 {
		return names
	}
	first := turn % len(names)
	return append(slices.Clone(names[first:]), names[:first]...)
}

// measurement is that of one peer in one turn.
type measurement struct {
	o      Options
	w      Workload
	hook   *target.Target
	peer   peer
	events int
}

// settle is how long nothing has to come until a measurement is over.
const settle = 300 * time.Millisecond

func (m measurement) measure(ctx context.Context) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, m.o.Longest)
	defer cancel()
	e := target.Expect{Keys: min(m.w.Keys, m.events)}
	e.PerKey = (m.events + e.Keys - 1) / e.Keys
	n := e.Keys * e.PerKey
	if err := m.hook.Expect(ctx, e); err != nil {
		return nil, err
	}
	before, err := m.peer.cost()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	err = m.peer.store(ctx, m.w, n, func(i int) (int, []byte) {
		key := i % e.Keys
		return key, target.Body(target.Event{Round: m.hook.Round(), Key: key, N: i / e.Keys, At: time.Now().UnixNano()}, "bench."+m.w.Name, m.o.Size)
	})
	if err != nil {
		return nil, err
	}
	r, err := m.hook.Await(ctx, n, m.o.Patience)
	if err != nil {
		return nil, err
	}
	after, err := m.peer.cost()
	if err != nil {
		return nil, err
	}
	if r.Events == 0 {
		return nil, errors.New("nothing has come")
	}
	settled, err := m.hook.Await(ctx, 0, settle)
	if err != nil {
		return nil, err
	}
	values := map[string]float64{
		"deliveries/s": float64(r.Events) / r.Last.Sub(began).Seconds(),
		"CPU µs":       float64((after.CPU - before.CPU).Microseconds()) / float64(r.Events),
		"RSS MiB":      float64(after.Resident) / (1 << 20), "lost": float64(settled.Lost), "repeats": float64(settled.Repeats),
	}
	if m.w.Ordered {
		values["overtaken"] = float64(settled.Overtaken)
	}
	return values, nil
}
