package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// Subscription is one line of a subscription as a person sees it. What waits
// and what is in work are the server's own numbers.
type Subscription struct {
	Name         string            `json:"name"` // [ORG:]CONDITION/TARGET
	Line         string            `json:"line"` // name of the consumer
	Org          string            `json:"org,omitempty"`
	Condition    string            `json:"condition,omitempty"`
	Target       string            `json:"target"`
	Lane         int               `json:"lane"`
	Lanes        int               `json:"lanes"`
	State        SubscriptionState `json:"state"`
	Waiting      uint64            `json:"waiting"`
	InWork       int               `json:"in_work"`
	ToScan       bool              `json:"to_scan"` // waiting counts events that a better match will take
	Redelivered  int               `json:"redelivered"`
	OldestStored time.Time         `json:"oldest_stored,omitzero"`
	LastAck      time.Time         `json:"last_ack,omitzero"`
	Attempts     int               `json:"attempts,omitempty"` // of the head
	FailingSince time.Time         `json:"failing_since,omitzero"`
	NextTry      time.Time         `json:"next_try,omitzero"`
	StoppedSince time.Time         `json:"stopped_since,omitzero"`
	LastStatus   int               `json:"last_status,omitempty"`
	LastError    action.Code       `json:"last_error,omitempty"`
	Reason       action.Code       `json:"reason,omitempty"`
	line         bus.Line
}

// SubscriptionState is what a subscription's line is doing.
type SubscriptionState string

// The states, as shown.
const (
	StateRunning   SubscriptionState = "running"
	StateRetrying  SubscriptionState = "retrying"
	StateStopped   SubscriptionState = "stopped"   // exhausted, until somebody resumes or skips
	StatePaused    SubscriptionState = "paused"    // by somebody
	StateDraining  SubscriptionState = "draining"  // no longer configured
	StateMigrating SubscriptionState = "migrating" // waits for lines of another lane count
)

// Subscriptions lists the lines of an instance, by name and lane.
func (d *Dispatcher) Subscriptions(ctx context.Context, instance string) ([]Subscription, error) {
	if _, err := d.catalogs.AtLeast(ctx, instance, 0); err != nil {
		return nil, err
	}
	lines, err := d.bus.Lines(ctx, instance)
	if err != nil {
		return nil, err
	}
	all := make([]Subscription, 0, len(lines))
	for _, l := range lines {
		s, err := d.bus.Standing(ctx, l)
		if err != nil {
			return nil, err
		}
		all = append(all, subscription(l, s))
	}
	slices.SortFunc(all, func(a, b Subscription) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.Lane-b.Lane, cmp.Compare(a.Line, b.Line))
	})
	return all, nil
}

func subscription(l bus.Line, s bus.Standing) Subscription {
	out := Subscription{
		Name: nameOf(l), Line: l.Name, Org: l.Org, Condition: l.Condition.Match, Target: l.Target, Lane: l.Lane, Lanes: l.Lanes,
		State: stateOf(l, s), Waiting: s.Pending, InWork: s.InWork, Redelivered: s.Redelivered,
		ToScan:       !l.Async && l.Condition.Level() != action.LevelExact,
		OldestStored: s.Oldest, LastAck: s.LastAck, line: l,
	}
	if r := s.Record; r.State != "" && r.State != action.LineRunning {
		out.Attempts, out.FailingSince, out.NextTry, out.StoppedSince = r.Attempts, r.FailingSince, r.NextTry, r.StoppedSince
		out.LastStatus, out.LastError, out.Reason = r.LastStatus, r.LastCode, r.Reason
	}
	return out
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

func stateOf(l bus.Line, s bus.Standing) SubscriptionState {
	switch {
	case l.Fenced:
		return StateMigrating
	case s.Record.State == action.LineStopped:
		return StateStopped
	case s.Paused:
		return StatePaused
	case l.DrainTo > 0 && !l.Replay:
		return StateDraining
	case s.Record.State == action.LineRetrying:
		return StateRetrying
	}
	return StateRunning
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
