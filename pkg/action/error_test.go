package action_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func TestErrorText(t *testing.T) {
	plain := action.NewError(action.CodeTimeout, action.StageInvoke, "")
	for want, err := range map[string]*action.Error{
		"invoke: the target did not answer in time (timeout)":                                   plain,
		"the target did not answer in time (timeout)":                                           action.NewError(action.CodeTimeout, "", ""),
		"invoke: late (timeout)":                                                                action.NewError(action.CodeTimeout, action.StageInvoke, "late"),
		"invoke: the target did not answer in time (timeout), field /a":                         plain.WithField("/a"),
		"invoke: the target did not answer in time (timeout), target hook":                      plain.WithTarget("hook"),
		"invoke: the target did not answer in time (timeout): EOF":                              plain.WithCause(io.EOF),
		"invoke: the target did not answer in time (timeout), field /a, target hook: dial: EOF": plain.WithCause(fmt.Errorf("dial: %w", io.EOF)).WithTarget("hook").WithField("/a"),
		" (made_up)": action.NewError("made_up", "", ""),
	} {
		require.Equal(t, want, err.Error())
	}
}

func TestNewErrorTakesStatusAndMessageOfItsCode(t *testing.T) {
	e := action.NewError(action.CodeTooLarge, action.StageDecode, "")
	require.Equal(t, &action.Error{Code: "too_large", Stage: "decode", Status: 413, Message: "the body is too large"}, e)
	require.Equal(t, "mine", action.NewError(action.CodeTooLarge, action.StageDecode, "mine").Message)
}

func TestWithMakesCopies(t *testing.T) {
	base := action.NewError(action.CodeStatus, action.StageInvoke, "")
	before := *base
	first := base.WithField("f").WithTarget("t").WithCause(io.EOF)
	second := first.WithField("g").WithTarget("u").WithCause(io.ErrUnexpectedEOF)
	require.Equal(t, before, *base)
	require.Equal(t, []any{"f", "t", io.EOF}, []any{first.Field, first.Target, first.Cause})
	require.Equal(t, []any{"g", "u", io.ErrUnexpectedEOF}, []any{second.Field, second.Target, second.Cause})
	second.Field, second.Cause = base.Field, nil
	second.Target = ""
	require.Equal(t, before, *second, "the rest is carried over")
}

func TestTheCauseIsReachedButNeverEncoded(t *testing.T) {
	cause := fmt.Errorf("dial tcp 10.0.0.7: %w", io.ErrUnexpectedEOF)
	err := error(action.NewError(action.CodeConnect, action.StageInvoke, "").WithCause(cause))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, cause, errors.Unwrap(err))
	require.NoError(t, errors.Unwrap(action.NewError(action.CodeConnect, "", "")))
	raw, encErr := json.Marshal(err)
	require.NoError(t, encErr)
	require.Equal(t, `{"code":"connect","stage":"invoke","status":502,"message":"the target could not be reached"}`, string(raw))
}

func TestCodeOf(t *testing.T) {
	inner := action.NewError(action.CodeTLS, action.StageInvoke, "")
	outer := action.NewError(action.CodeExhausted, action.StageInvoke, "").WithCause(inner)
	var none *action.Error
	for _, c := range []struct {
		err  error
		want action.Code
	}{
		{nil, ""},
		{io.EOF, ""},
		{inner, action.CodeTLS},
		{fmt.Errorf("around: %w", inner), action.CodeTLS},
		{errors.Join(io.EOF, inner), action.CodeTLS},
		{outer, action.CodeExhausted},
		{none, ""},
		{fmt.Errorf("around: %w", error(none)), ""},
	} {
		require.Equal(t, c.want, action.CodeOf(c.err), "%#v", c.err)
	}
}

// TestTextsAreUTF8, whatever was sent: they are told in JSON and protobuf.
func TestTextsAreUTF8(t *testing.T) {
	err := action.NewError(action.CodeNotFound, action.StageDecode, "nothing at /\xff").WithField("a\xfe").WithTarget("\xc3(")
	require.Equal(t, []string{"nothing at /\uFFFD", "a\uFFFD", "\uFFFD("}, []string{err.Message, err.Field, err.Target})
}
