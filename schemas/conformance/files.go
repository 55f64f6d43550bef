// Package conformance holds the vectors that a receiver is tested with. README.md says
// what a receiver does, and how the files are read.
package conformance

import "embed"

// Files are keys.json, verifier/*.json and target/*.json.
//
//go:embed keys.json verifier/*.json target/*.json
var Files embed.FS
