package dispatch

import (
	"context"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Declare stores what a core of an instance can be extended at, see
// bus.Bus.Declare. The error is unknown_instance where there is none: what is declared
// would lie there for whoever makes one of that name.
func (i *Instance) Declare(ctx context.Context, what catalog.Declaration) error {
	if action.CheckID(i.ID) == nil { // or that is said
		if _, err := i.dispatcher.catalogs.Find(ctx, i.ID); err != nil {
			return err
		}
	}
	return i.bus.Declare(ctx, what)
}

// Declared gives what the cores of an instance have declared.
func (i *Instance) Declared(ctx context.Context) (*catalog.Declared, error) {
	return i.bus.Declared(ctx)
}

// Undeclared lists what an edit brings in that no core has declared. Errors are
// what Edit refuses; a dispatcher that allows them has warnings instead.
func (i *Instance) Undeclared(ctx context.Context, current, next *catalog.Snapshot) ([]catalog.Problem, error) {
	declared, err := i.bus.Declared(ctx)
	if err != nil {
		return nil, err
	}
	found := declared.Undeclared(current, next)
	if i.dispatcher.allowUndeclared {
		for i := range found {
			found[i].Severity = catalog.Warning
		}
	}
	return found, nil
}

// refuseUndeclared is the error of an edit that Undeclared finds errors in. What
// it only warns of is logged. An edit of targets alone asks nobody.
func (i *Instance) refuseUndeclared(ctx context.Context, current *catalog.Snapshot, edit catalog.Stamped) error {
	if !slices.ContainsFunc(edit.Changes, func(c catalog.Change) bool {
		return c.Kind == catalog.KindExecution && c.Action != catalog.Removed
	}) {
		return nil
	}
	found, err := i.Undeclared(ctx, current, edit.Snapshot)
	if err != nil {
		return err
	}
	if catalog.HasErrors(found) {
		return &catalog.UnknownConditions{Problems: found}
	}
	for _, p := range found {
		i.log.Warn().Msg(p.String())
	}
	return nil
}
