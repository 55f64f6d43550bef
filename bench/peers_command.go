package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/bench/peers"
	"github.com/callout-hq/callout/bench/result"
)

var (
	peersMeasures = []string{"deliveries/s", "CPU µs", "RSS MiB", "lost", "repeats", "overtaken"}
	peersRatios   = []string{"deliveries/s", "CPU µs"}
)

func runPeers(ctx context.Context, args []string) (err error) {
	var c common
	var o peers.Options
	var workloads []string
	for _, w := range peers.Workloads {
		workloads = append(workloads, w.Name)
	}
	f := flag.NewFlagSet("bench peers", flag.ContinueOnError)
	c.add(f)
	names := f.String("peers", strings.Join(peers.Names, ","), "who takes turns, `NAME,…`; others are held against the first")
	chosen := f.String("workloads", strings.Join(workloads, ","), "which `NAME,…`")
	f.IntVar(&o.Turns, "turns", 5, "how often each")
	f.IntVar(&o.Events, "events", 4000, "of each measurement")
	f.IntVar(&o.Size, "size", 1024, "bytes of an event")
	f.DurationVar(&o.Patience, "patience", 30*time.Second, "what has not come when nothing has for so long is lost")
	f.DurationVar(&o.Longest, "longest", 5*time.Minute, "how long one measurement may take")
	if err := f.Parse(args); err != nil {
		return err
	}
	o.Peers, o.Workloads = strings.Split(*names, ","), strings.Split(*chosen, ",")
	for _, name := range o.Peers {
		if !slices.Contains(peers.Names, name) {
			return fmt.Errorf("-peers: there is no %q; there are %s", name, strings.Join(peers.Names, ", "))
		}
	}
	for _, name := range o.Workloads {
		if !slices.Contains(workloads, name) {
			return fmt.Errorf("-workloads: there is no %q; there are %s", name, strings.Join(workloads, ", "))
		}
	}
	if len(c.bins) > 1 {
		return errors.New("-bin: only one engine is held beside its peers")
	}
	clean, err := c.prepare(ctx)
	defer func() { clean(err != nil) }()
	if err != nil {
		return err
	}
	o.Dir, o.Bin = c.dir, c.bins[0].Dir
	r := result.NewRun("peers", args)
	err = peers.Run(ctx, o, r, say)
	return errors.Join(err, report(r, c.results, o.Peers[0], peersMeasures, peersRatios), r.Err())
}
