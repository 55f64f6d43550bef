package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) createInstanceCommand() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:     "instance NAME",
		Short:   "Make an instance",
		Long:    `Makes an instance with nothing configured: a tenant with its own configuration, streams and keys.`,
		Example: "  callout create instance acme\n  callout apply -f acme.yaml --instance acme",
		Args:    oneOf("instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), &server, &calloutv1.CreateInstanceRequest{Instance: args[0]}, calloutv1connect.ActionServiceClient.CreateInstance)
			if err != nil {
				return err
			}
			if server.output != asTable {
				return p.print(server.output, answer)
			}
			return p.say("instance %s is made\n", printable(answer.GetInstance()))
		},
	}
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) describeInstanceCommand() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:     "instance NAME",
		Short:   "Tell what there is of an instance",
		Long:    `Tells what there is of an instance, in numbers: what is configured, stored and waits.`,
		Example: "  callout describe instance acme",
		Args:    oneOf("instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), &server, &calloutv1.DescribeInstanceRequest{Instance: args[0]}, calloutv1connect.ActionServiceClient.DescribeInstance)
			if err != nil {
				return err
			}
			if server.output != asTable {
				return p.print(server.output, answer)
			}
			return p.say("%s%s", usageText(answer.GetUsage()), quotaText(answer.GetQuota(), answer.GetUsage()))
		},
	}
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func describeInstance(ctx context.Context, server *serverFlags, name string) (*calloutv1.InstanceUsage, error) {
	answer, err := ask(ctx, server, &calloutv1.DescribeInstanceRequest{Instance: name}, calloutv1connect.ActionServiceClient.DescribeInstance)
	return answer.GetUsage(), err
}

func usageText(u *calloutv1.InstanceUsage) string {
	var f facts
	f.add("instance", u.GetInstance())
	f.add("revision", fmt.Sprint(u.GetRevision()))
	f.add("made", timeText(u.GetMakeTime()))
	f.add("targets", fmt.Sprint(u.GetTargets()))
	f.add("executions", fmt.Sprint(u.GetExecutions()))
	f.add("lines", fmt.Sprint(u.GetLines()))
	f.add("waiting", fmt.Sprint(u.GetWaiting()))
	for _, one := range []struct {
		name         string
		count, bytes uint64
	}{{"events", u.GetEvents(), u.GetEventBytes()}, {"dead letters", u.GetDeadLetters(), u.GetDeadLetterBytes()},
		{"async", u.GetAsync(), u.GetAsyncBytes()}, {"attempts", u.GetAttempts(), u.GetAttemptBytes()}} {
		f.add(one.name, fmt.Sprintf("%d, %d bytes", one.count, one.bytes))
	}
	f.add("stored together", fmt.Sprintf("%d bytes", u.GetStoredBytes()))
	f.add("of late, a second", fmt.Sprintf("%.1f events, %.1f calls, %.0f bytes delivered", u.GetEventsPerSecond(), u.GetCallsPerSecond(), u.GetDeliveredBytesPerSecond()))
	f.add("fault", u.GetFault())
	return f.String()
}

// quotaText tells the bounds of an instance, and what of them is passed: events over NATS
// come in as they come.
func quotaText(q *calloutv1.Quota, u *calloutv1.InstanceUsage) string {
	var f facts
	for _, one := range []struct {
		name     string
		may      uint64
		has      float64
		ofAWhole bool // of the instance, and not of each dispatcher or worker
	}{
		{"targets", uint64(q.GetTargets()), float64(u.GetTargets()), true}, {"executions", uint64(q.GetExecutions()), float64(u.GetExecutions()), true},
		{"lines", uint64(q.GetLines()), float64(u.GetLines()), true}, {"bytes stored", q.GetStorage(), float64(u.GetStoredBytes()), true},
		{"events a second", uint64(q.GetEvents()), u.GetEventsPerSecond(), false}, {"calls a second", uint64(q.GetCalls()), u.GetCallsPerSecond(), false},
		{"bytes delivered a second", q.GetDeliveredBytes(), u.GetDeliveredBytesPerSecond(), false},
	} {
		text := fmt.Sprint(one.may)
		if !one.ofAWhole {
			text += " each"
		}
		if one.has > float64(one.may) {
			text += ", and it is over that"
		}
		if one.may > 0 {
			f.add("at most "+one.name, text)
		}
	}
	return f.String()
}

