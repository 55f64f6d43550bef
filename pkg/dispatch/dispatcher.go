package dispatch

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/present"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/seal"
)

// Options of a dispatcher.
type Options struct {
	Bus *bus.Bus
	Log zerolog.Logger
	// Listen is where HTTP is served, host:port: on loopback, but with an Access or
	// OpenToAll.
	Listen string
	Entry  Entry
	// History is how long delivered events are kept; 0 = 7 days.
	History time.Duration
	// AllowUndeclared makes a warning of an execution whose condition no core has
	// declared; it is refused otherwise.
	AllowUndeclared bool
	// KeysDir is where the files lie that who manages over the API may name as signing
	// keys, relative to it; "" = none. KeyEnv begins the names of the variables that
	// he may name; "" = none.
	KeysDir, KeyEnv string
	// HeadersDir and HeaderEnv are the same of values of headers, which are sent.
	HeadersDir, HeaderEnv string
	// SealTo is the key that signing keys are sealed for before they are stored; those
	// that stand are sealed when it is given. Workers open them. nil = they are stored as
	// they are.
	SealTo *seal.PublicKey
	// OwnKeys say how the keys of instances themselves live.
	OwnKeys OwnKeys
	// MakeInstances has an edit make the instance that it names where there is none;
	// it is unknown_instance otherwise, and instances are made by Instance.Create.
	MakeInstances bool
	// Version is what this program is called among its releases; "" = dev.
	Version string
	// MadeKeys is told the signing keys that a followed file has made for its targets,
	// once for each, when they are in force; nil = nobody is. It may be called from
	// any goroutine, and keeps the file waiting.
	MadeKeys func(instance string, made []bus.NewSecret)
	// Prepare is what happens before requests are taken, such as putting followed
	// files in force; nil = nothing. Until then every request is told to come
	// again.
	Prepare func(context.Context, *Dispatcher) error
	// Mount gives further handlers for the same port, by the path that they
	// serve, which ends with a slash. They may speak gRPC and Connect.
	Mount func(*Dispatcher) map[string]http.Handler

	// Shards is how many shards the lines of an instance are packed into that keep an
	// order, at most shards.Most; 0 = shards.Usual once it has more than shards.PackFrom of
	// them, and from then on; shards.None = each has a consumer of its own. Packed lines
	// that are there stay in their shards. Those that are there and not packed, or packed
	// and not to be, are replaced, see repack.
	Shards int

	pace *pace // nil = the usual one
}

// Dispatcher runs until it is stopped.
type Dispatcher struct {
	bus       *bus.Bus
	log       zerolog.Logger
	catalogs  *revisions.Catalogs
	instances sync.Map // *Instance by id, of those that exist
	misfits   sync.Map // lines.Key of lines whose consumer has a longer ack wait than they say
	lines     knownLines
	jobs      knownJobs
	health    health
	removals  removals
	led       led
	history   time.Duration
	shards    int
	server    *http.Server
	listener  net.Listener
	door      *door
	identity  identity
	paces     paces
	quotas    quotas
	came      came
	typings   *typings
	secure    bool            // TLS is spoken
	openToAll bool            // also elsewhere than on loopback nobody is asked
	open      atomic.Bool     // requests are taken
	stopping  context.Context // ends when Stop begins; who waits for a revision goes
	stop      context.CancelFunc
	stopOnce  sync.Once
	stopped   error
	unfollow  context.CancelFunc
	unhear    func() // nil = nothing is heard of what is misaddressed
	ended     sync.WaitGroup

	allowUndeclared bool // of the options
	offer           offers
	sealing         sealing
	ownKeys         OwnKeys
	published       publishedKeys
	spares          sync.Map // sign.Pair by spareOf: made, and not published yet
	makeInstances   bool
	madeKeys        func(instance string, made []bus.NewSecret)
	pace            pace
}

// Start prepares the installation, finishes what a dispatcher before may have
// left half done, and serves HTTP. It returns when requests are taken; those
// that come earlier are answered from the first byte: not yet.
func Start(ctx context.Context, o Options) (*Dispatcher, error) {
	d := &Dispatcher{bus: o.Bus, log: o.Log, history: cmp.Or(o.History, defaultHistory), allowUndeclared: o.AllowUndeclared, madeKeys: o.MadeKeys,
		offer: offers{keys: offer{o.KeysDir, o.KeyEnv}, headers: offer{o.HeadersDir, o.HeaderEnv}}, sealing: sealing{to: o.SealTo}, ownKeys: o.OwnKeys.withDefaults(), makeInstances: o.MakeInstances, door: newDoor(), typings: newTypings(), pace: *cmp.Or(o.pace, &usual),
		identity: identity{access: o.Entry.Access, uses: newUses()}, secure: o.Entry.TLS != nil, openToAll: o.Entry.OpenToAll}
	d.shards = cmp.Or(o.Shards, shards.Unasked)
	d.lines.begin(d)
	d.jobs.begin(d)
	d.removals.init()
	if o.Entry.Access != nil {
		d.paces.perSecond = cmp.Or(o.Entry.Access.Rate, DefaultRate)
	}
	if err := d.listen(o.Listen, o.Entry); err != nil {
		return nil, err
	}
	d.stopping, d.stop = context.WithCancel(context.Background())
	following, unfollow := context.WithCancel(context.Background())
	d.unfollow = unfollow
	var catalogsRead, linesRead <-chan struct{}
	d.catalogs, catalogsRead = revisions.FollowDeleted(following, d.bus, d.deleted)
	linesRead = lines.Follow(following, d.bus, lines.Events{Line: d.lines.set, Paused: d.lines.setPaused})
	jobs.Follow(following, d.bus, d.jobs.set)
	read := append(d.health.remember(following, d), catalogsRead, linesRead, d.followTokens(following), d.bus.FollowKeys(following, d.published.set), d.bus.FollowQuotas(following, d.quotas.set))
	d.serve(o.Mount)
	if err := d.hearMisaddressed(); err != nil {
		return nil, errors.Join(err, d.Stop(ctx))
	}
	if err := d.prepare(ctx, o.Prepare, read); err != nil {
		return nil, errors.Join(err, d.Stop(ctx))
	}
	d.ended.Go(func() { d.tidy(following) })
	d.ended.Go(func() { d.removing(following) })
	d.ended.Go(func() { d.health.run(following) })
	d.ended.Go(func() { d.fit(following) })
	d.ended.Go(func() { d.tell(following, o.Version) })
	d.ended.Go(func() { present.Count(following, d.bus, action.RoleDispatcher, d.quotas.divide) })
	d.ended.Go(func() { d.storeUses(following) })
	d.open.Store(true)
	return d, nil
}

