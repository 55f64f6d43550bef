package callout

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestACoreCarriesOnlyWhatItUses looks at everything that each package of this
// room reaches.
func TestACoreCarriesOnlyWhatItUses(t *testing.T) {
	t.Parallel()
	const (
		protobuf      = "google.golang.org/protobuf/"
		grpc          = "google.golang.org/grpc"
		connectRPC    = "connectrpc.com/connect"
		protovalidate = "buf.build/"
		server        = "github.com/nats-io/nats-server/"
	)
	for pkg, never := range map[string][]string{
		".":                 {protobuf, grpc, connectRPC, protovalidate, server},
		"./callouthttp":     {protobuf, grpc, connectRPC, protovalidate, server},
		"./calloutproto":    {grpc, connectRPC, protovalidate, server},
		"./calloutconnect":  {grpc, protovalidate, server},
		"./calloutgrpc":     {connectRPC, protovalidate, server},
		"./calloutvalidate": {connectRPC, server, "github.com/nats-io/"},
	} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "/pkg/action\n")
		for _, dep := range strings.Fields(string(out)) {
			for _, no := range never {
				require.False(t, strings.HasPrefix(dep, no), "%s reaches %s", pkg, dep)
			}
		}
	}
}
