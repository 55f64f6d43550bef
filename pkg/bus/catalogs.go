package bus

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// How many older revisions of an instance are remembered: so many, and not more
// objects than these together.
const (
	keptRevisions = 16
	keptObjects   = 50000
)

// Catalogs holds the newest catalog of every instance, compiled, and older
// ones that events in flight still need. It may be used from any goroutine.
type Catalogs struct {
	bus *Bus
	mu  sync.Mutex
	of  map[string]*instanceCatalogs
}

type instanceCatalogs struct {
	newest  *Version
	older   map[uint64]*catalog.Matcher
	ledger  *Ledger
	changed chan struct{} // closed and replaced when newest changes
	refused error         // why there is no newest
	coming  *Version      // made here, and about to come into force
}

// FollowCatalogs keeps the catalogs of all instances up to date until ctx
// ends. The channel is closed when all that stood was read.
func (b *Bus) FollowCatalogs(ctx context.Context) (*Catalogs, <-chan struct{}) {
	c := &Catalogs{bus: b, of: map[string]*instanceCatalogs{}}
	return c, b.followRoots(ctx, func(instance string, r Root, err error) { c.follow(ctx, instance, r, err) })
}

// follow puts a new root in force. A catalog that cannot be read leaves the last
// one in force.
func (c *Catalogs) follow(ctx context.Context, instance string, r Root, err error) {
	if err == nil {
		err = c.advance(ctx, instance, r)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	c.bus.log.Error().Err(err).Str("instance", instance).Uint64("revision", r.Revision).Msg("catalog not loaded, the last one stays in force")
	c.Refuse(instance, err)
}

func (c *Catalogs) advance(ctx context.Context, instance string, r Root) error {
	newest, coming := c.newest(instance)
	if newest != nil && newest.Revision.Revision >= r.Revision {
		return nil
	}
	if coming != nil && coming.Revision.Revision == r.Revision {
		c.Put(instance, coming)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	return persist(ctx, func() error {
		v, err := c.bus.Version(ctx, instance, r.Revision, newest)
		if err == nil {
			v.Cut = r.Cut
			c.Put(instance, v)
		}
		return err
	})
}

// newest gives what is in force here and what is about to be, nil when nothing
// is.
func (c *Catalogs) newest(instance string) (newest, coming *Version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.of[instance]; i != nil {
		return i.newest, i.coming
	}
	return nil, nil
}

// Expect names a version that was made here: when its root comes, it need not be
// read.
func (c *Catalogs) Expect(instance string, v *Version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.of[instance]; i != nil { // of an instance that is new, it is read
		i.coming = v
	}
}

// Put puts a version in force here, unless a newer one is. Who made a revision
// need not wait for it to come back.
func (c *Catalogs) Put(instance string, v *Version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.instance(instance)
	if i.newest != nil {
		if i.newest.Revision.Revision >= v.Revision.Revision {
			return
		}
		i.remember(i.newest.Matcher)
	}
	i.newest, i.refused, i.coming = v, nil, nil
	close(i.changed)
	i.changed = make(chan struct{})
	c.bus.log.Debug().Str("instance", instance).Uint64("revision", v.Revision.Revision).Msg("catalog in force")
}

// Refuse says why an instance has no catalog, to whoever asks for it. One that
// has a catalog keeps it.
func (c *Catalogs) Refuse(instance string, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.instance(instance).refused = why
}

// instance makes the entry of an instance when there is none. The caller holds
// the lock.
func (c *Catalogs) instance(name string) *instanceCatalogs {
	i := c.of[name]
	if i == nil {
		i = &instanceCatalogs{older: map[uint64]*catalog.Matcher{}, ledger: c.bus.Ledger(name), changed: make(chan struct{})}
		c.of[name] = i
	}
	return i
}

func (i *instanceCatalogs) remember(m *catalog.Matcher) {
	i.older[m.Revision()] = m
	for len(i.older) > 1 {
		objects, oldest := 0, m.Revision()
		for r, m := range i.older {
			objects += m.Snapshot().Objects()
			oldest = min(oldest, r)
		}
		if len(i.older) <= keptRevisions && objects <= keptObjects {
			return
		}
		delete(i.older, oldest)
	}
}

// AtLeast gives the newest catalog, waiting until ctx ends for one that is not
// older than the revision asked for. The error is unknown_instance, deadline, or
// unreadable when the instance has no catalog that could be read.
func (c *Catalogs) AtLeast(ctx context.Context, instance string, revision uint64) (*catalog.Matcher, error) {
	v, err := c.VersionAtLeast(ctx, instance, revision)
	if err != nil {
		return nil, err
	}
	return v.Matcher, nil
}

// VersionAtLeast is AtLeast for who also asks how the revision came to be.
func (c *Catalogs) VersionAtLeast(ctx context.Context, instance string, revision uint64) (*Version, error) {
	for {
		c.mu.Lock()
		i := c.of[instance]
		if i == nil {
			c.mu.Unlock()
			return nil, action.NewError(action.CodeUnknownInstance, action.StageCatalog, "")
		}
		v, changed, refused := i.newest, i.changed, i.refused
		c.mu.Unlock()
		if v == nil {
			return nil, refused
		}
		if v.Revision.Revision >= revision {
			return v, nil
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
	m, newest := i.older[revision], i.newest
	c.mu.Unlock()
	if newest.Revision.Revision == revision {
		m = newest.Matcher
	}
	if m != nil {
		return m, nil
	}
	v, err := c.bus.Version(ctx, instance, revision, newest)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i.remember(v.Matcher)
	return v.Matcher, nil
}

// Version reads a revision; what is in force here is not read again.
func (c *Catalogs) Version(ctx context.Context, instance string, revision uint64) (*Version, error) {
	newest, _ := c.newest(instance)
	if newest != nil && newest.Revision.Revision == revision {
		return newest, nil
	}
	return c.bus.Version(ctx, instance, revision, newest)
}

// Snapshot reads what a revision configures, as Version does.
func (c *Catalogs) Snapshot(ctx context.Context, instance string, revision uint64) (*catalog.Snapshot, error) {
	newest, _ := c.newest(instance)
	if newest != nil && newest.Revision.Revision == revision {
		return newest.Matcher.Snapshot(), nil
	}
	return c.bus.Snapshot(ctx, instance, revision, newest)
}

// Instances lists the instances that have a catalog here.
func (c *Catalogs) Instances() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for instance, i := range c.of {
		if i.newest != nil {
			all = append(all, instance)
		}
	}
	slices.Sort(all)
	return all
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
