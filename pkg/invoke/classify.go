package invoke

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// refusal is the error of a status that is not 2xx.
func refusal(status int) *action.Error {
	switch {
	case status == http.StatusGone:
		return action.NewError(action.CodeGone, action.StageAnswer, "")
	case status >= 300 && status <= 399:
		return action.NewError(action.CodeRedirect, action.StageAnswer, "")
	}
	return action.NewError(action.CodeStatus, action.StageAnswer, "")
}

// classify turns what the net packages say into an error of ours. The caller's
// context comes first, then a fault of ours, then the exchange's context: when
// time is over, everything else that went wrong is a consequence. ex is nil once
// there is an answer.
func classify(caller, ctx context.Context, ex *exchange, err error) *action.Error {
	cause := withoutURL(err)
	if errors.Is(caller.Err(), context.Canceled) {
		return action.NewError(action.CodeCancelled, action.StageInvoke, "").WithCause(context.Cause(caller))
	}
	if isFault(err) {
		return action.NewError(action.CodeOurFault, action.StageInvoke, "").WithCause(cause)
	}
	if ctx.Err() != nil {
		return action.NewError(action.CodeTimeout, action.StageInvoke, "").WithCause(cause)
	}
	if ours := (*action.Error)(nil); errors.As(err, &ours) {
		return ours
	}
	code, stage := codeOf(err, ex)
	return action.NewError(code, stage, "").WithCause(cause)
}

func codeOf(err error, ex *exchange) (action.Code, action.Stage) {
	var (
		dns     *net.DNSError
		op      *net.OpError
		timeout net.Error
	)
	switch {
	case errors.As(err, &dns):
		return action.CodeDNS, action.StageInvoke
	case errors.As(err, &timeout) && timeout.Timeout():
		return action.CodeTimeout, action.StageInvoke
	case errors.As(err, &op) && op.Op == "dial":
		return action.CodeConnect, action.StageInvoke
	case isTLS(err) || (ex != nil && ex.tlsFailed.Load()):
		return action.CodeTLS, action.StageInvoke
	case isHeaderBound(err):
		return action.CodeHeadersTooLarge, action.StageAnswer
	case ex != nil && !ex.sent():
		return action.CodeConnect, action.StageInvoke
	}
	return action.CodeAnswerBroken, action.StageAnswer
}

func isTLS(err error) bool {
	var (
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		op        *net.OpError
	)
	// With TLS 1.3 a server says only after the handshake that it does not take our
	// certificate, and that comes in the place of an answer.
	if errors.As(err, &op) && op.Op == "remote error" {
		return true
	}
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &verify) || errors.As(err, &record) ||
		errors.As(err, &alert) || errors.As(err, &authority) || errors.As(err, &name) || errors.As(err, &invalid)
}

// isHeaderBound knows the two errors of net/http for headers over their bound,
// HTTP/1 and HTTP/2. They have no type; a test holds the texts.
func isHeaderBound(err error) bool {
	text := err.Error()
	return strings.Contains(text, "response headers exceeded") || strings.Contains(text, "response header list larger")
}

// withoutURL takes off the layers that quote the target's URL, which may hold
// a secret in its query: the log knows the target by its name.
func withoutURL(err error) error {
	for {
		outer, ok := err.(*url.Error) //nolint:errorlint // only the outermost layers are taken off
		if !ok {
			return err
		}
		err = outer.Err
	}
}

func asError(err error) *action.Error {
	if e := (*action.Error)(nil); errors.As(err, &e) {
		return e
	}
	return action.NewError(action.CodeInternal, action.StageInvoke, "").WithCause(err)
}
