package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// Subscriptions lists the lines of an instance, by name and lane. A line that
// goes while it is looked at is left out; one whose consumer somebody else has
// deleted is lost, and its numbers are not known.
func (d *Dispatcher) Subscriptions(ctx context.Context, instance string) ([]action.Subscription, error) {
	if _, err := d.catalogs.AtLeast(ctx, instance, 0); err != nil {
		return nil, err
	}
	lines, err := d.bus.Lines(ctx, instance)
	if err != nil {
		return nil, err
	}
	all := make([]action.Subscription, 0, len(lines))
	for _, l := range lines {
		standing, err := d.bus.Standing(ctx, l)
		lost := bus.IsLost(err)
		if err != nil && !lost {
			return nil, err
		}
		shown := subscription(l, standing)
		if reason, paused := d.pausedTarget(ctx, l); paused && waitsForTarget(shown.State) {
			shown.State, shown.Reason = action.SubscriptionPaused, reason
		}
		if lost {
			now, there, err := d.bus.LineNow(ctx, instance, l.Name)
			if err != nil {
				return nil, err
			}
			if !there || now.Drained {
				continue
			}
			shown.State = action.SubscriptionLost
		}
		all = append(all, shown)
	}
	slices.SortFunc(all, func(a, b action.Subscription) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.Lane-b.Lane, cmp.Compare(a.Line, b.Line))
	})
	return all, nil
}

func subscription(l bus.Line, s bus.Standing) action.Subscription {
	out := action.Subscription{
		Name: nameOf(l), Line: l.Name, Org: l.Org, Condition: l.Condition.Match, Target: l.Target, Lane: l.Lane, Lanes: l.Lanes,
		State: stateOf(l, s), Waiting: s.Pending, InWork: s.InWork, Redelivered: s.Redelivered,
		ToScan:       !l.Async && l.Condition.Level() != action.LevelExact,
		OldestStored: s.Oldest, LastAck: s.LastAck, LastSuccess: s.LastAck,
		LastStatus: s.Record.LastStatus, LastError: s.Record.LastCode, LastFailed: s.Record.LastFailed,
	}
	if r := s.Record; r.Holds() {
		out.Attempts, out.FailingSince, out.NextTry, out.StoppedSince, out.Reason = r.Attempts, r.FailingSince, r.NextTry, r.StoppedSince, r.Reason
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
func (d *Dispatcher) pausedTarget(ctx context.Context, l bus.Line) (reason action.Code, paused bool) {
	if l.Redrive {
		return "", false
	}
	if text, paused := d.Paused(l.Instance, l.Owner, l.Target); paused {
		return action.Code(text), true
	}
	t, _ := d.targetOf(ctx, l)
	return action.CodePaused, t.Paused
}

// targetOf is the target of a line as it is configured now; ok is false when it
// no longer is.
func (d *Dispatcher) targetOf(ctx context.Context, l bus.Line) (t action.Target, ok bool) {
	m, err := d.catalogs.AtLeast(ctx, l.Instance, 0)
	if err != nil {
		return t, false
	}
	if scope := m.Snapshot().Scopes[l.Owner]; scope != nil {
		t, ok = scope.Targets[l.Target]
	}
	return t, ok
}

func nameOf(l bus.Line) string {
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

func stateOf(l bus.Line, s bus.Standing) action.SubscriptionState {
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
func (d *Dispatcher) find(ctx context.Context, instance, name string, lane int) ([]bus.Line, error) {
	lines, err := d.bus.Lines(ctx, instance)
	if err != nil {
		return nil, err
	}
	var found []bus.Line
	for _, l := range lines {
		if (nameOf(l) == name || l.Name == name) && (lane == AllLanes || l.Lane == lane) {
			found = append(found, l)
		}
	}
	if len(found) == 0 {
		return nil, action.NewError(action.CodeNotFound, action.StageCatalog, fmt.Sprintf("there is no subscription %q", name)).WithField("name")
	}
	return found, nil
}
