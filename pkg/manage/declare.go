package manage

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/contract"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// Declarations of cores.
type Declarations interface {
	// Declare takes the place of what the core of that name declared before.
	// The errors are unknown_instance, bad_field, with a field such as methods[3],
	// too_large and unavailable.
	Declare(ctx context.Context, what catalog.Declaration) error
	// Declared gives what all cores of an instance have declared; nothing for
	// one that is not there.
	Declared(ctx context.Context) (*catalog.Declared, error)
	// Undeclared lists what an edit brings in that no core has declared: errors
	// are what Edit refuses, with a *catalog.UnknownConditions.
	Undeclared(ctx context.Context, current, next *catalog.Snapshot) ([]catalog.Problem, error)
}

// DeclareConditions stores what a core can be extended at.
func (s *Service) DeclareConditions(ctx context.Context, req *connect.Request[calloutv1.DeclareConditionsRequest]) (*connect.Response[calloutv1.DeclareConditionsResponse], error) {
	instance, d := orDefault(req.Msg.GetInstance()), req.Msg.GetDeclaration()
	declaration := catalog.Declaration{Core: d.GetCore(), Methods: d.GetMethods(), Functions: d.GetFunctions(), EventTypes: d.GetEventTypes(),
		Descriptors: d.GetDescriptors(), EventMessages: d.GetEventMessages()}
	for name, text := range d.GetSchemas() {
		if declaration.Schemas == nil {
			declaration.Schemas = make(map[string]json.RawMessage, len(d.GetSchemas()))
		}
		declaration.Schemas[name] = json.RawMessage(text)
	}
	if err := checkTypes(declaration); err != nil {
		return nil, withinDeclaration(err)
	}
	if err := s.engine(instance).Declare(ctx, declaration); err != nil {
		return nil, withinDeclaration(err)
	}
	answer := &calloutv1.DeclareConditionsResponse{}
	m, err := s.catalog(ctx, instance, 0)
	if err != nil {
		return nil, err
	}
	declared, err := s.engine(instance).Declared(ctx)
	if err != nil {
		return nil, err
	}
	answer.Unknown = declared.Unknown(m.Snapshot())
	return connect.NewResponse(answer), nil
}

// checkTypes refuses types that no contract could be made of. Over NATS nobody does: they
// are left out there, and the contract says so.
func checkTypes(d catalog.Declaration) error {
	if err := d.Check(); err != nil || d.Names() == 0 {
		return err
	}
	_, err := contract.TypesOf("", d)
	if err != nil {
		return action.NewError(action.CodeBadField, action.StageDecode, action.AsError(err, action.StageDecode).Message).WithField("descriptors")
	}
	return nil
}

// withinDeclaration names a field as it stands in the request.
func withinDeclaration(err error) error {
	var of *action.Error
	if errors.As(err, &of) && of.Code == action.CodeBadField && of.Field != "instance" {
		return of.WithField("declaration." + of.Field)
	}
	return err
}

// ListConditions gives what cores have declared.
func (s *Service) ListConditions(ctx context.Context, req *connect.Request[calloutv1.ListConditionsRequest]) (*connect.Response[calloutv1.ListConditionsResponse], error) {
	m, err := s.catalog(ctx, req.Msg.GetInstance(), 0)
	if err != nil {
		return nil, err
	}
	declared, err := s.engine(m.Instance()).Declared(ctx)
	if err != nil {
		return nil, err
	}
	part := req.Msg.GetContains()
	answer := &calloutv1.ListConditionsResponse{
		Methods: containing(declared.Methods, part), Services: containing(declared.Services, part),
		Functions: containing(declared.Functions, part), EventTypes: containing(declared.EventTypes, part),
	}
	for _, c := range declared.Cores {
		answer.Cores = append(answer.Cores, &calloutv1.Declaration{Core: c.Core, UpdateTime: timestamppb.New(c.Declared)})
	}
	return connect.NewResponse(answer), nil
}

// containing keeps the names that have a part, in upper or lower case.
func containing(names []string, part string) []string {
	if part == "" {
		return names
	}
	part = strings.ToLower(part)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.Contains(strings.ToLower(name), part) })
}

// undeclared lists what an edit brings in that no core has declared. The error is
// the one with which Edit refuses it.
func (s *Service) undeclared(ctx context.Context, current, next *catalog.Snapshot) ([]catalog.Problem, error) {
	found, err := s.engine(next.Instance).Undeclared(ctx, current, next)
	if err == nil && catalog.HasErrors(found) {
		err = &catalog.UnknownConditions{Problems: found}
	}
	return found, err
}

// declaredOnly makes the change of an execution, and doubts it or refuses it when
// no core has declared its condition.
func (s *Service) declaredOnly(c *executionChange) func(context.Context, *catalog.Snapshot) (*catalog.Snapshot, error) {
	return func(ctx context.Context, current *catalog.Snapshot) (*catalog.Snapshot, error) {
		next, err := c.make(ctx, current)
		if err != nil || next == current {
			return next, err
		}
		found, err := s.undeclared(ctx, current, next)
		for _, p := range found {
			p.Path, _ = c.at(p)
			c.doubts = append(c.doubts, p)
		}
		return next, err
	}
}

// undeclared lays conditions that no core has declared to the fields of the
// request.
func (o *subject) undeclared(e *catalog.UnknownConditions) error {
	if o == nil {
		return e
	}
	found := slices.Clone(e.Problems)
	for i, p := range found {
		if at, is := o.at(p); is {
			found[i].Path = at
		}
	}
	var of *action.Error
	errors.As(e, &of) // it always is one
	return &badCatalog{problems: found, as: of.WithField(o.field + "." + of.Field)}
}

// declaredHint tells that nobody has declared a name; empty when somebody has,
// or nothing is known.
func (s *Service) declaredHint(ctx context.Context, instance string, phase action.Phase, name string) (string, error) {
	declared, err := s.engine(instance).Declared(ctx)
	if err != nil {
		return "", err
	}
	return declared.Hint(phase, name), nil
}
