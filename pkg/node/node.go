// Package node is Callout in one process: the embedded broker, a dispatcher
// and a worker, talking to each other without a socket.
package node

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/work"
)

// Options of a node.
type Options struct {
	Data       string         // directory of the state; empty keeps it in memory
	Listen     string         // HTTP, host:port
	Entry      dispatch.Entry // who comes in there, and how
	NATSListen string         // NATS, host:port
	// NATSConfig is a file that says who may log in to NATS, see embed.Options; Login is
	// how this node does.
	NATSConfig string
	Login      bus.Login
	// Config is the configuration, ConfigName what it is called in errors. A
	// File is followed instead: it is applied again whenever it changes.
	Config     []byte
	ConfigName string
	File       string
	MaxObject  int           // bytes; 0 = 1 MiB
	AckWait    time.Duration // 0 = 5 s
	SyncAlways bool
	Shards     int           // that lines are packed into, see dispatch.Options
	History    time.Duration // how long delivered events are kept; 0 = 7 days
	MaxStream  int64         // bytes an event stream may hold; 0 = 10 GiB, in memory 1 GiB
	// AttemptsAge is how long it is kept what became of each attempt; 0 = 7 days,
	// bus.NoAttempts keeps nothing. MaxAttempts bounds it in bytes; 0 = 256 MiB, in
	// memory 64 MiB.
	AttemptsAge time.Duration
	MaxAttempts int64
	// AllowUndeclared makes a warning of an execution whose condition no core has
	// declared.
	AllowUndeclared bool
	// KeysDir and KeyEnv are what who manages over the API may name as signing keys: files
	// within the directory, variables whose names begin so; "" = none.
	KeysDir, KeyEnv string
	// HeadersDir and HeaderEnv are the same of values of headers, which are sent.
	HeadersDir, HeaderEnv string
	// SealTo is the key that signing keys are sealed for before they are stored, OpenWith
	// are those that open them, the newest first. Without them they are stored as they are.
	SealTo   *seal.PublicKey
	OpenWith seal.Ring
	OwnKeys  dispatch.OwnKeys // how the keys of instances themselves live
	// MakeInstances has an edit make the instance that it names where there is none.
	MakeInstances bool
	// MadeKeys is told the signing keys that the File has made for its targets; nil =
	// nobody is.
	MadeKeys func(instance string, made []bus.NewSecret)
	// Installation and Proxy are how targets are reached, see invoke.Options.
	Installation *invoke.Installation
	Proxy        *invoke.Proxy
	// Slots is how many deliveries to one async target are worked on at once, see
	// work.Options; 0 = work.DefaultSlots.
	Slots int
	// WithoutWorker leaves the worker out: others do the work.
	WithoutWorker bool
	Version       string // of the program; "" = dev
	Log           zerolog.Logger
}

// Node is a running node.
type Node struct {
	server     *embed.Server
	buses      []*bus.Bus
	dispatcher *dispatch.Dispatcher
	invoker    *invoke.Invoker
	worker     *work.Worker
	unfollow   context.CancelFunc
}

// Start starts a node; it takes traffic when Start returns. What was started
// is stopped again when something fails.
func Start(ctx context.Context, o Options) (*Node, error) {
	snapshot, err := configuration(ctx, o)
	if err != nil {
		return nil, err
	}
	n := &Node{}
	if err := n.start(ctx, o, snapshot); err != nil {
		return nil, errors.Join(err, n.Close(ctx))
	}
	return n, nil
}

func configuration(ctx context.Context, o Options) (*catalog.Snapshot, error) {
	var s *catalog.Snapshot
	var problems []catalog.Problem
	switch {
	case o.File != "":
		var err error
		if s, problems, err = dispatch.LoadFile(ctx, o.File); err != nil {
			return nil, err
		}
	case o.Config != nil:
		var err error
		if s, problems, err = file.ParseFor(ctx, time.Time{}, "", o.ConfigName, o.Config); err != nil {
			return nil, err
		}
		if s == nil {
			return nil, &dispatch.BadFile{Problems: problems}
		}
	default:
		return nil, nil // none was given
	}
	for _, p := range problems {
		o.Log.Warn().Msg(p.String())
	}
	return s, nil
}

