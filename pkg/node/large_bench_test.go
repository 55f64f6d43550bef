//go:build unix

package node_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

const (
	largeObjects = 10000 // targets, and as many executions
	largeLines   = 200   // of these executions, those of events
)

// large is a catalog of ten thousand targets and executions, and the function
// probe, which is at url.
func large(url string) *catalog.Snapshot {
	s, sc := catalog.Empty(catalog.DefaultInstance).Draft("")
	for i := range largeObjects {
		t := catalog.WithDefaults(action.Target{Name: fmt.Sprintf("target-%05d", i), Kind: action.Webhook,
			URL: fmt.Sprintf("https://hooks.example.com/v1/%d/hook", i), Headers: map[string]string{"X-Team": "identity"}, Labels: map[string]string{"team": "identity"}})
		sc.Targets[t.Name] = t
		phase, match := action.Request, fmt.Sprintf("/company.area%d.v2.UserService/Method%d", i%50, i)
		switch {
		case i%(largeObjects/largeLines) == 0:
			phase, match = action.OnEvent, fmt.Sprintf("user.event%d", i)
		case i%3 == 1:
			phase = action.Response
		case i%3 == 2:
			phase, match = action.Function, fmt.Sprintf("function%d", i)
		}
		sc.Sections[phase] = append(sc.Sections[phase], execution(match, t.Name))
	}
	sc.Targets["probe"] = catalog.WithDefaults(action.Target{Name: "probe", Kind: action.Webhook, URL: url})
	sc.Sections[action.Function] = append(sc.Sections[action.Function], execution("probe", "probe"))
	return s
}

func execution(match, target string) action.Execution {
	return action.Execution{Name: match, Match: match, Entries: []action.Entry{{Target: target}}}
}

// BenchmarkLargeEdit measures how long an edit of a large catalog takes until a
// core and a worker have it, from the moment that it is asked for: in turns a
// target that changes, an execution that comes and one that goes. Bytes are
// those that the broker keeps for one more revision.
func BenchmarkLargeEdit(b *testing.B) {
	probe := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	b.Cleanup(probe.Close)
	n, client := benchNode(b, "version: 1", "")
	ctx := context.Background()
	began := time.Now()
	_, err := n.Dispatcher().Instance("default").Apply(ctx, large(probe.URL))
	ok(b, err)
	b.Logf("the first apply took %s", time.Since(began).Round(time.Millisecond))
	var times, done []time.Duration
	edits := 0
	before, used := catalogBytes(b, n.NATSURL()), cpuTime(b)
	for b.Loop() {
		began := time.Now()
		_, revision, err := n.Dispatcher().Instance(catalog.DefaultInstance).Edit(ctx, "bench", changing(edits))
		ok(b, err)
		done = append(done, time.Since(began))
		awaitRevision(b, client, revision)
		times = append(times, time.Since(began))
		edits++
	}
	b.ReportMetric(millis(cpuTime(b)-used)/float64(edits), "cpu-ms/edit")
	b.ReportMetric(float64(catalogBytes(b, n.NATSURL())-before)/float64(edits), "bytes/edit")
	for name, list := range map[string][]time.Duration{"edit": done, "everywhere": times} {
		slices.Sort(list)
		b.ReportMetric(millis(list[len(list)/2]), name+"-p50-ms")
		b.ReportMetric(millis(list[min(len(list)*99/100, len(list)-1)]), name+"-p99-ms")
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(second(b, n.NATSURL()), "dispatcher-MiB")
}

// cpu is the time that all cores together have spent on this process: broker,
// dispatcher, worker and core. Unlike the clock it does not count the neighbours.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func changing(n int) func(*catalog.Snapshot) (*catalog.Snapshot, error) {
	return func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
		next, sc := current.Draft("")
		functions := sc.Sections[action.Function]
		name := fmt.Sprintf("target-%05d", n*7919%largeObjects)
		switch n % 3 {
		case 0:
			t := sc.Targets[name]
			t.URL += "/changed"
			sc.Targets[name] = t
		case 1:
			sc.Sections[action.Function] = append(functions, execution(fmt.Sprintf("new%d", n), name))
		case 2:
			at := n * 7919 % (len(functions) / 2)
			sc.Sections[action.Function] = slices.Delete(functions, at, at+1)
		}
		return next, nil
	}
}

// awaitRevision waits until the core has a revision, and a worker answers with
// it.
func awaitRevision(b *testing.B, client *callout.Client, revision uint64) {
	b.Helper()
	for _, name := range []string{"nothing", "probe"} {
		for {
			r, err := client.Function(context.Background(), name, []byte(`{}`))
			ok(b, err)
			if r.Outcome != action.Continue || len(r.Warnings) > 0 {
				b.Fatalf("%+v", r)
			}
			if r.Revision >= revision {
				break
			}
			time.Sleep(200 * time.Microsecond) // the pace of looking
		}
	}
}

// catalogBytes is what the broker keeps of catalogs and conditions.
func catalogBytes(b *testing.B, url string) uint64 {
	b.Helper()
	nc, err := nats.Connect(url)
	ok(b, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	ok(b, err)
	sum := uint64(0)
	for _, name := range []string{"KV_callout_catalog", "KV_callout_conditions"} {
		s, err := js.Stream(context.Background(), name)
		ok(b, err)
		sum += s.CachedInfo().State.Bytes
	}
	return sum
}

// second is what another dispatcher keeps in memory once it has started.
func second(b *testing.B, url string) float64 {
	b.Helper()
	ctx := context.Background()
	before := inUse()
	connection, err := bus.Connect(ctx, bus.Options{URL: url, Name: "bench dispatcher", Log: zerolog.Nop()})
	ok(b, err)
	defer connection.Close()
	began := time.Now()
	d, err := dispatch.Start(ctx, dispatch.Options{Bus: connection, Log: zerolog.Nop(), Listen: "127.0.0.1:0"})
	ok(b, err)
	b.Logf("another dispatcher started in %s", time.Since(began).Round(time.Millisecond))
	used := inUse() - before
	ok(b, d.Stop(ctx))
	return float64(used) / (1 << 20)
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
