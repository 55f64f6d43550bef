package action

import (
	"encoding/json"
	"time"
)

// Event is something the core stored. The JSON form is ZITADEL's: the keys, in
// this order, empty ones left out.
type Event struct {
	// ID is for deduplication; it travels beside the body, never in it.
	ID            string          `json:"-"`
	AggregateID   string          `json:"aggregateID"`
	AggregateType string          `json:"aggregateType,omitempty"`
	ResourceOwner string          `json:"resourceOwner,omitempty"` // the organization
	InstanceID    string          `json:"instanceID,omitempty"`
	Version       string          `json:"version,omitempty"`
	Sequence      uint64          `json:"sequence,omitempty"` // counted per aggregate by the core
	Type          string          `json:"event_type"`
	CreatedAt     time.Time       `json:"created_at,omitzero"`
	UserID        string          `json:"userID,omitempty"`
	Payload       json.RawMessage `json:"event_payload,omitempty"`
}
