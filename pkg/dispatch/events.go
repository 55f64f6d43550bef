package dispatch

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// stored is the answer to published events.
type stored struct {
	Events []bus.Stored  `json:"events"`
	Error  *action.Error `json:"error,omitempty"`
}

// refused is the first event that has an error.
func (s *stored) refused() int {
	return slices.IndexFunc(s.Events, func(e bus.Stored) bool { return e.Error != nil })
}

// handleEvents stores one event or an array of them, in order, or CloudEvents. All are checked
// before the first is stored; the answer comes when the stream has confirmed.
// If the bus fails in the middle, the answer says what was stored. An event whose
// id is that of another is told of in its place, and as the whole's error.
func (d *Dispatcher) handleEvents(w http.ResponseWriter, r *http.Request) {
	if !d.may(w, r, access.StoreEvents, access.Scope{Instance: r.PathValue("instance")}) {
		return
	}
	i := d.Instance(r.PathValue("instance"))
	if err := i.exists(r.Context()); err != nil {
		d.refuse(w, err)
		return
	}
	raw, err := wire.ReadBody(r.Body, maxBatch*d.bus.MaxObject())
	if err != nil {
		d.refuse(w, err)
		return
	}
	raw, isCloud, err := asEvents(r, raw)
	if err != nil {
		d.refuse(w, err)
		return
	}
	events, err := i.readEvents(raw, wire.Traceparent(r.Header.Get(wire.HeaderTraceparent)))
	if err != nil && isCloud {
		err = asAttribute(err)
	}
	if err != nil {
		d.refuse(w, err)
		return
	}
	if !d.spends(w, &d.quotas.events, i.ID, len(events), "events") {
		return
	}
	var answer stored
	if answer.Events, err = i.bus.PublishEach(r.Context(), events); err == nil {
		d.write(w, http.StatusAccepted, encode(answer))
		return
	}
	i.log.Warn().Err(err).Int("told of", len(answer.Events)).Int("of", len(events)).Msg("events not stored")
	answer.Error = action.AsError(i.overStorage(err), action.StageStore)
	if answer.Error.Code != action.CodeConflict { // which stays one
		w.Header().Set("Retry-After", "1")
	} else if n := answer.refused(); len(events) > 1 {
		answer.Error = answer.Error.WithField("[" + strconv.Itoa(n) + "]." + answer.Error.Field)
	}
	d.write(w, answer.Error.Status, encode(answer))
}

// maxBatch bounds the body of an array of events, as a multiple of what one
// payload may have.
const maxBatch = 8

func (i *Instance) readEvents(raw []byte, traceparent string) ([]bus.NewEvent, error) {
	bodies := [][]byte{raw}
	isArray := bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte{'['})
	if isArray {
		var err error
		if bodies, err = wire.Elements(raw); err != nil {
			return nil, err
		}
	}
	events := make([]bus.NewEvent, 0, len(bodies))
	for n, body := range bodies {
		e, err := i.readEvent(body)
		if err != nil {
			if refusal, ok := err.(*action.Error); ok && isArray { //nolint:errorlint // readEvent returns nothing else
				err = refusal.WithField(strings.TrimSuffix("["+strconv.Itoa(n)+"]."+refusal.Field, "."))
			}
			return nil, err
		}
		e.Traceparent = traceparent
		events = append(events, e)
	}
	return events, nil
}

func (i *Instance) readEvent(raw []byte) (bus.NewEvent, error) {
	f, err := i.bus.CheckEvent(raw)
	if err != nil {
		return bus.NewEvent{}, err
	}
	id := f.ID
	if id == "" {
		id = ulid.Make().String()
	}
	return bus.NewEvent{ID: id, Org: f.Org, AggregateID: f.AggregateID, Type: f.Type, Body: bytes.TrimSpace(raw)}, nil
}
