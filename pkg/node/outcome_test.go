package node_test

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
)

var update = flag.Bool("update", false, "write the golden files of this package")

// says answers 200 with a content type and a body; no type leaves the header
// out.
func says(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		_, _ = w.Write([]byte(body)) // the caller may have gone
	}
}

func asJSON(body string) http.HandlerFunc { return says("application/json", body) }

// refuses answers another status than 200, with a content type and a body.
func refuses(code int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body)) // the caller may have gone
	}
}

// hang answers when the caller is gone.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// hangInBody answers with a beginning and then no more.
func hangInBody(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"a":2`))
	_ = http.NewResponseController(w).Flush() // the caller may have gone
	<-r.Context().Done()
}

// breakOff promises more than it sends.
func breakOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = w.Write([]byte(`{"a":2`))
}

func moved(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/next", http.StatusFound) }

// outcomeAnswers are all the ways in which a target can answer, and what it can
// do instead. of names the targets that are asked: the usual ones have time,
// slow ones little, dead ones have nobody listening.
var outcomeAnswers = []struct {
	name  string
	of    string
	async bool // for an async target too
	do    http.HandlerFunc
}{
	{"object", "usual", true, asJSON(`{"a":2}`)},
	{"object, status 201", "usual", false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"a":2}`))
	}},
	{"object without Content-Type", "usual", false, says("", `{"a":2}`)},
	{"object as text/html", "usual", false, says("text/html", `{"a":2}`)},
	{"object as application/x+json", "usual", false, says("application/x+json", `{"a":2}`)},
	{"{}", "usual", false, asJSON(`{}`)},
	{"empty body", "usual", false, asJSON(``)},
	{"status 204", "usual", false, status(http.StatusNoContent, "")},
	{"unknown field", "usual", false, asJSON(`{"unknown":{"deep":[1]}}`)},
	{"member null", "usual", false, asJSON(`{"a":null}`)},
	{"digits of a number", "usual", false, asJSON(`{"a":0.10000000000000000000000001}`)},
	{"JSON Patch", "usual", false, says("application/json-patch+json", `[{"op":"replace","path":"/a","value":2}]`)},
	{"JSON Patch that does not fit", "usual", false, says("application/json-patch+json", `[{"op":"test","path":"/a","value":9},{"op":"remove","path":"/b"}]`)},
	{"JSON Patch that is an object", "usual", false, says("application/json-patch+json", `{"a":2}`)},
	{"null", "usual", true, asJSON(`null`)},
	{"[]", "usual", false, asJSON(`[]`)},
	{"7", "usual", false, asJSON(`7`)},
	{"text", "usual", false, asJSON(`"a"`)},
	{"two objects", "usual", false, asJSON(`{"a":2}{"a":3}`)},
	{"cut short", "usual", false, asJSON(`{"a":2`)},
	{"duplicate key", "usual", false, asJSON(`{"a":2,"a":3}`)},
	{"bad UTF-8", "usual", false, asJSON("{\"a\":\"\xff\"}")},
	{"nested 101 deep", "usual", false, asJSON(`{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`)},
	{"one byte over the answer's limit", "usual", false, asJSON(`{"a":"` + strings.Repeat("x", action.DefaultAnswer-7) + `"}`)},
	{"object over the bus limit", "usual", false, asJSON(`{"a":"` + strings.Repeat("x", action.DefaultAnswer-9) + `"}`)},
	{"forwardedStatusCode 0", "usual", false, asJSON(`{"forwardedStatusCode":0,"a":2}`)},
	{"forwarded 422 with a message", "usual", true, asJSON(`{"forwardedStatusCode":422,"forwardedErrorMessage":"no","a":2}`)},
	{"forwarded message alone", "usual", false, asJSON(`{"forwardedErrorMessage":"closed today"}`)},
	{"forwarded 500", "usual", false, asJSON(`{"forwardedStatusCode":500,"forwardedErrorMessage":"no"}`)},
	{"forwarded 200", "usual", false, asJSON(`{"forwardedStatusCode":200}`)},
	{"forwarded status as text", "usual", false, asJSON(`{"forwardedStatusCode":"403"}`)},
	{"status 302", "usual", false, moved},
	{"status 400 with an object", "usual", false, status(http.StatusBadRequest, `{"forwardedStatusCode":403,"a":2}`)},
	{"status 422 with a message", "usual", true, refuses(422, "application/json", `{"forwardedErrorMessage":"no","a":2}`)},
	{"status 422 with an empty message", "usual", false, refuses(422, "application/json", `{"forwardedErrorMessage":" "}`)},
	{"status 422 with a problem", "usual", false, refuses(422, "application/problem+json", `{"title":"x","status":403,"detail":"no"}`)},
	{"status 422, problem without detail", "usual", false, refuses(422, "application/problem+json", `{"title":"x"}`)},
	{"status 422, detail in plain JSON", "usual", false, refuses(422, "application/json", `{"detail":"no"}`)},
	{"status 404 with a page", "usual", false, refuses(404, "text/html", `<p>{"forwardedErrorMessage":"no"}`)},
	{"status 410", "usual", false, status(http.StatusGone, "")},
	{"status 410 with a message", "usual", false, refuses(410, "application/json", `{"forwardedErrorMessage":"no"}`)},
	{"status 503 with a message", "usual", false, refuses(503, "application/json", `{"forwardedErrorMessage":"no"}`)},
	{"status 500 with an object", "usual", true, status(http.StatusInternalServerError, `{"a":2}`)},
	{"status 999", "usual", false, status(999, "")},
	{"breaks off", "usual", false, breakOff},
	{"hangs", "slow", true, hang},
	{"hangs in its body", "slow", false, hangInBody},
	{"nobody listens", "dead", true, nil},
}

