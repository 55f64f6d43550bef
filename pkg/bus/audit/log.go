package audit

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// Record is one thing that somebody did, or was refused.
type Record struct {
	Sequence uint64    `json:"-"` // its place in the log
	At       time.Time `json:"-"` // when it was stored
	// Who is the id of the token or certificate, or what acted by itself; never a
	// secret. From is the address that the request came from.
	Who       string `json:"who"`
	Name      string `json:"name,omitempty"`
	From      string `json:"from,omitempty"`
	Operation string `json:"operation"`
	Instance  string `json:"instance,omitempty"` // "" = the installation
	Org       string `json:"org,omitempty"`
	Object    string `json:"object,omitempty"` // the name, condition or id that the request is about
	// Code is that of the refusal or failure; "" = it was done.
	Code action.Code `json:"code,omitempty"`
	// Revision is the one that it led to, 0 when it is no edit.
	Revision uint64   `json:"revision,omitempty"`
	Changes  []Change `json:"changes,omitempty"`
	More     int      `json:"more,omitempty"` // changes that found no room
	Format   int      `json:"format,omitempty"`
}

// Change is what became of one object; secrets are masked.
type Change struct {
	Action string  `json:"action"` // added, changed or removed
	Kind   string  `json:"kind"`   // target or execution
	Org    string  `json:"org,omitempty"`
	Phase  string  `json:"phase,omitempty"`
	Name   string  `json:"name"`
	Fields []Field `json:"fields,omitempty"`
}

// Field is a setting that has another value.
type Field struct {
	Name   string `json:"name"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// maxRecord bounds a record as it is stored, in bytes: changes that do not fit are
// counted.
const maxRecord = 64 << 10

// appendFor is how long a record may take to be stored.
const appendFor = 5 * time.Second

// Log is the log of an installation. It is a value, and may be used from any
// goroutine. Errors are *action.Error.
type Log struct{ bus *bus.Bus }

// Of gives the log.
func Of(b *bus.Bus) Log { return Log{b} }

// Append stores a record. What it tells of has happened: ctx, which may have ended
// meanwhile, does not keep it from being stored.
func (l Log) Append(ctx context.Context, r Record) error {
	raw, err := encode(r)
	if err != nil {
		return action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendFor)
	defer cancel()
	_, err = l.bus.JetStream().PublishMsg(ctx, &nats.Msg{Subject: wire.AuditSubject(r.Instance, r.Operation), Data: raw})
	if err != nil {
		return l.bus.StreamFailure(ctx, bus.StreamAudit, err)
	}
	return nil
}

// encode makes room by leaving changes out.
func encode(r Record) ([]byte, error) {
	r.Format = action.Format
	for {
		raw, err := json.Marshal(r)
		if err != nil || len(raw) <= maxRecord || len(r.Changes) == 0 {
			return raw, err
		}
		keep := len(r.Changes) / 2
		r.More += len(r.Changes) - keep
		r.Changes = r.Changes[:keep]
	}
}

// List gives records of an instance, or with all of everything, from a place on or
// from a time on, oldest first: at most most. next is the place at which another list
// goes on, be there more by now or not.
func (l Log) List(ctx context.Context, instance string, all bool, from uint64, since time.Time, most int) (records []Record, next uint64, err error) {
	filter := wire.AuditOf(instance)
	if all {
		filter = wire.AllAudit
	}
	if from == 0 {
		if from, err = l.bus.SequenceSince(ctx, bus.StreamAudit, filter, since); err != nil {
			return nil, 0, err
		}
	}
	for next = max(from, 1); len(records) < most; {
		batch, err := l.bus.Read(ctx, bus.StreamAudit, filter, next, most-len(records))
		if err != nil {
			return nil, 0, err
		}
		if len(batch) == 0 {
			return records, next, nil
		}
		for _, m := range batch {
			next = m.Sequence + 1
			r, err := read(m)
			if l.bus.JudgeMessage(bus.StreamAudit, m.Sequence, err) {
				records = append(records, r)
			}
		}
	}
	return records, next, nil
}

func read(m bus.Message) (r Record, err error) {
	if err = bus.Decode(m.Body, &r); err == nil {
		err = action.CheckFormat(r.Format)
	}
	r.Sequence, r.At = m.Sequence, m.StoredAt
	return r, err
}
