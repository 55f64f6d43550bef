package calloutproto_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

func TestMethods(t *testing.T) {
	file := userv1.File_acme_user_v1_user_proto
	all := []string{"/acme.user.v1.UserService/CreateUser", "/acme.user.v1.AdminService/CreateUser"}
	require.Equal(t, all, calloutproto.Methods(file), "streams are not intercepted")
	require.Equal(t, all[1:], calloutproto.ServiceMethods(file.Services().ByName("AdminService")))
	require.Empty(t, calloutproto.Methods())
	d := callout.Declaration{Core: "users", Methods: calloutproto.Methods(file)}
	require.NoError(t, d.Check())
}
