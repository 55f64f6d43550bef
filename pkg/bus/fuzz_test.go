package bus

import (
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// FuzzReadDeparted reads the keys and values under which secrets and pauses lie:
// they are refused, or are those of a target.
func FuzzReadDeparted(f *testing.F) {
	for _, key := range []string{"default.=.departed.tgt_1.hook", "default.paused.=.hook", "a.b", "", "....", "=.=.departed.=.=", "default.=FF.departed.a.=2E"} {
		f.Add(key, []byte(`{"key":"whsec_x","left":"2026-01-01T00:00:00Z"}`))
	}
	f.Fuzz(func(t *testing.T, key string, raw []byte) {
		_, _ = PauseOf(strings.Split(key, "."))
		instance, d, err := readDeparted(Value{Key: key, Bytes: raw})
		if err != nil {
			return
		}
		i := Instance{ID: instance, Token: strings.Split(key, ".")[0]}
		require.Equal(t, key, i.keyOf(d), "one target has one key")
	})
}

// FuzzCheckMessage: a message of a form that is not known is never read.
func FuzzCheckMessage(f *testing.F) {
	for _, format := range []string{"", "1", "2", "-1", "01", "99999999999999999999", "x"} {
		f.Add(format)
	}
	f.Fuzz(func(t *testing.T, format string) {
		if err := CheckMessage(nats.Header{headerFormat: {format}}); err != nil {
			require.Contains(t, []action.Code{action.CodeNewer, action.CodeMalformed, ""}, action.CodeOf(err))
			return
		}
		n, err := strconv.Atoi(format)
		require.True(t, format == "" || err == nil && n <= action.Format, "%q", format)
	})
}
