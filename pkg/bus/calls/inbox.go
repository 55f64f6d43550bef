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
// says that he goes away. What is in hand is known here besides, to be ended
// together: a context that all of it came from would be one more lock for each.
type askers struct {
	mu    sync.Mutex
	by    map[string]*asker // by inbox: who asked there last
	first *asker
	over  bool
}

// asker is one of them, among the others.
type asker struct {
	cancel         context.CancelFunc
	before, behind *asker
}

// wait begins to have something in hand for an asker; answered must follow.
func (a *askers) wait(reply string, cancel context.CancelFunc) *asker {
	s := &asker{cancel: cancel}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		cancel()
	}
	if a.by == nil {
		a.by = map[string]*asker{}
	}
	a.by[asked(reply)] = s
	if s.behind = a.first; s.behind != nil {
		s.behind.before = s
	}
	a.first = s
	return s
}

func (a *askers) answered(reply string, s *asker) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if inbox := asked(reply); a.by[inbox] == s {
		delete(a.by, inbox)
	}
	if s.behind != nil {
		s.behind.before = s.before
	}
	if s.before != nil {
		s.before.behind = s.behind
	} else {
		a.first = s.behind
	}
}

// abandon ends what is in hand for an asker that went away, if it is in hand here.
func (a *askers) abandon(inbox string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.by[inbox]; s != nil {
		s.cancel()
	}
}

// end ends all that is in hand, and what comes after that.
func (a *askers) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	for s := a.first; s != nil; s = s.behind {
		s.cancel()
	}
}
