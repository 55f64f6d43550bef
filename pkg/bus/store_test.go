package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/wire"
)

func jetStream(t *testing.T, s *embed.Server) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(s.URL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

func foreign(t *testing.T, js jetstream.JetStream, name string, subjects ...string) {
	t.Helper()
	_, err := js.CreateStream(within(t, 5*time.Second), jetstream.StreamConfig{Name: name, Subjects: subjects})
	require.NoError(t, err)
}

func TestPublishConfirmsAndTellsDuplicates(t *testing.T) {
	s, b := prepared(t, bus.Options{})
	first := publish(t, b, "e1", "u1", "user.added")
	again := publish(t, b, "e1", "u1", "user.added")
	require.False(t, first.Duplicate)
	require.Equal(t, bus.Stored{ID: "e1", StreamSequence: first.StreamSequence, Duplicate: true}, again)

	stream, err := jetStream(t, s).Stream(within(t, 5*time.Second), bus.EventStream(instance))
	require.NoError(t, err)
	raw, err := stream.GetMsg(within(t, 5*time.Second), first.StreamSequence)
	require.NoError(t, err)
	at, err := wire.ParseStoredEvent(raw.Subject)
	require.NoError(t, err)
	require.Equal(t, wire.StoredEvent{Instance: instance, Org: "acme", Type: "user.added",
		Lane4: wire.Partition("u1", 4), Lane16: wire.Partition("u1", 16), Lane64: wire.Partition("u1", 64)}, at)

	_, err = b.Publish(within(t, 5*time.Second), bus.NewEvent{Instance: "nobody", AggregateID: "u", Type: "a"})
	code(t, action.CodeUnavailable, err)
	_, err = b.Publish(within(t, 5*time.Second), bus.NewEvent{Instance: instance, AggregateID: "u", Type: "a..b"})
	code(t, action.CodeBadField, err)
}

// TestFullStreamRefusesAndKeeps fills a stream to its limit.
func TestFullStreamRefusesAndKeeps(t *testing.T) {
	_, b := prepared(t, bus.Options{MaxStream: 64 << 10})
	var last error
	stored := 0
	for last == nil && stored < 1000 {
		_, last = b.Publish(within(t, 5*time.Second), bus.NewEvent{Instance: instance, AggregateID: "u", Type: "a", Body: make([]byte, 1024)})
		if last == nil {
			stored++
		}
	}
	code(t, action.CodeStreamFull, last)
	require.Greater(t, stored, 10)
	l := line(t, b, "a", nil)
	backlog, err := b.Backlog(within(t, 5*time.Second), l)
	require.NoError(t, err)
	require.Equal(t, uint64(stored), backlog.Lag(), "nothing old was dropped")
}

func TestDeadLetterIsKeptOnce(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 10*time.Second)
	none, err := b.DeadLetters(ctx, instance)
	require.NoError(t, err)
	require.Empty(t, none)
	letter := action.DeadLetter{DeliveryID: "dlv_1", Instance: instance, Target: "hook", Phase: action.OnEvent, Attempts: 3,
		Reason: action.CodeExhausted, LastError: "zwei\nZeilen", Body: []byte("not {json")}
	require.NoError(t, b.StoreDead(ctx, letter, 0))
	second := letter
	second.Attempts = 99
	require.NoError(t, b.StoreDead(ctx, second, 0), "a repeat is no error")
	all, err := b.DeadLetters(ctx, instance)
	require.NoError(t, err)
	require.Equal(t, []action.DeadLetter{letter}, all)

	err = b.StoreDead(ctx, action.DeadLetter{DeliveryID: "x", Instance: "nobody"}, 0)
	require.Error(t, err)
}

func TestReadinessIsARealPublish(t *testing.T) {
	s, b := prepared(t, bus.Options{})
	require.NoError(t, b.Ready(within(t, 2*time.Second)))
	require.NoError(t, jetStream(t, s).DeleteStream(within(t, 2*time.Second), "CALLOUT_READY"))
	require.Error(t, b.Ready(within(t, 2*time.Second)))
}

func TestEmbeddedServerLocksItsDirectoryAndPort(t *testing.T) {
	dir := t.TempDir()
	s, err := embed.Start(embed.Options{Data: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	var inUse *embed.InUse
	_, err = embed.Start(embed.Options{Data: dir, Listen: "127.0.0.1:0"})
	require.ErrorAs(t, err, &inUse)
	require.ErrorContains(t, err, dir)
	_, err = embed.Start(embed.Options{Data: t.TempDir(), Listen: s.Addr().String()})
	require.ErrorAs(t, err, &inUse)
	_, err = embed.Start(embed.Options{Listen: "4222"})
	require.ErrorContains(t, err, "host:port")
	s.Close()
	s, err = embed.Start(embed.Options{Data: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err, "the lock goes with its process")
	s.Close()
}

func TestBusSurvivesARestartOfTheServer(t *testing.T) {
	dir := t.TempDir()
	s, err := embed.Start(embed.Options{Data: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	address := s.Addr().String()
	b := connect(t, s, bus.Options{})
	require.NoError(t, b.EnsureInstallation(within(t, 5*time.Second)))
	require.NoError(t, b.EnsureInstance(within(t, 5*time.Second), instance))
	l := line(t, b, "user.added", nil)
	var seen took
	consume(t, b, l, func(_ context.Context, d *bus.Delivery) { seen.add(string(d.Body)); _ = d.Ack() })
	publish(t, b, "a", "u", "user.added")
	seen.await(t, 1)
	s.Close()
	require.Eventually(t, func() bool { return !b.Connected() }, 5*time.Second, time.Millisecond)
	_, err = b.Publish(within(t, 5*time.Second), bus.NewEvent{Instance: instance, AggregateID: "u", Type: "a"})
	code(t, action.CodeUnavailable, err)
	s, err = embed.Start(embed.Options{Data: dir, Listen: address})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.Eventually(t, b.Connected, 5*time.Second, time.Millisecond)
	publish(t, b, "b", "u", "user.added")
	require.Eventually(t, func() bool {
		got := seen.get()
		return len(got) >= 2 && got[len(got)-1] == `{"id":"b"}`
	}, 20*time.Second, 10*time.Millisecond, "%v", seen.get())
}
