package zitadel

import (
	"slices"
	"sync"
)

// maxDeleted is how many targets and public keys are remembered that were deleted.
const maxDeleted = 10_000

// deleted remembers when targets and public keys were deleted here, for who asks for it
// once more. It is memory of one process: another dispatcher, and this one after a restart,
// gives no date, as of what never was. The zero value is empty. It may be used from any
// goroutine.
type deleted struct {
	mu    sync.Mutex
	dates map[deletedID]stamp
	order []deletedID // the oldest first
}

type deletedID struct{ instance, id string }

func (d *deleted) note(instance, id string, date stamp) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dates == nil {
		d.dates = map[deletedID]stamp{}
	}
	if len(d.order) >= maxDeleted {
		delete(d.dates, d.order[0])
		d.order = slices.Delete(d.order, 0, 1)
	}
	key := deletedID{instance, id}
	d.dates[key] = date
	d.order = append(d.order, key)
}

// date is when a target or a public key was deleted; the zero value is not known.
func (d *deleted) date(instance, id string) stamp {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dates[deletedID{instance, id}]
}