// outcomeConfig has an execution for every kind, interrupt and sort of target,
// with a second target that shows what the next one sees.
func outcomeConfig(t *testing.T) string {
	t.Helper()
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dead := "http://" + refused.Addr().String()
	require.NoError(t, refused.Close())
	targets, requests := "targets:\n  next: {type: webhook, url: HOOKS/next}\n", "requests:\n"
	for sort, how := range map[string]string{"usual": "url: HOOKS/it", "slow": "url: HOOKS/it, timeout: 600ms", "dead": "url: " + dead} {
		for _, kind := range []action.Kind{action.CallOut, action.Webhook, action.Async} {
			for _, interrupts := range []bool{false, true} {
				name := fmt.Sprintf("%s_%s_%t", sort, kind, interrupts)
				path := how
				if kind == action.Async {
					path = strings.Replace(how, "/it", "/async", 1) + ", retry: {initial: 1h, max: 1h}"
				}
				targets += fmt.Sprintf("  %s: {type: %s, interrupt_on_error: %t, %s}\n", name, kind, interrupts, path)
				requests += fmt.Sprintf("  /t.S/%s: {targets: [{target: %s}, {target: next}]}\n", name, name)
			}
		}
	}
	return targets + requests
}

const outcomeBefore = `{"a":1.0,"b":9007199254740993}`

// TestOutcomes has one row for every kind, interrupt and answer: the outcome,
// the object after the call, and what the next target saw. The rows stand in
// testdata/outcomes.txt.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, outcomeConfig(t), func(o *node.Options) { o.Log = zerolog.Nop() }) // nearly every answer is a warning
	rows := []string{fmt.Sprintf("%-8s %-10s %-34s %-9s %-20s %-6s %-56s %s", "kind", "interrupt", "answer", "outcome", "code", "status", "object", "next saw")}
	for _, kind := range []action.Kind{action.CallOut, action.Webhook, action.Async} {
		for _, interrupts := range []bool{false, true} {
			for _, a := range outcomeAnswers {
				if kind == action.Async && !a.async {
					continue
				}
				hooks.answer("it", a.do)
				hooks.answer("async", a.do)
				rows = append(rows, outcomeRow(t, r, hooks, kind, interrupts, a.of, a.name))
			}
		}
	}
	golden(t, "outcomes.txt", strings.Join(rows, "\n")+"\n")
}

func outcomeRow(t *testing.T, r *running, hooks *targets, kind action.Kind, interrupts bool, sort, answer string) string {
	t.Helper()
	name := fmt.Sprintf("%s_%s_%t", sort, kind, interrupts)
	seen := len(hooks.got("next"))
	began := time.Now()
	result, err := r.client.Request(within(t, 5*time.Second), callout.Call{Method: "/t.S/" + name, Request: []byte(outcomeBefore)})
	require.NoError(t, err)
	require.Less(t, time.Since(began), 5*time.Second, "an outcome by the deadline")
	raw := fmt.Sprintf("%+v %v", result, result.Error)
	require.NotContains(t, raw, "127.0.0.1", "what a caller sees has no address")
	require.NotContains(t, raw, "http:")
	code, shown := action.Code("-"), "-"
	switch {
	case result.Error != nil:
		require.NotEqual(t, action.Continue, result.Outcome)
		require.True(t, interrupts, "%s ended the call and must not", name)
		require.Equal(t, name, result.Error.Target)
		code, shown = result.Error.Code, fmt.Sprint(result.Error.Status)
	case len(result.Warnings) > 0:
		require.Equal(t, action.Continue, result.Outcome)
		require.False(t, interrupts, "%s failed and did not end the call", name)
		require.Equal(t, name, result.Warnings[0].Target)
		code, shown = result.Warnings[0].Code, fmt.Sprint(result.Warnings[0].Status)
	default:
		require.Equal(t, action.Continue, result.Outcome)
	}
	next := "not called"
	if got := hooks.got("next")[seen:]; len(got) > 0 {
		require.Len(t, got, 1)
		var found bool
		_, next, found = strings.Cut(strings.TrimSuffix(got[0].body, "}"), `"request":`)
		require.True(t, found, got[0].body)
	}
	changed := "unchanged"
	if result.Object != nil {
		changed = string(result.Object)
		require.Equal(t, changed, next, "the caller gets what the last target saw")
	}
	return strings.TrimRight(fmt.Sprintf("%-8s %-10t %-34s %-9s %-20s %-6s %-56s %s", kind, interrupts, answer, result.Outcome, code, shown, changed, next), " ")
}

// golden holds text against a file under testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "%s holds what is expected; -update writes it anew", path)
}
