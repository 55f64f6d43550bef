// Package work is the worker's story. Calls and deliveries come in from the
// bus; each is matched against the catalog, its targets are invoked, and what
// they answered decides what goes back: the reply of a call, or the
// acknowledgement, the wait or the dead letter of a delivery.
//
// A worker holds no state of its own: it may be added or killed at any time.
package work
