package lead_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lead"
)

// cable leads to a server until it stalls: then nothing arrives any more, and no
// connection ends.
type cable struct {
	listener net.Listener
	stalled  chan struct{}
	ended    chan struct{}
	stall    func()
}

func newCable(t *testing.T, s *bustest.Server) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{listener: l, stalled: make(chan struct{}), ended: make(chan struct{})}
	c.stall = sync.OnceFunc(func() { close(c.stalled) })
	var all sync.WaitGroup
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				_ = near.Close()
				continue
			}
			context.AfterFunc(t.Context(), func() { _ = near.Close(); _ = far.Close() })
			all.Go(func() { c.carry(far, near) })
			all.Go(func() { c.carry(near, far) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); close(c.ended); all.Wait() })
	return c
}

func (c *cable) carry(to io.WriteCloser, from io.ReadCloser) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-c.stalled:
			<-c.ended
			return
		default:
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// connect connects through the cable.
func (c *cable) connect(t *testing.T) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(within(t, 5*time.Second), bus.Options{URL: "nats://" + c.listener.Addr().String(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// TestStalledLeaderStopsBeforeAnotherLeads has the network of a leader stall: it
// hears nothing, not even that it is cut off.
func TestStalledLeaderStopsBeforeAnotherLeads(t *testing.T) {
	t.Parallel()
	s, b := prepared(t, bus.Options{})
	bothInstances(t, func(t *testing.T, instance string) {
		c := newCable(t, s)
		leader, other := c.connect(t), connect(t, s, bus.Options{})
		var seen order
		var all sync.WaitGroup
		require.NoError(t, lead.Run(within(t, time.Minute), leader.Instance(instance), func(ctx context.Context) error {
			for i, b := range []*bus.Bus{b, other} {
				all.Go(func() {
					assert.NoError(t, lead.Run(within(t, time.Minute), b.Instance(instance), seen.turn(fmt.Sprint("other ", i))))
				})
				awaitWaiting(t, b, instance, i+1)
			}
			c.stall()
			select {
			case <-ctx.Done():
				_ = seen.turn("over")(ctx)
			case <-time.After(30 * time.Second):
				t.Error("the lead does not end")
			}
			assert.ErrorIs(t, context.Cause(ctx), lead.ErrLeadOver)
			assert.ErrorIs(t, lead.Held(ctx), lead.ErrLeadOver)
			return nil
		}))
		all.Wait()
		require.Equal(t, []string{"over", "other 0", "other 1"}, seen.seen)
	})
}

// TestDeadWaiterIsPassedOver has the one whose turn it is hear nothing of it.
func TestDeadWaiterIsPassedOver(t *testing.T) {
	t.Parallel()
	s, b := prepared(t, bus.Options{})
	bothInstances(t, func(t *testing.T, instance string) {
		release := hold(t, b, instance)
		c := newCable(t, s)
		dead, other := c.connect(t), connect(t, s, bus.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		var seen order
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		all.Go(func() { assert.Error(t, lead.Run(ctx, dead.Instance(instance), seen.turn("dead"))) })
		awaitWaiting(t, b, instance, 1)
		all.Go(func() { _ = lead.Run(within(t, 30*time.Second), other.Instance(instance), seen.turn("other")) })
		awaitWaiting(t, b, instance, 2)
		c.stall()
		release()
		require.NoError(t, lead.Run(within(t, 30*time.Second), b.Instance(instance), seen.turn("last")))
		require.Equal(t, []string{"other", "last"}, seen.seen)
	})
}

// stoppedLeader is what the process is told to be that TestStoppedLeader starts.
const stoppedLeader = "CALLOUT_TEST_STOPPED_LEADER"

// TestStoppedLeader stops the process of a leader until another leads, and lets it
// go on: asked at once, it knows that its lead is over.
func TestStoppedLeader(t *testing.T) {
	t.Parallel()
	if url, instance, child := strings.Cut(os.Getenv(stoppedLeader), " "); child {
		leadAndAnswer(t, url, instance)
		return
	}
	s, b := prepared(t, bus.Options{})
	bothInstances(t, func(t *testing.T, instance string) {
		child := exec.Command(os.Args[0], "-test.run=^TestStoppedLeader$", "-test.count=1")
		child.Env = append(os.Environ(), stoppedLeader+"="+s.URL()+" "+instance)
		ask, err := child.StdinPipe()
		require.NoError(t, err)
		answers, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
		lines := bufio.NewScanner(answers)
		require.True(t, lines.Scan())
		require.Equal(t, "leading", lines.Text())
		require.NoError(t, child.Process.Signal(syscall.SIGSTOP))
		var status syscall.WaitStatus
		_, err = syscall.Wait4(child.Process.Pid, &status, syscall.WUNTRACED, nil)
		require.NoError(t, err)
		require.True(t, status.Stopped()) // else it may still answer
		_, err = io.WriteString(ask, "still?\n")
		require.NoError(t, err)
		require.NoError(t, lead.Run(within(t, 30*time.Second), b.Instance(instance), func(context.Context) error {
			require.NoError(t, child.Process.Signal(syscall.SIGCONT))
			require.True(t, lines.Scan())
			require.Equal(t, "over", lines.Text())
			return nil
		}))
	})
}

func leadAndAnswer(t *testing.T, url, instance string) {
	t.Helper()
	b, err := bus.Connect(within(t, 5*time.Second), bus.Options{URL: url, Log: zerolog.Nop()})
	require.NoError(t, err)
	defer b.Close()
	_ = lead.Run(within(t, time.Minute), b.Instance(instance), func(ctx context.Context) error {
		fmt.Println("leading")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		if errors.Is(lead.Held(ctx), lead.ErrLeadOver) {
			fmt.Println("over")
		} else {
			fmt.Println("held")
		}
		return nil
	})
}

// TestWaitersOutliveARestart restarts the server while some wait and one leads.
func TestWaitersOutliveARestart(t *testing.T) {
	t.Parallel()
	s, first := prepared(t, bus.Options{})
	second := connect(t, s, bus.Options{})
	var all sync.WaitGroup
	var releases []func()
	for _, instance := range leadInstances {
		releases = append(releases, hold(t, first, instance))
		for range 2 {
			all.Go(func() {
				assert.NoError(t, lead.Run(within(t, 30*time.Second), second.Instance(instance), func(context.Context) error { return nil }))
			})
		}
		awaitWaiting(t, first, instance, 1)
	}
	s.Restart(t, func() {})
	for _, release := range releases {
		release()
	}
	all.Wait()
}

// TestLeadWithoutItsBucket has the bucket deleted: who asks, and who waits, is
// told so; who leads notices by its clock.
func TestLeadWithoutItsBucket(t *testing.T) {
	t.Parallel()
	s, b := prepared(t, bus.Options{})
	var all sync.WaitGroup
	ended := make(chan error, len(leadInstances))
	take := func(b *bus.Bus, instance string) error {
		return lead.Run(within(t, 30*time.Second), b.Instance(instance), func(context.Context) error { return nil })
	}
	for _, instance := range leadInstances {
		leads := make(chan struct{})
		all.Go(func() {
			assert.NoError(t, lead.Run(within(t, time.Minute), b.Instance(instance), func(ctx context.Context) error {
				close(leads)
				<-ctx.Done()
				assert.ErrorIs(t, context.Cause(ctx), lead.ErrLeadOver)
				return nil
			}))
		})
		<-leads
		other := connect(t, s, bus.Options{})
		all.Go(func() { ended <- take(other, instance) })
		awaitWaiting(t, b, instance, 1)
	}
	require.NoError(t, plain(t, s).DeleteKeyValue(within(t, 5*time.Second), "callout_leads"))
	fresh := connect(t, s, bus.Options{})
	for _, instance := range leadInstances {
		for _, err := range []error{take(b, "third"), take(fresh, instance), <-ended} {
			code(t, action.CodeMissing, err)
			require.ErrorContains(t, err, "callout_leads")
		}
	}
	all.Wait()
	require.NoError(t, b.EnsureInstallation(within(t, 5*time.Second)))
	for _, instance := range leadInstances {
		require.NoError(t, take(fresh, instance))
	}
}

// TestLeadOutlivesItsBucket has the bucket made anew at once: who leads goes on.
func TestLeadOutlivesItsBucket(t *testing.T) {
	t.Parallel()
	s, b := prepared(t, bus.Options{})
	again := make(chan struct{})
	var all, leading sync.WaitGroup
	for _, instance := range leadInstances {
		leading.Add(1)
		all.Go(func() {
			assert.NoError(t, lead.Run(within(t, time.Minute), b.Instance(instance), func(ctx context.Context) error {
				leading.Done()
				<-again
				<-time.After(lead.LeadTrust) // as long as it holds without a renewal
				return lead.Held(ctx)
			}))
		})
	}
	leading.Wait()
	require.NoError(t, plain(t, s).DeleteKeyValue(within(t, 5*time.Second), "callout_leads"))
	require.NoError(t, b.EnsureInstallation(within(t, 5*time.Second)))
	close(again)
	all.Wait()
}

// TestLeadOfAnotherVersion waits for a value that this version cannot read in
// full, and does not write over it, until it is deleted or lapses.
func TestLeadOfAnotherVersion(t *testing.T) {
	t.Parallel()
	s, b := prepared(t, bus.Options{})
	leads, err := plain(t, s).KeyValue(within(t, 5*time.Second), "callout_leads")
	require.NoError(t, err)
	for n, foreign := range []string{"a name of old", `{"leader":"x","beat":1,"new":true}`} {
		for _, instance := range leadInstances {
			for _, how := range []string{"lapses", "deleted"} {
				t.Run(fmt.Sprint(n, instance, how), func(t *testing.T) {
					t.Parallel()
					ctx, key := within(t, 30*time.Second), fmt.Sprint(instance, n, how)
					put := time.Now()
					revision, err := leads.PutString(ctx, key, foreign)
					require.NoError(t, err)
					free := make(chan struct{})
					ended := make(chan error, 1)
					go func() {
						ended <- lead.Run(ctx, b.Instance(key), func(context.Context) error {
							if how == "deleted" {
								<-free
							} else if time.Since(put) < lead.LeadTrust {
								return errors.New("it was written over")
							}
							return nil
						})
					}()
					if how == "deleted" {
						awaitQueued(t, b, key, 1)
						require.NoError(t, leads.Delete(ctx, key, jetstream.LastRevision(revision)))
						close(free)
					}
					require.NoError(t, <-ended)
				})
			}
		}
	}
}
