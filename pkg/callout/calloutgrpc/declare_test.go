package calloutgrpc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/callout/calloutgrpc"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

func TestMethods(t *testing.T) {
	got := calloutgrpc.Methods(&userv1.UserService_ServiceDesc, &userv1.AdminService_ServiceDesc)
	require.Equal(t, []string{"/acme.user.v1.UserService/CreateUser", "/acme.user.v1.AdminService/CreateUser"}, got)
	require.Equal(t, calloutproto.Methods(userv1.File_acme_user_v1_user_proto), got)
}
