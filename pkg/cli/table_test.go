package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

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

// TestTableWithin: a column in which nothing stands is left out until something
// does, and what is too long gives way in its middle.
func TestTableWithin(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	tb := &table{out: &out, within: 30, head: []string{"NAME", "ORG", "URL"}}
	tb.add("a", "", "https://hooks.example.com/a/long/path")
	tb.add("größe-größe", "", "x")
	require.NoError(t, tb.flush())
	require.Equal(t, "NAME         URL\na            https://…ong/path\ngröße-größe  x\n", out.String())
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, utf8.RuneCountInString(line)-1, 30)
	}
	out.Reset()
	tb.add("b", "acme", "y")
	require.NoError(t, tb.flush())
	require.Equal(t, "NAME         ORG   URL\nb            acme  y\n", out.String())

	out.Reset()
	tb = &table{out: &out, within: 10, head: []string{"NAME", "ORG", "URL"}}
	tb.wide().add("a", "", "https://hooks.example.com/a/long/path")
	require.NoError(t, tb.flush())
	require.Equal(t, "NAME  ORG  URL\na     -    https://hooks.example.com/a/long/path\n", out.String())
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
