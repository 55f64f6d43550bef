package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/work"
)

// busFlags are what a process of a fleet needs to find the others.
type busFlags struct {
	url       string
	maxObject int
	ackWait   time.Duration
}

func (b *busFlags) add(cmd *cobra.Command, url string) {
	f := cmd.Flags()
	f.StringVar(&b.url, "nats", url, "`URL` of NATS, such as nats://127.0.0.1:4222")
	f.IntVar(&b.maxObject, "max-object", 1<<20, "`BYTES` an object or payload may have, up to 8388608")
	f.DurationVar(&b.ackWait, "ack-wait", bus.DefaultAckWait, "how long the broker waits for a worker that holds a delivery; at least 500ms, the same in the whole fleet")
}

// check refuses what is out of bounds.
func (b *busFlags) check() error {
	if b.maxObject < 1 || b.maxObject > action.CeilingObject {
		return &usageError{fmt.Errorf("--max-object is 1 to %d bytes, not %d", action.CeilingObject, b.maxObject)}
	}
	u, err := url.Parse(b.url)
	if b.url != "" && (err != nil || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme)) {
		return &usageError{errors.New("--nats is a URL such as nats://127.0.0.1:4222")}
	}
	return nil
}

func (b *busFlags) options(name string, log zerolog.Logger) bus.Options {
	return bus.Options{URL: b.url, Name: name, Log: log, MaxObject: b.maxObject, AckWait: b.ackWait}
}

type dispatcherFlags struct {
	bus        busFlags
	log        logFlags
	embedded   bool
	file       string
	data       string
	listen     string
	natsListen string
	maxStream  int64
	syncAlways bool
	undeclared bool
}

func (p *Program) dispatcherCommand() *cobra.Command {
	var f dispatcherFlags
	cmd := &cobra.Command{
		Use:   "dispatcher (--nats URL | --embedded-nats) [-f FILE]",
		Short: "Own the catalog, and take calls and events over HTTP",
		Long: `The dispatcher owns the catalog: it stores edits, makes the streams and the lines
they need, and takes calls and events over HTTP from cores that do not speak NATS.
The instance that FILE names exists from then on; FILE is applied again whenever
it changes.

When it takes traffic it prints one line on stdout: ready http=URL nats=URL`,
		Example: "  dispatcher --embedded-nats -f callout.yaml\n  dispatcher --nats nats://127.0.0.1:4222 -f callout.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.embedded == (f.bus.url != "") {
				return &usageError{errors.New("one of --nats URL and --embedded-nats is needed")}
			}
			if err := f.bus.check(); err != nil {
				return err
			}
			log, err := f.log.logger(p.Err)
			if err != nil {
				return err
			}
			return p.dispatcher(cmd.Context(), f, log)
		},
	}
	flags := cmd.Flags()
	f.bus.add(cmd, "")
	flags.BoolVar(&f.embedded, "embedded-nats", false, "run NATS in this process, for a single node")
	flags.StringVarP(&f.file, "file", "f", "", "the configuration `FILE`")
	flags.StringVar(&f.data, "data", ".callout", "`DIR` of the embedded NATS; empty keeps it in memory")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8080", "`ADDRESS` of HTTP; port 0 takes a free one")
	flags.StringVar(&f.natsListen, "nats-listen", "127.0.0.1:4222", "`ADDRESS` of the embedded NATS; port 0 takes a free one")
	flags.Int64Var(&f.maxStream, "max-stream", 0, "`BYTES` the event stream of an instance may hold; 0 = 10 GiB embedded, 1 GiB otherwise")
	flags.BoolVar(&f.syncAlways, "sync-always", false, "embedded NATS: write every message through to the disk before it is confirmed")
	flags.BoolVar(&f.undeclared, "allow-undeclared", false, "warn of an execution whose condition no core has declared, instead of refusing it")
	f.log.add(cmd, "info")
	return cmd
}

