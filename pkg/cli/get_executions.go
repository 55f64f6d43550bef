package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type getExecutionsFlags struct {
	server serverFlags
	org    orgFlag
	phases []string
	target string
	sortBy string
	watch  watchFlag
	chosen *chosen
}

func (p *Program) getExecutionsCommand() *cobra.Command {
	var f getExecutionsFlags
	cmd := &cobra.Command{
		Use:     "executions [[ORG:][PHASE/]NAME…]",
		Aliases: []string{"execution"},
		Short:   "List executions, and the lists they include",
		Long: `Lists executions and lists, those of the instance first and then those of its
organizations. NAME is a condition or a name; event/user.* and acme:event/user.*
say where to look for it. A list has no condition.

With -o yaml it prints a configuration file that holds these executions and what
they name, targets and lists, so that it stands by itself; "callout apply -f -"
reads it back, and that changes nothing.`,
		Example: `  callout get executions
  callout get executions --phase event --target audit
  callout get executions request/zitadel.user.v2.UserService -o yaml`,
		ValidArgsFunction: p.completeExecutions(),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := cmp.Or(f.server.check(), f.watch.check(&f.server)); err != nil {
				return err
			}
			if f.chosen, err = choose(args, f.org.execution); err != nil {
				return err
			}
			return p.getExecutions(cmd.Context(), &f)
		},
	}
	f.org.add(cmd, "only those of this `ORG`; '' is the instance itself")
	flags := cmd.Flags()
	flags.StringSliceVar(&f.phases, "phase", nil, "only those of the `PHASE`,… request, response, function or event")
	flags.StringVar(&f.target, "target", "", "only those that reach this `TARGET`, by includes too")
	flags.StringVar(&f.sortBy, "sort-by", "", "condition, create_time or update_time; left out, as they were written")
	complete(cmd, "phase", cobra.FixedCompletions(phaseWords(), cobra.ShellCompDirectiveNoFileComp))
	complete(cmd, "target", p.completeTargets())
	f.watch.add(cmd)
	f.server.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func phaseWords() []string {
	var words []string
	for _, phase := range action.Phases {
		words = append(words, string(phase))
	}
	return words
}

func (f *getExecutionsFlags) filter() (*calloutv1.ExecutionFilter, error) {
	filter := &calloutv1.ExecutionFilter{Target: f.target}
	for _, word := range f.phases {
		phase, err := phaseOf(word)
		if err != nil {
			return nil, err
		}
		filter.Phases = append(filter.Phases, phase)
	}
	if f.org.given() {
		filter.Org = &f.org.org
	}
	if len(f.chosen.refs) == 1 { // the server need not send the others
		filter.Contains = f.chosen.refs[0].name
	}
	return filter, nil
}

// fits tells whether an execution is what a ref names.
func fits(r ref, e *calloutv1.Execution) bool {
	return (r.name == e.GetCondition() || r.name == e.GetName()) && (!r.known || r.org == e.GetOrg()) &&
		(r.phase == "" || r.phase == manage.PhaseWord(e.GetPhase()))
}

