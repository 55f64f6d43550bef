package calloutproto_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
)

// TestEveryRejectionHasItsCode sends each 4xx through a real target and both
// generated clients; the message is the target's.
func TestEveryRejectionHasItsCode(t *testing.T) {
	hooks := newTargets(t)
	n, _ := startNode(t, hooks, "targets: {no: {type: webhook, url: HOOKS/no, interrupt_on_error: true}}\nrequests: {'*': {targets: [{target: no}]}}", nil)
	closer := map[int]calloutproto.Code{
		401: calloutproto.Unauthenticated, 403: calloutproto.PermissionDenied, 404: calloutproto.NotFound,
		408: calloutproto.DeadlineExceeded, 409: calloutproto.AlreadyExists, 410: calloutproto.NotFound,
		412: calloutproto.FailedPrecondition, 413: calloutproto.ResourceExhausted, 416: calloutproto.OutOfRange,
		425: calloutproto.Unavailable, 428: calloutproto.FailedPrecondition, 429: calloutproto.ResourceExhausted,
		431: calloutproto.ResourceExhausted, 451: calloutproto.PermissionDenied, 499: calloutproto.Canceled,
	}
	o := calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL()})}
	eachFramework(t, o, func(t *testing.T, s *service) {
		for status := 400; status <= 499; status++ {
			want, ok := closer[status]
			if !ok {
				want = calloutproto.InvalidArgument
			}
			text := fmt.Sprintf("no, says %d", status)
			hooks.answer("no", fmt.Sprintf(`{"forwardedStatusCode":%d,"forwardedErrorMessage":%q}`, status, text))
			_, err := s.create(within(t, 5*time.Second), ada())
			code, message := s.told(err)
			require.Equal(t, []any{want, text}, []any{code, message}, "%d", status)
		}
		require.Empty(t, s.handled)
	})
}

// TestFailuresAreNotRetriedByClients: a client sends again by itself what was
// Unavailable, so nothing is that may have had an effect.
func TestFailuresAreNotRetriedByClients(t *testing.T) {
	for _, code := range action.Codes() {
		got := calloutproto.CodeOf(action.NewError(code, action.StageInvoke, ""))
		switch code {
		case action.CodeUnavailable:
			require.Equal(t, calloutproto.Unavailable, got)
		case action.CodeDeadline, action.CodeTimeout:
			require.Equal(t, calloutproto.DeadlineExceeded, got, code)
		case action.CodeRejected, action.CodeTooDeep:
			require.Equal(t, calloutproto.InvalidArgument, got, code)
		case action.CodeTooLarge:
			require.Equal(t, calloutproto.ResourceExhausted, got)
		case action.CodeCancelled:
			require.Equal(t, calloutproto.Canceled, got)
		default:
			require.Equal(t, calloutproto.Internal, got, code)
		}
	}
}

func TestShownKeepsTheCauseBack(t *testing.T) {
	secret := errors.New("dial tcp 10.0.0.7:443")
	_, message, ok := calloutproto.Shown(fmt.Errorf("unary: %w", action.NewError(action.CodeConnect, action.StageInvoke, "").WithCause(secret)))
	require.True(t, ok)
	require.Equal(t, "the target could not be reached", message)
	_, message, ok = calloutproto.Shown(&calloutproto.Invalid{Phase: action.Response, Err: secret})
	require.True(t, ok)
	require.Equal(t, "the changed response is not valid", message)
	_, _, ok = calloutproto.Shown(secret)
	require.False(t, ok, "not ours")
}
