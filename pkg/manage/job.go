package manage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ListJobs lists the jobs of an instance.
func (s *Service) ListJobs(ctx context.Context, req *connect.Request[calloutv1.ListJobsRequest]) (*connect.Response[calloutv1.ListJobsResponse], error) {
	all, err := s.engine(orDefault(req.Msg.GetInstance())).Jobs(ctx)
	if err != nil {
		return nil, err
	}
	v, err := s.veilOf(ctx, orDefault(req.Msg.GetInstance()))
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.ListJobsResponse{}
	for _, j := range all {
		if ownJob(ctx, j) != nil {
			continue
		}
		answer.Jobs = append(answer.Jobs, v.job(j))
	}
	return connect.NewResponse(answer), nil
}

// GetJob tells how one stands.
func (s *Service) GetJob(ctx context.Context, req *connect.Request[calloutv1.GetJobRequest]) (*connect.Response[calloutv1.GetJobResponse], error) {
	j, err := s.jobNow(ctx, orDefault(req.Msg.GetInstance()), req.Msg.GetId())
	if err != nil {
		return nil, err
	}
	v, err := s.veilOf(ctx, orDefault(req.Msg.GetInstance()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.GetJobResponse{Job: v.wholeJob(j)}), nil
}

func (s *Service) jobNow(ctx context.Context, instance, id string) (found jobs.Job, err error) {
	err = s.engine(instance).WatchJob(ctx, id, func(j jobs.Job) (bool, error) { found = j; return false, ownJob(ctx, j) })
	return found, err
}

// ownJob is the error of a job that is not for who asks, as of one that there is none of:
// an organization has to do with its own alone.
func ownJob(ctx context.Context, j jobs.Job) error {
	p, err := access.From(ctx)
	if err != nil {
		return err
	}
	if p.Scope.Level() == access.Organization && !j.IsOf(p.Scope.Org) {
		return jobs.None(j.ID)
	}
	return nil
}

// WatchJob tells how a job stands until it has ended, or the client goes away.
func (s *Service) WatchJob(ctx context.Context, req *connect.Request[calloutv1.WatchJobRequest], stream *connect.ServerStream[calloutv1.WatchJobResponse]) error {
	leave, err := s.jobWatches.enter(req.Peer().Addr, orDefault(req.Msg.GetInstance()))
	if err != nil {
		return err
	}
	defer leave()
	v, err := s.veilOf(ctx, orDefault(req.Msg.GetInstance()))
	if err != nil {
		return err
	}
	err = s.engine(orDefault(req.Msg.GetInstance())).WatchJob(ctx, req.Msg.GetId(), func(j jobs.Job) (bool, error) {
		if err := ownJob(ctx, j); err != nil {
			return false, err
		}
		shown := v.job(j)
		if j.HasEnded() {
			shown = v.wholeJob(j)
		}
		err := inTime(ctx, func() error { return stream.Send(&calloutv1.WatchJobResponse{Job: shown}) })
		return !j.HasEnded(), err
	})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // the client has gone
	}
	return err
}

// CancelJob ends a job before it is done.
func (s *Service) CancelJob(ctx context.Context, req *connect.Request[calloutv1.CancelJobRequest]) (*connect.Response[calloutv1.CancelJobResponse], error) {
	if _, err := s.jobNow(ctx, orDefault(req.Msg.GetInstance()), req.Msg.GetId()); err != nil {
		return nil, err
	}
	j, err := s.engine(orDefault(req.Msg.GetInstance())).CancelJob(ctx, req.Msg.GetId())
	if err != nil {
		return nil, err
	}
	v, err := s.veilOf(ctx, orDefault(req.Msg.GetInstance()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.CancelJobResponse{Job: v.job(j)}), nil
}

// goesOn is the error of a request that ended before its job.
type goesOn struct {
	fault *action.Error
	job   string
}

func (e *goesOn) Error() string { return e.fault.Error() }

func (e *goesOn) Unwrap() error { return e.fault }

// answerIn is what is left of a request's time to answer it in.
const answerIn = time.Second

// await waits until a job has ended, unless it is not to be waited for, and gives
// it as it stands then. The error is that of a job that failed; deadline when the
// time of the request is about to be over.
func (s *Service) await(ctx context.Context, instance string, j jobs.Job, wait *bool) (jobs.Job, error) {
	if wait != nil && !*wait {
		return j, nil
	}
	waiting := ctx
	if end, has := ctx.Deadline(); has {
		left := time.Until(end)
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, left-min(answerIn, left/5))
		defer cancel()
	}
	id := j.ID
	err := s.engine(instance).WatchJob(waiting, id, func(now jobs.Job) (bool, error) { j = now; return !j.HasEnded(), nil })
	switch {
	case waiting.Err() != nil && ctx.Err() == nil:
		message := fmt.Sprintf("the job %s goes on, %d are done: ask how it stands, or wait for it, by its id", id, j.Done)
		return j, &goesOn{action.NewError(action.CodeDeadline, action.StageBus, message).WithCause(err), id}
	case err != nil:
		return j, err
	case j.State == action.JobFailed:
		return j, action.NewError(j.LastCode, action.StageBus, j.LastError)
	case j.State == action.JobCancelled:
		return j, action.NewError(action.CodeCancelled, action.StageBus, fmt.Sprintf("the job %s was cancelled, %d were done", id, j.Done))
	}
	return j, nil
}

// wholeJob is a job with the dead letters that it has acted on.
func (v veil) wholeJob(j jobs.Job) *calloutv1.Job {
	shown := v.job(j)
	shown.DeliveryIds, shown.MissingIds = j.First, j.Missing
	return shown
}

// job is a job as it goes over the wire.
func job(j jobs.Job) *calloutv1.Job {
	return &calloutv1.Job{Id: j.ID, Kind: string(j.Kind), About: j.About, State: string(j.State), Done: j.Done, Total: j.Total,
		CreateTime: moment(j.Made), EndTime: moment(j.Ended), LastError: j.LastError, LastCode: string(j.LastCode)}
}