func (p *Program) getExecutions(ctx context.Context, f *getExecutionsFlags) error {
	filter, err := f.filter()
	if err != nil {
		return err
	}
	show := p.executionLister(f.server.output)
	if f.watch.on {
		return watching(ctx, show, func(ctx context.Context) (all []*calloutv1.Execution, err error) {
			_, err = f.each(ctx, filter, func(page []*calloutv1.Execution) error { all = append(all, page...); return nil })
			return all, err
		})
	}
	var refs []executionRef // for YAML
	revision, err := f.each(ctx, filter, func(page []*calloutv1.Execution) error {
		if f.server.output != asYAML {
			return show.page(page)
		}
		for _, e := range page {
			refs = append(refs, executionRef{e.GetOrg(), manage.PhaseWord(e.GetPhase()), executionOf(e).Name})
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case f.server.output == asYAML:
		err = p.executionsFile(ctx, &f.server, revision, refs)
	default:
		err = show.end()
	}
	if err != nil {
		return err
	}
	return f.chosen.missing("execution")
}

// each hands over the executions that are asked for, page by page, and tells of
// which revision they are.
func (f *getExecutionsFlags) each(ctx context.Context, filter *calloutv1.ExecutionFilter, do func([]*calloutv1.Execution) error) (revision uint64, err error) {
	err = eachPage(ctx, func(ctx context.Context, token string) ([]*calloutv1.Execution, string, error) {
		answer, err := ask(ctx, &f.server, &calloutv1.ListExecutionsRequest{
			Instance: f.server.instance, Filter: filter, OrderBy: f.sortBy, PageSize: pageSize, PageToken: token,
		}, calloutv1connect.ActionServiceClient.ListExecutions)
		revision = answer.GetRevision()
		return answer.GetExecutions(), answer.GetNextPageToken(), err
	}, func(page []*calloutv1.Execution) error {
		return do(slices.DeleteFunc(page, func(e *calloutv1.Execution) bool {
			return !f.chosen.has(func(r ref) bool { return fits(r, e) })
		}))
	})
	return revision, err
}

func (p *Program) executionLister(form string) *lister[*calloutv1.Execution] {
	head := []string{"PHASE", "CONDITION", "NAME", "ORG", "TARGETS", "CHANGED"}
	t := p.table(head...)
	if form == asWide {
		t = p.table(append(head, "SETTINGS", "FILE", "ID")...).wide()
	}
	return &lister[*calloutv1.Execution]{Program: p, form: form, what: "executions", table: t,
		name: func(e *calloutv1.Execution) string { return refOf(e).String() },
		row:  func(e *calloutv1.Execution) { executionRow(t, e, form == asWide) }}
}

func executionRow(t *table, e *calloutv1.Execution, wide bool) {
	condition, name := e.GetCondition(), e.GetName()
	switch {
	case condition == "":
		condition = "(list)"
	case name == condition:
		name = ""
	}
	row := []string{string(manage.PhaseWord(e.GetPhase())), condition, name, e.GetOrg(), entriesText(e.GetTargets()), age(e.GetUpdateTime(), time.Now())}
	if wide {
		row = append(row, strings.Join(settingsOf(e), ", "), e.GetFile(), e.GetId())
	}
	t.add(row...)
}

// refOf names an execution as it is read back.
func refOf(e *calloutv1.Execution) ref {
	name := e.GetCondition()
	if name == "" {
		name = e.GetName()
	}
	return ref{org: e.GetOrg(), phase: manage.PhaseWord(e.GetPhase()), name: name}
}

// entriesText is a list of targets and includes in the form that set execution
// takes.
func entriesText(entries []*calloutv1.Entry) string {
	return strings.Join(entryTexts(entries), ",")
}

func entryTexts(entries []*calloutv1.Entry) []string {
	var texts []string
	for _, e := range entries {
		if e.GetInclude() != "" {
			texts = append(texts, "include:"+e.GetInclude())
		} else {
			texts = append(texts, e.GetTarget())
		}
	}
	return texts
}

// settingsOf are the settings of an execution that do not have their default.
func settingsOf(e *calloutv1.Execution) []string {
	var all []string
	if e.GetOnUnavailable() != "" {
		all = append(all, "on_unavailable: "+e.GetOnUnavailable())
	}
	if e.GetOnExhausted() != "" {
		all = append(all, "on_exhausted: "+e.GetOnExhausted())
	}
	if e.GetApplies() != "" {
		all = append(all, "applies: "+e.GetApplies())
	}
	if e.GetMaxStop() != nil {
		all = append(all, "max_stop: "+durationText(e.GetMaxStop()))
	}
	return all
}

// executionRef names an execution or list in a catalog.
type executionRef struct {
	org   string
	phase action.Phase
	name  string
}

// executionsFile prints executions as a configuration file that stands by
// itself.
func (p *Program) executionsFile(ctx context.Context, server *serverFlags, revision uint64, refs []executionRef) error {
	whole, err := snapshot(ctx, server, revision)
	if err != nil {
		return err
	}
	return p.say("%s", file.Export(reached(whole, refs)))
}
