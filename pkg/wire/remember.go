package wire

import "sync"

// remembered keeps what was made of the keys met lately: a core's calls have few
// subjects, and each is met over and over. It is safe for concurrent use.
type remembered[K comparable, V any] struct {
	mu sync.RWMutex
	of map[K]V
}

// maxRemembered bounds how many are kept. Past it all are forgotten.
const maxRemembered = 4096

func (r *remembered[K, V]) get(key K) (v V, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	v, ok = r.of[key]
	return v, ok
}

func (r *remembered[K, V]) put(key K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil || len(r.of) >= maxRemembered {
		r.of = map[K]V{}
	}
	r.of[key] = v
}
