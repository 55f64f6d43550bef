package dispatch_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// posted is the answer to events.
type posted struct {
	status int
	retry  string
	Events []bus.Stored  `json:"events"`
	Error  *action.Error `json:"error"`
}

func postEvents(t *testing.T, d *running, instance, body string) posted {
	t.Helper()
	resp, err := http.Post(d.URL()+"/v1/instances/"+url.PathEscape(instance)+"/events", "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	answer := posted{status: resp.StatusCode, retry: resp.Header.Get("Retry-After")}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer
}

// TestAnEventOfAUsedID is told of in its place. Those beside it, and those of
// other organizations with the same id, are stored.
func TestAnEventOfAUsedID(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		_, _, err := d.tryEdit(t, of.id, "test", add("hook", "http://127.0.0.1:1"))
		require.NoError(t, err)
		one := func(id, org, n string) string {
			return `{"id":"` + id + `","aggregateID":"u1","resourceOwner":"` + org + `","event_type":"user.added","event_payload":` + n + `}`
		}
		first := postEvents(t, d, of.id, one("a", "acme", "1"))
		require.Equal(t, 202, first.status)
		other := postEvents(t, d, of.id, one("a", "evil", "1"))
		require.Equal(t, 202, other.status)
		require.False(t, other.Events[0].Duplicate)

		answer := postEvents(t, d, of.id, one("a", "acme", "2"))
		require.Equal(t, []any{409, ""}, []any{answer.status, answer.retry}, "to send it again does not help")
		require.Equal(t, []any{action.CodeConflict, "id"}, []any{answer.Error.Code, answer.Error.Field})

		answer = postEvents(t, d, of.id, "["+one("b", "acme", "3")+","+one("a", "acme", "4")+","+one("a", "acme", "1")+","+one("c", "acme", "5")+"]")
		require.Equal(t, []any{409, ""}, []any{answer.status, answer.retry})
		require.Equal(t, []any{action.CodeConflict, "[1].id"}, []any{answer.Error.Code, answer.Error.Field})
		require.Contains(t, answer.Error.Message, `"a"`)
		require.Len(t, answer.Events, 4)
		require.Equal(t, bus.Stored{ID: "a", StreamSequence: first.Events[0].StreamSequence, Duplicate: true}, answer.Events[2])
		for n, failed := range []bool{false, true, false, false} {
			require.Equal(t, failed, answer.Events[n].Error != nil, "event %d", n)
			require.Equal(t, failed, answer.Events[n].StreamSequence == 0, "event %d", n)
		}
	})
}
