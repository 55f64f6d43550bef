package manage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ListSubscriptions tells how the lines of an instance stand.
func (s *Service) ListSubscriptions(ctx context.Context, req *connect.Request[calloutv1.ListSubscriptionsRequest]) (*connect.Response[calloutv1.ListSubscriptionsResponse], error) {
	all, hidden, err := s.known(ctx, req.Msg.GetInstance())
	if err == nil && req.Msg.GetName() != "" {
		all, err = named(all, req.Msg.GetName(), allLanes)
	} else {
		all = append(all, hidden...)
		slices.SortStableFunc(all, func(a, b action.Subscription) int { return cmp.Or(cmp.Compare(a.Name, b.Name), a.Lane-b.Lane) })
	}
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.ListSubscriptionsResponse{}
	for _, one := range all {
		answer.Subscriptions = append(answer.Subscriptions, subscription(one))
	}
	return connect.NewResponse(answer), nil
}

// PauseSubscription lets a subscription stand until it is resumed.
func (s *Service) PauseSubscription(ctx context.Context, req *connect.Request[calloutv1.PauseSubscriptionRequest]) (*connect.Response[calloutv1.PauseSubscriptionResponse], error) {
	lanes, err := s.act(ctx, req.Msg, Instance.PauseSubscription)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.PauseSubscriptionResponse{Lanes: lanes}), nil
}

// ResumeSubscription lets a subscription go on.
func (s *Service) ResumeSubscription(ctx context.Context, req *connect.Request[calloutv1.ResumeSubscriptionRequest]) (*connect.Response[calloutv1.ResumeSubscriptionResponse], error) {
	lanes, err := s.act(ctx, req.Msg, Instance.ResumeSubscription)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.ResumeSubscriptionResponse{Lanes: lanes}), nil
}

// RetrySubscription ends the wait before the next attempt.
func (s *Service) RetrySubscription(ctx context.Context, req *connect.Request[calloutv1.RetrySubscriptionRequest]) (*connect.Response[calloutv1.RetrySubscriptionResponse], error) {
	lanes, err := s.act(ctx, req.Msg, Instance.RetryNow)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.RetrySubscriptionResponse{Lanes: lanes}), nil
}

// SkipSubscription gives up the head of each lane that stands, or more of it:
// one that runs is left alone, since what is at its head is about to be
// delivered.
func (s *Service) SkipSubscription(ctx context.Context, req *connect.Request[calloutv1.SkipSubscriptionRequest]) (*connect.Response[calloutv1.SkipSubscriptionResponse], error) {
	if req.Msg.GetAll() && req.Msg.GetCount() > 0 {
		return nil, badField("count", "all goes without a count")
	}
	lines, err := s.lines(ctx, req.Msg)
	if err != nil {
		return nil, err
	}
	lines = slices.DeleteFunc(lines, func(l action.Subscription) bool { return !l.Stands() || l.Waiting == 0 && l.InWork == 0 })
	answer := &calloutv1.SkipSubscriptionResponse{}
	if req.Msg.GetAll() || req.Msg.GetCount() > 1 {
		err = s.skipMany(ctx, req.Msg, lines, answer)
	} else {
		err = s.skipHeads(ctx, orDefault(req.Msg.GetInstance()), lines, answer)
	}
	if err == nil && len(answer.GetLanes()) == 0 {
		err = action.NewError(action.CodeNotFound, action.StageCatalog,
			fmt.Sprintf("there is nothing to skip: no event of %q waits behind a failure, a stop or a pause", req.Msg.GetName())).WithField("name")
	}
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(answer), nil
}

func (s *Service) skipHeads(ctx context.Context, instance string, lines []action.Subscription, answer *calloutv1.SkipSubscriptionResponse) error {
	for _, line := range lines {
		err := s.engine(instance).Skip(ctx, line.Line, line.Lane)
		if action.CodeOf(err) == action.CodeNotFound { // what waits there is not its own
			continue
		}
		if err != nil {
			return err
		}
		answer.Lanes = append(answer.Lanes, uint32(line.Lane))
	}
	return nil
}

// skipMany skips by a job.
func (s *Service) skipMany(ctx context.Context, req *calloutv1.SkipSubscriptionRequest, lines []action.Subscription, answer *calloutv1.SkipSubscriptionResponse) error {
	if len(lines) == 0 {
		return nil
	}
	instance := orDefault(req.GetInstance())
	j, err := s.engine(instance).Begin(ctx, jobs.Job{Job: action.Job{Kind: action.JobSkip, About: "subscription " + req.GetName()},
		Subscription: req.GetName(), Org: lines[0].Org, Lane: laneOf(req), Most: req.GetCount()})
	if err == nil {
		j, err = s.await(ctx, instance, j, req.Wait) //nolint:protogetter // whether it is set counts
	}
	for _, line := range lines {
		answer.Lanes = append(answer.Lanes, uint32(line.Lane))
	}
	answer.Job = job(j)
	return err
}

