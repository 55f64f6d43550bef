package bus

import (
	"context"
	"errors"
	"maps"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// metaByQuota is in the metadata of a stream whose size comes from its instance's quota
// of storage, and says that.
const metaByQuota = "callout_quota_storage"

const (
	storageSlack = 64 // a bound is put right when it is off by more than this part of the quota
	logShare     = 8  // the log of attempts has at most this part of it: the oldest make room
)

// storageBounds are what the streams of an instance are bounded to, by name, so that all
// together hold no more than most; 0 = what this process was told for each. The events
// and the async deliveries have what the others leave, so they refuse what is new when
// all is used. Dead letters are bounded as they were: what waits can still be given up,
// or its line would stand for good.
func (i Instance) storageBounds(most int64, held func(stream string) uint64) map[string]int64 {
	all := map[string]int64{i.Events: i.opts.MaxStream, i.Async: i.opts.MaxStream}
	if i.KeepsAttempts() {
		all[i.Attempts] = i.opts.MaxAttempts
	}
	if most == 0 {
		return all
	}
	var used uint64
	for _, stream := range []string{i.Events, i.Async, i.Dead, i.Attempts} {
		used += held(stream)
	}
	for stream, usual := range all {
		if stream == i.Attempts {
			all[stream] = min(usual, max(most/logShare, MinMaxAttempts))
			continue
		}
		room := most - int64(used-held(stream))
		if usual > 0 {
			room = min(room, usual)
		}
		all[stream] = max(room, 1)
	}
	return all
}

// StorageFits tells whether the streams are bounded as a quota of storage says, as far
// as a look tells.
func (i Instance) StorageFits(look Look, most int64) bool {
	for stream, want := range i.storageBounds(most, func(stream string) uint64 { return look.Streams[stream].Bytes }) {
		is, there := look.Streams[stream]
		if there && (is.ByQuota != (most > 0) || most > 0 && isOff(is.MaxBytes, want, is.Bytes, most)) {
			return false
		}
	}
	return true
}

// isOff tells whether a bound is so far from what it should be that it matters: that it
// takes what it should refuse, or the other way round, always does.
func isOff(have, want int64, held uint64, most int64) bool {
	full := func(bound int64) bool { return int64(held) >= bound }
	return max(have-want, want-have) > most/storageSlack || full(have) != full(want)
}

// FitStorage bounds the streams of the instance so that together they hold no more than
// most bytes; 0 takes that away. Nothing that is stored goes by it but of the log of
// attempts: a stream that holds more than it may only refuses what is new. Any number
// of dispatchers may do so at once, since all come to the same.
func (i Instance) FitStorage(ctx context.Context, most int64) error {
	infos := map[string]*jetstream.StreamInfo{}
	for _, stream := range []string{i.Events, i.Async, i.Dead, i.Attempts} {
		s, err := i.js.Stream(ctx, stream)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return Failure(err)
		}
		infos[stream] = s.CachedInfo()
	}
	held := func(stream string) uint64 {
		if infos[stream] == nil {
			return 0
		}
		return infos[stream].State.Bytes
	}
	for stream, want := range i.storageBounds(most, held) {
		info := infos[stream]
		if info == nil || most == 0 && info.Config.Metadata[metaByQuota] == "" {
			continue
		}
		next := info.Config
		next.MaxBytes = want
		next.Metadata = maps.Clone(next.Metadata)
		delete(next.Metadata, metaByQuota)
		if most > 0 {
			next.Metadata[metaByQuota] = strconv.FormatInt(most, 10)
		}
		if _, err := i.js.UpdateStream(ctx, next); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return i.noRoom(ctx, info.Config.MaxBytes, next, err)
		}
	}
	return nil
}

// The room of markers beyond a quota of storage: what one takes at most, and how much all
// that stand in the stream may take, a sixty-fourth of the quota or more.
const (
	markerRoom  = 1 << 10
	leastMarked = 1 << 20
)

// GiveRoom raises the bound of the event stream by as much as one catalog marker needs,
// where it is full by the quota of storage: an edit is what mends the target for which
// all of that waits, and nobody could make it. The bound is lowered again at the next look
// of a dispatcher; an event that comes in between may take the room, which is given anew.
// The error is stream_full where the quota is not what the stream is full by, and
// over_quota when markers have had all the room that they may.
func (i Instance) GiveRoom(ctx context.Context) error {
	s, err := i.js.Stream(ctx, i.Events)
	if err != nil {
		return i.StreamFailure(ctx, i.Events, err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(wire.Marker(i.ID)))
	if err != nil {
		return i.StreamFailure(ctx, i.Events, err)
	}
	most, _ := strconv.ParseInt(info.Config.Metadata[metaByQuota], 10, 64) // 0 = there is none
	next := info.Config
	next.MaxBytes = int64(info.State.Bytes) + markerRoom
	if most <= 0 || i.opts.MaxStream > 0 && next.MaxBytes > i.opts.MaxStream {
		return action.NewError(action.CodeStreamFull, action.StageStore, "")
	}
	if marked := info.State.Subjects[wire.Marker(i.ID)] * markerRoom; marked > uint64(max(most/storageSlack, leastMarked)) {
		return action.OverStorage(most)
	}
	if _, err := i.js.UpdateStream(ctx, next); err != nil {
		return i.noRoom(ctx, info.Config.MaxBytes, next, err)
	}
	return nil
}
