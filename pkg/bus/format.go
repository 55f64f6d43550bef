package bus

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
)

// metaFormat is where a stream or a bucket tells the form of what it holds. It
// covers what has no room for a number of its own, as signing keys and pauses.
const metaFormat = "callout_format"

// formatted adds the format of this version to metadata.
func formatted(meta map[string]string) map[string]string {
	meta = maps.Clone(meta)
	if meta == nil {
		meta = map[string]string{}
	}
	meta[metaFormat] = strconv.Itoa(action.Format)
	return meta
}

// checkFormat is the error newer for a stream or bucket that a newer version has
// stored in. One without a number is of format 1.
func checkFormat(name string, meta map[string]string) error {
	return checkNumber(name+" in NATS", meta[metaFormat])
}

func checkNumber(what, text string) error {
	if text == "" {
		return nil
	}
	format, err := strconv.Atoi(text)
	if err == nil {
		err = action.CheckFormat(format)
	}
	if err == nil {
		return nil
	}
	return action.NewError(action.CodeNewer, action.StageStore, what+" was stored by a newer version of Callout: start that version").WithCause(err)
}

// headerFormat is where a message tells its form that has no body of ours.
const headerFormat = "Callout-Format"

// SetFormat gives a message the number of its form.
func SetFormat(h nats.Header) { h.Set(headerFormat, strconv.Itoa(action.Format)) }

// CheckMessage is the error newer for a message in a form that only a newer
// version reads. One without a number is of format 1.
func CheckMessage(h nats.Header) error {
	return checkNumber("a message", h.Get(headerFormat))
}

// readableFor is how long a stream counts as readable that was found so.
const readableFor = 2 * time.Second

// Readable is the error newer for a stream that a newer version has stored in
// since. It asks the server every two seconds at most, for any number of
// callers, and knows of a newer version no later than that.
func (b *Bus) Readable(ctx context.Context, stream string) error {
	seen, known := b.noted(stream)
	if known && time.Since(seen.At) < readableFor {
		return seen.Newer
	}
	lock, _ := b.asking.LoadOrStore(stream, new(sync.Mutex))
	if asking := lock.(*sync.Mutex); !known {
		asking.Lock()
		defer asking.Unlock()
	} else if !asking.TryLock() { // somebody asks already
		return seen.Newer
	} else {
		defer asking.Unlock()
	}
	if seen, known = b.noted(stream); known && time.Since(seen.At) < readableFor {
		return seen.Newer
	}
	if _, err := b.State(ctx, stream); err != nil {
		return err
	}
	seen, _ = b.noted(stream)
	return seen.Newer
}

// CheckFormats is the error newer when a newer version has stored in any of the
// buckets that are there: for who starts. While the server does not answer it is
// nil.
func (b *Bus) CheckFormats(ctx context.Context) error {
	look, err := b.Look(ctx)
	if err != nil {
		return nil //nolint:nilerr // who reads is told
	}
	return look.Newer(b.Needed())
}
