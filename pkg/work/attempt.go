package work

import (
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// attempt is one exchange with a target, as it is logged: one wide line, with
// names that stay.
type attempt struct {
	instance, org string
	phase         action.Phase
	name          string // method, function or event type
	target        *action.Target
	id            string // delivery id
	number        int
	sequence      uint64
	status        int
	err           *action.Error
	took          time.Duration
	verdict       string
	wait          time.Duration
	revision      uint64
}

func (w *Worker) logAttempt(a attempt) {
	event := w.log.Info()
	if a.err != nil {
		event = w.log.Warn().Str("code", string(a.err.Code)).Str("stage", string(a.err.Stage)).AnErr("error", a.err)
	}
	if a.org != "" {
		event = event.Str("org", a.org)
	}
	if a.sequence > 0 {
		event = event.Uint64("sequence", a.sequence)
	}
	if a.wait > 0 {
		event = event.Dur("wait_ms", a.wait)
	}
	event.Str("instance", a.instance).Str("phase", string(a.phase)).Str("name", a.name).
		Str("target", a.target.Name).Str("kind", string(a.target.Kind)).Str("delivery", a.id).
		Int("attempt", a.number).Int("status", a.status).Dur("took_ms", a.took).
		Str("verdict", a.verdict).Uint64("revision", a.revision).Msg("attempt")
}
