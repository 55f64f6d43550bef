package work

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestALineIsAsWideAsItsTargetTakes: a worker has as many deliveries of an async target in hand as its
// concurrency says, now and when it says another, and where it says none all there are; so
// none waits in the worker for the limit of its target.
func TestALineIsAsWideAsItsTargetTakes(t *testing.T) {
	t.Parallel()
	const config = "targets: {narrow: {type: async, url: HOOKS/narrow, timeout: 60s, concurrency: 3}, wide: {type: async, url: HOOKS/wide, timeout: 60s}}\n" +
		"events: {user.narrow: {targets: [{target: narrow}]}, user.wide: {targets: [{target: wide}]}}"
	g := newGround(t)
	g.apply(config)
	narrow, letGo := g.blocking("narrow")
	wide, letWide := g.blocking("wide")
	const events = 36 // few enough that what blocks has room to tell of all
	for n := range events {
		g.publish("user.narrow", n+1)
		g.publish("user.wide", n+1)
	}
	w := g.worker()
	entered := func(from <-chan string, each int) {
		t.Helper()
		in := map[string]int{}
		for range each * len(instances) {
			in[<-from]++
		}
		g.both(func(at at) { require.Equal(g, each, in[at.id]) })
	}
	entered(wide, events)
	entered(narrow, 3)
	require.Equal(t, len(instances)*(events+3), w.consumer.InHand())
	g.apply(strings.Replace(config, "concurrency: 3", "concurrency: 7", 1))
	entered(narrow, 4)
	require.Equal(t, len(instances)*(events+7), w.consumer.InHand())
	require.Empty(t, narrow)
	letGo()
	letWide()
	g.both(func(in at) {
		in.settled(in.line("user.narrow/narrow"), 0)
		in.settled(in.line("user.wide/wide"), 0)
		in.got("narrow", events)
		in.got("wide", events)
	})
}
