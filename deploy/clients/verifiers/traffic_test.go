package verifiers_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// received is a request as it came to a target.
type received struct {
	target  string
	headers http.Header
	body    []byte
}

func (r received) isEvent() bool { return r.headers.Get("Callout-Event-Id") != "" }

// signatures counts those of a scheme.
func (r received) signatures(header, scheme string) int {
	return strings.Count(r.headers.Get(header), scheme)
}

// target keeps what it receives, by the last part of the path.
type target struct {
	*httptest.Server

	mu  sync.Mutex
	got []received
}

func newTarget(t *testing.T) *target {
	t.Helper()
	tg := &target{}
	tg.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		tg.mu.Lock()
		defer tg.mu.Unlock()
		tg.got = append(tg.got, received{strings.TrimPrefix(r.URL.Path, "/"), r.Header.Clone(), body})
	}))
	t.Cleanup(tg.Close)
	return tg
}

// of gives what came to one target, in its order.
func (tg *target) of(name string) []received {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(tg.got), func(r received) bool { return r.target != name })
}

// ofKind gives the calls that came to one target, or the events, in their order.
func (tg *target) ofKind(name string, isEvent bool) []received {
	return slices.DeleteFunc(tg.of(name), func(r received) bool { return r.isEvent() != isEvent })
}

// await waits until enough requests that are as is wants have come to a target.
func (tg *target) await(t *testing.T, name, what string, enough int, is func(received) bool) {
	t.Helper()
	var calls, events int
	require.Eventually(t, func() bool {
		calls, events = 0, 0
		for _, r := range tg.of(name) {
			switch {
			case !is(r):
			case r.isEvent():
				events++
			default:
				calls++
			}
		}
		return calls >= enough && events >= enough
	}, bound, 10*time.Millisecond, "%s of %s", what, name)
}

// traffic has calls and events go to all targets until the test ends it.
func (c callout) traffic(t *testing.T) (end func()) {
	t.Helper()
	var ended atomic.Bool
	var work sync.WaitGroup
	send := func(path, body string, status int) {
		work.Go(func() {
			for n := 0; !ended.Load(); n++ {
				got, answer, err := c.post(t.Context(), path, fmt.Sprintf(body, n))
				if t.Context().Err() != nil {
					return
				}
				if err != nil || got != status || strings.Contains(answer, `"outcome":"failed"`) {
					t.Errorf("%s: %d %s %v", path, got, answer, err)
					return
				}
				time.Sleep(20 * time.Millisecond) // a rate, nothing is waited for
			}
		})
	}
	send("/calls/request", `{"fullMethod":"/acme.user.v1.UserService/CreateUser","request":{"name":"Ada – %d"}}`, http.StatusOK)
	send("/events", `{"aggregateID":"u%d","event_type":"user.added","event_payload":{"name":"Zoë"}}`, http.StatusAccepted)
	end = func() { ended.Store(true); work.Wait() }
	t.Cleanup(end)
	return end
}
