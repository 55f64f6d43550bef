package work

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// TestADeadLetterHasTheAnswer that its last attempt got, as far as it is kept, and
// nothing in it of what the target's own headers say.
func TestADeadLetterHasTheAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   string
		body   string
		cut    bool
	}{
		"a page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(404)
			_, _ = io.WriteString(w, "<h1>no such page</h1>")
		}, "text/html; charset=utf-8", "<h1>no such page</h1>", false},
		"none": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, "", "", false},
		"long": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "a/b")
			w.WriteHeader(400)
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		}, "a/b", strings.Repeat("x", 4096), true},
		"compressed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(400)
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, `{"detail":"no"}`)
			_ = z.Close()
		}, "application/json", `{"detail":"no"}`, false},
		"an echo": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("X-Echo", r.Header.Get("X-Own"))
			w.Header().Set("Set-Cookie", "a-secret")
			w.WriteHeader(400)
			_, _ = io.WriteString(w, "you said "+r.Header.Get("X-Own")+strings.Repeat(" ", 4096-9-14-10)+r.Header.Get("X-Own"))
		}, "text/plain", "you said ***" + strings.Repeat(" ", 4096-9-14-10) + "***", true},
		"a refusal": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"forwardedErrorMessage":"no"}`)
		}, "application/json", `{"forwardedErrorMessage":"no"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t)
			g.apply("targets: {hook: {type: webhook, url: HOOKS/hook, headers: {X-Own: secret-of-mine}, retry: {attempts: 1}}}\nevents: {user.added: {targets: [{target: hook}]}}")
			g.both(func(in at) { g.hooks.answer(in.id+"/hook", c.answer) })
			g.worker()
			g.publish("user.added", 1)
			g.both(func(in at) {
				got := in.dead(1)[0].LastAnswer
				require.NotNil(t, got)
				require.Equal(t, []any{c.body, c.cut}, []any{got.Body, got.Truncated})
				if c.kind != "" {
					require.Contains(t, got.Headers, action.AnswerHeader{Name: "Content-Type", Value: c.kind})
				}
				require.NotContains(t, fmt.Sprint(got.Headers), "secret")
			})
		})
	}
}

// TestADeadLetterWithoutAnAnswer is of a target that gave none.
func TestADeadLetterWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook, retry: {attempts: 1}}}\nevents: {user.added: {targets: [{target: hook}]}}")
	g.both(func(in at) {
		g.hooks.answer(in.id+"/hook", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	})
	g.worker()
	g.publish("user.added", 1)
	g.both(func(in at) { require.Nil(t, in.dead(1)[0].LastAnswer) })
}
