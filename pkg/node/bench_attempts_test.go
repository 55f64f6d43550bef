package node_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/node"
)

func withoutAttempts(o *node.Options) { o.AttemptsAge = bus.NoAttempts }

// BenchmarkAttemptsLogAmiss measures what a log of attempts costs deliveries that is not
// as it should be, against one that is: one that is full, one that takes nothing, and
// one that somebody deletes again and again.
func BenchmarkAttemptsLogAmiss(b *testing.B) {
	const log = "CALLOUT_ATTEMPTS_default"
	ctx := context.Background()
	for name, amiss := range map[string]func(js jetstream.JetStream){
		"full": func(js jetstream.JetStream) {
			changeLog(b, js, func(c *jetstream.StreamConfig) { c.MaxBytes = 64 << 10 })
		},
		"takes nothing": func(js jetstream.JetStream) { changeLog(b, js, func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1 }) },
		"deleted":       func(js jetstream.JetStream) { _ = js.DeleteStream(ctx, log) }, // it may not be back yet
	} {
		b.Run(name, func(b *testing.B) {
			h := newHook(b)
			deliver := func(before func(jetstream.JetStream)) func(n int) time.Duration {
				n, client := benchNode(b, oneLine, h.URL)
				nc, err := nats.Connect(n.NATSURL())
				ok(b, err)
				b.Cleanup(nc.Close)
				js, err := jetstream.New(nc)
				ok(b, err)
				i, event := n.Dispatcher().Instance("default"), benchEvent()
				return func(n int) time.Duration {
					before(js)
					ok(b, i.PauseSubscription(ctx, "user.added/hook", dispatch.AllLanes))
					reached := h.expect(5 * n)
					together(5*n, 16, func() { _, err := client.Publish(ctx, event); ok(b, err) })
					ok(b, i.ResumeSubscription(ctx, "user.added/hook", dispatch.AllLanes))
					<-reached
					return h.between()
				}
			}
			pair(b, deliver(amiss), deliver(func(jetstream.JetStream) {}))
		})
	}
}

func changeLog(b *testing.B, js jetstream.JetStream, change func(*jetstream.StreamConfig)) {
	b.Helper()
	s, err := js.Stream(context.Background(), "CALLOUT_ATTEMPTS_default")
	ok(b, err)
	c := s.CachedInfo().Config
	change(&c)
	_, err = js.UpdateStream(context.Background(), c)
	ok(b, err)
}

// BenchmarkAttemptsLog measures what it costs to keep what becomes of each
// attempt: "ours" keeps it, "bare" does not.
func BenchmarkAttemptsLog(b *testing.B) {
	b.Run("deliver a backlog", func(b *testing.B) {
		h := newHook(b)
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
		pair(b, deliver(ourPublisher(b, oneLine, h)), deliver(ourPublisher(b, oneLine, h, withoutAttempts)))
	})
	b.Run("call", func(b *testing.B) {
		h := newHook(b)
		call := func(change ...func(*node.Options)) func(n int) time.Duration {
			_, client := benchNode(b, "targets: {hook: {type: webhook, url: HOOKS}}\nrequests: {'*': {targets: [{target: hook}]}}", h.URL, change...)
			body := object()
			return func(n int) time.Duration {
				return eachMedian(n, func() {
					_, err := client.Request(context.Background(), callout.Call{Method: "/a.S/M", OrgID: "acme", Request: body})
					ok(b, err)
				})
			}
		}
		pair(b, call(), call(withoutAttempts))
	})
}
