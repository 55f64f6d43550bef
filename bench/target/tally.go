package target

import (
	"hash/maphash"
	"slices"
	"time"
)

// Event is what the target reads of a body: where the event stands, and when it was published.
type Event struct {
	Round int   // the measurement that it is of
	Key   int   // what order is kept within: a line, or an aggregate
	N     int   // its place there, from 0
	At    int64 // Unix time in nanoseconds
}

// Expect says what a measurement sends. Keys below Keys are counted; others, and what comes late of an earlier round, are
// only answered.
type Expect struct {
	Round  int `json:"round"` // set by Target.Expect
	Keys   int `json:"keys"`
	PerKey int `json:"per_key"` // events of each
}

// Report is what has come since the last Expect.
type Report struct {
	Requests int `json:"requests"` // of counted keys, repeats included
	Events   int `json:"events"`   // that came at least once
	Lost     int `json:"lost"`     // that have not come
	Repeats  int `json:"repeats"`  // requests for an event that had come before
	// LateRepeats of these came when a later one of the same key had come already.
	LateRepeats int `json:"late_repeats"`
	// OtherIDs of the repeats had another delivery id than the first time.
	OtherIDs int `json:"other_ids"`
	// Overtaken are events that came for the first time behind a later one of the same key.
	Overtaken int `json:"overtaken"`
	Others    int `json:"others"` // requests that are not counted

	First time.Time `json:"first"` // when the first and the last event came for the first time
	Last  time.Time `json:"last"`
	// LastRequest is when the last request came, whatever it was.
	LastRequest time.Time `json:"last_request"`
	// P50 and P99 are the time from publishing until an event came for the first time.
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`

	// Of the keys that were not complete at the mark, if one was set: how many there were, how many have had an event
	// for the first time since, and when the last of these had it.
	Marked time.Time `json:"marked"`
	Waited int       `json:"waited"`
	GoneOn int       `json:"gone_on"`
	AllOn  time.Time `json:"all_on"`
}

// tally counts what comes. It is not safe for concurrent use.
type tally struct {
	expect    Expect
	ids       []uint64 // of the delivery that brought the event key*perKey+n, 0 = none has
	highest   []int    // n of each key
	missing   []int    // of each key
	latencies []time.Duration
	report    Report
	waiting   map[int]bool // keys that have to go on since the mark
	seed      maphash.Seed
}

func newTally(e Expect) *tally {
	t := &tally{expect: e, ids: make([]uint64, e.Keys*e.PerKey), highest: make([]int, e.Keys), missing: make([]int, e.Keys), seed: maphash.MakeSeed()}
	for i := range e.Keys {
		t.highest[i], t.missing[i] = -1, e.PerKey
	}
	t.report.Lost = e.Keys * e.PerKey
	return t
}

// add counts a request that came at a time under a delivery id, which may be empty.
func (t *tally) add(e Event, id string, now time.Time) {
	r := &t.report
	r.LastRequest = now
	if e.Round != t.expect.Round || e.Key < 0 || e.Key >= t.expect.Keys || e.N < 0 || e.N >= t.expect.PerKey {
		r.Others++
		return
	}
	r.Requests++
	known, hash := &t.ids[e.Key*t.expect.PerKey+e.N], maphash.String(t.seed, id)|1
	if *known != 0 {
		r.Repeats++
		if *known != hash {
			r.OtherIDs++
		}
		if e.N < t.highest[e.Key] {
			r.LateRepeats++
		}
		return
	}
	*known = hash
	if e.N < t.highest[e.Key] {
		r.Overtaken++
	}
	t.highest[e.Key] = max(t.highest[e.Key], e.N)
	t.missing[e.Key]--
	r.Events++
	r.Lost--
	if r.First.IsZero() {
		r.First = now
	}
	r.Last = now
	t.latencies = append(t.latencies, now.Sub(time.Unix(0, e.At)))
	if t.waiting[e.Key] {
		delete(t.waiting, e.Key)
		r.GoneOn++
		r.AllOn = now
	}
}

// mark begins to watch which keys go on from now.
func (t *tally) mark(now time.Time) {
	t.waiting = map[int]bool{}
	for key, missing := range t.missing {
		if missing > 0 {
			t.waiting[key] = true
		}
	}
	t.report.Marked = now
	t.report.Waited, t.report.GoneOn, t.report.AllOn = len(t.waiting), 0, time.Time{}
}

func (t *tally) reported() Report {
	r := t.report
	if len(t.latencies) > 0 {
		sorted := slices.Clone(t.latencies)
		slices.Sort(sorted)
		r.P50, r.P99 = sorted[len(sorted)/2], sorted[len(sorted)*99/100]
	}
	return r
}
