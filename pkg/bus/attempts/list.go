package attempts

import (
	"context"
	"hash/fnv"
	"slices"
	"time"
)

// Delivery is a delivery, or a turn of a call, as its attempts tell of it.
type Delivery struct {
	Last     Record    // the last attempt that was recorded
	Attempts int       // that were made
	First    time.Time // when the first of them began; zero = that was not looked at
}

// Page is a part of the deliveries of an instance, the one whose last attempt is
// the newest first.
type Page struct {
	Deliveries []Delivery
	// Next is where the next page begins; nil = there is none.
	Next    *Place
	Looked  bool   // it ends because MaxLooked records were looked at
	Dropped uint64 // records that the workers seen here had not kept before
	Left    int    // records that could not be read
}

// Place is where a list goes on.
type Place struct {
	Below uint64   // from this sequence on everything was looked at
	Open  []uint64 // marks of deliveries that were, and have earlier attempts
}

// MaxOpen is how many deliveries a Place remembers: their earlier attempts are no
// deliveries of their own. Beyond it those that were met first are forgotten, and
// may be on a later page once more.
const MaxOpen = 4096

// Bounds of one step through the log: as many sequences at first, and so many
// records at most before a smaller step is made.
const (
	firstStep = 256
	stepMost  = 2048
)

// walk is the way through the log for one page.
type walk struct {
	log     Log
	filter  Filter
	size    int
	page    Page
	places  map[string]int // of deliveries on this page
	open    []uint64
	dropped map[string]uint64
	looked  int
}

// List reads a page of at most size deliveries, from a place on; nil begins with
// the newest.
func (l Log) List(ctx context.Context, f Filter, size int, at *Place) (Page, error) {
	w := &walk{log: l, filter: f, size: size, places: map[string]int{}, dropped: map[string]uint64{}}
	low, high, err := l.bounds(ctx, &f)
	if err != nil {
		return w.page, err
	}
	if at != nil {
		high, w.open = min(high, at.Below-1), slices.Clone(at.Open)
	}
	if err := w.through(ctx, low, high); err != nil {
		return w.page, err
	}
	w.page.Dropped = sum(w.dropped)
	return w.page, nil
}

// through goes from high down to low in steps, which grow where there is little.
func (w *walk) through(ctx context.Context, low, high uint64) error {
	subjects := w.filter.subjects(w.log.ID)
	for step := uint64(firstStep); high >= low; {
		from := low
		if high-low >= step {
			from = high - step + 1
		}
		f, err := w.log.between(ctx, subjects, from, high, stepMost)
		if err != nil {
			return err
		}
		w.looked += f.looked
		if !f.whole && step > firstStep {
			step = max(step/8, firstStep)
			continue
		}
		w.page.Left += f.left
		for _, k := range slices.Backward(f.records) {
			if w.take(k); len(w.page.Deliveries) == w.size {
				w.end(k.sequence, low)
				return nil
			}
		}
		if from == low {
			return nil
		}
		high = from - 1
		if f.looked < firstStep/4 {
			step *= 4
		}
		if w.looked >= MaxLooked {
			w.page.Looked = true
			w.end(from, low)
			return nil
		}
	}
	return nil
}

// end says where the next page begins.
func (w *walk) end(below, low uint64) {
	if below > low {
		w.page.Next = &Place{Below: below, Open: w.open[max(0, len(w.open)-MaxOpen):]}
	}
}

// take takes a record to the delivery that it is of, which it begins when it is the
// newest of it.
func (w *walk) take(k kept) {
	r := &k.Record
	if !w.filter.Until.IsZero() && !r.Ended.Before(w.filter.Until) {
		return
	}
	w.dropped[r.Worker] = max(w.dropped[r.Worker], r.Dropped)
	if !w.filter.about(r) {
		return
	}
	mark := markOf(r.DeliveryID)
	n := slices.Index(w.open, mark)
	_, here := w.places[r.DeliveryID]
	switch {
	case n >= 0 && !r.Earlier:
		w.open = slices.Delete(w.open, n, n+1)
	case n < 0 && r.Earlier:
		w.open = append(w.open, mark)
	}
	if n < 0 && !here && w.filter.takes(r) {
		w.places[r.DeliveryID] = len(w.page.Deliveries)
		w.page.Deliveries = append(w.page.Deliveries, Delivery{Last: *r})
	}
	if n, here := w.places[r.DeliveryID]; here {
		d := &w.page.Deliveries[n]
		if d.Last.Decision == Stored && r.Decision != Stored {
			d.Last = *r // it was there before the turn was recorded
		}
		if d.Attempts = max(d.Attempts, r.Attempt); !r.Earlier {
			d.First = r.Began
		}
	}
}

func markOf(id string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // it takes everything
	return h.Sum64()
}
