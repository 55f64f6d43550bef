package lines

import (
	"context"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
)

// Sweep removes what is kept of lines that are no more: a worker that had a
// delivery in hand as its line went may have written it down afterwards. What is
// younger than grace stays. It is for who holds the lead, and has just listed all
// lines.
func (i Lines) Sweep(ctx context.Context, all []Line, grace time.Duration) (removed int, err error) {
	there := make(map[string]bool, len(all))
	for _, l := range all {
		there[l.Name] = true
	}
	for _, kind := range []string{kindRecord, kindPosition} {
		kept, err := i.book().Keys(ctx, i.Token+"."+kind+".>")
		if err != nil {
			return removed, err
		}
		var left []bus.Value
		for _, v := range kept {
			name := strings.SplitN(v.Key, ".", 4)[2] // behind it, the sequence of one delivery
			if !there[name] && time.Since(v.At) >= grace {
				left = append(left, v)
			}
		}
		if err := bus.Together(len(left), func(n int) error { return i.book().Purge(ctx, left[n].Key) }); err != nil {
			return removed, err
		}
		removed += len(left)
	}
	return removed, nil
}
