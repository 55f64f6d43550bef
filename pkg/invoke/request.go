package invoke

import (
	"context"
	"net/http"
	"strconv"
	"strings"
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

// request makes the POST. Time and signatures are this attempt's.
func (i *Invoker) request(ctx context.Context, cl *client, c Call) (*retryablehttp.Request, *action.Error) {
	if len(c.Body) == 0 {
		// net/http repeats a POST without a body by itself, see below.
		return nil, action.NewError(action.CodeBadField, action.StageInvoke, "a target is sent a body").WithField("body")
	}
	h, refused := i.header(ctx, c)
	if refused != nil {
		return nil, refused
	}
	plain := &http.Request{Method: http.MethodPost, URL: cl.parsed, Host: cl.parsed.Host, Header: h}
	req, err := retryablehttp.FromRequest(plain.WithContext(ctx))
	if err == nil {
		err = req.SetBody(c.Body)
	}
	if err != nil {
		return nil, action.NewError(action.CodeInternal, action.StageInvoke, "").WithCause(err)
	}
	// net/http repeats a request by itself when it can rewind the body and an
	// Idempotency-Key is set, even if all of it was sent. Without GetBody it
	// cannot; what may be repeated is onlyUnsent's decision.
	req.GetBody = nil
	return req, nil
}

func (i *Invoker) header(ctx context.Context, c Call) (http.Header, *action.Error) {
	h := make(http.Header, 16+len(c.Target.Headers))
	for name, value := range c.Target.Headers {
		if !isToken(name) || !isValue(value) {
			return nil, action.NewError(action.CodeBadField, action.StageInvoke,
				"a header has a name or value that is not allowed").WithField("headers")
		}
		if name = http.CanonicalHeaderKey(name); !isReserved(name) {
			h.Set(name, value)
		}
	}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "callout")
	h.Set("Accept-Encoding", "gzip")
	h.Set(wire.HeaderTarget, c.Target.Name)
	h.Set(wire.HeaderAttempt, strconv.Itoa(c.Attempt))
	if c.Sequence != 0 {
		h.Set(wire.HeaderSequence, strconv.FormatUint(c.Sequence, 10))
	}
	if deadline, ok := ctx.Deadline(); ok {
		h.Set(wire.HeaderRemaining, strconv.FormatInt(max(time.Until(deadline).Milliseconds(), 0), 10))
	}
	if c.Traceparent != "" && isValue(c.Traceparent) {
		h.Set(wire.HeaderTraceparent, c.Traceparent)
	}
	if c.ID != "" {
		if !isValue(c.ID) {
			return nil, action.NewError(action.CodeBadField, action.StageInvoke,
				"a delivery id has a character that is not allowed").WithField("id")
		}
		h.Set(wire.HeaderDelivery, c.ID)
		h.Set(HeaderIdempotency, c.ID)
	}
	return h, i.signatures(h, c)
}

// signatures adds the signatures that the target's definition asks for. A
// target that is to be signed is never called without.
func (i *Invoker) signatures(h http.Header, c Call) *action.Error {
	zitadel, standard := c.Target.Signs(action.SignZitadel), c.Target.Signs(action.SignStandard)
	if !zitadel && !standard {
		return nil
	}
	if len(c.Keys) == 0 {
		return action.NewError(action.CodeInternal, action.StageInvoke, "").WithField("signing_key")
	}
	now := i.options.Now()
	if zitadel {
		h.Set(sign.HeaderZitadel, sign.Zitadel(c.Keys, now, c.Body))
	}
	if standard {
		value, err := sign.Standard(c.Keys, c.ID, now, c.Body)
		if err != nil {
			return asError(err)
		}
		h.Set(sign.HeaderID, c.ID)
		h.Set(sign.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		h.Set(sign.HeaderSignature, value)
	}
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
