package dispatch

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// stored is the answer to published events.
type stored struct {
	Events []bus.Stored  `json:"events"`
	Error  *action.Error `json:"error,omitempty"`
}

// handleEvents stores one event or an array of them, in order. All are checked
// before the first is stored; the answer comes when the stream has confirmed.
// If the bus fails in the middle, the answer says what was stored.
func (d *Dispatcher) handleEvents(w http.ResponseWriter, r *http.Request) {
	m, err := d.catalogs.AtLeast(r.Context(), r.PathValue("instance"), 0)
	if err != nil {
		d.refuse(w, err)
		return
	}
	raw, tooLarge := body(r, maxBatch*d.bus.MaxObject())
	if tooLarge != nil {
		d.refuse(w, tooLarge)
		return
	}
	events, err := d.readEvents(m.Instance(), raw, r.Header.Get(wire.HeaderTraceparent))
	if err != nil {
		d.refuse(w, err)
		return
	}
	answer := stored{Events: []bus.Stored{}}
	for _, e := range events {
		s, err := d.publish(r.Context(), e)
		if err != nil {
			d.log.Warn().Err(err).Int("stored", len(answer.Events)).Int("of", len(events)).Msg("events not stored")
			answer.Error = err
			w.Header().Set("Retry-After", "1")
			d.write(w, err.Status, encode(answer))
			return
		}
		answer.Events = append(answer.Events, s)
	}
	d.write(w, http.StatusAccepted, encode(answer))
}

// maxBatch bounds the body of an array of events, as a multiple of what one
// payload may have.
const maxBatch = 8

func (d *Dispatcher) publish(ctx context.Context, e bus.NewEvent) (bus.Stored, *action.Error) {
	s, err := d.bus.Publish(ctx, e)
	if err == nil {
		return s, nil
	}
	if refusal, ok := err.(*action.Error); ok { //nolint:errorlint // Publish returns nothing else
		return s, refusal
	}
	return s, action.NewError(action.CodeNotStored, action.StageStore, "").WithCause(err)
}

func (d *Dispatcher) readEvents(instance string, raw []byte, traceparent string) ([]bus.NewEvent, error) {
	bodies := [][]byte{raw}
	isArray := bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte{'['})
	if isArray {
		var err error
		if bodies, err = wire.Elements(raw); err != nil {
			return nil, err
		}
	}
	events := make([]bus.NewEvent, 0, len(bodies))
	for i, body := range bodies {
		e, err := d.readEvent(instance, body)
		if err != nil {
			if refusal, ok := err.(*action.Error); ok && isArray { //nolint:errorlint // readEvent returns nothing else
				err = refusal.WithField(strings.TrimSuffix("["+strconv.Itoa(i)+"]."+refusal.Field, "."))
			}
			return nil, err
		}
		e.Traceparent = traceparent
		events = append(events, e)
	}
	return events, nil
}

func (d *Dispatcher) readEvent(instance string, raw []byte) (bus.NewEvent, error) {
	f, err := d.bus.CheckEvent(instance, raw)
	if err != nil {
		return bus.NewEvent{}, err
	}
	id := f.ID
	if id == "" {
		id = ulid.Make().String()
	}
	return bus.NewEvent{ID: id, Instance: instance, Org: f.Org, AggregateID: f.AggregateID, Type: f.Type, Body: bytes.TrimSpace(raw)}, nil
}
