//go:build !race

// The race detector lets pools forget at random, so allocations are counted
// without it.

package invoke

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// Do costs hardly more allocations than the bare client of net/http, with its
// signatures, headers, limits, guard and strict JSON.
func TestDoAllocatesLittle(t *testing.T) {
	const more = 10
	url := "http://" + rawServer(t, lean)
	callout, bare := do(t, newInvoker(t), url), newPoster(t, url, &http.Transport{MaxIdleConnsPerHost: 256}).post
	count := func(exchange func() error) float64 {
		require.NoError(t, exchange()) // makes the connection
		return testing.AllocsPerRun(300, func() {
			if err := exchange(); err != nil {
				t.Error(err)
			}
		})
	}
	ours, theirs := count(callout), count(bare)
	t.Logf("%.0f allocations, the bare client %.0f", ours, theirs)
	require.LessOrEqual(t, ours, theirs+more)
}

// The pieces in which a body of unknown length is read are used again.
func TestPiecesAreUsedAgain(t *testing.T) {
	body := make([]byte, 4*chunkBytes+1)
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := readUnknown(bytes.NewReader(body), len(body)); err != nil {
			t.Error(err)
		}
	})
	require.LessOrEqual(t, allocations, 3.0, "the body, its reader, and no piece")
}
