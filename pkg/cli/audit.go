package cli

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) auditCommand() *cobra.Command {
	var server serverFlags
	var watch watchFlag
	var all bool
	var since string
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Tell who did what, when and from where",
		Long: `Tells what was done with --instance, or with --all-instances also with others and with
the installation: each change of a configuration with the values before and after,
each action such as a pause or a skip, each token that was made, and what was
refused. Secrets are masked. The log is only ever added to; it is kept for a year.`,
		Example: "  callout audit --since 7d\n  callout audit --watch\n  callout audit --all-instances --json | jq 'select(.code == \"forbidden\")'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := moment("since", since, time.Now())
			if err = cmp.Or(server.check(), watch.check(&server), err); err != nil {
				return err
			}
			question := &calloutv1.ListAuditRequest{Instance: server.instance, All: all, PageSize: pageSize}
			if !from.IsZero() {
				question.Since = timestamppb.New(from)
			}
			return p.audit(cmd.Context(), &server, question, watch)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all-instances", "A", false, "what was done with any instance, and with the installation")
	f.StringVar(&since, "since", "", "since a `TIME`, or how long ago, such as 15m or 7d; a day is the default")
	f.BoolVarP(&watch.on, "watch", "w", false, "go on with what is done from now on, until Ctrl-C")
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

// audit shows what is in the log, and with a watch what comes.
func (p *Program) audit(ctx context.Context, server *serverFlags, question *calloutv1.ListAuditRequest, watch watchFlag) error {
	show := p.auditLister(server.output)
	page := func(ctx context.Context) (more bool, err error) {
		answer, err := ask(ctx, server, question, calloutv1connect.ActionServiceClient.ListAudit)
		if err != nil {
			return false, err
		}
		question.PageToken = answer.GetNextPageToken()
		return answer.GetMore(), show.page(answer.GetRecords())
	}
	if watch.on {
		return show.retrying(ctx, func(there func()) error {
			_, err := page(ctx)
			if err == nil {
				there()
			}
			return err
		})
	}
	for {
		if more, err := page(ctx); err != nil || !more {
			return cmp.Or(err, show.end())
		}
	}
}

func (p *Program) auditLister(form string) *lister[*calloutv1.AuditRecord] {
	t := p.table("TIME", "WHO", "DID", "WITH", "RESULT")
	return &lister[*calloutv1.AuditRecord]{Program: p, form: form, what: "records", table: t, name: (*calloutv1.AuditRecord).GetWho,
		row: func(r *calloutv1.AuditRecord) {
			t.add(r.GetTime().AsTime().Local().Format("01-02 15:04:05"), cmp.Or(r.GetName(), r.GetWho()), r.GetOperation(), auditedText(r), auditResult(r))
			for _, c := range r.GetChanges() {
				for _, d := range c.GetDifferences() {
					t.add("", "", "", "  "+c.GetName()+" "+d.GetField(), cmp.Or(d.GetBefore(), "-")+" → "+cmp.Or(d.GetAfter(), "-"))
				}
			}
		}}
}

// auditedText is what was acted on, with its instance and organization.
func auditedText(r *calloutv1.AuditRecord) string {
	var all []string
	for _, part := range []string{r.GetInstance(), r.GetOrg(), r.GetObject()} {
		if part != "" {
			all = append(all, part)
		}
	}
	return strings.Join(all, " ")
}

func auditResult(r *calloutv1.AuditRecord) string {
	switch {
	case r.GetCode() != "":
		return r.GetCode()
	case r.GetRevision() != 0:
		return "revision " + strconv.FormatUint(r.GetRevision(), 10)
	}
	return "done"
}
