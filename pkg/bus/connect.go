package bus

import (
	"context"
	"errors"
	"fmt"
	neturl "net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
)

// InProcess is an embedded server that is talked to without a socket.
type InProcess = nats.InProcessConnProvider

// Options says how to reach the bus.
type Options struct {
	URL       string    // nats://host:port; ignored with InProcess
	InProcess InProcess // an embedded server of this process
	Name      string    // shown in the server's connection list
	Log       zerolog.Logger
	// MaxObject is the size in bytes an object of a call or the payload of an
	// event may have; 0 = action.DefaultObject. A server is refused whose
	// max_payload is not 64 KiB more.
	MaxObject int
	// Patient connects in the background when no server answers at first. The
	// default is to fail.
	Patient bool
	// AckWait is how long the server waits for a worker that holds a delivery,
	// one value an installation; 0 = DefaultAckWait, at least MinAckWait.
	AckWait time.Duration
	// MemoryStore keeps streams in the server's memory.
	MemoryStore bool
	// MaxStream bounds an event stream in bytes; 0 = DefaultMaxStream.
	MaxStream int64
}

// Bounds of AckWait, and the stream's size where the server is not ours.
const (
	DefaultAckWait         = 5 * time.Second
	MinAckWait             = 500 * time.Millisecond
	DefaultMaxStream int64 = 1 << 30
)

// dialFor is how long one try to connect may take.
const dialFor = 3 * time.Second

// Bus is one connection. All methods may be called from any goroutine.
type Bus struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	log     zerolog.Logger
	opts    Options
	answers answers
	// connection ends when the connection has been made anew.
	connection atomic.Pointer[context.Context]
	endSession atomic.Pointer[context.CancelFunc]
	// link ends when the connection breaks.
	link    atomic.Pointer[context.Context]
	endLink atomic.Pointer[context.CancelFunc]
	buckets sync.Map // opened buckets, by name
}

// Connect opens a connection that reconnects for ever. Nothing is buffered
// while the server is away: publishing then fails at once, so that no late
// acknowledgement can free a line that somebody else holds. One try takes at
// most dialFor, whatever ctx says: it is the bound of every later one too.
func Connect(ctx context.Context, o Options) (*Bus, error) {
	if o.MaxObject == 0 {
		o.MaxObject = action.DefaultObject
	}
	if o.AckWait == 0 {
		o.AckWait = DefaultAckWait
	}
	if o.AckWait < MinAckWait {
		return nil, fmt.Errorf("ack wait is %s, at least %s is needed", o.AckWait, MinAckWait)
	}
	if o.MaxStream == 0 {
		o.MaxStream = DefaultMaxStream
	}
	if err := ctx.Err(); err != nil {
		return nil, unreachable(o.URL, err)
	}
	b := &Bus{log: o.Log, opts: o}
	b.renewed()
	b.broken()
	nc, err := nats.Connect(o.URL, b.connectOptions()...)
	if err != nil {
		return nil, unreachable(o.URL, err)
	}
	if b.js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(5*time.Second)); err != nil {
		nc.Close()
		return nil, unreachable(o.URL, err)
	}
	b.nc = nc
	if nc.IsConnected() && nc.MaxPayload() < int64(o.MaxObject+objectRoom) {
		nc.Close()
		return nil, fmt.Errorf("the NATS server's max_payload is %d bytes, objects of %d bytes need %d: raise max_payload, or lower --max-object to at most %d",
			nc.MaxPayload(), o.MaxObject, o.MaxObject+objectRoom, max(nc.MaxPayload()-objectRoom, 0))
	}
	return b, nil
}

// objectRoom is what stands around an object in a message, in bytes: ids,
// headers of a request, headers of the message.
const objectRoom = 64 << 10

func (b *Bus) connectOptions() []nats.Option {
	o := b.opts
	opts := []nats.Option{
		nats.Name(o.Name),
		// An inbox prefix of its own: two clients of one account that may both
		// subscribe _INBOX.> would read each other's answers.
		nats.CustomInboxPrefix("_INBOX_" + nuid.Next()),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 100*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(o.Patient),
		nats.Timeout(dialFor),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DrainTimeout(5 * time.Second),
		// The client's own is 65536, which costs half a megabyte for each line; a
		// pull never has more before it than one request brings.
		nats.SyncQueueLen(2 * pullMany),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.broken()
			if err != nil {
				b.log.Warn().Err(err).Msg("NATS connection lost, reconnecting")
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			b.renewed()
			b.log.Info().Str("server", nc.ConnectedUrlRedacted()).Msg("NATS connection is back")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Warn().Err(err).Msg("NATS reported an error")
		}),
	}
	if o.InProcess != nil {
		opts = append(opts, nats.InProcessServer(o.InProcess))
	}
	return opts
}

// Close drops the connection. What must be finished is drained before by who
// started it.
func (b *Bus) Close() { b.nc.Close() }

// Connected tells whether a server answers right now.
func (b *Bus) Connected() bool { return b.nc.IsConnected() }

// MaxBody is the size in bytes that a message may have.
func (b *Bus) MaxBody() int { return int(b.nc.MaxPayload()) }

// MaxObject is the size in bytes that an object or a payload may have.
func (b *Bus) MaxObject() int { return b.opts.MaxObject }

// Unreachable is the error of a server that does not answer.
type Unreachable struct {
	URL string
	Err error
}

func (u *Unreachable) Error() string {
	return fmt.Sprintf("no NATS server answers at %s: %v (start one, or give another --nats URL)", u.URL, u.Err)
}

// Unwrap gives the cause.
func (u *Unreachable) Unwrap() error { return u.Err }

func unreachable(url string, err error) error {
	if url == "" {
		url = "the embedded server"
	} else if u, parseErr := neturl.Parse(url); parseErr == nil {
		url = u.Redacted()
	}
	return &Unreachable{URL: url, Err: err}
}

// failure turns an error of the client into one of ours.
func failure(err error) *action.Error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse),
		errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrReconnectBufExceeded),
		errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrConnectionReconnecting):
		return action.NewError(action.CodeUnavailable, action.StageBus, "NATS cannot be reached right now").WithCause(err)
	case errors.Is(err, nats.ErrMaxPayload):
		return action.NewError(action.CodeTooLarge, action.StageBus, "").WithCause(err)
	case errors.As(err, &api) && (api.ErrorCode == codeStreamFull || api.ErrorCode == codeResources):
		return action.NewError(action.CodeStreamFull, action.StageStore, "").WithCause(err)
	}
	return action.NewError(action.CodeNotStored, action.StageStore, "").WithCause(err)
}

// Error codes of the JetStream API that the client has no name for.
const (
	codeStreamFull     = 10077 // maximum bytes / messages (per subject) exceeded
	codeResources      = 10023 // insufficient resources
	codeWrongLastSeq   = 10071
	codeWrongLastMsgID = 10070
)

func isCode(err error, code jetstream.ErrorCode) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == code
}
