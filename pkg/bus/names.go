package bus

import "time"

// The buckets of an installation. Conditions and secrets have their own, so
// that a core may read the first and never the second.
const (
	BucketCatalog    = "callout_catalog"    // revisions and their chunks
	BucketConditions = "callout_conditions" // for cores
	BucketSecrets    = "callout_secrets"    // signing keys
	BucketLines      = "callout_lines"      // lines, their records, paused targets
	BucketLeads      = "callout_leads"      // who leads an instance, and who follows a file
	BucketJobs       = "callout_jobs"       // what takes longer than a request may
	BucketPresent    = "callout_present"    // which processes are there
	BucketTokens     = "callout_tokens"     // who may ask for what, over HTTP
	StreamAudit      = "CALLOUT_AUDIT"      // who did what
	streamReady      = "CALLOUT_READY"
	subjectReady     = "callout.ready"
)

// LeadFor is how long the bucket of leads keeps a value that nobody writes again.
const LeadFor = 3 * time.Second

// PresentFor is how long a process counts as there that is not heard of.
const PresentFor = 15 * time.Second
