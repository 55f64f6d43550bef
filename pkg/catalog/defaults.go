package catalog

import (
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// DefaultInstance is the instance of a file that names none.
const DefaultInstance = "default"

// WithDefaults fills in what a target leaves open: timeout, retry policy, one
// lane, merge, both signatures.
func WithDefaults(t action.Target) action.Target {
	if t.Timeout == 0 {
		t.Timeout = action.DefaultTimeout
	}
	fill(&t.Retry.Initial, action.DefaultRetry().Initial)
	fill(&t.Retry.Max, action.DefaultRetry().Max)
	fill(&t.Retry.MaxAge, action.DefaultRetry().MaxAge)
	if t.Lanes == 0 {
		t.Lanes = 1
	}
	if t.Mapping == "" {
		t.Mapping = action.Merge
	}
	if len(t.Signatures) == 0 {
		t.Signatures = []action.Signature{action.SignZitadel, action.SignStandard}
	}
	return t
}

func fill(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}
