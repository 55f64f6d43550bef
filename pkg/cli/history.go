package cli

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type historyFlags struct {
	server serverFlags
	limit  int
	watch  watchFlag
}

func (p *Program) historyCommand() *cobra.Command {
	return p.revisionsCommand(&cobra.Command{Use: "history", Example: "  callout history\n  callout history --limit 0 --json | jq .source\n  callout history --watch"})
}

func (p *Program) getRevisionsCommand() *cobra.Command {
	return p.revisionsCommand(&cobra.Command{Use: "revisions", Aliases: []string{"revision"},
		Example: "  callout get revisions\n  callout get revisions --watch --json"})
}

// revisionsCommand is one command by two names.
func (p *Program) revisionsCommand(cmd *cobra.Command) *cobra.Command {
	var f historyFlags
	cmd.Short = "List the revisions of the configuration, the newest first"
	cmd.Long = `Lists what the configuration has been through, the newest revision first: when it
came into force, what made it, and how many objects it added, changed and removed.
"callout diff --revision N" tells what changed since, "callout export --revision N"
prints one, and "callout rollback N" puts one in force again.

With --watch it shows each revision as it comes into force, until Ctrl-C, beginning
with the one in force. Who looks slowly misses some, never the newest.`
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := cmp.Or(f.server.check(), f.watch.check(&f.server)); err != nil {
			return err
		}
		if f.limit < 0 {
			return &usageError{fmt.Errorf("--limit %d is less than none", f.limit)}
		}
		if f.watch.on {
			return p.watchRevisions(cmd.Context(), &f.server)
		}
		return p.history(cmd.Context(), &f)
	}
	cmd.Flags().IntVar(&f.limit, "limit", 100, "at most so many; 0 lists all that are kept")
	f.watch.add(cmd)
	f.server.add(cmd, asTable, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) history(ctx context.Context, f *historyFlags) error {
	have := 0
	show := p.revisionLister(f.server.output)
	err := eachPage(ctx, func(ctx context.Context, token string) ([]*calloutv1.Revision, string, error) {
		size := uint32(pageSize)
		if f.limit > 0 {
			size = uint32(min(f.limit-have, pageSize))
		}
		answer, err := ask(ctx, &f.server, &calloutv1.ListRevisionsRequest{Instance: f.server.instance, PageSize: size, PageToken: token},
			calloutv1connect.ActionServiceClient.ListRevisions)
		have += len(answer.GetRevisions())
		next := answer.GetNextPageToken()
		if f.limit > 0 && have >= f.limit {
			next = ""
		}
		return answer.GetRevisions(), next, err
	}, show.page)
	if err != nil {
		return err
	}
	return show.end()
}

func (p *Program) revisionLister(form string) *lister[*calloutv1.Revision] {
	t := p.table("REVISION", "TIME", "SOURCE", "ADDED", "CHANGED", "REMOVED")
	return &lister[*calloutv1.Revision]{Program: p, form: form, what: "revisions", table: t,
		name: func(r *calloutv1.Revision) string { return fmt.Sprint(r.GetRevision()) },
		row: func(r *calloutv1.Revision) {
			t.add(fmt.Sprint(r.GetRevision()), secondText(r.GetCreateTime().AsTime()), r.GetSource(),
				fmt.Sprint(r.GetAdded()), fmt.Sprint(r.GetChanged()), fmt.Sprint(r.GetRemoved()))
		}}
}

// secondText is a time for people, to the second, where they are.
func secondText(t time.Time) string { return t.Local().Format(time.DateTime) }

// watchRevisions shows each revision as it comes into force. A server that goes
// away is told of, and waited for.
func (p *Program) watchRevisions(ctx context.Context, server *serverFlags) error {
	show := p.revisionLister(server.output)
	last := uint64(0)
	return p.retrying(ctx, func(there func()) error {
		return followRevisions(ctx, server, func(r *calloutv1.Revision) error {
			there()
			if r.GetRevision() <= last { // shown before the server went away
				return nil
			}
			last = r.GetRevision()
			return show.page([]*calloutv1.Revision{r})
		})
	})
}

func followRevisions(ctx context.Context, server *serverFlags, do func(*calloutv1.Revision) error) error {
	client, done := server.connect()
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream, so that closing it does not wait for more
	stream, err := client.WatchRevisions(ctx, connect.NewRequest(&calloutv1.WatchRevisionsRequest{Instance: server.instance}))
	if err != nil {
		return ended(ctx, server.failure(err))
	}
	defer func() { _ = stream.Close() }() // what was shown is shown
	for stream.Receive() {
		if err := do(stream.Msg().GetRevision()); err != nil {
			cancel()
			return err
		}
	}
	cancelled := ctx.Err()
	cancel()
	switch err := stream.Err(); {
	case cancelled != nil:
		return nil
	case err != nil:
		return server.failure(err)
	}
	return &serverUnreachable{url: server.url, err: errEnded}
}
