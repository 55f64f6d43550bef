package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// Subscriptions lists the lines of an instance, by name and lane. A line that
// goes while it is looked at is left out; one whose consumer somebody else has
// deleted is lost, and its numbers are not known.
func (i *Instance) Subscriptions(ctx context.Context) ([]action.Subscription, error) {
	if err := i.exists(ctx); err != nil {
		return nil, err
	}
	all, err := i.lines.List(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]action.Subscription, 0, len(all))
	for _, l := range all {
		shown, there, err := i.show(ctx, l)
		if err != nil {
			return nil, err
		}
		if there {
			list = append(list, shown)
		}
	}
	slices.SortFunc(list, func(a, b action.Subscription) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.Lane-b.Lane, cmp.Compare(a.Line, b.Line))
	})
	return list, nil
}

// show gives a line as it is shown; there is false for one that goes while it is
// looked at.
func (i *Instance) show(ctx context.Context, l lines.Line) (shown action.Subscription, there bool, err error) {
	standing, err := i.lines.Standing(ctx, l)
	lost := lines.IsLost(err)
	newer := action.CodeOf(err) == action.CodeNewer // of its record: the line waits for that version, and no other does
	if err != nil && !lost && !newer {
		return shown, false, err
	}
	shown = subscription(l, standing)
	if newer {
		shown.LastError = action.CodeNewer
	}
	if reason, paused := i.pausedTarget(ctx, l); paused && waitsForTarget(shown.State) {
		shown.State, shown.Reason = action.SubscriptionPaused, reason
	}
	if lost {
		now, there, err := i.lines.Now(ctx, l.Name)
		if err != nil || !there || now.Drained {
			return shown, false, err
		}
		shown.State = action.SubscriptionLost
	}
	return shown, true, nil
}

func subscription(l lines.Line, s lines.Standing) action.Subscription {
	out := action.Subscription{
		Name: nameOf(l), Line: l.Name, Org: l.Org, Condition: l.Condition.Match, Owner: l.Owner, Target: l.Target, Lane: l.Lane, Lanes: l.Lanes,
		State: stateOf(l, s), Waiting: s.Pending, InWork: s.InWork, Redelivered: s.Redelivered,
		ToScan: !l.Async && l.Condition.Level() != action.LevelExact,
		Shard:  l.PackedIn(), OldestStored: s.Oldest, LastAck: s.LastAck, LastSuccess: s.LastAck,
		LastStatus: s.Record.LastStatus, LastError: s.Record.LastCode, LastFailed: s.Record.LastFailed,
	}
	if r := s.Record; r.Holds() {
		out.FailingSince, out.StoppedSince = r.FailingSince, r.StoppedSince
		if r.State != action.LineGivenUp || s.Floor < r.Sequence { // else that delivery is at the head no more
			out.Attempts, out.NextTry, out.Reason = r.Attempts, r.NextTry, r.Reason
		}
		if !r.FailingSince.IsZero() { // what went on since then was given up
			out.LastSuccess = r.LastSuccess
		}
	}
	return out
}

// waitsForTarget tells whether a line in a state would go on if its target did.
func waitsForTarget(s action.SubscriptionState) bool {
	return s == action.SubscriptionRunning || s == action.SubscriptionRetrying || s == action.SubscriptionDraining
}

// pausedTarget tells whether the target of a line is paused, by somebody, by its
// 410 or by its configuration, and why.
func (i *Instance) pausedTarget(ctx context.Context, l lines.Line) (reason action.Code, paused bool) {
	if l.Redrive {
		return "", false
	}
	if text, paused := i.Paused(l.Owner, l.Target); paused {
		return action.Code(text), true
	}
	t, _ := i.targetOf(ctx, l)
	return action.CodePaused, t.Paused
}

// targetOf is the target of a line as it is configured now; ok is false when it
// no longer is.
func (i *Instance) targetOf(ctx context.Context, l lines.Line) (t action.Target, ok bool) {
	m, err := i.current(ctx)
	if err != nil {
		return t, false
	}
	if scope := m.Snapshot().Scopes[l.Owner]; scope != nil {
		t, ok = scope.Targets[l.Target]
	}
	return t, ok
}

func nameOf(l lines.Line) string {
	switch {
	case l.Redrive:
		return "redrive"
	case l.Async && l.Owner != "":
		return l.Owner + ":async/" + l.Target
	case l.Async:
		return "async/" + l.Target
	case l.Replay:
		return l.Subscription() + " (replay)"
	}
	return l.Subscription()
}

func stateOf(l lines.Line, s lines.Standing) action.SubscriptionState {
	switch {
	case l.Fenced:
		return action.SubscriptionMigrating
	case s.Record.State == action.LineStopped:
		return action.SubscriptionStopped
	case s.Held:
		return action.SubscriptionPaused
	case l.DrainTo > 0 && !l.Replay:
		return action.SubscriptionDraining
	case s.Record.State == action.LineRetrying:
		return action.SubscriptionRetrying
	}
	return action.SubscriptionRunning
}

// AllLanes stands for every lane of a subscription.
const AllLanes = -1

// find gives the lines that a subscription's name means.
func (i *Instance) find(ctx context.Context, name string, lane int) ([]lines.Line, error) {
	all, err := i.lines.List(ctx)
	if err != nil {
		return nil, err
	}
	var found []lines.Line
	for _, l := range all {
		if (nameOf(l) == name || l.Name == name) && (lane == AllLanes || l.Lane == lane) {
			found = append(found, l)
		}
	}
	if len(found) == 0 {
		return nil, action.NewError(action.CodeNotFound, action.StageCatalog, fmt.Sprintf("there is no subscription %q", name)).WithField("name")
	}
	return found, nil
}

// act does something to each line that a name means, as the only dispatcher.
func (i *Instance) act(ctx context.Context, name string, lane int, do func(context.Context, lines.Line) error) error {
	if err := i.exists(ctx); err != nil {
		return err
	}
	return i.lead(ctx, func(ctx context.Context) error {
		all, err := i.find(ctx, name, lane)
		if err != nil {
			return err
		}
		for _, l := range all {
			if err := do(ctx, l); err != nil {
				return err
			}
		}
		return nil
	})
}
