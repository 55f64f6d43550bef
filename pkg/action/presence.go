package action

import (
	"errors"
	"time"
)

// Role is what a process of a fleet is there for.
type Role string

// The roles.
const (
	RoleDispatcher Role = "dispatcher"
	RoleWorker     Role = "worker"
)

// Roles lists them.
var Roles = []Role{RoleDispatcher, RoleWorker}

// MaxPresent is how many processes of one role are told of.
const MaxPresent = 10000

// MaxLed is of how many instances a dispatcher tells when it led them last.
const MaxLed = 100

// MaxFlows is of how many instances a worker tells how much it does for them.
const MaxFlows = 100

// MaxUnopened is of how many keys a worker tells that it lacks them.
const MaxUnopened = 10

// Presence is what a process of a fleet tells of itself, again and again while
// it runs.
type Presence struct {
	ID      string    `json:"id"` // another one with every start
	Role    Role      `json:"role"`
	Version string    `json:"version"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
	// Of a worker: the calls and the deliveries that it had in hand when it told.
	Calls      int `json:"calls,omitempty"`
	Deliveries int `json:"deliveries,omitempty"`
	// Of a worker: how many signing keys are sealed for a key that it does not have, by
	// the id of that one. At most MaxUnopened ids.
	Unopened map[string]int `json:"unopened,omitempty"`
	// Of a worker: how much it did a second for an instance since it told before, by the
	// id of that. The MaxFlows for which it sent most.
	Flows map[string]Flow `json:"flows,omitempty"`
	// Of a dispatcher: when it last was the only one that looked after an
	// instance, by its id. The newest MaxLed.
	Led map[string]time.Time `json:"led,omitempty"`

	Seen time.Time `json:"-"` // when NATS heard of it last
}

// Flow is how much is done for an instance in a second.
type Flow struct {
	Calls     float64 `json:"calls,omitempty"`
	Delivered float64 `json:"delivered,omitempty"` // bytes of bodies that were sent to targets
}

// Check tells whether a presence is one that can be shown: anybody who may write
// where it lies may have written it.
func (p Presence) Check() error {
	if p.Role != RoleDispatcher && p.Role != RoleWorker {
		return errors.New("a process is a dispatcher or a worker")
	}
	if p.ID == "" || p.Calls < 0 || p.Deliveries < 0 || len(p.Led) > MaxLed || len(p.Unopened) > MaxUnopened || len(p.Flows) > MaxFlows {
		return errors.New("a process has an id, and numbers that can be")
	}
	texts := []string{p.ID, p.Version, p.Host}
	for instance := range p.Led {
		texts = append(texts, instance)
	}
	for instance := range p.Flows {
		texts = append(texts, instance)
	}
	for id := range p.Unopened {
		texts = append(texts, id)
	}
	for _, text := range texts {
		if err := CheckID(text); err != nil {
			return err
		}
	}
	return nil
}

// InstanceSummary is how an instance stands, in numbers. A line is one lane of a
// subscription, or what else is delivered one after the other.
type InstanceSummary struct {
	ID       string
	Revision uint64
	Lines    int
	Behind   int // lines for which something waits
	Failing  int
	Paused   int
	Stopped  int
	Lost     int
	Waiting  uint64 // not yet handed to a worker, in all lines
	InWork   uint64
	// DeadLetters counts what lies in the stream of dead letters: one that is
	// kept in two messages counts twice.
	DeadLetters uint64
	Fault       string // why it is not served as it should be; empty when it is
}

// InstanceUsage is what there is of an instance, in numbers.
type InstanceUsage struct {
	ID              string
	Revision        uint64
	Made            time.Time // when its event stream was
	Targets         int
	Executions      int // and lists
	Lines           int
	Events          uint64 // stored, delivered or not
	EventBytes      uint64
	Waiting         uint64 // for a line, or in work there: an event counts for each
	DeadLetters     uint64 // one that is kept in two messages counts twice
	DeadLetterBytes uint64
	Async           uint64 // async deliveries and redrives that wait
	AsyncBytes      uint64
	Attempts        uint64 // records in the log of attempts
	AttemptBytes    uint64
	EventRate       float64 // events that came in a second, by whichever way
	Flow            Flow    // of all workers
	Fault           string  // why not all can be told; empty when it can
}

// Stored is how many bytes the streams of the instance hold together.
func (u InstanceUsage) Stored() uint64 {
	return u.EventBytes + u.DeadLetterBytes + u.AsyncBytes + u.AttemptBytes
}

// NATSStatus is what a dispatcher's server tells of itself and of the account.
type NATSStatus struct {
	Connected bool
	Version   string
	Server    string // its name
	Memory    uint64 // bytes of streams
	Storage   uint64 // likewise, on disk
	// How much may be used; 0 = as much as there is.
	MemoryLimit  uint64
	StorageLimit uint64
	Streams      int
	Consumers    int
	Fault        string // why nothing is known of it
}

// FleetStatus is how an installation stands, as one dispatcher sees it.
type FleetStatus struct {
	NATS        NATSStatus
	NotReady    string // why a request cannot be served; empty when it can
	Warnings    []string
	Dispatchers []Presence
	Workers     []Presence
}
