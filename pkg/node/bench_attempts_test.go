package node_test

import (
	"context"
	"testing"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
)

func withoutAttempts(o *node.Options) { o.AttemptsAge = bus.NoAttempts }

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
