package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

func TestParseTimeout(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		code action.Code
	}{
		{"", action.DefaultBudget, ""},
		{"2s", 2 * time.Second, ""},
		{"1500ms", 1500 * time.Millisecond, ""},
		{"1.5s", 1500 * time.Millisecond, ""},
		{"1m30s", 90 * time.Second, ""},
		{"1500", 1500 * time.Millisecond, ""},
		{"1", time.Millisecond, ""},
		{"10m", action.MaxBudget, ""},
		{"600000", action.MaxBudget, ""},
		{"0", 0, action.CodeDeadline},
		{"0s", 0, action.CodeDeadline},
		{"00", 0, action.CodeDeadline},
		{"-1", 0, action.CodeDeadline},
		{"-2s", 0, action.CodeDeadline},
		{"10m0.001s", 0, action.CodeBadField},
		{"600001", 0, action.CodeBadField},
		{"24h", 0, action.CodeBadField},
		{"9223372036854775807", 0, action.CodeBadField},
		{"-9223372036854775808", 0, action.CodeBadField},
		{"99999999999h", 0, action.CodeBadField},
		{"1.5", 0, action.CodeBadField},
		{"soon", 0, action.CodeBadField},
		{" 2s", 0, action.CodeBadField},
		{"2 s", 0, action.CodeBadField},
		{"2s,3s", 0, action.CodeBadField},
		{"1e3", 0, action.CodeBadField},
		{"0x10", 0, action.CodeBadField},
		{"NaN", 0, action.CodeBadField},
	} {
		got, err := wire.ParseTimeout(c.text)
		require.Equal(t, c.code, action.CodeOf(err), "%q: %v", c.text, err)
		require.Equal(t, c.want, got, "%q", c.text)
		if err != nil {
			var e *action.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, wire.HeaderTimeout, e.Field)
		}
	}
}

func TestFormatTimeout(t *testing.T) {
	for d, want := range map[time.Duration]string{
		2 * time.Second: "2000ms", 1500 * time.Microsecond: "1ms", time.Nanosecond: "1ms", 0: "1ms", -time.Second: "1ms",
		action.MaxBudget: "600000ms",
	} {
		require.Equal(t, want, wire.FormatTimeout(d))
	}
}

func TestATimeoutNeverGrowsOnTheWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(1, int64(action.MaxBudget)).Draw(t, "d"))
		got, err := wire.ParseTimeout(wire.FormatTimeout(d))
		require.NoError(t, err)
		require.Equal(t, max(d.Truncate(time.Millisecond), time.Millisecond), got)
	})
}
