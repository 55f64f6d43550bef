package calls

import (
	"context"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/bus"
)

// isInbox tells whether a subject is one at which somebody waits for an answer:
// an inbox of NATS, `_INBOX.…`, or of a client with a prefix of its own,
// `_INBOX_…`. Any other subject means something to somebody, and what is answered
// there would say it in the worker's name.
func isInbox(reply string) bool {
	inbox := asked(reply)
	switch {
	case strings.HasPrefix(inbox, "_INBOX."), strings.HasPrefix(inbox, "_INBOX_"):
	case strings.HasPrefix(inbox, "_R_."): // between accounts the server's own stands for it
	default:
		return false
	}
	for token := range strings.SplitSeq(inbox, ".") {
		if token == "" || token == "*" || token == ">" {
			return false
		}
	}
	return true
}

// notAsked leaves a message alone for whose answer nobody waits.
func notAsked(b *bus.Bus, m *nats.Msg) {
	b.Log().Info().Str("subject", m.Subject).Str("reply", m.Reply).Msg("a call is left alone: it is not to be answered at an inbox, _INBOX.… or _INBOX_…")
}

// gateway is what the server puts before an inbox between clusters, and behind it
// two tokens: of the cluster and of the server that asks. No client may say so.
const gateway = "_GR_."

// asked is an inbox as it is known to who waits there.
func asked(reply string) string {
	rest, far := strings.CutPrefix(reply, gateway)
	if !far {
		return reply
	}
	_, rest, _ = strings.Cut(rest, ".")
	_, rest, _ = strings.Cut(rest, ".")
	return rest
}

// askers are those who wait for what a server has in hand. Who knows the inbox
// asked, and nobody else can know it: so it is by the whole inbox that an asker
// says that he goes away.
type askers struct {
	mu   sync.Mutex
	gone map[string]context.CancelFunc // by inbox
}

func (a *askers) wait(reply string, cancel context.CancelFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone == nil {
		a.gone = map[string]context.CancelFunc{}
	}
	a.gone[asked(reply)] = cancel
}

func (a *askers) answered(reply string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.gone, asked(reply))
}

// abandon ends what is in hand for an asker that went away, if it is in hand here.
func (a *askers) abandon(inbox string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cancel := a.gone[inbox]; cancel != nil {
		cancel()
	}
}