func (p *Program) setQuotaCommand() *cobra.Command {
	var server serverFlags
	var q calloutv1.Quota
	cmd := &cobra.Command{
		Use:   "quota INSTANCE [--targets N] [--executions N] [--lines N] [--events N] [--calls N] [--storage BYTES] [--delivered-bytes BYTES]",
		Short: "Say how much an instance may have and do",
		Long: `Says how much an instance may have and do; what is left out, or 0, has no bound of its
own. What it has already it keeps: it can have less, and not more.

A configuration that is over the quota is refused by over_quota. What comes too fast
is refused by too_many_requests, and may come a second later: events over HTTP, and
calls. Dispatchers, and workers, divide a rate by how many there are. Bytes delivered are
the bodies that each worker sends to targets: over that a delivery waits for its turn,
and a call is refused.

Storage is what the streams of the instance hold together. When it is used up, events
over HTTP and async turns are refused by over_quota, and the stream refuses what a core
publishes over NATS (stream_full). Delivered events count until they are old (--history).
What waits can still become a dead letter, also beyond the quota, and an edit that mends
or discards something is made.

The rate of events that a core publishes over NATS is bounded by nobody: the instance's
own description tells when it is over.`,
		Example: "  callout set quota acme --targets 100 --lines 500 --calls 200\n  callout set quota acme --storage 1073741824 --delivered-bytes 1048576\n  callout set quota acme            # no bounds any more",
		Args:    oneOf("instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			if _, err := ask(cmd.Context(), &server, &calloutv1.SetQuotaRequest{Instance: args[0], Quota: &q}, calloutv1connect.ActionServiceClient.SetQuota); err != nil {
				return err
			}
			return p.say("the quota of instance %s is set\n", printable(args[0]))
		},
	}
	f := cmd.Flags()
	f.Uint32Var(&q.Targets, "targets", 0, "at most `N` targets, those of organizations among them")
	f.Uint32Var(&q.Executions, "executions", 0, "at most `N` executions and lists")
	f.Uint32Var(&q.Lines, "lines", 0, "at most `N` lines: each lane of a subscription")
	f.Uint32Var(&q.Events, "events", 0, "at most `N` events a second over HTTP, at all dispatchers together")
	f.Uint32Var(&q.Calls, "calls", 0, "at most `N` calls a second, at all workers together")
	f.Uint64Var(&q.Storage, "storage", 0, "at most `BYTES` in the streams of the instance together, 1 MiB or more")
	f.Uint64Var(&q.DeliveredBytes, "delivered-bytes", 0, "at most `BYTES` of bodies a second to its targets, from each worker")
	server.add(cmd, asTable)
	return cmd
}

func (p *Program) deleteInstanceCommand() *cobra.Command {
	var server serverFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "instance NAME",
		Short: "Delete an instance with everything of it",
		Long: `Deletes an instance with everything of it: what is configured, its signing keys,
events, dead letters, async deliveries, jobs, and the log of attempts. Nothing of
that comes back. It shows what there is and asks on a terminal; elsewhere it does
nothing unless --yes is given. One for which a dispatcher follows a file is not
deleted.

The command waits until all is gone, some seconds; what ends it does not end that.`,
		Example: "  callout delete instance acme\n  callout delete instance acme --yes",
		Args:    oneOf("instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			return p.deleteInstance(cmd.Context(), &server, args[0], yes)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "delete without asking")
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) deleteInstance(ctx context.Context, server *serverFlags, name string, yes bool) error {
	usage, err := describeInstance(ctx, server, name)
	if err != nil {
		return err
	}
	if !yes {
		p.note(usageText(usage))
		if !isTerminal(os.Stdin) {
			return fmt.Errorf("everything of instance %s would be gone for good: nothing was deleted (--yes does it)", printable(usage.GetInstance()))
		}
		yes, err = p.confirm(ctx, "Everything of instance "+printable(usage.GetInstance())+" will be gone for good. Go on? [y/N] ")
		if err != nil {
			return err
		}
		if !yes {
			return errors.New("nothing was deleted")
		}
	}
	answer, err := ask(ctx, server, &calloutv1.DeleteInstanceRequest{Instance: name, Confirm: name}, calloutv1connect.ActionServiceClient.DeleteInstance)
	if err != nil {
		return err
	}
	if server.output != asTable {
		return p.print(server.output, answer)
	}
	was := answer.GetDeleted()
	return p.say("instance %s is deleted: %s, %s, %s\n", printable(was.GetInstance()), count(int(was.GetTargets()), "target"),
		count(int(was.GetEvents()), "event"), count(int(was.GetDeadLetters()), "dead letter"))
}
