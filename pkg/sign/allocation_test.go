//go:build !race

// The race detector lets pools forget at random, so allocations are counted
// without it.

package sign_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/sign"
)

func TestSignerAllocatesNothing(t *testing.T) {
	s := sign.NewSigner([]string{sign.NewKey(), sign.NewKey()})
	dst, now, body := make([]byte, 0, 1024), time.Now(), []byte(strings.Repeat("b", 1024))
	allocations := testing.AllocsPerRun(500, func() {
		dst, _ = s.AppendZitadel(dst[:0], now, body)
		dst, _ = s.AppendStandard(dst, "01ID", now, body)
	})
	require.Less(t, allocations, 1.0)
}
