package cli

import (
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
	watch  bool
}

func (p *Program) historyCommand() *cobra.Command {
	return p.revisionsCommand(&cobra.Command{Use: "history", Example: "  callout history\n  callout history --limit 0 -o json | jq .source\n  callout history --watch"})
}

func (p *Program) getRevisionsCommand() *cobra.Command {
	return p.revisionsCommand(&cobra.Command{Use: "revisions", Aliases: []string{"revision"},
		Example: "  callout get revisions\n  callout get revisions --watch -o json"})
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
		if err := f.server.check(); err != nil {
			return err
		}
		if f.limit < 0 {
			return &usageError{fmt.Errorf("--limit %d is less than none", f.limit)}
		}
		if f.watch {
			return p.watchRevisions(cmd.Context(), &f.server)
		}
		return p.history(cmd.Context(), &f)
	}
	cmd.Flags().IntVar(&f.limit, "limit", 100, "at most so many; 0 lists all that are kept")
	cmd.Flags().BoolVarP(&f.watch, "watch", "w", false, "show each revision as it comes into force")
	f.server.add(cmd, asTable, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) history(ctx context.Context, f *historyFlags) error {
	have := 0
	show := p.revisionPrinter(f.server.output)
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
	}, show)
	if err == nil && have == 0 && f.server.output == asTable {
		return p.say("no revisions\n")
	}
	return err
}

// revisionPrinter shows revisions as they come.
func (p *Program) revisionPrinter(form string) func([]*calloutv1.Revision) error {
	t := p.table("REVISION", "TIME", "SOURCE", "ADDED", "CHANGED", "REMOVED")
	return func(page []*calloutv1.Revision) error {
		for _, r := range page {
			var err error
			switch form {
			case asJSON:
				err = p.print(asJSON, r)
			case asYAML:
				if err = p.say("---\n"); err == nil {
					err = p.print(asYAML, r)
				}
			case asName:
				err = p.say("%d\n", r.GetRevision())
			default:
				t.add(fmt.Sprint(r.GetRevision()), secondText(r.GetCreateTime().AsTime()), r.GetSource(),
					fmt.Sprint(r.GetAdded()), fmt.Sprint(r.GetChanged()), fmt.Sprint(r.GetRemoved()))
			}
			if err != nil {
				return err
			}
		}
		return t.flush()
	}
}

// secondText is a time for people, to the second, where they are.
func secondText(t time.Time) string { return t.Local().Format(time.DateTime) }

func (p *Program) watchRevisions(ctx context.Context, server *serverFlags) error {
	client, done := server.connect()
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream, so that closing it does not wait for more
	stream, err := client.WatchRevisions(ctx, connect.NewRequest(&calloutv1.WatchRevisionsRequest{Instance: server.instance}))
	if err != nil {
		return ended(ctx, server.failure(err))
	}
	defer func() { _ = stream.Close() }() // what was shown is shown
	show := p.revisionPrinter(server.output)
	for stream.Receive() {
		if err := show([]*calloutv1.Revision{stream.Msg().GetRevision()}); err != nil {
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
