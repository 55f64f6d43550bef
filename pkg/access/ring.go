package access

import (
	"sync"
	"time"
)

// Ring holds the tokens that count. The zero value holds none. It may be used from
// any goroutine.
type Ring struct {
	mu     sync.RWMutex
	tokens map[string]*held
}

// held is a token with who asks by it, so that a check makes nothing anew.
type held struct {
	Token
	principal Principal
}

// Set has a token count from now on, in the place of another of its id.
func (r *Ring) Set(t Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tokens == nil {
		r.tokens = map[string]*held{}
	}
	r.tokens[t.ID] = &held{t, t.Principal()}
}

// Remove has the token of an id count no more.
func (r *Ring) Remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tokens, id)
}

// Find tells who asks with the text of a token. That it is none, is not known, has
// another secret or is over makes no difference.
func (r *Ring) Find(text string, now time.Time) (p *Principal, ok bool) {
	id, secret, ok := split(text)
	if !ok {
		return nil, false
	}
	r.mu.RLock()
	t := r.tokens[id]
	r.mu.RUnlock()
	if t == nil || !t.has(secret) || t.HasExpired(now) {
		return nil, false
	}
	return &t.principal, true
}
