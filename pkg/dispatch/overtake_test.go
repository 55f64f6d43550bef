package dispatch_test

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/work"
)

// workerAt has this test binary be a worker of the broker that it names.
const workerAt = "CALLOUT_TEST_WORKER"

// workAlone is a worker in a process of its own, until its input ends.
func workAlone(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	b, err := bus.Connect(ctx, bus.Options{URL: url, Log: zerolog.Nop(), AckWait: ackWait})
	if err != nil {
		return err
	}
	defer b.Close()
	invoker := invoke.New(invoke.Options{AllowLocal: true})
	defer invoker.Close()
	w, err := work.Start(ctx, work.Options{Bus: b, Invoker: invoker, Log: zerolog.Nop()})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test
	stopping, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return w.Stop(stopping)
}

// child starts a worker in a process of its own, which may be stopped.
func (f *fleet) child() *os.Process {
	f.t.Helper()
	cmd := exec.CommandContext(context.Background(), os.Args[0])
	cmd.Env = append(os.Environ(), workerAt+"="+f.url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(f.t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(f.t, err)
	require.NoError(f.t, cmd.Start())
	f.t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Signal(syscall.SIGCONT) // it may stand
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(f.t, err)
	require.Equal(f.t, "ready\n", line)
	return cmd.Process
}

// migration is what a round does to the target of an instance.
type migration struct {
	name  string
	lanes int
	gone  bool
	last  string // the name that was in force last

	timeout time.Duration // 0 = the usual one
}

// TestNothingOvertakes changes the lanes and the name of a target, takes it away
// and brings it back, again and again, in two instances with the same names,
// while workers stall, are cut off and stopped, dispatchers die in the middle and
// the target fails now and then. For each aggregate and target, events are sent
// for the first time in their order, and none is lost.
func TestNothingOvertakes(t *testing.T) {
	t.Parallel()
	seed := uint64(20261127)
	if rounds(t, 0) > 0 { // a long run is another one each time
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	draw := rand.New(rand.NewPCG(seed, 1))
	f, r := newFleet(t), newReceiver(t)
	r.fails(0.05)
	d := f.dispatcherWith(f.bus(), dispatch.Options{Shards: 2}.Hurried(hurried, 2*hurried))
	now := map[string]*migration{}
	for _, id := range instances {
		now[id] = &migration{name: "hook", lanes: 1}
		tenant{f, id}.change(t, d, now[id].of(r, id))
	}
	cables := []*cable{newCable(t, f.url), newCable(t, f.url)}
	for _, c := range cables {
		f.worker(f.busAt(c.url, bus.Options{}))
	}
	child := f.child()
	p := f.publisher()
	stop, flowing := make(chan struct{}), sync.WaitGroup{}
	flowing.Go(func() { p.flow(t, stop) })
	halt := sync.OnceFunc(func() { close(stop); flowing.Wait() })
	t.Cleanup(halt)
	var did []string
	for range rounds(t, 5) {
		fault := f.disturb(t, draw, cables, child)
		for _, id := range instances {
			for range 1 + draw.IntN(2) { // the second before the first has drained
				m := now[id]
				m.next(draw)
				did = append(did, fmt.Sprintf("%s: %s/%d gone=%t", id, m.name, m.lanes, m.gone))
				if draw.IntN(3) > 0 {
					tenant{f, id}.change(t, d, m.of(r, id))
					continue
				}
				behind := 1 + draw.IntN(14)
				f.dying = []int{2, shards.None}[draw.IntN(2)] // it replaces the lines, which is undone again
				_, died := f.dies(t, id, func(c *cable) { c.killBehind(id, behind) }, m.of(r, id))
				did[len(did)-1] += fmt.Sprintf(" died=%t behind %d", died, behind)
				if died && draw.IntN(2) == 0 { // or it is left to who comes next
					tenant{f, id}.change(t, d, m.of(r, id))
				}
			}
		}
		fault()
	}
	for _, id := range instances {
		now[id].gone = false
		tenant{f, id}.change(t, d, now[id].of(r, id))
	}
	halt()
	f.settled(t, instances...)
	dead := f.account(t, r, "", p.events)
	t.Logf("%d events, %d requests, %d dead letters; %s", len(p.events), len(r.got("")), dead, strings.Join(did, "; "))
}

// next draws what comes: other lanes, another name, both, or away and back.
func (m *migration) next(draw *rand.Rand) {
	what := draw.IntN(8)
	if m.gone {
		m.gone = false
		return
	}
	if what == 0 {
		m.gone = true
		return
	}
	if what != 1 {
		m.lanes = map[int]int{1: 4, 4: 1}[m.lanes]
	}
	if what <= 3 {
		m.name = map[string]string{"hook": "crook", "crook": "hook"}[m.name]
	}
}

// of makes the edit: a target that stays keeps its id. One that goes comes back
// under the name that it had, or nothing would tell that it is to wait for what it
// left.
func (m *migration) of(r *receiver, id string) func(current *catalog.Snapshot) *catalog.Snapshot {
	return func(current *catalog.Snapshot) *catalog.Snapshot {
		next, sc := current.Draft("")
		var known catalog.Meta
		if len(sc.Targets) == 0 && m.last != "" {
			m.name = m.last
		}
		for name := range sc.Targets {
			m.last, known = name, sc.Meta[target(name)]
			if name != m.name {
				delete(sc.Meta, target(name))
			}
			delete(sc.Targets, name)
		}
		sc.Sections[action.OnEvent] = nil
		if m.gone {
			return next
		}
		t := lanes(hook(m.name, r.url(id, "hook")), m.lanes)
		t.Retry.Initial, t.Retry.Max, t.Timeout = 5*time.Millisecond, 20*time.Millisecond, cmp.Or(m.timeout, t.Timeout)
		sc.Targets[m.name] = t
		if known.ID != "" {
			sc.Meta[target(m.name)] = known
		}
		sc.Sections[action.OnEvent] = []action.Execution{execution("user.*", m.name)}
		return next
	}
}

// disturb begins a fault, and gives what waits for its end and ends it.
func (f *fleet) disturb(t *testing.T, draw *rand.Rand, cables []*cable, child *os.Process) (end func()) {
	t.Helper()
	c := cables[draw.IntN(len(cables))]
	long := time.After(ackWait/4 + time.Duration(draw.Int64N(int64(2*ackWait)))) // some leases lapse, some do not
	switch draw.IntN(4) {
	case 0:
		c.cut()
		return func() {}
	case 1:
		require.NoError(t, child.Signal(syscall.SIGSTOP))
		return func() { <-long; require.NoError(t, child.Signal(syscall.SIGCONT)) }
	case 2:
		c.stall()
		return func() { <-long; c.goOn() }
	}
	for _, c := range cables { // and the one that is left may be stopped later
		c.stall()
	}
	return func() {
		<-long
		for _, c := range cables {
			c.goOn()
		}
	}
}

// flow publishes to both instances until it is stopped.
func (p *publisher) flow(t *testing.T, stop <-chan struct{}) {
	next := time.NewTicker(5 * time.Millisecond)
	defer next.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-next.C:
		}
		for _, id := range instances {
			assert.NoError(t, p.store(within(t, 30*time.Second), id, "", "user.added", fmt.Sprint("u", n%7)))
		}
	}
}
