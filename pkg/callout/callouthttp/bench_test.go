package callouthttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/callouthttp"
)

// idle is a handler that does nothing, without and with Callout; nothing is
// configured for what is asked.
func idle(t testing.TB) (bare, with http.Handler, r *http.Request) {
	t.Helper()
	client := newClient(t, callout.Options{URL: startNode(t, newTargets(t)).NATSURL(), Exempt: []string{"/acme.admin.v1.AdminService/"}})
	<-client.Loaded()
	bare = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	with = callouthttp.New(callouthttp.Options{Client: client, Method: func(r *http.Request) string { return r.URL.Path }})(bare)
	return bare, with, httptest.NewRequest(http.MethodPost, getUser, http.NoBody)
}

// BenchmarkNothingConfigured is what a core pays for a request that nobody
// extends.
func BenchmarkNothingConfigured(b *testing.B) {
	bare, with, r := idle(b)
	w := httptest.NewRecorder()
	for _, row := range []struct {
		name    string
		handler http.Handler
	}{{"bare", bare}, {"callout", with}} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				row.handler.ServeHTTP(w, r)
			}
		})
	}
}

func TestNothingConfiguredAllocatesNothing(t *testing.T) {
	_, with, r := idle(t)
	w := httptest.NewRecorder()
	require.Zero(t, testing.AllocsPerRun(100, func() { with.ServeHTTP(w, r) }))
}
