package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/node"
)

// startIn is how long a process may take to come up. It stops within five
// seconds: what is in hand gets finishIn of them to finish, then it is aborted
// and handed back, which takes a moment. Beside an embedded broker it gets what
// that leaves: closing the files of a line takes the broker closeLine, one after
// the other.
const (
	startIn   = 30 * time.Second
	finishIn  = 3500 * time.Millisecond
	leastTime = 500 * time.Millisecond
	closeLine = 11 * time.Millisecond
)

// besideBroker is how long what is in hand may take when the broker of so many
// lines has to stop too.
func besideBroker(lines int) time.Duration {
	return max(finishIn-time.Duration(lines)*closeLine, leastTime)
}

// devFlags are those of dev that its node does not take as they are.
type devFlags struct {
	keys    keysOut
	offered keysOffered
	logs    logFlags
	access  accessFlags
	to      sealTo
	own     ownKeysFlags
	with    openWith
	targets transportFlags
}

func (p *Program) devCommand() *cobra.Command {
	o := node.Options{AllowUndeclared: true}
	var of devFlags
	cmd := &cobra.Command{
		Use:   "dev [-f FILE]",
		Short: "Run everything in one process: broker, dispatcher and worker",
		Long: `Runs the broker, the dispatcher and a worker in one process, for development or
for a single node. FILE is applied again whenever it changes; while it is broken
the last good one stays in force. The state survives a restart.

Targets on this machine and in private networks may be called, and over plain
HTTP, and an execution whose condition no core has declared is only warned of:
that is for development.

Up to --slots deliveries to one async target are under way at once, fewer where
its "concurrency" says so.

A target that names no signing_key has one made. It is shown this once, on a
terminal alone, or written to the file of --keys-out.

When it takes traffic it prints one line on stdout: ready http=URL nats=URL`,
		Example: `  callout dev -f callout.yaml
  callout dev -f callout.yaml --data ""          # keep nothing
  curl -H 'Content-Type: application/json' localhost:8080/v1/instances/default/events \
    -d '{"aggregateID":"u1","event_type":"user.added","event_payload":{"name":"Ada"}}'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := of.options(&o, p); err != nil {
				return err
			}
			following, unfollow := context.WithCancel(cmd.Context())
			defer unfollow()
			var err error
			if o.Installation, o.Proxy, err = of.targets.options(following, o.Log); err != nil {
				return errors.Join(err, of.keys.close())
			}
			return errors.Join(p.dev(cmd.Context(), o), of.keys.close())
		},
	}
	addNode(cmd, &o)
	addSlots(cmd, &o.Slots)
	of.keys.add(cmd)
	of.access.add(cmd)
	of.offered.add(cmd)
	of.to.add(cmd)
	of.own.add(cmd)
	of.with.add(cmd)
	of.targets.add(cmd)
	of.logs.add(cmd, "info")
	return cmd
}

// addNode adds the flags of what runs in the one process.
func addNode(cmd *cobra.Command, o *node.Options) {
	f := cmd.Flags()
	f.StringVarP(&o.File, "file", "f", "", "the configuration `FILE`")
	f.StringVar(&o.Data, "data", ".callout", "`DIR` of the state; empty keeps it in memory")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "`ADDRESS` of HTTP; port 0 takes a free one")
	f.StringVar(&o.NATSListen, "nats-listen", "127.0.0.1:4222", "`ADDRESS` of NATS; port 0 takes a free one")
	addShards(cmd, &o.Shards)
	addNATSConfig(cmd, &o.NATSConfig)
	addIdentity(cmd, &o.Login)
	f.IntVar(&o.MaxObject, "max-object", 1<<20, "`BYTES` an object or payload may have, up to 8388608")
	f.DurationVar(&o.AckWait, "ack-wait", 5*time.Second, "how long the broker waits for a worker that holds a delivery; at least 500ms")
	f.BoolVar(&o.SyncAlways, "sync-always", false, "write every message through to the disk before it is confirmed: survives a loss of power, slower")
	f.BoolVar(&o.MakeInstances, "make-instances", true, "an apply makes the instance that it names; otherwise \"callout create instance\" does")
}

// options reads the flags, and opens the file that keys are written to.
func (f *devFlags) options(o *node.Options, p *Program) (err error) {
	if o.Log, err = f.logs.logger(p.Err); err != nil {
		return err
	}
	if err := cmp.Or((&busFlags{maxObject: o.MaxObject, login: o.Login}).check(), checkSlots(o.Slots), f.access.check()); err != nil {
		return err
	}
	if err := f.access.options(&o.Entry, o.Log); err != nil {
		return err
	}
	if err := cmp.Or(f.offered.check(), f.to.check(), f.own.check()); err != nil {
		return err
	}
	if o.OpenWith, err = f.with.ring(); err != nil {
		return err
	}
	if f.to.key != nil && !o.OpenWith.Has(f.to.key.ID()) {
		return &usageError{fmt.Errorf("--seal-to %s needs --open-with and the private half of key %s: the worker of this process could sign nothing", f.to.file, f.to.key.ID())}
	}
	o.OwnKeys = f.own.options()
	o.KeysDir, o.KeyEnv, o.HeadersDir, o.HeaderEnv = f.offered.dir, f.offered.env, f.offered.headersDir, f.offered.headerEnv
	o.SealTo, o.Version = f.to.key, p.version
	if err := f.keys.open(p); err != nil {
		return err
	}
	o.MadeKeys = f.keys.follow(o.Log)
	return nil
}

func (p *Program) dev(ctx context.Context, o node.Options) error {
	starting, cancel := context.WithTimeout(ctx, startIn)
	defer cancel()
	n, err := node.Start(starting, o)
	if err != nil {
		return badConfig(unreadable(o.File, err))
	}
	o.Log.Info().Str("data", o.Data).Msg("targets on loopback and in private networks may be called, over plain HTTP too: this is for development")
	if err := p.say("ready http=%s nats=%s\n", n.HTTPURL(), n.NATSURL()); err != nil {
		return err
	}
	<-ctx.Done()
	return finish(n.Close, besideBroker(n.Dispatcher().LineCount()))
}

// finish stops what runs; what is in hand may take patience to finish.
func finish(stop func(context.Context) error, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := stop(ctx); err != nil {
		return fmt.Errorf("stopped with work in hand that did not finish in time; deliveries are handed back, calls have failed: %w", err)
	}
	return nil
}
