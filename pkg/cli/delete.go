package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// deleteFlags say what becomes of what still waits.
type deleteFlags struct {
	server  serverFlags
	org     orgFlag
	drain   bool
	discard bool
	force   bool
	dryRun  bool
	wait    waitFlag
}

func (f *deleteFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.drain, "drain", false, "events that still wait for it are delivered all the same")
	flags.BoolVar(&f.discard, "discard", false, "events that still wait for it become dead letters")
	flags.BoolVar(&f.dryRun, "dry-run", false, "tell whether it can be deleted, and change nothing")
	f.wait.add(cmd)
	f.server.add(cmd, asTable, asJSON)
}

func (f *deleteFlags) check() error {
	if f.drain && f.discard {
		return &usageError{errors.New("--drain delivers what waits, --discard does not: give one of them")}
	}
	return f.server.check()
}

func (f *deleteFlags) waiting() calloutv1.Waiting {
	switch {
	case f.drain:
		return calloutv1.Waiting_WAITING_DRAIN
	case f.discard:
		return calloutv1.Waiting_WAITING_DISCARD
	}
	return calloutv1.Waiting_WAITING_UNSPECIFIED
}

const howDeleted = `

Nothing is asked. Without --drain or --discard it is refused while events still
wait for it, and the error says how many. With --discard the command waits until
all of them are dead letters; what ends it does not end that.`

func (p *Program) deleteCommand() *cobra.Command {
	var f deleteFlags
	var files filesFlag
	cmd := &cobra.Command{
		Use:   "delete (target|execution NAME… | instance NAME | -f FILE)",
		Short: "Delete targets and executions, or an instance",
		Long: `Deletes targets and executions by their names, or, with -f, those that a
configuration file names: first its executions, those that include others before
these, then its targets. What is in the file and not on the server is passed over.` + howDeleted,
		Example: "  callout delete target audit\n  callout delete execution event/user.added --drain\n  callout delete -f old.yaml --dry-run",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return cmd.Help()
			}
			if err := files.check(); err != nil {
				return err
			}
			if err := f.check(); err != nil {
				return err
			}
			if !p.namesInstance(cmd) {
				f.server.instance = "" // the file says it
			}
			return p.deleteFiles(cmd.Context(), &f, files)
		},
	}
	files.add(cmd, "delete what is in the configuration")
	f.add(cmd)
	cmd.AddCommand(p.deleteTargetCommand(), p.deleteExecutionCommand(), p.deleteInstanceCommand())
	return cmd
}

func (p *Program) deleteTargetCommand() *cobra.Command {
	var f deleteFlags
	cmd := &cobra.Command{
		Use:               "target [ORG:]NAME…",
		Aliases:           []string{"targets"},
		Short:             "Delete targets",
		Long:              `Deletes targets. One that executions name is not deleted, unless --force takes it out of them too.` + howDeleted,
		Example:           "  callout delete target audit\n  callout delete target acme:crm --force --discard",
		Args:              someOf("target"),
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return eachRef(args, f.org.target, func(r ref) error { return p.deleteTarget(cmd.Context(), &f, r) })
		},
	}
	f.org.add(cmd, "the `ORG` that defines the targets; left out, the instance")
	cmd.Flags().BoolVar(&f.force, "force", false, "take them out of the executions that name them too")
	f.add(cmd)
	return cmd
}

func (p *Program) deleteExecutionCommand() *cobra.Command {
	var f deleteFlags
	cmd := &cobra.Command{
		Use:               "execution [ORG:][PHASE/]NAME…",
		Aliases:           []string{"executions"},
		Short:             "Delete executions and lists",
		Long:              `Deletes executions and lists; NAME is a condition or a name. A list that others include is not deleted.` + howDeleted,
		Example:           "  callout delete execution event/user.added\n  callout delete execution request/all_requests",
		Args:              someOf("execution"),
		ValidArgsFunction: p.completeExecutions(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return eachRef(args, f.org.execution, func(r ref) error {
				e, err := findExecution(cmd.Context(), &f.server, r)
				if err != nil {
					return err
				}
				return p.deleteExecution(cmd.Context(), &f, e)
			})
		},
	}
	f.org.add(cmd, "the `ORG` whose executions they are; left out, the instance")
	f.add(cmd)
	return cmd
}

