package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// settling says what becomes of the settings of a stream that is there.
type settling bool

const (
	keepSettings  settling = false
	bringSettings settling = true // to what is asked
)

// ensure makes the streams that are not there. All are looked at before any is
// changed, and what the server has no room for takes back what was changed before
// it: what is refused changes nothing of what is there.
func (b *Bus) ensure(ctx context.Context, all []jetstream.StreamConfig, s settling) error {
	have := make([]*jetstream.StreamInfo, len(all))
	err := Together(len(all), func(n int) (err error) {
		have[n], err = b.existing(ctx, all[n], s)
		return named(all[n], err)
	})
	if err != nil {
		return err
	}
	for n, want := range all {
		switch {
		case have[n] == nil:
			err = b.createStream(ctx, want)
		case s == bringSettings:
			err = b.bring(ctx, have[n], want)
		}
		if err != nil {
			if action.CodeOf(err) == action.CodeStreamFull && s == bringSettings {
				b.takeBack(ctx, have[:n])
			}
			return named(want, err)
		}
	}
	return nil
}

// takeBack gives streams the settings again that they had.
func (b *Bus) takeBack(ctx context.Context, had []*jetstream.StreamInfo) {
	for _, info := range had {
		if info == nil { // it was made, and nobody misses what it was before
			continue
		}
		if _, err := b.js.UpdateStream(ctx, info.Config); err != nil {
			b.log.Error().Err(err).Str("stream", info.Config.Name).Msg("a stream could not be given back the settings that it had")
			continue
		}
		b.log.Warn().Str("stream", info.Config.Name).Int64("size", info.Config.MaxBytes).Msg("a stream has the settings again that it had: another one was refused")
	}
}

func named(stream jetstream.StreamConfig, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("stream %s: %w", stream.Name, err)
}

// existing looks at a stream, nil when it is not there, and refuses it when it
// cannot be used as it is asked.
func (b *Bus) existing(ctx context.Context, want jetstream.StreamConfig, s settling) (*jetstream.StreamInfo, error) {
	stream, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, Failure(err)
	}
	info := stream.CachedInfo()
	b.note(info)
	if err := checkFormat(want.Name, info.Config.Metadata); err != nil {
		return nil, err
	}
	if have := info.Config.SubjectTransform; want.SubjectTransform != nil && (have == nil || *have != *want.SubjectTransform) {
		return nil, errors.New("it has another subject transform than this version needs; it is not changed, because its lanes would mix")
	}
	if s == bringSettings && want.Discard == jetstream.DiscardNew && info.Config.Metadata[metaByQuota] == "" && want.MaxBytes > 0 && want.MaxBytes != info.Config.MaxBytes && info.State.Bytes > uint64(want.MaxBytes) {
		return nil, action.NewError(action.CodeStreamFull, action.StageStore,
			fmt.Sprintf("it holds %d bytes, and cannot be bounded to %d: raise --max-stream", info.State.Bytes, want.MaxBytes))
	}
	return info, nil
}

// aheadBy is how far beyond the last sequence that is known of a stream the next
// one begins that takes its place: nobody knows what was stored since then.
const aheadBy = 1 << 20

// createStream makes a stream. One that was there before goes on with its
// sequences: targets are told them, and take an older one for a repetition.
func (b *Bus) createStream(ctx context.Context, want jetstream.StreamConfig) error {
	if before, known := b.noted(want.Name); known && before.LastSeq > 0 {
		want.FirstSeq = before.LastSeq + aheadBy
	}
	_, err := b.js.CreateStream(ctx, want)
	switch {
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse): // another dispatcher was first
		return nil
	case err != nil:
		return b.noRoom(ctx, 0, want, err)
	}
	return nil
}

// bring gives a stream the settings that are asked; what an operator may have
// raised stays.
func (b *Bus) bring(ctx context.Context, info *jetstream.StreamInfo, want jetstream.StreamConfig) error {
	next := info.Config
	next.Description, next.MaxAge, next.Duplicates, next.MaxConsumers = want.Description, want.MaxAge, want.Duplicates, want.MaxConsumers
	next.AllowMsgTTL, next.SubjectDeleteMarkerTTL = want.AllowMsgTTL || next.AllowMsgTTL, want.SubjectDeleteMarkerTTL
	next.Metadata = maps.Clone(info.Config.Metadata)
	if next.Metadata == nil {
		next.Metadata = map[string]string{}
	}
	maps.Copy(next.Metadata, want.Metadata)
	if want.MaxBytes > 0 && info.Config.Metadata[metaByQuota] == "" { // what has no bound by us may have one by others
		next.MaxBytes = want.MaxBytes
	}
	if reflect.DeepEqual(next, info.Config) {
		return nil
	}
	have := info.Config.MaxBytes
	if _, err := b.js.UpdateStream(ctx, next); err != nil {
		return b.noRoom(ctx, have, next, err)
	}
	if was := info.Config.Metadata[metaAckWait]; was != "" && was != next.Metadata[metaAckWait] {
		b.log.Warn().Str("from", was).Str("to", next.Metadata[metaAckWait]).
			Msg("the lines are brought to another --ack-wait: this process was started with another than the one before")
	}
	if next.MaxBytes != have {
		b.log.Warn().Str("stream", next.Name).Int64("from", have).Int64("to", next.MaxBytes).
			Msg("a stream has another size now: this process was started with another " + sizeFlag(want) + " than the one before")
	}
	return nil
}

// sizeFlag is what sets the size of a stream.
func sizeFlag(stream jetstream.StreamConfig) string {
	if stream.Discard == jetstream.DiscardOld {
		return "--max-attempts"
	}
	return "--max-stream"
}

// noRoom words the error of a size that the server cannot reserve.
func (b *Bus) noRoom(ctx context.Context, have int64, stream jetstream.StreamConfig, err error) error {
	want := stream.MaxBytes
	if !IsCode(err, codeResources) && !IsCode(err, codeNoReservation) {
		return Failure(err)
	}
	text := fmt.Sprintf("%d bytes could not be reserved on the server", want)
	if have > 0 {
		text = fmt.Sprintf("%d bytes could not be reserved on the server, it stays at %d", want, have)
	}
	if account, accountErr := b.js.AccountInfo(ctx); accountErr == nil && account.Limits.MaxStore > 0 {
		text += fmt.Sprintf(", where the account may have %d", account.Limits.MaxStore)
	}
	return action.NewError(action.CodeStreamFull, action.StageStore, text+"; raise its max_file_store or lower "+sizeFlag(stream)).WithCause(err)
}

// metaAckWait is where the bucket of lines tells what --ack-wait the installation
// has: that of the dispatcher which was started last.
const metaAckWait = "callout_ack_wait"

// AskedAckWait is the --ack-wait of the dispatcher that was started last.
func (b *Bus) AskedAckWait(ctx context.Context) (time.Duration, error) {
	info, err := b.State(ctx, wire.BucketStream(BucketLines))
	if err != nil {
		return 0, err
	}
	asked, err := time.ParseDuration(info.Config.Metadata[metaAckWait])
	if err != nil || asked < MinAckWait { // nobody has asked
		return b.AckWait(), nil
	}
	return asked, nil
}