func (n *Node) start(ctx context.Context, o Options, s *catalog.Snapshot) error {
	var err error
	n.server, err = embed.Start(embed.Options{Data: o.Data, Listen: o.NATSListen, Config: o.NATSConfig, MaxObject: o.MaxObject, SyncAlways: o.SyncAlways, Log: o.Log})
	if err != nil {
		return err
	}
	forDispatch, err := n.connect(ctx, "callout dispatcher", o)
	if err != nil {
		return err
	}
	forWork, err := n.connect(ctx, "callout worker", o)
	if err != nil {
		return err
	}
	if n.dispatcher, err = dispatch.Start(ctx, dispatch.Options{Bus: forDispatch, Log: o.Log, Listen: o.Listen, Entry: o.Entry, History: o.History,
		AllowUndeclared: o.AllowUndeclared, MadeKeys: o.MadeKeys, KeysDir: o.KeysDir, KeyEnv: o.KeyEnv, HeadersDir: o.HeadersDir, HeaderEnv: o.HeaderEnv, SealTo: o.SealTo, OwnKeys: o.OwnKeys, MakeInstances: o.MakeInstances, Shards: o.Shards,
		Version: o.Version, Mount: Mount(o.Log),
		Prepare: func(ctx context.Context, d *dispatch.Dispatcher) error { return n.configure(ctx, d, o, s) }}); err != nil {
		return err
	}
	if o.WithoutWorker {
		return nil
	}
	n.invoker = invoke.New(invoke.Options{Log: o.Log, AllowLocal: true, Installation: o.Installation, Proxy: o.Proxy})
	n.worker, err = work.Start(ctx, work.Options{Bus: forWork, Invoker: n.invoker, Log: o.Log, Slots: o.Slots, OpenWith: o.OpenWith, Version: o.Version})
	return err
}

// configure puts the configuration in force. What a file names is its own from
// before it is applied. Without any, what the API made before a restart stays.
func (n *Node) configure(ctx context.Context, d *dispatch.Dispatcher, o Options, s *catalog.Snapshot) error {
	if s == nil {
		return d.Instance(catalog.DefaultInstance).Ensure(ctx)
	}
	following, unfollow := context.WithCancel(context.Background())
	n.unfollow = unfollow
	if o.File != "" {
		if err := d.FollowFile(following, o.File, s.Instance); err != nil {
			return err
		}
		_, err := d.Instance(s.Instance).ApplyFile(ctx, o.File, s)
		return err
	}
	_, err := d.Instance(s.Instance).Apply(ctx, s)
	return err
}

// Mount puts the management API beside the HTTP of a dispatcher.
func Mount(log zerolog.Logger) func(*dispatch.Dispatcher) map[string]http.Handler {
	return func(d *dispatch.Dispatcher) map[string]http.Handler {
		return manage.Routes(manage.Options{Engine: func(instance string) manage.Instance { return d.Instance(instance) }, Fleet: d, Tokens: d, Audit: d,
			PublicReflection: d.PublicReflection(), Ready: d.Ready, Log: log})
	}
}

func (n *Node) connect(ctx context.Context, name string, o Options) (*bus.Bus, error) {
	b, err := bus.Connect(ctx, bus.Options{InProcess: n.server, Login: o.Login, Name: name, Log: o.Log, MaxObject: o.MaxObject,
		AckWait: o.AckWait, MemoryStore: o.Data == "", MaxStream: cmp.Or(o.MaxStream, maxStream(o.Data)),
		AttemptsAge: o.AttemptsAge, MaxAttempts: cmp.Or(o.MaxAttempts, maxAttempts(o.Data))})
	if err == nil {
		n.buses = append(n.buses, b)
	}
	return b, err
}

// maxStream is what an event stream may hold: memory is dearer than disk.
func maxStream(data string) int64 {
	if data == "" {
		return bus.DefaultMaxStream
	}
	return embed.MaxStream
}

func maxAttempts(data string) int64 {
	if data == "" {
		return bus.DefaultMaxAttempts
	}
	return embed.MaxAttempts
}

// NATSURL is where cores connect.
func (n *Node) NATSURL() string { return n.server.URL() }

// Dispatcher is the node's dispatcher.
func (n *Node) Dispatcher() *dispatch.Dispatcher { return n.dispatcher }

// HTTPURL is where HTTP is served.
func (n *Node) HTTPURL() string { return n.dispatcher.URL() }

// Close stops the node: nothing new is taken, what is in hand is finished
// until ctx ends, and handed back otherwise.
func (n *Node) Close(ctx context.Context) error {
	var errs []error
	if n.unfollow != nil {
		n.unfollow()
	}
	if n.worker != nil {
		errs = append(errs, n.worker.Stop(ctx))
	}
	if n.dispatcher != nil {
		errs = append(errs, n.dispatcher.Stop(ctx))
	}
	if n.invoker != nil {
		n.invoker.Close()
	}
	for _, b := range n.buses {
		b.Close()
	}
	if n.server != nil {
		n.server.Close()
	}
	return errors.Join(errs...)
}
