package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) statusCommand() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell how the installation stands",
		Long: `Tells how the installation stands, as the dispatcher sees it that is asked: whether
it is ready and what is missing or unreadable, NATS and what JetStream holds, the
dispatchers and the workers with their versions, and the instances with the lines
that are behind, failing, paused or stopped.

Dispatchers take turns: LED says for how long a dispatcher has not been the one
that looks after an instance.

Exit code: 0 when it is ready, 1 when it is not, 3 when no dispatcher answers.`,
		Example: "  callout status\n  callout status -o json | jq '.workers[].version'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := server.check(); err != nil {
				return err
			}
			return p.status(cmd.Context(), &server)
		},
	}
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) status(ctx context.Context, server *serverFlags) error {
	answer, err := ask(ctx, server, &calloutv1.GetStatusRequest{}, calloutv1connect.ActionServiceClient.GetStatus)
	if err != nil {
		return err
	}
	if server.output != asTable {
		err = p.print(server.output, answer)
	} else {
		err = p.tellStatus(ctx, server, answer)
	}
	if err == nil && !answer.GetReady() {
		return errTold
	}
	return err
}

func (p *Program) tellStatus(ctx context.Context, server *serverFlags, s *calloutv1.GetStatusResponse) error {
	var instances []*calloutv1.Instance
	if s.GetNats().GetConnected() {
		answer, err := ask(ctx, server, &calloutv1.ListInstancesRequest{}, calloutv1connect.ActionServiceClient.ListInstances)
		if err != nil {
			return err
		}
		instances = answer.GetInstances()
	}
	return p.tellFleet(s, instances)
}

func (p *Program) tellFleet(s *calloutv1.GetStatusResponse, all []*calloutv1.Instance) error {
	if err := p.say("%s", p.readyText(s)); err != nil {
		return err
	}
	if !s.GetNats().GetConnected() {
		return nil // nothing else is known
	}
	t := p.table("DISPATCHER", "HOST", "VERSION", "RUNS", "SEEN", "LED")
	for _, d := range s.GetDispatchers() {
		now, led := time.Now(), ""
		if all := d.GetLed(); len(all) > 0 {
			led = age(all[0].GetLastTime(), now) + " ago"
		}
		t.add(d.GetId(), d.GetHost(), d.GetVersion(), age(d.GetStartTime(), now), age(d.GetLastSeen(), now)+" ago", led)
	}
	if err := p.section(t, "no dispatchers", s.GetDispatcherCount(), len(s.GetDispatchers())); err != nil {
		return err
	}
	workers := p.processLister(asTable, "workers")
	workers.table.head[0] = "WORKER"
	for _, w := range s.GetWorkers() {
		workers.row(w)
	}
	if err := p.section(workers.table, "no workers: calls are unavailable, and events wait", s.GetWorkerCount(), len(s.GetWorkers())); err != nil {
		return err
	}
	instances := p.instanceLister(asTable)
	for _, i := range all {
		instances.row(i)
	}
	return p.section(instances.table, "no instances", s.GetInstanceCount(), len(all))
}

// readyText is what comes before the tables.
func (p *Program) readyText(s *calloutv1.GetStatusResponse) string {
	var f facts
	if s.GetReady() {
		f.add("ready", "yes")
	} else {
		f.add("ready", "no: "+s.GetNotReady())
	}
	n := s.GetNats()
	text := "away: " + n.GetFault()
	if n.GetConnected() {
		text = strings.TrimSpace("reachable, version " + n.GetVersion())
	}
	f.add("nats", text)
	switch {
	case !n.GetConnected():
	case n.GetFault() != "":
		f.add("jetstream", n.GetFault())
	default:
		f.add("jetstream", fmt.Sprintf("%s%s on disk, %s%s in memory", bytesText(n.GetStorage()), limitText(n.GetStorageLimit()),
			bytesText(n.GetMemory()), limitText(n.GetMemoryLimit())))
		f.add("holds", count(int(n.GetStreams()), "stream")+", "+count(int(n.GetConsumers()), "consumer"))
	}
	f.list("warning", s.GetWarnings())
	return f.String()
}

func limitText(n uint64) string {
	if n == 0 {
		return ""
	}
	return " of " + bytesText(n)
}

// bytesText is a number of bytes for people, in one unit.
func bytesText(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, at := float64(n)/unit, 0
	for ; value >= unit && at < 4; at++ {
		value /= unit
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[at])
}

// section shows a table behind what was shown before, and how much is left out.
func (p *Program) section(t *table, none string, have uint32, shown int) error {
	if shown == 0 {
		return p.say("\n%s\n", none)
	}
	if err := errors.Join(p.say("\n"), t.flush()); err != nil {
		return err
	}
	if more := int(have) - shown; more > 0 {
		return p.say("and %d more\n", more)
	}
	return nil
}
