package bus

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// keptRevisions is how many older revisions of an instance are remembered.
const keptRevisions = 16

// Catalogs holds the newest catalog of every instance, compiled, and older
// ones that events in flight still need. It may be used from any goroutine.
type Catalogs struct {
	bus *Bus
	mu  sync.Mutex
	of  map[string]*instanceCatalogs
}

type instanceCatalogs struct {
	newest  *catalog.Matcher
	older   map[uint64]*catalog.Matcher
	ledger  *Ledger
	changed chan struct{} // closed and replaced when newest changes
}

// FollowCatalogs keeps the catalogs of all instances up to date until ctx
// ends. The channel is closed when all that stood was read.
func (b *Bus) FollowCatalogs(ctx context.Context) (*Catalogs, <-chan struct{}) {
	c := &Catalogs{bus: b, of: map[string]*instanceCatalogs{}}
	return c, b.followRoots(ctx, c.set)
}

// set puts a new root in force. A catalog that cannot be read leaves the last
// one in force.
func (c *Catalogs) set(instance string, r Root) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	m, err := c.load(ctx, instance, r.Revision)
	if err != nil {
		c.bus.log.Error().Err(err).Str("instance", instance).Uint64("revision", r.Revision).Msg("catalog not loaded, the last one stays in force")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.of[instance]
	if i == nil {
		i = &instanceCatalogs{older: map[uint64]*catalog.Matcher{}, ledger: c.bus.Ledger(instance), changed: make(chan struct{})}
		c.of[instance] = i
	}
	if i.newest != nil {
		if i.newest.Revision() >= r.Revision {
			return
		}
		i.remember(i.newest)
	}
	i.newest = m
	close(i.changed)
	i.changed = make(chan struct{})
	c.bus.log.Debug().Str("instance", instance).Uint64("revision", r.Revision).Msg("catalog in force")
}

func (i *instanceCatalogs) remember(m *catalog.Matcher) {
	i.older[m.Revision()] = m
	if len(i.older) <= keptRevisions {
		return
	}
	oldest := m.Revision()
	for r := range i.older {
		oldest = min(oldest, r)
	}
	delete(i.older, oldest)
}

// AtLeast gives the newest catalog, waiting until ctx ends for one that is not
// older than the revision asked for.
func (c *Catalogs) AtLeast(ctx context.Context, instance string, revision uint64) (*catalog.Matcher, error) {
	for {
		c.mu.Lock()
		i := c.of[instance]
		if i == nil {
			c.mu.Unlock()
			return nil, action.NewError(action.CodeUnknownInstance, action.StageCatalog, "")
		}
		m, changed := i.newest, i.changed
		c.mu.Unlock()
		if m.Revision() >= revision {
			return m, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, action.NewError(action.CodeDeadline, action.StageCatalog, "the revision asked for did not arrive in time")
		}
	}
}

// InForce gives the catalog that was in force when the event at seq was
// stored, and the newest one.
func (c *Catalogs) InForce(ctx context.Context, instance string, seq uint64) (then, now *catalog.Matcher, err error) {
	if now, err = c.AtLeast(ctx, instance, 0); err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	ledger := c.of[instance].ledger
	c.mu.Unlock()
	revision, err := ledger.RevisionAt(ctx, seq)
	if err != nil {
		return nil, nil, err
	}
	then, err = c.at(ctx, instance, revision)
	return then, now, err
}

func (c *Catalogs) at(ctx context.Context, instance string, revision uint64) (*catalog.Matcher, error) {
	c.mu.Lock()
	i := c.of[instance]
	m := i.older[revision]
	if i.newest.Revision() == revision {
		m = i.newest
	}
	c.mu.Unlock()
	if m != nil {
		return m, nil
	}
	m, err := c.load(ctx, instance, revision)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i.remember(m)
	return m, nil
}

func (c *Catalogs) load(ctx context.Context, instance string, revision uint64) (*catalog.Matcher, error) {
	s, err := c.bus.Snapshot(ctx, instance, revision)
	if err != nil {
		return nil, err
	}
	return catalog.Compile(s)
}

// Instances lists the instances that have a catalog.
func (c *Catalogs) Instances() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.of))
}

// Await waits until an instance exists here with the revision or a newer one.
func (c *Catalogs) Await(ctx context.Context, instance string, revision uint64) error {
	for {
		_, err := c.AtLeast(ctx, instance, revision)
		if action.CodeOf(err) != action.CodeUnknownInstance {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Millisecond):
		}
	}
}
