package node_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog/file"
)

const flooded = `targets: {hang: {type: webhook, url: HOOKS/hang, timeout: 4m}, hook: {type: webhook, url: HOOKS/hook}}
functions: {hang: {targets: [{target: hang}]}}
requests: {'*': {targets: [{target: hook}]}}`

// overflow is with how many calls a worker is flooded: more than it takes.
const overflow = 10000

// BenchmarkFlood has a target that never answers be flooded with more calls than a
// worker takes, and with 200 a second from then on: the 99th percentile of a call
// of another target, against the same without it, in turns. The flood is of the
// same instance, or of another.
func BenchmarkFlood(b *testing.B) {
	var release atomic.Pointer[chan struct{}]
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/hang" {
			select {
			case <-*release.Load():
			case <-r.Context().Done():
			}
		}
	}))
	b.Cleanup(hook.Close)
	config := strings.ReplaceAll(flooded, "HOOKS", hook.URL)
	_, without := benchNode(b, config, hook.URL)
	for name, instance := range map[string]string{"another target": "default", "another instance": "south"} {
		b.Run(name, func(b *testing.B) {
			n, with := benchNode(b, config, hook.URL)
			ends := make(chan struct{})
			release.Store(&ends)
			b.Cleanup(func() { close(ends) }) // before its worker is stopped, which waits for it
			s, problems := file.Parse("flood.yaml", []byte(config))
			if s == nil {
				b.Fatal(problems)
			}
			if s.Instance = instance; instance != "default" {
				_, err := n.Dispatcher().Instance(instance).Apply(context.Background(), s)
				ok(b, err)
			}
			core, err := nats.Connect(n.NATSURL())
			ok(b, err)
			b.Cleanup(core.Close)
			flood := func() {
				ok(b, core.PublishMsg(&nats.Msg{Subject: "callout.call." + instance + ".function.hang", Reply: core.NewInbox(),
					Header: nats.Header{"Callout-Timeout": {"5m"}}, Data: object()}))
			}
			for range overflow {
				flood()
			}
			ok(b, core.Flush())
			for b.Loop() {
				var a, z, ratios []float64
				for range 4 * turns { // the 99th of a turn is one of three calls: the median turn is what counts
					a = append(a, p99(under(b, with, flood)))
					z = append(z, p99(under(b, without, nil)))
					ratios = append(ratios, a[len(a)-1]/z[len(z)-1])
				}
				slices.Sort(ratios)
				b.ReportMetric(median(a), "p99-with-µs")
				b.ReportMetric(median(z), "p99-without-µs")
				b.ReportMetric(median(ratios), "ratio")
				b.ReportMetric(ratios[len(ratios)/4], "ratio-quarter")
				b.ReportMetric(ratios[len(ratios)*3/4], "ratio-three-quarters")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// under is what calls take each, while a flood goes on, or none.
func under(b *testing.B, client *callout.Client, flood func()) (took []float64) {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	body := object()
	for range perTurn {
		select {
		case <-tick.C:
			if flood != nil {
				flood()
			}
		default:
		}
		began := time.Now()
		r, err := client.Request(context.Background(), callout.Call{Method: "/a.S/M", OrgID: "acme", Request: body})
		if err != nil || r.Outcome != action.Continue || len(r.Warnings) > 0 {
			b.Fatal(r, err)
		}
		took = append(took, micros(time.Since(began)))
	}
	return took
}

func p99(took []float64) float64 {
	slices.Sort(took)
	return took[len(took)*99/100]
}
