package invoke

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
)

// HeaderIdempotency repeats the delivery id under the name that many HTTP
// frameworks know.
const HeaderIdempotency = "Idempotency-Key"

// reserved are the headers that a target's own headers cannot set, besides all
// that begin with callout-, webhook- and proxy-: ours, and those that belong
// to the connection. Canonical form.
var reserved = map[string]bool{
	"Accept-Encoding": true, "Connection": true, "Content-Encoding": true, "Content-Length": true,
	"Content-Type": true, "Expect": true, "Host": true, "Idempotency-Key": true, "Keep-Alive": true,
	"Te": true, "Traceparent": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
	"User-Agent": true, "X-Idempotency-Key": true, "Zitadel-Signature": true,
}

func isReserved(canonical string) bool {
	return reserved[canonical] || strings.HasPrefix(canonical, "Callout-") ||
		strings.HasPrefix(canonical, "Webhook-") || strings.HasPrefix(canonical, "Proxy-")
}

// The names of our headers in the form in which net/http keeps them.
var (
	nameTraceparent = http.CanonicalHeaderKey(wire.HeaderTraceparent)
	nameZitadel     = http.CanonicalHeaderKey(sign.HeaderZitadel)
	nameID          = http.CanonicalHeaderKey(sign.HeaderID)
	nameTimestamp   = http.CanonicalHeaderKey(sign.HeaderTimestamp)
	nameSignature   = http.CanonicalHeaderKey(sign.HeaderSignature)
)

// maxHeaders is how many headers of ours a request has at most.
const maxHeaders = 15

// usualHeaders is how many it has as a rule. A map with room for one more takes
// twice the memory.
const usualHeaders = 14

// noHeader is what http.Client sees, see sealed. Never written to.
var noHeader = http.Header{}

// prepare makes the POST. Time and signatures are this attempt's.
func (i *Invoker) prepare(ctx context.Context, ex *exchange, cl *client, c Call) *action.Error {
	if len(c.Body) == 0 {
		// net/http repeats a POST without a body by itself, see below.
		return action.NewError(action.CodeBadField, action.StageInvoke, "a target is sent a body").WithField("body")
	}
	ex.begin(ctx)
	ex.body = c.Body
	if refused := i.fillHeader(ex, cl, c); refused != nil {
		return refused
	}
	plain := http.Request{Method: http.MethodPost, URL: cl.parsed, Header: noHeader}
	ex.request.Request = plain.WithContext(ex)
	if err := ex.request.SetBody(retryablehttp.ReaderFunc(ex.open)); err != nil {
		return action.NewError(action.CodeInternal, action.StageInvoke, "").WithCause(err)
	}
	// net/http repeats a request by itself when it can rewind the body and an
	// Idempotency-Key is set, even if all of it was sent. Without GetBody it
	// cannot; what may be repeated is onlyUnsent's decision.
	ex.request.GetBody = nil
	return nil
}

// set sets a header of ours; name is in canonical form.
func (ex *exchange) set(name, value string) {
	ex.values[ex.named] = value
	ex.header[name] = ex.values[ex.named : ex.named+1 : ex.named+1]
	ex.named++
}

func (i *Invoker) fillHeader(ex *exchange, cl *client, c Call) *action.Error {
	ex.header = make(http.Header, usualHeaders+len(c.Target.Headers))
	for name, value := range c.Target.Headers {
		if !isToken(name) || !isValue(value) {
			return action.NewError(action.CodeBadField, action.StageInvoke,
				"a header has a name or value that is not allowed").WithField("headers")
		}
		if name = http.CanonicalHeaderKey(name); !isReserved(name) {
			ex.header[name] = []string{value}
		}
	}
	ex.set("Content-Type", typeJSON)
	ex.set("User-Agent", "callout")
	ex.set("Accept-Encoding", "gzip")
	ex.set(wire.HeaderTarget, c.Target.Name)
	if c.Traceparent != "" && isValue(c.Traceparent) {
		ex.set(nameTraceparent, c.Traceparent)
	}
	if c.Replay {
		ex.set(wire.HeaderReplay, "true")
	}
	if c.ID != "" {
		if !isValue(c.ID) {
			return action.NewError(action.CodeBadField, action.StageInvoke,
				"a delivery id has a character that is not allowed").WithField("id")
		}
		ex.set(wire.HeaderDelivery, c.ID)
		ex.set(HeaderIdempotency, c.ID)
	}
	return i.fillValues(ex, cl, c)
}

// computed are header values, written into one text one after the other.
type computed struct {
	text  []byte
	names [6]string
	ends  [6]int
	n     int
}

var computedFree = sync.Pool{New: func() any { return &computed{text: make([]byte, 0, 512)} }}

// named ends the value that was last written.
func (v *computed) named(name string) {
	v.names[v.n], v.ends[v.n] = name, len(v.text)
	v.n++
}

// fillValues sets the headers whose values are computed: numbers, and the
// signatures that the target's definition asks for. A target that is to be
// signed is never called without.
func (i *Invoker) fillValues(ex *exchange, cl *client, c Call) *action.Error {
	v := computedFree.Get().(*computed)
	defer computedFree.Put(v)
	v.text, v.n = v.text[:0], 0
	if refused := i.sign(ex, v, cl, c); refused != nil {
		return refused
	}
	v.text = strconv.AppendInt(v.text, int64(c.Attempt), 10)
	v.named(wire.HeaderAttempt)
	if c.Sequence != 0 {
		v.text = strconv.AppendUint(v.text, c.Sequence, 10)
		v.named(wire.HeaderSequence)
	}
	if deadline, ok := ex.Deadline(); ok {
		v.text = strconv.AppendInt(v.text, max(time.Until(deadline).Milliseconds(), 0), 10)
		v.named(wire.HeaderRemaining)
	}
	text, from := string(v.text), 0
	for k := range v.n {
		ex.set(v.names[k], text[from:v.ends[k]])
		from = v.ends[k]
	}
	return nil
}

// sign adds the signatures to v.
func (i *Invoker) sign(ex *exchange, v *computed, cl *client, c Call) *action.Error {
	zitadel, standard := c.Target.Signs(action.SignZitadel), c.Target.Signs(action.SignStandard)
	if !zitadel && !standard {
		return nil
	}
	if len(c.Keys) == 0 {
		return action.NewError(action.CodeInternal, action.StageInvoke, "").WithField("signing_key")
	}
	signer, now := cl.signerOf(c.Keys), i.options.Now()
	if zitadel {
		v.text = signer.AppendZitadel(v.text, now, c.Body)
		v.named(nameZitadel)
	}
	if !standard {
		return nil
	}
	var err error
	if v.text, err = signer.AppendStandard(v.text, c.ID, now, c.Body); err != nil {
		return asError(err)
	}
	v.named(nameSignature)
	ex.set(nameID, c.ID)
	v.text = strconv.AppendInt(v.text, now.Unix(), 10)
	v.named(nameTimestamp)
	return nil
}

// isToken tells whether s may be a header's name (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isValue tells whether s may be a header's value: no control characters but
// the tab (RFC 9110, 5.5).
func isValue(s string) bool {
	for _, c := range []byte(s) {
		if (c < ' ' && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}
