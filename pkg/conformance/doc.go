// Package conformance holds receivers to the contract of schemas/conformance: it reads
// the vectors that stand there, drives a verifier (section 11) or a target (section 9) with
// them, and tells of each case how it went.
package conformance
