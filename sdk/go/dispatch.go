package callout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// maxAnswer is the longest answer that Callout reads unless it is told otherwise, in bytes.
const maxAnswer = 1 << 20

// outcome is what a handler gave.
type outcome struct {
	value any
	err   error
}

// dispatch handles a message, once where it is a delivery, and answers.
func (r *Receiver) dispatch(ctx context.Context, w http.ResponseWriter, m *Message) {
	h := r.find(m.Phase, m.Name)
	id := ""
	if !m.Test && (m.Phase == OfEvent || m.Sequence > 0 || get(m.Header, "Callout-Sequence") != "") {
		id = m.ID
	}
	if id != "" {
		if !r.enter(id) {
			r.tell(ctx, w, m, errBusy)
			return
		}
		// Looked up behind enter: who was handled between the two would not be seen.
		seen, err := r.seen(ctx, id)
		if err != nil || seen {
			r.leave(id)
			if err != nil {
				r.tell(ctx, w, m, unavailable(fmt.Errorf("the store: %w", err)))
				return
			}
			w.Header().Set("Callout-Duplicate", "true")
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	if h == nil {
		h = r.fallback
	}
	do, err := reading(h, m)
	if err != nil {
		r.answer(ctx, w, m, r.finish(ctx, id, outcome{err: err}))
		return
	}
	ctx, cancel := context.WithDeadline(context.WithValue(ctx, deliveryKey{}, &m.Delivery), m.Deadline)
	defer cancel()
	if ctx.Err() != nil { // nobody waits
		r.answer(ctx, w, m, r.finish(ctx, id, outcome{err: errTimeout}))
		return
	}
	done := make(chan outcome, 1)
	go run(ctx, do, m.Phase, done)
	select {
	case o := <-done:
		r.answer(ctx, w, m, r.finish(ctx, id, o))
	case <-ctx.Done():
		// A handler that takes no notice of its context goes on behind its time: until it ends, its
		// delivery counts as one that is under way.
		go func() { r.finish(ctx, id, <-done) }()
		r.tell(ctx, w, m, errTimeout)
	}
}

// seen asks the store, which a developer may have written.
func (r *Receiver) seen(ctx context.Context, id string) (seen bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return r.store.Seen(ctx, id)
}

func (r *Receiver) fallback(m *Message) (call, error) {
	if r.options.Fallback == nil {
		return nil, ErrUnknown
	}
	return func(ctx context.Context) (any, error) { return r.options.Fallback(ctx, *m) }, nil
}

// panicked is a panic of what a developer has written: a failure of it.
func panicked(p any) error { return fmt.Errorf("panic: %v\n%s", p, debug.Stack()) }

// reading reads a message into the types of a handler, which may read themselves.
func reading(h handler, m *Message) (do call, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return h(m)
}

var errGone = errors.New("the handler has ended its goroutine")

// run calls a handler, and makes JSON of its answer, which may write itself. done is told in any case: until then
// the delivery is under way.
func run(ctx context.Context, do call, phase Phase, done chan<- outcome) {
	o := outcome{err: errGone}
	defer func() {
		if p := recover(); p != nil {
			o = outcome{err: panicked(p)}
		}
		done <- o
	}()
	roomy()
	value, err := do(ctx)
	if err == nil && phase != OfEvent {
		value, err = object(value)
	}
	o = outcome{value, err}
}

// roomy has the stack of a goroutine grown at once, while there is next to nothing on it. It begins with 2 KiB, which
// a handler and the JSON of its answer do not do with, and grown beneath them all their frames are moved.
//
//go:noinline
func roomy() {
	var room [3 << 10]byte
	touch(&room)
}

//go:noinline
func touch(*[3 << 10]byte) {}

// finish is the end of what a handler gave: it has an answer that can be sent, or has failed, and its delivery is
// done, or comes again.
func (r *Receiver) finish(ctx context.Context, id string, o outcome) (end outcome) {
	if id != "" {
		defer r.leave(id)
		defer func() {
			if p := recover(); p != nil {
				end = outcome{err: unavailable(fmt.Errorf("the store: %w", panicked(p)))}
			}
		}()
	}
	if o.err == nil && id != "" {
		// The request may be over; that the handler has succeeded is true all the same.
		if err := r.store.Done(context.WithoutCancel(ctx), id); err != nil {
			o.err = unavailable(fmt.Errorf("the store: %w", err))
		}
	}
	return o
}

// object is an answer as it is sent, or nil.
func object(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	raw, err := json.Marshal(v)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer has no JSON: %w", err)
	case string(raw) == "null":
		return nil, nil
	case raw[0] != '{':
		return nil, errors.New("the answer is no object")
	case len(raw) > maxAnswer:
		return nil, errors.New("the answer is longer than 1 MiB")
	}
	return json.RawMessage(raw), nil
}

// answer writes what a handler gave.
func (r *Receiver) answer(ctx context.Context, w http.ResponseWriter, m *Message, o outcome) {
	if o.err == nil {
		if raw, ok := o.value.(json.RawMessage); ok && m.Phase != OfEvent {
			writeRaw(w, http.StatusOK, raw)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	rejection, rejected := asRejection(o.err)
	off, later := asPutOff(o.err)
	var f *fault
	switch {
	case rejected && m.Phase != OfEvent && rejection.fits():
		write(w, http.StatusOK, struct {
			Status  int    `json:"forwardedStatusCode"`
			Message string `json:"forwardedErrorMessage"`
		}{rejection.Status, rejection.Message})
	case later && m.Phase == OfEvent:
		r.putOff(ctx, w, m, off)
	case errors.As(o.err, &f):
		r.tell(ctx, w, m, f)
	case errors.Is(o.err, ErrUnknown):
		r.tell(ctx, w, m, errNobody)
	default:
		r.tell(ctx, w, m, &fault{errFailed.status, errFailed.code, errFailed.message, o.err.Error()})
	}
}

func (r *Receiver) putOff(ctx context.Context, w http.ResponseWriter, m *Message, off *putOff) {
	status, code := http.StatusServiceUnavailable, "retry_later"
	if off.never {
		status, code = http.StatusUnprocessableEntity, "given_up"
	} else if off.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((off.after+time.Second-1)/time.Second)))
	}
	r.tell(ctx, w, m, &fault{status, code, off.message, off.Error()})
}

// tell answers with a code, and says why in the log.
func (r *Receiver) tell(ctx context.Context, w http.ResponseWriter, m *Message, f *fault) {
	level := levelOf(f.status)
	if f.code == "retry_later" { // what the handler wants is no error
		level = slog.LevelWarn
	}
	r.log.LogAttrs(ctx, level, f.code, slog.String("why", f.why), slog.String("phase", m.Phase.String()),
		slog.String("name", m.Name), slog.String("delivery", m.ID), slog.Int("attempt", m.Attempt))
	write(w, f.status, told{f.code, f.message})
}
