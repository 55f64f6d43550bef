package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/wire"
)

// How long what became of each attempt is kept, and in how many bytes, where
// nothing else is said. NoAttempts is the age of an installation that keeps
// nothing of it.
const (
	DefaultAttemptsAge       = 7 * 24 * time.Hour
	MinAttemptsAge           = time.Minute
	NoAttempts               = time.Duration(-1)
	DefaultMaxAttempts int64 = 64 << 20
	MinMaxAttempts     int64 = 64 << 10
)

// KeepsAttempts tells whether this process was told to keep what became of each
// attempt.
func (b *Bus) KeepsAttempts() bool { return b.opts.AttemptsAge != NoAttempts }

// EnsureAttempts makes the log of an instance's attempts when it is not there.
// Nothing else depends on it: who fails to make it warns of that and goes on. The
// error is newer when it was stored by a newer version.
func (i Instance) EnsureAttempts(ctx context.Context) error {
	if !i.KeepsAttempts() {
		return nil
	}
	return i.ensure(ctx, []jetstream.StreamConfig{i.attemptLog()}, keepSettings)
}

// SettleAttempts is EnsureAttempts for who starts: it also gives a log that is
// there the age and the size that this process was told, and takes it away when
// nothing is to be kept. Whoever started last is obeyed.
func (i Instance) SettleAttempts(ctx context.Context) error {
	if i.KeepsAttempts() {
		return i.ensure(ctx, []jetstream.StreamConfig{i.attemptLog()}, bringSettings)
	}
	err := i.js.DeleteStream(ctx, i.Attempts)
	if err == nil {
		i.log.Warn().Str("stream", i.Attempts).Msg("the log of attempts is taken away: this process was started to keep none")
	}
	if err == nil || errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return named(i.attemptLog(), Failure(err))
}

// attemptLog is the stream of what became of each attempt. Unlike the others it
// gives up what is oldest: no delivery waits for it.
func (i Instance) attemptLog() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: i.Attempts, Subjects: []string{wire.AttemptsOf(i.ID)}, Description: "what became of each attempt",
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, Storage: i.storage(),
		MaxAge: i.opts.AttemptsAge, MaxBytes: i.opts.MaxAttempts, MaxConsumers: -1, Duplicates: orShorter(bucketWindow, i.opts.AttemptsAge),
		AllowDirect: true, Metadata: formatted(map[string]string{"callout_instance": i.ID}),
	}
}
