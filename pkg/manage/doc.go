// Package manage is the management API: callout.v1.ActionService over gRPC,
// gRPC-Web and Connect. It reads what is asked for, hands it to the engine and
// words the answer. It goes past the matching of calls altogether, so that no
// configuration can intercept it.
package manage
