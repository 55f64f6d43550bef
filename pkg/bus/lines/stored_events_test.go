package lines_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// earlierIDs goes through the pages of stored events, and gives their bodies.
func earlierIDs(t *testing.T, i bus.Instance, o lines.EarlierOptions) (bodies []string, pages int) {
	t.Helper()
	for {
		some, next, err := lines.Of(i).Earlier(bustest.Within(t, 20*time.Second), o)
		require.NoError(t, err)
		require.LessOrEqual(t, len(some), o.Limit)
		pages++
		for _, e := range some {
			bodies = append(bodies, string(e.Body))
		}
		if next == 0 {
			return bodies, pages
		}
		if o.Before > 0 {
			require.Less(t, next, o.Before)
		}
		o.Before = next
	}
}

// TestEarlierEvents goes back through the events of two instances, page by page
// and with every filter.
func TestEarlierEvents(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		const events = 300
		var all, acme, u7 []string
		var half time.Time
		for n := range events {
			e := bus.NewEvent{AggregateID: fmt.Sprint("u", n%10), Type: []string{"user.added", "user.changed", "group.added"}[n%3], Body: fmt.Appendf(nil, `{"n":%d,"of":%q}`, n, i.ID)}
			if n%50 == 0 {
				e.Org = "acme"
			}
			if n == events/2 {
				half = time.Now()
			}
			_, err := i.Publish(bustest.Within(t, 20*time.Second), e)
			require.NoError(t, err)
			add := func(to *[]string, when bool) {
				if when {
					*to = append([]string{string(e.Body)}, *to...)
				}
			}
			add(&all, true)
			add(&acme, e.Org != "")
			add(&u7, n%10 == 7 && n%3 != 2)
		}
		everything := onEvent("*")
		got, pages := earlierIDs(t, i, lines.EarlierOptions{Type: everything, Limit: 64})
		require.Equal(t, all, got)
		require.Equal(t, 5, pages)
		got, _ = earlierIDs(t, i, lines.EarlierOptions{Type: everything, Org: "acme", Limit: 2})
		require.Equal(t, acme, got)
		got, _ = earlierIDs(t, i, lines.EarlierOptions{Type: onEvent("user.*"), Aggregate: "u7", Limit: 7})
		require.Equal(t, u7, got)
		got, _ = earlierIDs(t, i, lines.EarlierOptions{Type: everything, Since: half, Limit: 1000})
		require.Equal(t, all[:events/2], got)
		got, _ = earlierIDs(t, i, lines.EarlierOptions{Type: onEvent("nobody.added"), Limit: 10})
		require.Empty(t, got)
	})
}
