package dispatch

import (
	"context"
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// owned is the error of an edit that takes something from a file that is
// followed, by this dispatcher or another. What a file owned that is followed no
// more may be changed by anybody.
func (i *Instance) owned(ctx context.Context, e edition, current *catalog.Snapshot, changes []catalog.Change) error {
	if e.file != "" {
		return nil
	}
	c, file, owned := catalog.FirstOwned(current, changes)
	if !owned {
		return nil
	}
	followed, err := i.bus.Followed(ctx)
	if err != nil || !followed {
		return err
	}
	what := "changed"
	if c.Action == catalog.Removed {
		what = "removed"
	}
	return action.NewError(action.CodeFileOwned, action.StageCatalog,
		fmt.Sprintf("%s cannot be %s: it belongs to the file %s, which is followed; change the file, or start without it", c.Object(), what, file))
}

// Followed tells whether any dispatcher follows a file for the instance: what
// belongs to one cannot be changed otherwise then.
func (i *Instance) Followed(ctx context.Context) (bool, error) { return i.bus.Followed(ctx) }
