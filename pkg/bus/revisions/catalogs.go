package revisions

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// Catalogs holds the catalogs of all instances, compiled, and follows them. It
// may be used from any goroutine.
type Catalogs struct {
	bus      *bus.Bus
	mu       sync.Mutex
	of       map[string]*Catalog
	appeared chan struct{} // closed and replaced when there is another instance
	finding  chan struct{} // has one for each that is asked for in NATS
}

// Follow keeps the catalogs of all instances up to date until ctx ends. The
// channel is closed when all that stood was read.
func Follow(ctx context.Context, b *bus.Bus) (*Catalogs, <-chan struct{}) {
	return FollowDeleted(ctx, b, func(string) {})
}

// FollowDeleted is Follow for who is to hear of instances that are being deleted, or
// were while nobody listened: they are not known any more by then. The callback runs
// in one goroutine, more than once for an instance.
func FollowDeleted(ctx context.Context, b *bus.Bus, deleted func(instance string)) (*Catalogs, <-chan struct{}) {
	c := &Catalogs{bus: b, of: map[string]*Catalog{}, appeared: make(chan struct{}), finding: make(chan struct{}, findAtOnce)}
	return c, followRoots(ctx, b, func(instance string, r toldRoot, err error) {
		switch {
		case r.Deleting || r.gone:
			c.Remove(instance)
			deleted(instance)
		default:
			c.Add(instance).follow(ctx, r, err)
		}
	})
}

// Remove forgets the catalog of an instance that is being deleted.
func (c *Catalogs) Remove(instance string) {
	c.mu.Lock()
	i := c.of[instance]
	delete(c.of, instance)
	c.mu.Unlock()
	if i != nil {
		i.forget()
	}
}

// Of gives the catalog of an instance. Of one that is not known here it is one
// that says so, and stays so.
func (c *Catalogs) Of(instance string) *Catalog {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.of[instance]; i != nil {
		return i
	}
	return newCatalog(c.bus.Instance(instance))
}

// Add gives the catalog of an instance that exists, known here or not.
func (c *Catalogs) Add(instance string) *Catalog {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.of[instance]
	if i == nil {
		i = newCatalog(c.bus.Instance(instance))
		c.of[instance] = i
		close(c.appeared)
		c.appeared = make(chan struct{})
	}
	return i
}

// Knows tells whether an instance is known here, with a catalog or without one that
// can be read.
func (c *Catalogs) Knows(instance string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[instance] != nil
}

// Appeared gives a channel that is closed when another instance is known here.
func (c *Catalogs) Appeared() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.appeared
}

// Instances lists the instances that have a catalog here.
func (c *Catalogs) Instances() []string {
	return c.list((*Catalog).inForce)
}

// Known lists the instances that are known here, with a catalog or without one
// that can be read.
func (c *Catalogs) Known() []string {
	return c.list(func(*Catalog) bool { return true })
}

func (c *Catalogs) list(has func(*Catalog) bool) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for instance, i := range c.of {
		if has(i) {
			all = append(all, instance)
		}
	}
	slices.Sort(all)
	return all
}

// findAtOnce is how many instances that are not known here are asked for in NATS at once:
// who makes up names is refused beyond that without a look. findFor is how long one that
// is there is waited for.
const (
	findAtOnce = 64
	findFor    = 2 * time.Second
)

// Find gives an instance that may be so new that it has not been heard of here: where it
// is not known, NATS is asked for it, and it is waited for if it is there. What is known
// costs nothing. The error is unknown_instance for one that is not there, or is asked for
// while as many others are as may be.
func (c *Catalogs) Find(ctx context.Context, instance string) (*Catalog, error) {
	known := c.Of(instance)
	if _, err := known.AtLeast(ctx, 0); action.CodeOf(err) != action.CodeUnknownInstance { // it may also be heard of, and still be read
		return known, nil
	}
	unknown := action.NewError(action.CodeUnknownInstance, action.StageCatalog, "")
	select {
	case c.finding <- struct{}{}:
		defer func() { <-c.finding }()
	default:
		return nil, unknown
	}
	ctx, cancel := context.WithTimeout(ctx, findFor)
	defer cancel()
	root, there, err := Of(c.bus.Instance(instance)).Current(ctx)
	switch {
	case action.CodeOf(err) == action.CodeUnreadable: // somebody else's, or it is told when it is heard of
		return nil, unknown
	case err != nil:
		return nil, err
	case !there:
		return nil, unknown
	}
	if err := c.Await(ctx, instance, root.Revision); err != nil {
		return nil, err
	}
	return c.Of(instance), nil
}

// Await waits until an instance exists here with the revision or a newer one.
func (c *Catalogs) Await(ctx context.Context, instance string, revision uint64) error {
	unknown := error(action.NewError(action.CodeUnknownInstance, action.StageCatalog, ""))
	for {
		c.mu.Lock()
		i, news := c.of[instance], c.appeared
		c.mu.Unlock()
		err := unknown
		if i != nil { // it has appeared, and may still be read
			news = i.news()
			_, err = i.AtLeast(ctx, revision)
		}
		if action.CodeOf(err) != action.CodeUnknownInstance {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-news:
		}
	}
}
