//go:build unix

package node_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// How many edits lie in the backlog of BenchmarkBacklogWithEdits, how many events
// behind each, and how many objects the catalog has.
const (
	editsInBacklog = 100
	eventsPerEdit  = 100
	editedTargets  = 2000
)

// BenchmarkBacklogWithEdits drains a line that stood while the catalog of some
// thousands of objects was edited a hundred times, and one that stood while
// nobody edited: each event is matched with the catalog that it was stored under.
func BenchmarkBacklogWithEdits(b *testing.B) {
	h := newHook(b)
	n, client := benchNode(b, "version: 1", h.URL)
	ctx := context.Background()
	i := n.Dispatcher().Instance(catalog.DefaultInstance)
	_, err := i.Apply(ctx, manyTargets(h.URL))
	ok(b, err)
	edits := 0
	deliver := func(edit bool) func(int) time.Duration {
		return func(int) time.Duration {
			ok(b, i.PauseSubscription(ctx, "user.added/hook", dispatch.AllLanes))
			reached := h.expect(editsInBacklog * eventsPerEdit)
			for range editsInBacklog {
				if edit {
					edits++
					_, _, err := i.Edit(ctx, "bench", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
						next, sc := current.Draft("")
						t := sc.Targets["target-00001"]
						t.Labels = map[string]string{"edit": fmt.Sprint(edits)}
						sc.Targets[t.Name] = t
						return next, nil
					})
					ok(b, err)
				}
				together(eventsPerEdit, 16, func() { _, err := client.Publish(ctx, benchEvent()); ok(b, err) })
			}
			ok(b, i.ResumeSubscription(ctx, "user.added/hook", dispatch.AllLanes))
			<-reached
			return h.between()
		}
	}
	pair(b, deliver(true), deliver(false))
}

// manyTargets is a catalog of two thousand targets beside the one of the events.
func manyTargets(url string) *catalog.Snapshot {
	s, sc := catalog.Empty(catalog.DefaultInstance).Draft("")
	for n := range editedTargets {
		t := catalog.WithDefaults(action.Target{Name: fmt.Sprintf("target-%05d", n), Kind: action.Webhook, URL: fmt.Sprintf("https://hooks.example.com/%d", n)})
		sc.Targets[t.Name] = t
	}
	sc.Targets["hook"] = catalog.WithDefaults(action.Target{Name: "hook", Kind: action.Webhook, URL: url})
	sc.Sections[action.OnEvent] = append(sc.Sections[action.OnEvent], execution("user.added", "hook"))
	return s
}
