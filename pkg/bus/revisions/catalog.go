package revisions

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// How many older revisions of an instance are remembered: so many, and not more
// objects than these together.
const (
	rememberedMost    = 16
	rememberedObjects = 50000
)

// Catalog holds the newest catalog of an instance, compiled, and older ones that
// events in flight still need. It may be used from any goroutine.
type Catalog struct {
	revisions Revisions
	ledger    *Ledger

	mu      sync.Mutex
	newest  *Version
	made    time.Time // when the bucket was made that newest was read from; zero = it is not known yet
	older   map[uint64]*remembered
	uses    uint64        // counts up with each use of an older one
	changed chan struct{} // closed and replaced when newest or refused changes
	refused error         // why there is no newest
	coming  *Version      // made here, and about to come into force
	place   uint64        // of the root that was told last, in its bucket
}

// remembered is an older revision, or one that is being read.
type remembered struct {
	matcher *catalog.Matcher
	used    uint64        // when it was used last, by the count of uses
	read    chan struct{} // closed when it is read, or could not be
}

func newCatalog(i bus.Instance) *Catalog {
	r := Of(i)
	return &Catalog{revisions: r, ledger: r.Ledger(), older: map[uint64]*remembered{}, changed: make(chan struct{}),
		refused: action.NewError(action.CodeUnknownInstance, action.StageCatalog, "")}
}

// readFor is how long reading may take that follows a change.
const readFor = 10 * time.Second

// follow puts a new root in force. A catalog that cannot be read leaves the last
// one in force.
func (c *Catalog) follow(ctx context.Context, r toldRoot, err error) {
	if err == nil {
		err = c.advance(ctx, r)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	c.revisions.Log().Error().Err(err).Str("instance", c.revisions.ID).Uint64("revision", r.Revision).Msg("catalog not loaded, the last one stays in force")
	c.Refuse(err)
}

func (c *Catalog) advance(ctx context.Context, r toldRoot) error {
	c.mu.Lock()
	newest, coming := c.newest, c.coming
	again := !c.made.IsZero() && !c.made.Equal(r.made)
	if !again {
		c.made = r.made
	}
	news := c.place != r.place
	c.place = r.place
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	if news && !again && newest != nil && newest.Revision.Revision >= r.Revision {
		again = c.anew(ctx, r, newest)
	}
	switch {
	case again || newest == nil:
	case newest.Revision.Revision == r.Revision:
		c.Refuse(nil) // whatever was there meanwhile
		return nil
	case newest.Revision.Revision > r.Revision:
		return persist(ctx, func() error { return c.revisions.agrees(ctx, r.Root, newest.Revision.Revision) })
	case coming != nil && coming.Revision.Revision == r.Revision:
		c.Put(coming)
		return nil
	}
	return persist(ctx, func() error {
		if err := c.revisions.agrees(ctx, r.Root, 0); err != nil {
			return err
		}
		v, err := c.revisions.Version(ctx, r.Revision, newest)
		if err != nil {
			return err
		}
		v.Cut = r.Cut
		if again {
			c.replace(v, r.made)
		} else {
			c.Put(v)
		}
		return nil
	})
}

// anew tells whether a root names a revision of another history than that in force:
// the instance was deleted and made again while nobody listened.
func (c *Catalog) anew(ctx context.Context, r toldRoot, newest *Version) bool {
	m, err := c.revisions.manifest(ctx, r.Revision)
	return err == nil && m.Made.After(newest.Made)
}

// agrees is the error unreadable for a root that names a revision which the event
// stream is not marked with yet, or one below that in force: an edit marks the
// stream first, so somebody else wrote it. Who cannot tell does not mind.
func (i Revisions) agrees(ctx context.Context, r Root, inForce uint64) error {
	marked, _, err := i.Latest(ctx)
	if err != nil || inForce == 0 && r.Revision <= marked.Revision || inForce > 0 && inForce > marked.Revision {
		return nil //nolint:nilerr // what cannot be told of the marker is told to who asks for it
	}
	return unreadable(fmt.Sprintf("the root of the catalog of instance %q names revision %d where the event stream is marked with %d, and", i.ID, r.Revision, marked.Revision), nil)
}

// replace puts a version in force that was read from a bucket which was made
// again: what a revision's number meant before, it means no more.
func (c *Catalog) replace(v *Version, made time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.newest, c.made, c.refused, c.coming, c.older = v, made, nil, nil, map[uint64]*remembered{}
	c.ledger.forget()
	c.tell()
	c.revisions.Log().Warn().Str("instance", c.revisions.ID).Uint64("revision", v.Revision.Revision).Msg("catalog in force that was stored again")
}

// Expect names a version that was made here: when its root comes, it need not be
// read.
func (c *Catalog) Expect(v *Version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newest != nil { // of an instance that is new, it is read
		c.coming = v
	}
}

// Put puts a version in force here, unless a newer one is. Who made a revision
// need not wait for it to come back.
func (c *Catalog) Put(v *Version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newest != nil {
		if c.newest.Revision.Revision >= v.Revision.Revision {
			return
		}
		c.remember(c.newest.Matcher)
	}
	c.newest, c.refused, c.coming = v, nil, nil
	c.tell()
	c.revisions.Log().Debug().Str("instance", c.revisions.ID).Uint64("revision", v.Revision.Revision).Msg("catalog in force")
}

// forget takes the catalog of an instance out of force that is being deleted, for
// those who still hold it.
func (c *Catalog) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.newest, c.coming, c.older = nil, nil, map[uint64]*remembered{}
	c.refused = action.NewError(action.CodeUnknownInstance, action.StageCatalog, "")
	c.tell()
}

