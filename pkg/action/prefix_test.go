package action_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// TestPrefixes: what is written is one range, and no other one is made of it.
func TestPrefixes(t *testing.T) {
	const none = "an address range is written like 10.0.0.0/8, 10.1.2.3 or fd00::/8"
	for text, want := range map[string]string{
		"10.0.0.0/8": "", "0.0.0.0/0": "", "::/0": "", "1.2.3.4": "", "1.2.3.4/32": "", "fd00::/8": "", "::1": "", "::ffff:10.0.0.0/104": "",
		"1.2.3.4/0":  "the range has bits behind its length: write 1.2.3.4/32 for the one address, or 0.0.0.0/0 for the whole range",
		"10.0.0.1/8": "the range has bits behind its length: write 10.0.0.1/32 for the one address, or 10.0.0.0/8 for the whole range",
		"fd00::1/8":  "the range has bits behind its length: write fd00::1/128 for the one address, or fd00::/8 for the whole range",
		"":           none, "ten": none, "10.0.0.0/33": none, "10.0.0.0/": none, "10.0.0.0/08": none, "fe80::1%eth0": none, "fe80::%eth0/64": none, "10.0.0": none, " 10.0.0.0/8": none,
	} {
		p, err := action.ParsePrefix(text)
		if err == nil {
			err = action.CheckPrefix(p)
		}
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.EqualError(t, err, want, text)
	}
}
