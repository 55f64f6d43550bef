package work

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"
)

// newID is a delivery id: a ULID. Its 80 random bits come from the runtime's
// generator, which no goroutine waits for.
func newID(now time.Time) string {
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(now)) // only fails after the year 10889
	binary.BigEndian.PutUint64(id[6:14], rand.Uint64())
	binary.BigEndian.PutUint16(id[14:], uint16(rand.Uint32()))
	return id.String()
}

// isID tells whether a text is an id that newID has made.
func isID(text string) bool {
	_, err := ulid.ParseStrict(text)
	return err == nil
}
