package callout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// handler reads a message into the types of what a developer has written, and gives the call of it. So what is
// read is read by the goroutine of the request, whose stack has grown already.
type handler func(m *Message) (call, error)

type call func(ctx context.Context) (any, error)

// Envelope is what all calls have.
type Envelope struct {
	Delivery
	FullMethod string
	InstanceID string
	OrgID      string
	ProjectID  string
	UserID     string              // who calls
	Headers    map[string][]string // of the caller
	Raw        json.RawMessage     // the whole body, also what no type here names
}

// Call is a request that is about to be handled. T is the request's type: json.RawMessage, a map, or a
// struct with the members that are of interest.
type Call[T any] struct {
	Envelope
	Request T
}

// Response is a request that was handled.
type Response[T, R any] struct {
	Envelope
	Request  T
	Response R
}

// Event is something that has happened. T is the type of its payload.
type Event[T any] struct {
	Delivery
	AggregateID   string
	AggregateType string
	ResourceOwner string
	InstanceID    string
	Version       string
	Sequence      uint64 // in its aggregate; that of the line is Delivery.Sequence
	EventType     string
	CreatedAt     time.Time
	UserID        string // who did it
	Payload       T
	Raw           json.RawMessage // the whole body
}

// OnRequest has requests of a condition handled: /pkg.Service/Method, pkg.Service or *. What is
// returned is a change, an object (of a merge: name what changes alone); nil leaves the request
// as it is; an error of Reject refuses it; any other one fails. It panics where the condition is none, or has a
// handler already.
func OnRequest[T any](r *Receiver, condition string, do func(context.Context, Call[T]) (any, error)) {
	headers, request := readerOf[map[string][]string](), readerOf[T]()
	r.on(OfRequest, condition, func(m *Message) (call, error) {
		c := Call[T]{Envelope: m.envelope()}
		if err := errors.Join(headers.read(m.member("headers"), &c.Headers), request.read(m.member("request"), &c.Request)); err != nil {
			return nil, misfit(err)
		}
		return func(ctx context.Context) (any, error) { return do(ctx, c) }, nil
	})
}

// OnResponse has responses of a condition handled, as OnRequest does requests.
func OnResponse[T, R any](r *Receiver, condition string, do func(context.Context, Response[T, R]) (any, error)) {
	headers, request, response := readerOf[map[string][]string](), readerOf[T](), readerOf[R]()
	r.on(OfResponse, condition, func(m *Message) (call, error) {
		c := Response[T, R]{Envelope: m.envelope()}
		if err := errors.Join(headers.read(m.member("headers"), &c.Headers), request.read(m.member("request"), &c.Request), response.read(m.member("response"), &c.Response)); err != nil {
			return nil, misfit(err)
		}
		return func(ctx context.Context) (any, error) { return do(ctx, c) }, nil
	})
}

// OnFunction has a function of the core completed, by its name. T is the type of the whole body:
// TokenContext, or one's own. Claim, Metadata and LogClaim make what token functions are answered.
func OnFunction[T any](r *Receiver, name string, do func(context.Context, T) (any, error)) {
	whole := readerOf[T]()
	r.on(OfFunction, name, func(m *Message) (call, error) {
		var body T
		if err := whole.read(m.Raw, &body); err != nil {
			return nil, misfit(err)
		}
		return func(ctx context.Context) (any, error) { return do(ctx, body) }, nil
	})
}

// OnEvent has events of a condition handled: a type, a group such as user.*, or *. nil says that it is
// done, and it does not come again; an error that it is not, and it comes again, later by Later or never by Never.
func OnEvent[T any](r *Receiver, condition string, do func(context.Context, Event[T]) error) {
	sequence, created, payload := readerOf[uint64](), readerOf[time.Time](), readerOf[T]()
	r.on(OfEvent, condition, func(m *Message) (call, error) {
		e := Event[T]{
			Delivery: m.Delivery, AggregateID: m.textOf("aggregateID"), AggregateType: m.textOf("aggregateType"), ResourceOwner: m.textOf("resourceOwner"),
			InstanceID: m.textOf("instanceID"), Version: m.textOf("version"), EventType: m.Name, UserID: m.textOf("userID"), Raw: m.Raw,
		}
		if err := errors.Join(sequence.read(m.member("sequence"), &e.Sequence), created.read(m.member("created_at"), &e.CreatedAt), payload.read(m.member("event_payload"), &e.Payload)); err != nil {
			return nil, misfit(err)
		}
		return func(ctx context.Context) (any, error) { return nil, do(ctx, e) }, nil
	})
}

func misfit(why error) error {
	return fmt.Errorf("the body does not fit the type of the handler: %w", why)
}

func (m *Message) envelope() Envelope {
	return Envelope{Delivery: m.Delivery, FullMethod: m.Name, InstanceID: m.textOf("instanceID"), OrgID: m.textOf("orgID"),
		ProjectID: m.textOf("projectID"), UserID: m.textOf("userID"), Raw: m.Raw}
}

func (r *Receiver) on(p Phase, condition string, h handler) {
	name, err := checkCondition(p, condition)
	if err != nil {
		panic(fmt.Sprintf("callout: %q is no condition of a %s: %v", condition, p, err))
	}
	if r.handlers[p][name] != nil {
		panic(fmt.Sprintf("callout: the %s %q has a handler already", p, condition))
	}
	r.handlers[p][name] = h
}
