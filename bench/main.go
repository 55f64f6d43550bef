// Command bench measures what Callout delivers: over the number of lines, and beside its peers. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/callout-hq/callout/bench/broker"
	"github.com/callout-hq/callout/bench/engine"
	"github.com/callout-hq/callout/bench/lines"
	"github.com/callout-hq/callout/bench/peers"
	"github.com/callout-hq/callout/bench/result"
	"github.com/callout-hq/callout/bench/target"
)

// bench starts itself as target, broker and peer too.
const usage = "usage: bench lines|peers [options]; -h tells them"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	switch args[0] {
	case "lines":
		return runLines(ctx, args[1:])
	case "peers":
		return runPeers(ctx, args[1:])
	case "target":
		return target.Serve(ctx, os.Stdout)
	case "broker":
		if len(args) != 2 {
			return errors.New("usage: bench broker DIR")
		}
		return broker.Serve(ctx, os.Stdout, args[1])
	case "peer":
		return peers.Serve(ctx, os.Stdout, args[1:])
	default:
		return errors.New(usage)
	}
}

// common are the options of both measurements.
type common struct {
	bins    []lines.Bin
	results string
	dir     string
}

func (c *common) add(f *flag.FlagSet) {
	f.Func("bin", "`[NAME=]DIR` of the programs callout, dispatcher and worker; again for others that take turns with them; left out, they are built of this clone", func(text string) error {
		name, dir, named := strings.Cut(text, "=")
		if !named {
			name, dir = text, text
		}
		c.bins = append(c.bins, lines.Bin{Name: name, Dir: dir})
		return nil
	})
	f.StringVar(&c.results, "results", "results", "`DIR` for the raw results")
	f.StringVar(&c.dir, "dir", "", "`DIR` for states and logs, which are left there; left out, one that is removed when all is well")
}

// prepare builds what is not there, and gives what cleans up.
func (c *common) prepare(ctx context.Context) (clean func(failed bool), err error) {
	clean = func(bool) {}
	if c.dir == "" {
		if c.dir, err = os.MkdirTemp("", "callout-bench-"); err != nil {
			return clean, err
		}
		clean = func(failed bool) {
			if failed {
				say("logs are in %s", c.dir)
				return
			}
			_ = os.RemoveAll(c.dir)
		}
	}
	if err = os.MkdirAll(c.dir, 0o750); err != nil || len(c.bins) > 0 {
		return clean, err
	}
	bin := c.dir + "/bin"
	say("building the programs of this clone")
	c.bins = []lines.Bin{{Name: "Callout", Dir: bin}}
	return clean, engine.Build(ctx, bin)
}

func say(format string, of ...any) {
	fmt.Fprintf(os.Stderr, time.Now().UTC().Format("15:04:05 ")+format+"\n", of...)
}

// report writes the rows and prints the table.
func report(r *result.Run, dir, base string, measures, ratios []string) error {
	name, err := r.Write(dir)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s, %d CPUs, %s; raw results: %s.json and .csv\n\n", r.At.Format(time.RFC3339), r.CPUs, r.Go, name)
	return r.Tables(os.Stdout, base, measures, ratios)
}

// mostLines of an instance may be measured.
const mostLines = 4997

func runLines(ctx context.Context, args []string) (err error) {
	var c common
	var o lines.Options
	f := flag.NewFlagSet("bench lines", flag.ContinueOnError)
	c.add(f)
	counts := f.String("lines", "10,100,1000,2000", "how many lines, one measurement after the other: `N,…`")
	modes := f.String("modes", strings.Join(lines.Modes, ","), "which `MODE,…`")
	f.IntVar(&o.Turns, "turns", 1, "how often each")
	f.IntVar(&o.Events, "events", 20_000, "in flow, burst and kill; at least two for each line")
	f.IntVar(&o.Size, "size", 1024, "bytes of an event")
	f.IntVar(&o.PerInstance, "per-instance", 2000, "lines of an instance")
	f.DurationVar(&o.IdleFor, "idle", 10*time.Second, "how long nothing happens")
	f.IntVar(&o.Pace, "pace", 200, "events a second beside neighbours")
	f.DurationVar(&o.PaceFor, "pace-for", 5*time.Second, "how long with and without neighbours")
	f.IntVar(&o.Flood, "flood", 5000, "events of the neighbour that floods")
	f.IntVar(&o.Pairs, "pairs", 3, "how often with and without neighbours")
	f.DurationVar(&o.Patience, "patience", 30*time.Second, "what has not come when nothing has for so long is lost")
	f.DurationVar(&o.Longest, "longest", 10*time.Minute, "how long one measurement may take")
	f.DurationVar(&o.Settle, "settle", 7*time.Second, "how long nothing comes until repeats are counted; a lease lasts five seconds")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.PerInstance < 1 || o.PerInstance > mostLines {
		return fmt.Errorf("-per-instance is 1 to %d, since an instance has at most 5000 lines and three are neighbours", mostLines)
	}
	o.Modes = strings.Split(*modes, ",")
	for _, mode := range o.Modes {
		if !slices.Contains(lines.Modes, mode) {
			return fmt.Errorf("-modes: there is no %q; there are %s", mode, strings.Join(lines.Modes, ", "))
		}
	}
	if o.Lines, err = numbers(*counts); err != nil {
		return fmt.Errorf("-lines: %w", err)
	}
	clean, err := c.prepare(ctx)
	defer func() { clean(err != nil) }()
	if err != nil {
		return err
	}
	o.Bins, o.Dir = c.bins, c.dir
	r := result.NewRun("lines", args)
	err = lines.Run(ctx, o, r, say)
	return errors.Join(err, report(r, c.results, c.bins[0].Name, linesMeasures, linesRatios(c.bins)), r.Err())
}

var linesMeasures = []string{"deliveries/s", "CPU µs", "worker's µs", "until the first s", "all go on s", "not gone on", "all done s", "p99 alone ms", "p99 beside ms",
	"ratio", "ratio least", "ratio most", "apply s", "first round s", "start s", "stop s", "lost", "repeats", "late repeats", "overtaken", "waiting", "RSS MiB", "idle CPU %"}

// linesRatios are of use only where two engines take turns.
func linesRatios(bins []lines.Bin) []string {
	if len(bins) < 2 {
		return nil
	}
	return []string{"deliveries/s", "CPU µs", "RSS MiB"}
}

func numbers(text string) ([]int, error) {
	var all []int
	for _, word := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number above 0", word)
		}
		all = append(all, n)
	}
	return all, nil
}
