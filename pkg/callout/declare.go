package callout

import (
	"context"
	"slices"
	"sync"

	"github.com/callout-hq/callout/pkg/catalog"
)

// Declaration is what a core can be extended at: its methods, functions and
// event types. From then on an execution whose condition no core has declared
// is refused when somebody configures it, with the nearest name; who declares
// nothing has none of that.
//
// Every process of a core declares the same under one name. What is stored
// stays when the core stops; a later declaration under the name takes its place.
type Declaration = catalog.Declaration

// declaring is what the client announces in the background.
type declaring struct {
	mu     sync.Mutex
	cancel context.CancelFunc // ends the announcement under way
	ended  chan struct{}
}

// Declare stores what the core can be extended at, in the place of what it
// declared before, and waits until it is stored, at most until ctx ends. Methods
// that are exempt are left out: nothing could run for them. The error is an
// *action.Error: bad_field with the field, such as methods[3], too_large, or
// unavailable when NATS is away. Options.Declare does the same without waiting.
func (c *Client) Declare(ctx context.Context, d Declaration) error {
	c.declaring.mu.Lock()
	defer c.declaring.mu.Unlock()
	c.declaring.end()
	return c.instance.Declare(ctx, c.declarable(d))
}

// announce declares in the background until it is stored or ctx ends.
func (c *Client) announce(ctx context.Context, d Declaration) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	c.declaring.cancel, c.declaring.ended = cancel, ended
	go func() {
		defer close(ended)
		defer cancel()
		err := c.instance.KeepDeclaring(ctx, c.declarable(d))
		switch {
		case err == nil:
			c.opts.Log.Debug().Str("core", d.Core).Int("names", d.Names()).Msg("conditions declared")
		case ctx.Err() == nil:
			c.opts.Log.Error().Err(err).Str("core", d.Core).Msg("conditions not declared")
		}
	}()
}

// end waits for the announcement under way, so that it cannot take the place of
// a later one.
func (a *declaring) end() {
	if a.cancel != nil {
		a.cancel()
		<-a.ended
	}
}

// declarable leaves out what is never intercepted.
func (c *Client) declarable(d Declaration) Declaration {
	d.Methods = slices.DeleteFunc(slices.Clone(d.Methods), c.exempted)
	return d
}
