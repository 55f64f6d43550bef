package callout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// The bounds of the server.
const (
	maxHeader  = 64 << 10
	comeWithin = 10 * time.Second // headers and body
	drainFor   = 10 * time.Second
)

// Serve listens at an address, such as :9000, writes one line "listening on URL" to standard output,
// and serves a Receiver until ctx ends or a SIGTERM or SIGINT comes. Then it takes nothing more,
// finishes what it has begun, for 10 seconds at most, and returns nil. GET /healthz is answered 200, and 503 once it
// drains.
func Serve(ctx context.Context, address string, r *Receiver) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("callout: %w", err)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Handler: http.HandlerFunc(r.serve), ReadHeaderTimeout: comeWithin, MaxHeaderBytes: maxHeader, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Println("listening on http://" + shown(listener.Addr()))
	select {
	case err := <-ended:
		return fmt.Errorf("callout: %w", err)
	case <-ctx.Done():
	}
	stop() // a second signal ends the program at once
	r.draining.Store(true)
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	if err := server.Shutdown(late); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("callout: %w", err)
	}
	return nil
}

// shown is an address that can be asked on this machine.
func shown(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return a.String()
}

// serve answers /healthz, and has everything else handled. A body comes within its time, which ends
// with it: a handler may take longer.
func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/healthz" && (req.Method == http.MethodGet || req.Method == http.MethodHead) {
		if r.draining.Load() {
			writeRaw(w, http.StatusServiceUnavailable, []byte(`{"status":"draining"}`))
			return
		}
		writeRaw(w, http.StatusOK, []byte(`{"status":"ok"}`))
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(comeWithin)) // net/http's own server has one
	r.receive(w, req, func() { _ = control.SetReadDeadline(time.Time{}) })
}
