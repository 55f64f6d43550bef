package action

import "time"

// How long the keys of an instance live. A key is published for a while before it
// signs, since receivers keep what is published, and for a while after it has signed
// last: until nothing that it signed is good any more.
const (
	DefaultKeyEvery = 90 * 24 * time.Hour // a key signs for so long, then another one does
	MinKeyEvery     = time.Hour
	MaxKeyEvery     = 2 * 365 * 24 * time.Hour
	DefaultKeyLead  = 24 * time.Hour      // a key is published for so long before it signs
	MaxKeyLead      = 30 * 24 * time.Hour // and at most
	// KeyOutlives is how long a key is published after it has signed last: a JWT and a
	// signature are good for five minutes, a receiver's clock may be another, and a worker
	// may hear late that another key signs.
	KeyOutlives = time.Hour
	// MaxOwnKeys bounds the keys of an instance that are published at once.
	MaxOwnKeys = 16
)
