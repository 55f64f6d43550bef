package node_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
)

var answerRow = regexp.MustCompile("(?m)^\\| (?:`([0-9]{3})([^`]*)`|nothing within the timeout) \\| `([a-z_0-9 ]+)` \\| `([a-z_0-9 ]+)` \\| `([a-z ]+)` \\|$")

// TestPageTellsWhatAnswersDo plays each row of the table of docs/targets.md: to a
// call target, to a webhook in a call, and to a webhook of an event.
func TestPageTellsWhatAnswersDo(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(targetsPage)
	require.NoError(t, err)
	rows := answerRow.FindAllStringSubmatch(string(text), -1)
	require.Len(t, rows, 21)
	hooks := newTargets(t)
	targets, requests, events := "targets:\n", "requests:\n", "events:\n"
	for n, row := range rows {
		timeout := "8s" // on a machine under load an answer may take its time
		if row[1] == "" {
			timeout = "250ms"
		}
		for _, kind := range []string{"call", "webhook"} {
			targets += fmt.Sprintf("  %s%d: {type: %s, url: HOOKS/t%d, timeout: %s, interrupt_on_error: true}\n", kind, n, kind, n, timeout)
			requests += fmt.Sprintf("  /t.S/%s%d: {targets: [{target: %s%d}]}\n", kind, n, kind, n)
		}
		// Of an event, so that a 410 does not pause what the calls need.
		targets += fmt.Sprintf("  event%d: {type: webhook, url: HOOKS/e%d, timeout: %s, retry: {initial: 20ms, max: 1s}}\n", n, n, timeout)
		events += fmt.Sprintf("  e.n%d: {targets: [{target: event%d}]}\n", n, n)
		hooks.answer(fmt.Sprintf("t%d", n), answerOf(row))
		hooks.set(fmt.Sprintf("e%d", n), answerOf(row))
	}
	r := run(t, hooks, targets+requests+events, nil)
	for n, row := range rows {
		_, refusal := bare(t, "POST", r.HTTPURL()+"/v1/instances/default/events", "application/json",
			strings.NewReader(fmt.Sprintf(`{"aggregateID":"a","event_type":"e.n%d"}`, n)))
		require.Nil(t, refusal)
		for kind, want := range map[string]string{"call": row[3], "webhook": row[4]} {
			result, err := r.client.Request(within(t, 10*time.Second), callout.Call{Method: fmt.Sprintf("/t.S/%s%d", kind, n), Request: []byte(`{"a":1}`)})
			require.NoError(t, err)
			require.Equal(t, want, toldOf(result), "%s: %s", kind, row[0])
		}
	}
	for n, row := range rows {
		require.Eventually(t, func() bool { return r.becameOf(t, hooks, n) == row[5] }, time.Minute, 20*time.Millisecond,
			"%s: it is %s", row[0], r.becameOf(t, hooks, n))
	}
}

// answerOf is what a target answers in a row.
func answerOf(row []string) http.HandlerFunc {
	if row[1] == "" {
		return hang
	}
	code, _ := strconv.Atoi(row[1]) // three digits
	contentType, body, _ := strings.Cut(strings.TrimPrefix(row[2], " "), " ")
	if !strings.HasPrefix(contentType, "application/") {
		contentType, body = "application/json", strings.TrimPrefix(row[2], " ")
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body)) // 204 has none
	}
}

// toldOf is how a call ended, in the words of the page.
func toldOf(r action.Result) string {
	switch {
	case r.Outcome == action.Rejected:
		return fmt.Sprintf("rejected %d", r.Error.Status)
	case r.Error != nil:
		return fmt.Sprintf("%s %s", r.Outcome, r.Error.Code)
	}
	return string(r.Steps[0].Outcome)
}

// becameOf is what became of the event of a row, in the words of the page. A dead
// letter is stored before its line goes on.
func (r *running) becameOf(t *testing.T, hooks *targets, n int) string {
	t.Helper()
	s := r.subscription(t, fmt.Sprintf("e.n%d/event%d", n, n))
	isDead := slices.ContainsFunc(r.deadLetters(t, 0), func(l action.DeadLetter) bool { return l.Target == fmt.Sprintf("event%d", n) })
	switch {
	case s.State == action.SubscriptionPaused:
		return "target paused"
	case s.Waiting+uint64(s.InWork) > 0 && len(hooks.got(fmt.Sprintf("e%d", n))) > 1:
		return "again"
	case s.Waiting+uint64(s.InWork) > 0:
		return "under way"
	case isDead:
		return "dead letter"
	}
	return "delivered"
}
