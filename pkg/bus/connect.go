package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	neturl "net/url"
	"regexp"
	"slices"
	"strings"
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
	// InboxPrefix is what the subjects begin with at which this client is answered,
	// for a server that allows it no others: _INBOX or _INBOX_ and letters, digits,
	// _ and -, since workers answer nowhere else. Empty = one that nobody guesses.
	InboxPrefix string
	// Login is who this process is to the server.
	Login Login
	// NATS are options of the client beside those that are set here, which count
	// where both say something.
	NATS []Option
	Log  zerolog.Logger
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
	// AttemptsAge is how long it is kept what became of each attempt; 0 =
	// DefaultAttemptsAge, at least MinAttemptsAge. NoAttempts keeps nothing.
	AttemptsAge time.Duration
	// MaxAttempts bounds the log of an instance's attempts in bytes; 0 =
	// DefaultMaxAttempts. The oldest make room.
	MaxAttempts int64
	// Remember is how long it is remembered that a key, a line or a pause was
	// removed, for who is away meanwhile; 0 = an hour, at least a second.
	Remember time.Duration
}

// Bounds of AckWait, and the stream's size where the server is not ours.
const (
	DefaultAckWait         = 5 * time.Second
	MinAckWait             = 500 * time.Millisecond
	DefaultMaxStream int64 = 1 << 30
)

// PullMany is how many messages one request for deliveries is for at most.
const PullMany = 64

var inboxPrefix = regexp.MustCompile(`^(|_INBOX|_INBOX_[A-Za-z0-9_-]{1,64})$`)

// dialFor is how long one try to connect may take.
const dialFor = 3 * time.Second

