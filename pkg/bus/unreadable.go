package bus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/callout-hq/callout/pkg/action"
)

// What somebody else put into a bucket or a stream, or spoilt there, is left out:
// it keeps nothing else from being read. It is logged once, and remembered until it
// is put right or gone, so that readiness can tell of it.

// unreadables are the entries that this process has met and could not read.
type unreadables struct {
	mu      sync.Mutex
	entries map[place]Unreadable
	beyond  map[uint64]time.Time // when those pass that are only counted, by the hash of their place
}

// placeSeed is of this process.
var placeSeed = maphash.MakeSeed()

// place is where an entry lies: a bucket or stream, and a key or sequence.
type place struct{ in, key string }

// Unreadable is an entry that cannot be read.
type Unreadable struct {
	In       string // bucket or stream
	Key      string // as it is shown
	Why      string
	revision uint64
	passes   time.Time // when it counts no more if nobody meets it again; zero = never
}

// maxUnreadable is how many entries are remembered by their names, maxCounted how
// many more are counted, and maxShownKey how much of a key is shown, in bytes.
const (
	maxUnreadable = 1000
	maxCounted    = 100000
	maxShownKey   = 200
)

// Judge notes whether an entry of the bucket could be read, and tells so: err says
// why not. One that cannot is logged once, however often it is met.
func (k Bucket) Judge(v Value, err error) (readable bool) {
	return k.bus.judge(place{k.name, v.Key}, v.Revision, time.Time{}, err)
}

// JudgeMessage is Judge for a message of a stream, which nobody watches: it counts
// as long as somebody meets it now and then.
func (b *Bus) JudgeMessage(stream string, sequence uint64, err error) (readable bool) {
	return b.judge(place{stream, strconv.FormatUint(sequence, 10)}, sequence, time.Now().Add(passesAfter), err)
}

// passesAfter is how long an unreadable message counts that nobody meets again.
const passesAfter = 10 * time.Minute

func (b *Bus) judge(at place, revision uint64, passes time.Time, err error) (readable bool) {
	u := &b.unreadable
	u.mu.Lock()
	defer u.mu.Unlock()
	before, known := u.entries[at]
	counted := maphash.Comparable(placeSeed, at)
	if err == nil {
		delete(u.entries, at)
		delete(u.beyond, counted)
		return true
	}
	if known && before.revision == revision {
		before.passes = passes
		u.entries[at] = before
		return false
	}
	one := Unreadable{In: at.in, Key: ShownKey(at.key), Why: strings.ToValidUTF8(err.Error(), "\uFFFD"), revision: revision, passes: passes}
	switch {
	case known || len(u.entries) < maxUnreadable:
		if u.entries == nil {
			u.entries = map[place]Unreadable{}
		}
		u.entries[at] = one
		delete(u.beyond, counted)
	case !u.count(counted, passes):
		return false
	}
	b.log.Error().Str("in", one.In).Str("key", one.Key).Str("error", one.Why).Msg("unreadable entry, left out")
	return false
}

// count counts an entry beyond those that are remembered, once however often it is
// met. It tells whether it is the first, of which the log tells.
func (u *unreadables) count(hash uint64, passes time.Time) (first bool) {
	if first = len(u.beyond) == 0; first {
		u.beyond = map[uint64]time.Time{}
	}
	if _, known := u.beyond[hash]; known || len(u.beyond) < maxCounted {
		u.beyond[hash] = passes
	}
	return first
}

// ShownKey is a key as it is shown: text, and not too long.
func ShownKey(key string) string {
	text := strings.ToValidUTF8(key, "\uFFFD")
	if len(text) <= maxShownKey {
		return text
	}
	return strings.ToValidUTF8(text[:maxShownKey], "") + "…"
}

// Unreadable lists the entries that this process has met and could not read, in
// their order, and tells how many there are.
func (b *Bus) Unreadable() (list []Unreadable, count int) {
	u := &b.unreadable
	u.mu.Lock()
	defer u.mu.Unlock()
	passed := func(at time.Time) bool { return !at.IsZero() && time.Now().After(at) }
	maps.DeleteFunc(u.entries, func(_ place, one Unreadable) bool { return passed(one.passes) })
	maps.DeleteFunc(u.beyond, func(_ uint64, at time.Time) bool { return passed(at) })
	list = slices.Collect(maps.Values(u.entries))
	slices.SortFunc(list, func(a, b Unreadable) int { return strings.Compare(a.In+" "+a.Key, b.In+" "+b.Key) })
	return list, len(list) + len(u.beyond)
}

// Decode reads a value that is one JSON object, of UTF-8. Text that is none would
// become another name, and null or nothing an object without members.
func Decode(raw []byte, into any) error {
	switch {
	case !utf8.Valid(raw):
		return errors.New("it is not UTF-8")
	case !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")):
		return errors.New("it is no JSON object")
	}
	return json.Unmarshal(raw, into)
}

// maxKey is how long a key may be, in bytes: one that is longer does not fit into a
// line of NATS' protocol together with what else stands there, and the server ends
// the connection of who writes such a line. None of ours is as long.
const maxKey = action.MaxSubject

// checkKey is the error of a key that cannot be used. Somebody else can have made
// it all the same.
func checkKey(key string) error {
	if len(key) > maxKey {
		return fmt.Errorf("its key has %d bytes, at most %d can be used", len(key), maxKey)
	}
	for n := range len(key) {
		if c := key[n]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-/_=.", c) >= 0) {
			return errors.New("its key is none that can be asked for")
		}
	}
	return nil
}