func (p *Program) dispatcher(ctx context.Context, f dispatcherFlags, log zerolog.Logger) (err error) {
	starting, cancel := context.WithTimeout(ctx, startIn)
	defer cancel()
	snapshot := (*catalog.Snapshot)(nil)
	if f.file != "" {
		var problems []catalog.Problem
		if snapshot, problems, err = dispatch.LoadFile(f.file); err != nil {
			return unreadable(f.file, err)
		}
		for _, problem := range problems {
			log.Warn().Msg(problem.String())
		}
	}
	options := f.bus.options("callout dispatcher", log)
	options.MaxStream = f.maxStream
	if f.embedded {
		server, err := embed.Start(embed.Options{Data: f.data, Listen: f.natsListen, MaxObject: f.bus.maxObject, SyncAlways: f.syncAlways, Log: log})
		if err != nil {
			return err
		}
		defer server.Close()
		options.InProcess, options.MemoryStore, options.URL = server, f.data == "", server.URL()
		if f.maxStream == 0 && f.data != "" {
			options.MaxStream = embed.MaxStream
		}
	}
	b, err := bus.Connect(starting, options)
	if err != nil {
		return err
	}
	defer b.Close()
	d, err := dispatch.Start(starting, dispatch.Options{Bus: b, Log: log, Listen: f.listen, AllowUndeclared: f.undeclared, Mount: node.Mount(log)})
	if err != nil {
		return err
	}
	defer func() {
		patience := finishIn
		if f.embedded {
			patience = besideBroker(d.LineCount())
		}
		err = errors.Join(err, finish(d.Stop, patience))
	}()
	following, unfollow := context.WithCancel(ctx)
	defer unfollow() // before Stop, which waits for it
	if snapshot != nil {
		if err := d.FollowFile(following, f.file, snapshot.Instance); err != nil {
			return err
		}
		if _, err := d.ApplyFile(starting, f.file, snapshot); err != nil {
			return err
		}
	}
	if err := p.say("ready http=%s nats=%s\n", d.URL(), options.URL); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

type workerFlags struct {
	bus        busFlags
	log        logFlags
	allowLocal bool
	allow      []string
	calls      int
	slots      int
}

func (p *Program) workerCommand() *cobra.Command {
	var f workerFlags
	cmd := &cobra.Command{
		Use:   "worker --nats URL",
		Short: "Invoke targets: one process of the fleet",
		Long: `A worker takes calls and deliveries from NATS and invokes the targets. It holds no
state: run as many as you like, add and kill them at will.

When it takes traffic it prints one line on stdout: ready nats=URL`,
		Example: "  worker --nats nats://127.0.0.1:4222\n  worker --nats nats://127.0.0.1:4222 --allow 10.1.0.0/16",
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
	flags.IntVar(&f.calls, "calls", 1024, "how many calls are worked on at once")
	flags.IntVar(&f.slots, "slots", 32, "how many deliveries of one unordered line are worked on at once")
	f.log.add(cmd, "info")
	return cmd
}

func (p *Program) worker(ctx context.Context, f workerFlags, log zerolog.Logger) (err error) {
	if err := f.bus.check(); err != nil {
		return err
	}
	if f.calls < 1 || f.slots < 1 {
		return &usageError{errors.New("--calls and --slots are at least 1")}
	}
	var allow []netip.Prefix
	for _, text := range f.allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return &usageError{fmt.Errorf("--allow %q is no prefix, such as 10.1.0.0/16", text)}
		}
		allow = append(allow, prefix)
	}
	starting, cancel := context.WithTimeout(ctx, startIn)
	defer cancel()
	b, err := bus.Connect(starting, f.bus.options("callout worker", log))
	if err != nil {
		return err
	}
	defer b.Close()
	invoker := invoke.New(invoke.Options{Log: log, AllowLocal: f.allowLocal, Allow: allow})
	defer invoker.Close()
	w, err := work.Start(starting, work.Options{Bus: b, Invoker: invoker, Log: log, Calls: f.calls, Slots: f.slots})
	if err != nil {
		return err
	}
	if err := p.say("ready nats=%s\n", f.bus.url); err != nil {
		return errors.Join(err, finish(w.Stop, finishIn))
	}
	<-ctx.Done()
	return finish(w.Stop, finishIn)
}
