package dispatch_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// TestWhatNoRouteTakes is told what its path takes, or that there is nothing.
func TestWhatNoRouteTakes(t *testing.T) {
	t.Parallel()
	_, c := opened(t)
	for _, id := range bothIDs {
		for request, want := range map[string]struct {
			status int
			allow  string
		}{
			"GET " + eventsOf(id): {405, "POST"}, "DELETE " + eventsOf(id): {405, "POST"},
			"DELETE /readyz": {405, "GET, HEAD"}, "GET /": {404, ""}, "GET /v1/instances": {404, ""}, "DELETE " + eventsOf(id) + "/more": {404, ""},
		} {
			got := c.raw(request + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
			require.Equal(t, want.status, got.status, "%s: %s", request, got.body)
			require.Equal(t, want.allow, got.header.Get("Allow"), request)
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
		}
	}
}

// TestEventsAreAllOrNothing: what is wrong with one of many is said by its place,
// and none is stored. An id that another event has is a conflict in its place.
func TestEventsAreAllOrNothing(t *testing.T) {
	t.Parallel()
	d, c := opened(t)
	with := func(id, body string) string {
		return fmt.Sprintf(`{"aggregateID":"u","event_type":"user.added","id":%q,"event_payload":%s}`, id, body)
	}
	for _, id := range bothIDs {
		waiting := func(want int) {
			t.Helper()
			require.Eventually(t, func() bool {
				n, err := d.Instance(id).Waiting(within(t, 20*time.Second), lineTo("hook"))
				return err == nil && int(n) == want
			}, time.Minute, 5*time.Millisecond)
		}
		post := func(body string) served { t.Helper(); return c.post(eventsOf(id), body, isJSON) }
		for body, says := range map[string]string{
			"[" + anEvent + `,{"aggregateID":"u"}]`: `"field":"[1].event_type"`,
			`{"aggregateID":"u"}`:                   `"field":"event_type"`,
			"[" + anEvent + ",7]":                   `"field":"[1]`,
			"[" + anEvent:                           `"code":"malformed"`,
			"":                                      `"code":"malformed"`,
		} {
			got := post(body)
			require.Equal(t, http.StatusBadRequest, got.status, "%s: %s", body, got.body)
			require.Contains(t, got.body, says, body)
		}
		got := post(strings.Repeat(" ", 9<<20))
		require.Equal(t, http.StatusRequestEntityTooLarge, got.status)
		require.Contains(t, got.body, `"code":"too_large"`)
		waiting(0)

		got = post(" [" + with("a", "{}") + "," + with("b", "{}") + "]")
		require.Equal(t, http.StatusAccepted, got.status, got.body)
		waiting(2)
		got = post("[" + with("c", "{}") + "," + with("a", `{"other":1}`) + "," + with("d", "{}") + "]")
		require.Equal(t, http.StatusConflict, got.status, got.body)
		require.Contains(t, got.body, `"field":"[1].id"`)
		require.Empty(t, got.header.Get("Retry-After"), "to come again helps nobody")
		got = post(with("a", `{"other":1}`))
		require.Equal(t, http.StatusConflict, got.status, got.body)
		require.Contains(t, got.body, `"field":"id"`)
		require.Equal(t, http.StatusAccepted, post("[]").status)
	}
	got := c.post(eventsOf("nobody"), anEvent, isJSON)
	require.Equal(t, http.StatusNotFound, got.status)
	require.Contains(t, got.body, `"code":"unknown_instance"`)
}

// TestACallThatNobodyTakes ends as its execution says, and whether one is configured
// for it; what is asked in a wrong way is said.
func TestACallThatNobodyTakes(t *testing.T) {
	t.Parallel()
	d, c := opened(t)
	for _, id := range bothIDs {
		at := strings.TrimSuffix(eventsOf(id), "events") + "calls/"
		tenantOf := d.Instance(id)
		_, _, err := tenantOf.Edit(within(t, 20*time.Second), "test", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
			next, sc := current.Draft("")
			fails, goesOn := execution("fails", "hook"), execution("goes_on", "hook")
			fails.OnUnavailable, goesOn.OnUnavailable = action.UnavailableFail, action.UnavailableContinue
			sc.Sections[action.Function] = []action.Execution{fails, goesOn}
			return next, nil
		})
		require.NoError(t, err)
		for name, outcome := range map[string]string{"fails": `"outcome":"unavailable"`, "goes_on": `"outcome":"continue"`, "unknown": `"outcome":"continue"`} {
			for _, route := range []string{"function/", "functions/"} {
				got := c.post(at+route+name, "{}", isJSON)
				require.Equal(t, http.StatusOK, got.status, got.body)
				require.Contains(t, got.body, outcome, name)
			}
		}
		for header, path := range map[string]string{"Callout-Min-Revision: x": "functions/fails", "Callout-Timeout: x": "functions/fails", "X-None: x": "request"} {
			got := c.post(at+path, "{}", isJSON, header)
			require.Equal(t, http.StatusBadRequest, got.status, "%s: %s", header, got.body)
		}
		require.Equal(t, http.StatusRequestEntityTooLarge, c.post(at+"functions/fails", `{"a":"`+strings.Repeat("x", 9<<20)+`"}`, isJSON).status)
	}
	require.Equal(t, http.StatusNotFound, c.post("/v1/instances/nobody/calls/functions/f", "{}", isJSON).status)
}

// TestNotYet is what is answered while a dispatcher starts, by all but the one who
// asks whether it lives; who publishes comes again.
func TestNotYet(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	asked := 0
	d := f.dispatcherWith(f.bus(), dispatch.Options{Prepare: func(_ context.Context, d *dispatch.Dispatcher) error {
		c := caller{t, "127.0.0.1", strings.TrimPrefix(d.URL(), "http://")}
		for _, id := range bothIDs {
			got := c.post(eventsOf(id), anEvent, isJSON)
			require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
			require.Contains(t, got.body, `"code":"unavailable"`)
			require.Equal(t, "1", got.header.Get("Retry-After"))
			asked++
		}
		require.Equal(t, http.StatusOK, c.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").status)
		require.Equal(t, http.StatusServiceUnavailable, c.raw("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").status)
		return nil
	}})
	require.Equal(t, len(bothIDs), asked)
	c := caller{t, "127.0.0.1", strings.TrimPrefix(d.URL(), "http://")}
	require.Equal(t, http.StatusOK, c.raw("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").status)
	for _, id := range bothIDs {
		require.Equal(t, http.StatusNotFound, c.post(eventsOf(id), anEvent, isJSON).status)
	}
}
