package outcome

import "github.com/callout-hq/callout/pkg/action"

// WithoutWorker is how a call ends when no usable worker can be reached.
// configured tells whether any execution would have run, fail whether the
// caller must then be stopped. Going on is never silent: it carries a warning.
func WithoutWorker(configured, fail bool, revision uint64) action.Result {
	r := action.Result{Outcome: action.Continue, Revision: revision}
	switch {
	case !configured:
	case fail:
		r.Outcome = action.Unavailable
		r.Error = action.NewError(action.CodeUnavailable, action.StageBus, "")
	default:
		r.Warnings = []action.Warning{{Code: action.CodeUnavailable, Status: action.CodeUnavailable.Status(), Message: action.CodeUnavailable.Message()}}
	}
	return r
}

// TooLate is how a call ends when its time was over before a worker answered:
// never as an empty success.
func TooLate(revision uint64) action.Result {
	return action.Result{Outcome: action.Failed, Revision: revision,
		Error: action.NewError(action.CodeDeadline, action.StageBus, "")}
}
