package manage

import (
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// through does what a request asks for if who asks may.
func through[Q, A any](ctx context.Context, w wall, o access.Operation, r *connect.Request[Q],
	next func(context.Context, *connect.Request[Q]) (*connect.Response[A], error)) (*connect.Response[A], error) {
	t := trailOf(o, r.Any())
	p, err := let(ctx, o, r.Any())
	if err != nil {
		w.service.record(ctx, t, err)
		return nil, err
	}
	v, err := w.service.veilOf(ctx, instanceOf(r.Any()))
	if err != nil {
		return nil, err
	}
	v.ask(r.Any())
	answer, err := next(t.in(ctx), r)
	if err == nil {
		err = keep(answer.Any(), p.Scope)
	}
	if err == nil {
		v.answer(answer.Any())
	}
	w.service.record(ctx, t, err)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// stream is through for an answer of many messages.
func stream[Q any](ctx context.Context, o access.Operation, r *connect.Request[Q], next func(context.Context) error) error {
	if _, err := let(ctx, o, r.Any()); err != nil {
		return err
	}
	return next(ctx)
}

// let tells who asks, if he may do what the request is about. What an organization
// leaves open, such as whose targets are listed, means its own.
func let(ctx context.Context, o access.Operation, request any) (*access.Principal, error) {
	p, err := access.From(ctx)
	if err != nil {
		return nil, err
	}
	message, ok := request.(proto.Message)
	if !ok {
		return nil, action.NewError(action.CodeInternal, action.StageAccess, "")
	}
	at := scopeOf(message, o, p)
	if !p.May(o, at) {
		return nil, access.Forbidden(o, at)
	}
	return p, nil
}

// scopeOf is what a request is about: the narrowest scope that holds all of it.
func scopeOf(message proto.Message, o access.Operation, p *access.Principal) access.Scope {
	switch m := message.(type) {
	case *calloutv1.CreateTokenRequest:
		return access.Scope{Instance: m.GetInstance(), Org: m.GetOrg()}
	case *calloutv1.ListTokensRequest:
		return access.Scope{Instance: m.GetInstance(), Org: m.GetOrg()}
	case *calloutv1.ApplyRequest:
		if m.GetInstance() == "" {
			return p.Scope // the text may name another, which is looked at when it is read
		}
	case *calloutv1.ListAuditRequest:
		if m.GetAll() {
			return access.Scope{}
		}
	case *calloutv1.RevokeTokenRequest, *calloutv1.ListInstancesRequest:
		return p.Scope // of others nothing is found
	}
	if o.Least == access.Installation {
		return access.Scope{}
	}
	instance, _ := field(message, "instance")
	at := access.Scope{Instance: orDefault(instance)}
	if p.Scope.Level() == access.Organization {
		at.Org = orgOf(message, p.Scope.Org)
	}
	return at
}

// orgOf is the organization that a request of an organization is about; "" when it is
// about the instance. Where nothing but the own can be meant, it is set.
func orgOf(message proto.Message, own string) string {
	switch m := message.(type) {
	case *calloutv1.ListTargetsRequest:
		m.Filter = or(m.GetFilter())
		return narrowed(&m.GetFilter().Org, own)
	case *calloutv1.ListExecutionsRequest:
		m.Filter = or(m.GetFilter())
		return narrowed(&m.GetFilter().Org, own)
	case *calloutv1.ListDeadLettersRequest:
		return chosenOrg(&m.Filter, own)
	case *calloutv1.RedriveDeadLettersRequest:
		return chosenOrg(&m.Filter, own)
	case *calloutv1.DiscardDeadLettersRequest:
		return chosenOrg(&m.Filter, own)
	case *calloutv1.ListDeliveriesRequest:
		m.Filter = or(m.GetFilter())
		return filled(&m.GetFilter().Org, own)
	case *calloutv1.ListEventsRequest:
		m.Filter = or(m.GetFilter())
		return filled(&m.GetFilter().Org, own)
	case *calloutv1.TailEventsRequest:
		return filled(&m.Org, own)
	case *calloutv1.ExportRequest:
		return filled(&m.Org, own)
	case *calloutv1.ListSecretsRequest:
		return filled(&m.Org, own)
	case *calloutv1.ExplainRequest:
		return filled(&m.Org, own)
	case *calloutv1.CreateTargetRequest:
		return m.GetTarget().GetOrg()
	case *calloutv1.UpdateTargetRequest:
		return m.GetTarget().GetOrg()
	case *calloutv1.SetExecutionRequest:
		return m.GetExecution().GetOrg()
	case *calloutv1.TestTargetRequest:
		return draftOrg(m)
	}
	if org, has := field(message, "org"); has {
		return org
	}
	return own // what it is about is looked at where it is found, see known and keep
}

// chosenOrg is the organization whose dead letters a filter chooses.
func chosenOrg(filter **calloutv1.DeadLetterFilter, own string) string {
	*filter = or(*filter)
	return filled(&(*filter).Org, own)
}

// draftOrg is the organization that a target is tried for; "" where the request names
// two.
func draftOrg(m *calloutv1.TestTargetRequest) string {
	if draft := m.GetTarget().GetOrg(); draft != "" && draft != m.GetOrg() {
		return ""
	}
	return m.GetOrg()
}

// field reads a text field of a message by its name.
func field(message proto.Message, name protoreflect.Name) (text string, has bool) {
	m := message.ProtoReflect()
	f := m.Descriptor().Fields().ByName(name)
	if f == nil || f.Kind() != protoreflect.StringKind {
		return "", false
	}
	return m.Get(f).String(), true
}

func or[T any](filter *T) *T {
	if filter == nil {
		return new(T)
	}
	return filter
}

// filled sets a field that was left open.
func filled(field *string, own string) string {
	if *field == "" {
		*field = own
	}
	return *field
}

func narrowed(field **string, own string) string {
	if *field == nil {
		*field = &own
	}
	return **field
}
