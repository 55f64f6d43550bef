package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type explainFlags struct {
	server serverFlags
	files  filesFlag
	org    string
	schema bool
}

func (p *Program) explainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:     "explain request|response|function|event NAME",
		Aliases: []string{"match"},
		Short:   "Tell what runs for a call or an event, and why",
		Long: `Tells which executions were considered for a method, a function or an event type,
which won, which lost and why, and what is called, in its order: each target with
its kind, whether it interrupts, and the execution and the includes that brought
it there. Nothing is called.

With -f it looks into a file and needs no server; otherwise it asks a dispatcher
what is in force.

With --schema it tells what a target gets instead: the JSON Schema of the body, with
what a core has declared of the method, function or event type, if one has.`,
		Example:           "  callout explain request /zitadel.user.v2.UserService/AddHumanUser --org acme\n  callout explain event user.added -f callout.yaml\n  callout explain event user.added --schema",
		Args:              phaseAndName,
		ValidArgsFunction: p.completeConditions(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.server.check(); err != nil {
				return err
			}
			if err := f.files.check(); err != nil {
				return err
			}
			if f.schema && len(f.files) > 0 {
				return &usageError{errors.New("--schema asks a dispatcher, which knows what cores have declared: not with -f")}
			}
			phase := action.Phase(args[0])
			if err := manage.CheckQuestion(phase, args[1], f.org); err != nil {
				return &usageError{fmt.Errorf("%q: %s", args[1], messageOf(err))}
			}
			if !cmd.Flags().Changed("instance") && len(f.files) > 0 {
				f.server.instance = "" // the file says it
			}
			if f.schema {
				return p.explainSchema(cmd.Context(), &f, phase, args[1])
			}
			return p.explain(cmd.Context(), &f, phase, args[1])
		},
	}
	f.files.add(cmd, "look into this configuration")
	cmd.Flags().StringVar(&f.org, "org", "", "the `ORG` of the caller or of the event")
	cmd.Flags().BoolVar(&f.schema, "schema", false, "tell what a target gets, as a JSON Schema")
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

// phaseOf is a phase of the wire by its word.
func phaseOf(word string) (calloutv1.Phase, error) {
	phase := manage.PhaseNumber(action.Phase(word))
	if phase == calloutv1.Phase_PHASE_UNSPECIFIED {
		return phase, &usageError{fmt.Errorf("%q: request, response, function or event are known", word)}
	}
	return phase, nil
}

func phaseAndName(cmd *cobra.Command, args []string) error {
	if len(args) != 2 {
		return &usageError{fmt.Errorf("%s takes what happens and its name, such as: event user.added", cmd.CommandPath())}
	}
	_, err := phaseOf(args[0])
	return err
}

func (p *Program) explain(ctx context.Context, f *explainFlags, phase action.Phase, name string) error {
	var answer *calloutv1.ExplainResponse
	var err error
	if len(f.files) > 0 {
		answer, err = p.explainFile(ctx, f, phase, name)
	} else {
		answer, err = ask(ctx, &f.server, &calloutv1.ExplainRequest{
			Instance: f.server.instance, Phase: manage.PhaseNumber(phase), Name: name, Org: f.org,
		}, calloutv1connect.ActionServiceClient.Explain)
	}
	if err != nil {
		return p.refused(err)
	}
	if f.server.output != asTable {
		return p.print(f.server.output, answer)
	}
	return p.say("%s", explanation(answer))
}

func (p *Program) explainFile(ctx context.Context, f *explainFlags, phase action.Phase, name string) (*calloutv1.ExplainResponse, error) {
	c, err := p.load(ctx, f.files)
	if err != nil {
		return nil, err
	}
	s, problems, err := c.parse(ctx, time.Time{}, f.server.instance)
	if err != nil {
		return nil, err
	}
	if s == nil {
		for _, problem := range problems {
			p.note(problem.String())
		}
		return nil, fmt.Errorf("the configuration has errors; see \"callout check %s\"", strings.Join(f.files, " "))
	}
	m, err := catalog.Compile(s)
	if err != nil {
		return nil, err
	}
	return manage.Explanation(m.Explain(phase, name, f.org)), nil
}

// messageOf is the message of an error of ours, without its stage and code.
func messageOf(err error) string {
	var of *action.Error
	if errors.As(err, &of) {
		return of.Message
	}
	return err.Error()
}
