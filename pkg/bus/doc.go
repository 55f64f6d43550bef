// Package bus is all of NATS: connecting, the streams, consumers and buckets of
// an installation, calls over request-reply, publishing with confirmation,
// ordered consumption under a lease, and the stores of catalogs, line records
// and dead letters.
//
// The embedded server is a package of its own, pkg/bus/embed, so that a core
// that imports the client does not carry a server.
package bus
