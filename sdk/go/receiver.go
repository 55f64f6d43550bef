package callout

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Receiver is a target: an http.Handler that calls handlers. Make it by New, give it its
// handlers by OnRequest, OnResponse, OnFunction and OnEvent, and serve it then: handlers are not added
// while it serves. Apart from that it is safe for concurrent use.
type Receiver struct {
	options  Options
	verifier *Verifier
	handlers [4]map[string]handler // by phase and condition
	store    Store
	log      *slog.Logger
	now      func() time.Time

	mu      sync.Mutex
	running map[string]bool // the ids whose handler runs

	draining atomic.Bool
}

// Fallback answers what no handler covers: what it gives is treated as what a handler of a call gives,
// or, of an event, as the error of one. ErrUnknown is answered with 404.
type Fallback func(ctx context.Context, m Message) (any, error)

// ErrUnknown is what a Fallback gives that has no answer either.
var ErrUnknown = errors.New("callout: no handler stands under this condition")

// defaultMaxBody is 1 MiB, which is what Callout sends at most unless it is told otherwise.
const defaultMaxBody = 1 << 20

// New makes a Receiver. The error tells what is wrong with the options, and never shows a key.
func New(o Options) (*Receiver, error) {
	v, err := NewVerifier(o)
	if err != nil {
		return nil, err
	}
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	r := &Receiver{options: o, verifier: v, store: o.Store, log: o.Log, now: v.now, running: map[string]bool{}}
	for i := range r.handlers {
		r.handlers[i] = map[string]handler{}
	}
	if r.store == nil {
		r.store = NewMemory(10_000, 10*time.Minute)
	}
	if r.log == nil {
		r.log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return r, nil
}

// enter marks an id as one whose handler runs, and tells whether it was none yet.
func (r *Receiver) enter(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[id] {
		return false
	}
	r.running[id] = true
	return true
}

func (r *Receiver) leave(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, id)
}

// ServeHTTP answers a request as the contract says.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.receive(w, req, nil) }

// receive answers a request. came is called when its body is there.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request, came func()) {
	if fault := r.admit(req); fault != nil {
		r.refuse(w, req, fault)
		return
	}
	body, fault := r.read(w, req)
	if came != nil {
		came()
	}
	if fault != nil {
		r.refuse(w, req, fault)
		return
	}
	v, err := r.verifier.Verify(req.Context(), req.Header, body)
	if err != nil {
		r.refuse(w, req, faultOf(err))
		return
	}
	m, err := r.message(req, v)
	if err != nil {
		r.refuse(w, req, &fault400{err})
		return
	}
	r.dispatch(req.Context(), w, m)
}
