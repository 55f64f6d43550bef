package cli_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFlagsOfInstanceKeys: what cannot be meant is refused before anything is started.
func TestFlagsOfInstanceKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"--key-every", "1m"}, "1h to 17520h"}, {[]string{"--key-every", "-1s"}, "1h to 17520h"}, {[]string{"--key-lead", "0s"}, "1s to 720h"},
		{[]string{"--key-every", "2h", "--key-lead", "2h"}, "not shorter"},
	} {
		for _, command := range [][]string{{"dev"}, {"dispatcher", "--nats", "nats://127.0.0.1:1"}} {
			got := run(t, "callout", append(slices.Clone(command), tt.args...)...)
			require.Equal(t, 2, got.code, "%v", tt.args)
			require.Contains(t, got.err, tt.says)
		}
	}
}
