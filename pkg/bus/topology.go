package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/wire"
)

const (
	maxConsumers    = 6000 // lines (settable to 5,000) and replays; the server's default refuses the 1,001st
	duplicateWindow = 10 * time.Minute
	deadLetterAge   = 30 * 24 * time.Hour
	auditAge        = 365 * 24 * time.Hour
	auditBytes      = 64 << 20 // the oldest make room
)

// EnsureInstallation makes the buckets and the readiness stream that are not
// there. It may be called at any time by any number of dispatchers. The error is
// newer when one of them was stored by a newer version.
func (b *Bus) EnsureInstallation(ctx context.Context) error {
	return b.ensure(ctx, b.installation(), keepSettings)
}

// EnsureStreams makes those of the three streams of an instance that are not
// there. An event stream whose transform differs is refused, never updated: its
// lanes would mix. The error is newer when one was stored by a newer version.
func (i Instance) EnsureStreams(ctx context.Context) error {
	return i.ensure(ctx, i.topology(), keepSettings)
}

// SettleInstallation is EnsureInstallation for who starts: it also gives what is
// there the settings of this version.
func (b *Bus) SettleInstallation(ctx context.Context) error {
	return b.ensure(ctx, b.installation(), bringSettings)
}

// SettleStreams is EnsureStreams for who starts: it also brings the streams that
// are there to the settings that this process was told, and says so. Whoever
// started last is obeyed. Replicas and placement are the operator's and stay as
// they are. The error names both numbers where a stream cannot have the size
// that is asked.
func (i Instance) SettleStreams(ctx context.Context) error {
	return i.ensure(ctx, i.topology(), bringSettings)
}

// installation lists what all instances share.
func (b *Bus) installation() []jetstream.StreamConfig {
	var all []jetstream.StreamConfig
	for _, bucket := range []struct {
		name, description string
		age, remember     time.Duration
	}{
		{BucketCatalog, "catalog revisions", 0, 0},
		{BucketConditions, "conditions, for cores", 0, 0},
		{BucketSecrets, "signing keys", 0, b.opts.Remember},
		{BucketDeclared, "what cores can be extended at", 0, b.opts.Remember},
		{BucketLeads, "who is at work on an instance's lines", LeadFor, 0},
		{BucketLines, "lines and their records", 0, b.opts.Remember},
		{BucketJobs, "what takes longer than a request may", 0, b.opts.Remember},
		{BucketPresent, "which processes are there", PresentFor, presentGone},
		{BucketQuotas, "how much an instance may have and do", 0, b.opts.Remember},
		{BucketKeys, "keys of instances themselves, and public keys of targets", 0, b.opts.Remember},
		{BucketTokens, "hashes of tokens, and when each was used last", 0, b.opts.Remember},
		{BucketHolders, "which worker holds which shard of lines", 0, 0},
	} {
		all = append(all, jetstream.StreamConfig{
			Name: wire.BucketStream(bucket.name), Subjects: []string{wire.BucketSubject(bucket.name, ">")}, Description: bucket.description,
			MaxMsgsPerSubject: 1, MaxBytes: -1, MaxMsgSize: -1, MaxMsgs: -1, MaxConsumers: -1, MaxAge: bucket.age,
			Storage: b.storage(), Replicas: 1, AllowRollup: true, DenyDelete: true, AllowDirect: true, Discard: jetstream.DiscardNew,
			Duplicates: orShorter(bucketWindow, bucket.age), AllowMsgTTL: bucket.remember > 0, SubjectDeleteMarkerTTL: bucket.remember,
			Metadata: formatted(nil),
		})
		if bucket.name == BucketLines {
			all[len(all)-1].Metadata[metaAckWait] = b.opts.AckWait.String()
		}
	}
	all = append(all, jetstream.StreamConfig{
		Name: StreamPositions, Subjects: []string{wire.AllPositions, wire.AllKept}, Description: "how far the lines of each shard have come",
		MaxBytes: -1, MaxMsgSize: -1, MaxMsgs: -1, MaxConsumers: -1, Storage: b.storage(), AllowRollup: true, DenyDelete: true,
		AllowDirect: true, Discard: jetstream.DiscardNew, Duplicates: bucketWindow, Metadata: formatted(nil),
	})
	all = append(all, jetstream.StreamConfig{
		Name: StreamAudit, Subjects: []string{wire.AllAudit}, Description: "who did what; it is only ever added to",
		MaxBytes: auditBytes, MaxAge: auditAge, MaxConsumers: -1, Duplicates: bucketWindow, AllowDirect: true,
		DenyDelete: true, DenyPurge: true, Storage: b.storage(), Metadata: formatted(nil),
	})
	return append(all, jetstream.StreamConfig{
		Name: streamReady, Subjects: []string{subjectReady}, MaxMsgs: 1, MaxBytes: -1, MaxConsumers: -1, Duplicates: bucketWindow,
		Storage: b.storage(), Description: "readiness probes", Metadata: formatted(nil),
	})
}

// bucketWindow is within what time a bucket takes a message with the same id for
// a repetition. Nobody sends one.
const bucketWindow = 2 * time.Minute

func orShorter(window, age time.Duration) time.Duration {
	if age > 0 {
		return min(window, age)
	}
	return window
}

// topology lists the streams of an instance.
func (i Instance) topology() []jetstream.StreamConfig {
	source, destination := wire.Transform()
	meta := formatted(map[string]string{"callout_instance": i.ID})
	events := jetstream.StreamConfig{
		Name: i.Events, Subjects: []string{wire.EventsOf(i.ID), wire.Marker(i.ID)},
		Description: "events and catalog markers", Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		Storage: i.storage(), MaxBytes: i.opts.MaxStream, MaxConsumers: maxConsumers, Duplicates: duplicateWindow,
		AllowDirect: true, Metadata: meta,
		SubjectTransform: &jetstream.SubjectTransformConfig{Source: source, Destination: destination},
	}
	dead := jetstream.StreamConfig{
		Name: i.Dead, Subjects: []string{wire.DeadOf(i.ID)}, Description: "dead letters",
		Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true, Storage: i.storage(),
		MaxAge: deadLetterAge, MaxBytes: i.opts.MaxStream, MaxConsumers: -1, Duplicates: bucketWindow, AllowDirect: true, Metadata: meta,
	}
	async := jetstream.StreamConfig{
		Name: i.Async, Subjects: []string{wire.AsyncOf(i.ID), wire.RedriveOf(i.ID)},
		Description: "deliveries for async targets, and dead letters sent again",
		Retention:   jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, Storage: i.storage(),
		MaxBytes: i.opts.MaxStream, MaxConsumers: maxConsumers, Duplicates: duplicateWindow, AllowDirect: true, Metadata: meta,
	}
	return []jetstream.StreamConfig{events, dead, async}
}

func (b *Bus) storage() jetstream.StorageType {
	if b.opts.MemoryStore {
		return jetstream.MemoryStorage
	}
	return jetstream.FileStorage
}
