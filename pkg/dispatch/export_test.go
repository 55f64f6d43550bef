package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// Hurried makes a dispatcher look after what it keeps as often as every, and
// forget what targets leave behind after outlive.
func (o Options) Hurried(every, outlive time.Duration) Options {
	o.pace = &pace{record: every, sweep: every, outlive: outlive, returns: outlive}
	return o
}

// Sizes is how much a dispatcher remembers of all instances together.
func (d *Dispatcher) Sizes() (lineCount, pauses, doors int) {
	d.lines.mu.Lock()
	defer d.lines.mu.Unlock()
	d.instances.Range(func(any, any) bool { doors++; return true })
	return len(d.lines.by), len(d.lines.paused), doors
}

// Remembers tells how many lines are remembered between two looks when one that
// is no more was among them.
func (i *Instance) Remembers(ctx context.Context, all []lines.Line, gone lines.Line) (int, error) {
	t := tidying{Instance: i, empty: map[lines.Key]int{gone.Key(): 1}, floors: map[lines.Key]uint64{gone.Key(): 1}}
	for _, l := range all {
		t.floors[l.Key()] = 1
	}
	err := t.forgetLines(ctx, all)
	return len(t.empty) + len(t.floors), err
}

// Retain trims the events of an instance now.
func (i *Instance) Retain(ctx context.Context) error {
	all, err := i.lines.List(ctx)
	if err != nil {
		return err
	}
	t := tidying{Instance: i}
	return t.retain(ctx, all)
}

// HurryBodies makes a body begin sooner than otherwise.
func (d *Dispatcher) HurryBodies(begins time.Duration) { d.door.begins = begins }

// AtTheDoor is how much all clients have of what they share.
func (d *Dispatcher) AtTheDoor() (connections, requests, bytes int64) {
	return d.door.connections.Used(), d.door.requests.Used(), d.door.bodies.Used()
}

// Looked is how a stream was when it was looked after last, by who did so first.
func (d *Dispatcher) Looked(stream string) bus.StreamLook {
	d.health.mu.Lock()
	defer d.health.mu.Unlock()
	var first bus.StreamLook
	for at, look := range d.health.before {
		if at.stream == stream && (first.Made.IsZero() || look.LastSeq < first.LastSeq) {
			first = look
		}
	}
	return first
}

// Unhear has a dispatcher not know of a pause, as before it had heard of it.
func (d *Dispatcher) Unhear(instance, target string) {
	d.lines.setPaused(bus.TargetKey{Instance: instance, Name: target}, "")
}

// TakeRequests takes places from the share that an address has of the requests;
// fewer than none gives them back.
func (d *Dispatcher) TakeRequests(address string, n int64) bool {
	if n < 0 {
		d.door.requests.Give(address, -n)
		return true
	}
	return d.door.requests.Take(address, n)
}

// Lead does something as the only one who touches the instance.
func (i *Instance) Lead(ctx context.Context, do func(context.Context) error) error {
	return i.lead(ctx, do)
}

// HealUnheard heals an instance as who has not heard that it was deleted.
func (d *Dispatcher) HealUnheard(ctx context.Context, id string) error {
	d.catalogs.Add(id)
	return d.health.mend(ctx, d.shared(id), loss{words: []string{"all of it"}})
}

// Noticed is how many declarations are remembered that have a member which means nothing.
func (d *Dispatcher) Noticed() int {
	n := &d.health.notices
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.declared)
}

// MaxNoticed is how many are remembered at most.
const MaxNoticed = maxNoticed

// HurryTypes has who waits for a typed contract be told sooner that it is busy, and tells
// when one is being made.
func (d *Dispatcher) HurryTypes(patience time.Duration, begun func(instance string)) {
	d.typings.patience, d.typings.begun = patience, begun
}

// TypesWaiting is how many requests of an instance are given a typed contract, or wait for one, at most.
const TypesWaiting = typesWaiting + 1
