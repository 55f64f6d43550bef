package manage

import (
	"testing"

	"github.com/stretchr/testify/require"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestAddressesAreHidden, and nothing that only looks like one.
func TestAddressesAreHidden(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dial tcp 10.1.2.3:443: connect: connection refused":                   "dial tcp (an address): connect: connection refused",
		"dial tcp [fd00:ec2::254]:80: i/o timeout":                             "dial tcp (an address): i/o timeout",
		"dial tcp [::1]:80: i/o timeout":                                       "dial tcp (an address): i/o timeout",
		"lookup a.example on 10.0.0.2:53: no such host":                        "lookup a.example on (an address): no such host",
		"fe80:1:2:3:4:5:6:7 is not allowed":                                    "(an address) is not allowed",
		"the target answered with 503 at 12:01:05, version 1.2.3":              "the target answered with 503 at 12:01:05, version 1.2.3",
		"tls: failed to verify certificate: x509: signed by unknown authority": "tls: failed to verify certificate: x509: signed by unknown authority",
	} {
		m := &calloutv1.GetDeliveryResponse{Attempts: []*calloutv1.Attempt{{Error: text}}, DeadLetter: &calloutv1.DeadLetter{LastError: text}}
		hideAddresses(m)
		require.Equal(t, want, m.GetAttempts()[0].GetError())
		require.Equal(t, want, m.GetDeadLetter().GetLastError())
	}
}
