package bus

import "github.com/nats-io/nats.go/jetstream"

// Codes of the server that only Failure knows, and buckets that only bus does.
const (
	CodeWrongLastSeq     = codeWrongLastSeq
	CodeWrongLastSeqOnce = codeWrongLastSeqOnce
	CodeWrongLastMsgID   = codeWrongLastMsgID
	CodeResources        = codeResources
	CodeNoReservation    = codeNoReservation
)

// MaxUnreadable is how many entries are remembered by their names.
const MaxUnreadable = maxUnreadable

// LeaveFor is how long nothing may come of a watch that was left.
const LeaveFor = leaveFor

// Drain reads what a watch brings that was left, until it ends.
func (b *Bus) Drain(updates <-chan jetstream.KeyValueEntry) { b.drain(updates) }

// Lost lists what a memory has that is not there.
func (m *Memory) Lost(prefix string, there map[string]bool) []Value {
	return m.without(prefix, there, func(string, []byte) bool { return true })
}
