package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/wire"
)

// TestCheckHeaders: what is not ours is anybody's, and of ours each that means nothing is
// named, with what was meant.
func TestCheckHeaders(t *testing.T) {
	takes := []string{wire.HeaderTimeout, wire.HeaderMinRevision}
	for _, h := range []map[string][]string{nil, {}, {"Nats-Msg-Id": {"1"}, "traceparent": {"x"}, "X-Callout-A": {"1"}, "Callout": {"1"}}, {wire.HeaderTimeout: {"1s"}, wire.HeaderMinRevision: {"1"}}} {
		require.NoError(t, wire.CheckHeaders(h, takes...))
	}
	for name, says := range map[string]string{
		"callout-timeout": "write Callout-Timeout", "CALLOUT-MIN-REVISION": "write Callout-Min-Revision", "Callout-Timout": "means nothing here; Callout-Timeout and Callout-Min-Revision do",
		"Callout-Org": "means nothing here", "Callout-": "means nothing here",
	} {
		err := wire.CheckHeaders(map[string][]string{name: {"1"}, "callout-zz": {"2"}, wire.HeaderTimeout: {"1s"}}, takes...)
		requireField(t, err, name)
		require.ErrorContains(t, err, name+": ")
		require.ErrorContains(t, err, says)
	}
}
