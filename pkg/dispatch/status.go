package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/present"
)

// Status tells how the installation stands, as this dispatcher sees it. It fails
// never: what cannot be told says why in its place.
func (d *Dispatcher) Status(ctx context.Context) action.FleetStatus {
	s := action.FleetStatus{NATS: d.bus.Account(ctx)}
	var err error
	if s.Warnings, err = d.ready(ctx); err != nil {
		s.NotReady = action.ShownText(err.Error())
	}
	if !s.NATS.Connected {
		return s
	}
	for role, into := range map[action.Role]*[]action.Presence{action.RoleDispatcher: &s.Dispatchers, action.RoleWorker: &s.Workers} {
		if *into, err = present.List(ctx, d.bus, role); err != nil {
			s.Warnings = append(s.Warnings, "who is there with the role "+string(role)+" is not known: "+action.ShownText(err.Error()))
		}
	}
	return s
}

// Present lists the processes of a role.
func (d *Dispatcher) Present(ctx context.Context, role action.Role) ([]action.Presence, error) {
	return present.List(ctx, d.bus, role)
}

// InstanceIDs lists the instances that exist, sorted.
func (d *Dispatcher) InstanceIDs() []string { return d.catalogs.Known() }

// Summary tells how the instance stands, in numbers. It fails never: an instance
// that cannot be looked at says why.
func (i *Instance) Summary(ctx context.Context) action.InstanceSummary {
	s := action.InstanceSummary{ID: i.ID}
	m, err := i.catalog().AtLeast(ctx, 0)
	if err != nil {
		s.Fault = action.ShownText(err.Error())
		return s
	}
	s.Revision = m.Revision()
	if err := i.count(ctx, &s); err != nil {
		s.Fault = action.ShownText(err.Error())
	}
	return s
}

func (i *Instance) count(ctx context.Context, s *action.InstanceSummary) error {
	all, err := i.lines.Standings(ctx)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.Line.Drained {
			continue
		}
		i.countLine(ctx, s, one)
	}
	info, err := i.bus.State(ctx, i.bus.Dead)
	if err == nil {
		s.DeadLetters = info.State.Msgs
	}
	return err
}

func (i *Instance) countLine(ctx context.Context, s *action.InstanceSummary, one lines.StandingOf) {
	s.Lines++
	s.Waiting += one.Pending
	s.InWork += uint64(one.InWork)
	if one.Pending > 0 {
		s.Behind++
	}
	switch i.stateNow(ctx, one) {
	case action.SubscriptionRetrying:
		s.Failing++
	case action.SubscriptionPaused:
		s.Paused++
	case action.SubscriptionStopped:
		s.Stopped++
	case action.SubscriptionLost:
		s.Lost++
	}
}

// stateNow is the state of a line as Subscriptions shows it.
func (i *Instance) stateNow(ctx context.Context, one lines.StandingOf) action.SubscriptionState {
	if one.Lost {
		return action.SubscriptionLost
	}
	state := stateOf(one.Line, one.Standing)
	if _, paused := i.pausedTarget(ctx, one.Line); paused && waitsForTarget(state) {
		return action.SubscriptionPaused
	}
	return state
}

// Earlier gives stored events of the instance, the newest first; see
// lines.Lines.Earlier.
func (i *Instance) Earlier(ctx context.Context, o lines.EarlierOptions) ([]lines.StoredEvent, uint64, error) {
	if err := i.exists(ctx); err != nil {
		return nil, 0, err
	}
	return i.lines.Earlier(ctx, o)
}
