package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type getTargetsFlags struct {
	server serverFlags
	org    orgFlag
	kind   string
	url    string
	labels []string
	sortBy string
	watch  watchFlag
	chosen *chosen
}

func (p *Program) getTargetsCommand() *cobra.Command {
	var f getTargetsFlags
	cmd := &cobra.Command{
		Use:     "targets [[ORG:]NAME…]",
		Aliases: []string{"target"},
		Short:   "List targets",
		Long: `Lists targets, those of the instance first and then those of its organizations.
Without a name and a filter it lists all.

With -o yaml it prints a configuration file that holds these targets and nothing
else; "callout apply -f -" reads it back, and that changes nothing.`,
		Example: `  callout get targets
  callout get targets audit acme:crm -o wide
  callout get targets --org '' --kind webhook -l team=identity
  callout get targets --url old.example.com -o yaml | sed s/old.example/new.example/ | callout apply -f -`,
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := cmp.Or(f.server.check(), f.watch.check(&f.server)); err != nil {
				return err
			}
			if f.chosen, err = choose(args, f.org.target); err != nil {
				return err
			}
			return p.getTargets(cmd.Context(), &f)
		},
	}
	f.org.add(cmd, "only those that this `ORG` defines; '' is the instance itself")
	flags := cmd.Flags()
	flags.StringVar(&f.kind, "kind", "", "only those of this `KIND`: webhook, call or async")
	flags.StringVar(&f.url, "url", "", "only those with this `PART` in their URL")
	flags.StringSliceVarP(&f.labels, "label", "l", nil, "only those with the label `NAME=VALUE`,…")
	flags.StringVar(&f.sortBy, "sort-by", "name", "name, create_time or update_time; 'update_time desc' shows the newest first")
	complete(cmd, "kind", cobra.FixedCompletions([]string{"webhook", "call", "async"}, cobra.ShellCompDirectiveNoFileComp))
	f.watch.add(cmd)
	f.server.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func (f *getTargetsFlags) filter() (*calloutv1.TargetFilter, error) {
	chosen, err := labels(f.labels)
	if err != nil {
		return nil, err
	}
	filter := &calloutv1.TargetFilter{Type: f.kind, UrlContains: f.url, Labels: chosen}
	if f.org.given() {
		filter.Org = &f.org.org
	}
	for _, r := range f.chosen.refs {
		filter.Names = append(filter.Names, r.name)
	}
	return filter, nil
}

func (p *Program) getTargets(ctx context.Context, f *getTargetsFlags) error {
	filter, err := f.filter()
	if err != nil {
		return err
	}
	show := p.targetLister(f.server.output)
	if f.watch.on {
		return watching(ctx, show, func(ctx context.Context) (all []*calloutv1.Target, err error) {
			err = f.each(ctx, filter, func(page []*calloutv1.Target) error { all = append(all, page...); return nil })
			return all, err
		})
	}
	whole := catalog.Empty(f.server.instance) // for YAML, in which organizations stand in one place
	err = f.each(ctx, filter, func(page []*calloutv1.Target) error {
		if f.server.output != asYAML {
			return show.page(page)
		}
		for _, t := range page {
			addTarget(whole, t.GetOrg(), targetOf(t))
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case f.server.output == asYAML:
		err = p.say("%s", file.Export(whole))
	default:
		err = show.end()
	}
	if err != nil {
		return err
	}
	return f.chosen.missing("target")
}

// each hands over the targets that are asked for, page by page.
func (f *getTargetsFlags) each(ctx context.Context, filter *calloutv1.TargetFilter, do func([]*calloutv1.Target) error) error {
	return eachPage(ctx, func(ctx context.Context, token string) ([]*calloutv1.Target, string, error) {
		answer, err := ask(ctx, &f.server, &calloutv1.ListTargetsRequest{
			Instance: f.server.instance, Filter: filter, OrderBy: f.sortBy, PageSize: pageSize, PageToken: token,
		}, calloutv1connect.ActionServiceClient.ListTargets)
		return answer.GetTargets(), answer.GetNextPageToken(), err
	}, func(page []*calloutv1.Target) error {
		return do(slices.DeleteFunc(page, func(t *calloutv1.Target) bool {
			return !f.chosen.has(func(r ref) bool { return r.name == t.GetName() && (!r.known || r.org == t.GetOrg()) })
		}))
	})
}

func (p *Program) targetLister(form string) *lister[*calloutv1.Target] {
	head := []string{"NAME", "ORG", "TYPE", "URL", "TIMEOUT", "STATE", "CHANGED"}
	t := p.table(head...)
	if form == asWide {
		t = p.table(append(head, "INTERRUPTS", "LANES", "LIMITS", "LABELS", "FILE", "ID")...).wide()
	}
	return &lister[*calloutv1.Target]{Program: p, form: form, what: "targets", table: t,
		name: func(t *calloutv1.Target) string { return ref{org: t.GetOrg(), name: t.GetName()}.String() },
		row:  func(one *calloutv1.Target) { targetRow(t, one, form == asWide) }}
}

func targetRow(to *table, t *calloutv1.Target, wide bool) {
	row := []string{t.GetName(), t.GetOrg(), t.GetType(), t.GetUrl(), catalog.ShortDuration(targetOf(t).Timeout), targetState(t), age(t.GetUpdateTime(), time.Now())}
	if wide {
		interrupts := map[bool]string{true: "yes"}[t.GetInterruptOnError()]
		row = append(row, interrupts, fmt.Sprint(max(t.GetLanes(), 1)), limitsText(t), labelsText(t.GetLabels()), t.GetFile(), t.GetId())
	}
	to.add(row...)
	to.colour(5, stateColours[targetState(t)])
}

// targetState is active, or paused by its configuration or beside it.
func targetState(t *calloutv1.Target) string {
	if t.GetPaused() || t.GetPauseReason() != "" {
		return "paused"
	}
	return "active"
}

// limitsText is what bounds the exchanges with a target.
func limitsText(t *calloutv1.Target) string {
	var all []string
	if n := t.GetConcurrency(); n > 0 {
		all = append(all, fmt.Sprintf("%d at once", n))
	}
	if t.GetRate() != "" {
		all = append(all, t.GetRate())
	}
	if b := t.GetBreaker(); b != nil {
		all = append(all, fmt.Sprintf("opens after %d for %s", b.GetFailures(), durationText(b.GetOpen())))
	}
	return strings.Join(all, ", ")
}

func labelsText(all map[string]string) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		texts = append(texts, name+"="+all[name])
	}
	return strings.Join(texts, ",")
}

func addTarget(s *catalog.Snapshot, org string, t action.Target) {
	sc := scopeOf(s, org)
	if sc.Targets == nil {
		sc.Targets = map[string]action.Target{}
	}
	sc.Targets[t.Name] = t
}

func scopeOf(s *catalog.Snapshot, org string) *catalog.Scope {
	if s.Scopes[org] == nil {
		s.Scopes[org] = &catalog.Scope{}
	}
	return s.Scopes[org]
}
