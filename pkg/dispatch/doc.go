// Package dispatch is the dispatcher's story. It owns the catalog: an edit is
// stored as a revision, marked in the event stream, given its lines, and put
// in force. It also takes calls and events over HTTP from cores that do not
// speak NATS.
package dispatch
