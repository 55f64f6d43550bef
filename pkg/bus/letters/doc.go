// Package letters keeps the dead letters of an instance: deliveries given up,
// each stored once under its delivery id, with the reason. It is the room of
// the bus that reads and writes their stream, and puts into the line that sends
// such again.
package letters
