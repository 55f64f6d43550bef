package bus

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/callout-hq/callout/pkg/action"
)

// Memory remembers what stands in a bucket, for the case that the bucket is
// lost. It takes as much room as the bucket does. It may be used from any
// goroutine.
type Memory struct {
	bucket Bucket
	check  func(Value) error
	mu     sync.Mutex
	values map[string][]byte
	spoilt map[string]uint64 // revisions of what cannot be read, by key
}

// Remember keeps a memory up to date until ctx ends. What check finds unreadable
// is not remembered: what stood there before is. The channel is closed when all
// that stood was read.
func (k Bucket) Remember(ctx context.Context, check func(Value) error) (*Memory, <-chan struct{}) {
	m := &Memory{bucket: k, check: check, values: map[string][]byte{}, spoilt: map[string]uint64{}}
	return m, k.Follow(ctx, ">", m.tell)
}

func (m *Memory) tell(v Value) {
	var err error
	if v.Bytes != nil {
		err = m.check(v)
	}
	m.bucket.Judge(v, err)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.spoilt, v.Key)
	switch {
	case err != nil:
		m.spoilt[v.Key] = v.Revision
	case v.Lost:
	case v.Bytes == nil:
		delete(m.values, v.Key)
	default:
		m.values[v.Key] = v.Bytes
	}
}

// Spoilt lists the keys that begin with a prefix and hold what cannot be read.
func (m *Memory) Spoilt(prefix string) (keys []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.spoilt {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Any tells whether is says so of a value that is remembered under a key that begins
// with a prefix.
func (m *Memory) Any(prefix string, is func(Value) bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, raw := range m.values {
		if strings.HasPrefix(key, prefix) && is(Value{Key: key, Bytes: raw}) {
			return true
		}
	}
	return false
}

// PutRight stores what is remembered in the place of what cannot be read, and
// tells how many values that were. What somebody has written since stays.
func (m *Memory) PutRight(ctx context.Context, prefix string) (put int, err error) {
	for _, key := range m.Spoilt(prefix) {
		m.mu.Lock()
		revision, before := m.spoilt[key], m.values[key]
		m.mu.Unlock()
		if before == nil || revision == 0 {
			continue
		}
		_, err := m.bucket.Update(ctx, key, before, revision)
		switch action.CodeOf(err) {
		case "":
			put++
		case action.CodeConflict:
		default:
			return put, err
		}
	}
	return put, nil
}

// PutBack stores again what is remembered under keys that begin with a prefix
// and is not there, and tells how many values that were. What keep refuses is
// forgotten instead.
func (m *Memory) PutBack(ctx context.Context, prefix string, keep func(key string, value []byte) bool) (int, error) {
	stands, err := m.bucket.Keys(ctx, prefix+">")
	if err != nil {
		return 0, err
	}
	there := make(map[string]bool, len(stands))
	for _, v := range stands {
		there[v.Key] = true
	}
	lost := m.without(prefix, there, keep)
	var put atomic.Int64
	err = Together(len(lost), func(n int) error {
		stored, err := m.store(ctx, lost[n])
		if stored {
			put.Add(1)
		}
		return err
	})
	return int(put.Load()), err
}

// store stores a value that is remembered where none stands. It tells whether it
// did: somebody else may have been first.
func (m *Memory) store(ctx context.Context, v Value) (bool, error) {
	_, err := m.bucket.Update(ctx, v.Key, v.Bytes, 0)
	if action.CodeOf(err) == action.CodeConflict {
		return false, nil
	}
	return err == nil, err
}

// putBack stores one value again, if it is remembered and not there. It tells
// whether it was stored.
func (m *Memory) putBack(ctx context.Context, key string) (bool, error) {
	m.mu.Lock()
	value, known := m.values[key]
	m.mu.Unlock()
	if !known {
		return false, nil
	}
	return m.store(ctx, Value{Key: key, Bytes: value})
}

func (m *Memory) without(prefix string, there map[string]bool, keep func(key string, value []byte) bool) (lost []Value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, value := range m.values {
		switch {
		case !strings.HasPrefix(key, prefix) || there[key]:
		case keep(key, value):
			lost = append(lost, Value{Key: key, Bytes: value})
		default:
			delete(m.values, key)
		}
	}
	slices.SortFunc(lost, func(a, b Value) int { return strings.Compare(a.Key, b.Key) })
	return lost
}
