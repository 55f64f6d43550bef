package invoke

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"
)

// maxRepeats bounds how often a request is sent again after its first try. What
// met a dead connection goes again once; only what a server refuses over and
// over comes to this bound. One that refuses every third stream, whoever sends it,
// refuses a request that is sent as often once in a million.
const maxRepeats = 12

// deadWithin is how soon a kept connection that had died before it was given to
// us shows it: at the first write, or by the answer to it, a round trip later.
// One that lives longer has taken the request, and its target may be at work.
const deadWithin = time.Second

// try begins another try, and gives the transport for it. What is sent again
// goes out on a connection of its own: another kept one might be as dead as the
// first, and one shared with others be closed because of them.
func (ex *exchange) try(c *client) *http.Transport {
	if ex.tries++; ex.tries == 1 {
		return c.transport
	}
	if ex.apart != nil {
		ex.apart.CloseIdleConnections()
	}
	ex.apart = c.apart()
	return ex.apart
}

// unprocessed is the retry policy: a request is sent again when the target
// surely did not process it. Everything else is decided by whoever owns the
// retries, a failed dial included.
func unprocessed(ctx context.Context, _ *http.Response, err error) (bool, error) {
	ex, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok || err == nil || ctx.Err() != nil || !ex.isUnprocessed(err) {
		return false, nil
	}
	ex.left = ex.reached()
	return true, nil
}

// isUnprocessed tells whether a try that failed left the target without a
// request to process:
//
//	a connection, and not a byte was written to it
//	HTTP/2: the server said so, of this request
//	a kept connection that nothing else was on, and was dead when we took it
//
// A byte of an answer is a sign of work, and so is a fresh connection that
// broke, or one that others were on.
func (ex *exchange) isUnprocessed(err error) bool {
	switch {
	case ex.answered.Load():
		return false
	case isNamed(err):
		return true
	case ex.conn.Load() == nil:
		return false
	case !ex.sent():
		return ex.tries == 1
	}
	early := time.Since(ex.began)-time.Duration(ex.given.Load()) < deadWithin
	return ex.kept.Load() && early && isEnd(err)
}

// isNamed knows how net/http says that an HTTP/2 server did not process a
// request: it named it in REFUSED_STREAM, or an earlier one as its last in
// GOAWAY (RFC 9113, 8.7); and that the connection was closed to new requests
// before this one was on it. The errors have no type; a test holds the texts.
func isNamed(err error) bool {
	text := withoutURL(err).Error()
	if strings.HasPrefix(text, "http2: Transport received GOAWAY from server ErrCode:") || // the first request of a connection
		text == "net/http: cannot rewind body after connection loss" {
		return true
	}
	cause, ok := strings.CutPrefix(text, "http2: Transport: cannot retry err [")
	return ok && (strings.HasPrefix(cause, "http2: Transport received Server's graceful shutdown GOAWAY]") ||
		(strings.HasPrefix(cause, "stream error: ") && strings.Contains(cause, "; REFUSED_STREAM")))
}

// isEnd tells whether an error says that the connection ended, rather than that
// its server ended this request.
func isEnd(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op) ||
		withoutURL(err).Error() == "http: server closed idle connection"
}

// maxPause bounds the wait before a repeat.
const maxPause = 50 * time.Millisecond

// pause is the wait before a repeat, where repeats are counted from 0. The first goes at
// once; a server that refuses it again has too much to do, and gets a little longer each
// time, with jitter, so that those it refused together do not come back together. It never
// looks at the answer: Retry-After is for whoever owns the retries.
func pause(_, _ time.Duration, repeat int, _ *http.Response) time.Duration {
	if repeat == 0 {
		return 0
	}
	most := min(5*time.Millisecond<<min(repeat-1, 8), maxPause)
	return most/2 + rand.N(most/2)
}
