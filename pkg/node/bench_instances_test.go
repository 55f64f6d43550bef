package node_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/logins"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/node"
)

// BenchmarkAccounts makes calls from an account of the core's own, with imports, and
// from the account in which the workers are, in turns on one server.
func BenchmarkAccounts(b *testing.B) {
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	b.Cleanup(hook.Close)
	g := startGuarded(b, logins.Accounts, "north")
	d := g.startFleet(b, "north")
	s, problems := file.Parse("c.yaml", []byte(strings.ReplaceAll("instance: north\ntargets: {hook: {type: webhook, url: HOOK}}\nrequests: {'*': {targets: [{target: hook}]}}", "HOOK", hook.URL)))
	if s == nil {
		b.Fatal(problems)
	}
	_, err := d.Instance("north").Apply(context.Background(), s)
	ok(b, err)
	body := object()
	caller := func(of access.Grant) func() {
		client, err := callout.Connect(context.Background(), callout.Options{URL: g.URL(), Login: g.login(of), Instance: "north", InboxPrefix: of.Inbox, Log: zerolog.Nop()})
		ok(b, err)
		b.Cleanup(client.Close)
		call := func() (action.Result, error) {
			return client.Request(context.Background(), callout.Call{Method: "/a.S/M", OrgID: "acme", Request: body})
		}
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if r, err := call(); err == nil && r.Outcome == action.Continue && len(r.Steps) == 1 {
				break
			}
		}
		return func() {
			if r, err := call(); err != nil || r.Outcome != action.Continue || len(r.Steps) != 1 {
				b.Fatal(r, err)
			}
		}
	}
	imported, same := caller(access.Core("north")), caller(access.Dispatcher())
	b.Run("one in flight", func(b *testing.B) {
		pair(b, func(n int) time.Duration { return eachMedian(n, imported) }, func(n int) time.Duration { return eachMedian(n, same) })
	})
	b.Run("64 in flight", func(b *testing.B) {
		pair(b, func(n int) time.Duration { return together(10*n, 64, imported) }, func(n int) time.Duration { return together(10*n, 64, same) })
	})
}

// manyInstances is how many instances BenchmarkInstances has.
const manyInstances = 200

// idleFor is how long they are watched doing nothing.
const idleFor = 20 * time.Second

// BenchmarkInstances has a node with 200 instances of a target, a request and an event
// line each: what one costs, beyond a node with one alone, while nothing happens, and
// when the node stops and starts again.
func BenchmarkInstances(b *testing.B) {
	for b.Loop() {
		one, all := instancesCost(b, 1), instancesCost(b, manyInstances)
		each := func(a, z float64) float64 { return (z - a) / (manyInstances - 1) }
		b.ReportMetric(each(one.cpu, all.cpu)*100, "%core/instance")
		b.ReportMetric(each(one.memory, all.memory)/1024, "KiB/instance")
		b.ReportMetric(each(one.start, all.start)*1000, "ms-start/instance")
		b.ReportMetric(each(one.stop, all.stop)*1000, "ms-stop/instance")
	}
	b.ReportMetric(0, "ns/op")
}

type instancesUse struct{ cpu, memory, start, stop float64 } // of a core; bytes; seconds

func instancesCost(b *testing.B, n int) (u instancesUse) {
	b.Helper()
	ctx := context.Background()
	o := node.Options{Data: b.TempDir(), Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", AllowUndeclared: true, Log: zerolog.Nop()}
	run, err := node.Start(ctx, o)
	ok(b, err)
	for i := range n {
		s, problems := file.Parse("c.yaml", fmt.Appendf(nil, "instance: i%d\ntargets: {hook: {type: webhook, url: 'http://127.0.0.1:9/'}}\nrequests: {'*': {targets: [{target: hook}]}}\nevents: {'*': {targets: [{target: hook}]}}", i))
		if s == nil {
			b.Fatal(problems)
		}
		_, err := run.Dispatcher().Instance(s.Instance).Apply(ctx, s)
		ok(b, err)
	}
	began := time.Now()
	ok(b, run.Close(ctx))
	u.stop = time.Since(began).Seconds()
	runtime.GC()
	before := memoryInUse()
	began = time.Now()
	run, err = node.Start(ctx, o)
	ok(b, err)
	u.start = time.Since(began).Seconds()
	time.Sleep(5 * time.Second) // until what a start brings is over
	u.memory = float64(memoryInUse() - before)
	used, began := cpuTime(b), time.Now()
	time.Sleep(idleFor)
	u.cpu = (cpuTime(b) - used).Seconds() / time.Since(began).Seconds()
	ok(b, run.Close(ctx))
	return u
}

// cpuTime is what this process has had of the processors.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	ok(b, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
