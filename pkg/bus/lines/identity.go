package lines

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// DeliveryID names the delivery of an event in a line's subscription: the same
// on every attempt, after every crash and in a replay, and different for every
// subscription. It holds no dot, which would let the boundary between id and
// body move in a Standard Webhooks signature.
func (l Line) DeliveryID(sequence uint64, storedAt time.Time) string {
	b := make([]byte, 0, 256)
	b = append(append(b, l.Instance...), 0)
	b = append(strconv.AppendUint(b, sequence, 10), 0)
	b = append(strconv.AppendInt(b, storedAt.UnixNano(), 10), 0)
	b = append(append(b, l.Org...), 0)
	b = append(append(b, l.Condition.Match...), 0)
	b = append(append(b, l.Owner...), 0)
	sum := sha256.Sum256(append(b, l.Target...))
	return string(hex.AppendEncode([]byte("dlv_"), sum[:16]))
}

// parted keeps the parts of a subscription's name apart: a target's name has no colon
// and may have a slash, an event type may have both.
var parted = strings.NewReplacer("%", "%25", "/", "%2F", ":", "%3A")

// Subscription is the name of what a line is part of: [ORG:]CONDITION/TARGET, in which
// a slash, a colon and a percent sign of the condition are percent-encoded, so that no
// two subscriptions have one name.
func (l Line) Subscription() string {
	name := parted.Replace(l.Condition.Match) + "/" + l.Target
	if l.Org != "" {
		name = l.Org + ":" + name
	}
	return name
}
