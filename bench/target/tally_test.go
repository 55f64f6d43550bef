package target

import (
	"testing"
	"time"
)

// came is a request: for the event n of a key, under a delivery id.
type came struct {
	key, n int
	id     string
	round  int
}

func TestTally(t *testing.T) {
	for _, c := range []struct {
		name string
		came []came
		want Report
	}{
		{"nothing", nil, Report{Lost: 6}},
		{"all in order", []came{{0, 0, "a", 0}, {1, 0, "b", 0}, {0, 1, "c", 0}, {0, 2, "d", 0}, {1, 1, "e", 0}, {1, 2, "f", 0}}, Report{Requests: 6, Events: 6}},
		{"one is overtaken by two", []came{{0, 1, "b", 0}, {0, 2, "c", 0}, {0, 0, "a", 0}}, Report{Requests: 3, Events: 3, Lost: 3, Overtaken: 1}},
		{"another key overtakes nobody", []came{{0, 2, "a", 0}, {1, 0, "b", 0}}, Report{Requests: 2, Events: 2, Lost: 4}},
		{"repeated at once", []came{{0, 0, "a", 0}, {0, 0, "a", 0}}, Report{Requests: 2, Events: 1, Lost: 5, Repeats: 1}},
		{"repeated behind a later one", []came{{0, 0, "a", 0}, {0, 1, "b", 0}, {0, 0, "a", 0}}, Report{Requests: 3, Events: 2, Lost: 4, Repeats: 1, LateRepeats: 1}},
		{"repeated as another delivery", []came{{0, 0, "a", 0}, {0, 0, "b", 0}}, Report{Requests: 2, Events: 1, Lost: 5, Repeats: 1, OtherIDs: 1}},
		{"repeated without ids", []came{{0, 0, "", 0}, {0, 0, "", 0}}, Report{Requests: 2, Events: 1, Lost: 5, Repeats: 1}},
		{"of another round", []came{{0, 0, "a", 1}}, Report{Lost: 6, Others: 1}},
		{"keys that are not counted", []came{{-1, 0, "a", 0}, {2, 0, "a", 0}, {0, 3, "a", 0}}, Report{Lost: 6, Others: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			counted := newTally(Expect{Keys: 2, PerKey: 3})
			for _, r := range c.came {
				counted.add(Event{Round: r.round, Key: r.key, N: r.n}, r.id, time.Unix(1, 0))
			}
			got := counted.reported()
			got.First, got.Last, got.LastRequest, got.P50, got.P99 = time.Time{}, time.Time{}, time.Time{}, 0, 0
			if got != c.want {
				t.Fatalf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestMark(t *testing.T) {
	counted := newTally(Expect{Keys: 3, PerKey: 2})
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	counted.add(Event{Key: 0, N: 0}, "a", at(1))
	counted.add(Event{Key: 0, N: 1}, "b", at(2)) // has all it waits for
	counted.add(Event{Key: 1, N: 0}, "c", at(3))
	counted.mark(at(4))
	counted.add(Event{Key: 1, N: 0}, "c", at(5)) // a repeat is no going on
	if r := counted.reported(); r.Waited != 2 || r.GoneOn != 0 {
		t.Fatalf("%+v", r)
	}
	counted.add(Event{Key: 1, N: 1}, "d", at(6))
	counted.add(Event{Key: 2, N: 0}, "e", at(7))
	counted.add(Event{Key: 2, N: 1}, "f", at(8))
	if r := counted.reported(); r.Waited != 2 || r.GoneOn != 2 || !r.AllOn.Equal(at(7)) || !r.Marked.Equal(at(4)) {
		t.Fatalf("%+v", r)
	}
}

func TestLatencies(t *testing.T) {
	counted := newTally(Expect{Keys: 1, PerKey: 100})
	for n := range 100 {
		counted.add(Event{N: n, At: time.Unix(1, 0).UnixNano()}, "", time.Unix(1, 0).Add(time.Duration(n)*time.Millisecond))
	}
	if r := counted.reported(); r.P50 != 50*time.Millisecond || r.P99 != 99*time.Millisecond {
		t.Fatal(r.P50, r.P99)
	}
}