// eachRef reads all names before anything is done.
func eachRef(args []string, read func(string) (ref, error), do func(ref) error) error {
	var refs []ref
	for _, arg := range args {
		r, err := read(arg)
		if err != nil {
			return err
		}
		refs = append(refs, r)
	}
	for _, r := range refs {
		if err := do(r); err != nil {
			return err
		}
	}
	return nil
}

func (p *Program) deleteTarget(ctx context.Context, f *deleteFlags, r ref) error {
	answer, err := ask(ctx, &f.server, &calloutv1.DeleteTargetRequest{Instance: f.server.instance, Org: r.org, Name: r.name,
		Waiting: f.waiting(), Force: f.force, DryRun: f.dryRun, Wait: f.wait.no()}, calloutv1connect.ActionServiceClient.DeleteTarget)
	var by *refusedBy
	if errors.As(err, &by) && by.code == action.CodeStillUsed {
		by.message += "; --force takes it out of there"
	}
	if err != nil {
		return aboutOne("target "+r.String(), err)
	}
	if answer.GetJob().GetKind() == string(action.JobDiscard) {
		if answer.Job, err = p.awaitJob(ctx, &f.server, f.wait, answer.GetJob()); err != nil {
			return aboutOne("target "+r.String()+" is deleted", err)
		}
		answer.Discarded = answer.GetJob().GetDone()
	}
	return p.deleted(f, "target "+r.String(), answer)
}

func (p *Program) deleteExecution(ctx context.Context, f *deleteFlags, e *calloutv1.Execution) error {
	request := &calloutv1.DeleteExecutionRequest{Instance: f.server.instance, Phase: e.GetPhase(), Org: e.GetOrg(),
		Condition: e.GetCondition(), Waiting: f.waiting(), DryRun: f.dryRun, Wait: f.wait.no()}
	if e.GetCondition() == "" {
		request.Name = e.GetName()
	}
	answer, err := ask(ctx, &f.server, request, calloutv1connect.ActionServiceClient.DeleteExecution)
	what := "execution " + refOf(e).String()
	if err != nil {
		return aboutOne(what, err)
	}
	if answer.GetJob().GetKind() == string(action.JobDiscard) {
		if answer.Job, err = p.awaitJob(ctx, &f.server, f.wait, answer.GetJob()); err != nil {
			return aboutOne(what+" is deleted", err)
		}
		answer.Discarded = answer.GetJob().GetDone()
	}
	return p.deleted(f, what, answer)
}

// aboutOne says which of several objects an error is about.
func aboutOne(what string, err error) error {
	var away *serverUnreachable
	if errors.As(err, &away) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// deletion is what both answers say.
type deletion interface {
	proto.Message
	GetRevision() uint64
	GetDiscarded() uint64
	GetJob() *calloutv1.Job
}

func (p *Program) deleted(f *deleteFlags, what string, answer deletion) error {
	if f.server.output != asTable {
		return p.print(f.server.output, answer)
	}
	more, verb := "", "became"
	if f.dryRun {
		verb = "would become"
	}
	switch n := answer.GetDiscarded(); {
	case n == 1:
		more = ", 1 event " + verb + " a dead letter"
	case n > 1:
		more = fmt.Sprintf(", %d events %s dead letters", n, verb)
	}
	if j := answer.GetJob(); j.GetState() == string(action.JobRunning) {
		more = fmt.Sprintf("; what waits for it %s, by job %s", map[bool]string{true: "becomes dead letters", false: "is delivered"}[f.discard], j.GetId())
	}
	if f.dryRun {
		return p.say("%s can be deleted%s (--dry-run)\n", what, more)
	}
	return p.say("%s is deleted, revision %d is in force%s\n", what, answer.GetRevision(), more)
}
