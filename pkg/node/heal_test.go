package node_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// TestWhatIsLostIsMadeAgain takes away each thing that the engine keeps in NATS,
// and all of them, while events flow in two instances. Readiness is red meanwhile
// and names it; nothing that was accepted and is still there is left out; the
// configuration, the keys, the pauses and what cores declared are as before.
func TestWhatIsLostIsMadeAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	ctx := within(t, 15*time.Minute)
	for _, id := range twoInstances {
		require.NoError(t, f.dispatchers[1].Instance(id).PauseTarget(ctx, "", "paused", "test"))
	}
	end := make(chan struct{})
	var publishers sync.WaitGroup
	for _, id := range twoInstances {
		publishers.Go(func() { f.publishing(id, end) })
	}
	t.Cleanup(func() { close(end); publishers.Wait() })
	b := f.bus()
	keys := map[string]string{}
	for _, id := range twoInstances {
		f.awaitFlow(id)
		keys[id], _, _ = b.Instance(id).Secret(ctx, "", "hook")
		require.NotEmpty(t, keys[id])
	}
	first := b.Instance(twoInstances[0])
	cases := []lossOf{
		{"a purge of the event stream", first.Events, true, func() { f.purge(first.Events) }},
		{"the event stream", first.Events, true, func() { f.remove(first.Events) }},
		{"the dead letters", first.Dead, false, func() { f.remove(first.Dead) }},
		{"the async deliveries", first.Async, false, func() { f.remove(first.Async) }},
		{"the consumer of a line", "consumer", false, func() { f.removeConsumers(first) }},
	}
	for _, name := range b.Needed() {
		cases = append(cases, lossOf{name, name, false, func() { f.remove(name) }})
		if bucket, is := strings.CutPrefix(name, "KV_"); is && bucket != "callout_leads" {
			cases = append(cases, lossOf{"a purge of " + name, "", false, func() { f.purge(name) }})
		}
	}
	cases = append(cases, lossOf{"all there is", "", true, func() {
		f.server.Close()
		f.begin(t.TempDir())
	}})
	for _, c := range cases {
		f.lose(ctx, b, c)
		for _, id := range twoInstances {
			require.Eventually(t, func() bool {
				key, there, err := b.Instance(id).Secret(ctx, "", "hook")
				require.True(t, !there || key == keys[id], "%s: the key of a target is the same", c.what)
				return err == nil && there
			}, time.Minute, 10*time.Millisecond, c.what)
			f.works(ctx, b, c.what, id)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Greater(t, f.red, 3, "readiness is red meanwhile")
	require.Empty(t, f.wrong, "a publisher is told to come again, and nothing else")
	t.Logf("refused for a while: %v", f.refused)
}

// lossOf is one thing to lose.
type lossOf struct {
	what   string
	named  string // in readiness; "" = it is back too soon to be sure to be seen
	events bool   // events that are not delivered may be lost
	lose   func()
}

func (f *fleet) purge(stream string) {
	s, err := f.js.Stream(f.t.Context(), stream)
	require.NoError(f.t, err)
	require.NoError(f.t, s.Purge(f.t.Context()))
}

func (f *fleet) remove(stream string) { require.NoError(f.t, f.js.DeleteStream(f.t.Context(), stream)) }

func (f *fleet) removeConsumers(i bus.Instance) {
	all, err := lines.Of(i).List(f.t.Context())
	require.NoError(f.t, err)
	for _, l := range all {
		if l.Async || !l.Packed() {
			require.NoError(f.t, f.js.DeleteConsumer(f.t.Context(), map[bool]string{true: i.Async, false: i.Events}[l.Async], l.Name))
		}
	}
}

// awaitFlow waits until events arrive that come now.
func (f *fleet) awaitFlow(id string) {
	f.t.Helper()
	before := f.arrived(id)
	if !assert.Eventually(f.t, func() bool { return f.arrived(id) > before+5 }, time.Minute, time.Millisecond, "events of %s arrive", id) {
		f.t.Fatalf("%v %v %d %s", f.refused, f.wrong[:min(3, len(f.wrong))], len(f.accepted[id]), f.log.take())
	}
}

// lose loses something and waits until all is as before.
func (f *fleet) lose(ctx context.Context, b *bus.Bus, c lossOf) {
	f.t.Helper()
	f.log.take()
	var before [2]uint64
	for n, id := range twoInstances {
		before[n] = f.last(id)
	}
	red := make(chan string, 1)
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		for watching.Err() == nil {
			if status, body := f.ready(0); status == http.StatusServiceUnavailable && strings.Contains(body, c.named) {
				select {
				case red <- body:
				default:
				}
			}
		}
	})
	began := time.Now()
	c.lose()
	for _, id := range twoInstances {
		f.awaitFlow(id)
	}
	require.Eventually(f.t, func() bool {
		for n := range f.dispatchers {
			if status, _ := f.ready(n); status != http.StatusOK {
				return false
			}
		}
		return true
	}, 60*time.Second, 5*time.Millisecond, c.what)
	healed := time.Since(began)
	stop()
	watch.Wait()
	if c.named != "" {
		select {
		case said := <-red:
			require.Contains(f.t, said, `"code":"missing"`, c.what)
			f.red++
		default: // it was back before anybody asked
		}
	}
	for n, id := range twoInstances {
		if state, err := b.Instance(id).State(ctx, b.Instance(id).Events); c.events && err == nil {
			f.from[n] = max(before[n]+1, state.State.FirstSeq) // what came before may be lost
		}
		first := f.from[n]
		until := f.last(id)
		require.Eventually(f.t, func() bool { return len(f.waiting(id, first, until)) == 0 }, 60*time.Second, 10*time.Millisecond,
			"%s: all that was accepted of %s arrives", c.what, id)
	}
	f.t.Logf("%-32s %6d ms  %s", c.what, healed.Milliseconds(), f.lostLines())
}

