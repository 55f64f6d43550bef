// Package calloutproto lets targets see and change protobuf messages: what the
// middlewares for Connect and gRPC have in common, and what a core with another
// RPC framework builds its own from.
//
// A message travels as protobuf's JSON in its default form: lowerCamelCase
// names, 64-bit integers as strings, unset fields left out. Whatever a target
// answers, the message that the core holds is not touched: a handler gets a
// copy of it, and only when the answer fits the message and passes the core's
// validation.
package calloutproto
