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

	"github.com/hashicorp/go-retryablehttp"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/work"
)

// The benchmarks here do a thing twice in one run, in turns: by Callout, and
// bare, with the same libraries (nats.go, go-retryablehttp with a tuned pool)
// and nothing around them: no matching, no signature, no merge, no lease. Core
// and worker reach the broker over TCP, as in a fleet. What counts is the
// ratio; the machine's speed drifts.
const (
	turns   = 7   // of each way
	perTurn = 300 // calls or events in a turn
)

// pair runs the two ways in turns and reports the median of the ratios with
// its spread, each way's median, and the ratio of what they cost in processor
// time, of core, broker, worker and target together: that is what a machine with
// other things to do changes least.
func pair(b *testing.B, ours, bare func(n int) time.Duration) {
	b.Helper()
	ours(perTurn / 3) // warm up
	bare(perTurn / 3)
	for b.Loop() {
		var ratios, costs, a, z []float64
		for range turns {
			before := cpuTime(b)
			x := ours(perTurn)
			between := cpuTime(b)
			y := bare(perTurn)
			costs = append(costs, float64(between-before)/float64(cpuTime(b)-between))
			ratios = append(ratios, float64(x)/float64(y))
			a, z = append(a, micros(x)), append(z, micros(y))
		}
		slices.Sort(ratios)
		b.ReportMetric(median(a), "ours-µs")
		b.ReportMetric(median(z), "bare-µs")
		b.ReportMetric(ratios[0], "ratio-min")
		b.ReportMetric(median(ratios), "ratio")
		b.ReportMetric(ratios[len(ratios)-1], "ratio-max")
		b.ReportMetric(median(costs), "cpu-ratio")
	}
	b.ReportMetric(0, "ns/op")
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

func median(f []float64) float64 {
	f = slices.Clone(f)
	slices.Sort(f)
	return f[len(f)/2]
}

// eachMedian gives the median time of one of n, one after the other.
func eachMedian(n int, do func()) time.Duration {
	times := make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		do()
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[n/2]
}

// together gives the time for each of n, with so many in flight.
func together(n, inFlight int, do func()) time.Duration {
	began := time.Now()
	work := make(chan struct{})
	var all sync.WaitGroup
	for range inFlight {
		all.Go(func() {
			for range work {
				do()
			}
		})
	}
	for range n {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
	return time.Since(began) / time.Duration(n)
}

func ok(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

const benchObject = `{"username":"ada","pad":"%s"}`

func object() []byte { return fmt.Appendf(nil, benchObject, strings.Repeat("x", 1000)) }

func benchNode(b *testing.B, config string, hooks string, change ...func(*node.Options)) (*node.Node, *callout.Client) {
	b.Helper()
	return benchNodeWith(b, config, hooks, work.Options{}, change...)
}

// benchNodeWith is benchNode with a worker of some options.
func benchNodeWith(b *testing.B, config string, hooks string, how work.Options, change ...func(*node.Options)) (*node.Node, *callout.Client) {
	b.Helper()
	ctx := context.Background()
	o := node.Options{Data: b.TempDir(), Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0",
		Config: []byte(strings.ReplaceAll(config, "HOOKS", hooks)), Log: zerolog.Nop(), WithoutWorker: true}
	for _, c := range change {
		c(&o)
	}
	n, err := node.Start(ctx, o)
	ok(b, err)
	b.Cleanup(func() { _ = n.Close(ctx) })
	connection, err := bus.Connect(ctx, bus.Options{URL: n.NATSURL(), Name: "bench worker", Log: zerolog.Nop()})
	ok(b, err)
	b.Cleanup(connection.Close)
	invoker := invoke.New(invoke.Options{Log: zerolog.Nop(), AllowLocal: true})
	b.Cleanup(invoker.Close)
	how.Bus, how.Invoker, how.Log = connection, invoker, zerolog.Nop()
	worker, err := work.Start(ctx, how)
	ok(b, err)
	b.Cleanup(func() { _ = worker.Stop(ctx) })
	client, err := callout.Connect(ctx, callout.Options{URL: n.NATSURL()})
	ok(b, err)
	b.Cleanup(client.Close)
	return n, client
}

// tuned is a client with a pool that fits.
func tuned() *retryablehttp.Client {
	c := retryablehttp.NewClient()
	c.Logger, c.RetryMax = nil, 0
	c.HTTPClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128, IdleConnTimeout: time.Minute}}
	return c
}

func post(b *testing.B, c *retryablehttp.Client, url string, body []byte) []byte {
	answer, err := c.Post(url, "application/json", body)
	ok(b, err)
	raw, err := io.ReadAll(answer.Body)
	ok(b, err)
	ok(b, answer.Body.Close())
	return raw
}

func BenchmarkCall(b *testing.B) {
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"metadata":{"department":"analytics"}}`)
	}))
	b.Cleanup(hook.Close)
	_, client := benchNode(b, "targets: {hook: {type: call, url: HOOKS}}\nrequests: {'*': {targets: [{target: hook}]}}", hook.URL)
	body := object()
	ours := func() {
		r, err := client.Request(context.Background(), callout.Call{Method: "/a.S/M", OrgID: "acme", Request: body})
		if err != nil || r.Outcome != action.Continue || r.Object == nil {
			b.Fatal(r, err)
		}
	}
	bareClient, bareURL := bareResponder(b, hook.URL)
	bare := func() {
		_, err := bareClient.Request(bareURL, body, 5*time.Second)
		ok(b, err)
	}
	b.Run("one in flight", func(b *testing.B) {
		pair(b, func(n int) time.Duration { return eachMedian(n, ours) }, func(n int) time.Duration { return eachMedian(n, bare) })
	})
	b.Run("64 in flight", func(b *testing.B) {
		pair(b, func(n int) time.Duration { return together(10*n, 64, ours) }, func(n int) time.Duration { return together(10*n, 64, bare) })
	})
}

// bareResponder answers a NATS request with one tuned POST, and nothing else. Its
// reply has as many bytes as that of a call, which holds the changed object.
func bareResponder(b *testing.B, hook string) (*nats.Conn, string) {
	b.Helper()
	s, err := embed.Start(embed.Options{Data: b.TempDir(), Listen: "127.0.0.1:0"})
	ok(b, err)
	b.Cleanup(s.Close)
	worker, err := nats.Connect(s.URL())
	ok(b, err)
	b.Cleanup(worker.Close)
	hooks := tuned()
	_, err = worker.QueueSubscribe("bare", "bare", func(m *nats.Msg) {
		go func() { _ = m.Respond(append(m.Data, post(b, hooks, hook, m.Data)...)) }()
	})
	ok(b, err)
	ok(b, worker.Flush())
	core, err := nats.Connect(s.URL())
	ok(b, err)
	b.Cleanup(core.Close)
	return core, "bare"
}

// BenchmarkChain calls one execution of five targets, and five of one target.
func BenchmarkChain(b *testing.B) {
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"metadata":{"department":"analytics"}}`)
	}))
	b.Cleanup(hook.Close)
	_, client := benchNode(b, `
targets: {hook: {type: call, url: HOOKS}}
requests:
  /a.S/One: {targets: [{target: hook}]}
  /a.S/Five: {targets: [{target: hook}, {target: hook}, {target: hook}, {target: hook}, {target: hook}]}
`, hook.URL)
	body := object()
	call := func(method string) {
		r, err := client.Request(context.Background(), callout.Call{Method: method, OrgID: "acme", Request: body})
		if err != nil || r.Outcome != action.Continue || r.Object == nil {
			b.Fatal(r, err)
		}
	}
	pair(b, func(n int) time.Duration { return eachMedian(n, func() { call("/a.S/Five") }) },
		func(n int) time.Duration {
			return eachMedian(n, func() {
				for range 5 {
					call("/a.S/One")
				}
			})
		})
}
