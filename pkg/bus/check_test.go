package bus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
)

// mebibyte is a server with the max_payload of a NATS server that nobody has
// configured.
func mebibyte(t *testing.T) *embed.Server {
	t.Helper()
	s, err := embed.Start(embed.Options{Listen: "127.0.0.1:0", MaxObject: (1<<20 - 128<<10) / 2, Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func TestAServerWithoutRoomForAnObjectIsRefused(t *testing.T) {
	s := mebibyte(t)
	_, err := bus.Connect(within(t, 5*time.Second), bus.Options{URL: s.URL()})
	for _, word := range []string{"1048576", "1114112", "max_payload", "--max-object", "983040"} {
		require.ErrorContains(t, err, word)
	}
	_, err = bus.Connect(within(t, 5*time.Second), bus.Options{URL: s.URL(), MaxObject: 983041})
	require.ErrorContains(t, err, "983040")
	b, err := bus.Connect(within(t, 5*time.Second), bus.Options{URL: s.URL(), MaxObject: 983040})
	require.NoError(t, err)
	b.Close()
}

func TestEventsAreCheckedOnce(t *testing.T) {
	s := mebibyte(t)
	b, err := bus.Connect(within(t, 5*time.Second), bus.Options{URL: s.URL(), MaxObject: 1000})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	for body, want := range map[string]struct {
		code  action.Code
		field string
	}{
		`{"aggregateID":"a","event_type":"t"}`:                                   {},
		`{"id":"x y","aggregateID":"a","event_type":"t"}`:                        {},
		`{"instanceID":"default","aggregateID":"a","event_type":"t"}`:            {},
		`{"instanceID":"other","aggregateID":"a","event_type":"t"}`:              {action.CodeMismatch, "instanceID"},
		`{"id":" x","aggregateID":"a","event_type":"t"}`:                         {action.CodeBadField, "id"},
		`{"id":"x\u00a0","aggregateID":"a","event_type":"t"}`:                    {action.CodeBadField, "id"},
		`{"id":" ","aggregateID":"a","event_type":"t"}`:                          {action.CodeBadField, "id"},
		`{"aggregateID":"","event_type":"t"}`:                                    {action.CodeBadField, "aggregateID"},
		`{"aggregateID":"a","event_type":"t","event_payload":"` + x(999) + `"}`:  {action.CodeTooLarge, "event_payload"},
		`{"aggregateID":"a","event_type":"t","more":"` + x(1<<20-4096) + `"}`:    {action.CodeTooLarge, "event_payload"},
		`{"aggregateID":"a","event_type":"t","more":"` + x(1<<20-4096-64) + `"}`: {},
	} {
		_, err := b.CheckEvent("default", []byte(body))
		require.Equal(t, want.code, action.CodeOf(err), "%.80s", body)
		if err != nil {
			require.Equal(t, want.field, err.(*action.Error).Field, "%.80s", body) //nolint:errorlint // nothing else is returned
		}
	}
	for _, id := range []string{x(201), "a\r\nb", "\xff", "a\x00", " a", "a\t", "a "} {
		require.Equal(t, action.CodeBadField, action.CodeOf(bus.CheckEventID(id)), "%q", id)
	}
	require.NoError(t, bus.CheckEventID("a b"))
}

func x(n int) string { return strings.Repeat("x", n) }
