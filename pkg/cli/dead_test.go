package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// died publishes events that their target refuses and waits for their dead
// letters: their ids, the oldest first.
func died(t *testing.T, p *process, tg *target, callout func(...string) result, events ...string) (ids []string) {
	t.Helper()
	have := len(tg.seen())
	for i, event := range events {
		publish(t, p, event)
		ids = append(ids, tg.awaitCount(t, have+i+1)[have+i].delivery)
		require.Eventually(t, func() bool { return strings.Contains(callout("dead", "list").out, ids[i]) }, bound, lookAgain)
	}
	return ids
}

// TestDeadRedrive sends a dead letter again, byte for byte and under its id.
func TestDeadRedrive(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	status := obey(tg, 400)
	p, callout := running(t, tg, oneHook)
	require.Equal(t, result{0, "no dead letters\n", ""}, callout("dead", "list"))
	const odd = `{ "aggregateID":"u1", "event_type":"user.added",  "event_payload":{"n":9007199254740993,"t":"<&>"} }`
	ids := died(t, p, tg, callout, odd, userAdded)
	require.Regexp(t, `^ID +TARGET +TYPE +REASON +AGE\n`+
		ids[0]+` +hook +user\.added +status, 400 +\d+s\n`+ids[1]+` +hook .*\n$`, callout("dead", "list").out)
	require.Equal(t, result{0, odd, ""}, callout("dead", "show", ids[0], "--body"))
	require.Regexp(t, `(?s)^delivery id +`+ids[0]+`\n.*\nevent type +user\.added\n.*\nlast status +400\n.*\n\n\{"aggregateID":"u1","event_type":"user.added",`, callout("dead", "show", ids[0]).out)
	require.Contains(t, callout("dead", "show", ids[0], "-o", "json").out, `,"body":{"aggregateID":"u1","event_type":"user.added","event_payload":{"n":9007199254740993,"t":"<&>"}}}`+"\n")

	status.Store(200)
	require.Equal(t, result{0, "1 dead letter sent again\n", ""}, callout("dead", "redrive", ids[0]))
	all := tg.awaitCount(t, 3)
	require.Equal(t, odd, all[2].body, "byte for byte")
	require.Equal(t, []any{all[0].delivery, all[0].sequence, all[0].header.Get("webhook-id")}, []any{all[2].delivery, all[2].sequence, all[2].header.Get("webhook-id")})
	require.NotContains(t, callout("dead", "list").out, ids[0])
	require.Equal(t, result{1, "", fmt.Sprintf("callout: there is no dead letter %q; 0 sent again [not_found]\n", ids[0])}, callout("dead", "redrive", ids[0]))
	require.Equal(t, result{0, "1 dead letter sent again\n", ""}, callout("dead", "redrive", "--all"))
	require.Equal(t, ids[1], tg.awaitCount(t, 4)[3].delivery)
}

func TestDeadFiltersAndDiscard(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	obey(tg, 400)
	p, callout := running(t, tg, oneHook)
	ids := died(t, p, tg, callout, userAdded, `{"aggregateID":"o1","event_type":"order.placed","resourceOwner":"acme"}`, userAdded)
	list := func(args ...string) (found []string) {
		got := callout(append([]string{"dead", "list", "-o", "json"}, args...)...)
		require.Zero(t, got.code, got.err)
		for _, l := range read[struct{ Items []map[string]any }](t, got.out).Items {
			found = append(found, l["deliveryId"].(string))
		}
		return found
	}
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{nil, ids},
		{[]string{"--limit", "2"}, ids[:2]},
		{[]string{"--limit", "0"}, ids},
		{[]string{ids[2], ids[1]}, ids[1:]},
		{[]string{"--target", "wide"}, ids[1:2]},
		{[]string{"--type", "order.*"}, ids[1:2]},
		{[]string{"--type", "user.added"}, []string{ids[0], ids[2]}},
		{[]string{"--reason", "expired"}, nil},
		{[]string{"--org", "acme"}, nil},
		{[]string{"--event-org", "acme"}, ids[1:2]},
		{[]string{"--event-org", "other"}, nil},
		{[]string{"--aggregate", "u1"}, []string{ids[0], ids[2]}},
		{[]string{"--aggregate", "u1", "--event-org", "acme"}, nil},
		{[]string{"--since", "1h"}, ids},
		{[]string{"--until", "1h"}, nil},
		{[]string{"--until", "2099-01-01T00:00:00Z", "--since", "2026-01-01T00:00:00Z"}, ids},
	} {
		require.Equal(t, tt.want, list(tt.args...), "%v", tt.args)
	}
	require.Equal(t, "these are the oldest 1, there may be more: --limit 0 lists all\n", callout("dead", "list", "--limit", "1").err)
	one := func(got result) result {
		j := read[map[string]any](t, got.out)
		require.Equal(t, []any{"discard_letters", "dead letters type order.*", "done", 1.0}, []any{j["kind"], j["about"], j["state"], j["done"]})
		got.out = j["deliveryIds"].([]any)[0].(string)
		return got
	}
	require.Equal(t, result{0, ids[1], ""}, one(callout("dead", "discard", "--type", "order.*", "-o", "json")))
	require.Equal(t, result{0, "1 dead letter discarded\n", ""}, callout("dead", "discard", "--target", "hook", "--limit", "1"))
	require.Equal(t, ids[2:], list())
	require.Equal(t, result{0, "0 dead letters discarded\n", ""}, callout("dead", "discard", "--target", "nobody"))
	require.Equal(t, result{0, "1 dead letter discarded\n", ""}, callout("dead", "discard", "--all"))
	require.Equal(t, result{0, "no dead letters\n", ""}, callout("dead", "list"))
	require.Equal(t, result{1, "", "callout: \"tired\" is no code of docs/errors.md, such as exhausted, expired, status, skipped, stopped or malformed [bad_field]\n"},
		callout("dead", "list", "--reason", "tired"))
	require.Equal(t, result{1, "", "callout: there is no dead letter nobody [not_found]\n"}, callout("dead", "show", "nobody"))
}

// TestDeadShowsTheAnswer: what the target said is in the letter, and of which event
// it is.
func TestDeadShowsTheAnswer(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, func(w http.ResponseWriter, _ arrival) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(404)
		_, _ = io.WriteString(w, "<h1>\x1b[2Jnot here</h1>\n")
	})
	p, callout := running(t, tg, oneHook)
	ids := died(t, p, tg, callout, `{"id":"ev-1","aggregateID":"u1","event_type":"user.added","resourceOwner":"acme"}`)
	shown := callout("dead", "show", ids[0]).out
	for _, want := range []string{`event id +ev-1`, `organization +acme`, `aggregate +u1`, `    header   Content-Type: text/html; charset=utf-8`, `    answer   <h1>\x{FFFD}\[2Jnot here</h1>`} {
		require.Regexp(t, `(?m)^`+want+`$`, shown)
	}
	whole := read[map[string]any](t, callout("dead", "show", ids[0], "-o", "json").out)
	require.Equal(t, []any{"ev-1", "acme", "u1"}, []any{whole["eventId"], whole["eventOrg"], whole["aggregateId"]})
	require.Equal(t, "<h1>\x1b[2Jnot here</h1>\n", whole["lastAnswer"].(map[string]any)["body"])
	listed := callout("dead", "list", "-o", "json").out
	require.Contains(t, listed, `"aggregateId":"u1"`)
	require.NotContains(t, listed, "lastAnswer", "a list has no answers, as it has no bodies")
}
