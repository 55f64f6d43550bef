// Package callout is what a core imports: a client that lets the users of the
// core extend it with their own HTTP endpoints.
//
// Calls go over NATS request-reply to the worker fleet, but only when the
// local filter says that something is configured: the usual case costs a
// look-up in memory. Events go to the instance's stream and are confirmed by
// it.
package callout
