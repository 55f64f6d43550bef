package conformance

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// published is the address at which an instance publishes its keys, on loopback.
type published struct {
	url    string
	server *http.Server

	mu      sync.Mutex
	state   string
	fetched int
	keys    Keys
}

func publish(ctx context.Context, keys Keys) (*published, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &published{url: "http://" + listener.Addr().String() + "/.well-known/jwks.json", keys: keys}
	p.server = &http.Server{Handler: http.HandlerFunc(p.answer), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := p.server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			p.become("broken") // what is fetched tells
		}
	}()
	return p, nil
}

func (p *published) close() { _ = p.server.Close() }

// become sets what is given from here on: usual, next or broken.
func (p *published) become(state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = state
}

func (p *published) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetched
}

func (p *published) answer(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetched++
	pairs := []Pair{p.keys.Ed25519, p.keys.RS256}
	switch p.state {
	case "broken":
		w.WriteHeader(http.StatusInternalServerError)
		return
	case "next":
		pairs = append(pairs, p.keys.Next)
	}
	raw, err := JWKS(pairs...)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(raw)
}