// Refuse says why an instance has no catalog, to whoever asks for it. One that
// has a catalog keeps it.
func (c *Catalog) Refuse(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = why
	c.tell()
}

// tell wakes who waits for a change. The caller holds the lock.
func (c *Catalog) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// news is closed when there is another catalog, or another reason why there is
// none.
func (c *Catalog) news() chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Fault is why the newest root could not be followed; nil when it was.
func (c *Catalog) Fault() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

func (c *Catalog) inForce() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest != nil
}

// remember keeps a revision for events in flight. The one used longest ago goes
// when there are too many, never the one that has just come: a backlog behind
// many edits uses each for a while. The caller holds the lock.
func (c *Catalog) remember(m *catalog.Matcher) {
	c.uses++
	c.older[m.Revision()] = &remembered{matcher: m, used: c.uses}
	for {
		objects, count, oldest := 0, 0, m.Revision()
		for r, kept := range c.older {
			if kept.matcher == nil {
				continue
			}
			count++
			objects += kept.matcher.Snapshot().Objects()
			if kept.used < c.older[oldest].used {
				oldest = r
			}
		}
		if count <= 1 || count <= rememberedMost && objects <= rememberedObjects {
			return
		}
		delete(c.older, oldest)
	}
}

// AtLeast gives the newest catalog, waiting until ctx ends for one that is not
// older than the revision asked for. The error is unknown_instance, deadline, or
// unreadable when the instance has no catalog that could be read.
func (c *Catalog) AtLeast(ctx context.Context, revision uint64) (*catalog.Matcher, error) {
	v, err := c.VersionAtLeast(ctx, revision)
	if err != nil {
		return nil, err
	}
	return v.Matcher, nil
}

