package invoke

import (
	"net/http"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
)

// Call is one HTTP exchange to be had.
type Call struct {
	Target *action.Target
	Owner  string // the scope that defines Target; with Instance and its name it finds the connection pool
	// MayAsk tells that Target is the instance's: its Egress counts, as far as
	// Options.AllowEgress goes, and it is shown the installation's certificate. Of an
	// organization's neither is so.
	MayAsk bool
	// Identity is what of Target.TLS comes from elsewhere; nil = its definition says all.
	Identity *Identity
	Keys     []string // signing keys, the newest first; needed unless Target carries no signature
	Body     []byte   // JSON, sent as it is where Target has payload: json; never empty
	// Headers are those of Target.HeaderSources, with their values: secrets. They are not
	// written to.
	Headers map[string]string
	ID      string // delivery id, the same on every attempt; no dot in it

	V1a       *sign.OwnKey    // signs v1a where Target asks for that and none of Keys does
	Signer    *sign.OwnKey    // signs Body where Target has payload: jwt or jwe
	Encrypter *sign.Encrypter // encrypts it where it has payload: jwe
	Audience  string          // aud of a JWT: the target, [ORG:]NAME

	Attempt     int    // counted from 1
	Sequence    uint64 // of the stream; 0 = the header is left out
	Traceparent string // W3C trace context, handed on; empty = left out
	Replay      bool   // an event that is sent again on request
	Redrive     bool   // a dead letter that is sent again
	ReadBody    bool   // the answer's body is wanted (kind call)
	Heard       bool   // a caller hears what the target says: a 4xx that says why is a rejection

	// Shares are what the exchange must have a place of; nil = it needs none. A
	// call that is over its target's share, or that of its instance, is busy at
	// once.
	Shares *Shares

	// Where it comes from, which the target is told; what is empty is left out.
	Instance  string // whose share it is too, beside the target's
	Org       string // organization of the call or event
	EventID   string // what publishing the event returned
	EventType string
	EventTime time.Time // when the event was stored

	// Event is what the target is told of an event in the words of CloudEvents; nil =
	// nothing, and the body is sent as it is whatever Target.Payload says.
	Event *wire.CloudEvent

	// Wait bounds how long Do waits for the target's concurrency and rate
	// limits; 0 = as long as the target's timeout. It never waits beyond ctx.
	Wait time.Duration
}

// hidden is what the target's mask names in the body.
func (c *Call) hidden() [][]byte {
	if len(c.Target.Mask) == 0 {
		return nil
	}
	return wire.WaysOf(c.Target.Mask).Values(nil, c.Body)
}

// definition is a target as it is dialled.
type definition struct {
	*action.Target
	own       bool // the instance's
	identity  *Identity
	installed *Installed
}

// definition is the target of a call as it is dialled.
func (i *Invoker) definition(c *Call) definition {
	d := definition{c.Target, c.MayAsk, c.Identity, i.options.Installation.installed()}
	if !c.MayAsk && len(c.Target.Egress) > 0 {
		t := *c.Target
		t.Egress = nil
		d.Target = &t
	}
	return d
}

// Answer is what came of a Call.
type Answer struct {
	Status      int           // the target's HTTP status; 0 = there was no answer
	Body        []byte        // well-formed JSON when the body was wanted; nil = empty
	ContentType string        // media type of the answer, lower case, without parameters; when the body was wanted, or it failed
	RetryAfter  time.Duration // what the target asked for, 0 – 24 h; 0 = nothing asked. See Uncharged
	Duration    time.Duration // from the start of Do to its end, waiting for limits included
	Sent        bool          // the target may have received something of the request

	// Uncharged: a limit of ours did not let the exchange begin (busy,
	// rate_limited, breaker_open). Nothing was sent, so it is no attempt, and
	// RetryAfter is when to look again: more than 0, up to 24 h.
	Uncharged bool

	Err *action.Error // nil = success

	// Header is the answer's where it failed, or its body was wanted.
	// AnswerBeginning is what the body of an answer that is no success begins with,
	// uncompressed as far as it can be: at most action.MaxBeginning bytes of what had
	// come when it was judged. Values of the target's own headers and of Call.Headers are masked in it.
	// Cut tells that there was more.
	Header          http.Header
	AnswerBeginning []byte
	Cut             bool

	secrets map[string]string // Call.Headers: nobody who reads the rest is shown them
	hidden  [][]byte          // of the body that was sent, what Masked takes out
}
