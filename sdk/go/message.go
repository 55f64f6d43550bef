package callout

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Delivery is what the headers of a request say. Those that are not signed are for logs and for
// people: ID is signed, but under ZITADEL's scheme alone.
type Delivery struct {
	ID        string    // the same on every attempt
	Attempt   int       // counted from 1; 1 too where it is missing
	Deadline  time.Time // when nobody waits any more: also that of the context
	Sequence  uint64    // of an event or an async call: it grows along a line; 0 = none
	Target    string    // the name of the target in the configuration
	Instance  string
	Org       string
	EventID   string // what publishing the event returned
	EventType string
	EventTime time.Time // when the event was stored
	Test      bool      // a sample that somebody sends to try the target: keep nothing of it
	Replay    bool      // an event that is sent again on purpose
	Redrive   bool      // a dead letter that is sent again
	Header    http.Header
}

// Message is a request that is genuine.
type Message struct {
	Delivery
	Phase Phase
	Name  string // the method, function or type
	Raw   []byte // the body as it was signed; of a structured CloudEvent its data

	members []member
}

type deliveryKey struct{}

// DeliveryOf gives the delivery that a handler was called for, from its context.
func DeliveryOf(ctx context.Context) Delivery {
	d, _ := ctx.Value(deliveryKey{}).(*Delivery)
	if d == nil {
		return Delivery{}
	}
	return *d
}

// member gives the value of a member as it stands, or nil. Of one that stands twice the last counts.
func (m *Message) member(name string) []byte {
	for i := len(m.members) - 1; i >= 0; i-- {
		if string(m.members[i].name) == name {
			return m.members[i].value
		}
	}
	return nil
}

// text gives a member that is a text.
func (m *Message) text(name string) (text string, ok bool) {
	raw := m.member(name)
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	plain, err := meant(raw)
	return string(plain), err == nil
}

// textOf is text of what need not be there.
func (m *Message) textOf(name string) string {
	text, _ := m.text(name)
	return text
}

// message reads what a genuine request says.
func (r *Receiver) message(req *http.Request, v Verified) (*Message, error) {
	m := &Message{Raw: v.Body}
	var err error
	if m.members, err = scanObject(m.Raw); err != nil {
		return nil, err
	}
	if m.member("specversion") != nil {
		if version := m.textOf("specversion"); version != "1.0" {
			return nil, errors.New("it is no CloudEvent of version 1.0")
		}
		m.Raw = m.member("data")
		if m.members, err = scanObject(m.Raw); err != nil {
			return nil, err
		}
	}
	if err := m.classify(); err != nil {
		return nil, err
	}
	m.Delivery = r.delivery(req.Header, v.ID)
	return m, nil
}

func (m *Message) classify() error {
	for _, kind := range [...]struct {
		name  string
		phase Phase
	}{{"function", OfFunction}, {"event_type", OfEvent}, {"fullMethod", OfRequest}} {
		name, ok := m.text(kind.name)
		if !ok {
			continue
		}
		m.Phase, m.Name = kind.phase, name
		if kind.phase == OfRequest && m.member("response") != nil {
			m.Phase = OfResponse
		}
		return nil
	}
	return errors.New("it has none of function, event_type and fullMethod")
}

// The bounds of the time that is left.
const (
	usualRemaining = 10 * time.Second
	mostRemaining  = time.Hour
	mostMargin     = 100 * time.Millisecond
)

func (r *Receiver) delivery(h http.Header, id string) Delivery {
	remaining := usualRemaining
	if n, ok := number(h, "Callout-Remaining-Ms"); ok && n <= uint64(mostRemaining/time.Millisecond) {
		remaining = time.Duration(n) * time.Millisecond
	}
	remaining -= min(remaining/10, mostMargin)
	d := Delivery{
		ID: id, Attempt: 1, Deadline: time.Now().Add(remaining), Header: h,
		Target: get(h, "Callout-Target"), Instance: get(h, "Callout-Instance"), Org: get(h, "Callout-Org"),
		EventID: get(h, "Callout-Event-Id"), EventType: get(h, "Callout-Event-Type"),
		Test: get(h, "Callout-Test") == "true", Replay: get(h, "Callout-Replay") == "true", Redrive: get(h, "Callout-Redrive") == "true",
	}
	if n, ok := number(h, "Callout-Attempt"); ok && n <= 1<<30 {
		d.Attempt = int(n)
	}
	d.Sequence, _ = number(h, "Callout-Sequence")
	if text := get(h, "Callout-Event-Time"); text != "" {
		d.EventTime, _ = time.Parse(time.RFC3339, text) // one that is none is no time
	}
	return d
}

// get reads a header whose name is in net/http's spelling already.
func get(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func number(h http.Header, name string) (uint64, bool) {
	text := get(h, name)
	if text == "" || text[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}
