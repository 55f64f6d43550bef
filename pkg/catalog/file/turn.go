package file

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// How many configurations a process reads at once, and how long a request waits
// for its turn. A large one takes a second and some hundred megabytes.
const (
	readAtOnce   = 2
	turnPatience = 3 * time.Second
)

var turns = make(chan struct{}, readAtOnce)

// takeTurn waits for a turn until ctx ends; its error is that of ctx. Who has one
// gives it back.
func takeTurn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func giveTurn() { <-turns }

// takeTurnSoon is takeTurn for a request: it waits for turnPatience at most, and
// is told then that it is busy.
func takeTurnSoon(ctx context.Context) error {
	soon, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	err := takeTurn(soon)
	if err != nil && ctx.Err() == nil {
		return action.NewError(action.CodeBusy, action.StageCatalog, "as many configurations are being read as may be at once; try again in a moment")
	}
	return err
}
