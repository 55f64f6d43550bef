package bus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

func TestEventsAreCheckedOnce(t *testing.T) {
	t.Parallel()
	s := mebibyte(t)
	b, err := bus.Connect(bustest.Within(t, 5*time.Second), bus.Options{URL: s.URL(), MaxObject: 1000})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	for _, id := range bustest.IDs {
		t.Run(id, func(t *testing.T) { eventsAreChecked(t, b.Instance(id)) })
	}
	for _, id := range []string{x(201), "a\r\nb", "\xff", "a\x00", " a", "a\t", "a "} {
		require.Equal(t, action.CodeBadField, action.CodeOf(bus.CheckEventID(id)), "%q", id)
	}
	require.NoError(t, bus.CheckEventID("a b"))
}

func eventsAreChecked(t *testing.T, i bus.Instance) {
	for body, want := range map[string]struct {
		code  action.Code
		field string
	}{
		`{"aggregateID":"a","event_type":"t"}`:                                   {},
		`{"id":"x y","aggregateID":"a","event_type":"t"}`:                        {},
		`{"instanceID":"` + i.ID + `","aggregateID":"a","event_type":"t"}`:       {},
		`{"instanceID":"default.other","aggregateID":"a","event_type":"t"}`:      {action.CodeMismatch, "instanceID"},
		`{"id":" x","aggregateID":"a","event_type":"t"}`:                         {action.CodeBadField, "id"},
		`{"id":"x\u00a0","aggregateID":"a","event_type":"t"}`:                    {action.CodeBadField, "id"},
		`{"id":" ","aggregateID":"a","event_type":"t"}`:                          {action.CodeBadField, "id"},
		`{"aggregateID":"","event_type":"t"}`:                                    {action.CodeBadField, "aggregateID"},
		`{"aggregateID":"a","event_type":"t","event_payload":"` + x(999) + `"}`:  {action.CodeTooLarge, "event_payload"},
		`{"aggregateID":"a","event_type":"t","more":"` + x(1<<20-4096) + `"}`:    {action.CodeTooLarge, "event_payload"},
		`{"aggregateID":"a","event_type":"t","more":"` + x(1<<20-4096-64) + `"}`: {},
	} {
		_, err := i.CheckEvent([]byte(body))
		require.Equal(t, want.code, action.CodeOf(err), "%.80s", body)
		if err != nil {
			require.Equal(t, want.field, err.(*action.Error).Field, "%.80s", body) //nolint:errorlint // nothing else is returned
		}
	}
}
