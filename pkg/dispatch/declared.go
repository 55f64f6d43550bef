package dispatch

import (
	"context"
	"slices"

	"github.com/callout-hq/callout/pkg/catalog"
)

// Declare stores what a core of an instance can be extended at, see
// bus.Bus.Declare.
func (d *Dispatcher) Declare(ctx context.Context, instance string, what catalog.Declaration) error {
	return d.bus.Declare(ctx, instance, what)
}

// Declared gives what the cores of an instance have declared.
func (d *Dispatcher) Declared(ctx context.Context, instance string) (*catalog.Declared, error) {
	return d.bus.Declared(ctx, instance)
}

// Undeclared lists what an edit brings in that no core has declared. Errors are
// what Edit refuses; a dispatcher that allows them has warnings instead.
func (d *Dispatcher) Undeclared(ctx context.Context, instance string, current, next *catalog.Snapshot) ([]catalog.Problem, error) {
	declared, err := d.bus.Declared(ctx, instance)
	if err != nil {
		return nil, err
	}
	found := declared.Undeclared(current, next)
	if d.allowUndeclared {
		for i := range found {
			found[i].Severity = catalog.Warning
		}
	}
	return found, nil
}

// refuseUndeclared is the error of an edit that Undeclared finds errors in. What
// it only warns of is logged. An edit of targets alone asks nobody.
func (d *Dispatcher) refuseUndeclared(ctx context.Context, current *catalog.Snapshot, edit catalog.Stamped) error {
	if !slices.ContainsFunc(edit.Changes, func(c catalog.Change) bool {
		return c.Kind == catalog.KindExecution && c.Action != catalog.Removed
	}) {
		return nil
	}
	found, err := d.Undeclared(ctx, current.Instance, current, edit.Snapshot)
	if err != nil {
		return err
	}
	if catalog.HasErrors(found) {
		return &catalog.UnknownConditions{Problems: found}
	}
	for _, p := range found {
		d.log.Warn().Str("instance", current.Instance).Msg(p.String())
	}
	return nil
}
