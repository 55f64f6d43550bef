package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
)

func TestMain(m *testing.M) {
	// The embedded server keeps a few workers for the whole process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*ipQueue)"),
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

const instance = "default"

// start runs a server of its own and connects to it.
func start(t *testing.T, o bus.Options) (*embed.Server, *bus.Bus) {
	t.Helper()
	s, err := embed.Start(embed.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s, connect(t, s, o)
}

func connect(t *testing.T, s *embed.Server, o bus.Options) *bus.Bus {
	t.Helper()
	o.URL, o.Log = s.URL(), zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	b, err := bus.Connect(within(t, 5*time.Second), o)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// prepared is a bus with an instance.
func prepared(t *testing.T, o bus.Options) (*embed.Server, *bus.Bus) {
	t.Helper()
	s, b := start(t, o)
	require.NoError(t, b.EnsureInstallation(within(t, 5*time.Second)))
	require.NoError(t, b.EnsureInstance(within(t, 5*time.Second), instance))
	return s, b
}

func publish(t *testing.T, b *bus.Bus, id, aggregate, eventType string) bus.Stored {
	t.Helper()
	s, err := b.Publish(within(t, 5*time.Second), bus.NewEvent{ID: id, Instance: instance, Org: "acme",
		AggregateID: aggregate, Type: eventType, Body: []byte(`{"id":"` + id + `"}`)})
	require.NoError(t, err)
	return s
}

func onEvent(match string) action.Condition {
	return action.Condition{Phase: action.OnEvent, Match: match}
}

// line makes a line for an event type.
func line(t *testing.T, b *bus.Bus, match string, change func(*bus.Line)) bus.Line {
	t.Helper()
	l := bus.Line{Name: "line-" + t.Name()[4:], Instance: instance, Target: "hook", Lanes: 1,
		Condition: onEvent(match), Cut: 1}
	if change != nil {
		change(&l)
	}
	require.NoError(t, b.EnsureLine(within(t, 5*time.Second), l))
	return l
}

func code(t *testing.T, want action.Code, err error) {
	t.Helper()
	require.Equal(t, want, action.CodeOf(err), "%v", err)
}
