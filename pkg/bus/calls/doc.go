// Package calls is the room of the bus for what somebody waits for: calls of
// cores to workers and trials of targets, as requests with one answer. Nothing
// of it is stored.
package calls
