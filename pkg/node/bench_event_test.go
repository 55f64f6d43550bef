package node_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/wire"
)

// hook is a target that does nothing but note when it was called.
type hook struct {
	*httptest.Server
	mu      sync.Mutex
	times   []time.Time
	want    int
	reached chan struct{} // closed when so many have come
}

func newHook(b *testing.B) *hook {
	b.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h.note()
	}))
	b.Cleanup(h.Close)
	return h
}

func (h *hook) note() {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.times = append(h.times, now)
	if len(h.times) == h.want {
		close(h.reached)
	}
}

// expect begins to count anew; the channel is closed when n have come.
func (h *hook) expect(n int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.times, h.want, h.reached = h.times[:0], n, make(chan struct{})
	return h.reached
}

// between is the time for each of the requests since expect, from the first to
// the last.
func (h *hook) between() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.times[len(h.times)-1].Sub(h.times[0]) / time.Duration(len(h.times)-1)
}

const oneLine = "targets: {hook: {type: webhook, url: HOOKS}}\nevents: {user.added: {targets: [{target: hook}]}}"

func benchEvent() action.Event {
	return action.Event{AggregateID: "u1", ResourceOwner: "acme", Type: "user.added", Payload: json.RawMessage(object())}
}

// publisher is one way to store an event, and to let what was stored flow or
// stand.
type publisher struct {
	publish     func()
	stand, flow func()
}

func ourPublisher(b *testing.B, config string, h *hook, change ...func(*node.Options)) publisher {
	b.Helper()
	n, client := benchNode(b, config, h.URL, change...)
	event := benchEvent()
	ctx := context.Background()
	act := func(do func(context.Context, string, int) error) func() {
		return func() { ok(b, do(ctx, "user.added/hook", dispatch.AllLanes)) }
	}
	i := n.Dispatcher().Instance("default")
	return publisher{
		publish: func() { _, err := client.Publish(ctx, event); ok(b, err) },
		stand:   act(i.PauseSubscription), flow: act(i.ResumeSubscription),
	}
}

// barePublisher stores a message, which a consumer with one in work posts.
func barePublisher(b *testing.B, h *hook, send func(b *testing.B, c *retryablehttp.Client, url string, body []byte)) publisher {
	b.Helper()
	ctx := context.Background()
	s, err := embed.Start(embed.Options{Data: b.TempDir(), Listen: "127.0.0.1:0"})
	ok(b, err)
	b.Cleanup(s.Close)
	connect := func() jetstream.JetStream {
		nc, err := nats.Connect(s.URL())
		ok(b, err)
		b.Cleanup(nc.Close)
		js, err := jetstream.New(nc)
		ok(b, err)
		return js
	}
	core, hooks := connect(), tuned()
	body, err := wire.EncodeEvent(benchEvent())
	ok(b, err)
	stream, err := connect().CreateStream(ctx, jetstream.StreamConfig{Name: "bare", Subjects: []string{"bare.>"}})
	ok(b, err)
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "bare", MaxAckPending: 1, AckPolicy: jetstream.AckExplicitPolicy})
	ok(b, err)
	var consuming jetstream.ConsumeContext
	p := publisher{
		publish: func() { _, err := core.Publish(ctx, "bare.a", body); ok(b, err) },
		stand:   func() { consuming.Drain(); <-consuming.Closed() },
		flow: func() {
			var err error
			consuming, err = consumer.Consume(func(m jetstream.Msg) { send(b, hooks, h.URL, m.Data()); _ = m.Ack() })
			ok(b, err)
		},
	}
	p.flow()
	b.Cleanup(func() { consuming.Stop() })
	return p
}

// BenchmarkEvent measures one line of one lane.
func BenchmarkEvent(b *testing.B) {
	h := newHook(b)
	ours, bare := ourPublisher(b, oneLine, h), barePublisher(b, h, postBare)
	b.Run("stored to called", func(b *testing.B) { storedToCalled(b, h, ours, bare) })
	b.Run("publish and deliver a backlog", func(b *testing.B) {
		backlog := func(p publisher) func(n int) time.Duration {
			return func(n int) time.Duration {
				began, reached := time.Now(), h.expect(5*n)
				together(5*n, 16, p.publish)
				<-reached
				return time.Since(began) / time.Duration(5*n)
			}
		}
		pair(b, backlog(ours), backlog(bare))
	})
	// The events are stored before anything is delivered: what is measured is
	// the delivery alone, from the first to the last.
	b.Run("deliver a backlog", func(b *testing.B) {
		deliver := func(p publisher) func(n int) time.Duration {
			return func(n int) time.Duration {
				p.stand()
				reached := h.expect(5 * n)
				together(5*n, 16, p.publish)
				p.flow()
				<-reached
				return h.between()
			}
		}
		b.Run("against a bare POST", func(b *testing.B) { pair(b, deliver(ours), deliver(bare)) })
		same := barePublisher(b, h, postSame)
		b.Run("against the same POST", func(b *testing.B) { pair(b, deliver(ours), deliver(same)) })
	})
}

func postBare(b *testing.B, c *retryablehttp.Client, url string, body []byte) { post(b, c, url, body) }

// postSame sends the headers that every event is sent with, ready made: what a
// target needs to check who called, and to know an event that it has had.
func postSame(b *testing.B, c *retryablehttp.Client, url string, body []byte) {
	request, err := retryablehttp.NewRequest(http.MethodPost, url, body)
	ok(b, err)
	for name, value := range eventHeaders {
		request.Header[name] = []string{value}
	}
	answer, err := c.Do(request)
	ok(b, err)
	_, err = io.Copy(io.Discard, answer.Body)
	ok(b, err)
	ok(b, answer.Body.Close())
}

var eventHeaders = map[string]string{
	"Content-Type": "application/json", "User-Agent": "callout", "Accept-Encoding": "gzip",
	"Callout-Target": "hook", "Callout-Attempt": "1", "Callout-Sequence": "12345", "Callout-Remaining-Ms": "10000",
	"Callout-Delivery-Id": "dlv_" + hex32, "Idempotency-Key": "dlv_" + hex32, "Webhook-Id": "dlv_" + hex32,
	"Webhook-Timestamp": "1767225600", "Webhook-Signature": "v1," + hex32 + hex32[:12],
	"Zitadel-Signature": "t=1767225600,v1=" + hex32 + hex32,
}

const hex32 = "0123456789abcdef0123456789abcdef"

// storedToCalled publishes one event at a time into an idle line, and reports
// how long it takes until the target is called.
func storedToCalled(b *testing.B, h *hook, ours, bare publisher) {
	one := func(p publisher) float64 {
		began, reached := time.Now(), h.expect(1)
		p.publish()
		<-reached
		return micros(h.times[0].Sub(began))
	}
	for range perTurn {
		one(ours)
		one(bare)
	}
	for b.Loop() {
		var a, z []float64
		for range turns * perTurn {
			a, z = append(a, one(ours)), append(z, one(bare))
		}
		slices.Sort(a)
		slices.Sort(z)
		for name, of := range map[string]int{"p50": len(a) / 2, "p99": len(a) * 99 / 100} {
			b.ReportMetric(a[of], "ours-"+name+"-µs")
			b.ReportMetric(z[of], "bare-"+name+"-µs")
			b.ReportMetric(a[of]/z[of], "ratio-"+name)
		}
	}
	b.ReportMetric(0, "ns/op")
}
