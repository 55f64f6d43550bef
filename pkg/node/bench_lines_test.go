package node_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/work"
)

// BenchmarkLanes has a target that takes 20 ms: what 16 and 64 lanes deliver in
// a second, against what as many hands could at most.
func BenchmarkLanes(b *testing.B) {
	for _, lanes := range []int{16, 64} {
		b.Run(fmt.Sprint(lanes), func(b *testing.B) {
			var arrived atomic.Int64
			hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				time.Sleep(20 * time.Millisecond) // the target's work, which the figures are held against
				arrived.Add(1)
			}))
			b.Cleanup(hook.Close)
			_, client := benchNode(b, fmt.Sprintf("targets: {hook: {type: webhook, url: HOOKS, lanes: %d}}\nevents: {user.added: {targets: [{target: hook}]}}", lanes), hook.URL)
			for b.Loop() {
				const n = 6000
				began, before := time.Now(), arrived.Load()
				var next atomic.Int64
				together(n, 16, func() {
					_, err := client.Publish(context.Background(), action.Event{AggregateID: fmt.Sprint("u", next.Add(1)), ResourceOwner: "acme", Type: "user.added"})
					ok(b, err)
				})
				for arrived.Load() < before+n*9/10 { // the last events fall on few lanes
					time.Sleep(time.Millisecond) // the pace of looking
				}
				rate := float64(arrived.Load()-before) / time.Since(began).Seconds()
				b.ReportMetric(rate, "events/s")
				b.ReportMetric(rate/(float64(lanes)/0.02), "of-the-most")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

const manyLines = 1000

// lined is a configuration of n subscriptions, each for an event type of its
// own.
func lined(n int) string {
	var config strings.Builder
	config.WriteString("targets: {hook: {type: webhook, url: HOOKS}}\nevents:\n")
	for i := range n {
		fmt.Fprintf(&config, "  user.e%d: {targets: [{target: hook}]}\n", i)
	}
	return config.String()
}

// BenchmarkManyLines has 1,000 subscriptions in one process with the broker:
// its memory, how many events it delivers in a second from publishing on, and
// how long starting and stopping take.
func BenchmarkManyLines(b *testing.B) {
	h := newHook(b)
	ctx := context.Background()
	for b.Loop() {
		began := time.Now()
		n, err := node.Start(ctx, node.Options{Data: b.TempDir(), Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0",
			Config: []byte(strings.ReplaceAll(lined(manyLines), "HOOKS", h.URL)), Log: zerolog.Nop()})
		ok(b, err)
		b.ReportMetric(time.Since(began).Seconds(), "start-s")
		client, err := callout.Connect(ctx, callout.Options{URL: n.NATSURL()})
		ok(b, err)
		b.ReportMetric(rate(b, h, client), "events/s")
		b.ReportMetric(float64(resident(b))/(1<<20), "RSS-MiB")
		client.Close()
		began = time.Now()
		ok(b, n.Close(ctx))
		b.ReportMetric(time.Since(began).Seconds(), "stop-s")
	}
	b.ReportMetric(0, "ns/op")
}

// rate publishes ten events into each line, and tells how many arrive in a
// second.
func rate(b *testing.B, h *hook, client *callout.Client) float64 {
	b.Helper()
	const n = 10 * manyLines
	var next atomic.Int64
	began, reached := time.Now(), h.expect(n)
	together(n, 16, func() {
		e := benchEvent()
		e.Type = fmt.Sprintf("user.e%d", next.Add(1)%manyLines)
		_, err := client.Publish(context.Background(), e)
		ok(b, err)
	})
	<-reached
	return n / time.Since(began).Seconds()
}

// resident is the memory that the kernel has given this process, in bytes.
func resident(b *testing.B) int {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("only Linux tells: ", err)
	}
	var size, pages int
	_, err = fmt.Sscan(string(raw), &size, &pages)
	ok(b, err)
	return pages * os.Getpagesize()
}

// BenchmarkIdleLine is what an idle subscription costs a worker in memory: a
// worker that has 1,000 of them, less one that has none. What its standing
// requests cost the broker, in the same process, is in it.
func BenchmarkIdleLine(b *testing.B) {
	for b.Loop() {
		none, many := workerMemory(b, 0), workerMemory(b, manyLines)
		b.ReportMetric(float64(many-none)/manyLines/1024, "KiB/line")
	}
	b.ReportMetric(0, "ns/op")
}

// workerMemory is what starting a worker adds to the heap and the stacks of
// this process, in bytes.
func workerMemory(b *testing.B, lines int) int64 {
	b.Helper()
	ctx := context.Background()
	n, err := node.Start(ctx, node.Options{Data: b.TempDir(), Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0",
		Config: []byte(strings.ReplaceAll(lined(lines), "HOOKS", "http://127.0.0.1:9")), Log: zerolog.Nop(), WithoutWorker: true})
	ok(b, err)
	connection, err := bus.Connect(ctx, bus.Options{URL: n.NATSURL(), Name: "bench worker", Log: zerolog.Nop()})
	ok(b, err)
	invoker := invoke.New(invoke.Options{Log: zerolog.Nop(), AllowLocal: true})
	before := memoryInUse()
	worker, err := work.Start(ctx, work.Options{Bus: connection, Invoker: invoker, Log: zerolog.Nop()})
	ok(b, err)
	time.Sleep(time.Second) // until its requests stand at the broker
	after := memoryInUse()
	ok(b, worker.Stop(ctx))
	invoker.Close()
	connection.Close()
	ok(b, n.Close(ctx))
	return after - before
}

// memoryInUse is what the heap holds and the stacks take, in bytes.
func memoryInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
