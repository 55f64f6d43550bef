package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

const howEdited = `

All keys stand there: those that are not set as comments, with their defaults. What
belongs to a file that a dispatcher follows is refused before the editor opens.

The editor is that of VISUAL or EDITOR, otherwise vi. When what comes back is
refused, it opens again with the reasons as comments at the top; when nothing was
changed, or the file is empty, the edit ends. Somebody else's change in the
meantime is never written over: then the edit is refused, and your text is kept.`

func (p *Program) editCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:     "edit target|execution NAME",
		Short:   "Change a target or an execution in your editor",
		Long:    "Opens a target or an execution in your editor, as it would stand in a configuration file, and puts in force what comes back." + howEdited,
		Example: "  callout edit target audit\n  EDITOR='code --wait' callout edit execution event/user.added",
	})
	cmd.AddCommand(p.editTargetCommand(), p.editExecutionCommand())
	return cmd
}

// editable is one object in the hands of an editor.
type editable struct {
	what string
	part *catalog.Snapshot // the catalog that holds it alone
	text []byte            // which says so, with what it does not set as comments
	// put stores the object of a catalog that holds nothing else.
	put func(ctx context.Context, s *catalog.Snapshot) (revision uint64, changed bool, err error)
}

func (p *Program) editTargetCommand() *cobra.Command {
	var server serverFlags
	var org orgFlag
	cmd := &cobra.Command{
		Use:               "target [ORG:]NAME",
		Aliases:           []string{"targets"},
		Short:             "Change a target in your editor",
		Long:              "Opens a target in your editor, as it would stand in a configuration file, and puts in force what comes back." + howEdited,
		Example:           "  callout edit target audit\n  EDITOR='sed -i s/10s/20s/' callout edit target acme:crm",
		Args:              oneOf("target"),
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			r, err := org.target(args[0])
			if err != nil {
				return err
			}
			return p.editTarget(cmd.Context(), &server, r)
		},
	}
	org.add(cmd, "the `ORG` that defines the target; left out, the instance")
	server.add(cmd, asTable)
	return cmd
}

func (p *Program) editTarget(ctx context.Context, server *serverFlags, r ref) error {
	answer, err := ask(ctx, server, &calloutv1.GetTargetRequest{Instance: server.instance, Org: r.org, Name: r.name},
		calloutv1connect.ActionServiceClient.GetTarget)
	if err != nil {
		return err
	}
	before := answer.GetTarget()
	e := editable{what: "target " + r.String(), part: catalog.Empty(server.instance)}
	addTarget(e.part, r.org, targetOf(before))
	e.text = file.ExportWithUnset(e.part)
	if err := owned(ctx, server, e.what, before.GetFile()); err != nil {
		return err
	}
	e.put = func(ctx context.Context, s *catalog.Snapshot) (uint64, bool, error) {
		t, ok := onlyTarget(s, r)
		if !ok {
			return 0, false, fmt.Errorf("the file is to hold the target %s and nothing else; its name and its organization stay", r)
		}
		m := targetMessage(r.org, &t)
		m.Etag = before.GetEtag()
		answer, err := ask(ctx, server, &calloutv1.UpdateTargetRequest{Instance: server.instance, Target: m},
			calloutv1connect.ActionServiceClient.UpdateTarget)
		return answer.GetRevision(), answer.GetChanged(), err
	}
	return p.edit(ctx, e)
}

// onlyTarget gives the target of a catalog that holds that one alone.
func onlyTarget(s *catalog.Snapshot, r ref) (t action.Target, ok bool) {
	if objects(s) != 1 || s.Scopes[r.org] == nil {
		return t, false
	}
	t, ok = s.Scopes[r.org].Targets[r.name]
	return t, ok
}

// objects counts the targets and executions of a catalog.
func objects(s *catalog.Snapshot) int {
	return len(catalog.Diff(catalog.Empty(s.Instance), s))
}

func (p *Program) editExecutionCommand() *cobra.Command {
	var server serverFlags
	var org orgFlag
	cmd := &cobra.Command{
		Use:               "execution ([ORG:][PHASE/]NAME | PHASE NAME)",
		Aliases:           []string{"executions"},
		Short:             "Change an execution or a list in your editor",
		Long:              "Opens an execution or a list in your editor, as it would stand in a configuration file, and puts in force what comes back." + howEdited,
		Example:           "  callout edit execution event/user.added",
		Args:              executionArgs,
		ValidArgsFunction: p.completeExecutions(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			r, err := org.executionOf(args)
			if err != nil {
				return err
			}
			return p.editExecution(cmd.Context(), &server, r)
		},
	}
	org.add(cmd, "the `ORG` whose execution it is; left out, the instance")
	server.add(cmd, asTable)
	return cmd
}

func (p *Program) editExecution(ctx context.Context, server *serverFlags, r ref) error {
	before, err := findExecution(ctx, server, r)
	if err != nil {
		return err
	}
	phase, was := manage.PhaseWord(before.GetPhase()), executionOf(before)
	e := editable{what: "execution " + refOf(before).String(), part: catalog.Empty(server.instance)}
	addExecution(e.part, before.GetOrg(), phase, was)
	e.text = file.ExportExecutionWithUnset(e.part, phase)
	if err := owned(ctx, server, e.what, before.GetFile()); err != nil {
		return err
	}
	e.put = func(ctx context.Context, s *catalog.Snapshot) (uint64, bool, error) {
		sc := s.Scopes[before.GetOrg()]
		if objects(s) != 1 || sc == nil || len(sc.Sections[phase]) != 1 || !sameExecution(sc.Sections[phase][0], was) {
			return 0, false, errors.New("the file is to hold the " + e.what + " and nothing else; its condition and its organization stay")
		}
		m := executionMessage(before.GetOrg(), phase, &sc.Sections[phase][0])
		m.Etag = before.GetEtag()
		answer, err := ask(ctx, server, &calloutv1.SetExecutionRequest{Instance: server.instance, Execution: m},
			calloutv1connect.ActionServiceClient.SetExecution)
		return answer.GetRevision(), answer.GetChanged(), err
	}
	return p.edit(ctx, e)
}

// owned is the error of an object that belongs to a file which is followed: only
// the file can change it.
func owned(ctx context.Context, server *serverFlags, what, owner string) error {
	if owner == "" {
		return nil
	}
	answer, err := ask(ctx, server, &calloutv1.GetRevisionRequest{Instance: server.instance}, calloutv1connect.ActionServiceClient.GetRevision)
	if err != nil || !answer.GetFileFollowed() {
		return err
	}
	return &refusedBy{fmt.Sprintf("the %s belongs to the file %s, which is followed: change the file, or start without it", what, printable(owner)), action.CodeFileOwned}
}
