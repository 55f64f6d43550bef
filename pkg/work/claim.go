package work

import (
	"cmp"
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// claim is a delivery that is ours to make. It answers once: how is it sent, and
// by whose rule does it end.
type claim struct {
	id       string
	owner    string
	target   *action.Target
	phase    action.Phase
	name     string // event type, or of an async delivery the method or function; the phase's word where that is not known
	org      string // of the event, or of the call
	eventID  string // what publishing the event returned; "" = not known
	body     wire.EventFacts
	storedAt time.Time
	sequence uint64 // of the stream the target is told
	match    string // condition, of an event
	revision uint64
	refused  *action.Error // it can never be sent: malformed, or its target is gone
	left     string        // the id of its target if that is no longer configured, and is called as it was last

	onExhausted func() action.OnExhausted // nil = a dead letter
}

// claim finds out whether a delivery is for its line, under the catalog that was
// in force when it was stored, and how it is to be made, by the newest one. Nil
// means that it is not: a better match takes it, or nobody. The error is newer for
// what may be stored in a form that only a newer version reads.
func (w *Worker) claim(ctx context.Context, d *lines.Delivery) (*claim, error) {
	if err := lines.Of(w.bus.Instance(d.Line.Instance)).CheckForm(ctx, d); err != nil {
		return nil, err
	}
	w.hearOf(ctx, d.Line.Instance)
	switch {
	case d.Line.Redrive:
		return w.claimLetter(ctx, d)
	case d.Line.Async:
		return w.claimAsync(ctx, d)
	}
	return w.claimEvent(ctx, d)
}

// hearFor is how long a delivery waits for the catalog of an instance that is not
// known here, before it counts as held up. Lines are written before the root: those
// of a new instance may be heard of first.
const hearFor = time.Second

func (w *Worker) hearOf(ctx context.Context, instance string) {
	if _, err := w.catalogs.Of(instance).AtLeast(ctx, 0); action.CodeOf(err) != action.CodeUnknownInstance {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, hearFor)
	defer cancel()
	_ = w.catalogs.Await(ctx, instance, 0) // what is missing then is said where it is needed
}

// unclaimed stands for the claim to a delivery of which nobody could find out
// more than its line tells. Its target is the newest of that name, if there is
// one: how long a fault of ours may hold the delivery up is that one's policy.
func (w *Worker) unclaimed(d *lines.Delivery) *claim {
	c := named(d)
	now, err := w.catalogs.Of(d.Line.Instance).AtLeast(context.Background(), 0) // it does not wait for that
	if err != nil {
		return c
	}
	if t := targetIn(now, c.owner, c.target.Name); t != nil {
		c.target = t
	}
	return c
}

// named reads a delivery's names from its line, its subject and its letter.
func named(d *lines.Delivery) *claim {
	c := &claim{id: d.AsyncID, owner: d.Line.Owner, target: &action.Target{Name: d.Line.Target}, phase: action.Phase(d.Phase), name: cmp.Or(d.CallName, d.Phase),
		org: d.CallOrg, eventID: d.EventID, storedAt: d.StoredAt, sequence: d.Sequence}
	switch again := d.Letter; {
	case again != nil && again.DeliveryID != "":
		c.id, c.owner, c.phase, c.name, c.sequence, c.match = again.DeliveryID, again.Owner, again.Phase, again.EventType, again.Sequence, again.Match
		c.org, c.eventID, c.storedAt = again.EventOrg, again.EventID, again.StoredAt
		c.target = &action.Target{Name: again.Target}
	case !d.Line.Async:
		at, _ := wire.ParseStoredEvent(d.Subject) // what can be read of it
		c.id, c.phase, c.name, c.match = d.Line.DeliveryID(d.Sequence, d.StoredAt), action.OnEvent, at.Type, d.Line.Condition.Match
		c.org = at.Org
	case !isID(c.id): // somebody else put it there
		c.id = d.Line.DeliveryID(d.Sequence, d.StoredAt)
		c.refused = action.NewError(action.CodeMalformed, action.StageDecode, "it has no delivery id")
	}
	return c
}

func (w *Worker) claimEvent(ctx context.Context, d *lines.Delivery) (*claim, error) {
	l := &d.Line
	then, now, err := w.catalogs.Of(l.Instance).InForce(ctx, l.MadeAt, d.Sequence)
	if err != nil {
		return nil, err
	}
	if ours, err := w.ends.holds(ctx, l, d.Sequence, then.Revision()); err != nil || !ours {
		return nil, err
	}
	at, malformed := wire.ParseStoredEvent(d.Subject)
	// A subject that cannot be read matches nothing: the line whose filter took
	// it keeps it as a dead letter, or it would be lost.
	var t *action.Target
	var facts wire.EventFacts
	if malformed == nil {
		if t = l.Takes(then, at); t == nil {
			return nil, nil
		}
		if facts, malformed = checkBody(d.Body, at); d.Unreadable != nil {
			malformed = d.Unreadable
		}
	}
	left := ""
	if t == nil || then != now {
		if t, left, err = w.definition(ctx, l, now, then); err != nil {
			return nil, err
		}
	}
	return &claim{id: l.DeliveryID(d.Sequence, d.StoredAt), owner: l.Owner, target: t, left: left, phase: action.OnEvent, name: at.Type, org: at.Org, eventID: d.EventID, body: facts,
		storedAt: d.StoredAt, sequence: d.Sequence, match: l.Condition.Match, revision: then.Revision(), refused: action.AsError(malformed, action.StageDecode),
		onExhausted: func() action.OnExhausted { return exhaustion(l, at, now, then) }}, nil
}

func checkBody(body []byte, at wire.StoredEvent) (wire.EventFacts, error) {
	facts, err := wire.ReadEvent(body)
	if err != nil {
		return facts, err
	}
	return facts, wire.CheckStored(at, facts)
}

// exhaustion is what the execution says of the last attempt: the newest, or else
// the one that the event was stored under.
func exhaustion(l *lines.Line, at wire.StoredEvent, catalogs ...*catalog.Matcher) action.OnExhausted {
	for _, m := range catalogs {
		for _, match := range m.Event(at.Type, at.Org) {
			if match.Scope == l.Org && match.Condition == l.Condition {
				return match.Execution.OnExhausted
			}
		}
	}
	return action.ExhaustedDeadLetter
}

// claimAsync claims a delivery for an async target of a call. One whose target
// has left the catalog is called as it was last while its line drains; without
// that it becomes a dead letter.
func (w *Worker) claimAsync(ctx context.Context, d *lines.Delivery) (*claim, error) {
	now, err := w.catalogs.Of(d.Line.Instance).AtLeast(ctx, 0)
	if err != nil {
		return nil, err
	}
	c := named(d)
	if c.refused == nil && d.Unreadable != nil {
		c.refused = action.NewError(action.CodeMalformed, action.StageDecode, "it cannot be read").WithCause(d.Unreadable)
	}
	if c.revision = now.Revision(); c.refused != nil {
		return c, nil
	}
	if t := targetIn(now, c.owner, d.Line.Target); t != nil {
		c.target = t
		return c, nil
	}
	t, left, err := w.drained(ctx, &d.Line, now)
	if err != nil {
		return nil, err
	}
	return c.take(t, left), nil
}

// claimLetter claims a dead letter that is sent again. Its target may have
// another name by now; when it has left, or what the letter was stored under is
// not known any more, it is a dead letter again.
func (w *Worker) claimLetter(ctx context.Context, d *lines.Delivery) (*claim, error) {
	known := w.catalogs.Of(d.Line.Instance)
	now, err := known.AtLeast(ctx, 0)
	if err != nil {
		return nil, err
	}
	c := named(d)
	if c.revision = now.Revision(); d.Unreadable != nil || c.refused != nil {
		c.refused = action.NewError(action.CodeMalformed, action.StageDecode, "it is no dead letter with its body").WithCause(d.Unreadable)
		return c, nil
	}
	if c.phase == action.OnEvent {
		at, _ := wire.ParseStoredEvent(d.Letter.Subject) // what can be read of it
		c.org = at.Org
		c.body, _ = wire.ReadEvent(d.Body)
	}
	if t := targetIn(now, c.owner, d.Letter.Target); t != nil {
		c.target = t
		return c, nil
	}
	if c.phase != action.OnEvent {
		return c.take(nil, ""), nil
	}
	then, _, err := known.InForce(ctx, 0, d.Letter.Sequence)
	switch action.CodeOf(err) {
	case "":
		return c.take(byID(now, c.owner, idIn(then, c.owner, d.Letter.Target)), ""), nil
	case action.CodeNotFound, action.CodeUnreadable, action.CodeMissing:
		return c.take(nil, ""), nil // who the target was is in no catalog that is kept
	}
	return nil, err
}

// take gives a claim its target, or refuses it when there is none.
func (c *claim) take(t *action.Target, left string) *claim {
	if t == nil {
		c.refused = action.NewError(action.CodeNoTarget, action.StageCatalog, "").WithTarget(c.target.Name)
		return c
	}
	c.target, c.left = t, left
	return c
}
