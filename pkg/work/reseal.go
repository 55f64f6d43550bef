package work

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
)

// resealEvery is how often a worker looks for secrets that are sealed for an older
// one of its keys: a dispatcher may seal for that for a while yet.
const resealEvery = time.Minute

// unopened counts the secrets that are sealed for a key which this worker does not
// have, by the id of that one. Nothing is opened for it.
func (k *keys) unopened() map[string]int {
	counts := map[string]int{}
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, count := range k.sealed {
		if !k.with.Has(id) {
			counts[id] = count
		}
	}
	for _, id := range slices.Sorted(maps.Keys(counts))[min(len(counts), action.MaxUnopened):] {
		delete(counts, id)
	}
	return counts
}

// unopened counts what this worker lacks the keys for, the instances' own keys among it.
func (w *Worker) unopened() map[string]int {
	counts := w.keys.unopened()
	for id, count := range w.own.unopened() {
		if _, known := counts[id]; known || len(counts) < action.MaxUnopened {
			counts[id] += count
		}
	}
	return counts
}

// sayUnopened says which keys this worker lacks, if any.
func (k *keys) sayUnopened(log zerolog.Logger) {
	for id, count := range k.unopened() {
		log.Error().Str("seal_key", id).Int("secrets", count).
			Msg("secrets are sealed for a key that this worker does not have: what they are needed for waits; start it with --open-with and the file of that key")
	}
}

// reseal seals the secrets for the newest key of this worker that are sealed for
// another one of its, until ctx ends: a key that nothing is sealed for any more can be
// taken away. Each worker of a fleet does so, and of two at once one finds it done.
func (w *Worker) reseal(ctx context.Context) {
	if len(w.keys.with) < 2 {
		return
	}
	next := time.NewTicker(resealEvery)
	defer next.Stop()
	for {
		for _, instance := range w.older() {
			sealed, err := w.bus.Instance(instance).ResealSecrets(ctx, w.keys.with)
			if err == nil {
				var halves int
				halves, err = w.bus.Instance(instance).ResealHalves(ctx, w.keys.with)
				sealed += halves
			}
			if sealed > 0 {
				w.log.Info().Str("instance", instance).Int("keys", sealed).Str("seal_key", w.keys.with[0].ID()).Msg("secrets are sealed for another key")
			}
			if err != nil && ctx.Err() == nil {
				w.log.Warn().Err(err).Str("instance", instance).Msg("secrets could not be sealed for another key: it is tried again")
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}

// older are the instances with anything that is sealed for an older key of this worker.
func (w *Worker) older() []string {
	found := w.own.older()
	for _, instance := range w.keys.older() {
		found[instance] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// older are the instances with secrets that are sealed for an older key of this
// worker.
func (k *keys) older() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := map[string]bool{}
	look := func(instance string, ids []string) {
		for _, id := range ids {
			if id != k.with[0].ID() && k.with.Has(id) {
				found[instance] = true
			}
		}
	}
	for of, r := range k.of {
		look(of.Instance, r.sealedFor)
	}
	for of, s := range k.named {
		look(of.Instance, sealedIDs(s.Value))
	}
	return slices.Sorted(maps.Keys(found))
}