// Bus is one connection. All methods may be called from any goroutine.
type Bus struct {
	nc       *nats.Conn
	dialled  atomic.Pointer[nats.Conn] // the same, for who is called while it is made
	refusals refusals
	js       jetstream.JetStream
	log      zerolog.Logger
	opts     Options
	answers  answers
	// connection ends when the connection has been made anew.
	connection atomic.Pointer[context.Context]
	endSession atomic.Pointer[context.CancelFunc]
	// closed ends with Close.
	closed context.Context
	end    context.CancelFunc
	// link ends when the connection breaks.
	link       atomic.Pointer[context.Context]
	endLink    atomic.Pointer[context.CancelFunc]
	buckets    sync.Map // opened buckets, by name
	streams    sync.Map // opened streams, by name
	seen       sync.Map // StreamLook by name: how a stream stood when it was last looked at
	missed     chan struct{}
	unreadable unreadables
	strange    strangeHeaders
	asking     sync.Map // *sync.Mutex by the name of a stream: held by who asks for its format
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
	if o.AttemptsAge == 0 {
		o.AttemptsAge = DefaultAttemptsAge
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = DefaultMaxAttempts
	}
	if o.Remember == 0 {
		o.Remember = time.Hour
	}
	if !inboxPrefix.MatchString(o.InboxPrefix) {
		return nil, fmt.Errorf("the inbox prefix %q is none: it is _INBOX or _INBOX_ and letters, digits, _ and -", o.InboxPrefix)
	}
	if err := ctx.Err(); err != nil {
		return nil, unreachable(o.URL, err)
	}
	b := &Bus{log: o.Log, opts: o, missed: make(chan struct{}, 1)}
	b.closed, b.end = context.WithCancel(context.Background())
	b.renewed()
	b.broken()
	opts, err := b.connectOptions()
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(o.URL, opts...)
	if err != nil {
		return nil, notConnected(o, err)
	}
	b.dialled.Store(nc)
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

func (b *Bus) connectOptions() ([]nats.Option, error) {
	o := b.opts
	login, err := o.Login.options(o.InProcess != nil)
	if err != nil {
		return nil, err
	}
	opts := append(slices.Concat(o.NATS, login),
		nats.Name(o.Name),
		// An inbox prefix of its own: two clients of one account that may both
		// subscribe _INBOX.> would read each other's answers.
		nats.CustomInboxPrefix(cmp.Or(o.InboxPrefix, "_INBOX_"+nuid.Next())),
		nats.MaxReconnects(-1),
		// Without it a client gives up for ever that was refused twice.
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(b.again),
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(o.Patient),
		nats.Timeout(dialFor),
		nats.PingInterval(5*time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DrainTimeout(5*time.Second),
		// The client's own is 65536, which costs half a megabyte for each line; a
		// pull never has more before it than one request brings.
		nats.SyncQueueLen(2*PullMany),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.broken()
			if err != nil {
				b.log.Warn().Err(err).Msg("NATS connection lost, reconnecting")
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			b.renewed()
			b.log.Info().Str("server", action.ShownURL(nc.ConnectedUrl())).Msg("NATS connection is back")
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { // of a patient client the first try, too
			if why := refused(b.opts, err); why != nil {
				b.sayRefused(why)
			}
		}),
		nats.ErrorHandler(b.reported),
	)
	if o.InProcess != nil {
		opts = append(opts, nats.InProcessServer(o.InProcess))
	}
	return opts, nil
}

// Beside opens one more connection as this one was opened, for what must not wait behind
// the rest. The server shows it under this one's name and what it is for. While no server
// answers, it is made in the background; the first try may take dialFor. That it breaks is
// not said: the first one says it. It has to be closed.
func (b *Bus) Beside(ctx context.Context, what string) (*Bus, error) {
	o := b.opts
	o.Name, o.Patient, o.Log = strings.TrimSpace(o.Name+" "+what), true, zerolog.Nop()
	return Connect(ctx, o)
}

// Close drops the connection. What must be finished is drained before by who
// started it.
func (b *Bus) Close() {
	b.nc.Close()
	b.end() // afterwards nothing more comes of a watch
}

// Connected tells whether a server answers right now.
func (b *Bus) Connected() bool { return b.nc.IsConnected() }

// Conn is the connection itself. Like JetStream and Log it is for the rooms of
// the bus alone.
func (b *Bus) Conn() *nats.Conn { return b.nc }

// JetStream is the client's view of the streams.
func (b *Bus) JetStream() jetstream.JetStream { return b.js }

// Log is where the bus says what nobody is there to be told.
func (b *Bus) Log() *zerolog.Logger { return &b.log }

// AckWait is how long the server waits for a worker that holds a delivery, as
// this process was told.
func (b *Bus) AckWait() time.Duration { return b.opts.AckWait }

// MaxBody is the size in bytes that a message may have.
func (b *Bus) MaxBody() int { return int(b.nc.MaxPayload()) }

// MaxObject is the size in bytes that an object or a payload may have.
func (b *Bus) MaxObject() int { return b.opts.MaxObject }

// Unreachable is the error of a server that does not answer. URL is shown as
// action.ShownURL does.
type Unreachable struct {
	URL string
	Err error
}

func (u *Unreachable) Error() string {
	fix := "start one, or give another --nats URL"
	if silent(u.Err) {
		fix = "what listens there says nothing: give " + FlagTLSFirst + " if it is one whose TLS has handshake_first"
	}
	return fmt.Sprintf("no NATS server answers at %s: %s (%s)", u.URL, action.ShownText(u.Err.Error()), fix)
}

// Unwrap gives the cause.
func (u *Unreachable) Unwrap() error { return u.Err }

// errNoURL takes the place of an error that repeats a URL, or a part of its
// password.
var errNoURL = errors.New("this is no URL; one is written like nats://127.0.0.1:4222, with % and two digits for what is special in a password")

// notConnected is why there is no connection.
func notConnected(o Options, err error) error {
	if o.InProcess != nil && errors.Is(err, io.ErrClosedPipe) { // its word is lost: nobody reads while he writes
		err = nats.ErrAuthorization
	}
	if why := refused(o, err); why != nil {
		return why
	}
	return unreachable(o.URL, err)
}

func unreachable(list string, err error) error {
	if list == "" {
		return &Unreachable{URL: "the embedded server", Err: err}
	}
	for url := range strings.SplitSeq(list, ",") {
		if !strings.Contains(url, "://") {
			url = "nats://" + strings.TrimSpace(url) // as the client reads it
		}
		u, parseErr := neturl.Parse(strings.TrimSpace(url))
		if parseErr != nil || u.User == nil && strings.Contains(url, "@") { // the password begins the host
			err = errNoURL
		}
	}
	return &Unreachable{URL: action.ShownURL(list), Err: err}
}
