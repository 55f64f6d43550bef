package bus

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/wire"
)

// StreamLook is a stream as it was when somebody looked.
type StreamLook struct {
	At        time.Time // when that was
	Made      time.Time // another time = another stream of the same name
	FirstSeq  uint64
	LastSeq   uint64
	Messages  uint64
	Bytes     uint64
	MaxBytes  int64 // it is bounded to so many; 0 or less = to none
	ByQuota   bool  // that bound comes from the instance's quota
	Consumers int
	Fill      float64 // from 0 to 1, by the limit that is nearest; 0 = it has none
	Newer     error   // why what is in it cannot be read, nil = it can
}

// EmptiedSince tells whether all that a bucket held at an earlier look is gone:
// somebody emptied it, or all of it was written anew since.
func (l StreamLook) EmptiedSince(earlier StreamLook) bool {
	return earlier.Messages > 0 && l.FirstSeq > earlier.LastSeq
}

// Look is what there is of streams and buckets at a moment.
type Look struct {
	At      time.Time
	Streams map[string]StreamLook // by name
}

// Look lists the streams of the server, which costs one request for 256 of
// them. What a moment ago was not there may be there by now; who is to mend
// something asks again.
func (b *Bus) Look(ctx context.Context) (Look, error) {
	look := Look{At: time.Now(), Streams: map[string]StreamLook{}}
	all := b.js.ListStreams(ctx)
	for info := range all.Info() {
		look.Streams[info.Config.Name] = b.note(info)
	}
	if err := all.Err(); err != nil {
		return look, Failure(err)
	}
	return look, nil
}

// note remembers how a stream stood, for the case that it is lost.
func (b *Bus) note(info *jetstream.StreamInfo) StreamLook {
	seen := StreamLook{
		At: time.Now(), Made: info.Created, FirstSeq: info.State.FirstSeq, LastSeq: info.State.LastSeq, Messages: info.State.Msgs,
		Bytes: info.State.Bytes, MaxBytes: info.Config.MaxBytes, ByQuota: info.Config.Metadata[metaByQuota] != "",
		Consumers: info.State.Consumers, Fill: fillOf(info), Newer: checkFormat(info.Config.Name, info.Config.Metadata),
	}
	b.seen.Store(info.Config.Name, seen)
	return seen
}

func fillOf(info *jetstream.StreamInfo) (fill float64) {
	if most := info.Config.MaxBytes; most > 0 {
		fill = float64(info.State.Bytes) / float64(most)
	}
	if most := info.Config.MaxMsgs; most > 0 {
		fill = max(fill, float64(info.State.Msgs)/float64(most))
	}
	return fill
}

func (b *Bus) noted(stream string) (seen StreamLook, known bool) {
	v, known := b.seen.Load(stream)
	if known {
		seen = v.(StreamLook)
	}
	return seen, known
}

// Needed are the streams that an installation with these instances needs, by
// name.
func (b *Bus) Needed(instances ...string) []string {
	var names []string
	for _, cfg := range b.installation() {
		names = append(names, cfg.Name)
	}
	for _, instance := range instances {
		i := b.Instance(instance)
		names = append(names, i.Events, i.Dead, i.Async)
	}
	return names
}

// BucketStream is the name of the stream that a bucket lies in.
func BucketStream(bucket string) string { return wire.BucketStream(bucket) }

// Missed tells, once for any number of times, that somebody met something that
// is missing in NATS. It is for one reader.
func (b *Bus) Missed() <-chan struct{} { return b.missed }

func (b *Bus) miss() {
	select {
	case b.missed <- struct{}{}:
	default: // it was told, and nobody has looked yet
	}
}

// Lacks lists those of the names that are not there.
func (l Look) Lacks(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, there := l.Streams[name]; return there })
}

// Newer is the error newer when a newer version has stored in any of these.
func (l Look) Newer(names []string) error {
	for _, name := range names {
		if err := l.Streams[name].Newer; err != nil {
			return err
		}
	}
	return nil
}