func (d *Dispatcher) serve(mount func(*Dispatcher) map[string]http.Handler) {
	var mounted map[string]http.Handler
	if mount != nil {
		mounted = mount(d)
	}
	d.server = &http.Server{
		Handler: d.framed(d.bound(d.routes(mounted))), Protocols: protocols(), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams}, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: action.MaxHeaderBytes, BaseContext: func(net.Listener) context.Context { return context.Background() }, ConnContext: rememberConn,
		DisableGeneralOptionsHandler: true, // every request is counted
	}
	d.server.RegisterOnShutdown(d.stop)
	d.ended.Go(func() {
		defer d.stop()
		if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
			d.log.Error().Err(err).Msg("HTTP ended")
		}
	})
}

// prepare makes everything ready that a request relies on: the buckets, every
// stored catalog, every line and pause, the streams of every instance, and what
// the caller adds.
func (d *Dispatcher) prepare(ctx context.Context, more func(context.Context, *Dispatcher) error, read []<-chan struct{}) error {
	if err := d.bus.SettleInstallation(ctx); err != nil {
		return err
	}
	for _, first := range read {
		select {
		case <-first:
		case <-ctx.Done():
			return action.NewError(action.CodeUnavailable, action.StageBus, "the catalog and the lines could not be read in time").WithCause(ctx.Err())
		}
	}
	instances, err := revisions.Roots(ctx, d.bus)
	if err != nil {
		return err
	}
	for _, id := range instances {
		if err := d.prepareOne(ctx, id); err != nil {
			return err
		}
	}
	if more == nil {
		return nil
	}
	return more(ctx, d)
}

// prepareOne makes one instance ready that is stored. One that cannot be is refused,
// with the reason for whoever asks for it, and the others are served: the root may
// be somebody else's.
func (d *Dispatcher) prepareOne(ctx context.Context, id string) error {
	look, err := d.bus.Look(ctx)
	if err != nil {
		return err
	}
	i := d.Instance(id)
	if i.isGone(ctx) {
		return nil
	}
	if _, there := look.Streams[i.bus.Events]; !there {
		if _, _, err := i.revisions.Current(ctx); action.CodeOf(err) == action.CodeUnreadable {
			d.log.Error().Err(err).Str("instance", id).Msg("a root without an event stream, left out")
			return nil
		}
	}
	err = d.prepareKnown(ctx, d.shared(id), look)
	if err != nil && i.isGone(ctx) {
		return nil
	}
	switch action.CodeOf(err) {
	case action.CodeUnknownInstance: // it went while it was looked at
		d.log.Warn().Str("instance", id).Msg("a root that has gone, or is not heard of yet: left out for now")
		return nil
	case action.CodeUnreadable, action.CodeBadField, action.CodeInternal, action.CodeMissing, action.CodeNotFound, action.CodeTooLarge, action.CodeNewer:
		d.log.Error().Err(err).Str("instance", id).Msg("the instance is not served until this is mended")
		d.catalogs.Add(id).Refuse(err)
		return nil
	}
	return err
}

func (d *Dispatcher) prepareKnown(ctx context.Context, i *Instance, look bus.Look) error {
	l := d.health.lossOf(ctx, i, look)
	if err := i.bus.SettleStreams(ctx); err != nil {
		return err
	}
	i.keepAttempts(ctx, i.bus.SettleAttempts)
	if !l.none() || len(l.spoilt) > 0 {
		if err := d.health.mend(ctx, i, l); err != nil && !l.none() {
			return err
		}
	}
	if err := i.finish(ctx); err != nil || !i.hasOpenKeys() && !d.published.hasOpen(i.ID) {
		return err
	}
	return i.lead(ctx, i.sealKeys)
}

// protocols are HTTP/1.1, and HTTP/2 without TLS, which gRPC needs.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

// Stop takes no new requests, waits for those in hand until ctx ends, and
// stops. It may be called more than once.
func (d *Dispatcher) Stop(ctx context.Context) error {
	d.stopOnce.Do(func() { d.stopped = d.finish(ctx) })
	return d.stopped
}

func (d *Dispatcher) finish(ctx context.Context) error {
	d.open.Store(false)
	err := d.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, d.server.Close())
	}
	if closeErr := d.listener.Close(); closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	d.stop()
	d.unfollow()
	if d.unhear != nil {
		d.unhear()
	}
	d.ended.Wait()
	return err
}
