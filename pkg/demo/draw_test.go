package demo

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// show draws a forged play and its end.
func show(o Options, broken string) string {
	var out bytes.Buffer
	o.Out = &out
	v := newView(o)
	v.do(func(v view) {
		v.begin(intro{
			CoreURL: "http://127.0.0.1:8081", NATSURL: "nats://127.0.0.1:4222", HTTPURL: "http://127.0.0.1:8080",
			LDAPURL: "ldap://127.0.0.1:3389", OwnLDAP: true, Break: broken, Promise: promises[broken],
		})
	})
	for _, s := range forge(broken) {
		v.step(s)
	}
	v.do(func(v view) {
		v.proven([]proof{{"the LDAP entry was read back over a connection of its own", "uid=ada," + ldapPeople}})
		v.end(nil, 1500*time.Millisecond)
	})
	return out.String()
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		file   string
		o      Options
		broken string
	}{
		{"columns-80.txt", Options{Terminal: true, Width: 80}, BreakNothing},
		{"columns-120.txt", Options{Terminal: true, Width: 120}, BreakNothing},
		{"columns-100-ldap.txt", Options{Terminal: true, Width: 100}, BreakLDAP},
		{"columns-100-metadata.txt", Options{Terminal: true, Width: 100}, BreakMetadata},
		{"lines.txt", Options{}, BreakNothing},
		{"lines-hook.txt", Options{}, BreakHook},
		{"async.jsonl", Options{JSON: true}, BreakAsync},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Setenv("NO_COLOR", "1")
			got := show(c.o, c.broken)
			path := filepath.Join("testdata", c.file)
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Colours stand on a terminal only, and change nothing but the look.
func TestColours(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	terminal := Options{Terminal: true, Width: 100}
	colour := show(terminal, BreakLDAP)
	require.Regexp(t, escape, colour)
	require.NotContains(t, show(Options{Width: 100}, BreakLDAP), "\x1b")
	require.NotContains(t, show(Options{JSON: true, Terminal: true, Width: 100}, BreakLDAP), "\x1b")
	t.Setenv("NO_COLOR", "1")
	require.Equal(t, escape.ReplaceAllString(colour, ""), show(terminal, BreakLDAP))
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	require.NotContains(t, show(terminal, BreakLDAP), "\x1b")
}

// A terminal too narrow for columns gets lines.
func TestNarrowTerminal(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	require.Equal(t, show(Options{}, BreakHook), show(Options{Terminal: true, Width: minColumnsWidth - 1}, BreakHook))
	require.NotEqual(t, show(Options{}, BreakHook), show(Options{Terminal: true, Width: minColumnsWidth}, BreakHook))
}

// No row is wider than the terminal, whatever is in it, and the label of a step
// is always whole where the width allows it.
func TestRowsFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		width := rapid.IntRange(minColumnsWidth, 250).Draw(rt, "width")
		var out bytes.Buffer
		v := &columnsView{words{&out, false, width}, newGrid(width)}
		s := Step{
			Arrow: Arrow{
				From: rapid.SampledFrom(Parties).Draw(rt, "from"), To: rapid.SampledFrom(Parties).Draw(rt, "to"),
				Text:   rapid.StringMatching(`[a-z ]{1,40}`).Draw(rt, "text"),
				Answer: rapid.Bool().Draw(rt, "answer"), Failed: rapid.Bool().Draw(rt, "failed"),
			},
			At:      time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(rt, "at")),
			Attempt: rapid.IntRange(0, 1000).Draw(rt, "attempt"),
			Detail:  clean(rapid.StringN(0, 300, -1).Draw(rt, "detail")),
		}
		write(&out, v.heads())
		v.step(s)
		for row := range strings.Lines(out.String()) {
			require.LessOrEqual(rt, utf8.RuneCountInString(strings.TrimSuffix(row, "\n")), width, row)
			require.NotContains(rt, row, "\x1b")
		}
	})
}

func TestAFailedPlayIsShown(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {JSON: true}, {Terminal: true, Width: 100}} {
		var out bytes.Buffer
		o.Out = &out
		newView(o).do(func(v view) { v.end(errors.New("step A->>B: it did not happen"), time.Second) })
		require.Contains(t, out.String(), "step A->>B: it did not happen")
	}
}

func TestBrief(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"b":"x","a":{"n":1},"c":[1,2]}`: "b=x a={n=1} c=[1,2]",
		`{"a":"\u001b[31mred\n"}`:         "a=·[31mred·",
		`no json`:                         "no json",
		`{}`:                              "",
	} {
		require.Equal(t, want, brief([]byte(raw)))
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		width int
		want  []string
	}{
		{"Client", 9, []string{"Client"}},
		{"LDAP", 3, []string{"LDAP"}},
		{"ResponseStateAsyncHook", 30, []string{"ResponseStateAsyncHook"}},
		{"ResponseStateAsyncHook", 14, []string{"ResponseState", "AsyncHook"}},
		{"ResponseStateAsyncHook", 9, []string{"Response", "State", "AsyncHook"}},
		{"AddMetadataToUser", 11, []string{"AddMetadata", "ToUser"}},
	} {
		require.Equal(t, c.want, split(c.name, c.width))
	}
}
