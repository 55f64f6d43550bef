package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/node"
)

// edited is a node that follows a file for each of its instances.
type edited struct {
	*running
	files map[string]string // by instance
	hooks *targets
}

func runFile(t *testing.T, hooks *targets, config string) *edited {
	t.Helper()
	in := t.TempDir()
	e := &edited{files: map[string]string{"default": filepath.Join(in, "callout.yaml"), twinID: filepath.Join(in, "twin.yaml")}, hooks: hooks}
	require.NoError(t, os.WriteFile(e.files["default"], []byte(hooks.written(config)), 0o600))
	require.NoError(t, os.WriteFile(e.files[twinID], []byte(hooks.writtenForTwin(config)), 0o600))
	e.running = run(t, hooks, "", func(o *node.Options) { o.File = e.files["default"] })
	following, unfollow := context.WithCancel(context.Background())
	t.Cleanup(unfollow)
	s, problems, err := dispatch.LoadFile(context.Background(), e.files[twinID])
	require.NoError(t, err, "%v", problems)
	require.NoError(t, e.Dispatcher().FollowFile(following, e.files[twinID], twinID))
	_, err = e.Dispatcher().Instance(twinID).ApplyFile(within(t, 10*time.Second), e.files[twinID], s)
	require.NoError(t, err)
	return e
}

// edit changes the files and waits until the next revisions are in force.
func (e *edited) edit(t *testing.T, config string) {
	t.Helper()
	before := map[string]uint64{}
	for instance, file := range e.files {
		root, _, err := revisions.Of(e.bus.Instance(instance)).Current(within(t, 5*time.Second))
		require.NoError(t, err)
		before[instance] = root.Revision
		text := e.hooks.written(config)
		if instance == twinID {
			text = e.hooks.writtenForTwin(config)
		}
		require.NoError(t, os.WriteFile(file+".new", []byte(text), 0o600))
		require.NoError(t, os.Rename(file+".new", file))
	}
	for instance := range e.files {
		require.Eventually(t, func() bool {
			now, _, err := revisions.Of(e.bus.Instance(instance)).Current(within(t, time.Second))
			return err == nil && now.Revision > before[instance]
		}, time.Minute, time.Millisecond)
	}
}

// mark is what an arrival says of its event.
type mark struct {
	aggregate string
	n         uint64
}

func markOf(t *testing.T, a arrival) mark {
	t.Helper()
	var body struct {
		AggregateID string `json:"aggregateID"`
		Sequence    uint64 `json:"sequence"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &body))
	return mark{body.AggregateID, body.Sequence}
}

// inOrder checks that each aggregate's events first arrived in their order,
// and returns how many there were.
func inOrder(t *testing.T, arrivals []arrival) int {
	t.Helper()
	last, seen := map[string]uint64{}, map[mark]bool{}
	for _, a := range arrivals {
		m := markOf(t, a)
		if seen[m] {
			continue
		}
		seen[m] = true
		require.Greater(t, m.n, last[m.aggregate], "aggregate %s", m.aggregate)
		last[m.aggregate] = m.n
	}
	return len(seen)
}

// TestLanesMigrateInOrder changes the number of lanes twice while somebody
// publishes and the target fails now and then.
func TestLanesMigrateInOrder(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	hooks.answer("hook", func(w http.ResponseWriter, _ *http.Request) {
		if rand.IntN(20) == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	config := func(lanes int) string {
		return fmt.Sprintf("targets: {hook: {type: webhook, url: HOOKS/hook, lanes: %d, retry: {initial: 5ms, max: 10ms}}}\nevents: {'*': {targets: [{target: hook}]}}", lanes)
	}
	e := runFile(t, hooks, config(1))
	stop, published := make(chan struct{}), make(chan uint64)
	go func() {
		n := uint64(0)
		for {
			select {
			case <-stop:
				published <- n
				return
			default:
				n++
				e.publish(t, event(fmt.Sprint("u", n%7), "user.added", n))
			}
		}
	}()
	hooks.await(t, "hook", 50)
	for _, lanes := range []int{16, 4, 1} {
		e.edit(t, config(lanes))
		before := len(hooks.got("hook"))
		hooks.await(t, "hook", before+200)
	}
	close(stop)
	n := <-published
	require.Eventually(t, func() bool {
		lines := e.lines(t)
		return len(lines) == 1 && !lines[0].Fenced
	}, time.Minute, 20*time.Millisecond, "only the last lane is left")
	e.drained(t)
	require.Equal(t, int(n), inOrder(t, hooks.got("hook")), "none lost")
	require.Empty(t, e.deadLetters(t, 0))
}

// TestSwitchesBetweenMatchesLoseNothing moves a stream of events between an
// all, a group and an exact execution: each event goes to exactly one.
func TestSwitchesBetweenMatchesLoseNothing(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	config := func(match string) string {
		return fmt.Sprintf("targets: {all: {type: webhook, url: HOOKS/it}, more: {type: webhook, url: HOOKS/it}}\nevents: {'*': {targets: [{target: all}]}%s}", match)
	}
	e := runFile(t, hooks, config(""))
	stop, published := make(chan struct{}), make(chan uint64)
	go func() {
		n := uint64(0)
		for {
			select {
			case <-stop:
				published <- n
				return
			default:
				n++
				e.publish(t, event("u", "user.added", n))
			}
		}
	}()
	for i := range 12 {
		e.edit(t, config([]string{", 'user.*': {targets: [{target: more}]}", ", user.added: {targets: [{target: more}]}", ""}[i%3]))
		hooks.await(t, "it", len(hooks.got("it"))+20)
	}
	close(stop)
	n := <-published
	hooks.await(t, "it", int(n))
	e.drained(t)
	require.Equal(t, int(n), e.repeats.once(t, hooks.got("it")), "none lost")
}

// TestLostConsumerIsPutBack deletes a line's consumer behind the dispatcher's
// back.
func TestLostConsumerIsPutBack(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	e := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {'*': {targets: [{target: hook}]}}", func(o *node.Options) { o.Shards = shards.None })
	e.publish(t, event("u", "user.added", 1))
	hooks.await(t, "hook", 1)
	lines := e.lines(t)
	nc, err := nats.Connect(e.NATSURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	answer, err := nc.Request("$JS.API.CONSUMER.DELETE.CALLOUT_EVENTS_default."+lines[0].Name, nil, 5*time.Second)
	require.NoError(t, err)
	require.Contains(t, string(answer.Data), `"success":true`)
	e.publish(t, event("u", "user.added", 2))
	require.Eventually(t, func() bool {
		got := hooks.got("hook")
		return markOf(t, got[len(got)-1]).n == 2
	}, time.Minute, 10*time.Millisecond)
}
