package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/callout-hq/callout/bench/broker"
	"github.com/callout-hq/callout/bench/engine"
	"github.com/callout-hq/callout/bench/process"
)

// calloutPeer is Callout itself. Its events keep the order of their aggregates in 64 lanes, or none where their target is
// async.
type calloutPeer struct{ engine *engine.Engine }

const instance = "bench"

func (c *calloutPeer) start(ctx context.Context, o Options, dir, url string) (err error) {
	dir = filepath.Join(dir, "callout")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	var targets, events strings.Builder
	for _, w := range Workloads {
		kind := fmt.Sprintf("type: webhook, lanes: %d", w.Lanes)
		if w.Async { // as many at once as the others have
			kind = fmt.Sprintf("type: async, concurrency: %d", w.Lanes)
		}
		fmt.Fprintf(&targets, "  %s: {%s, url: \"%s%s/\"}\n", w.Name, kind, url, w.Path)
		fmt.Fprintf(&events, "  bench.%s: {targets: [{target: %s}]}\n", w.Name, w.Name)
	}
	c.engine, err = engine.Start(ctx, engine.Options{Bin: o.Bin, Dir: dir, Logs: dir, Within: o.Longest, Instances: []engine.Instance{{
		Name: instance, Config: "instance: " + instance + "\ntargets:\n" + targets.String() + "events:\n" + events.String(),
	}}})
	if err != nil {
		return err
	}
	return c.engine.Apply(ctx)
}

func (c *calloutPeer) store(ctx context.Context, w Workload, n int, event func(i int) (int, []byte)) error {
	return c.engine.Publisher().Publish(ctx, n, 0, func(i int) broker.Message {
		key, body := event(i)
		return broker.Message{Subject: engine.Subject(instance, key, "bench."+w.Name), Body: body}
	})
}

func (c *calloutPeer) cost() (process.Cost, error) {
	all, _, err := c.engine.Cost()
	return all, err
}

func (c *calloutPeer) stop() {
	if c.engine != nil {
		c.engine.Kill()
	}
}
