package attempts

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// Decision is what was made of an attempt.
type Decision string

// The decisions. The first six are about deliveries, the others about turns of a
// call.
const (
	Delivered  Decision = "delivered"
	Retry      Decision = "retry"       // it is made again
	DeadLetter Decision = "dead_letter" // it was given up
	Paused     Decision = "paused"      // its target said 410 and is paused
	Stopped    Decision = "stopped"     // its line stands until somebody resumes it
	Stored     Decision = "stored"      // a turn of an async target, to be delivered
	Continue   Decision = "continue"
	Rejected   Decision = "rejected"
	Failed     Decision = "failed"
)

// Record is one attempt to reach a target, and what became of it.
type Record struct {
	Format     int                  `json:"format,omitempty"`
	DeliveryID string               `json:"delivery_id"`
	CallID     string               `json:"call_id,omitempty"`  // the same for all turns of a call
	EventID    string               `json:"event_id,omitempty"` // as its body names it
	Sequence   uint64               `json:"sequence,omitempty"` // of the event, or of the async delivery, in its stream
	Instance   string               `json:"instance"`
	Org        string               `json:"org,omitempty"`   // of the event or the call
	Scope      string               `json:"scope,omitempty"` // whose execution it is; empty for the instance
	Owner      string               `json:"owner,omitempty"` // who defines the target; empty for the instance
	Phase      action.Phase         `json:"phase"`
	Name       string               `json:"name,omitempty"` // method, function or event type
	Aggregate  string               `json:"aggregate,omitempty"`
	Target     string               `json:"target"`
	Kind       action.Kind          `json:"kind,omitempty"`
	Attempt    int                  `json:"attempt,omitempty"` // from 1; 0 = none was made
	Unsent     bool                 `json:"unsent,omitempty"`  // nothing was sent: it ended, or was stored, without
	Earlier    bool                 `json:"earlier,omitempty"` // something was recorded of the delivery before
	Redrive    bool                 `json:"redrive,omitempty"` // a dead letter that is sent again
	Replay     bool                 `json:"replay,omitempty"`  // an event that is sent again on request
	Status     int                  `json:"status,omitempty"`  // of HTTP; 0 = there was no answer
	Code       action.Code          `json:"code,omitempty"`    // why it failed; empty = it did not
	Stage      action.Stage         `json:"stage,omitempty"`
	Error      string               `json:"error,omitempty"` // for the operator
	Began      time.Time            `json:"began"`
	Ended      time.Time            `json:"ended"`
	Decision   Decision             `json:"decision"`
	NextTry    time.Time            `json:"next_try,omitzero"`
	Worker     string               `json:"worker"`
	Revision   uint64               `json:"revision,omitempty"`
	Answer     *action.FailedAnswer `json:"answer,omitempty"` // of one that failed
	// Dropped is how many records of the instance its worker had not kept before it.
	Dropped uint64 `json:"dropped,omitempty"`
}

// State is how a delivery stands after an attempt, or how a turn of a call ended.
type State string

// Waiting is how a delivery stands that is made again. The other states are
// named as the decisions are.
const Waiting State = "waiting"

// States are all of them, in the order in which they are named to people.
func States() []State {
	return []State{State(Delivered), Waiting, State(DeadLetter), State(Paused), State(Stopped), State(Stored), State(Continue), State(Rejected), State(Failed)}
}

// State is how it stands after this attempt.
func (r *Record) State() State {
	if r.Decision == Retry {
		return Waiting
	}
	return State(r.Decision)
}

// size is about how many bytes a record takes.
func (r *Record) size() int64 {
	n := 512 + len(r.DeliveryID) + len(r.EventID) + len(r.Instance) + len(r.Org) + len(r.Scope) + len(r.Owner) + len(r.Name) + len(r.Aggregate) + len(r.Target) + len(r.Error)
	if r.Answer != nil {
		n += len(r.Answer.Body)
		for _, h := range r.Answer.Headers {
			n += len(h.Name) + len(h.Value) + 24
		}
	}
	return int64(n)
}

func (r *Record) subject() string {
	return wire.AttemptSubject(r.Instance, r.DeliveryID, r.Target, r.Org, r.Phase, r.Name)
}

// read reads a record where it lies. The error says why it is none, or newer.
func (l Log) read(m bus.Message) (r Record, err error) {
	var form struct {
		Format int `json:"format"`
	}
	if err := bus.Decode(m.Body, &form); err != nil {
		return r, err
	}
	if err := action.CheckFormat(form.Format); err != nil {
		return r, err
	}
	if err := json.Unmarshal(m.Body, &r); err != nil {
		return r, err
	}
	switch {
	case r.Instance != l.ID || r.DeliveryID == "" || r.Target == "" || r.subject() != m.Subject:
		return r, errors.New("it is of another attempt than where it lies")
	case !slices.Contains(States(), r.State()):
		return r, fmt.Errorf("the decision %.40q is none", r.Decision)
	case r.Began.Year() < 1970 || r.Ended.Year() < 1970 || !r.NextTry.IsZero() && r.NextTry.Year() < 1970:
		return r, errors.New("its times are none of an attempt")
	case r.Attempt < 0 || r.Status < 0 || r.Status > 999:
		return r, errors.New("its attempt or its status is no number of one")
	}
	for _, id := range []string{r.DeliveryID, r.CallID, r.EventID, r.Org, r.Scope, r.Owner, r.Aggregate, r.Target} {
		if err := action.CheckID(id); err != nil {
			return r, err
		}
	}
	return r, nil
}