// meant is what the requests of all acts say.
type meant interface {
	GetInstance() string
	GetName() string
	GetLane() uint32
}

// act does something to the lines that a request means, and tells their lanes.
func (s *Service) act(ctx context.Context, req meant, do func(i Instance, ctx context.Context, name string, lane int) error) ([]uint32, error) {
	lines, err := s.lines(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := do(s.engine(orDefault(req.GetInstance())), ctx, req.GetName(), laneOf(req)); err != nil {
		return nil, err
	}
	var lanes []uint32
	for _, line := range lines {
		lanes = append(lanes, uint32(line.Lane))
	}
	slices.Sort(lanes)
	return slices.Compact(lanes), nil // lines of two lane counts stand side by side while one drains
}

// known are the lines of an instance that who asks may know of: an organization its own
// alone. By them a name is found, or the nearest one: of others there is no word. Of those
// that are hidden it is told how they stand, and nothing finds them by a name.
func (s *Service) known(ctx context.Context, instance string) (known, hidden []action.Subscription, err error) {
	v, err := s.veilOf(ctx, orDefault(instance))
	if err != nil {
		return nil, nil, err
	}
	all, err := s.engine(orDefault(instance)).Subscriptions(ctx)
	for _, l := range all {
		if v.org != "" && l.Org != v.org {
			continue
		}
		if shown, veiled := v.subscription(l); veiled {
			hidden = append(hidden, shown)
		} else {
			known = append(known, l)
		}
	}
	return known, hidden, err
}

func (s *Service) lines(ctx context.Context, req meant) ([]action.Subscription, error) {
	all, _, err := s.known(ctx, req.GetInstance())
	if err != nil {
		return nil, err
	}
	return named(all, req.GetName(), laneOf(req))
}

// laneOf is the lane that a request names, or allLanes.
func laneOf(req meant) int {
	var lane *uint32
	switch of := req.(type) {
	case *calloutv1.PauseSubscriptionRequest:
		lane = of.Lane
	case *calloutv1.ResumeSubscriptionRequest:
		lane = of.Lane
	case *calloutv1.RetrySubscriptionRequest:
		lane = of.Lane
	case *calloutv1.SkipSubscriptionRequest:
		lane = of.Lane
	}
	if lane == nil {
		return allLanes
	}
	return int(*lane)
}

// named are the lines of a name, and of a lane. The error is not_found, and
// names the subscriptions, or the lanes, that there are.
func named(all []action.Subscription, name string, lane int) ([]action.Subscription, error) {
	var found []action.Subscription
	var names []string
	lanes := 0
	for _, one := range all {
		names = append(names, one.Name)
		if one.Name != name && one.Line != name {
			continue
		}
		lanes = max(lanes, one.Lanes)
		if lane == allLanes || one.Lane == lane {
			found = append(found, one)
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case lanes > 0:
		return nil, action.NewError(action.CodeNotFound, action.StageCatalog,
			fmt.Sprintf("the subscription %q has the lanes 0 to %d, not %d", name, lanes-1, lane)).WithField("lane")
	}
	return nil, action.NewError(action.CodeNotFound, action.StageCatalog,
		fmt.Sprintf("no subscription is named %q%s", name, those(names))).WithField("name")
}

// maxNames bounds how many subscriptions an error names.
const maxNames = 10

// those tells which subscriptions there are.
func those(names []string) string {
	names = slices.Compact(names) // they are in order
	if len(names) == 0 {
		return "; there are none"
	}
	more := ""
	if len(names) > maxNames {
		more = fmt.Sprintf(" and %d more", len(names)-maxNames)
		names = names[:maxNames]
	}
	return "; there are " + strings.Join(names, ", ") + more
}

// subscription is a subscription as it goes over the wire.
func subscription(s action.Subscription) *calloutv1.Subscription {
	return &calloutv1.Subscription{
		Name: s.Name, Line: s.Line, Org: s.Org, Condition: s.Condition, Target: s.Target, Lane: uint32(s.Lane), Lanes: uint32(s.Lanes),
		State: string(s.State), Waiting: s.Waiting, InWork: uint32(s.InWork), ToScan: s.ToScan, Redelivered: uint32(s.Redelivered),
		Oldest: moment(s.OldestStored), LastAck: moment(s.LastAck), Attempts: uint32(s.Attempts), FailingSince: moment(s.FailingSince),
		NextTry: moment(s.NextTry), StoppedSince: moment(s.StoppedSince), LastStatus: uint32(s.LastStatus),
		LastError: string(s.LastError), Reason: string(s.Reason), LastSuccess: moment(s.LastSuccess), LastFailed: moment(s.LastFailed),
		Shard: uint32(s.Shard),
	}
}

// moment is a time as it goes over the wire; that of none is left out.
func moment(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
