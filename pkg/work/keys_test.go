package work

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/sign"
)

const hookOnAdded = "targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {user.added: {targets: [{target: hook}]}}"

// TestAMissingKeyIsMadeOnce: many workers meet the target without a key at the
// same moment, and all sign with the same one.
func TestAMissingKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	const workers, rounds = 8, 10
	g := newGround(t)
	g.apply(hookOnAdded)
	g.end()
	got := map[string][]string{}
	for range rounds {
		begin := make(chan struct{})
		var all sync.WaitGroup
		var mu sync.Mutex
		g.both(func(in at) {
			require.NoError(t, in.bucket(bus.BucketSecrets).Purge(within(t, 5*time.Second), in.id+".=.hook"))
			got[in.id] = nil
			for range workers {
				all.Go(func() {
					<-begin
					keys, err := newKeys(g.bus, nil).get(within(t, 5*time.Second), in.id, "", &action.Target{Name: "hook"})
					mu.Lock()
					defer mu.Unlock()
					if err != nil || len(keys) != 1 {
						t.Error(keys, err)
						return
					}
					got[in.id] = append(got[in.id], keys[0])
				})
			}
		})
		close(begin)
		all.Wait()
		g.both(func(in at) {
			kept, _, err := in.bus.Secret(within(t, 5*time.Second), "", "hook")
			require.NoError(t, err)
			require.Len(t, got[in.id], workers)
			for _, key := range got[in.id] {
				require.Equal(t, kept, key)
			}
		})
		require.NotEqual(t, got["north"][0], got["south"][0], "each instance has its own")
	}
	g.worker()
	g.publish("user.added", 1)
	g.both(func(in at) { signedWith(t, in.got("hook", 1)[0], got[in.id][0]) })
}

// TestADeliveryMakesAMissingKey, in its own instance alone.
func TestADeliveryMakesAMissingKey(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.end()
	was, _, err := g.at("south").bus.Secret(within(t, 5*time.Second), "", "hook")
	require.NoError(t, err)
	require.NoError(t, g.bucket(bus.BucketSecrets).Purge(within(t, 5*time.Second), "north.=.hook"))
	g.worker()
	g.worker()
	g.publish("user.added", 1)
	g.both(func(in at) {
		a := in.got("hook", 1)[0]
		kept, ok, err := in.bus.Secret(within(t, 5*time.Second), "", "hook")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, in.id == "south", kept == was)
		signedWith(t, a, kept)
	})
}

// known is what the watch has told of a target of an instance.
func (k *keys) known(instance, target string) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys, _ := k.of[bus.TargetKey{Instance: instance, Name: target}].signing()
	return keys
}

// TestAKeyThatIsNotMadeIsNotMadeUp: it comes from where only the dispatcher can
// read it.
func TestAKeyThatIsNotMadeIsNotMadeUp(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	k := newKeys(g.bus, nil)
	for _, id := range instances {
		from := &action.Target{Name: "elsewhere", SigningKey: action.KeySource{Env: "SOMEWHERE"}}
		_, err := k.get(within(t, 5*time.Second), id, "", from)
		require.Equal(t, action.CodeInternal, action.CodeOf(err), "%v", err)
		_, there, err := g.at(id).bus.Secret(within(t, 5*time.Second), "", "elsewhere")
		require.NoError(t, err)
		require.False(t, there)
	}
}

// TestWhatTheWatchToldIsNewer: a key that is read as it changes does not stay.
func TestWhatTheWatchToldIsNewer(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	k, next := newKeys(g.bus, nil), sign.NewKey()
	of := bus.TargetKey{Instance: "north", Name: "hook"}
	// The watch tells of another key while the one before is being read.
	sub, err := g.nc.Subscribe("$JS.API.DIRECT.GET.KV_"+bus.BucketSecrets+".>", func(*nats.Msg) { k.set(of, next) })
	require.NoError(t, err)
	require.NoError(t, g.nc.Flush())
	got, err := k.get(within(t, 5*time.Second), "north", "", &action.Target{Name: "hook"})
	require.NoError(t, err)
	require.NotEmpty(t, got)
	g.eventually(func() bool { n, _, _ := sub.Pending(); d, _ := sub.Delivered(); return n == 0 && d > 0 }, "nobody asked for the key")
	require.Equal(t, []string{next}, k.known("north", "hook"))
	require.Nil(t, k.known("south", "hook"))
	k.set(of, "")
	require.Nil(t, k.known("north", "hook"))
}

// asked counts what is asked of a bucket, or of all of JetStream; pulls are left
// out. What was answered before the count is asked for is in it.
func (g *ground) asked(bucket string) func() int64 {
	g.Helper()
	sub, err := g.nc.SubscribeSync("$JS.API.>")
	require.NoError(g, err)
	require.NoError(g, g.nc.Flush())
	n := int64(0)
	return func() int64 {
		g.Helper()
		require.NoError(g, g.nc.Flush())
		for {
			waiting, _, err := sub.Pending()
			require.NoError(g, err)
			if waiting == 0 {
				return n
			}
			m, err := sub.NextMsg(time.Minute)
			require.NoError(g, err)
			ofBucket := bucket == "" || strings.Contains(m.Subject, "KV_"+bucket)
			if ofBucket && !strings.HasPrefix(m.Subject, "$JS.API.CONSUMER.MSG.NEXT.") {
				n++
			}
		}
	}
}

