// Package embed runs a NATS server with JetStream inside this process, for
// development and for a single node.
package embed

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
)

// MaxStream is what an event stream of the embedded server may hold.
const MaxStream int64 = 10 << 30

// MaxAttempts is what the log of an instance's attempts on the embedded server may
// hold.
const MaxAttempts int64 = 256 << 20

// Options of the embedded server.
type Options struct {
	// Data is the directory of streams and buckets; empty keeps them in memory.
	Data string
	// Listen is host:port; port 0 takes a free one.
	Listen string
	// MaxObject is the size an object may have; the server's max_payload is
	// set to fit a body with a request and a response.
	MaxObject int
	// SyncAlways writes every message through to the disk before it is
	// confirmed: it then survives a loss of power, at about twenty times the
	// time per message. Without it a confirmed message survives the death of
	// the process, and reaches the disk within a second.
	SyncAlways bool
	// Config is a file in nats-server's own form that says who may log in, with which
	// accounts, over TLS or not, and whether there is a monitoring port; empty = nobody
	// is asked. What Options says counts.
	Config string
	Log    zerolog.Logger
}

// Server is a running embedded server.
type Server struct {
	*server.Server
	options   Options
	dir       string // of the streams
	reloading sync.Mutex
	unfollow  func() // ends the following of the configuration; nil = there is none
	lock      *flock.Flock
	scratch   string // removed when the server stops
}

// Start starts the server and waits until it takes connections. The data
// directory is locked: two servers on one would both come up and destroy it. The
// configuration is followed until Close.
func Start(o Options) (*Server, error) {
	began, _ := os.ReadFile(o.Config) // that it cannot be read is said by who needs it
	asked, ignored, err := configured(o.Config)
	if err != nil {
		return nil, err
	}
	if len(ignored) > 0 {
		o.Log.Info().Str("file", o.Config).Strs("settings", ignored).Msg("these settings of the NATS configuration do not count here: they come from what stands behind each")
	}
	host, port, err := listenAddress(o.Listen, asksWho(asked))
	if err != nil {
		return nil, err
	}
	s := &Server{options: o}
	dir, err := s.directory(o.Data)
	if s.dir = dir; err != nil {
		return nil, err
	}
	o.settle(asked, host, port, dir)
	ns, err := server.NewServer(asked)
	if err != nil {
		s.unlock()
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	ns.SetLoggerV2(logger{o.Log}, false, false, false)
	s.Server = ns
	if err := s.listen(o.Listen); err != nil {
		s.unlock()
		return nil, err
	}
	if o.Config != "" {
		s.unfollow = s.follow(began)
	}
	return s, nil
}

// settle says what no configuration says otherwise.
func (o *Options) settle(asked *server.Options, host string, port int, dir string) {
	asked.ServerName, asked.Host, asked.Port = "callout", host, port
	asked.NoSigs, asked.NoLog, asked.LogFile, asked.Syslog, asked.RemoteSyslog = true, true, "", false, ""
	asked.JetStream, asked.StoreDir, asked.DisableJetStreamBanner = true, dir, true
	// MaxBytes of a stream is reserved: a limit in the way would refuse the
	// sixth instance. Readiness watches what the disk can really take.
	asked.JetStreamMaxStore, asked.JetStreamMaxMemory = math.MaxInt64/2, math.MaxInt64/2
	asked.SyncAlways, asked.SyncInterval = o.SyncAlways, time.Second
	asked.MaxPayload, asked.MaxPending = int32(2*cmp.Or(o.MaxObject, action.DefaultObject)+128<<10), 256<<20
}

// listen starts the server. The port is tried first: the server itself would
// end the process when it is taken.
func (s *Server) listen(address string) error {
	probe, err := net.Listen("tcp", address)
	if err != nil {
		return &InUse{What: "NATS address " + address, Fix: "choose another with --nats-listen", Err: err}
	}
	if err := probe.Close(); err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return fmt.Errorf("embedded NATS did not come up at %s within 10 s", address)
	}
	if !s.JetStreamEnabled() {
		s.Shutdown()
		return errors.New("embedded NATS came up without JetStream: is the data directory writable?")
	}
	return nil
}

// URL is where clients connect.
func (s *Server) URL() string { return "nats://" + s.Addr().String() }

// Close stops the server and waits until its files are closed.
func (s *Server) Close() {
	if s.unfollow != nil {
		s.unfollow()
	}
	s.Shutdown()
	s.WaitForShutdown()
	s.unlock()
}

func (s *Server) directory(data string) (string, error) {
	if data == "" {
		dir, err := os.MkdirTemp("", "callout-")
		s.scratch = dir
		return dir, err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", fmt.Errorf("data directory %s: %w (choose another with --data)", data, err)
	}
	s.lock = flock.New(filepath.Join(data, "lock"))
	taken, err := s.lock.TryLock()
	if err != nil {
		return "", fmt.Errorf("data directory %s cannot be locked: %w (choose another with --data)", data, err)
	}
	if !taken {
		return "", &InUse{What: "data directory " + data, Fix: "stop the other process, or choose another with --data"}
	}
	return filepath.Join(data, "nats"), nil
}

func (s *Server) unlock() {
	if s.lock != nil {
		_ = s.lock.Unlock() // the process is about to let go of it anyway
	}
	if s.scratch != "" {
		_ = os.RemoveAll(s.scratch) // a leftover in the temporary folder does no harm
	}
}

// InUse is the error of an address or directory that somebody else holds.
type InUse struct {
	What, Fix string
	Err       error
}

func (e *InUse) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s cannot be used: %v (%s)", e.What, e.Err, e.Fix)
	}
	return fmt.Sprintf("%s is in use by another process (%s)", e.What, e.Fix)
}

// Unwrap gives the cause.
func (e *InUse) Unwrap() error { return e.Err }

// listenAddress reads an address. Where nobody is asked who he is, it is on this
// machine.
func listenAddress(listen string, asked bool) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no address: write host:port, such as 127.0.0.1:4222", listen)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%q has no port: write host:port, such as 127.0.0.1:4222", listen)
	}
	if ip := net.ParseIP(host); !asked && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fmt.Errorf("%q %w", host, errNotLoopback)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}
