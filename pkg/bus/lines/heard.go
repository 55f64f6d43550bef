package lines

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// heard tells for each message of a subscription a moment at which the server
// had surely not sent it yet. What the server answers comes in one row with the
// messages: one that came behind the answer to a word was sent after that word.
// It may be used from several goroutines, but for since.
type heard struct {
	sub   *nats.Subscription
	mu    sync.Mutex
	words []word // oldest first, never none
}

// word is one that the server has answered.
type word struct {
	sent  time.Time
	ahead int64 // as many messages had arrived by then, or fewer
}

func newHeard(sub *nats.Subscription) *heard {
	return &heard{sub: sub, words: []word{{sent: time.Now()}}}
}

// note is told of a word when the answer has come.
func (h *heard) note(sent time.Time) {
	pending, _, err := h.sub.Pending() // read first: what is read meanwhile counts twice, not never
	if err != nil {
		return // the subscription has ended
	}
	read, err := h.sub.Delivered()
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	last := &h.words[len(h.words)-1]
	if ahead := int64(pending) + read; ahead > last.ahead {
		h.words = append(h.words, word{sent, ahead})
	} else {
		last.sent = sent
	}
}

// since is a moment at which the message that was read last had not been sent
// yet. It is for who reads.
func (h *heard) since() time.Time {
	number, err := h.sub.Delivered()
	h.mu.Lock()
	defer h.mu.Unlock()
	for err == nil && len(h.words) > 1 && h.words[1].ahead < number {
		h.words = h.words[1:]
	}
	return h.words[0].sent
}
