package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// held runs do while the lead of an instance is held by somebody else.
func (f *fleet) held(t *testing.T, id string, do func()) {
	t.Helper()
	require.NoError(t, lead.Run(within(t, time.Minute), f.bus().Instance(id), func(context.Context) error { do(); return nil }))
}

// TestAnEditWaitsForItsOwnInstanceOnly: while the lead of one instance is held,
// and edits of it wait, another instance is edited.
func TestAnEditWaitsForItsOwnInstanceOnly(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	for _, id := range instances {
		_, _, err := d.tryEdit(t, id, "api", add("a", "https://a.example"))
		require.NoError(t, err)
	}
	for n, id := range instances {
		other := instances[1-n]
		var waiting sync.WaitGroup
		f.held(t, id, func() {
			for _, name := range []string{"b", "c"} {
				waiting.Go(func() {
					_, _, err := d.Instance(id).Edit(within(t, time.Minute), "api", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
						return current.WithTarget("", hook(name, "https://b.example")), nil
					})
					assert.NoError(t, err)
				})
			}
			began := time.Now()
			for k := range 3 {
				_, _, err := d.tryEdit(t, other, "api", add(fmt.Sprint("new ", n, " ", k), "https://b.example"))
				assert.NoError(t, err) // that it ends while the lead is held is what is tried
			}
			t.Logf("three edits of %s took %s", other, time.Since(began))
			revision, err := d.Instance(id).Catalog(within(t, 10*time.Second), 0)
			assert.NoError(t, err)
			assert.NotContains(t, revision.Snapshot().Scopes[""].Targets, "b", "or it was not held")
		})
		waiting.Wait()
	}
}

// TestAnEditEndsWithItsRequest: whether it waits for another dispatcher, or for
// another edit of this one.
func TestAnEditEndsWithItsRequest(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		_, _, err := d.tryEdit(t, of.id, "api", add("a", "https://a.example"))
		require.NoError(t, err)
		f.held(t, of.id, func() {
			for _, what := range []string{"the lead", "the edit before it"} {
				ctx, cancel := context.WithCancel(within(t, time.Minute))
				ended := make(chan error, 1)
				go func() {
					_, _, err := d.Instance(of.id).Edit(ctx, "api", func(*catalog.Snapshot) (*catalog.Snapshot, error) {
						t.Error("it was not its turn")
						return nil, context.Canceled
					})
					ended <- err
				}()
				if what == "the lead" {
					blocked := make(chan struct{})
					go func() { // the second one waits behind this one
						defer close(blocked)
						_, _, err := d.Instance(of.id).Edit(ctx, "api", func(*catalog.Snapshot) (*catalog.Snapshot, error) { return nil, context.Canceled })
						assert.Error(t, err)
					}()
					defer func() { <-blocked }()
				}
				cancel()
				select {
				case err := <-ended:
					assert.Equal(t, action.CodeConflict, action.CodeOf(err), "%s: %v", what, err)
				case <-time.After(20 * time.Second):
					t.Errorf("it goes on waiting for %s", what)
				}
			}
		})
	})
}

// TestAnEditOutlivesItsLead: the network of a dispatcher stalls in the middle of an
// edit, before anything is stored. It leads once more and makes it, once; if the
// network stays away, it says what it lost.
func TestAnEditOutlivesItsLead(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	both(t, f, func(t *testing.T, of tenant) {
		c := newCable(t, f.url)
		d := f.dispatcherWith(f.busAt(c.url, bus.Options{}), dispatch.Options{})
		first, _, err := d.tryEdit(t, of.id, "api", add("a", "https://a.example"))
		require.NoError(t, err)
		asked := 0
		before, after, err := d.tryEdit(t, of.id, "api", func(sc *catalog.Scope) {
			add("b", "https://b.example")(sc)
			if asked++; asked == 1 {
				c.stall()
				time.AfterFunc(bus.LeadFor, c.goOn)
			}
		})
		require.NoError(t, err)
		require.Equal(t, 2, asked)
		require.Equal(t, []uint64{first + 1, first + 2}, []uint64{before, after})
		_, _, err = d.Instance(of.id).Edit(within(t, 2*bus.LeadFor), "api", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
			c.stall()
			next, sc := current.Draft("")
			add("c", "https://c.example")(sc)
			return next, nil
		})
		require.Contains(t, []action.Code{action.CodeConflict, action.CodeUnavailable}, action.CodeOf(err), "%v", err)
		c.goOn()
	})
}
