package node_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog/file"
)

// starved is set, in the process whose table of descriptors becomes full, to
// where its targets are.
const starved = "CALLOUT_TEST_STARVED_NODE"

const starvedConfig = `
targets: {hook: {type: webhook, url: HOOKS/hook, retry: {attempts: 1}, breaker: {failures: 1, open: 1h}}}
events: {user.added: {targets: [{target: hook}]}}`

// TestAnEventOutlivesAFullTableOfDescriptors: a node that can call nobody charges
// its targets nothing, says why their lines wait, and delivers when there is
// room again. It is a process of its own, since the table is shared; its targets
// are in this one.
func TestAnEventOutlivesAFullTableOfDescriptors(t *testing.T) {
	if url := os.Getenv(starved); url != "" {
		starve(t, url)
		return
	}
	t.Parallel()
	hooks := newTargets(t)
	child := exec.Command(os.Args[0], "-test.run=^TestAnEventOutlivesAFullTableOfDescriptors$", "-test.v")
	child.Env = append(os.Environ(), starved+"="+hooks.URL)
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestAnEventOutlivesAFullTableOfDescriptors")
	for _, instance := range []string{"default", "south"} {
		got := hooks.got(instance + "/hook")
		require.Len(t, got, 1, instance)
		require.Equal(t, "1", got[0].header.Get("Callout-Attempt"), "nothing was charged")
	}
}

// starve is the child: it publishes an event in each of two instances while no
// descriptor is left.
func starve(t *testing.T, url string) {
	r := run(t, nil, strings.ReplaceAll(starvedConfig, "HOOKS", url+"/default"), nil)
	south, problems := file.Parse("test.yaml", []byte(strings.ReplaceAll(starvedConfig, "HOOKS", url+"/south")))
	require.NotNil(t, south, "%v", problems)
	south.Instance = "south"
	_, err := r.Dispatcher().Instance("south").Apply(within(t, 10*time.Second), south)
	require.NoError(t, err)
	client, err := callout.Connect(within(t, 5*time.Second), callout.Options{URL: r.NATSURL(), Instance: "south"})
	require.NoError(t, err)
	defer client.Close()

	held := fill(t)
	for _, c := range []*callout.Client{r.client.Client, client} {
		_, err := c.Publish(within(t, 10*time.Second), event("u", "user.added", 1))
		require.NoError(t, err)
	}
	for _, instance := range []string{"default", "south"} {
		record := r.heldUp(t, instance)
		require.Equal(t, []any{action.CodeOurFault, 0, action.LineRetrying}, []any{record.LastCode, record.Attempts, record.State})
	}
	for _, f := range held {
		require.NoError(t, f.Close())
	}
	for _, instance := range []string{"default", "south"} {
		book := lines.Of(r.bus.Instance(instance))
		require.Eventually(t, func() bool {
			b, err := book.Backlog(within(t, time.Second), lineIn(t, r.bus, instance))
			return err == nil && b.Lag() == 0
		}, time.Minute, 10*time.Millisecond, "it is not delivered when there is room")
	}
	require.Empty(t, r.deadLetters(t, 0))
}

// fill opens files until there is no descriptor left.
func fill(t *testing.T) []*os.File {
	t.Helper()
	const few = 256
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: few, Max: few}))
	var held []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			return held
		}
		require.NoError(t, err)
		held = append(held, f)
	}
}

// heldUp waits until a fault of ours is to be seen in an instance's line.
func (r *running) heldUp(t *testing.T, instance string) (record action.LineRecord) {
	t.Helper()
	require.Eventually(t, func() bool {
		s, err := lines.Of(r.bus.Instance(instance)).Standing(within(t, time.Second), lineIn(t, r.bus, instance))
		record = s.Record
		return err == nil && record.Held > 0
	}, time.Minute, 5*time.Millisecond, "no fault of ours is shown in %s", instance)
	return record
}

// lineIn is the one line of events of an instance.
func lineIn(t *testing.T, b *bus.Bus, instance string) lines.Line {
	t.Helper()
	all, err := lines.Of(b.Instance(instance)).List(within(t, 5*time.Second))
	require.NoError(t, err)
	for _, l := range all {
		if !l.Async {
			return l
		}
	}
	require.Fail(t, "there is no line")
	return lines.Line{}
}
