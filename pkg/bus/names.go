package bus

import (
	"time"

	"github.com/callout-hq/callout/pkg/wire"
)

// The buckets of an installation, as the wire names them.
const (
	BucketCatalog    = wire.BucketCatalog
	BucketConditions = wire.BucketConditions
	BucketSecrets    = wire.BucketSecrets
	BucketLines      = wire.BucketLines
	BucketLeads      = wire.BucketLeads
	BucketJobs       = wire.BucketJobs
	BucketPresent    = wire.BucketPresent
	BucketQuotas     = wire.BucketQuotas
	BucketKeys       = wire.BucketKeys
	BucketTokens     = wire.BucketTokens
	BucketHolders    = wire.BucketHolders
	StreamPositions  = wire.StreamPositions
	StreamAudit      = "CALLOUT_AUDIT" // who did what
	streamReady      = "CALLOUT_READY"
	subjectReady     = "callout.ready"
)

// LeadFor is how long the bucket of leads keeps a value that nobody writes again.
const LeadFor = 3 * time.Second

// PresentFor is how long a process counts as there that is not heard of.
const PresentFor = 15 * time.Second

// presentGone is how long it is remembered that one went: as short as NATS can, since who
// is counted by his key alone counts for so long.
const presentGone = time.Second
