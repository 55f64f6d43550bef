// Package present is the room of the bus in which the processes of a fleet say
// that they are there. It has one bucket, in which each has a key of its own that
// lapses by itself: $KV.callout_present.<role>.<id>.
package present
