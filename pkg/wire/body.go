package wire

import (
	"errors"
	"fmt"
	"io"

	"github.com/callout-hq/callout/pkg/action"
)

// politely is how much further a body is read that is too large, in times of its
// bound: a client that is still sending would be told of a reset in the place of why.
const politely = 4

// A Counted body counts the bytes that it was read of, as those of a client.
type Counted interface {
	// Waste gives back what was counted, and counts no more: nobody keeps what was
	// or is read.
	Waste()
}

// ReadBody reads the body of a request, of at most limit bytes. The error is
// too_large for more, malformed when it ended early, or that of who bounds it, where
// it is one of ours. A body that is too large is Counted no more.
func ReadBody(from io.Reader, limit int) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(from, int64(limit)+1))
	var bound *action.Error
	switch {
	case errors.As(err, &bound):
		return nil, bound
	case err != nil:
		return nil, action.NewError(action.CodeMalformed, action.StageDecode, "the body ended early").WithCause(err)
	case len(raw) <= limit:
		return raw, nil
	}
	if counted, ok := from.(Counted); ok {
		counted.Waste()
	}
	_, _ = io.CopyN(io.Discard, from, politely*int64(limit))
	return nil, action.NewError(action.CodeTooLarge, action.StageDecode, fmt.Sprintf("a body has at most %d bytes here", limit))
}
