package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/bus/lines"
)

// putRight sets back what somebody else has changed of a line's consumer.
func (t *tidying) putRight(ctx context.Context, l lines.Line) error {
	changed, longer, err := t.lines.PutRight(ctx, l)
	if err != nil {
		return err
	}
	if longer {
		t.dispatcher.misfits.Store(l.Key(), true)
	}
	if len(changed) > 0 {
		t.log.Error().Str("line", l.Name).Strs("changed", changed).Msg("the consumer of a line was changed by somebody else; it is put right")
	}
	return nil
}
