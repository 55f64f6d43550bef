package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) jobCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "job cancel ID",
		Short: "Cancel what takes longer than a request may",
		Long: `A job is what takes longer than a request may: making dead letters of what waits,
sending many of them again, replaying events. It goes on when the command that
began it has ended, and when the dispatcher dies that works on it. "callout get
jobs" shows them.`,
		Example: "  callout get jobs --watch\n  callout job cancel 01JZ…",
	})
	cmd.AddCommand(p.jobCancelCommand())
	return cmd
}

func (p *Program) jobCancelCommand() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:   "cancel ID",
		Short: "End a job before it is done",
		Long: `Ends a job before it is done. What was done stays done, and what still waits is
delivered as it would have been. Of what drains nothing else can become than dead
letters: cancelling a drain makes them.`,
		Example:           "  callout job cancel 01JZ…",
		Args:              oneOf("job"),
		ValidArgsFunction: p.completeJobs(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), &server, &calloutv1.CancelJobRequest{Instance: server.instance, Id: args[0]}, calloutv1connect.ActionServiceClient.CancelJob)
			if err != nil {
				return err
			}
			if server.output != asTable {
				return p.print(server.output, answer)
			}
			if j := answer.GetJob(); j.GetId() != args[0] {
				return p.say("job %s is cancelled: what still waits becomes dead letters, by job %s\n", args[0], printable(j.GetId()))
			}
			return p.say("job %s is cancelled, %s\n", args[0], progressText(answer.GetJob()))
		},
	}
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

// waitFlag says whether a command waits for its job.
type waitFlag struct{ not bool }

func (w *waitFlag) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.not, "no-wait", false, "do not wait until it is done; \"callout get jobs\" shows how it goes on")
}

// no is what a request says: the command waits by itself, so that no deadline of
// a request ends it, and shows how far it is.
func (waitFlag) no() *bool { return new(bool) }

// How often it is told how far a job is, to a terminal and to
// what is none.
const (
	progressTerminal = 200 * time.Millisecond
	progressPlain    = 10 * time.Second
)

// awaitJob waits until a job has ended, unless it is not to be waited for, and
// tells meanwhile how far it is.
func (p *Program) awaitJob(ctx context.Context, server *serverFlags, w waitFlag, j *calloutv1.Job) (*calloutv1.Job, error) {
	if j == nil || w.not {
		return j, nil
	}
	id := j.GetId()
	show := p.newProgress()
	defer show.clear()
	err := watchJob(ctx, server, id, func(now *calloutv1.Job) error { j = now; show.tell(now); return nil })
	switch {
	case errors.Is(err, context.Canceled):
		show.clear()
		p.note(fmt.Sprintf("the job %s goes on; \"callout get jobs\" shows it, \"callout job cancel %s\" ends it", id, id))
		return j, err
	case err != nil:
		return j, fmt.Errorf("the job %s may go on: %w", id, err)
	case j.GetState() == string(action.JobFailed):
		return j, &refusedBy{j.GetLastError(), action.Code(j.GetLastCode())}
	case j.GetState() == string(action.JobCancelled):
		return j, fmt.Errorf("the job %s was cancelled, %s", id, progressText(j))
	}
	return j, nil
}

// watchJob tells how a job stands until it has ended.
func watchJob(ctx context.Context, server *serverFlags, id string, do func(*calloutv1.Job) error) error {
	client, done := server.connect()
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream, so that closing it does not wait for more
	stream, err := client.WatchJob(ctx, connect.NewRequest(&calloutv1.WatchJobRequest{Instance: server.instance, Id: id}))
	if err != nil {
		return server.failure(err)
	}
	defer func() { cancel(); _ = stream.Close() }() // what was shown is shown
	for stream.Receive() {
		if err := do(stream.Msg().GetJob()); err != nil {
			return err
		}
		if state := stream.Msg().GetJob().GetState(); state != string(action.JobRunning) {
			return nil
		}
	}
	if err := stream.Err(); err != nil {
		return server.failure(err)
	}
	return &serverUnreachable{url: server.url, err: errEnded}
}

// progress is the line that counts while a command waits.
type progress struct {
	program  *Program
	terminal bool
	last     time.Time
	shown    bool
}

func (p *Program) newProgress() *progress {
	return &progress{program: p, terminal: isTerminal(p.Err), last: time.Now()}
}

// tell writes how far a job is, not too often.
func (s *progress) tell(j *calloutv1.Job) {
	if j.GetState() != string(action.JobRunning) {
		return
	}
	s.count(fmt.Sprintf("%s of %s: %s", j.GetKind(), printable(j.GetAbout()), progressText(j)))
}

// count writes a line, unless the last one was a moment ago.
func (s *progress) count(text string) {
	every := progressPlain
	if s.terminal {
		every = progressTerminal
	}
	if time.Since(s.last) < every {
		return
	}
	s.last = time.Now()
	if !s.terminal {
		s.program.note(text)
		return
	}
	_, _ = fmt.Fprintf(s.program.Err, "\r\x1b[K%s", text) // there is nobody else to tell
	s.shown = true
}

// clear takes the line away from a terminal.
func (s *progress) clear() {
	if s.shown {
		_, _ = fmt.Fprint(s.program.Err, "\r\x1b[K") // as above
		s.shown = false
	}
}

// progressText is how far a job is.
func progressText(j *calloutv1.Job) string {
	text := fmt.Sprintf("%d done", j.GetDone())
	if j.GetTotal() > 0 {
		text = fmt.Sprintf("%d of %d done", j.GetDone(), j.GetTotal())
	}
	if j.GetLastError() != "" && j.GetState() == string(action.JobRunning) {
		text += ", held up: " + printable(j.GetLastError())
	}
	return text
}
