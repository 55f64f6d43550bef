package work

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func countOf(l *logged, text string) int { return strings.Count(l.String(), text) }

// TestTheLineOfAnExchange has the same names for a call and for a delivery, and
// holds no address, header or key.
func TestTheLineOfAnExchange(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook, headers: {X-Own: a secret}}}\nevents: {user.added: {targets: [{target: hook}]}}\nfunctions: {f: {targets: [{target: hook}]}}")
	g.answer("hook", 403)
	log := &logged{}
	g.worker(func(o *Options) { o.Log = zerolog.New(log) })
	g.publish("user.added", 1)
	g.both(func(in at) {
		_, err := in.call("f", `{}`)
		require.NoError(t, err)
		in.dead(1)
	})
	g.eventually(func() bool { return countOf(log, `"message":"attempt"`) == 4 }, "it is not logged: %s", log)
	require.NotContains(t, log.String(), g.hooks.URL)
	require.NotContains(t, log.String(), "a secret")
	seen := map[string]int{}
	for line := range strings.Lines(log.String()) {
		var said map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &said))
		if said["message"] != "attempt" {
			continue
		}
		for _, name := range []string{"instance", "phase", "name", "target", "kind", "delivery", "attempt", "status", "took_ms", "verdict", "revision", "code", "stage"} {
			require.Contains(t, said, name, line)
		}
		require.Equal(t, []any{"hook", float64(403), string(action.CodeStatus), float64(1)}, []any{said["target"], said["status"], said["code"], said["attempt"]})
		seen[said["instance"].(string)+" "+said["phase"].(string)+" "+said["verdict"].(string)]++
	}
	require.Equal(t, map[string]int{"north event dead": 1, "north function failed": 1, "south event dead": 1, "south function failed": 1}, seen)
}

// TestTheCodeOfAnAnswer is logged where it is a short text in an object.
func TestTheCodeOfAnAnswer(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"code":"unknown_condition","message":"no"}`:     "unknown_condition",
		`{"error":{"code":"x"}}`:                          "",
		`{"code":404}`:                                    "",
		`{"code":""}`:                                     "",
		`{"code":"` + strings.Repeat("x", 65) + `"}`:      "",
		`{"code":"` + strings.Repeat("\u00e4", 33) + `"}`: "",
		`[{"code":"x"}]`:                                  "",
		`{"code":"x"`:                                     "",
		`no`:                                              "",
		``:                                                "",
	} {
		require.Equal(t, want, answerCode(&action.FailedAnswer{Body: body}), "%.40s", body)
	}
	require.Empty(t, answerCode(nil))
	require.Empty(t, answerCode(&action.FailedAnswer{Body: `{"code":"x"}`, Truncated: true}))
}
