package dispatch

import (
	"context"
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/attempts"
)

// Deliveries reads a page of an instance's deliveries as its log of attempts tells
// of them, from a place on; nil begins with the newest. The error is missing when
// there is no log.
func (i *Instance) Deliveries(ctx context.Context, f attempts.Filter, size int, at *attempts.Place) (attempts.Page, error) {
	if err := i.logs(ctx); err != nil {
		return attempts.Page{}, err
	}
	return i.attempts.List(ctx, f, size, at)
}

// Attempts reads those of one delivery that lie at a place of the log or behind
// it. The id must be within the grammar of ids.
func (i *Instance) Attempts(ctx context.Context, deliveryID string, from uint64) (attempts.Attempts, error) {
	if err := i.logs(ctx); err != nil {
		return attempts.Attempts{}, err
	}
	return i.attempts.OfDelivery(ctx, deliveryID, from)
}

// logs is the error of an instance that does not exist, or keeps no log.
func (i *Instance) logs(ctx context.Context) error {
	if err := i.exists(ctx); err != nil {
		return err
	}
	if !i.bus.KeepsAttempts() {
		return action.NewError(action.CodeNotFound, action.StageStore, "no attempts are kept: the dispatcher was started with --attempts-age 0")
	}
	return nil
}

// keepAttempts sees to the log of attempts by what ensure does. That it fails keeps
// nobody from anything: it is a warning.
func (i *Instance) keepAttempts(ctx context.Context, ensure func(context.Context) error) {
	text := ""
	if err := ensure(ctx); err != nil {
		if ctx.Err() != nil {
			return
		}
		text = fmt.Sprintf("instance %q: what becomes of attempts is not recorded: %v", i.ID, err)
	}
	if i.dispatcher.health.unrecorded(i.ID, text) && text != "" {
		i.log.Warn().Msg(text)
	}
}

// unrecorded notes why the attempts of an instance are not recorded; empty = they
// are. It tells whether that is news.
func (h *health) unrecorded(id, why string) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	news = h.logless[id] != why
	if h.logless[id] = why; why == "" {
		delete(h.logless, id)
	}
	return news
}

// madeAtOnce is how many logs of attempts are made at one look, at most.
const madeAtOnce = 16

// makeAttempts makes the logs of attempts again that are missing.
func (h *health) makeAttempts(ctx context.Context, known []string, look bus.Look) {
	if !h.dispatcher.bus.KeepsAttempts() {
		return
	}
	made := 0
	for _, id := range known {
		if !h.dispatcher.catalogs.Knows(id) { // it was deleted meanwhile
			continue
		}
		i := h.dispatcher.shared(id)
		if _, there := look.Streams[i.bus.Events]; !there { // it is lost too, or the instance was deleted: nobody has heard of it yet
			continue
		}
		if _, there := look.Streams[i.bus.Attempts]; there {
			h.unrecorded(id, "")
			continue
		}
		if made++; made > madeAtOnce {
			return
		}
		h.mu.Lock()
		known := h.logless[id] != ""
		h.mu.Unlock()
		if !known {
			h.unrecorded(id, fmt.Sprintf("instance %q: the log of attempts, %s, is missing in NATS", id, i.bus.Attempts))
			i.log.Error().Str("missing", i.bus.Attempts).Msg("the log of attempts is missing in NATS, and is made again: what it held is gone")
		}
		i.keepAttempts(ctx, i.bus.EnsureAttempts)
	}
}
