package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/wire"
)

const (
	maxConsumers    = 6000 // lines (settable to 5,000) and replays; the server's default refuses the 1,001st
	duplicateWindow = 10 * time.Minute
	deadLetterAge   = 30 * 24 * time.Hour
	markerTTL       = time.Hour // how long a deleted record is remembered, for watchers that are away
)

// EnsureInstallation makes the buckets and the readiness stream. It may be
// called at any time by any number of dispatchers.
func (b *Bus) EnsureInstallation(ctx context.Context) error {
	for _, cfg := range []jetstream.KeyValueConfig{
		{Bucket: bucketCatalog, Description: "catalog revisions"},
		{Bucket: bucketConditions, Description: "conditions, for cores"},
		{Bucket: bucketSecrets, Description: "signing keys"},
		{Bucket: bucketDeclared, Description: "what cores can be extended at", LimitMarkerTTL: markerTTL},
		{Bucket: bucketLeads, Description: "who is at work on an instance's lines", TTL: leadFor},
		{Bucket: bucketLines, Description: "lines and their records", LimitMarkerTTL: markerTTL},
	} {
		cfg.History, cfg.Storage = 1, b.storage()
		if _, err := b.js.CreateOrUpdateKeyValue(ctx, cfg); err != nil {
			return fmt.Errorf("bucket %s: %w", cfg.Bucket, err)
		}
	}
	_, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: streamReady, Subjects: []string{subjectReady}, MaxMsgs: 1,
		Storage: b.storage(), Description: "readiness probes",
	})
	return err
}

// EnsureInstance makes the three streams of an instance. An event stream whose
// transform differs is refused, never updated: its lanes would mix.
func (b *Bus) EnsureInstance(ctx context.Context, instance string) error {
	source, destination := wire.Transform()
	meta := map[string]string{"callout_instance": instance}
	events := jetstream.StreamConfig{
		Name: EventStream(instance), Subjects: []string{wire.EventsOf(instance), wire.Marker(instance)},
		Description: "events and catalog markers", Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		Storage: b.storage(), MaxBytes: b.opts.MaxStream, MaxConsumers: maxConsumers, Duplicates: duplicateWindow,
		AllowDirect: true, Metadata: meta,
		SubjectTransform: &jetstream.SubjectTransformConfig{Source: source, Destination: destination},
	}
	dead := jetstream.StreamConfig{
		Name: DeadStream(instance), Subjects: []string{wire.DeadOf(instance)}, Description: "dead letters",
		Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true, Storage: b.storage(),
		MaxAge: deadLetterAge, MaxBytes: b.opts.MaxStream, AllowDirect: true, Metadata: meta,
	}
	async := jetstream.StreamConfig{
		Name: AsyncStream(instance), Subjects: []string{wire.AsyncOf(instance), wire.RedriveOf(instance)},
		Description: "deliveries for async targets, and dead letters sent again",
		Retention:   jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, Storage: b.storage(),
		MaxBytes: b.opts.MaxStream, MaxConsumers: maxConsumers, Duplicates: duplicateWindow, AllowDirect: true, Metadata: meta,
	}
	for _, cfg := range []jetstream.StreamConfig{events, dead, async} {
		if err := b.ensureStream(ctx, cfg); err != nil {
			return err
		}
	}
	return b.firstMarker(ctx, instance)
}

func (b *Bus) ensureStream(ctx context.Context, want jetstream.StreamConfig) error {
	stream, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = b.js.CreateStream(ctx, want)
		if isCode(err, codeResources) || isCode(err, 10047) {
			return fmt.Errorf("stream %s: %d bytes could not be reserved on the server; raise its max_file_store or lower --max-stream: %w", want.Name, want.MaxBytes, err)
		}
		if err != nil {
			return fmt.Errorf("stream %s: %w", want.Name, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", want.Name, err)
	}
	have := stream.CachedInfo().Config.SubjectTransform
	if want.SubjectTransform != nil && (have == nil || *have != *want.SubjectTransform) {
		return fmt.Errorf("stream %s has another subject transform than this version needs; it is not changed, because its lanes would mix", want.Name)
	}
	return nil
}

func (b *Bus) storage() jetstream.StorageType {
	if b.opts.MemoryStore {
		return jetstream.MemoryStorage
	}
	return jetstream.FileStorage
}
