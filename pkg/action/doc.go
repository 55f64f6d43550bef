// Package action holds the words of Callout as plain values: targets,
// conditions, executions, events, outcomes and errors.
//
// It is the ground floor. It imports the standard library only, does no I/O,
// and every value in it may be copied and shared between goroutines as long as
// nobody writes to it.
package action
