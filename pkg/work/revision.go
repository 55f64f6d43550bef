package work

import (
	"context"
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/share"
	"github.com/callout-hq/callout/pkg/wire"
)

const (
	// maxAhead is how many revisions a call may ask for beyond the newest that is
	// known here: a worker is not that far behind.
	maxAhead = 1000
	// maxAwaiting is how many calls of one instance may wait for a revision while
	// no other instance has any that wait.
	maxAwaiting = 512
	// awaitFor is how long one waits for a revision at most.
	awaitFor = action.DefaultBudget
)

// awaiting is where calls wait for a revision that has not come here yet: few, for
// a bounded time, and apart from all others.
type awaiting struct{ places *share.Pool }

func newAwaiting() *awaiting { return &awaiting{share.New(maxAwaiting)} }

// catalogFor gives the catalog that a call asks for. Its error is busy when as
// many calls of the instance wait as may, bad_field for a revision that cannot be
// meant, and deadline when it did not come.
func (w *Worker) catalogFor(ctx context.Context, c *calls.IncomingCall) (*catalog.Matcher, error) {
	now, err := w.catalogs.Of(c.Instance).AtLeast(ctx, 0)
	if c.MinRevision == 0 && action.CodeOf(err) == action.CodeUnknownInstance {
		var found *revisions.Catalog // made a moment ago
		if found, err = w.catalogs.Find(ctx, c.Instance); err == nil {
			now, err = found.AtLeast(ctx, 0)
		}
	}
	switch {
	case err == nil && now.Revision() >= c.MinRevision:
		return now, nil
	case err == nil && c.MinRevision-now.Revision() > maxAhead:
		return nil, action.NewError(action.CodeBadField, action.StageCatalog,
			fmt.Sprintf("revision %d is far beyond the newest, which is %d", c.MinRevision, now.Revision())).WithField(wire.HeaderMinRevision)
	case err != nil && (c.MinRevision == 0 || action.CodeOf(err) != action.CodeUnknownInstance):
		return nil, err
	}
	// Who names a revision of an instance that is not known here knows better: it
	// is new.
	if !w.awaiting.places.Take(c.Instance, 1) {
		return nil, action.NewError(action.CodeBusy, action.StageCatalog, "as many calls of the instance wait for a revision as may")
	}
	defer w.awaiting.places.Give(c.Instance, 1)
	ctx, cancel := context.WithTimeout(ctx, awaitFor)
	defer cancel()
	if err := w.catalogs.Await(ctx, c.Instance, c.MinRevision); err != nil {
		return nil, err
	}
	return w.catalogs.Of(c.Instance).AtLeast(ctx, c.MinRevision)
}
