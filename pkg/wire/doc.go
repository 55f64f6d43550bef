// Package wire is what travels: the subjects, headers and JSON bodies of
// Callout. It turns values into bytes and back and does no I/O.
//
// Bytes stay bytes: a body is never decoded and encoded again on its way. What
// must change is spliced into the text that was received.
package wire
