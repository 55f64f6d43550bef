package demo

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// closeIn bounds how long a server may finish what it has in hand.
const closeIn = 2 * time.Second

// server is an HTTP server on a loopback port.
type server struct {
	url  string
	http *http.Server
	done chan error
}

// serve starts h on a free loopback port. Close it.
func serve(h http.Handler) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{
		url:  "http://" + l.Addr().String(),
		http: &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second},
		done: make(chan error, 1),
	}
	go func() { s.done <- s.http.Serve(l) }()
	return s, nil
}

// close lets requests in hand finish for closeIn, then ends them.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeIn)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	if ended := <-s.done; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
