// Package target is the receiver of a measurement: an HTTP server in a process of its own, that answers as its path says
// and counts what comes, so that lost, repeated and overtaken events are judged where it matters.
package target

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Paths below the URL of a target.
const (
	OK   = "/ok"   // answers at once
	Slow = "/slow" // answers after 20 ms
	Fail = "/fail" // answers 500
	Hang = "/hang" // answers when who asks has gone
)

// slow is how long Slow takes.
const slow = 20 * time.Millisecond

// largest is how many bytes a request may have.
const largest = 1 << 20

// server is the receiver.
type server struct {
	mu    sync.Mutex
	tally *tally
}

// Serve listens on a free port of loopback, says so on out, and serves until ctx ends.
func Serve(ctx context.Context, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &server{tally: newTally(Expect{})}
	h := &http.Server{Handler: s.handler(), ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = h.Close()
	}()
	if _, err := fmt.Fprintf(out, "ready url=http://%s\n", listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := h.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+OK+"/", func(_ http.ResponseWriter, r *http.Request) { s.take(r) })
	mux.HandleFunc("POST "+Slow+"/", func(_ http.ResponseWriter, r *http.Request) {
		s.take(r)
		time.Sleep(slow) // the work of this target
	})
	mux.HandleFunc("POST "+Fail+"/", func(w http.ResponseWriter, r *http.Request) {
		s.take(r)
		w.WriteHeader(http.StatusInternalServerError)
	})
	mux.HandleFunc("POST "+Hang+"/", func(_ http.ResponseWriter, r *http.Request) {
		s.take(r)
		<-r.Context().Done()
	})
	mux.HandleFunc("POST /control/expect", s.expect)
	mux.HandleFunc("POST /control/mark", func(http.ResponseWriter, *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tally.mark(time.Now())
	})
	mux.HandleFunc("GET /control/report", s.report)
	return mux
}

func (s *server) take(r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, largest))
	now := time.Now()
	if err != nil {
		return // who sent it goes on as if it had not come, and so do we
	}
	event, ok := ReadEvent(body)
	if !ok {
		event.Key = -1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.add(event, r.Header.Get("Callout-Delivery-Id"), now)
}

func (s *server) expect(w http.ResponseWriter, r *http.Request) {
	var e Expect
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally = newTally(e)
}

// report answers at once, or with ?events=N&idle=DURATION when so many have come, or nothing has for so long.
func (s *server) report(w http.ResponseWriter, r *http.Request) {
	want, _ := strconv.Atoi(r.FormValue("events"))
	idle, _ := time.ParseDuration(r.FormValue("idle"))
	if idle > 0 {
		s.await(r.Context(), want, idle)
	}
	s.mu.Lock()
	reported := s.tally.reported()
	s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(reported) // who asked may have gone
}

// await looks now and then, which costs less than being told of each request.
func (s *server) await(ctx context.Context, want int, idle time.Duration) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	began := time.Now()
	for {
		s.mu.Lock()
		r := s.tally.report
		s.mu.Unlock()
		last := r.LastRequest
		if last.Before(began) {
			last = began
		}
		if want > 0 && r.Events >= want || time.Since(last) > idle {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// Body is an event of about size bytes, whose type may hold letters, digits and dots. What the target reads of it stands
// in its payload, which no way of delivery takes apart.
func Body(e Event, eventType string, size int) []byte {
	body := fmt.Appendf(nil, `{"aggregateID":"a%d","event_type":"%s","event_payload":{"bench":"%d %d %d %d","pad":"`, e.Key, eventType, e.Round, e.Key, e.N, e.At)
	const end = `"}}`
	if left := size - len(body) - len(end); left > 0 {
		body = append(body, bytes.Repeat([]byte("x"), left)...)
	}
	return append(body, end...)
}

// ReadEvent finds it in a body, without reading the rest: the target shall cost little.
func ReadEvent(body []byte) (e Event, ok bool) {
	_, rest, found := bytes.Cut(body, []byte(`"bench":`))
	if !found {
		return Event{}, false
	}
	rest = bytes.TrimLeft(rest[:min(len(rest), 80)], ` "`) // a database may have put a space there
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	parts := bytes.Split(text, []byte(" "))
	if len(parts) != 4 {
		return Event{}, false
	}
	var numbers [4]int64
	for i, part := range parts {
		n, err := strconv.ParseInt(string(part), 10, 64)
		if err != nil {
			return Event{}, false
		}
		numbers[i] = n
	}
	return Event{Round: int(numbers[0]), Key: int(numbers[1]), N: int(numbers[2]), At: numbers[3]}, true
}
