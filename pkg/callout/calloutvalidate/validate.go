// Package calloutvalidate holds what targets changed against the rules that
// stand in the messages themselves, by protovalidate. It is a package of its
// own so that only those who use it carry it.
package calloutvalidate

import (
	"errors"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/action"
)

// New makes a function for calloutproto.Options.Validate. A message that breaks
// its rules gives a *protovalidate.ValidationError, rules that cannot be read
// an *action.Error with code internal. A message without rules is accepted. The
// error of New tells of options that cannot be meant.
func New(options ...protovalidate.ValidatorOption) (func(proto.Message) error, error) {
	v, err := protovalidate.New(options...)
	if err != nil {
		return nil, err
	}
	return func(m proto.Message) error {
		err := v.Validate(m)
		var broken *protovalidate.ValidationError
		if err == nil || errors.As(err, &broken) {
			return err
		}
		return action.NewError(action.CodeInternal, action.StageApply, "").WithCause(err)
	}, nil
}
