package attempts

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// onWay are the batches of records that were sent and not answered yet. The client
// has the like for any stream; it keeps a timer for each message, and leaves a
// goroutine behind when it is closed right after its first one.
type onWay struct {
	nc     *nats.Conn
	sub    *nats.Subscription
	prefix string
	mu     sync.Mutex
	last   uint64
	sent   map[uint64]sent
	none   chan struct{} // closed when nothing is on its way; nil = nobody asks
}

// sent is a batch by the log that it is for.
type sent struct {
	of      *log
	records int
	life    uint64 // of the connection when the first of them was sent
	at      time.Time
}

// listen begins to hear answers, which are handed to answered one by one.
func (w *onWay) listen(nc *nats.Conn, answered func(sent, *nats.Msg)) (err error) {
	w.nc, w.prefix, w.sent = nc, nc.NewInbox()+".", map[uint64]sent{}
	w.sub, err = nc.Subscribe(w.prefix+"*", func(m *nats.Msg) {
		number, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, w.prefix), 36, 64)
		if err != nil {
			return
		}
		if s := w.take(number); s.of != nil {
			answered(s, m)
		}
	})
	return err
}

// life is another number whenever the connection was made anew.
func (w *onWay) life() uint64 { return w.nc.Stats().Reconnects }

// send sends the last record of a batch; it is answered, overdue or among those of
// close then. After an error it is none of them.
func (w *onWay) send(subject string, text []byte, s sent) error {
	s.at = time.Now()
	w.mu.Lock()
	w.last++
	number := w.last
	w.sent[number] = s
	w.mu.Unlock()
	err := w.nc.PublishRequest(subject, w.prefix+strconv.FormatUint(number, 36), text)
	if err != nil && w.take(number).of == nil { // it was answered all the same
		return nil
	}
	return err
}

// take gives a batch that is on its way no more; one of no log when it was not.
func (w *onWay) take(number uint64) sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sent[number]
	delete(w.sent, number)
	w.tell()
	return s
}

func (w *onWay) tell() {
	if len(w.sent) == 0 && w.none != nil {
		close(w.none)
		w.none = nil
	}
}

// drained waits until nothing is on its way, as long as ctx allows. It is for one
// caller at a time.
func (w *onWay) drained(ctx context.Context) {
	none := make(chan struct{})
	w.mu.Lock()
	w.none = none
	w.tell()
	w.mu.Unlock()
	select {
	case <-none:
	case <-ctx.Done():
	}
}

// overdue gives up on those that were sent before a time.
func (w *onWay) overdue(before time.Time) (late []sent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for number, s := range w.sent {
		if s.at.Before(before) {
			late = append(late, s)
			delete(w.sent, number)
		}
	}
	w.tell()
	return late
}

// close hears no more, and gives up on all.
func (w *onWay) close() []sent {
	_ = w.sub.Unsubscribe() // it fails when the connection is gone, or the second time
	return w.overdue(time.Now().Add(time.Hour))
}
