package bus

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// DeliveryID names the delivery of an event in a line's subscription: the same
// on every attempt, after every crash and in a replay, and different for every
// subscription. It holds no dot, which would let the boundary between id and
// body move in a Standard Webhooks signature.
func (l Line) DeliveryID(sequence uint64, storedAt time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d\x00%s\x00%s\x00%s\x00%s", l.Instance, sequence,
		storedAt.UnixNano(), l.Org, l.Condition.Match, l.Owner, l.Target))
	return "dlv_" + hex.EncodeToString(sum[:16])
}

// Subscription is the name of what a line is part of: [ORG:]CONDITION/TARGET.
func (l Line) Subscription() string {
	name := l.Condition.Match + "/" + l.Target
	if l.Org != "" {
		name = l.Org + ":" + name
	}
	return name
}
