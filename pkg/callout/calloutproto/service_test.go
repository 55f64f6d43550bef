package calloutproto_test

import (
	"context"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

// core is what both services do. It keeps what it was asked.
type core struct {
	mu      sync.Mutex
	handled []*userv1.CreateUserRequest
	arrived []proto.Message // as it stood in front of the interceptor
	fail    error
}

func (c *core) create(r *userv1.CreateUserRequest) (*userv1.CreateUserResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handled = append(c.handled, r)
	if c.fail != nil {
		return nil, c.fail
	}
	user := &userv1.User{}
	proto.Merge(user, r.User)
	user.UserId = "u1"
	return &userv1.CreateUserResponse{User: user, Greeting: "hello"}, nil
}

func (c *core) arrives(m any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arrived = append(c.arrived, m.(proto.Message))
}

// service is a core behind one framework, and its generated client.
type service struct {
	*core
	create func(ctx context.Context, r *userv1.CreateUserRequest, header ...string) (*userv1.CreateUserResponse, error)
	admin  func(ctx context.Context, r *userv1.CreateUserRequest) (*userv1.CreateUserResponse, error)
	watch  func(ctx context.Context) ([]string, error)
	// told takes an error of the client apart.
	told func(err error) (code calloutproto.Code, message string)
}

const createUser = "/acme.user.v1.UserService/CreateUser"

// eachFramework runs a test against the same core on Connect and on gRPC.
func eachFramework(t *testing.T, o calloutproto.Options, test func(t *testing.T, s *service)) {
	t.Run("connect", func(t *testing.T) { test(t, connectService(t, o)) })
	t.Run("grpc", func(t *testing.T) { test(t, grpcService(t, o)) })
}
