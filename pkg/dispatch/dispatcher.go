package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// Options of a dispatcher.
type Options struct {
	Bus *bus.Bus
	Log zerolog.Logger
	// Listen is where HTTP is served; until there is authentication only
	// loopback addresses are accepted.
	Listen string
	// History is how long delivered events are kept; 0 = 7 days.
	History time.Duration
	// AllowUndeclared makes a warning of an execution whose condition no core has
	// declared; it is refused otherwise.
	AllowUndeclared bool
	// Mount gives further handlers for the same port, by the path that they
	// serve, which ends with a slash. They may speak gRPC and Connect.
	Mount func(*Dispatcher) map[string]http.Handler
}

// Dispatcher runs until it is stopped.
type Dispatcher struct {
	bus      *bus.Bus
	log      zerolog.Logger
	catalogs *bus.Catalogs
	lines    knownLines
	history  time.Duration
	server   *http.Server
	listener net.Listener
	applying sync.Mutex      // one edit at a time by this dispatcher
	ensured  sync.Map        // instances whose streams this process has made sure of
	stopping context.Context // ends when Stop begins; who waits for a revision goes
	unfollow context.CancelFunc
	ended    sync.WaitGroup

	allowUndeclared bool // of the options
}

// Start prepares the installation, finishes what a dispatcher before may have
// left half done, and serves HTTP. It returns when requests are taken.
func Start(ctx context.Context, o Options) (*Dispatcher, error) {
	d := &Dispatcher{bus: o.Bus, log: o.Log, lines: knownLines{by: map[string]bus.Line{}, paused: map[bus.TargetKey]action.Code{}}, history: cmp.Or(o.History, defaultHistory),
		allowUndeclared: o.AllowUndeclared}
	listener, err := listen(o.Listen)
	if err != nil {
		return nil, err
	}
	d.listener = listener
	following, unfollow := context.WithCancel(context.Background())
	d.unfollow = unfollow
	if err := d.prepare(ctx, following); err != nil {
		return nil, errors.Join(err, d.Stop(ctx))
	}
	var mounted map[string]http.Handler
	if o.Mount != nil {
		mounted = o.Mount(d)
	}
	d.server = &http.Server{
		Handler: d.routes(mounted), Protocols: protocols(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: action.MaxHeaderBytes, BaseContext: func(net.Listener) context.Context { return context.Background() },
	}
	stopping, stop := context.WithCancel(context.Background())
	d.stopping = stopping
	d.server.RegisterOnShutdown(stop)
	d.ended.Go(func() {
		defer stop()
		if err := d.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			d.log.Error().Err(err).Msg("HTTP ended")
		}
	})
	d.ended.Go(func() { d.tidy(following) })
	return d, nil
}

func (d *Dispatcher) prepare(ctx, following context.Context) error {
	if err := d.bus.EnsureInstallation(ctx); err != nil {
		return err
	}
	catalogs, first := d.bus.FollowCatalogs(following)
	d.catalogs = catalogs
	d.bus.FollowLines(following, bus.FleetEvents{Line: d.lines.set, Paused: d.lines.setPaused})
	select {
	case <-first:
	case <-ctx.Done():
		return action.NewError(action.CodeUnavailable, action.StageBus, "the catalog could not be read in time").WithCause(ctx.Err())
	}
	instances, err := d.bus.Roots(ctx)
	if err != nil {
		return err
	}
	for _, instance := range instances {
		if err := d.finish(ctx, instance); err != nil {
			return err
		}
	}
	return nil
}

// protocols are HTTP/1.1, and HTTP/2 without TLS, which gRPC needs.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

// URL is where HTTP is served.
func (d *Dispatcher) URL() string { return "http://" + d.listener.Addr().String() }

// Stop takes no new requests, waits for those in hand until ctx ends, and
// stops.
func (d *Dispatcher) Stop(ctx context.Context) error {
	var err error
	if d.server != nil {
		if err = d.server.Shutdown(ctx); err != nil {
			err = errors.Join(err, d.server.Close())
		}
	}
	if closeErr := d.listener.Close(); closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	d.unfollow()
	d.ended.Wait()
	return err
}

// listen takes loopback addresses only: nobody is asked who they are yet.
func listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address: write host:port, such as 127.0.0.1:8080", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%q is not a loopback address: until there is authentication only 127.0.0.1, ::1 or localhost may be listened on", host)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("HTTP address %s cannot be used: %w (choose another with --listen)", address, err)
	}
	return listener, nil
}
