// Package jobs keeps what an instance is to do that takes longer than a request
// may: one value a job, which says what is to be done and how far that is. It is
// the room of the bus that reads and writes their bucket.
package jobs
