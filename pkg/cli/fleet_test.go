package cli_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
)

// fleet is a dispatcher with the broker in it, and workers: all of them
// processes. Beside the instance of its test it has a twin.
type fleet struct {
	tg         *target
	walls      *walls
	file       string // the configuration that the dispatcher follows
	dispatcher *process
	workers    []*process
	js         jetstream.JetStream
	twin       *twin
}

// ackWait is short, so that a killed worker is missed soon.
const ackWait = "1s"

func newFleet(t *testing.T, tg *target, config string, workers int) *fleet {
	t.Helper()
	return newWalledFleet(t, nil, tg, config, workers)
}

// newWalledFleet is newFleet with logins.
func newWalledFleet(t *testing.T, w *walls, tg *target, config string, workers int) *fleet {
	t.Helper()
	f := &fleet{tg: tg, file: configuration(t, fill(tg, config)), twin: newTwin(t, tg), walls: w}
	f.dispatcher = start(t, "dispatcher", tg.env(), append([]string{"--embedded-nats", "-f", f.file, "--data", t.TempDir(),
		"--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--ack-wait", ackWait}, w.broker()...)...)
	f.js = stream(t, w.dial(t, f.dispatcher.ready["nats"], access.Dispatcher()))
	require.NoError(t, f.twin.apply(t.Context(), f.dispatcher, config))
	for range workers {
		f.hire(t)
	}
	return f
}

// hire adds a worker.
func (f *fleet) hire(t *testing.T) {
	t.Helper()
	w := start(t, "worker", nil, append([]string{"--nats", f.dispatcher.ready["nats"], "--allow-local", "--ack-wait", ackWait, "--log-level", "warn"}, f.walls.worker()...)...)
	require.Equal(t, "ready nats="+f.dispatcher.ready["nats"]+"\n", w.out.String())
	f.workers = append(f.workers, w)
}

// publish stores events of a type one after the other, over aggregates in
// turn, and tells their sequences in the stream.
func (f *fleet) publish(ctx context.Context, eventType string, from, n int) ([]uint64, error) {
	var sequences []uint64
	for i := from; i < from+n; i++ {
		aggregate := fmt.Sprintf("a%d", i%5)
		sequence, err := f.store(ctx, aggregate, eventType, i)
		if err != nil {
			return sequences, err
		}
		sequences = append(sequences, sequence)
	}
	return sequences, nil
}

// store stores one event, in both instances, and tells its sequence in the
// stream of the test's.
func (f *fleet) store(ctx context.Context, aggregate, eventType string, i int) (sequence uint64, err error) {
	body := fmt.Appendf(nil, `{"aggregateID":"%s","event_type":"%s","event_payload":{"i":%d}}`, aggregate, eventType, i)
	id := fmt.Sprintf("%s-%d", eventType, i)
	ack, err := f.js.Publish(ctx, "callout.event.default.=."+aggregate+"."+eventType, body, jetstream.WithMsgID(id))
	if err != nil {
		return 0, err
	}
	_, err = f.twin.publish(ctx, f.js, aggregate, eventType, id, body)
	return ack.Sequence, err
}

// line finds the consumer of a target's line by its metadata, as any NATS tool
// could.
func (f *fleet) line(t *testing.T, targetName string) jetstream.Consumer {
	t.Helper()
	events, err := f.js.Stream(t.Context(), "CALLOUT_EVENTS_default")
	require.NoError(t, err)
	var found []string
	list := events.ListConsumers(t.Context())
	for info := range list.Info() {
		if info.Config.Metadata["callout_target"] == targetName {
			found = append(found, info.Name)
		}
	}
	require.NoError(t, list.Err())
	require.Len(t, found, 1, "consumers of target %s", targetName)
	c, err := events.Consumer(t.Context(), found[0])
	require.NoError(t, err)
	return c
}

// lastMarker is the sequence of the newest revision's marker, as any NATS tool
// could read it.
func lastMarker(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	events, err := js.Stream(t.Context(), "CALLOUT_EVENTS_default")
	require.NoError(t, err)
	last, err := events.GetLastMsgForSubject(t.Context(), "callout.catalog.default")
	require.NoError(t, err)
	return last.Sequence
}

// awaitLag waits until the server counts as many events in a line as the test
// does, at most for two seconds. A reading may be wrong for a moment.
func awaitLag(t *testing.T, c jetstream.Consumer, want int) {
	t.Helper()
	var pending, inWork int
	require.Eventually(t, func() bool {
		info, err := c.Info(t.Context())
		if err != nil {
			return false
		}
		pending, inWork = int(info.NumPending), info.NumAckPending
		return pending+inWork == want
	}, 2*time.Second, 20*time.Millisecond, "the backlog is %d", want)
	t.Logf("%s: %d pending, %d in work", c.CachedInfo().Config.Description, pending, inWork)
}
