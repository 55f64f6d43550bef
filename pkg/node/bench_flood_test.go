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
	"github.com/callout-hq/callout/pkg/work"
)

const flooded = `targets: {hang: {type: webhook, url: HOOKS/hang, timeout: 4m}, dead: {type: webhook, url: "http://127.0.0.1:9/"}, hook: {type: webhook, url: HOOKS/hook}}
functions: {hang: {targets: [{target: hang}]}, dead: {targets: [{target: dead}]}}
requests: {'*': {targets: [{target: hook}]}}`

// overflow is with how many calls a worker is flooded: more than it takes.
const overflow = 10000

// neighbours are those that are noisy: what they call, with how many calls at once they
// begin, and 200 a second from then on.
var neighbours = []struct {
	name, function string
	begin          int
}{{"floods", "hang", overflow}, {"hangs", "hang", 0}, {"has dead targets", "dead", overflow}}

// BenchmarkFlood has a noisy neighbour of the quiet: another target of their instance, or
// another instance. It floods a target that never answers with more calls than a worker
// takes, has one that never answers, or only targets that are dead. The 99th percentile of
// the quiet's calls, against the same without it, in turns; with the shares of the worker,
// and where who comes first takes all: then few calls are made, each with a deadline, and
// what part of them fails counts as well.
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
	for _, of := range neighbours {
		for name, instance := range map[string]string{"another target": "default", "another instance": "south"} {
			for how, undivided := range map[string]bool{"shares": false, "first come": true} {
				b.Run(of.name+"/"+name+"/"+how, func(b *testing.B) {
					n, with := benchNodeWith(b, config, hook.URL, work.Options{Undivided: undivided})
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
						ok(b, core.PublishMsg(&nats.Msg{Subject: "callout.call." + instance + ".function." + of.function, Reply: core.NewInbox(),
							Header: nats.Header{"Callout-Timeout": {"5m"}}, Data: object()}))
					}
					for range of.begin {
						flood()
					}
					ok(b, core.Flush())
					if undivided {
						firstCome(b, with, without, flood)
					} else {
						divided(b, with, without, flood)
					}
				})
			}
		}
	}
}

// divided measures the quiet beside a flood where the worker divides what it has: none of
// their calls fails.
func divided(b *testing.B, with, without *callout.Client, flood func()) {
	b.Helper()
	// For some milliseconds the flood is in hand as a whole: of its own instance nobody else
	// is let in until the worker has told the rest of it that its target is busy.
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if r, err := with.Request(context.Background(), callout.Call{Method: "/a.S/M", OrgID: "acme", Request: object()}); err == nil && r.Outcome == action.Continue {
			break
		}
	}
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
}

// hasty is how long a call may take where who comes first takes all, and hastyCalls how
// many are made.
const (
	hasty      = 100 * time.Millisecond
	hastyCalls = 100
)

// firstCome measures the quiet beside a flood where the worker divides nothing.
func firstCome(b *testing.B, with, without *callout.Client, flood func()) {
	b.Helper()
	for b.Loop() {
		failed := 0
		var took []float64
		for range hastyCalls {
			flood()
			ctx, cancel := context.WithTimeout(context.Background(), hasty)
			began := time.Now()
			r, err := with.Request(ctx, callout.Call{Method: "/a.S/M", OrgID: "acme", Request: object()})
			cancel()
			if err != nil || r.Outcome != action.Continue || len(r.Warnings) > 0 {
				failed++
			}
			took = append(took, micros(time.Since(began)))
		}
		z := p99(under(b, without, nil))
		b.ReportMetric(p99(took), "p99-with-µs")
		b.ReportMetric(z, "p99-without-µs")
		b.ReportMetric(p99(took)/z, "ratio")
		b.ReportMetric(float64(failed)/hastyCalls, "failed")
	}
	b.ReportMetric(0, "ns/op")
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
