package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/work"
)

type workerFlags struct {
	bus        busFlags
	log        logFlags
	allowLocal bool
	allow      []string
	mayAsk     []string
	calls      int
	slots      int
	seal       openWith
	transport  transportFlags
}

func (p *Program) workerCommand() *cobra.Command {
	var f workerFlags
	cmd := &cobra.Command{
		Use:   "worker --nats URL",
		Short: "Invoke targets: one process of the fleet",
		Long: `A worker takes calls and deliveries from NATS and invokes the targets. It holds no
state: run as many as you like, add and kill them at will.

Deliveries to async targets keep no order. A worker has up to --slots of them under
way to one target, fewer where the target's "concurrency" says so. Several targets
share the slots: who is alone has them all, and each line has eight of its own
whatever others do. A worker more adds its slots.

When it takes traffic it prints one line on stdout: ready nats=URL`,
		Example: "  worker --nats nats://127.0.0.1:4222\n  worker --nats nats://127.0.0.1:4222 --allow 10.1.0.0/16\n  worker --nats nats://127.0.0.1:4222 --slots 1024   # one async target may have as many under way\n  worker --nats nats://127.0.0.1:4222 --open-with secrets/secrets.key\n  worker --nats nats://127.0.0.1:4222 --target-cert client.crt --target-key client.key --egress-proxy http://proxy.internal:3128",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := f.log.logger(p.Err)
			if err != nil {
				return err
			}
			return p.worker(cmd.Context(), f, log)
		},
	}
	f.bus.add(cmd, "nats://127.0.0.1:4222")
	flags := cmd.Flags()
	flags.BoolVar(&f.allowLocal, "allow-local", false, "targets on this machine and in private networks may be called (development)")
	flags.StringSliceVar(&f.allow, "allow", nil, "addresses that may be called besides the public ones, as `PREFIX`,…")
	flags.StringSliceVar(&f.mayAsk, "allow-egress", nil, "addresses that a target may ask for with its egress.allow, as `PREFIX`,…")
	flags.IntVar(&f.calls, "calls", 1024, "how many calls may be under way to one target at once; twice as many wait")
	addSlots(cmd, &f.slots)
	f.seal.add(cmd)
	f.transport.add(cmd)
	f.log.add(cmd, "info")
	return cmd
}

// slotsMost is how many deliveries to one target a worker may be told to work on at once: a
// line hands out no more to the whole fleet.
const slotsMost = lines.UnorderedMost

func addSlots(cmd *cobra.Command, slots *int) {
	cmd.Flags().IntVar(slots, "slots", work.DefaultSlots, fmt.Sprintf("how many deliveries to one async target are worked on at once, at most %d, unless its concurrency says less; targets share them, and each line has a few of its own", slotsMost))
}

func checkSlots(slots int) error {
	if slots < 1 || slots > slotsMost {
		return &usageError{fmt.Errorf("--slots is 1 to %d", slotsMost)}
	}
	return nil
}

func (p *Program) worker(ctx context.Context, f workerFlags, log zerolog.Logger) (err error) {
	if err := f.bus.check(); err != nil {
		return err
	}
	if f.calls < 1 {
		return &usageError{errors.New("--calls is at least 1")}
	}
	if err := checkSlots(f.slots); err != nil {
		return err
	}
	allow, err := prefixes("allow", f.allow)
	if err != nil {
		return err
	}
	mayAsk, err := prefixes("allow-egress", f.mayAsk)
	if err != nil {
		return err
	}
	ring, err := f.seal.ring()
	if err != nil {
		return err
	}
	following, unfollow := context.WithCancel(ctx)
	defer unfollow()
	installation, proxy, err := f.transport.options(following, log)
	if err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, startIn)
	defer cancel()
	b, err := bus.Connect(starting, f.bus.options("callout worker", access.InboxWorker, log))
	if err != nil {
		return err
	}
	defer b.Close()
	invoker := invoke.New(invoke.Options{Log: log, AllowLocal: f.allowLocal, Allow: allow, AllowEgress: mayAsk, Installation: installation, Proxy: proxy})
	defer invoker.Close()
	w, err := work.Start(starting, work.Options{Bus: b, Invoker: invoker, Log: log, Calls: f.calls, Slots: f.slots, OpenWith: ring, Version: p.version})
	if err != nil {
		return err
	}
	if err := p.say("ready nats=%s\n", action.ShownURL(f.bus.url)); err != nil {
		return errors.Join(err, finish(w.Stop, finishIn))
	}
	<-ctx.Done()
	return finish(w.Stop, finishIn)
}

// prefixes reads the addresses of a flag.
func prefixes(flag string, texts []string) (all []netip.Prefix, err error) {
	for _, text := range texts {
		prefix, err := action.ParsePrefix(text)
		if err == nil {
			err = action.CheckPrefix(prefix)
		}
		if err != nil {
			return nil, &usageError{fmt.Errorf("--%s %q: %w", flag, text, err)}
		}
		all = append(all, prefix)
	}
	return all, nil
}
