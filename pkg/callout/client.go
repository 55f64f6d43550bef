package callout

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Options of a client.
type Options struct {
	// URL of NATS, such as nats://127.0.0.1:4222.
	URL string
	// InProcess is an embedded server to talk to without a socket; URL is then
	// not used.
	InProcess bus.InProcess
	// Instance whose users extend this core; empty = "default".
	Instance string
	// Name is shown in NATS's list of connections; empty = "callout core".
	Name string
	// InboxPrefix is what the subjects begin with at which NATS answers this core:
	// _INBOX_ and letters, digits, _ and -, for a server that allows it no others.
	// Empty = that of the role of a core of its instance, access.InboxCore.
	InboxPrefix string
	// Login is who this core is to the NATS server, such as
	// bus.Login{NKey: "core-north.nk"}. A login that is refused is tried again, and
	// the log says why.
	Login bus.Login
	// NATS are options of the NATS client beside those that are set here, which count
	// where both say something.
	NATS []bus.Option
	// OnUnknown decides what a call does before the conditions were read for
	// the first time: fail (the default) or continue.
	OnUnknown action.OnUnavailable
	// Headers names the headers of the core's own callers that targets may see,
	// in any case: all others are dropped from Call.Headers. None by default;
	// there is no pattern, so Authorization and Cookie go out only when they are
	// named.
	Headers []string
	// Exempt names methods that are never intercepted, whatever is configured
	// and whether or not NATS is there: name the core's own admin API, so that
	// no execution can lock the operator out. An entry is a prefix that ends
	// where a segment of the name does: /acme.admin covers the package,
	// /acme.admin.v1.AdminService the service, and /acme.admin.v1.AdminService/Get
	// that method alone, not GetUser. Callout's own management service is always
	// exempt.
	Exempt []string
	// Declare is what the core can be extended at. It is announced in the
	// background, as soon as NATS and a dispatcher are there; see Client.Declare.
	// Nil declares nothing.
	Declare *Declaration
	// MaxObject is the size in bytes an object may have; 0 = 1 MiB.
	MaxObject int
	Log       zerolog.Logger
}

const (
	// firstTry is how long Connect waits for NATS to answer.
	firstTry = 2 * time.Second
	// firstLook is how long it then waits for the conditions.
	firstLook = 2 * time.Second
)

// Client is a core's connection to Callout. Its methods may be called from any
// goroutine.
type Client struct {
	bus      *bus.Bus
	instance bus.Instance
	opts     Options
	headers  map[string]bool // canonical names that may go out
	exempt   []string
	filter   atomic.Pointer[catalog.Filter]
	loaded   chan struct{}
	unfollow context.CancelFunc

	declaring declaring
}

// Connect makes a client. It does not fail when NATS is away: the client then
// connects in the background, and Options.OnUnknown decides about calls until
// the conditions were read once. From then on the last known conditions count,
// also while NATS is away. Connect waits at most two seconds for NATS to
// answer, and when it does for the conditions: at most two seconds more, and at
// most until ctx ends. The error tells of options that cannot be meant, such as a
// file of Login that cannot be read, or of a
// server whose max_payload is too small.
func Connect(ctx context.Context, o Options) (*Client, error) {
	if o.Instance == "" {
		o.Instance = "default"
	}
	if o.Name == "" {
		o.Name = "callout core"
	}
	o.InboxPrefix = cmp.Or(o.InboxPrefix, access.InboxCore(o.Instance))
	headers, err := headerNames(o.Headers)
	if err != nil {
		return nil, err
	}
	exempt, err := exemptions(o.Exempt)
	if err != nil {
		return nil, err
	}
	if o.Declare != nil {
		if _, err := o.Declare.Encode(); err != nil {
			return nil, err
		}
	}
	// The bus takes what remains of a context for the time of every connection
	// it makes, later ones too: a nearly spent one would keep it away for ever.
	try, cancelTry := context.WithTimeout(context.WithoutCancel(ctx), firstTry)
	defer cancelTry()
	b, err := bus.Connect(try, bus.Options{URL: o.URL, InProcess: o.InProcess, Name: o.Name, InboxPrefix: o.InboxPrefix, Login: o.Login, NATS: o.NATS, Log: o.Log,
		MaxObject: o.MaxObject, Patient: true})
	if err != nil {
		return nil, err
	}
	following, unfollow := context.WithCancel(context.WithoutCancel(ctx))
	c := &Client{bus: b, instance: b.Instance(o.Instance), opts: o, headers: headers, exempt: exempt, loaded: make(chan struct{}), unfollow: unfollow}
	var once sync.Once
	first := revisions.Of(c.instance).FollowConditions(following, func(conditions catalog.Conditions) {
		c.filter.Store(catalog.CompileFilter(conditions))
		once.Do(func() { close(c.loaded) })
	})
	if o.Declare != nil {
		c.announce(following, *o.Declare)
	}
	if b.Connected() {
		look, cancel := context.WithTimeout(ctx, firstLook)
		defer cancel()
		select {
		case <-first:
		case <-look.Done():
		}
	}
	return c, nil
}

// Loaded is closed when the conditions were read for the first time. Until
// then Options.OnUnknown decides about calls.
func (c *Client) Loaded() <-chan struct{} { return c.loaded }

// Close ends the client. Calls under way fail.
func (c *Client) Close() {
	c.unfollow()
	c.bus.Close()
}
