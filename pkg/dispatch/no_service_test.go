package dispatch_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNoService: who asks RPC of a service that is not here is told so in his
// protocol, and who asks a core's route is told that it takes JSON alone.
func TestNoService(t *testing.T) {
	t.Parallel()
	_, c := opened(t)
	for _, content := range []string{"application/grpc", "application/grpc+proto", "application/grpc-web+proto", "application/grpc-web; charset=utf-8", "APPLICATION/GRPC"} {
		got := c.post("/zitadel.user.v2.UserService/GetUserByID", "x", "Content-Type: "+content)
		require.Equal(t, 200, got.status, content)
		require.Equal(t, "12", got.header.Get("Grpc-Status"), content)
		require.Equal(t, content, got.header.Get("Content-Type"))
		require.NotEmpty(t, got.header.Get("Grpc-Message"))
		require.Empty(t, got.body)
	}
	for _, content := range []string{"application/proto", "application/connect+proto", "application/json"} {
		got := c.post("/zitadel.user.v2.UserService/GetUserByID", "{}", "Content-Type: "+content)
		require.Equal(t, 404, got.status, content)
	}
	for _, id := range bothIDs {
		for _, content := range []string{"application/grpc", "application/proto"} {
			require.Equal(t, 415, c.post(eventsOf(id), anEvent, "Content-Type: "+content).status, content)
		}
	}
	got := c.post("/zitadel.user.v2.UserService/GetUserByID", "x", "Content-Type: application/grpc", "Host: evil.example")
	require.Equal(t, 403, got.status, "the guard is before it")
	require.False(t, strings.Contains(got.body, "UserService"))
}
