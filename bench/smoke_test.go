package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/callout-hq/callout/bench/engine"
	"github.com/callout-hq/callout/bench/lines"
	"github.com/callout-hq/callout/bench/peers"
	"github.com/callout-hq/callout/bench/result"
)

// TestMain lets the test's program start itself as target, broker and peer, as bench does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"target", "broker", "peer"}, os.Args[1]) {
		main()
		return
	}
	os.Exit(tested(m))
}

var (
	built    string
	build    sync.Once
	buildErr error
)

func tested(m *testing.M) int {
	var err error
	if built, err = os.MkdirTemp("", "callout-bench-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(built) }()
	return m.Run()
}

// bound is how long a test takes at most.
const bound = 4 * time.Minute

// measured runs bench with few events, and gives what it has kept.
func measured(t *testing.T, args ...string) *result.Run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	kept := t.TempDir()
	if err := run(ctx, append(args, "-results", kept)); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(kept, "*.json"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	raw, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	r := new(result.Run)
	if err := json.Unmarshal(raw, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// programs are built once, into a directory that TestMain removes.
func programs(t *testing.T) string {
	t.Helper()
	build.Do(func() { buildErr = engine.Build(t.Context(), built) })
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	return built
}

// Three lines in two instances are taken through all modes, by two engines in turns.
func TestLines(t *testing.T) {
	bin := programs(t)
	r := measured(t, "lines", "-bin", "one="+bin, "-bin", "other="+bin, "-lines", "3", "-per-instance", "2", "-events", "3000", "-idle", "100ms",
		"-pace-for", "500ms", "-pairs", "1", "-flood", "100", "-settle", "500ms")
	for _, of := range []string{"one", "other"} {
		for _, part := range append(slices.Clone(lines.Modes), "start", "stop") {
			values := only(t, r, part, of)
			for _, never := range []string{"lost", "overtaken", "other ids", "waiting", "not gone on"} {
				if values[never] != 0 {
					t.Errorf("%s of %s: %s %v", part, of, never, values[never])
				}
			}
		}
		for part, measures := range map[string][]string{
			lines.Flow: {"deliveries/s", "CPU µs", "worker's µs", "RSS MiB"}, lines.Burst: {"deliveries/s", "CPU µs", "until the first s"},
			lines.Kill: {"all go on s", "all done s"}, lines.Neighbours: {"p99 alone ms", "p99 beside ms", "ratio"}, "stop": {"stop s", "start s"},
		} {
			for _, measure := range measures {
				if values := only(t, r, part, of); values[measure] <= 0 {
					t.Errorf("%s of %s: %s %v", part, of, measure, values[measure])
				}
			}
		}
	}
}

func only(t *testing.T, r *result.Run, part, of string) map[string]float64 {
	t.Helper()
	for _, row := range r.Rows {
		if row.Part == part && row.Of == of {
			return row.Values
		}
	}
	t.Fatalf("no %s of %s", part, of)
	return nil
}

// BENCH_PEERS says whom TestPeers starts: Bento, whose program takes minutes to build, is not among them unless it does.
// River needs PostgreSQL, and is left out where there is none.
func TestPeers(t *testing.T) {
	names := os.Getenv("BENCH_PEERS")
	if names == "" {
		names = strings.Join([]string{peers.Floor, peers.Callout, peers.Watermill, peers.River}, ",")
	}
	r := measured(t, "peers", "-bin", programs(t), "-peers", names, "-turns", "1", "-events", "600")
	for _, w := range peers.Workloads {
		for _, name := range strings.Split(names, ",") {
			if name == peers.River && !slices.ContainsFunc(r.Rows, func(row result.Row) bool { return row.Of == name }) {
				t.Log("River was left out")
				continue
			}
			values := only(t, r, w.Means, name)
			if values["lost"] != 0 || values["overtaken"] != 0 || values["deliveries/s"] <= 0 || values["RSS MiB"] <= 0 {
				t.Errorf("%s, %s: %v", w.Name, name, values)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"usage":                       {},
		"there is no \"all\"":         {"lines", "-modes", "all"},
		"\"0\" is no number above 0":  {"lines", "-lines", "0"},
		"there is no \"Svix\"":        {"peers", "-peers", "Svix"},
		"there is no \"two\"":         {"peers", "-workloads", "two"},
		"only one engine":             {"peers", "-bin", "a", "-bin", "b"},
		"usage: bench peer NAME":      {"peer", "floor"},
		"flag provided but not":       {"lines", "-nonsense"},
		"usage: bench broker DIR":     {"broker"},
		"-per-instance is 1 to 4997,": {"lines", "-per-instance", "5000"},
	} {
		if err := run(t.Context(), args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, not %q", args, err, want)
		}
	}
}
