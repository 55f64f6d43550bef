package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) getWorkersCommand() *cobra.Command {
	var server serverFlags
	var watch watchFlag
	cmd := &cobra.Command{
		Use:     "workers",
		Aliases: []string{"worker"},
		Short:   "Show which workers are there",
		Long: `Shows the workers of the fleet: their machine, their version, how long they run,
how long ago NATS heard of them, and what they had in hand then. A worker tells
every five seconds that it is there; one that was not heard of for 15 is left out.`,
		Example: "  callout get workers\n  callout get workers --watch\n  callout get workers --json | jq -r .version",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmp.Or(server.check(), watch.check(&server)); err != nil {
				return err
			}
			return list(cmd.Context(), watch, p.processLister(server.output, "workers"), func(ctx context.Context) ([]*calloutv1.Process, error) {
				return listWorkers(ctx, &server)
			})
		},
	}
	watch.add(cmd)
	server.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func listWorkers(ctx context.Context, server *serverFlags) (all []*calloutv1.Process, err error) {
	err = eachPage(ctx, func(ctx context.Context, token string) ([]*calloutv1.Process, string, error) {
		answer, err := ask(ctx, server, &calloutv1.ListWorkersRequest{PageSize: pageSize, PageToken: token}, calloutv1connect.ActionServiceClient.ListWorkers)
		return answer.GetWorkers(), answer.GetNextPageToken(), err
	}, func(page []*calloutv1.Process) error { all = append(all, page...); return nil })
	return all, err
}

func (p *Program) processLister(form, what string) *lister[*calloutv1.Process] {
	t := p.table("ID", "HOST", "VERSION", "RUNS", "SEEN", "IN-HAND")
	if form == asWide {
		t = t.wide()
	}
	return &lister[*calloutv1.Process]{Program: p, form: form, what: what, table: t, name: (*calloutv1.Process).GetId,
		row: func(w *calloutv1.Process) {
			now := time.Now()
			t.add(w.GetId(), w.GetHost(), w.GetVersion(), age(w.GetStartTime(), now), age(w.GetLastSeen(), now)+" ago", inHandText(w))
		}}
}

// inHandText is what a worker has in hand.
func inHandText(w *calloutv1.Process) string {
	var all []string
	if n := w.GetCalls(); n > 0 {
		all = append(all, count(int(n), "call"))
	}
	switch n := w.GetDeliveries(); {
	case n == 1:
		all = append(all, "1 delivery")
	case n > 1:
		all = append(all, fmt.Sprintf("%d deliveries", n))
	}
	return strings.Join(all, ", ")
}

func (p *Program) getInstancesCommand() *cobra.Command {
	var server serverFlags
	var watch watchFlag
	cmd := &cobra.Command{
		Use:     "instances",
		Aliases: []string{"instance"},
		Short:   "Show the instances, and how they stand",
		Long: `Shows all instances: the revision of the configuration, how many lines there are
and how many of them are behind, failing, paused, stopped or lost, what waits in
all of them, and how many dead letters there are. A line is one lane of a
subscription. "callout get subscriptions --instance NAME" shows each.`,
		Example: "  callout get instances\n  callout get instances --json | jq 'select(.stopped > 0) | .instance'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmp.Or(server.check(), watch.check(&server)); err != nil {
				return err
			}
			show := p.instanceLister(server.output)
			if watch.on {
				return watching(cmd.Context(), show, func(ctx context.Context) (all []*calloutv1.Instance, err error) {
					err = eachInstance(ctx, &server, func(page []*calloutv1.Instance) error { all = append(all, page...); return nil })
					return all, err
				})
			}
			if err := eachInstance(cmd.Context(), &server, show.page); err != nil {
				return err
			}
			return show.end()
		},
	}
	watch.add(cmd)
	server.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func eachInstance(ctx context.Context, server *serverFlags, do func([]*calloutv1.Instance) error) error {
	return eachPage(ctx, func(ctx context.Context, token string) ([]*calloutv1.Instance, string, error) {
		answer, err := ask(ctx, server, &calloutv1.ListInstancesRequest{PageToken: token}, calloutv1connect.ActionServiceClient.ListInstances)
		return answer.GetInstances(), answer.GetNextPageToken(), err
	}, do)
}

func (p *Program) instanceLister(form string) *lister[*calloutv1.Instance] {
	head := []string{"INSTANCE", "REVISION", "LINES", "BEHIND", "FAILING", "PAUSED", "STOPPED", "LOST", "WAITING", "DEAD", "FAULT"}
	t := p.table(head...)
	if form == asWide {
		t = p.table(append(head, "IN-WORK", "LED-BY")...).wide()
	}
	return &lister[*calloutv1.Instance]{Program: p, form: form, what: "instances", table: t, name: (*calloutv1.Instance).GetInstance,
		row: func(i *calloutv1.Instance) {
			row := []string{i.GetInstance(), fmt.Sprint(i.GetRevision()), fmt.Sprint(i.GetLines()), unlessZero(i.GetBehind()), unlessZero(i.GetFailing()),
				unlessZero(i.GetPaused()), unlessZero(i.GetStopped()), unlessZero(i.GetLost()), fmt.Sprint(i.GetWaiting()), fmt.Sprint(i.GetDeadLetters()), i.GetFault()}
			if form == asWide {
				row = append(row, fmt.Sprint(i.GetInWork()), i.GetLeader())
			}
			t.add(row...)
			for column, bad := range map[int]string{4: yellow, 6: red, 7: red, 10: red} {
				if row[column] != "" {
					t.colour(column, bad)
				}
			}
		}}
}
