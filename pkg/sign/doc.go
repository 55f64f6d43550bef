// Package sign makes and verifies the signatures that travel with a request to
// a target: ZITADEL's (the header ZITADEL-Signature) and Standard Webhooks'
// (the headers webhook-id, webhook-timestamp and webhook-signature).
//
// The same `whsec_` text signs both ways: as its UTF-8 bytes for ZITADEL, decoded
// for Standard Webhooks. The asymmetric keys are for Standard Webhooks alone. Several keys may be given everywhere, which is what
// makes an overlapping rotation possible: sign with the new and the old key,
// verify with both, then drop the old one.
//
// Everything here is a pure function of its arguments, safe for concurrent
// use; signatures are compared in constant time. Errors are *action.Error with
// code bad_signature (what was received) or bad_field (what was configured)
// and never hold a key.
package sign
