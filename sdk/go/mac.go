package callout

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// secret checks HMAC-SHA256 by one key. Hashes that have taken the key in are kept from one request to the next,
// since to make one is half of what a body of 1 KiB costs. It is safe for concurrent use.
type secret struct{ idle sync.Pool } // of *state

// state is a hash, and room for what it is told and what it gives.
type state struct {
	hash      hash.Hash
	head, sum []byte
}

func newSecret(key []byte) *secret {
	s := &secret{}
	s.idle.New = func() any { return &state{hash: hmac.New(sha256.New, key)} }
	return s
}

// fits tells whether one of those given is the HMAC over the head, a dot and the body.
func (s *secret) fits(given [][]byte, body []byte, head ...string) bool {
	st := s.idle.Get().(*state)
	defer s.idle.Put(st)
	st.hash.Reset()
	st.head = st.head[:0]
	for _, text := range head {
		st.head = append(append(st.head, text...), '.')
	}
	st.hash.Write(st.head)
	st.hash.Write(body)
	st.sum = st.hash.Sum(st.sum[:0])
	for _, have := range given {
		if hmac.Equal(st.sum, have) {
			return true
		}
	}
	return false
}
