package cli_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTriggerLooksStored: without a server, a target reads the headers of a
// delivery too.
func TestTriggerLooksStored(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, func(http.ResponseWriter, arrival) {})
	got := runWith(t, "callout", runOptions{}, "trigger", "event", "user.added", "--url", tg.URL+"/hook", "--key", tg.key, "--target", "audit", "--org", "acme")
	require.Equal(t, 0, got.code, got.err)
	h := tg.seen()[0].header
	require.Equal(t, []string{"true", "audit", "default", "acme", "user.added", "1"}, []string{h.Get("Callout-Test"), h.Get("Callout-Target"), h.Get("Callout-Instance"),
		h.Get("Callout-Org"), h.Get("Callout-Event-Type"), h.Get("Callout-Sequence")})
	require.NotEmpty(t, h.Get("Callout-Event-Id"))
	require.NotEmpty(t, h.Get("Callout-Event-Time"))
	got = runWith(t, "callout", runOptions{}, "trigger", "request", "/s.S/M", "--url", tg.URL+"/hook", "--key", tg.key)
	require.Equal(t, 0, got.code, got.err)
	h = tg.seen()[1].header
	require.Equal(t, []string{"url", "default", "org-1", ""}, []string{h.Get("Callout-Target"), h.Get("Callout-Instance"), h.Get("Callout-Org"), h.Get("Callout-Event-Type")})
	got = runWith(t, "callout", runOptions{}, "trigger", "event", "user.added", "--url", tg.URL, "--target", "")
	require.Equal(t, 2, got.code)
	require.Contains(t, got.err, `--target "": `)
}
