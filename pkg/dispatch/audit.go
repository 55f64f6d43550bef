package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/bus/audit"
)

// Audit stores who did what.
func (d *Dispatcher) Audit(ctx context.Context, r audit.Record) error {
	return audit.Of(d.bus).Append(ctx, r)
}

// AuditLog reads who did what with an instance, or with all anything, see audit.Log.
func (d *Dispatcher) AuditLog(ctx context.Context, instance string, all bool, from uint64, since time.Time, most int) ([]audit.Record, uint64, error) {
	return audit.Of(d.bus).List(ctx, instance, all, from, since, most)
}
