// Package attempts keeps what became of each attempt to reach a target: a log of
// each instance, bounded in age and bytes, from which nothing is delivered. It is
// the room of the bus that writes and reads its subjects. Writing never holds up
// who has an attempt to tell of: what cannot be kept is dropped and counted.
package attempts