const asyncToo = "targets: {hook: {type: webhook, url: HOOKS/hook}, later: {type: async, url: HOOKS/later}}\n" +
	"events: {user.added: {targets: [{target: hook}]}}\nfunctions: {f: {targets: [{target: later}]}}"

// TestKeysOfTheDepartedComeFromTheWatch: a backlog whose target has left asks the
// server for no key, and hardly for anything else.
func TestKeysOfTheDepartedComeFromTheWatch(t *testing.T) {
	t.Parallel()
	const backlog = 200
	g := newGround(t)
	g.apply(asyncToo)
	keys := map[string]string{}
	g.both(func(in at) {
		for n := range backlog {
			in.publish("user.added", n+1)
			in.async("later", n+1)
		}
		keys[in.id], _, _ = in.bus.Secret(within(t, 5*time.Second), "", "hook")
	})
	var of []lineOf
	g.both(func(in at) { of = append(of, in.line("user.added/hook"), in.line("later")) })
	g.apply("targets: {other: {type: webhook, url: HOOKS/other}}")
	g.end()
	secrets, all := g.asked(bus.BucketSecrets), g.asked("")
	g.worker()
	g.both(func(in at) {
		for _, a := range in.got("hook", backlog) {
			signedWith(t, a, keys[in.id])
		}
		in.got("later", backlog)
	})
	for _, l := range of {
		g.at(l.Instance).drained(l)
	}
	require.NoError(t, g.nc.Flush())
	require.Less(t, secrets(), int64(10), "opening the bucket and following it")
	require.Less(t, all(), int64(3*backlog/2), "what is asked is asked once, not for each of %d deliveries", 4*backlog)
}

// TestADepartedKeyThatTheWatchDoesNotKnowYet is asked for; one that is not kept
// is a fault of ours.
func TestADepartedKeyThatTheWatchDoesNotKnowYet(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	k := newKeys(g.bus, nil)
	g.both(func(in at) {
		key := sign.NewKey()
		require.NoError(t, in.bus.PutDeparted(within(t, 5*time.Second), []bus.Departed{{Owner: "acme", ID: "id", Target: "hook", Key: key}}))
		c := &claim{owner: "acme", left: "id", target: &action.Target{Name: "hook"}}
		for range 2 {
			got, err := k.departed(within(t, 5*time.Second), in.id, c)
			require.NoError(t, err)
			require.Equal(t, []string{key}, got)
		}
		k.setDeparted(in.id, bus.Departed{Owner: "acme", ID: "id"})
		c.left = "another"
		_, err := k.departed(within(t, 5*time.Second), in.id, c)
		require.Equal(t, action.CodeInternal, action.CodeOf(err), "%v", err)
	})
}

// BenchmarkDrain empties a line whose target has left and one whose target is
// there, in turns, and compares the best of each: how much slower the first is. It
// needs some rounds to tell, such as -benchtime 10x.
func BenchmarkDrain(b *testing.B) {
	for _, kind := range []string{"event", "async"} {
		b.Run(kind, func(b *testing.B) {
			best := map[bool]time.Duration{true: time.Hour, false: time.Hour}
			for first := true; b.Loop(); first = !first {
				for _, left := range []bool{first, !first} {
					best[left] = min(best[left], drain(b, kind == "async", left))
				}
			}
			ratio := float64(best[false]) / float64(best[true])
			b.ReportMetric(ratio, "of-the-speed")
			if b.N > 5 && ratio < 0.8 {
				b.Errorf("a line whose target has left drains at %.2f of the speed of one whose target is there", ratio)
			}
		})
	}
}

// drain tells how long a worker takes for a backlog.
func drain(b *testing.B, async, left bool) time.Duration {
	b.StopTimer()
	defer b.StartTimer()
	const backlog = 1000
	g := newGround(b)
	g.apply(asyncToo)
	g.both(func(in at) {
		for n := range backlog {
			if async {
				in.async("later", n+1)
			} else {
				in.publish("user.added", n+1)
			}
		}
	})
	target := map[bool]string{true: "later", false: "hook"}[async]
	if left {
		g.apply("targets: {other: {type: webhook, url: HOOKS/other}}")
	} else { // the catalog is another than that of the events too
		g.apply(strings.Replace(asyncToo, "targets: {", "targets: {other: {type: webhook, url: HOOKS/other}, ", 1))
	}
	g.end()
	began := time.Now()
	g.worker()
	g.both(func(in at) {
		g.eventually(func() bool { return len(in.hooks.got(in.id+"/"+target)) >= backlog }, "%s does not arrive", target)
	})
	return time.Since(began)
}

// async stores a delivery for an async target.
func (in at) async(target string, n int) {
	in.Helper()
	require.NoError(in, in.bus.StoreAsync(within(in, 5*time.Second), bus.AsyncDelivery{ID: newID(time.Now()), Target: target,
		Phase: action.Function, Body: fmt.Appendf(nil, `{"sequence":%d}`, n)}))
}