// lostLines is what the log says of losses.
func (f *fleet) lostLines() string {
	var found []string
	for line := range strings.Lines(f.log.take()) {
		if strings.Contains(line, `"level":"error"`) && strings.Contains(line, "missing") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return fmt.Sprintf("%d lines of log; %s", len(found), strings.Join(found[:min(len(found), 3)], " "))
}

// works tells whether an instance does all that it did.
func (f *fleet) works(ctx context.Context, b *bus.Bus, what, id string) {
	f.t.Helper()
	i := b.Instance(id)
	require.Eventually(f.t, func() bool {
		result, err := f.cores[id].Function(ctx, "f", []byte(`{}`))
		return err == nil && result.Outcome == action.Continue && result.Revision > 0
	}, time.Minute, 10*time.Millisecond, "%s: calls of %s", what, id)
	for n, d := range f.dispatchers {
		require.Eventually(f.t, func() bool { _, paused := d.Instance(id).Paused("", "paused"); return paused }, time.Minute, 5*time.Millisecond, "%s: pause of %s", what, id)
		require.Eventually(f.t, func() bool {
			all, err := d.Instance(id).Subscriptions(ctx)
			return err == nil && len(all) > 0 && !slices.ContainsFunc(all, func(s action.Subscription) bool { return s.State == action.SubscriptionLost })
		}, time.Minute, 5*time.Millisecond, "%s: lines of %s", what, id)
		extra := fmt.Sprintf("  %s: {type: webhook, url: HOOKS/hook}\n", strings.Repeat("x", n+1))
		require.Eventually(f.t, func() bool {
			_, err := d.Instance(id).Apply(ctx, f.configOf(id, extra))
			if err != nil {
				require.Contains(f.t, []action.Code{action.CodeMissing, action.CodeConflict}, action.CodeOf(err), "%s: an edit of %s: %v", what, id, err)
			}
			return err == nil
		}, time.Minute, 50*time.Millisecond, "%s: edits of %s", what, id)
	}
	require.Eventually(f.t, func() bool {
		declared, err := i.Declared(ctx)
		return err == nil && declared.Knows(action.Condition{Phase: action.OnEvent, Match: "user.changed"})
	}, time.Minute, 10*time.Millisecond, "%s: declarations of %s", what, id)
}
