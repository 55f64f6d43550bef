package invoke

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestTryShowsTheExchange sends what Do sends, and one header more.
func TestTryShowsTheExchange(t *testing.T) {
	url, got := recorder(t)
	now := time.Unix(1_700_000_000, 0)
	i := newInvoker(t, func(o *Options) { o.Now = func() time.Time { return now } })
	call := callTo(url, func(c *Call) {
		c.Traceparent = "00-abc-def-01"
		c.Target.Headers = map[string]string{"X-Team": "identity", "Callout-Test": "false"}
	})
	require.Nil(t, i.Do(t.Context(), call).Err)
	trial := i.Try(t.Context(), call)
	require.Nil(t, trial.Err)
	require.Equal(t, 200, trial.Status)
	require.Equal(t, "{}", string(trial.Shown))
	require.NotZero(t, trial.Duration)

	done, tried := <-got, <-got
	require.Equal(t, []string{"true"}, tried.Header.Values("Callout-Test"))
	require.Equal(t, done.body, tried.body)
	tried.Header.Del("Callout-Test")
	for _, h := range []http.Header{done.Header, tried.Header} {
		h.Del("Callout-Remaining-Ms")
	}
	require.Equal(t, done.Header, tried.Header)
	for name, values := range done.Header {
		if name != "Content-Length" { // net/http's own
			require.Equal(t, values, trial.RequestHeader[http.CanonicalHeaderKey(name)], name)
		}
	}
	require.NotEmpty(t, trial.ResponseHeader.Get("Date"))
}

