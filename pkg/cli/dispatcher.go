package cli

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/node"
)

type dispatcherFlags struct {
	bus        busFlags
	log        logFlags
	embedded   bool
	file       string
	data       string
	listen     string
	natsListen string
	natsConfig string
	maxStream  int64
	shards     int
	attempts   attemptsFlags
	keys       keysOffered
	seal       sealTo
	ownKeys    ownKeysFlags
	syncAlways bool
	undeclared bool
	access     accessFlags
	make       bool
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
			if f.natsConfig != "" && !f.embedded {
				return &usageError{errors.New("--nats-config is that of --embedded-nats: a server at --nats has its own")}
			}
			if err := f.bus.check(); err != nil {
				return err
			}
			if err := cmp.Or(f.attempts.check(), f.access.check()); err != nil {
				return err
			}
			if err := cmp.Or(f.keys.check(), f.seal.check(), f.ownKeys.check()); err != nil {
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
	addShards(cmd, &f.shards)
	addNATSConfig(cmd, &f.natsConfig)
	f.attempts.add(cmd)
	flags.BoolVar(&f.syncAlways, "sync-always", false, "embedded NATS: write every message through to the disk before it is confirmed")
	flags.BoolVar(&f.undeclared, "allow-undeclared", false, "warn of an execution whose condition no core has declared, instead of refusing it")
	f.access.add(cmd)
	flags.BoolVar(&f.make, "make-instances", false, "an apply makes the instance that it names; otherwise \"callout create instance\" does")
	f.keys.add(cmd)
	f.seal.add(cmd)
	f.ownKeys.add(cmd)
	f.log.add(cmd, "info")
	return cmd
}

func (p *Program) dispatcher(ctx context.Context, f dispatcherFlags, log zerolog.Logger) (err error) {
	starting, cancel := context.WithTimeout(ctx, startIn)
	defer cancel()
	snapshot, err := f.configuration(starting, log)
	if err != nil {
		return err
	}
	o := dispatch.Options{Log: log, Listen: f.listen, AllowUndeclared: f.undeclared, KeysDir: f.keys.dir, KeyEnv: f.keys.env, HeadersDir: f.keys.headersDir, HeaderEnv: f.keys.headerEnv, SealTo: f.seal.key, OwnKeys: f.ownKeys.options(), MakeInstances: f.make, Shards: f.shards, Version: p.version, Mount: node.Mount(log)}
	if err := f.access.options(&o.Entry, log); err != nil {
		return err
	}
	options, closeBroker, err := f.broker(log)
	if err != nil {
		return err
	}
	defer closeBroker()
	b, err := bus.Connect(starting, options)
	if err != nil {
		return err
	}
	defer b.Close()
	following, unfollow := context.WithCancel(ctx)
	defer unfollow()
	o.Bus = b
	o.Prepare = func(ctx context.Context, d *dispatch.Dispatcher) error { return f.apply(ctx, following, d, snapshot) }
	d, err := dispatch.Start(starting, o)
	if err != nil {
		return err
	}
	defer func() {
		unfollow() // before Stop, which waits for it
		err = errors.Join(err, finish(d.Stop, f.patience(d.LineCount())))
	}()
	if err := p.say("ready http=%s nats=%s\n", d.URL(), action.ShownURL(options.URL)); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// configuration reads the file, before anything is started. Without one it is
// nil.
func (f *dispatcherFlags) configuration(ctx context.Context, log zerolog.Logger) (*catalog.Snapshot, error) {
	if f.file == "" {
		return nil, nil
	}
	snapshot, problems, err := dispatch.LoadFile(ctx, f.file)
	if err != nil {
		return nil, unreadable(f.file, err)
	}
	for _, problem := range problems {
		log.Warn().Msg(problem.String())
	}
	return snapshot, nil
}

// broker says how NATS is reached. An embedded one is started for it.
func (f *dispatcherFlags) broker(log zerolog.Logger) (options bus.Options, closeBroker func(), err error) {
	options = f.bus.options("callout dispatcher", access.InboxDispatcher, log)
	options.MaxStream = f.maxStream
	options.AttemptsAge, options.MaxAttempts = f.attempts.kept(), f.attempts.most
	if !f.embedded {
		return options, func() {}, nil
	}
	server, err := embed.Start(embed.Options{Data: f.data, Listen: f.natsListen, Config: f.natsConfig, MaxObject: f.bus.maxObject, SyncAlways: f.syncAlways, Log: log})
	if err != nil {
		return options, nil, badConfig(err)
	}
	options.InProcess, options.MemoryStore, options.URL = server, f.data == "", server.URL()
	if f.maxStream == 0 && f.data != "" {
		options.MaxStream = embed.MaxStream
	}
	if f.attempts.most == 0 && f.data != "" {
		options.MaxAttempts = embed.MaxAttempts
	}
	return options, server.Close, nil
}

// apply puts the file in force, which is followed until following ends. What it
// names is its own from before it is applied.
func (f *dispatcherFlags) apply(ctx, following context.Context, d *dispatch.Dispatcher, s *catalog.Snapshot) error {
	if s == nil {
		return nil
	}
	if err := d.FollowFile(following, f.file, s.Instance); err != nil {
		return err
	}
	_, err := d.Instance(s.Instance).ApplyFile(ctx, f.file, s)
	return err
}

// patience is how long what is in hand may take when the dispatcher stops.
func (f *dispatcherFlags) patience(lines int) time.Duration {
	if f.embedded {
		return besideBroker(lines)
	}
	return finishIn
}
