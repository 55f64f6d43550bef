package node_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
)

// maxHeld is how many times its body a call may hold while its target works:
// about once as the core wrote it and once as the worker got it. All is
// counted: core, broker, worker and target are one process here.
const maxHeld = 4

// BenchmarkLargeCall has objects of 1 MiB, and answers that change 1 MiB: what
// the whole process holds for each call that waits for its target, and what it
// allocates for one in all, in multiples of the body.
func BenchmarkLargeCall(b *testing.B) {
	const inFlight, size = 16, 1<<20 - 1024
	var arrived sync.WaitGroup
	release := make(chan struct{})
	answer := []byte(`{"pad":"` + strings.Repeat("y", size-64) + `"}`)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived.Done()
		<-release
		_, _ = io.Copy(w, bytes.NewReader(answer))
	}))
	b.Cleanup(hook.Close)
	_, client := benchNode(b, "targets: {hook: {type: call, url: HOOKS}}\nrequests: {'*': {targets: [{target: hook}]}}", hook.URL)
	body := []byte(`{"pad":"` + strings.Repeat("x", size-64) + `"}`)
	for b.Loop() {
		arrived.Add(inFlight)
		idle, before := heap()
		var calls sync.WaitGroup
		for range inFlight {
			calls.Go(func() {
				r, err := client.Request(context.Background(), callout.Call{Method: "/a.S/M", OrgID: "acme", Request: body})
				if err != nil || r.Outcome != action.Continue || len(r.Object) < size/2 {
					b.Error(r.Outcome, err)
				}
			})
		}
		arrived.Wait()
		held, _ := heap()
		close(release)
		calls.Wait()
		_, after := heap()
		release = make(chan struct{})
		multiple := float64(held-idle) / inFlight / float64(size)
		if multiple > maxHeld {
			b.Errorf("a call holds %.1f times its body, more than %d", multiple, maxHeld)
		}
		b.ReportMetric(multiple, "held-×")
		b.ReportMetric(float64(after-before)/inFlight/float64(size), "allocated-×")
	}
	b.ReportMetric(0, "ns/op")
}

// heap gives the bytes in use after a collection, and those ever allocated.
func heap() (live, ever uint64) {
	runtime.GC()
	runtime.GC() // what pools kept is gone only now
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.TotalAlloc
}
