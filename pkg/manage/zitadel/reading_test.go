package zitadel

import (
	"context"
	"errors"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
)

// TestOneRevision: answers of two revisions do not go together, and what they
// were to be is tried again, but not for ever.
func TestOneRevision(t *testing.T) {
	f := &face{failure: func(err error) *connect.Error { return connect.NewError(connect.CodeUnknown, err) }}
	turns := 0
	err := f.inTurns(t.Context(), func() error {
		turns++
		r := &reading{}
		for _, revision := range []uint64{7, 7, uint64(4 + turns)} {
			if err := r.from(revision); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 3, turns)

	turns = 0
	require.ErrorIs(t, f.inTurns(t.Context(), func() error { turns++; return errAgain }), errAgain)
	require.Equal(t, maxTurns, turns)

	gone, cancel := context.WithCancel(t.Context())
	turns = 0
	require.ErrorIs(t, f.inTurns(gone, func() error { turns++; cancel(); return errAgain }), errAgain)
	require.Equal(t, 1, turns)

	other := errors.New("something else")
	require.ErrorIs(t, f.inTurns(t.Context(), func() error { turns++; return other }), other)
	require.Equal(t, 2, turns)
}
