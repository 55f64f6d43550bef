package cli

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) getJobsCommand() *cobra.Command {
	var server serverFlags
	var watch watchFlag
	cmd := &cobra.Command{
		Use:     "jobs",
		Aliases: []string{"job"},
		Short:   "Show what takes longer than a request may, the newest first",
		Long: `Shows the jobs that run, and those that ended within a day: what makes dead letters
of what waits, drains, skips, redrives or replays. TOTAL is what was counted when
it began. With --watch each is shown again whenever it stands differently, until
Ctrl-C.`,
		Example: "  callout get jobs\n  callout get jobs --watch\n  callout get jobs -o json | jq -r '.items[] | select(.state == \"running\") | .id'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmp.Or(server.check(), watch.check(&server)); err != nil {
				return err
			}
			return list(cmd.Context(), watch, p.jobLister(server.output), func(ctx context.Context) ([]*calloutv1.Job, error) {
				return listJobs(ctx, &server)
			})
		},
	}
	watch.add(cmd)
	server.add(cmd, asTable, asName, asJSON, asYAML)
	return cmd
}

func listJobs(ctx context.Context, server *serverFlags) ([]*calloutv1.Job, error) {
	answer, err := ask(ctx, server, &calloutv1.ListJobsRequest{Instance: server.instance}, calloutv1connect.ActionServiceClient.ListJobs)
	return answer.GetJobs(), err
}

func (p *Program) jobLister(form string) *lister[*calloutv1.Job] {
	t := p.table("ID", "KIND", "ABOUT", "STATE", "DONE", "TOTAL", "AGE", "LAST-ERROR")
	return &lister[*calloutv1.Job]{Program: p, form: form, what: "jobs", table: t, name: (*calloutv1.Job).GetId, row: func(j *calloutv1.Job) {
		t.add(j.GetId(), j.GetKind(), j.GetAbout(), j.GetState(), fmt.Sprint(j.GetDone()), totalText(j), age(j.GetCreateTime(), time.Now()), j.GetLastCode())
		t.colour(3, jobColours[j.GetState()])
	}}
}

func totalText(j *calloutv1.Job) string {
	if j.GetTotal() == 0 {
		return ""
	}
	return fmt.Sprint(j.GetTotal())
}

var jobColours = map[string]string{string(action.JobRunning): yellow, string(action.JobDone): green, string(action.JobFailed): red}

func (p *Program) describeJobCommand() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:               "job ID",
		Short:             "Tell everything that is known of a job",
		Long:              `Tells how far a job is, what holds it up or why it failed, and when it began and ended.`,
		Example:           "  callout describe job 01JZ…",
		Args:              oneOf("job"),
		ValidArgsFunction: p.completeJobs(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), &server, &calloutv1.GetJobRequest{Instance: server.instance, Id: args[0]}, calloutv1connect.ActionServiceClient.GetJob)
			if err != nil {
				return err
			}
			if server.output != asTable {
				return p.print(server.output, answer)
			}
			return p.say("%s", jobText(answer.GetJob()))
		},
	}
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func jobText(j *calloutv1.Job) string {
	var f facts
	f.add("id", j.GetId())
	f.add("kind", j.GetKind())
	f.add("about", j.GetAbout())
	f.add("state", j.GetState())
	f.add("done", fmt.Sprint(j.GetDone()))
	f.add("of", totalText(j))
	f.add("begun", timeText(j.GetCreateTime()))
	f.add("ended", timeText(j.GetEndTime()))
	if j.GetState() == string(action.JobRunning) {
		f.add("held up by", j.GetLastError())
	} else {
		f.add("because of", j.GetLastError())
		f.add("took", tookText(j.GetCreateTime(), j.GetEndTime()))
	}
	f.add("code", j.GetLastCode())
	f.list("not there", j.GetMissingIds())
	return f.String()
}

func tookText(from, to *timestamppb.Timestamp) string {
	if from == nil || to == nil {
		return ""
	}
	return to.AsTime().Sub(from.AsTime()).Round(100 * time.Millisecond).String()
}
