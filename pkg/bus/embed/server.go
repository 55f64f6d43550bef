// Package embed runs a NATS server with JetStream inside this process, for
// development and for a single node.
package embed

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
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
	// Guests may do only what is named of each.
	Guests []Guest
	Log    zerolog.Logger
}

// Server is a running embedded server.
type Server struct {
	*server.Server
	lock    *flock.Flock
	scratch string // removed when the server stops
}

// Start starts the server and waits until it takes connections. The data
// directory is locked: two servers on one would both come up and destroy it.
func Start(o Options) (*Server, error) {
	host, port, err := listenAddress(o.Listen)
	if err != nil {
		return nil, err
	}
	if o.MaxObject == 0 {
		o.MaxObject = action.DefaultObject
	}
	s := &Server{}
	dir, err := s.directory(o.Data)
	if err != nil {
		return nil, err
	}
	asked := &server.Options{
		ServerName: "callout", Host: host, Port: port, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir, DisableJetStreamBanner: true,
		// MaxBytes of a stream is reserved: a limit in the way would refuse the
		// sixth instance. Readiness watches what the disk can really take.
		JetStreamMaxStore: math.MaxInt64 / 2, JetStreamMaxMemory: math.MaxInt64 / 2,
		SyncAlways: o.SyncAlways, SyncInterval: time.Second,
		MaxPayload: int32(2*o.MaxObject + 128<<10), MaxPending: 256 << 20,
		Users: users(o.Guests),
	}
	if len(o.Guests) > 0 {
		asked.NoAuthUser = everybody
	}
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
	return s, nil
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

func listenAddress(listen string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no address: write host:port, such as 127.0.0.1:4222", listen)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%q has no port: write host:port, such as 127.0.0.1:4222", listen)
	}
	// Nobody is asked who they are yet.
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fmt.Errorf("%q is not a loopback address: until there is authentication only 127.0.0.1, ::1 or localhost may be listened on (choose another with --nats-listen)", host)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}
