package access

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
)

type asker struct{}

// With gives a context that knows who asks.
func With(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, asker{}, p)
}

type asksFrom struct{}

// WithAddress gives a context that knows which address somebody asks from.
func WithAddress(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, asksFrom{}, address)
}

// Address tells which address somebody asks from; "" when nobody said so.
func Address(ctx context.Context) string {
	address, _ := ctx.Value(asksFrom{}).(string)
	return address
}

// From tells who asks. Nobody does where nobody said so: the error is
// unauthenticated.
func From(ctx context.Context) (*Principal, error) {
	if p, ok := ctx.Value(asker{}).(*Principal); ok && p != nil {
		return p, nil
	}
	return nil, Unauthenticated()
}

// Unauthenticated is the refusal of who did not say who he is, or said it with a
// token that does not count here: which of both, and why not, is told to nobody.
func Unauthenticated() *action.Error {
	return action.NewError(action.CodeUnauthenticated, action.StageAccess, "")
}

// Forbidden is the refusal of who may not do an operation at a scope. It is the same
// whether what is asked for exists or not.
func Forbidden(o Operation, at Scope) *action.Error {
	return action.NewError(action.CodeForbidden, action.StageAccess, "this token may not do "+o.Name+" at "+at.String()+": that takes the verb "+string(o.Verb)+" for it")
}
