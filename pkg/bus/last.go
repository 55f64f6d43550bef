package bus

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/wire"
)

// Headers of a message in a bucket's stream that removes its key. The server
// writes the second when a key's time is over.
const (
	headerOperation = "KV-Operation"
	headerRemoved   = "Nats-Marker-Reason"
)

func (k Bucket) subject(key string) string { return wire.BucketSubject(k.name, key) }

// last reads the newest message of a key, of a value or of its removal; there is
// false when the bucket has none. It asks for that key alone, and for nothing that
// tells of the bucket: so much may be allowed to a core. The error is that of the
// client.
func (k Bucket) last(ctx context.Context, key string) (v Value, there bool, err error) {
	_, answer, err := k.bus.Ask(ctx, &nats.Msg{Subject: "$JS.API.DIRECT.GET." + k.stream() + "." + k.subject(key)}, directFor)
	if err != nil {
		return v, false, err
	}
	switch status := StatusOf(answer); status {
	case "":
	case "404":
		return v, false, nil
	default:
		return v, false, &badRead{status, answer.Header.Get("Description")}
	}
	m, err := readMessage(answer)
	if err != nil {
		return v, false, err
	}
	v = Value{Key: strings.TrimPrefix(m.Subject, k.subject("")), Revision: m.Sequence, At: m.StoredAt}
	if m.Header.Get(headerOperation) == "" && m.Header.Get(headerRemoved) == "" {
		v.Bytes = standing(m.Body)
	}
	return v, true, nil
}

// Hear calls do for one key, now and whenever it changes, until ctx ends, as Follow
// does for many. It makes no consumer: who may make one can send what he likes to
// whom he likes, so a core must not need it. News come by a plain subscription, and
// what nobody told of is found within a second. first is closed when the key was
// read for the first time. A removed key has nil Bytes; one that is not there any
// more without that is Lost.
func (k Bucket) Hear(ctx context.Context, key string, do func(v Value)) (first <-chan struct{}) {
	h := &hearing{bucket: k, key: key, do: do, news: make(chan struct{}, 1), first: make(chan struct{})}
	go h.run(ctx)
	return h.first
}

// hearing is what is known of a key that is heard of.
type hearing struct {
	bucket Bucket
	key    string
	do     func(v Value)
	news   chan struct{}
	first  chan struct{}
	told   bool   // it was read once
	known  uint64 // the revision that was told last; 0 = there was none
	lower  uint64 // one below it that was read last; 0 = none was
}

func (h *hearing) run(ctx context.Context) {
	b := h.bucket.bus
	sub, err := b.nc.Subscribe(h.bucket.subject(h.key), func(*nats.Msg) {
		select {
		case h.news <- struct{}{}:
		default:
		}
	})
	if err != nil { // the connection is closed
		return
	}
	defer func() { _ = sub.Unsubscribe() }() // only fails when the connection is closed
	for wait := followSoon; ctx.Err() == nil; {
		renewed := b.Renewed()
		if err := h.look(ctx); err != nil {
			b.log.Debug().Err(err).Str("bucket", h.bucket.name).Msg("a key cannot be read")
			wait = min(2*wait, followAgain)
		} else {
			wait = followCheck
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-renewed:
		case <-timer.C:
		case <-h.news:
			h.await(ctx)
		}
		timer.Stop()
	}
}

// await waits until what was announced is stored: it is heard of before.
func (h *hearing) await(ctx context.Context) {
	for wait := time.Millisecond; wait < followSettles; wait *= 2 {
		if v, there, err := h.bucket.last(ctx, h.key); err != nil || !there || v.Revision != h.known {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// look reads the key and tells of what is new.
func (h *hearing) look(ctx context.Context) error {
	v, there, err := h.bucket.last(ctx, h.key)
	if err != nil {
		return err
	}
	if there && v.Revision < h.known && h.lower != v.Revision {
		h.lower = v.Revision // a replica is behind; a bucket made again still has it at the next look
		return nil
	}
	h.lower = 0
	switch {
	case there && v.Revision != h.known:
		h.known = v.Revision
		h.do(v)
	case !there && h.known != 0:
		h.known = 0
		h.do(Value{Key: h.key, Lost: true})
	}
	if !h.told {
		h.told = true
		close(h.first)
	}
	return nil
}

// publish writes a message of a key, and waits until it is stored, at most storeFor
// and for as long as the connection holds: an answer on another never comes.
func (k Bucket) publish(ctx context.Context, key string, value []byte, header nats.Header) error {
	if err := refusedKey(key); err != nil {
		return err
	}
	waiting, cancel := k.bus.Session(ctx, time.Now().Add(storeFor))
	defer cancel()
	if _, err := k.bus.js.PublishMsg(waiting, &nats.Msg{Subject: k.subject(key), Data: value, Header: header}); err != nil {
		return NotStored(k.bus.missing(ctx, k.stream(), err))
	}
	return nil
}

// removal is the header of a message that takes a key and its history out of its
// bucket. That it was there is remembered for so long; 0 = for ever.
func removal(remembered time.Duration) nats.Header {
	h := nats.Header{headerOperation: {"PURGE"}, jetstream.MsgRollup: {jetstream.MsgRollupSubject}}
	if remembered > 0 {
		h.Set(jetstream.MsgTTLHeader, remembered.String())
	}
	return h
}
