package peers

import (
	"fmt"
	"hash/fnv"

	"github.com/callout-hq/callout/bench/target"
)

// Workload is a way of delivering that is measured.
type Workload struct {
	Name    string // a token of subjects, queues and types
	Means   string // in the tables
	Lanes   int    // so many are under way at once
	Ordered bool   // each lane keeps its order; else any of them takes the next
	Keys    int    // aggregates, which are divided among the lanes
	Path    string // of the target
	Async   bool   // Callout's target is an async one, which keeps no order either; else it has as many lanes
}

// Workloads are all of them.
var Workloads = []Workload{
	{Name: "one", Means: "one ordered lane", Lanes: 1, Ordered: true, Keys: 1, Path: target.OK},
	{Name: "sixteen", Means: "16 ordered lanes", Lanes: 16, Ordered: true, Keys: 256, Path: target.OK},
	{Name: "wide", Means: "64 at once, a target of 0 ms", Lanes: 64, Keys: 1024, Path: target.OK},
	{Name: "wide20", Means: "64 at once, a target of 20 ms", Lanes: 64, Keys: 1024, Path: target.Slow},
	{Name: "async", Means: "64 at once without order, a target of 0 ms", Lanes: 64, Keys: 1024, Path: target.OK, Async: true},
	{Name: "async20", Means: "64 at once without order, a target of 20 ms", Lanes: 64, Keys: 1024, Path: target.Slow, Async: true},
}

// lane is that of a key, as Callout divides aggregates: the lanes of all peers are filled alike.
func (w Workload) lane(key int) int {
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "a%d", key) // a hash takes everything
	return int(h.Sum32()) % w.Lanes
}

// subject is where NATS peers find the event of a key.
func (w Workload) subject(key int) string { return fmt.Sprintf("bench.%s.%d", w.Name, w.lane(key)) }

// Queue is a lane of an ordered workload, or all of another: what one consumer takes from.
type Queue struct {
	Name    string // letters, digits and dashes
	Subject string // of NATS
	AtOnce  int    // how many are under way
	Path    string // of the target
}

// Queues are those of a workload.
func (w Workload) Queues() []Queue {
	if !w.Ordered {
		return []Queue{{Name: w.Name, Subject: "bench." + w.Name + ".*", AtOnce: w.Lanes, Path: w.Path}}
	}
	all := make([]Queue, w.Lanes)
	for lane := range all {
		all[lane] = Queue{Name: fmt.Sprintf("%s-%d", w.Name, lane), Subject: fmt.Sprintf("bench.%s.%d", w.Name, lane), AtOnce: 1, Path: w.Path}
	}
	return all
}

// queues are those of all workloads.
func queues() []Queue {
	var all []Queue
	for _, w := range Workloads {
		all = append(all, w.Queues()...)
	}
	return all
}