// VersionAtLeast is AtLeast for who also asks how the revision came to be.
func (c *Catalog) VersionAtLeast(ctx context.Context, revision uint64) (*Version, error) {
	for {
		c.mu.Lock()
		v, changed, refused := c.newest, c.changed, c.refused
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

// InForce gives the catalog that was in force when the event at seq of the event
// stream was stored, and the newest one. madeAt tells which stream is meant,
// should it have been made again: see Ledger. Between a marker and its root the
// newest is the one that the event was stored under.
func (c *Catalog) InForce(ctx context.Context, madeAt int64, seq uint64) (then, now *catalog.Matcher, err error) {
	if now, err = c.AtLeast(ctx, 0); err != nil {
		return nil, nil, err
	}
	then, err = c.inForceAt(ctx, madeAt, seq)
	if action.CodeOf(err) == action.CodeNotFound { // it was lost since its marker was read, and the marker taken away
		c.ledger.forget()
		then, err = c.inForceAt(ctx, madeAt, seq)
	}
	if err == nil && then.Revision() >= now.Revision() {
		now = then
	}
	return then, now, err
}

func (c *Catalog) inForceAt(ctx context.Context, madeAt int64, seq uint64) (*catalog.Matcher, error) {
	revision, next, err := c.ledger.RevisionAt(ctx, madeAt, seq)
	if err != nil {
		return nil, err
	}
	c.prefetch(next)
	return c.at(ctx, revision)
}

// at gives a revision. Many who ask for one that is not remembered have it read
// once.
func (c *Catalog) at(ctx context.Context, revision uint64) (*catalog.Matcher, error) {
	for {
		c.mu.Lock()
		newest, kept := c.newest, c.older[revision]
		if newest == nil { // it was taken out of force since it was asked for
			defer c.mu.Unlock()
			return nil, c.refused
		}
		if newest.Revision.Revision == revision {
			c.mu.Unlock()
			return newest.Matcher, nil
		}
		if kept == nil {
			kept = &remembered{read: make(chan struct{})}
			c.older[revision] = kept
			c.mu.Unlock()
			return c.fetch(ctx, revision, newest, kept.read)
		}
		c.uses++
		kept.used = c.uses
		m, read := kept.matcher, kept.read
		c.mu.Unlock()
		if m != nil {
			return m, nil
		}
		select {
		case <-read:
		case <-ctx.Done():
			return nil, bus.Failure(context.Cause(ctx))
		}
	}
}

// fetch reads a revision for all who wait for it.
func (c *Catalog) fetch(ctx context.Context, revision uint64, newest *Version, read chan struct{}) (*catalog.Matcher, error) {
	v, err := c.revisions.Version(ctx, revision, newest)
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(read)
	kept := c.older[revision]
	current := kept != nil && kept.read == read // else the numbers mean something else by now
	switch {
	case err != nil && current:
		delete(c.older, revision)
		return nil, err
	case err != nil:
		return nil, err
	case current:
		c.remember(v.Matcher)
	}
	return v.Matcher, nil
}

// prefetch reads the revision behind one that is in use, for a backlog will need
// it next. What fails is read when it is needed.
func (c *Catalog) prefetch(revision uint64) {
	c.mu.Lock()
	newest, kept := c.newest, c.older[revision]
	if revision == 0 || kept != nil || newest == nil || newest.Revision.Revision == revision {
		c.mu.Unlock()
		return
	}
	kept = &remembered{read: make(chan struct{})}
	c.older[revision] = kept
	c.mu.Unlock()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), readFor)
		defer cancel()
		_, _ = c.fetch(ctx, revision, newest, kept.read)
	}()
}

// Version reads a revision; what is in force here is not read again.
func (c *Catalog) Version(ctx context.Context, revision uint64) (*Version, error) {
	newest := c.current()
	if newest != nil && newest.Revision.Revision == revision {
		return newest, nil
	}
	return c.revisions.Version(ctx, revision, newest)
}

// Snapshot reads what a revision configures, as Version does.
func (c *Catalog) Snapshot(ctx context.Context, revision uint64) (*catalog.Snapshot, error) {
	newest := c.current()
	if newest != nil && newest.Revision.Revision == revision {
		return newest.Matcher.Snapshot(), nil
	}
	return c.revisions.Snapshot(ctx, revision, newest)
}

func (c *Catalog) current() *Version {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest
}
