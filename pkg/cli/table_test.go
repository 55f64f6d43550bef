package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

func TestSubscriptionTable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	before := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(now.Add(-d)) }
	require.Equal(t, ""+
		"NAME                       STATE              WAITING     IN-WORK  REDELIVERED  OLDEST  LAST-SUCCESS  ATTEMPTS  LAST-ERROR\n"+
		"*/archive                  running            12 to scan  1        0            119s    0s            0         -\n"+
		"acme:user.added/crm[3/16]  retrying since 5m  2           1        1            47h     3h            4         status 503, 50s ago\n"+
		"user.*/audit               stopped since 2d   0           1        1            2d      -             9         timeout\n"+
		"user.added/crm             paused since 2m    0           0        0            -       100d          0         -\n",
		subscriptionTable([]*calloutv1.Subscription{
			{Name: "*/archive", State: "running", Waiting: 12, InWork: 1, ToScan: true, Lanes: 1, Oldest: before(119 * time.Second), LastAck: before(-time.Second), LastSuccess: before(-time.Second)},
			{Name: "acme:user.added/crm", Lane: 3, Lanes: 16, State: "retrying", FailingSince: before(5 * time.Minute), Waiting: 2, InWork: 1, Redelivered: 1,
				Oldest: before(47 * time.Hour), LastAck: before(3 * time.Minute), LastSuccess: before(3 * time.Hour), Attempts: 4, LastStatus: 503, LastError: "status", LastFailed: before(50 * time.Second)},
			{Name: "user.*/audit", Lanes: 1, State: "stopped", FailingSince: before(60 * time.Hour), StoppedSince: before(49 * time.Hour), InWork: 1, Redelivered: 1, ToScan: true,
				Oldest: before(50 * time.Hour), Attempts: 9, LastError: "timeout"},
			{Name: "user.added/crm", Lanes: 1, State: "paused", StoppedSince: before(2 * time.Minute), LastSuccess: before(100 * 24 * time.Hour)},
		}, now, false, false))
	require.Equal(t, "NAME            STATE    WAITING  IN-WORK  REDELIVERED  OLDEST  LAST-SUCCESS  ATTEMPTS  LAST-ERROR  CONSUMER\n"+
		"user.added/crm  \x1b[32mrunning\x1b[0m  0        0        0            -       -             0         -           user-added-crm-1\n",
		subscriptionTable([]*calloutv1.Subscription{{Name: "user.added/crm", Line: "user-added-crm-1", State: "running"}}, now, true, true))
}

// TestTable: pages keep their columns, and colours do not move them.
func TestTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	tb := &table{out: &out, head: []string{"NAME", "STATE", "LAST"}}
	require.NoError(t, tb.flush())
	require.Empty(t, out.String(), "nothing, not even a head")
	tb.add("a", "running", "")
	tb.add("b\x1b[2J", "stopped", "x")
	tb.colour(1, red)
	require.NoError(t, tb.flush())
	tb.add("a longer name", "lost", "y")
	tb.add("c", "lost", "z")
	require.NoError(t, tb.flush())
	const plain = "NAME   STATE    LAST\na      running  -\nb\uFFFD[2J  stopped  x\na longer name  lost     y\nc              lost     z\n"
	require.Equal(t, plain, out.String())

	out.Reset()
	tb = &table{out: &out, pen: true, head: []string{"STATE", "LAST"}}
	tb.add("stopped", "x")
	tb.colour(0, red)
	require.NoError(t, tb.flush())
	require.Equal(t, "STATE    LAST\n\x1b[31mstopped\x1b[0m  x\n", out.String())
}

func TestShortDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		10 * time.Second: "10s", 5 * time.Minute: "5m", 24 * time.Hour: "24h", 90 * time.Second: "1m30s", time.Hour + 5*time.Second: "1h0m5s",
		500 * time.Millisecond: "500ms", 0: "0s", time.Hour + 10*time.Minute: "1h10m",
	} {
		require.Equal(t, want, shortDuration(d))
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"2h":                        now.Add(-2 * time.Hour),
		"1h30m":                     now.Add(-90 * time.Minute),
		"7d":                        now.AddDate(0, 0, -7),
		"0s":                        now,
		"2026-11-30T08:00:00Z":      now.Add(-time.Hour),
		"2026-11-30T10:00:00+02:00": now.Add(-time.Hour),
	} {
		got, err := moment("since", text, now)
		require.NoError(t, err, text)
		require.True(t, want.Equal(got), "%s is %s", text, got)
	}
	for _, text := range []string{"-2h", "2", "d", "-1d", "1.5d", "99999999d", "yesterday", "2026-11-30", "18446744073709551616d"} {
		_, err := moment("since", text, now)
		var usage *usageError
		require.ErrorAs(t, err, &usage, text)
	}
}

func TestBodyText(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"{\n \"a\": 9007199254740993 }": `{"a":9007199254740993}`,
		"\x1b[2Jrubbish\xff":            `"\x1b[2Jrubbish\xff"`,
		"\"\u009b2J\"":                  "\"\uFFFD2J\"",
		"":                              `""`,
	} {
		require.Equal(t, want, bodyText([]byte(body)))
	}
}
