package bus

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/callout-hq/callout/pkg/wire"
)

// The buckets of an installation. Conditions and secrets have their own, so
// that a core may read the first and never the second.
const (
	bucketCatalog    = "callout_catalog"
	bucketConditions = "callout_conditions"
	bucketSecrets    = "callout_secrets"
	bucketLines      = "callout_lines"
	bucketLeads      = "callout_leads"
	streamReady      = "CALLOUT_READY"
	subjectReady     = "callout.ready"
)

// EventStream is the name of an instance's event stream, DeadStream and
// AsyncStream of its other two.
func EventStream(instance string) string { return "CALLOUT_EVENTS_" + streamSuffix(instance) }

// DeadStream is the name of an instance's dead letter stream.
func DeadStream(instance string) string { return "CALLOUT_DEAD_" + streamSuffix(instance) }

// AsyncStream is the name of the stream of an instance's async deliveries.
func AsyncStream(instance string) string { return "CALLOUT_ASYNC_" + streamSuffix(instance) }

// streamSuffix keeps stream names within the 255 characters they may have.
func streamSuffix(instance string) string {
	token := wire.Token(instance)
	if len(token) <= 128 {
		return token
	}
	sum := sha256.Sum256([]byte(instance))
	return token[:64] + "-" + hex.EncodeToString(sum[:16])
}
