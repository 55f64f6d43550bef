package node_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/node"
)

// TestCloseTwice closes everything that a node runs a second time: broker,
// dispatcher and worker keep the same contract.
func TestCloseTwice(t *testing.T) {
	t.Parallel()
	n, err := node.Start(within(t, 10*time.Second), node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", Data: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, n.Close(within(t, 10*time.Second)))
	require.NoError(t, n.Close(within(t, 10*time.Second)))
}
