// Package lines is the room of the bus for deliveries: the lines of an instance,
// their consumers, positions and records, how workers take from them under a
// lease, and what a dispatcher does to them. A line is a durable consumer of the
// event stream, or of the stream of async deliveries.
package lines