// TestTryShowsWhatACallWouldNot: the body of an error, of an answer that is too
// large and of one that is no JSON.
func TestTryShowsWhatACallWouldNot(t *testing.T) {
	long := strings.Repeat("x", 3*ShownBody)
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		code   action.Code
		status int
		shown  string
	}{
		{"an error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such user", 404) }, action.CodeStatus, 404, "no such user\n"},
		{"an error without a body", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, action.CodeStatus, 503, ""},
		{"a long error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); _, _ = io.WriteString(w, long) }, action.CodeStatus, 500, long[:ShownBody]},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, action.CodeRedirect, 307, ""},
		{"an answer too large", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, long) }, action.CodeAnswerTooLarge, 200, long[:ShownBody]},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<p>") }, action.CodeAnswerMalformed, 200, "<p>"},
		{"a rejection", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"forwardedStatusCode":403}`) }, action.CodeRejected, 200, `{"forwardedStatusCode":403}`},
		{"an error in gzip", func(w http.ResponseWriter, _ *http.Request) { zipped(w, 400, "packed") }, action.CodeStatus, 400, "packed"},
		{"an answer in gzip too large", func(w http.ResponseWriter, _ *http.Request) { zipped(w, 200, long) }, action.CodeAnswerTooLarge, 200, long[:ShownBody]},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httpServer(t, c.answer)
			trial := newInvoker(t).Try(t.Context(), callTo(s.URL, func(c *Call) { c.Target.MaxAnswer = ShownBody + 1 }))
			require.Equal(t, c.code, action.CodeOf(trial.Err), "%v", trial.Err)
			require.Equal(t, []any{c.status, c.shown, "hook"}, []any{trial.Status, string(trial.Shown), trial.Err.Target})
		})
	}
}

func zipped(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := gzip.NewWriter(w)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
}

// TestTryCountsNothing has a target whose limits let nobody through.
func TestTryCountsNothing(t *testing.T) {
	var mended atomic.Bool
	s := httpServer(t, func(w http.ResponseWriter, _ *http.Request) {
		if !mended.Load() {
			w.WriteHeader(500)
		}
	})
	i := newInvoker(t)
	limited := func(c *Call) {
		c.Target.Breaker = action.Breaker{Failures: 2, Open: time.Hour}
		c.Target.Rate = action.Rate{N: 1, Per: time.Hour}
		c.Wait = time.Millisecond
	}
	for range 5 {
		require.Equal(t, 500, i.Try(t.Context(), callTo(s.URL, limited)).Status)
	}
	mended.Store(true)
	require.Nil(t, i.Do(t.Context(), callTo(s.URL, limited)).Err, "neither the breaker nor the rate has counted them")
	require.Equal(t, action.CodeRateLimited, i.Do(t.Context(), callTo(s.URL, limited)).Err.Code)
	require.Nil(t, i.Try(t.Context(), callTo(s.URL, limited)).Err)
}

// TestTryIsGuardedAndBounded as Do is.
func TestTryIsGuardedAndBounded(t *testing.T) {
	s := httpServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see a client go
		<-r.Context().Done()
	})
	strict := newInvoker(t, func(o *Options) { o.AllowLocal = false })
	trial := strict.Try(t.Context(), callTo(s.URL))
	require.Equal(t, action.CodeBlockedAddress, trial.Err.Code)
	require.False(t, trial.Sent)
	require.NotEmpty(t, trial.RequestHeader, "what would have been sent")

	i := newInvoker(t)
	require.Equal(t, action.CodeTimeout, i.Try(t.Context(), callTo(s.URL, within(50*time.Millisecond))).Err.Code)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	require.Equal(t, action.CodeCancelled, i.Try(ctx, callTo(s.URL)).Err.Code)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.Equal(t, action.CodeConnect, i.Try(t.Context(), callTo("http://"+l.Addr().String())).Err.Code)
	require.Equal(t, action.CodeBadField, i.Try(t.Context(), callTo("ftp://a.example")).Err.Code)
}

// TestEveryHeaderAtOnce: an event with a trace and both marks has all headers
// there are. One mark more than any delivery has finds a place of its own.
func TestEveryHeaderAtOnce(t *testing.T) {
	url, got := recorder(t)
	a := newInvoker(t).Do(t.Context(), callTo(url, func(c *Call) {
		c.Attempt, c.Sequence, c.Traceparent, c.Replay, c.Redrive = 2, 7, "00-abc-def-01", true, true
		c.Instance, c.Org, c.EventID, c.EventType = "eu 1", "Zürich 100%", "ev-1", "user.added"
		c.EventTime = time.Date(2026, 3, 1, 13, 4, 5, 67_891_000, time.FixedZone("", 3600))
		event := wire.CloudEventOf(&wire.EventFacts{AggregateID: "u 1", Type: "user.added"}, c.Instance, c.Org, c.EventID, c.Sequence, c.EventTime)
		c.Event = &event
	}))
	require.Nil(t, a.Err)
	r := <-got
	for name, want := range map[string]string{
		"Callout-Sequence": "7", "Callout-Replay": "true", "Callout-Redrive": "true", "Callout-Instance": "eu%201",
		"Callout-Org": "Z%C3%BCrich%20100%25", "Callout-Event-Id": "ev-1", "Callout-Event-Type": "user.added",
		"Callout-Event-Time": "2026-03-01T12:04:05.067Z",
		"Ce-Specversion":     "1.0", "Ce-Id": "ev-1", "Ce-Type": "user.added", "Ce-Subject": "u%201", "Ce-Time": "2026-03-01T12:04:05.067Z",
		"Ce-Source":   "/instances/eu=201/events/Z=C3=BCrich=20100=25/u=201/user.added",
		"Ce-Instance": "eu%201", "Ce-Org": "Z%C3%BCrich%20100%25", "Ce-Sequence": "00000000000000000007",
	} {
		require.Equal(t, []string{want}, r.Header.Values(name), name)
	}
	require.NotEmpty(t, r.Header.Get("Callout-Remaining-Ms"))
	require.Len(t, r.Header, eventHeaders+2, "ours, one of them over the usual, and Content-Length")
}

// TestNothingIsSaidOfWhatIsNotKnown: a call of no organization is of none, and of
// no event.
func TestNothingIsSaidOfWhatIsNotKnown(t *testing.T) {
	url, got := recorder(t)
	require.Nil(t, newInvoker(t).Do(t.Context(), callTo(url, func(c *Call) { c.Instance, c.Org = "north", "acme" })).Err)
	require.Len(t, (<-got).Header, usualHeaders+1, "a call has room for what it says, and there is Content-Length")
	require.Nil(t, newInvoker(t).Do(t.Context(), callTo(url)).Err)
	require.Len(t, (<-got).Header, usualHeaders+1-2)
}
