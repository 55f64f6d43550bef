// Package lead is the room of the bus in which dispatchers take turns: whoever
// leads an instance is the only one that touches its lines. It reads and writes
// the instance's key in the bucket of leads.
package lead
