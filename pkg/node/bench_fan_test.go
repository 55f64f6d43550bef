package node_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/callout-hq/callout/pkg/callout"
)

// fan is how many subscriptions have the same event.
const fan = 50

// fanned is a configuration of n targets that have the same event.
func fanned(n int) string {
	targets, execution := "targets:\n", "events:\n  user.added:\n    targets:\n"
	for i := range n {
		targets += fmt.Sprintf("  hook%d: {type: webhook, url: HOOKS/%d, timeout: 60s}\n", i, i)
		execution += fmt.Sprintf("    - {target: hook%d}\n", i)
	}
	return targets + execution
}

func storeOne(b *testing.B, client *callout.Client) func() {
	return func() { _, err := client.Publish(context.Background(), benchEvent()); ok(b, err) }
}

// BenchmarkFan has one event go to 50 subscriptions, and as many deliveries go
// through one: the time for each delivery.
func BenchmarkFan(b *testing.B) {
	h := newHook(b)
	_, many := benchNode(b, fanned(fan), h.URL)
	_, one := benchNode(b, fanned(1), h.URL)
	deliver := func(client *callout.Client, subscriptions int) func(n int) time.Duration {
		return func(n int) time.Duration {
			deliveries := n / 3 * fan
			began, reached := time.Now(), h.expect(deliveries)
			together(deliveries/subscriptions, 16, storeOne(b, client))
			<-reached
			return time.Since(began) / time.Duration(deliveries)
		}
	}
	pair(b, deliver(many, fan), deliver(one, 1))
}

// latencies notes how long after it was published an event came to each target
// but the last.
type latencies struct {
	*httptest.Server
	mu    sync.Mutex
	began time.Time
	left  int
	all   chan struct{}
	took  []float64
}

func newLatencies(b *testing.B, last http.HandlerFunc) *latencies {
	b.Helper()
	l := &latencies{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.TrimPrefix(r.URL.Path, "/") == fmt.Sprint(fan) {
			last(w, r)
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.took = append(l.took, micros(time.Since(l.began)))
		if l.left--; l.left == 0 {
			close(l.all)
		}
	}))
	b.Cleanup(l.Close)
	return l
}

// one publishes an event and waits until all but the last target have it.
func (l *latencies) one(publish func()) {
	l.mu.Lock()
	l.began, l.left, l.all = time.Now(), fan, make(chan struct{})
	l.mu.Unlock()
	publish()
	<-l.all
}

func (l *latencies) p99() float64 {
	slices.Sort(l.took)
	p99 := l.took[len(l.took)*99/100]
	l.took = l.took[:0]
	return p99
}

// BenchmarkHang has one of 51 targets never answer: the 99th percentile of what
// the others wait for an event, against the same without it, an event here and
// an event there in turns.
func BenchmarkHang(b *testing.B) {
	hang := make(chan struct{})
	hanging := newLatencies(b, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	b.Cleanup(func() { close(hang) })
	sound := newLatencies(b, func(http.ResponseWriter, *http.Request) {})
	_, withOne := benchNode(b, fanned(fan+1), hanging.URL)
	_, without := benchNode(b, fanned(fan+1), sound.URL)
	turn := func(n int) {
		for range n {
			hanging.one(storeOne(b, withOne))
			sound.one(storeOne(b, without))
		}
	}
	turn(perTurn / 3)
	hanging.p99()
	sound.p99()
	for b.Loop() {
		turn(2 * perTurn)
		with, alone := hanging.p99(), sound.p99()
		b.ReportMetric(with, "p99-with-µs")
		b.ReportMetric(alone, "p99-without-µs")
		b.ReportMetric(with/alone, "ratio")
	}
	b.ReportMetric(0, "ns/op")
}
