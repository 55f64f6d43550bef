package invoke

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// A server that speaks first is noticed before the request is written or after,
// as the scheduler has it. Either way it is no answer.
func TestAnotherProtocol(t *testing.T) {
	address := rawServer(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "220 mail.example ESMTP\r\n")
		hold(c)
	})
	a := newInvoker(t).Do(t.Context(), callTo("http://"+address+"/secret"))
	require.NotNil(t, a.Err)
	require.Equal(t, a.Sent, a.Err.Code == action.CodeAnswerBroken, "%v", a.Err)
	require.Equal(t, !a.Sent, a.Err.Code == action.CodeConnect, "%v", a.Err)
	requireDiscreet(t, a.Err, address)
}

func TestConnectionRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	a := newInvoker(t).Do(t.Context(), callTo("http://"+address+"/secret"))
	require.Equal(t, action.CodeConnect, a.Err.Code)
	require.False(t, a.Sent)
	requireDiscreet(t, a.Err, address)
}

func TestNameThatDoesNotResolve(t *testing.T) {
	i := newInvoker(t)
	i.resolver = resolverTo(t, nil)
	a := i.Do(t.Context(), callTo("http://nowhere.invalid:80/secret"))
	require.Equal(t, action.CodeDNS, a.Err.Code, "%v", a.Err)
	require.False(t, a.Sent)
	require.NotContains(t, a.Err.Message, "nowhere")
}

func TestRedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var elsewhere bool
		other := httpServer(t, func(http.ResponseWriter, *http.Request) { elsewhere = true })
		s := httpServer(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", other.URL+"/login")
			w.WriteHeader(status)
		})
		i := newInvoker(t)
		a := i.Do(t.Context(), callTo(s.URL))
		require.Equal(t, action.CodeRedirect, a.Err.Code)
		cl, _ := clientOf(i, "default", callTo(s.URL).Target)
		require.ErrorIs(t, cl.http.HTTPClient.CheckRedirect(nil, nil), http.ErrUseLastResponse, "the second bolt")
		require.Equal(t, status, a.Status)
		other.Close() // waits for what is under way
		require.False(t, elsewhere)
	}
}
