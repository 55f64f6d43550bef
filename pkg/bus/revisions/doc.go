// Package revisions keeps the catalog of an instance: immutable revisions made
// of chunks, the markers in the event stream that tell which one was in force
// when an event was stored, the root that everybody follows, and the conditions
// that cores are given. It is the room of the bus that reads and writes the
// buckets of the catalog and of conditions, and the subject of the markers.
package revisions
