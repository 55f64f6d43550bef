package dispatch_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestNoticesAreBounded: of declarations with a member that means nothing each is logged
// once, so many are remembered, ten are named, and what is taken back makes room.
func TestNoticesAreBounded(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	declared := f.bucket(bus.BucketDeclared)
	key := func(n int) string { return fmt.Sprintf("%s.core%d", wire.Token(instances[n%2]), n) }
	declare := func(n int, member string) {
		t.Helper()
		_, err := declared.Put(within(t, 20*time.Second), key(n), fmt.Appendf(nil, `{"core":"core%d","%s":["a.b"]}`, n, member))
		require.NoError(t, err)
	}
	logged := func() int { return strings.Count(d.log.String(), "a declaration has a member that is passed over") }
	awaits := func(what string, want int, have func() int) {
		t.Helper()
		require.Eventually(t, func() bool { return have() == want }, time.Minute, 5*time.Millisecond, "%s: not %d but %s", what, want, lazily(func() any { return have() }))
	}
	const more = 3
	all := dispatch.MaxNoticed + more
	for n := range all {
		declare(n, "event_type")
	}
	awaits("logged", all, logged)
	require.Equal(t, dispatch.MaxNoticed, d.Noticed())
	got := d.ready(t)
	require.Equal(t, http.StatusOK, got.status, "nobody is kept from publishing")
	require.Equal(t, 10, strings.Count(got.body, "passed over in "), got.body)

	declare(0, "event_type") // says the same again
	declare(1, "functons")   // something else
	declare(2, "event_types")
	awaits("logged", all+1, logged)
	awaits("remembered", dispatch.MaxNoticed-1, d.Noticed)
	declare(2, "event_type")
	awaits("remembered", dispatch.MaxNoticed, d.Noticed)

	for n := range 20 {
		require.NoError(t, declared.Purge(within(t, 20*time.Second), key(n)))
	}
	awaits("remembered after readiness was asked", dispatch.MaxNoticed-20, func() int { d.ready(t); return d.Noticed() })
	declare(all, "event_type")
	awaits("remembered", dispatch.MaxNoticed-19, d.Noticed)
}

// TestMisaddressedEventsDoNotFillTheLog: all are counted, and those are logged whose number
// is a power of two.
func TestMisaddressedEventsDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	const events = 20
	for n := range events {
		require.NoError(t, f.nc.Publish(fmt.Sprintf("callout.event.%s.u%d", wire.Token(instances[n%2]), n), []byte("{}")))
	}
	says := fmt.Sprintf("%d events were published to no stream since this dispatcher began, with a token too few in their subject, the last to callout.event.%s.u%d",
		events, wire.Token(instances[(events-1)%2]), events-1)
	require.Eventually(t, func() bool { return strings.Contains(d.ready(t).body, says) }, time.Minute, 20*time.Millisecond, "%s: %s", says, lazily(func() any { return d.ready(t).body }))
	var told []string
	for line := range strings.Lines(d.log.String()) {
		if strings.Contains(line, "an event was published to no stream") {
			_, rest, _ := strings.Cut(line, ".u")
			number, _, _ := strings.Cut(rest, `"`)
			told = append(told, number)
		}
	}
	require.Equal(t, []string{"0", "1", "3", "7", "15"}, told)
}
